"""Inspection of one archived item: ledger, key file, sign file, signature, every byte, and strays. Records nothing.

A deviation is read a second time, from the medium, before it counts: a cable is not a tamperer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from archiver.domain.delivery import parse_query_path
from archiver.domain.evidence import EvidenceFile, EvidenceState, FileRole
from archiver.domain.keys import HeldKey
from archiver.domain.records import EvidenceRecord, WholeItem
from archiver.domain.sign_file import SignFile
from archiver.domain.verdict import Check, CheckResult, Finding, Judgement, Reason, judgement
from archiver.errors import MediumError, StoppedError
from archiver.ports import EvidenceIndex, Progress, ShouldStop
from archiver.store_ports import OpenFolder, Store
from archiver.verify.findings import Circumstances
from archiver.verify.recipe import Examination, ObservedFile, examine, judge
from archiver.work.acquire import execution_time, hash_list_sha256, is_replay
from archiver.work.described import DescriptionTrouble, description_troubles
from archiver.work.keys import KeyRing, key_files
from archiver.work.pieces import pieces
from archiver.work.reading import Read, Reading
from archiver.work.throttle import Pace

_READS: Final = 2
"""How often a file is read before its deviation counts."""


@dataclass(frozen=True, slots=True)
class FileState:
    """One archived file as it was read: ``read`` is None where it is absent or *error* says why it was not read."""

    file: EvidenceFile
    read: Read | None
    error: str = ""

    @property
    def altered(self) -> bool:
        """True where it is not there any more, or its bytes are not those that were acquired."""
        return not self.error and (self.read is None or self.read.sha256 != self.file.sha256)


@dataclass(frozen=True, slots=True)
class FolderState:
    """An item's folder: entries that do not belong there, or why it could not be listed."""

    strays: tuple[str, ...]
    error: str = ""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found. ``altered``: files to repair; ``altered_keys``: archive paths of key files to repair.

    ``descriptions``: what is wrong with CloudTrail's account of the query, which nothing can repair.
    ``strays``: what lies in the item's folder and was never acquired.
    """

    record: EvidenceRecord
    judgement: Judgement
    key: HeldKey | None
    altered: tuple[FileState, ...]
    altered_keys: tuple[str, ...]
    descriptions: tuple[DescriptionTrouble, ...]
    strays: tuple[str, ...]
    ledger_agrees: bool
    size: int


@dataclass(frozen=True, slots=True)
class Round:
    """What is looked at once for all items of a batch. For one thread.

    ``altered``: by SHA-256 of a key, the paths of its files that are altered.
    """

    altered: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Inspector:
    """Inspects items; safe from several threads. ``from_medium``: cached pages are dropped before reading."""

    store: Store
    evidence: EvidenceIndex
    ring: KeyRing
    should_stop: ShouldStop
    progress: Progress
    throttle: Pace
    from_medium: bool = True

    def inspect(self, item: WholeItem, around: Round) -> Inspection:
        """The judgement on *item* as it lies in the archive now, one of those that *around* is of.

        Raises StoppedError; everything else that goes wrong is part of the answer.
        """
        record, evidence = item.record, item.record.evidence
        with self._opened(evidence.path) as inside:
            states = [self._read(file, evidence.path, inside) for file in evidence.files]
            folder = self._folder(record, inside)
        examination = self._examine(record, states)
        observed = [_observed(state) for state in states if state.file.role is not FileRole.SIGN_FILE]
        times = [f.origin.last_modified for f in evidence.files if f.listed_sha256 and f.origin.last_modified]
        circumstances = Circumstances(
            path=parse_query_path(evidence.prefix),
            location=evidence.prefix,
            execution_time=execution_time(examination, observed),
            earliest_modified=min(times, default=None) if evidence.source_url.startswith("s3://") else None,
            same_hash_list=self._replays(item, examination),
        )
        altered_keys = self._altered_key_files(examination.key, around)
        descriptions = description_troubles(self.store, item.described, self.from_medium)
        judged = _as_before(judge(examination, observed, circumstances), record.state)
        judged = _with_archive(judged, states, altered_keys, descriptions, folder)
        judged = _with_strays(judged, folder.strays)
        disagreements = [*item.disagreements, *_false_sizes(states)]
        self.progress.item(evidence.prefix)
        return Inspection(
            record=record,
            judgement=_with_ledger(judged, disagreements),
            key=examination.key,
            altered=tuple(state for state in states if state.altered),
            altered_keys=altered_keys,
            descriptions=descriptions,
            strays=tuple(folder.strays),
            ledger_agrees=not disagreements,
            size=sum(state.read.size for state in states if state.read),
        )

    @contextmanager
    def _opened(self, path: str) -> Iterator[OpenFolder | None]:
        """An item's folder; None where it cannot be opened: why, each of its files tells."""
        with ExitStack() as stack:
            folder = None
            with suppress(FileNotFoundError, MediumError):
                folder = stack.enter_context(self.store.folder(path, self.from_medium))
            yield folder

    def _read(self, file: EvidenceFile, folder: str, inside: OpenFolder | None) -> FileState:
        """*file* as it is now; what deviates *inside* is read anew from the root of the archive on."""
        above, _, name = file.path.rpartition("/")
        first = inside.open(name) if inside is not None and above == folder else None
        state = self._try(file, first or self.store.open(file.path, self.from_medium))
        for _ in range(_READS - 1):
            if state.read is not None and not state.altered:
                break
            state = self._try(file, self.store.open(file.path, self.from_medium))
        return state

    def _try(self, file: EvidenceFile, opened: AbstractContextManager[BinaryIO]) -> FileState:
        try:
            return FileState(file, self._read_once(file, opened))
        except FileNotFoundError:
            return FileState(file, None)
        except MediumError as error:
            return FileState(file, None, str(error))

    def _read_once(self, file: EvidenceFile, opened: AbstractContextManager[BinaryIO]) -> Read:
        reading = Reading(file.name)
        with (
            opened as stream,
            closing(pieces(stream, file.path, file.size, ahead=self.from_medium)) as chunks,
        ):
            for chunk in chunks:
                if self.should_stop():
                    raise StoppedError("stopped while reading the archive; the item stays due")
                reading.take(chunk)
                self.throttle.passed(len(chunk))
                self.progress.moved(len(chunk))
        return reading.done()

    def _examine(self, record: EvidenceRecord, states: Sequence[FileState]) -> Examination:
        """Steps 1 to 3 on the archived sign file; a lost one is missing, not "unsigned"."""
        state = next((s for s in states if s.file.role is FileRole.SIGN_FILE), None)
        if state is None:
            return examine(None, lambda _: ())
        if state.read is None:
            why = Reason.READ_ERROR if state.error else Reason.FILE_MISSING
            return examine(None, lambda _: (), state.error or f"{state.file.path} is not there any more", why)
        return examine(state.read.head, lambda sign_file: self._find(record, sign_file))

    def _find(self, record: EvidenceRecord, sign_file: SignFile) -> Sequence[HeldKey]:
        return self.ring.find(sign_file, record.evidence.region)

    def _replays(self, item: WholeItem, examination: Examination) -> list[str]:
        if examination.sign_file is None:
            return []
        evidence, found = item.record.evidence, hash_list_sha256(examination.sign_file)
        if item.alone and found == evidence.hash_list_sha256:
            return []
        others = self.evidence.same_hash_list(found)
        return [
            place
            for other, query, place in others
            if other != evidence.id and is_replay(query, place, evidence.query_id, evidence.prefix)
        ]

    def _altered_key_files(self, held: HeldKey | None, around: Round) -> tuple[str, ...]:
        """Files of the key's folder in the archive that do not hold what the ledger says they must."""
        if held is None:
            return ()
        identity = held.key.sha256
        if identity not in around.altered:
            files = key_files(held.key).items()
            around.altered[identity] = tuple(path for path, expected in files if not self._holds(path, expected))
        return around.altered[identity]

    def _holds(self, path: str, expected: bytes) -> bool:
        try:
            with self.store.open(path, self.from_medium) as stream:
                return stream.read(len(expected) + 1) == expected
        except (FileNotFoundError, MediumError):
            return False

    def _folder(self, record: EvidenceRecord, inside: OpenFolder | None) -> FolderState:
        """Entries of the item's folder that were never acquired; folders of other items are none."""
        folder = record.evidence.path
        ours = {file.path for file in record.evidence.files}
        try:
            entries = inside.entries() if inside is not None else self.store.entries(folder)
        except MediumError as error:
            return FolderState((), str(error))
        strays = []
        for entry in entries:
            path = f"{folder}/{entry.name}"
            if path not in ours and not (entry.kind == "folder" and self.evidence.has_below(path)):
                strays.append(f"{path} ({entry.kind})")
        return FolderState(tuple(strays))


