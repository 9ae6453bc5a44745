"""One audit pass: items read again from the medium, judged, recorded one by one as they are done.

What is due first comes first. Budgets end a pass between items; what was recorded stands, the rest stays due.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import Final, NoReturn

from archiver.domain.custody import EvidenceVerified
from archiver.domain.due import next_audit
from archiver.domain.paths import KEYS_FOLDER
from archiver.domain.records import Alert, EvidenceRecord, Outline, Selection
from archiver.domain.text import printable
from archiver.domain.verdict import Check, CheckResult, Finding, Reason, Verdict
from archiver.errors import LedgerError, StoppedError
from archiver.ports import Clock, Ledger, Progress, ShouldStop
from archiver.work.alerts import alert_for, stray_alert
from archiver.work.crew import WORTH_IT, Crew
from archiver.work.inspect import Inspection, Inspector, Round
from archiver.work.inspect_batch import Answer, Broken, Judged, Unread, as_believed, batches, judged
from archiver.work.items import Item, Tally, Tell, Trouble, Troubles, item_of
from archiver.work.pool import in_order
from archiver.work.repair import Repairer

_BATCH: Final = 250
"""Items whose judgements are recorded together."""

_RECORD_AFTER: Final = 1.0
"""Seconds that a judgement waits at most to be recorded."""


@dataclass(frozen=True, slots=True)
class Budget:
    """When a pass ends early: None for never. Checked before an item is begun; the first one is in any case."""

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
    crew: Crew
    clock: Clock
    should_stop: ShouldStop
    progress: Progress
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
            with ThreadPoolExecutor(1, thread_name_prefix="gaps") as beside:
                audit = _Pass(self, tell, budget, beside.submit(self.ledger.evidence.gaps))
                outlines = self.ledger.evidence.outlines(selection, due_first, audit.unreadable)
                ahead = list(islice(outlines, WORTH_IT))
                try:
                    if len(ahead) == WORTH_IT:
                        self.crew.gather()
                    return audit.run(chain(ahead, outlines))
                finally:
                    self.crew.dismiss()

    def judge(self, records: Iterator[EvidenceRecord], tell: Tell) -> AuditResult:
        """The same for *records*, without budget."""
        with self.ledger.locks.hold("audit"):
            self.inspector.store.entries(KEYS_FOLDER)
            outlines = (Outline(r.evidence.id, r.evidence.size, len(r.evidence.files)) for r in records)
            return _Pass(self, tell, Budget()).run(outlines)


class _Pass:
    """*gaps*: what is missing in the ledger as a whole, which is looked for meanwhile: that takes whole tables."""

    def __init__(self, audit: Audit, tell: Tell, budget: Budget, gaps: Future[Sequence[str]] | None = None) -> None:
        self._audit, self._tell, self._budget = audit, tell, budget
        self._result = AuditResult()
        self._began = self._recorded_at = time.monotonic()
        self._begun = self._begun_bytes = 0
        self._until = None if budget.max_time is None else self._began + budget.max_time.total_seconds()
        self._finished: list[Judged] = []
        self._gaps = gaps

    def run(self, outlines: Iterator[Outline]) -> AuditResult:
        try:
            crew = self._audit.crew
            affordable = batches(outlines, self._may_begin, self._until, crew.throttle.quarter)
            for _, future in in_order(crew.threads, crew.inspect, affordable, "audit"):
                self._take(future)
        finally:
            self._record()
        self._tell_gaps()
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

    def _tell_gaps(self) -> None:
        """Waits for them where need be. Raises LedgerError where they could not be looked for."""
        if self._gaps is None:
            return
        gaps, self._gaps = self._gaps.result(), None
        for gap in gaps:
            self.unreadable("ledger", gap)

    def _may_begin(self, item: Outline) -> bool:
        self._result.stopped_by = self._result.stopped_by or self._stopped_by()
        self._begun += 1
        self._begun_bytes += item.size
        return self._result.stopped_by is None

    def _stopped_by(self) -> str | None:
        budget = self._budget
        if self._audit.should_stop():
            return "signal"
        if budget.max_bytes is not None and self._begun_bytes >= budget.max_bytes:
            return "max_bytes"
        if self._until is not None and self._begun and time.monotonic() >= self._until:
            return "max_time"
        return None

    def _take(self, future: Future[Answer]) -> None:
        answer = future.result()
        self._result.stopped_by = self._result.stopped_by or answer.ended
        for outcome in answer.outcomes:
            if isinstance(outcome, Unread):
                self._record()
                self.unreadable(outcome.id, outcome.trouble)
            elif isinstance(outcome, Broken):
                self._result.troubles.add(Trouble("", outcome.prefix, f"{outcome.id}: {outcome.trouble}"))
            else:
                self._finished.append(outcome)
        if len(self._finished) >= _BATCH or time.monotonic() - self._recorded_at >= _RECORD_AFTER:
            self._record()
        if self._gaps is not None and self._gaps.done():
            self._tell_gaps()

    def _record(self) -> None:
        finished, self._finished = self._finished, []
        self._recorded_at = time.monotonic()
        entries: list[EvidenceVerified] = []
        alerts: list[Alert] = []
        for outcome in finished:
            entry = self._entry(outcome, self._audit.occasion)
            entries.append(entry)
            if outcome.inspection is not None:
                alerts += self._alerts(outcome.inspection, entry.at)
        if entries:
            self._audit.ledger.journal.record(entries, alerts)
        for outcome in finished:
            self._count(self._repaired(outcome))

    def _alerts(self, inspection: Inspection, at: datetime) -> list[Alert]:
        evidence, state = inspection.record.evidence, inspection.record.state
        before: list[str] = [*state.reasons, *state.findings]
        strays = []
        if inspection.strays:  # told as what they are: a file that came later is news where others lay before
            before.append(Finding.UNLISTED_FILE)
            strays.append(stray_alert(evidence, inspection.strays))
        return strays + alert_for(evidence, inspection.judgement, before, self._audit.occasion, at)

    def _entry(self, outcome: Judged, occasion: str) -> EvidenceVerified:
        now = self._audit.clock()
        return EvidenceVerified(
            at=now,
            id=outcome.id,
            occasion=occasion,
            judgement=outcome.judgement,
            key_sha256=outcome.key_sha256,
            next_audit_at=next_audit(outcome.id, now, outcome.judgement.verdict, self._audit.reverify_after),
        )

    def _repaired(self, outcome: Judged) -> Judged:
        """What is to be said in the end: after repair and a second inspection, where these were possible."""
        repairer, found = self._audit.repairer, outcome.inspection
        if repairer is None or found is None or not (found.altered or found.altered_keys or found.descriptions):
            return outcome
        evidence = found.record.evidence
        try:
            mended = repairer.repair(found)
        except StoppedError:
            self._result.stopped_by = "signal"
            return outcome
        if mended.trouble:
            self._result.troubles.add(Trouble(evidence.source, evidence.prefix, mended.trouble, mended.remedy))
            return outcome
        (item,) = self._audit.ledger.evidence.whole([evidence.id], _raise)
        again = judged(self._audit.inspector.inspect(as_believed(self._audit.ledger, item), Round()))
        self._audit.ledger.journal.record([self._entry(again, "repair")])
        self._result.repaired.append(evidence.id)
        return again

    def _count(self, outcome: Judged) -> None:
        judgement = outcome.judgement
        self._result.audited += 1
        self._result.with_findings += bool(judgement.findings)
        self._result.tally.count(judgement.verdict, outcome.size)
        if outcome.inspection is not None and (
            judgement.verdict is not Verdict.VERIFIED or self._audit.occasion == "key"
        ):
            self._tell(item_of(outcome.inspection.record.evidence, judgement))


def _raise(_evidence_id: str, trouble: str) -> NoReturn:
    raise LedgerError(trouble)
