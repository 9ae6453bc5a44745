"""A reading of archived items for reports and packages: what the files are now, and what is in them.

What is in a file (SHA-512, rows, times) is read once, ever, as long as the file stays what it was. Whether it is what
was acquired is read anew for each report. What has other bytes is told and not recorded: the next audit judges it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from archiver.domain.custody_facts import EvidenceSurveyed
from archiver.domain.custody_reading import entry_of
from archiver.domain.evidence import Evidence, EvidenceFile, FileRole
from archiver.domain.limits import CHUNK_BYTES
from archiver.domain.records import CustodyEvent
from archiver.domain.survey import FileSurvey, Look
from archiver.domain.text import printable
from archiver.errors import MediumError, RowUnreadableError, StoppedError
from archiver.ports import Clock, Ledger, Progress, ShouldStop
from archiver.store_ports import Store
from archiver.verify.survey import Surveyor
from archiver.work.seen import Seen

_STEP: Final = 16 * 1024
"""Bytes between two looks at whether to stop: a bomb makes 16 MiB of them."""

_RECORD_MOST: Final = 100
"""Items that are recorded together."""


@dataclass
class SurveyResult:
    """``read``: items that were read; ``size``: their bytes; ``left``: items beyond the limit, which were not.

    ``troubles``: files that are not what was acquired or could not be read, in words.
    """

    read: int = 0
    size: int = 0
    left: int = 0
    troubles: list[str] = field(default_factory=list)
    _looks: dict[str, Look] = field(default_factory=dict, compare=False)
    _whole: Seen = field(default_factory=Seen, compare=False)

    def look(self, evidence_id: str) -> Look | None:
        """What was seen of *evidence_id*; None where not all of it was read."""
        return self._looks.get(evidence_id) or (Look() if evidence_id in self._whole else None)

    def take(self, evidence_id: str, look: Look) -> None:
        """All files of *evidence_id* were read, or tried."""
        if look.altered or look.unread:
            self._looks[evidence_id] = look
        else:
            self._whole.add(evidence_id)


@dataclass
class Survey:
    """Surveys items. ``size_limit``: bytes that are read at most, None for no limit.

    ``again``: files whose contents are known are read, too, for what they are now. ``recording``: False where nothing
    is to be put on record.
    """

    ledger: Ledger
    store: Store
    clock: Clock
    progress: Progress
    should_stop: ShouldStop
    size_limit: int | None = None
    again: bool = True
    recording: bool = True
    _entries: list[EvidenceSurveyed] = field(default_factory=list)

    def run(self, items: Iterable[Evidence]) -> SurveyResult:
        """Reads *items* as far as the limit goes. Raises StoppedError, LedgerError, LedgerAlteredError."""
        result = SurveyResult()
        try:
            for evidence in items:
                new = self._new(evidence)
                wanted = [file for file in evidence.files if self.again or file.name in new]
                size = sum(file.size for file in wanted)
                if self.size_limit is not None and result.size + size > self.size_limit:
                    result.left += 1
                elif wanted:
                    self._item(evidence, wanted, new, result)
        finally:
            self._record()
        return result

    def _new(self, evidence: Evidence) -> set[str]:
        """The names of files whose contents no event tells; none where the events cannot be read."""
        try:
            known = surveyed(self.ledger.evidence.events(evidence.id))
        except RowUnreadableError:
            return set()
        return {file.name for file in evidence.files if not _is_known(file, known)}

    def _item(
        self, evidence: Evidence, wanted: Sequence[EvidenceFile], new: Collection[str], result: SurveyResult
    ) -> None:
        found, altered, unread = list[FileSurvey](), dict[str, str](), dict[str, str]()
        for file in wanted:
            try:
                now, survey = self._read(file, surveying=self.recording and file.name in new)
            except FileNotFoundError:
                altered[file.path] = "it is not there"
            except MediumError as error:
                unread[file.path] = str(error)
            else:
                if now:
                    altered[file.path] = now
                elif survey is not None:
                    found.append(survey)
        result.troubles += [f"{printable(path)} is NOT what was acquired: {now}" for path, now in altered.items()]
        result.troubles += unread.values()
        if len(wanted) == len(evidence.files):
            result.take(evidence.id, Look(altered, unread))
        result.read += 1
        result.size += sum(file.size for file in wanted)
        self.progress.item(evidence.prefix)
        if found:
            self._entries.append(EvidenceSurveyed(at=self.clock(), id=evidence.id, files=tuple(found)))
        if len(self._entries) >= _RECORD_MOST:
            self._record()

    def _read(self, file: EvidenceFile, surveying: bool) -> tuple[str, FileSurvey | None]:
        """What *file* is in the place of what was acquired, "" where it is that; and, *surveying*, what is in it."""
        surveyor = Surveyor(file.name, is_result=file.role is FileRole.RESULT) if surveying else None
        digest, size = hashlib.sha256(), 0
        with self.store.open(file.path, from_medium=False) as stream:
            for chunk in _chunks(stream.read, file.path):
                size += len(chunk)
                if size > file.size:
                    return f"it has more than the {file.size} bytes that are on record", None
                digest.update(chunk)
                for at in range(0, len(chunk), _STEP):
                    if self.should_stop():
                        raise StoppedError("stopped while reading the archive; what was read before is on record")
                    if surveyor is None:
                        break
                    surveyor.take(chunk[at : at + _STEP])
                self.progress.moved(len(chunk))
        if (found := digest.hexdigest()) != file.sha256:
            return f"it has SHA-256 {found}, and {file.sha256} is on record", None
        return "", surveyor.end() if surveyor is not None else None

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
