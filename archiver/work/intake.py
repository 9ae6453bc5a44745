"""Intake: deliveries that are listed become evidence. Tells what is new, acquires it in parallel, records it.

Used by sync and import. The calling thread lists and records; the pool's threads fetch. What several have fetched is
put into the archive together, for waiting for a disk is what costs most, and what is there is recorded in one
transaction, at most a second later: fetching, writing and recording go on side by side.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from archiver.domain.custody import DeliverySeen, Entry, EvidenceAcquired
from archiver.domain.custody_facts import QueryDescribed
from archiver.domain.delivery import Delivery
from archiver.domain.limits import MIB
from archiver.domain.records import Alert, KnownDelivery
from archiver.domain.text import printable
from archiver.domain.verdict import Finding
from archiver.errors import ArchiverError, MediumError, SourceError, StoppedError, StoreConflictError
from archiver.ports import Clock, Ledger, Progress, Source
from archiver.work.acquire import Acquirer, AlreadyHeld, Fetching, Task, Waiting
from archiver.work.alerts import alert_for
from archiver.work.changes import Difference, Watch, difference
from archiver.work.describe import Describer
from archiver.work.items import Tally, Tell, Trouble, Troubles, item_of

_log = logging.getLogger(__name__)

_BATCH: Final = 256
"""Listed deliveries that are looked up in the ledger together."""

_BATCH_OBJECTS: Final = 20_000
"""Their objects, at most by one folder more: some 10 MB."""

_RECORD_AFTER: Final = 1.0
"""Seconds that a finished acquisition waits at most for others to be recorded with it."""

_RECORD_MOST: Final = 200

_TOGETHER: Final = 64
"""Deliveries that are put into the archive together."""

_GATHER: Final = 0.05
"""Seconds that one waits at most for others to go with it."""

_SIGN_BYTES: Final = 8 * MIB
"""Of sign files on the way: what is read from them is held until it is archived, and takes a multiple of them."""

_DRAIN_AFTER: Final = 20_000
"""Deliveries that are begun before all are waited for, so that their prefixes need not be kept."""

_Begun = tuple[Task, KnownDelivery | None]
_Archived = EvidenceAcquired | AlreadyHeld | Exception


@dataclass(frozen=True, slots=True)
class _Acquired:
    """What is in the archive; ``described``: CloudTrail's account of the query, where it was asked for one."""

    entry: EvidenceAcquired
    described: QueryDescribed | None = None


@dataclass
class IntakeResult:
    """Figures. ``pending``: deliveries still arriving; ``gone``: found deleted at their source."""

    discovered: int = 0
    archived: int = 0
    unchanged: int = 0
    pending: int = 0
    gone: int = 0
    seconds: float = 0.0
    tally: Tally = field(default_factory=Tally)
    troubles: Troubles = field(default_factory=Troubles)
    stopped: bool = False

    def add(self, other: IntakeResult) -> None:
        """Adds the figures of another source's pass."""
        self.discovered += other.discovered
        self.archived += other.archived
        self.unchanged += other.unchanged
        self.pending += other.pending
        self.gone += other.gone
        self.tally.add(other.tally)
        self.troubles.extend(other.troubles)


def batches(found: Iterable[Delivery]) -> Iterator[list[Delivery]]:
    """*found* in batches that fit into memory, whatever lies in the folders."""
    batch: list[Delivery] = []
    objects = 0
    for delivery in found:
        batch.append(delivery)
        objects += len(delivery.objects)
        if len(batch) >= _BATCH or objects >= _BATCH_OBJECTS:
            yield batch
            batch, objects = [], 0
    if batch:
        yield batch


@dataclass(frozen=True)
class Tools:
    """What an intake works with. ``threads``: deliveries fetched at once. ``describer``: None asks nobody."""

    ledger: Ledger
    acquirer: Acquirer
    clock: Clock
    progress: Progress
    threads: int
    describer: Describer | None = None


