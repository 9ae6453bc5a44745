"""Acquisition of one delivery: fetched, judged, and in the archive as a whole, or still waiting.

The order is the trust order. The sign file is fetched and judged first; names come from the source's own
listing, never from the sign file; what fails is archived too, for tampered evidence is evidence.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from archiver.domain.custody import EvidenceAcquired
from archiver.domain.delivery import Delivery, ObjectKind, parse_query_path
from archiver.domain.due import next_audit
from archiver.domain.evidence import Evidence, EvidenceFile, FileRole, evidence_id
from archiver.domain.limits import RESUME_FROM_BYTES
from archiver.domain.paths import delivery_path, unlisted_path
from archiver.domain.sign_file import (
    RESULT_NAME,
    SIGN_FILE_NAME,
    SignFile,
    SignFileInvalidError,
    SignFileUnsupportedError,
    parse_sign_file,
)
from archiver.domain.verdict import Judgement
from archiver.errors import ArchiverError, MediumError, StoreConflictError, StoreError, StoreFullError
from archiver.ports import Clock, EvidenceIndex, Source
from archiver.store_ports import Publication, Stage, Store
from archiver.verify.findings import Circumstances, Noticed
from archiver.verify.recipe import Examination, ObservedFile, examine, judge
from archiver.work.fetch import Fetched, Fetcher
from archiver.work.keys import KeyRing

_FOLDERS: Final = 1000
"""Folders that are tried for one delivery when others' bytes stand in the way."""

_Placed = tuple[str, tuple[EvidenceFile, ...]]
"""The folder of a delivery, and its files there."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The delivery is still arriving; *waiting_for* says what is missing."""

    waiting_for: str


@dataclass(frozen=True, slots=True)
class AlreadyHeld:
    """Every byte of it is archived as *evidence_id*, though the listing looked new."""

    evidence_id: str


@dataclass(frozen=True, slots=True)
class Task:
    """One delivery to acquire. ``grace_until``: None for no grace. ``revision``: the number that it would get."""

    source: Source
    delivery: Delivery
    first_seen_at: datetime
    grace_until: datetime | None
    revision: int = 1
    history: Sequence[Noticed] = ()
    by_import: bool = False


@dataclass(frozen=True, slots=True)
class Fetching:
    """A delivery that was fetched whole and is in the archive's staging folder. ``identity``: its evidence ID."""

    task: Task
    stage: Stage
    examination: Examination
    files: Sequence[Fetched]
    absent: Sequence[ObservedFile]
    identity: str


_Other = tuple[str | None, str]
"""Another delivery: its query ID, and its place at its source."""


