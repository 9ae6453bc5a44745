"""How long CloudTrail answers about a query."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from archiver.domain.delivery import parse_query_path
from archiver.domain.evidence import Evidence

ANSWERED_FOR: Final = timedelta(days=7)
"""DescribeQuery answers about queries of so many days (AWS CloudTrail API Reference, DescribeQuery)."""


def is_too_late(evidence: Evidence) -> bool:
    """True where the seven days were over when *evidence* was acquired.

    By the day in its path; where the path has none, by when its last object was written. Both only spare a question:
    who chooses them wrongly chooses that nobody asks, or that CloudTrail says no.
    """
    path = parse_query_path(evidence.prefix)
    if path is not None:
        return evidence.acquired_at.date() - path.day > ANSWERED_FOR
    newest = _newest(file.origin.last_modified for file in evidence.files)
    return newest is not None and evidence.acquired_at - newest > ANSWERED_FOR


def _newest(times: Iterable[datetime | None]) -> datetime | None:
    return max((moment for moment in times if moment is not None), default=None)
