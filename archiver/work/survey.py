"""A whole reading of archived items, for reports and packages: each file once, ever, as long as it stays what it was.

What has other bytes than were acquired is told and not recorded: the next audit judges it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from archiver.domain.custody_facts import EvidenceSurveyed
from archiver.domain.custody_reading import entry_of
from archiver.domain.evidence import Evidence, EvidenceFile, FileRole
from archiver.domain.limits import CHUNK_BYTES
from archiver.domain.records import CustodyEvent
from archiver.domain.survey import FileSurvey
from archiver.domain.text import printable
from archiver.errors import MediumError, StoppedError
from archiver.ports import Clock, Ledger, Progress, ShouldStop, Store
from archiver.verify.survey import Surveyor

_STEP: Final = 16 * 1024
"""Bytes between two looks at whether to stop: a bomb makes 16 MiB of them."""

_RECORD_MOST: Final = 100
"""Items that are recorded together."""


@dataclass
class SurveyResult:
    """``read``: items that were read now; ``size``: their bytes. ``troubles``: files that could not be, and why."""

    read: int = 0
    size: int = 0
    troubles: list[str] = field(default_factory=list)


@dataclass
class Survey:
    """Surveys items. ``size_limit``: bytes that are read at most, None for no limit."""

    ledger: Ledger
    store: Store
    clock: Clock
    progress: Progress
    should_stop: ShouldStop
    size_limit: int | None = None
    _entries: list[EvidenceSurveyed] = field(default_factory=list)

    def run(self, items: Iterable[Evidence]) -> SurveyResult:
        """Reads those of *items* that no event tells of yet. Raises StoppedError, LedgerError, LedgerAlteredError."""
        result = SurveyResult()
        try:
            for evidence in items:
                known = surveyed(self.ledger.evidence.events(evidence.id))
                wanted = [file for file in evidence.files if not _is_known(file, known)]
                size = sum(file.size for file in wanted)
                if wanted and (self.size_limit is None or result.size + size <= self.size_limit):
                    self._item(evidence, wanted, result)
        finally:
            self._record()
        return result

    def _item(self, evidence: Evidence, wanted: Sequence[EvidenceFile], result: SurveyResult) -> None:
        found = []
        for file in wanted:
            try:
                seen = self._read(file)
            except FileNotFoundError:
                result.troubles.append(f"{printable(file.path)} is not there")
            except MediumError as error:
                result.troubles.append(str(error))
            else:
                if seen.sha256 == file.sha256:
                    found.append(seen)
                else:
                    result.troubles.append(f"{printable(file.path)} is not what was acquired: run archiver audit")
        result.read += 1
        result.size += sum(file.size for file in wanted)
        self.progress.item(evidence.prefix)
        if found:
            self._entries.append(EvidenceSurveyed(at=self.clock(), id=evidence.id, files=tuple(found)))
        if len(self._entries) >= _RECORD_MOST:
            self._record()

    def _read(self, file: EvidenceFile) -> FileSurvey:
        surveyor = Surveyor(file.name, is_result=file.role is FileRole.RESULT)
        with self.store.open(file.path, from_medium=False) as stream:
            for chunk in _chunks(stream.read, file.path):
                for at in range(0, len(chunk), _STEP):
                    if self.should_stop():
                        raise StoppedError("stopped while reading the archive; what was read before is on record")
                    surveyor.take(chunk[at : at + _STEP])
                self.progress.moved(len(chunk))
        return surveyor.end()

    def _record(self) -> None:
        if self._entries:
            self.ledger.journal.record(self._entries)
            self._entries = []


def _chunks(read: Callable[[int], bytes], path: str) -> Iterator[bytes]:
    try:
        while chunk := read(CHUNK_BYTES):
            yield chunk
    except OSError as error:
        raise MediumError(f"{path} cannot be read: {error.strerror}") from error


def surveyed(events: Iterable[CustodyEvent]) -> dict[str, FileSurvey]:
    """The last survey of each file that *events* of one item tell of, by its name. What cannot be read tells none."""
    found: dict[str, FileSurvey] = {}
    for event in events:
        if event.kind == EvidenceSurveyed.kind:
            try:
                entry, _ = entry_of(json.loads(event.body))
            except (ValueError, RecursionError):
                continue
            if isinstance(entry, EvidenceSurveyed):
                found.update((file.name, file) for file in entry.files)
    return found


def _is_known(file: EvidenceFile, known: dict[str, FileSurvey]) -> bool:
    seen = known.get(file.name)
    return seen is not None and seen.sha256 == file.sha256
