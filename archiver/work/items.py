"""What a pass tells about each item, as it goes: passes may judge a million, so nothing is collected here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from archiver.domain.evidence import Evidence
from archiver.domain.verdict import Check, Finding, Judgement, Reason, Verdict


@dataclass(frozen=True, slots=True)
class Item:
    """One judged item, as commands print it."""

    id: str
    source: str
    query_id: str | None
    prefix: str
    verdict: Verdict
    reasons: tuple[Reason, ...]
    findings: tuple[Finding, ...]
    checks: tuple[Check, ...]


Tell = Callable[[Item], None]
"""Takes each item as soon as it is recorded."""


def item_of(evidence: Evidence, judged: Judgement) -> Item:
    """The item line for *evidence* as *judged*."""
    return Item(
        evidence.id,
        evidence.source,
        evidence.query_id,
        evidence.prefix,
        judged.verdict,
        judged.reasons,
        judged.findings,
        judged.checks,
    )


@dataclass(slots=True)
class Tally:
    """Counts by verdict, and the bytes of what was judged."""

    verified: int = 0
    failed: int = 0
    indeterminate: int = 0
    size: int = 0

    def count(self, verdict: Verdict, size: int) -> None:
        """Adds one item."""
        if verdict is Verdict.VERIFIED:
            self.verified += 1
        elif verdict is Verdict.FAILED:
            self.failed += 1
        else:
            self.indeterminate += 1
        self.size += size

    def add(self, other: Tally) -> None:
        """Adds the counts of another pass."""
        self.verified += other.verified
        self.failed += other.failed
        self.indeterminate += other.indeterminate
        self.size += other.size


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that could not be reached or read: which source, which delivery ("" for the source), why."""

    source: str
    prefix: str
    message: str
    remedy: str = ""


@dataclass(slots=True)
class Troubles:
    """Troubles of a pass; beyond *most* they are counted only."""

    most: int = 1000
    kept: list[Trouble] = field(default_factory=list)
    total: int = 0

    def add(self, trouble: Trouble) -> None:
        """Keeps or counts one."""
        self.total += 1
        if len(self.kept) < self.most:
            self.kept.append(trouble)

    def extend(self, others: Troubles) -> None:
        """Adds those of another pass."""
        for trouble in others.kept:
            self.add(trouble)
        self.total += others.total - len(others.kept)
