"""Import: folders that were fetched by other means become evidence, with the path that they came from on record."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from archiver.domain.delivery import Delivery
from archiver.domain.folders import deliveries
from archiver.errors import MediumError, SourceError, StoppedError
from archiver.ports import ShouldStop, Source
from archiver.work.intake import Intake, IntakeResult, Tools, batches
from archiver.work.items import Tell, Trouble
from archiver.work.verify import named_folder

Rebase = Callable[[str], Source]
"""A folder above (a path, "" for the file system's root) -> the source that has its keys below it."""


@dataclass(frozen=True)
class Import:
    """Imports folders from the local file system. ``source_at``: the import's source, rooted at a folder."""

    tools: Tools
    should_stop: ShouldStop
    source_at: Rebase

    def run(self, name: str, prefixes: list[str], tell: Tell) -> IntakeResult:
        """Takes in every delivery below *prefixes* (absolute paths without the leading ``/``) as source *name*.

        Raises StoreError, LedgerError.
        """
        result = IntakeResult()
        began = time.monotonic()
        root = self.source_at("")
        with (
            self.tools.ledger.locks.hold(f"sync:{name}"),
            ThreadPoolExecutor(self.tools.threads, thread_name_prefix="import") as pool,
        ):
            for prefix in prefixes:
                try:
                    self._take(pool, root, prefix, result, tell)
                except (SourceError, MediumError) as error:
                    result.troubles.add(Trouble(name, prefix, str(error), error.remedy))
                except StoppedError:
                    break
        result.seconds = time.monotonic() - began
        result.stopped = self.should_stop()
        return result

    def _take(self, pool: ThreadPoolExecutor, root: Source, prefix: str, result: IntakeResult, tell: Tell) -> None:
        self.tools.progress.begin("import")
        found = _found(root, prefix)
        before = result.discovered
        intake = Intake(self.tools, root.name, None, result, tell, by_import=True)
        try:
            for batch in batches(found):
                if self.should_stop():
                    raise StoppedError("stopped while importing")
                by_folder: dict[str, list[Delivery]] = {}
                for delivery in batch:
                    above = _above(delivery)
                    by_folder.setdefault(above, []).append(_rebased(delivery, above))
                for above, some in by_folder.items():
                    intake.take(pool, self.source_at(above), some)
        finally:
            intake.drain(pool)
        if result.discovered == before:
            raise SourceError(f"/{prefix} holds no delivery: no result_sign.json and no result_N.csv.gz")


def _found(root: Source, prefix: str) -> Iterator[Delivery]:
    found = deliveries(root.objects(prefix))
    first = next(found, None) or named_folder(root, prefix)
    if first is not None:
        yield first
        yield from found


def _above(delivery: Delivery) -> str:
    """What stands before the last ``AWSLogs/`` of a canonical path: it says where a copy lay, not what it is."""
    if delivery.path is None:
        return ""
    return delivery.prefix[: delivery.prefix.rindex("AWSLogs/")]


def _rebased(delivery: Delivery, above: str) -> Delivery:
    cut = len(above)
    return Delivery(
        delivery.prefix[cut:],
        tuple(replace(found, key=found.key[cut:]) for found in delivery.objects),
        delivery.overflow,
    )