def _observed(state: FileState) -> ObservedFile:
    name = state.file.name
    if state.read is None:
        return ObservedFile(name, None, None, trouble=state.error, absent=not state.error)
    return ObservedFile(name, state.read.size, state.read.sha256, state.read.contents)


def _false_sizes(states: Sequence[FileState]) -> list[str]:
    """Sizes in the ledger that cannot be those of the very bytes whose SHA-256 it holds."""
    return [
        f"{state.file.path} has {state.read.size} bytes, by its SHA-256 the ones that were acquired; "
        f"the ledger says {state.file.size}"
        for state in states
        if state.read is not None and not state.altered and state.read.size != state.file.size
    ]


def _with_archive(
    judged: Judgement,
    states: Sequence[FileState],
    altered_keys: Sequence[str],
    descriptions: Sequence[DescriptionTrouble],
    folder: FolderState,
) -> Judgement:
    """Adds the check ``archive``: every file as it was acquired, and nothing beside them."""
    reasons: list[Reason] = []
    troubles: list[str] = []
    for state in states:
        if state.error:
            reasons.append(Reason.READ_ERROR)
            troubles.append(f"{state.file.path} cannot be read: {state.error}")
        elif state.read is None:
            reasons += [Reason.ARCHIVE_ALTERED, Reason.FILE_MISSING]
            troubles.append(f"{state.file.path} is not there any more")
        elif state.altered:
            reasons.append(Reason.ARCHIVE_ALTERED)
            was, now = state.file, state.read
            troubles.append(
                f"{was.path} was acquired with SHA-256 {was.sha256} ({was.size} bytes) and has {now.sha256} "
                f"({now.size} bytes)"
            )
    if altered_keys:
        reasons.append(Reason.ARCHIVE_ALTERED)
        troubles += [f"{path} is not the key that the ledger holds" for path in altered_keys]
    for description in descriptions:
        reasons.append(Reason.READ_ERROR if description.unread else Reason.ARCHIVE_ALTERED)
        troubles.append(description.detail)
    if folder.error:
        reasons.append(Reason.READ_ERROR)
        troubles.append(f"the folder cannot be listed: {folder.error}")
    only_unread = set(reasons) == {Reason.READ_ERROR}
    result = CheckResult.UNKNOWN if only_unread else CheckResult.FAIL if reasons else CheckResult.PASS
    detail = "; ".join(troubles[:20]) or "every file has the SHA-256 that it was acquired with"
    checks = (*judged.checks, Check("archive", result, detail))
    return judgement((*judged.reasons, *reasons), judged.findings, checks, judged.files)