class Intake:
    """Takes in deliveries of source *name*. *grace*: how long an incomplete one is waited for; None: not at all."""

    def __init__(
        self,
        tools: Tools,
        name: str,
        grace: timedelta | None,
        result: IntakeResult,
        tell: Tell,
        *,
        by_import: bool = False,
    ) -> None:
        self._tools, self._name, self._grace, self._result, self._tell = tools, name, grace, result, tell
        self._by_import = by_import
        self._ledger = tools.ledger
        self.watch = Watch(tools.ledger.deliveries, tools.ledger.evidence, tools.ledger.journal, tools.clock)
        self._fetching: dict[Future[Fetching | Waiting], _Begun] = {}
        self._fetched: list[tuple[Fetching, KnownDelivery | None]] = []
        self._fetched_at = 0.0
        self._archivist: ThreadPoolExecutor | None = None
        self._archiving: tuple[Future[list[_Archived]], list[_Begun]] | None = None
        self._describing: dict[Future[_Acquired], KnownDelivery | None] = {}
        self._finished: list[tuple[_Acquired, KnownDelivery | None]] = []
        self._seen: list[DeliverySeen] = []
        self._recorded_at = time.monotonic()
        self._fatal: ArchiverError | None = None
        self._begun: set[str] = set()
        self._sign_bytes = 0

    def take(self, pool: ThreadPoolExecutor, source: Source, batch: Sequence[Delivery]) -> None:
        """Starts what is new in *batch* of *source*, never more than a few a thread ahead of the workers.

        No prefix is there twice in a batch. In two batches it may be: two copies that are imported are two
        revisions, and of those the second begins when the first is on record.
        """
        if len(self._begun) > _DRAIN_AFTER or not self._begun.isdisjoint(d.prefix for d in batch):
            self.drain(pool)
        known = self._ledger.deliveries.known(self._name, [d.prefix for d in batch])
        for delivery in batch:
            self._result.discovered += 1
            if delivery.overflow:
                text = f"{delivery.overflow} more objects lie in the folder than are looked at"
                self._result.troubles.add(Trouble(self._name, delivery.prefix, text))
            task = self._task(source, delivery, known.get(delivery.prefix))
            if task is None:
                self._result.unchanged += 1
                continue
            while self._is_busy(task):
                self._collect(pool)
            if self._fatal is not None:
                raise self._fatal
            self._begun.add(delivery.prefix)
            self._sign_bytes += _sign_bytes(task)
            future = pool.submit(self._tools.acquirer.fetch, task)
            self._fetching[future] = (task, known.get(delivery.prefix))

    def _is_busy(self, task: Task) -> bool:
        """True while *task* is not to be begun: what is on the way is held in memory."""
        many = 2 * self._tools.threads
        too_large = self._sign_bytes and self._sign_bytes + _sign_bytes(task) > _SIGN_BYTES
        too_many = len(self._fetching) >= many or len(self._fetched) >= _TOGETHER or len(self._describing) >= many
        return bool(too_large) or too_many

    def _task(self, source: Source, delivery: Delivery, known: KnownDelivery | None) -> Task | None:
        """What is to be acquired; None where the archive holds it already, or nothing new can be fetched.

        A delivery that was whole and has changed is taken at once as it is: with a grace time, whoever changes
        it again in time would never be found out.
        """
        digest, now = delivery.listing_digest, self._tools.clock()
        if known is None or known.evidence_id is None:
            first = known.first_seen_at if known else now
            until = self._grace_until(source, delivery, first)
            return Task(source, delivery, first, until, by_import=self._by_import)
        if known.listing_digest == digest:
            if known.gone:
                self.watch.returned(known)
            return None
        evidence = self._ledger.evidence.get(known.evidence_id).evidence
        change = difference(evidence, delivery)
        if not change.content:
            if known.gone:
                self.watch.returned(known)
            self._unfetched(source, replace(known, gone=False, listing_digest=digest), change)
            return None
        noticed = (Finding.SOURCE_CHANGED, f"after revision {known.revision} was acquired: {change}")
        return Task(source, delivery, now, None, known.revision + 1, [noticed], self._by_import)

    def _unfetched(self, source: Source, known: KnownDelivery, change: Difference) -> None:
        """The folder changed, and nothing that a signature can cover did."""
        if change.removed or change.added:
            finding = Finding.SOURCE_DELETED if change.removed else Finding.SOURCE_CHANGED
            self.watch.observed(source, known, finding, str(change))
        else:
            self._ledger.deliveries.note(self._name, [known])

    def _grace_until(self, source: Source, delivery: Delivery, first_seen: datetime) -> datetime | None:
        """Grace counts from our first sight, or from the last arrival where the store says that was earlier."""
        if self._grace is None:
            return None
        start = min(first_seen, self._tools.clock())  # the clock may have stood ahead
        newest = delivery.newest
        return (min(start, newest) if newest and source.times_are_observed else start) + self._grace

    def drain(self, pool: ThreadPoolExecutor) -> None:
        """Waits for all that was started and records it. Raises StoreError, LedgerError."""
        while self._fetching or self._fetched or self._archiving or self._describing:
            self._collect(pool)
        if self._archivist is not None:
            self._archivist.shutdown()
            self._archivist = None
        self._record()
        self._begun.clear()
        if self._fatal is not None:
            raise self._fatal

    def _collect(self, pool: ThreadPoolExecutor) -> None:
        """Takes what has come to an end one step further, after waiting a moment for something to do so."""
        running: list[Future[Any]] = [*self._fetching, *self._describing]
        if self._archiving is not None:
            running.append(self._archiving[0])
        done, _ = wait(running, timeout=_GATHER if self._fetched else _RECORD_AFTER, return_when=FIRST_COMPLETED)
        for future in done & self._fetching.keys():
            task, known = self._fetching.pop(future)
            if not self._is_fetched(future, task, known):
                self._sign_bytes -= _sign_bytes(task)
        for future in done & self._describing.keys():
            self._finished.append((future.result(), self._describing.pop(future)))
        if self._archiving is not None and self._archiving[0] in done:
            self._is_archived(pool, *self._archiving)
            self._sign_bytes -= sum(_sign_bytes(task) for task, _ in self._archiving[1])
            self._archiving = None
        self._archive()
        is_old = time.monotonic() - self._recorded_at > _RECORD_AFTER
        if is_old or len(self._finished) + len(self._seen) >= _RECORD_MOST:
            self._record()

    def _is_fetched(self, future: Future[Fetching | Waiting], task: Task, known: KnownDelivery | None) -> bool:
        """True where it goes on to be archived."""
        try:
            fetched = future.result()
        except Exception as error:
            self._trouble(task, error)
            return False
        if isinstance(fetched, Waiting):
            self._waiting(task, known, fetched)
            return False
        if not self._fetched:
            self._fetched_at = time.monotonic()
        self._fetched.append((fetched, known))
        return True

    def _archive(self) -> None:
        """Begins with the next group, once it is large enough or nothing else comes.

        In a thread of its own: those of the pool may all be busy with long objects for hours.
        """
        is_old = time.monotonic() - self._fetched_at >= _GATHER
        is_enough = len(self._fetched) >= _TOGETHER or is_old or not self._fetching
        if self._archiving is None and self._fetched and is_enough:
            group, self._fetched = self._fetched, []
            if self._archivist is None:
                self._archivist = ThreadPoolExecutor(1, thread_name_prefix="archive")
            future = self._archivist.submit(self._tools.acquirer.archive, [fetched for fetched, _ in group])
            self._archiving = future, [(fetched.task, known) for fetched, known in group]

    def _is_archived(
        self, pool: ThreadPoolExecutor, future: Future[list[_Archived]], begun: Sequence[_Begun]
    ) -> None:
        try:
            outcomes = future.result()
        except Exception as error:
            for task, _ in begun:
                self._trouble(task, error)
            return
        for (task, known), outcome in zip(begun, outcomes, strict=True):
            match outcome:
                case AlreadyHeld():
                    self._held(task, known, outcome)
                case EvidenceAcquired():
                    describer = self._tools.describer
                    if describer is None or not describer.is_asked(task.source, outcome):
                        self._finished.append((_Acquired(outcome), known))
                    else:
                        self._describing[pool.submit(self._described, describer, task.source, outcome)] = known
                case _:
                    self._trouble(task, outcome)

    def _described(self, describer: Describer, source: Source, entry: EvidenceAcquired) -> _Acquired:
        return _Acquired(entry, describer.describe(source, entry))

    def _trouble(self, task: Task, error: Exception) -> None:
        """Tells what kept *task* from its end; a full archive or a lost ledger is kept, to end the pass."""
        match error:
            case SourceError() | MediumError() | StoreConflictError():
                trouble = Trouble(self._name, task.delivery.prefix, str(error), error.remedy)
            case StoppedError():
                return
            case ArchiverError():  # what the others have done is recorded first
                self._fatal = self._fatal or error
                return
            case _:
                _log.error("acquisition of %r failed unexpectedly", task.delivery.prefix, exc_info=error)
                text = f"unexpected {type(error).__name__}: {printable(str(error))}; the delivery is tried again"
                trouble = Trouble(self._name, task.delivery.prefix, text)
        self._result.troubles.add(trouble)

    def _waiting(self, task: Task, known: KnownDelivery | None, outcome: Waiting) -> None:
        self._result.pending += 1
        delivery = task.delivery
        if known is None:
            seen = DeliverySeen(
                at=task.first_seen_at,
                source=self._name,
                prefix=delivery.prefix,
                objects=len(delivery.objects),
                size=delivery.size,
                waiting_for=printable(outcome.waiting_for),
            )
            self._seen.append(seen)

    def _held(self, task: Task, known: KnownDelivery | None, outcome: AlreadyHeld) -> None:
        """Rewritten with the same bytes, or back to what an earlier revision held."""
        self._result.unchanged += 1
        digest = task.delivery.listing_digest
        evidence = self._ledger.evidence.get(outcome.evidence_id).evidence
        latest = KnownDelivery(
            task.delivery.prefix,
            digest,
            task.first_seen_at,
            outcome.evidence_id,
            known.revision if known else evidence.revision,
        )
        if known and known.evidence_id and known.evidence_id != outcome.evidence_id:
            detail = f"the source holds again what was acquired as revision {evidence.revision}"
            self.watch.observed(task.source, latest, Finding.SOURCE_CHANGED, detail)
        else:
            self._ledger.deliveries.note(self._name, [latest])

    def _forget(self, entry: EvidenceAcquired) -> None:
        evidence = entry.evidence
        if evidence.hash_list_sha256 is not None:
            self._tools.acquirer.replays.forget(evidence.hash_list_sha256, evidence.query_id, evidence.prefix)

    def _record(self) -> None:
        """Everything in *finished*, in one transaction: it is on disk, now it is evidence."""
        finished, self._finished = self._finished, []
        seen, self._seen = self._seen, []
        self._recorded_at = time.monotonic()
        if seen:
            self._ledger.journal.record(seen)
        if not finished:
            return
        entries: list[Entry] = []
        alerts: list[Alert] = []
        for acquired, _ in finished:
            entry, described = acquired.entry, acquired.described
            entries += [entry] if described is None else [entry, described]
            alerts += alert_for(entry.evidence, entry.judgement, (), "acquisition", entry.at)
        self._ledger.journal.record(entries, alerts)
        for acquired, known in finished:
            entry = acquired.entry
            self._forget(entry)
            self._result.archived += 1
            self._result.tally.count(entry.judgement.verdict, entry.evidence.size)
            if known is not None and known.evidence_id is not None:
                self.watch.superseded(known.evidence_id, entry.evidence.revision)
            if Finding.REPLAYED_HASH_LIST in entry.judgement.findings:
                self.watch.replayed(entry.evidence)
            self._tools.progress.item(entry.evidence.prefix)
            self._tell(item_of(entry.evidence, entry.judgement))


def _sign_bytes(task: Task) -> int:
    sign = task.delivery.sign_object
    return sign.size if sign is not None else 0
