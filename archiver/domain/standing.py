"""What is said of an item after some of its events: findings of the source stand until they are taken back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from archiver.domain.verdict import Finding

OF_THE_SOURCE: Final = (Finding.SOURCE_CHANGED.value, Finding.SOURCE_DELETED.value)
"""Findings that an audit of the archive neither makes nor unmakes."""


def findings_with(findings: Iterable[str], standing: Iterable[str]) -> list[str]:
    """*findings* and *standing* once each, in the order of the enum."""
    held = {*findings, *standing}
    return [finding.value for finding in Finding if finding.value in held] if held else []


def findings_restored(standing: Iterable[str]) -> list[str]:
    """What of *standing* still stands once the source holds again what was reported as deleted."""
    return [code for code in standing if code != Finding.SOURCE_DELETED.value]