def _with_strays(judged: Judgement, strays: Sequence[str]) -> Judgement:
    """Adds the finding ``unlisted_file`` for *strays*, in one check with what was unlisted at acquisition."""
    if not strays:
        return judged
    said = [check.detail for check in judged.checks if check.id == Finding.UNLISTED_FILE]
    detail = "; ".join([*said, *(f"stray in the archive: {stray}" for stray in strays[:20])])
    others = [check for check in judged.checks if check.id != Finding.UNLISTED_FILE]
    checks = (*others, Check(Finding.UNLISTED_FILE, CheckResult.FAIL, detail))
    return judgement(judged.reasons, (*judged.findings, Finding.UNLISTED_FILE), checks, judged.files)


def _as_before(judged: Judgement, state: EvidenceState) -> Judgement:
    """A key that was listed under a false fingerprint stays a failure, though nobody lists it any more."""
    proved = Reason.KEY_FINGERPRINT_MISMATCH in state.reasons and Reason.KEY_UNAVAILABLE in judged.reasons
    if not proved:
        return judged
    reasons = (*judged.reasons, Reason.KEY_FINGERPRINT_MISMATCH)
    return judgement(reasons, judged.findings, judged.checks, judged.files)


def _with_ledger(judged: Judgement, disagreements: Sequence[str]) -> Judgement:
    """Adds the check ``ledger``: what the rows say of the item against the events that made them."""
    if not disagreements:
        check = Check("ledger", CheckResult.PASS, "rows and custody events agree")
        return judgement(judged.reasons, judged.findings, (*judged.checks, check), judged.files)
    check = Check("ledger", CheckResult.FAIL, "; ".join(disagreements[:20]))
    reasons = (*judged.reasons, Reason.LEDGER_ALTERED)
    return judgement(reasons, judged.findings, (*judged.checks, check), judged.files)
