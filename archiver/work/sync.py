"""One sync pass: list what may be new, take it in, look what is gone.

A source's trouble ends that source's pass, a delivery's trouble that delivery; the others go on. A full archive or
a lost ledger ends the pass, and what was recorded before stands.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, timedelta
from threading import Lock
from typing import Final

from archiver.domain.custody import SourceFailed, SourceRecovered
from archiver.domain.delivery import Delivery, SourceObject
from archiver.domain.folders import deliveries
from archiver.domain.records import Alert, SourceStatus
from archiver.domain.text import printable
from archiver.errors import MediumError, SourceError, SourceUnreachableError, StoppedError
from archiver.ports import ShouldStop, Source
from archiver.work.changes import Roll
from archiver.work.intake import Intake, IntakeResult, Tools, batches
from archiver.work.items import Item, Tell, Trouble

SMALL_SOURCE: Final = 20_000
"""Objects up to which a source counts as small: 20 requests list it."""

_SOURCES_AT_ONCE: Final = 8
"""Sources that are synced at once: none waits for a slow one, and together they have the configured threads."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How one source is synced. ``window``: trailing days that are always listed again."""

    source: Source
    grace: timedelta
    window: timedelta
    full_every: timedelta


@dataclass(frozen=True)
class Sync:
    """Syncs sources. ``small``: objects up to which a source is wholly listed at each pass."""

    tools: Tools
    should_stop: ShouldStop
    small: int = SMALL_SOURCE

    def run(self, plans: Sequence[Plan], tell: Tell, since: date | None = None, full: bool = False) -> IntakeResult:
        """One pass over *plans*. *since*: canonical days to list again; *full*: list everything.

        Raises StoreFullError, StoreError, LedgerError.
        """
        result = IntakeResult()
        began = time.monotonic()
        at_once = min(len(plans), _SOURCES_AT_ONCE) or 1
        each = replace(self, tools=replace(self.tools, threads=max(2, self.tools.threads // at_once)))
        one_by_one = Lock()

        def told(item: Item) -> None:
            with one_by_one:
                tell(item)

        with ThreadPoolExecutor(at_once, thread_name_prefix="source") as pool:
            passes = [pool.submit(each._source, plan, told, since, full) for plan in plans]
        for done in passes:
            result.add(done.result())
        ring = self.tools.acquirer.ring
        for region, trouble in ring.troubles.items():
            result.troubles.add(Trouble("", "", f"public keys of {region}: {trouble}", trouble.remedy))
        ring.troubles.clear()
        result.seconds = time.monotonic() - began
        result.stopped = self.should_stop()
        return result

    def _source(self, plan: Plan, tell: Tell, since: date | None, full: bool) -> IntakeResult:
        result = IntakeResult()
        if not self.should_stop():
            with self.tools.ledger.locks.hold(f"sync:{plan.source.name}"):
                self._held_source(plan, tell, result, since, full)
        return result

    def _held_source(self, plan: Plan, tell: Tell, result: IntakeResult, since: date | None, full: bool) -> None:
        name, ledger = plan.source.name, self.tools.ledger
        status = ledger.deliveries.status(name)
        try:
            _Pass(self, plan, tell, result, status).run(since, full)
        except (SourceError, MediumError) as error:
            result.troubles.add(Trouble(name, "", str(error), error.remedy))
            self._failing(name, status, error)
        except StoppedError:
            return
        else:
            if status.failing_since is not None:
                ledger.journal.record([SourceRecovered(at=self.tools.clock(), source=name)])

    def _failing(self, name: str, status: SourceStatus, error: SourceError | MediumError) -> None:
        """Recorded and told once, when it begins."""
        if status.failing_since is None:
            now = self.tools.clock()
            text = f"{error}\n{error.remedy}"
            alert = Alert(f"source:{name}:{now.isoformat()}", f"source {name} cannot be read", text)
            entry = SourceFailed(at=now, source=name, detail=str(error))
            self.tools.ledger.journal.record([entry], [alert])


class _Pass:
    """One pass over one source."""

    def __init__(self, sync: Sync, plan: Plan, tell: Tell, result: IntakeResult, status: SourceStatus) -> None:
        self._sync, self._plan, self._result, self._status = sync, plan, result, status
        self._source = plan.source
        self._deliveries = sync.tools.ledger.deliveries
        self._intake = Intake(sync.tools, plan.source.name, plan.grace, result, tell)
        self._listed = 0

    def run(self, since: date | None, full: bool) -> None:
        """Raises SourceError, MediumError, StoppedError, StoreError, LedgerError."""
        full = full or self._is_full_due()
        first = since or (self._sync.tools.clock() - self._plan.window).date()
        self._sync.tools.progress.begin(f"sync {self._source.name}")
        with ThreadPoolExecutor(self._sync.tools.threads, thread_name_prefix="sync") as pool:
            try:
                for prefix in [""] if full else self._source.day_prefixes(first):
                    self._scope(pool, prefix)
                self._intake.drain(pool)
                self._pending(pool, None if full else first)
            finally:
                self._intake.drain(pool)
        if self._sync.should_stop():
            raise StoppedError("stopped; what was recorded stands")
        listed = self._listed if full else None
        self._deliveries.note_pass(self._source.name, self._source.url, self._sync.tools.clock(), listed)

    def _is_full_due(self) -> bool:
        last, objects = self._status.last_full_at, self._status.last_full_objects
        if last is None or objects is None or objects <= self._sync.small:
            return True
        return self._sync.tools.clock() - last >= self._plan.full_every

    def _scope(self, pool: ThreadPoolExecutor, prefix: str) -> None:
        """Everything below *prefix*, and then what the ledger knows there and the listing did not show."""
        roll = Roll(self._deliveries.archived_below(self._source.name, prefix))
        before = self._listed
        for batch in batches(deliveries(self._counted(self._source.objects(prefix)))):
            self._intake.take(pool, self._source, batch)
            for delivery in batch:
                roll.present(delivery.prefix)
        if self._listed == before and prefix == "" and not self._source.times_are_observed:
            self._not_mounted(roll)
        self._result.gone += self._intake.watch.missing(self._source, roll.absent())

    def _not_mounted(self, roll: Roll) -> None:
        """An empty folder where deliveries were is a disk that is not there, sooner than a thousand deletions."""
        missed = next(roll.absent(), None)
        if missed is not None:
            raise SourceUnreachableError(
                f"{self._source.url} is empty, and {printable(missed.prefix)} was acquired from it, at least",
                "Mount what belongs there. If all was deleted on purpose, take the source out of the configuration.",
            )

    def _counted(self, objects: Iterator[SourceObject]) -> Iterator[SourceObject]:
        for found in objects:
            if self._sync.should_stop():
                raise StoppedError("stopped while listing")
            self._listed += 1
            yield found

    def _pending(self, pool: ThreadPoolExecutor, first: date | None) -> None:
        """Pending deliveries before day *first* of the windows (None: all was listed), and vanished ones."""
        for pending in list(self._deliveries.pending(self._source.name)):
            listing = deliveries(self._source.objects(pending.prefix))
            there = [d for d in listing if d.prefix == pending.prefix]
            if not there:
                self._result.gone += self._intake.watch.missing(self._source, [pending])
            elif first is not None and not _within(there[0], first):
                self._intake.take(pool, self._source, there)


def _within(delivery: Delivery, first: date) -> bool:
    return delivery.path is not None and delivery.path.day >= first
