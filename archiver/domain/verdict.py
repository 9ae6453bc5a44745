"""Verdicts as values: what was judged, by which checks, why, and what else was noticed.

A verdict is recorded whatever it says. Findings stand beside it and never change it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """The outcome for one delivery."""

    VERIFIED = "verified"
    FAILED = "failed"
    INDETERMINATE = "indeterminate"
    PENDING = "pending"
    """Still arriving inside its grace time: not evidence yet, never recorded as a judgement."""


class Reason(StrEnum):
    """Why a verdict is not ``verified``."""

    SIGN_FILE_INVALID = "sign_file_invalid"
    SIGN_FILE_UNSUPPORTED = "sign_file_unsupported"
    SIGNATURE_INVALID = "signature_invalid"
    KEY_FINGERPRINT_MISMATCH = "key_fingerprint_mismatch"
    FILE_MISSING = "file_missing"
    HASH_MISMATCH = "hash_mismatch"
    ARCHIVE_ALTERED = "archive_altered"
    LEDGER_ALTERED = "ledger_altered"
    UNSIGNED = "unsigned"
    KEY_UNAVAILABLE = "key_unavailable"
    READ_ERROR = "read_error"

    @property
    def verdict(self) -> Verdict:
        """``indeterminate`` where something was not to be had now, ``failed`` for all else."""
        unknown = self in (Reason.KEY_UNAVAILABLE, Reason.READ_ERROR)
        return Verdict.INDETERMINATE if unknown else Verdict.FAILED


class Finding(StrEnum):
    """What was noticed beside the verdict. Each one raises an alert."""

    UNLISTED_FILE = "unlisted_file"
    REPLAYED_HASH_LIST = "replayed_hash_list"
    TIME_INCONSISTENT = "time_inconsistent"
    KEY_OUTSIDE_WINDOW = "key_outside_window"
    FILES_OUT_OF_ORDER = "files_out_of_order"
    REGION_MISMATCH = "region_mismatch"
    PATH_NONSTANDARD = "path_nonstandard"
    DECOMPRESSED_COPY = "decompressed_copy"
    GZIP_DAMAGED = "gzip_damaged"
    SOURCE_CHANGED = "source_changed"
    SOURCE_DELETED = "source_deleted"


class CheckResult(StrEnum):
    """How one check ended; ``skip``: an earlier check left nothing to look at."""

    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "unknown"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Check:
    """One check. ``id`` is ``sign_file``, ``key``, ``signature``, ``files``, ``archive``, ``ledger`` or a finding."""

    id: str
    result: CheckResult
    detail: str


@dataclass(frozen=True, slots=True)
class FileResult:
    """One file as it was read when judged.

    ``size`` (bytes) and ``sha256`` (64 hex) are None where it was not there or could not be read.
    ``listed_sha256`` is what the sign file claims for this name; ``signed_sha256`` is the same value and
    only there when the signature over it holds.
    """

    name: str
    size: int | None
    sha256: str | None
    listed_sha256: str | None
    signed_sha256: str | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """The whole answer about one delivery. ``reasons`` and ``findings`` are in the order of their enums."""

    reasons: tuple[Reason, ...]
    findings: tuple[Finding, ...]
    checks: tuple[Check, ...]
    files: tuple[FileResult, ...]

    @property
    def verdict(self) -> Verdict:
        """Failed if any reason says so, else indeterminate if any does, else verified."""
        return verdict_of(self.reasons)

    @property
    def codes(self) -> frozenset[str]:
        """Every reason and finding: what alerts are raised for."""
        return frozenset(self.reasons) | frozenset(self.findings)


def verdict_of(reasons: Iterable[Reason]) -> Verdict:
    """The verdict that *reasons* add up to."""
    verdicts = {reason.verdict for reason in reasons}
    if Verdict.FAILED in verdicts:
        return Verdict.FAILED
    return Verdict.INDETERMINATE if verdicts else Verdict.VERIFIED


def judgement(
    reasons: Iterable[Reason],
    findings: Iterable[Finding],
    checks: Iterable[Check],
    files: Iterable[FileResult],
) -> Judgement:
    """A judgement with reasons and findings once each, in the order of their enums."""
    given, seen = set(reasons), set(findings)
    return Judgement(
        reasons=tuple(r for r in Reason if r in given) if given else (),
        findings=tuple(f for f in Finding if f in seen) if seen else (),
        checks=tuple(checks),
        files=tuple(files),
    )