@dataclass
class Replays:
    """Hash lists of deliveries that are acquired and not recorded yet: the ledger cannot know them."""

    _held: dict[str, list[_Other]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def swap(self, hash_list: str, query_id: str | None, place: str) -> list[_Other]:
        """Those with the same hash list so far; adds this one."""
        with self._lock:
            others = list(self._held.get(hash_list, ()))
            self._held.setdefault(hash_list, []).append((query_id, place))
            return others

    def forget(self, hash_list: str, query_id: str | None, place: str) -> None:
        """This one is in the ledger now, or will not come into it."""
        with self._lock:
            rest = [other for other in self._held.pop(hash_list, ()) if other != (query_id, place)]
            if rest:
                self._held[hash_list] = rest


@dataclass(frozen=True)
class Acquirer:
    """Acquires deliveries; safe from several threads, one delivery each."""

    store: Store
    evidence: EvidenceIndex
    ring: KeyRing
    fetcher: Fetcher
    clock: Clock
    reverify_after: timedelta
    min_free: int
    replays: Replays = field(default_factory=Replays)

    def fetch(self, task: Task) -> Fetching | Waiting:
        """*task* fetched, or still waiting.

        Raises SourceError, MediumError (this delivery cannot be read now), StoreFullError, StoreError,
        StoppedError.
        """
        self._check_room(task.delivery)
        name = f"{task.source.name}\n{task.delivery.prefix}".encode(errors="surrogateescape")
        stage = self.store.stage(hashlib.sha256(name).hexdigest()[:32])
        try:
            return self._fetch(task, stage)
        except ArchiverError:
            if all(found.size < RESUME_FROM_BYTES for found in task.delivery.objects):
                with suppress(StoreError):  # nothing of it would be resumed, and it may be what fills the disk
                    stage.discard()
            raise

    def _fetch(self, task: Task, stage: Stage) -> Fetching | Waiting:
        delivery, source = task.delivery, task.source
        sign = self._fetch_sign_file(task, stage)
        waiting_for = _missing(delivery, sign)
        if waiting_for and task.grace_until is not None and self.clock() < task.grace_until:
            return Waiting(waiting_for)
        examination = examine(
            sign.read.head if sign else None, lambda sign_file: self.ring.find(sign_file, source.region)
        )
        fetched, absent = self._fetch_files(task, stage, sign, examination)
        if not any(f.name == SIGN_FILE_NAME or RESULT_NAME.fullmatch(f.name) for f in fetched):
            raise MediumError(f"{delivery.prefix} holds nothing that can be fetched: links are not followed")
        identity = evidence_id(source.name, delivery.prefix, [(f.name, f.read.sha256) for f in fetched])
        return Fetching(task, stage, examination, fetched, absent, identity)

    def archive(self, fetched: Sequence[Fetching]) -> list[EvidenceAcquired | AlreadyHeld | Exception]:
        """Each of *fetched* judged and in the archive, to be recorded by the caller; held already; or why it is not.

        What goes wrong with one is its answer, StoreError for the archive's errors. Raises LedgerError.
        """
        held = self.evidence.held([one.identity for one in fetched])
        # Before the ledger is asked: what is recorded meanwhile is in one of both.
        waiting = {position: self._swap(one) for position, one in enumerate(fetched) if one.identity not in held}
        alike = self.evidence.same_hash_lists([digest for one in fetched if (digest := _hash_list(one))])
        done: dict[int, EvidenceAcquired | AlreadyHeld | Exception] = {}
        judged: dict[int, Judgement] = {}
        for position, one in enumerate(fetched):
            try:
                if position in waiting:
                    recorded = [(query, place) for _, query, place in alike.get(_hash_list(one) or "", ())]
                    judged[position] = self._judge(one, [*recorded, *waiting[position]])
                else:
                    one.stage.discard()
                    done[position] = AlreadyHeld(one.identity)
            except Exception as error:
                done[position] = error
        for position, placed in self._place({position: fetched[position] for position in judged}).items():
            if isinstance(placed, StoreError):
                done[position] = placed
            else:
                done[position] = self._entry(fetched[position], judged[position], *placed)
        for position in waiting:
            if isinstance(done[position], Exception):
                self._forget(fetched[position])
        return [done[position] for position in range(len(fetched))]

    def _check_room(self, delivery: Delivery) -> None:
        free = self.store.free_bytes()
        if delivery.size + self.min_free > free:
            raise StoreFullError(
                f"{self.store.url} has {free} bytes free; the delivery {delivery.prefix} needs {delivery.size}, "
                f"and {self.min_free} are to stay free ([archive] min_free)",
                "Make room on the archive's file system; the delivery is fetched by the next sync.",
            )

    def _fetch_sign_file(self, task: Task, stage: Stage) -> Fetched | None:
        found = task.delivery.sign_object
        if found is None or found.kind is not ObjectKind.FILE:
            return None
        return self.fetcher.fetch(task.source, stage, found, SIGN_FILE_NAME)

    def _fetch_files(
        self, task: Task, stage: Stage, sign: Fetched | None, examination: Examination
    ) -> tuple[list[Fetched], list[ObservedFile]]:
        """Everything in the folder, the sign file first, and what is no file and so is not fetched."""
        fetched, absent = [sign] if sign else [], []
        listed = _listed(examination)
        for found in task.delivery.objects:
            name = task.delivery.name_of(found)
            if found.kind is not ObjectKind.FILE:
                what = "a link, which is not followed" if found.kind is ObjectKind.LINK else "no regular file"
                absent.append(ObservedFile(name, None, None, trouble=f"it is {what}", absent=True))
            elif name != SIGN_FILE_NAME:
                got = self.fetcher.fetch(task.source, stage, found, name)
                torn = got.resumed and got.read.sha256 != listed.get(name)
                if torn:  # what an interruption did must not speak against the source
                    got = self.fetcher.fetch(task.source, stage, found, name, afresh=True)
                fetched.append(got)
        return fetched, absent

    def _judge(self, fetched: Fetching, alike: Sequence[_Other]) -> Judgement:
        """*alike*: what else has its hash list."""
        task, examination = fetched.task, fetched.examination
        observed = [
            ObservedFile(f.name, f.read.size, f.read.sha256, f.read.contents)
            for f in fetched.files
            if f.name != SIGN_FILE_NAME
        ]
        listed = _listed(examination)
        times = [f.origin.last_modified for f in fetched.files if f.name in listed and f.origin.last_modified]
        around = Circumstances(
            path=task.delivery.path,
            location=task.delivery.prefix,
            execution_time=execution_time(examination, observed),
            earliest_modified=min(times, default=None) if task.source.times_are_observed else None,
            same_hash_list=[
                place
                for query, place in alike
                if is_replay(query, place, task.delivery.query_id, task.delivery.prefix)
            ],
            history=task.history,
        )
        return judge(examination, [*observed, *fetched.absent], around)

    def _swap(self, fetched: Fetching) -> list[_Other]:
        digest, delivery = _hash_list(fetched), fetched.task.delivery
        return self.replays.swap(digest, delivery.query_id, delivery.prefix) if digest else []

    def _forget(self, fetched: Fetching) -> None:
        digest, delivery = _hash_list(fetched), fetched.task.delivery
        if digest:
            self.replays.forget(digest, delivery.query_id, delivery.prefix)

    def _place(self, fetched: Mapping[int, Fetching]) -> dict[int, _Placed | StoreError]:
        """The folder that each of *fetched* got and its files there, or why it got none."""
        done: dict[int, _Placed | StoreError] = {}
        for attempt in range(_FOLDERS):
            trying = {position: one for position, one in fetched.items() if position not in done}
            if not trying:
                break
            wanted = {position: _wanted(one, attempt) for position, one in trying.items()}
            publications = [_publication(one.stage, wanted[position]) for position, one in trying.items()]
            for position, is_there in zip(trying, self.store.publish(publications), strict=True):
                if isinstance(is_there, StoreError):
                    done[position] = is_there
                elif is_there:
                    done[position] = wanted[position]
        for position in fetched.keys() - done.keys():
            prefix = fetched[position].task.delivery.prefix
            done[position] = StoreConflictError(f"{prefix}: {_FOLDERS} folders of that name hold something else")
        return done

    def _entry(
        self, fetched: Fetching, judged: Judgement, folder: str, files: tuple[EvidenceFile, ...]
    ) -> EvidenceAcquired:
        task, examination, identity = fetched.task, fetched.examination, fetched.identity
        delivery, sign_file, now = task.delivery, examination.sign_file, self.clock()
        claims = sign_file.claims if sign_file else None
        evidence = Evidence(
            id=identity,
            source=task.source.name,
            source_url=task.source.url,
            prefix=delivery.prefix,
            path=folder,
            revision=task.revision,
            account=delivery.account,
            query_id=delivery.query_id,
            region=claims.region if claims else None,
            query_complete_time=claims.query_complete_time if claims else None,
            fingerprint=claims.fingerprint if claims else None,
            key_sha256=examination.key.key.sha256 if examination.key else None,
            hash_list_sha256=hash_list_sha256(sign_file) if sign_file else None,
            files=files,
            first_seen_at=task.first_seen_at,
            acquired_at=now,
            caller=task.source.caller(),
        )
        return EvidenceAcquired(
            at=now,
            evidence=evidence,
            judgement=judged,
            listing_digest=delivery.listing_digest,
            next_audit_at=next_audit(identity, now, judged.verdict, self.reverify_after),
            by_import=task.by_import,
        )


def _publication(stage: Stage, placed: _Placed) -> Publication:
    folder, files = placed
    return Publication(stage, {f"data:{file.name}": file.path for file in files}, folder)


def _wanted(fetched: Fetching, attempt: int) -> _Placed:
    """The folder to try, the one of its revision first, and the files as they would lie there."""
    task = fetched.task
    folder = delivery_path(task.source.name, task.delivery.prefix, task.revision + attempt)
    listed = _listed(fetched.examination)
    return folder, tuple(_file(f, folder, listed, fetched.examination) for f in fetched.files)


def _hash_list(fetched: Fetching) -> str | None:
    sign_file = fetched.examination.sign_file
    return hash_list_sha256(sign_file) if sign_file else None


def hash_list_sha256(sign_file: SignFile) -> str:
    """SHA-256 of the signing string: what a replay repeats."""
    return hashlib.sha256(sign_file.signing_string).hexdigest()


def is_replay(other_query: str | None, other_place: str, query_id: str | None, place: str) -> bool:
    """True where the same hash list at another place claims to be another query.

    The same query in another bucket, or a copy whose path claims no query, pretends to nothing (the latter has
    the finding ``path_nonstandard``).
    """
    other, here = parse_query_path(other_place), parse_query_path(place)
    if other is not None and here is not None:
        return other != here
    return other_query is not None and query_id is not None and other_query != query_id


def execution_time(examination: Examination, observed: Sequence[ObservedFile]) -> datetime | None:
    """The header time of the first listed file, where the signature covers its very bytes."""
    if examination.sign_file is None or not examination.signature_holds:
        return None
    listed = {f.name: f.sha256 for f in examination.sign_file.files}
    for file in sorted((f for f in observed if f.name in listed), key=lambda f: f.name):
        if file.contents is not None and file.sha256 == listed[file.name] and file.contents.execution_time:
            return file.contents.execution_time
    return None


def _listed(examination: Examination) -> dict[str, str]:
    return {f.name: f.sha256 for f in examination.sign_file.files} if examination.sign_file else {}


def _missing(delivery: Delivery, sign: Fetched | None) -> str:
    """What the delivery waits for, "" where it is whole, or where waiting cannot make its sign file better."""
    if sign is None:
        return SIGN_FILE_NAME
    try:
        sign_file = parse_sign_file(sign.read.head)
    except (SignFileInvalidError, SignFileUnsupportedError):
        return ""
    there = {delivery.name_of(found) for found in delivery.objects}
    missing = [f.name for f in sign_file.files if f.name not in there]
    return ", ".join(missing[:100])


def _file(fetched: Fetched, folder: str, listed: dict[str, str], examination: Examination) -> EvidenceFile:
    name = fetched.name
    if name == SIGN_FILE_NAME:
        role = FileRole.SIGN_FILE
    elif RESULT_NAME.fullmatch(name) and (name in listed or examination.sign_file is None):
        role = FileRole.RESULT
    else:
        role = FileRole.UNLISTED
    return EvidenceFile(
        name=name,
        role=role,
        path=unlisted_path(folder, name) if role is FileRole.UNLISTED else f"{folder}/{name}",
        size=fetched.read.size,
        sha256=fetched.read.sha256,
        listed_sha256=listed.get(name),
        origin=fetched.origin,
    )
