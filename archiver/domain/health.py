"""What ``archiver doctor`` finds: one check, its outcome, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    """``warn``: a run works, and something is worse than it could be. ``fail``: a run does not work."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One check. ``source``: the source that it is about, None for the installation as a whole."""

    id: str
    status: Health
    detail: str
    remedy: str = ""
    source: str | None = None
