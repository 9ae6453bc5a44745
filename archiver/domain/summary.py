"""Figures of a report, gathered item by item, and the overview that names the items."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

from archiver.domain.delivery import parse_query_path
from archiver.domain.dossier import ItemDossier
from archiver.domain.facts import Label
from archiver.domain.verdict import Finding, Reason, Verdict

OVERVIEW_LINES: Final = 500
"""Most items that an overview names one by one, of those that are verified and of the others each."""

METHODS_SHOWN: Final = 100
"""Most ways of acquisition that a summary tells apart; the others count together under an empty name."""

REPORTED_IDS: Final = 1000
"""Most IDs that the custody entry of one report holds (35 KB); of a larger one it holds the count alone."""


@dataclass(frozen=True, slots=True)
class OverviewLine:
    """One item in an overview."""

    id: str
    source: str
    query_id: str | None
    prefix: str
    verdict: Verdict
    reasons: tuple[Reason, ...]
    findings: tuple[Finding, ...]


@dataclass(slots=True)
class Summary:
    """Figures of a report, gathered item by item in memory that does not grow with their number.

    ``disagreeing``: items about which the ledger disagrees with itself; ``altered``, ``unread``: items whose files,
    read for the report, are not what was acquired, or could not be read; ``read``: those that are. ``audited``:
    items that an audit read again since they were acquired. ``verified`` and
    ``others``: at most :data:`OVERVIEW_LINES` each. ``ids``: at most :data:`REPORTED_IDS` and one more. ``days``:
    items by the day in their path, else of their acquisition. ``first_event``, ``last_event``: of all files that were
    read for it. ``overdue``: items whose audit is. ``methods``: items by how they were acquired (fact ``how``) and,
    behind a blank, as which caller where there was one; at most :data:`METHODS_SHOWN`, the others under "".
    ``listed_key``, ``imported_key``: items whose signature held, with a key that CloudTrail listed and with another.
    """

    by_verdict: dict[Verdict, int] = field(
        default_factory=lambda: dict.fromkeys((Verdict.VERIFIED, Verdict.FAILED, Verdict.INDETERMINATE), 0)
    )
    with_findings: int = 0
    disagreeing: int = 0
    altered: int = 0
    unread: int = 0
    read: int = 0
    audited: int = 0
    size: int = 0
    files: int = 0
    verified: list[OverviewLine] = field(default_factory=list)
    others: list[OverviewLine] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    days: dict[date, dict[Verdict, int]] = field(default_factory=dict)
    first_event: datetime | None = None
    last_event: datetime | None = None
    overdue: int = 0
    methods: dict[str, int] = field(default_factory=dict)
    listed_key: int = 0
    imported_key: int = 0

    @property
    def items(self) -> int:
        """How many there are."""
        return sum(self.by_verdict.values())

    @property
    def left_out(self) -> int:
        """Items that the overview does not name."""
        return self.items - len(self.verified) - len(self.others)

    @property
    def reported_ids(self) -> tuple[str, ...]:
        """The IDs for the custody entry: all, or none where they are too many."""
        return tuple(self.ids) if len(self.ids) <= REPORTED_IDS else ()

    def add(self, item: ItemDossier) -> None:
        """Counts *item*."""
        evidence, state = item.evidence, item.state
        self.by_verdict[state.verdict] = self.by_verdict.get(state.verdict, 0) + 1
        self.with_findings += bool(state.findings)
        self.disagreeing += bool(item.disagreements)
        if item.archive_troubles:
            self.altered += Reason.ARCHIVE_ALTERED in state.reasons
            self.unread += Reason.ARCHIVE_ALTERED not in state.reasons
        self.read += item.is_read
        self.audited += any(one.occasion == "audit" for one in item.judged)
        if item.signed_hashes:
            self.listed_key += item.signed_label is Label.SIGNED
            self.imported_key += item.signed_label is Label.FITS_KEY
        self.size += evidence.size
        self.files += len(evidence.files)
        if len(self.ids) <= REPORTED_IDS:
            self.ids.append(evidence.id)
        self._place(item)
        lines = self.verified if state.verdict is Verdict.VERIFIED else self.others
        if len(lines) < OVERVIEW_LINES:
            lines.append(
                OverviewLine(
                    evidence.id,
                    evidence.source,
                    evidence.query_id,
                    evidence.prefix,
                    state.verdict,
                    state.reasons,
                    state.findings,
                )
            )

    def _place(self, item: ItemDossier) -> None:
        """Where *item* stands among days, methods and what is due."""
        evidence = item.evidence
        path = parse_query_path(evidence.prefix)
        counts = self.days.setdefault(path.day if path else evidence.acquired_at.date(), {})
        counts[item.state.verdict] = counts.get(item.state.verdict, 0) + 1
        self.overdue += item.fixity.overdue
        told = {one.name: one.value for one in item.acquisition}
        method = " ".join(str(told[name]) for name in ("how", "caller") if told.get(name) is not None)
        if method not in self.methods and len(self.methods) >= METHODS_SHOWN:
            method = ""
        self.methods[method] = self.methods.get(method, 0) + 1
        facts = [one for file in item.files for one in file.facts]
        first = [one.value for one in facts if one.name == "first_event" and isinstance(one.value, datetime)]
        last = [one.value for one in facts if one.name == "last_event" and isinstance(one.value, datetime)]
        self.first_event = min([*first, *([self.first_event] if self.first_event else [])], default=None)
        self.last_event = max([*last, *([self.last_event] if self.last_event else [])], default=None)
