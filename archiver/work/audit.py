"""One audit pass: items read again from the medium, judged, recorded one by one as they are done.

What is due first comes first. Budgets end a pass between items; what was recorded stands, the rest stays due.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import Final

from archiver.domain.custody import EvidenceVerified
from archiver.domain.due import next_audit
from archiver.domain.paths import KEYS_FOLDER
from archiver.domain.records import Alert, EvidenceRecord, Selection
from archiver.domain.text import printable
from archiver.domain.verdict import Check, CheckResult, Finding, Reason, Verdict
from archiver.errors import StoppedError
from archiver.ports import Clock, Ledger, Progress, ShouldStop
from archiver.work.acquired import believed
from archiver.work.alerts import alert_for, stray_alert
from archiver.work.inspect import Inspection, Inspector
from archiver.work.items import Item, Tally, Tell, Trouble, Troubles, item_of
from archiver.work.pool import in_order
from archiver.work.repair import Repairer

_BATCH: Final = 200
"""Items whose rows are checked, and whose judgements are recorded, together."""

_RECORD_AFTER: Final = 1.0
"""Seconds that a judgement waits at most to be recorded."""


@dataclass(frozen=True, slots=True)
class Budget:
    """When a pass ends early: None for never. Checked before an item is begun, so each pass gets somewhere."""

    max_bytes: int | None = None
    max_time: timedelta | None = None


@dataclass
class AuditResult:
    """Figures of a pass. ``stopped_by``: ``max_bytes``, ``max_time``, ``signal`` or None.

    ``with_findings``: items, whatever their verdict. ``repaired``: IDs.
    """

    audited: int = 0
    with_findings: int = 0
    repaired: list[str] = field(default_factory=list)
    seconds: float = 0.0
    stopped_by: str | None = None
    tally: Tally = field(default_factory=Tally)
    troubles: Troubles = field(default_factory=Troubles)


@dataclass(frozen=True)
class Audit:
    """Audits. ``occasion``: ``audit``, or ``key`` where items are judged because a key has come.

    An audit tells of what is not verified; for the occasion ``key`` every item is news, and told.
    """

    ledger: Ledger
    inspector: Inspector
    clock: Clock
    should_stop: ShouldStop
    progress: Progress
    threads: int
    reverify_after: timedelta
    repairer: Repairer | None = None
    occasion: str = "audit"
    region_of: Callable[[str], str | None] = lambda _source: None
    """The Region that a source is configured for."""

    def run(self, selection: Selection, tell: Tell, budget: Budget, *, due_first: bool) -> AuditResult:
        """One pass over *selection*, the longest due first or in order of acquisition.

        Raises LedgerError, StoreError, MediumError where the archive is not there at all: a disk that is not
        mounted is not a million items that cannot be read. Waits for another audit of the same ledger to end.
        """
        with self.ledger.locks.hold("audit"):
            self.inspector.store.entries(KEYS_FOLDER)
            self.progress.begin("audit")
            audit = _Pass(self, tell, budget)
            for gap in self.ledger.evidence.gaps():
                audit.unreadable("ledger", gap)
            return audit.run(self.ledger.evidence.select(selection, due_first, audit.unreadable))

    def judge(self, records: Iterator[EvidenceRecord], tell: Tell) -> AuditResult:
        """The same for *records*, without budget."""
        with self.ledger.locks.hold("audit"):
            self.inspector.store.entries(KEYS_FOLDER)
            return _Pass(self, tell, Budget()).run(records)


class _Pass:
    def __init__(self, audit: Audit, tell: Tell, budget: Budget) -> None:
        self._audit, self._tell, self._budget = audit, tell, budget
        self._result = AuditResult()
        self._began = self._recorded_at = time.monotonic()
        self._begun_bytes = 0
        self._finished: list[Inspection] = []

    def run(self, records: Iterator[EvidenceRecord]) -> AuditResult:
        try:
            for _, future in in_order(self._audit.threads, self._inspect, self._affordable(records), "audit"):
                self._take(future)
        finally:
            self._record()
        for region, trouble in self._audit.inspector.ring.troubles.items():
            self._result.troubles.add(Trouble("", "", f"public keys of {region}: {trouble}", trouble.remedy))
        self._audit.inspector.ring.troubles.clear()
        self._result.seconds = time.monotonic() - self._began
        return self._result

    def unreadable(self, evidence_id: str, trouble: str) -> None:
        """Rows that are missing or were made unreadable are a failure; they must not end the audit of the others."""
        check = Check("ledger", CheckResult.FAIL, trouble)
        shown = printable(evidence_id, 64)
        title = f"failed: {Reason.LEDGER_ALTERED} ({shown})"
        self._audit.ledger.journal.record([], [Alert(f"unreadable:{evidence_id}:{trouble}", title, trouble)])
        self._result.audited += 1
        self._result.tally.count(Verdict.FAILED, 0)
        self._tell(Item(shown, "", None, "", Verdict.FAILED, (Reason.LEDGER_ALTERED,), (), (check,)))

    def _affordable(self, records: Iterator[EvidenceRecord]) -> Iterator[tuple[EvidenceRecord, Sequence[str]]]:
        """*records* with the ledger's disagreements about each, until a budget or a signal ends it."""
        while batch := list(islice(records, _BATCH)):
            disagreements = self._audit.ledger.evidence.disagreements_of([r.evidence.id for r in batch])
            for record in batch:
                self._result.stopped_by = self._stopped_by()
                if self._result.stopped_by:
                    return
                self._begun_bytes += record.evidence.size
                told = disagreements.get(record.evidence.id, ())
                yield (believed(self._audit.ledger, record) if told else record), told

    def _stopped_by(self) -> str | None:
        budget = self._budget
        if self._audit.should_stop():
            return "signal"
        if budget.max_bytes is not None and self._begun_bytes >= budget.max_bytes:
            return "max_bytes"
        if budget.max_time is not None and time.monotonic() - self._began >= budget.max_time.total_seconds():
            return "max_time"
        return None

    def _inspect(self, item: tuple[EvidenceRecord, Sequence[str]]) -> Inspection:
        return self._audit.inspector.inspect(*item)

    def _take(self, future: Future[Inspection]) -> None:
        try:
            self._finished.append(future.result())
        except StoppedError:
            self._result.stopped_by = "signal"
        if len(self._finished) >= _BATCH or time.monotonic() - self._recorded_at >= _RECORD_AFTER:
            self._record()

    def _record(self) -> None:
        finished, self._finished = self._finished, []
        self._recorded_at = time.monotonic()
        entries: list[EvidenceVerified] = []
        alerts: list[Alert] = []
        for inspection in finished:
            entry = self._entry(inspection, self._audit.occasion)
            before: list[str] = [*inspection.record.state.reasons, *inspection.record.state.findings]
            evidence = inspection.record.evidence
            entries.append(entry)
            if inspection.strays:  # told as what they are: a file that came later is news where others lay before
                before.append(Finding.UNLISTED_FILE)
                alerts.append(stray_alert(evidence, inspection.strays))
            alerts += alert_for(evidence, inspection.judgement, before, self._audit.occasion, entry.at)
        if entries:
            self._audit.ledger.journal.record(entries, alerts)
        for inspection in finished:
            self._count(self._repaired(inspection))

    def _entry(self, inspection: Inspection, occasion: str) -> EvidenceVerified:
        evidence, verdict, now = inspection.record.evidence, inspection.judgement.verdict, self._audit.clock()
        return EvidenceVerified(
            at=now,
            id=evidence.id,
            occasion=occasion,
            judgement=inspection.judgement,
            key_sha256=inspection.key.key.sha256 if inspection.key else None,
            next_audit_at=next_audit(evidence.id, now, verdict, self._audit.reverify_after),
        )

    def _repaired(self, inspection: Inspection) -> Inspection:
        """What is to be said in the end: after repair and a second inspection, where these were possible."""
        repairer = self._audit.repairer
        if repairer is None or not (inspection.altered or inspection.altered_keys or inspection.descriptions):
            return inspection
        evidence = inspection.record.evidence
        try:
            outcome = repairer.repair(inspection)
        except StoppedError:
            self._result.stopped_by = "signal"
            return inspection
        if outcome.trouble:
            self._result.troubles.add(Trouble(evidence.source, evidence.prefix, outcome.trouble, outcome.remedy))
            return inspection
        record = self._audit.ledger.evidence.get(evidence.id)
        told = self._audit.ledger.evidence.disagreements(evidence.id)
        again = self._audit.inspector.inspect(believed(self._audit.ledger, record) if told else record, told)
        self._audit.ledger.journal.record([self._entry(again, "repair")])
        self._result.repaired.append(evidence.id)
        return again

    def _count(self, inspection: Inspection) -> None:
        self._result.audited += 1
        self._result.with_findings += bool(inspection.judgement.findings)
        self._result.tally.count(inspection.judgement.verdict, inspection.size)
        if inspection.judgement.verdict is not Verdict.VERIFIED or self._audit.occasion == "key":
            self._tell(item_of(inspection.record.evidence, inspection.judgement))
