"""Verification of deliveries where they lie: nothing is archived, nothing is recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain, islice
from typing import Final

from archiver.domain.delivery import Delivery, ObjectKind, SourceObject
from archiver.domain.folders import deliveries
from archiver.domain.keys import HeldKey
from archiver.domain.sign_file import (
    RESULT_NAME,
    SIGN_FILE_NAME,
    SignFile,
    SignFileInvalidError,
    SignFileUnsupportedError,
    parse_sign_file,
)
from archiver.domain.verdict import Judgement, Reason, Verdict
from archiver.errors import MediumError, SourceError, SourceUnreachableError
from archiver.ports import Clock, Progress, ShouldStop, Source
from archiver.verify.findings import Circumstances
from archiver.verify.recipe import Examination, ObservedFile, examine, judge
from archiver.work.acquire import Replays, execution_time, hash_list_sha256, is_replay
from archiver.work.pool import in_order
from archiver.work.reading import Read, Reading

FindKeys = Callable[[SignFile, str | None], Sequence[HeldKey]]
"""Keys for a sign file; the Region is the source's own."""

SameHashList = Callable[[str], Sequence[tuple[str | None, str]]]
"""(query ID, place) of what is known elsewhere with the hash list of this SHA-256."""

_ATTEMPTS: Final = 3

_LOOKED_AHEAD: Final = 1000
"""Deliveries whose sign files are read beforehand, so that of two copies the first is told of the second too."""


@dataclass(frozen=True, slots=True)
class Verified:
    """One delivery's answer. ``verdict`` is ``pending`` where it may still be arriving."""

    path: str
    verdict: Verdict
    judgement: Judgement
    sign_file: SignFile | None


@dataclass(frozen=True)
class Verifier:
    """Judges every delivery below a place. ``grace``: how long one in a bucket may be incomplete.

    ``threads`` read from a bucket, ``local_threads`` from a folder.
    """

    find_keys: FindKeys
    known_elsewhere: SameHashList
    clock: Clock
    should_stop: ShouldStop
    progress: Progress
    threads: int
    local_threads: int
    grace: timedelta

    def run(self, source: Source, prefix: str) -> Iterator[Verified]:
        """The answers for *source* below *prefix*, in key order; none where no delivery is there.

        Raises SourceError, MediumError while listing.
        """
        self.progress.begin("verify")
        found = _named_or_below(source, prefix)
        ahead = list(islice(found, _LOOKED_AHEAD))
        replays = self._look_ahead(source, ahead)
        whole = chain(ahead, found)
        for delivery, future in in_order(self._threads(source), lambda d: self._read(source, d), whole, "verify"):
            if self.should_stop():
                return
            yield self._judge(source, delivery, future, replays)
            self.progress.item(delivery.prefix)

    def _threads(self, source: Source) -> int:
        return self.threads if source.times_are_observed else self.local_threads

    def _look_ahead(self, source: Source, ahead: Sequence[Delivery]) -> Replays:
        """The hash lists of *ahead*; one alone is no copy of anything, and is not read twice."""
        replays = Replays()
        if len(ahead) > 1:
            threads = self._threads(source)
            for delivery, future in in_order(threads, lambda d: self._hash_list(source, d), ahead, "verify"):
                digest = future.result()
                if digest is not None:
                    replays.swap(digest, delivery.query_id, delivery.prefix)
        return replays

    def _hash_list(self, source: Source, delivery: Delivery) -> str | None:
        """None where there is no sign file to be had; why is told when the delivery is judged."""
        sign = delivery.sign_object
        if sign is None or sign.kind is not ObjectKind.FILE or self.should_stop():
            return None
        try:
            return hash_list_sha256(parse_sign_file(self._bytes(source, sign, SIGN_FILE_NAME).head))
        except (SourceError, MediumError, SignFileInvalidError, SignFileUnsupportedError):
            return None

    def _read(self, source: Source, delivery: Delivery) -> tuple[Examination, list[ObservedFile]]:
        """The signature first; only then the files, by the names that the listing gave."""
        sign = delivery.sign_object
        examination = self._examine(source, sign)
        others = [o for o in delivery.objects if o is not sign]
        return examination, [self._observe(source, o, delivery.name_of(o)) for o in others]

    def _examine(self, source: Source, sign: SourceObject | None) -> Examination:
        if sign is None:
            return examine(None, lambda _: ())
        if sign.kind is not ObjectKind.FILE:
            return examine(None, lambda _: (), "the sign file is a link or no regular file, which is not followed")
        try:
            read = self._bytes(source, sign, SIGN_FILE_NAME)
        except (SourceError, MediumError) as error:
            return examine(None, lambda _: (), str(error), Reason.READ_ERROR)
        return examine(read.head, lambda sign_file: self.find_keys(sign_file, source.region))

    def _observe(self, source: Source, found: SourceObject, name: str) -> ObservedFile:
        if found.kind is not ObjectKind.FILE:
            return ObservedFile(name, None, None, trouble="it is a link or no regular file", absent=True)
        try:
            read = self._bytes(source, found, name)
        except (SourceError, MediumError) as error:
            return ObservedFile(name, None, None, trouble=str(error))
        return ObservedFile(name, read.size, read.sha256, read.contents)

    def _bytes(self, source: Source, found: SourceObject, name: str) -> Read:
        for attempt in range(1, _ATTEMPTS + 1):
            reading = Reading(name)
            try:
                with source.open(found) as stream:
                    for chunk in stream.chunks():
                        if self.should_stop():
                            raise SourceUnreachableError("interrupted")
                        reading.take(chunk)
                        self.progress.moved(len(chunk))
                return reading.done()
            except SourceUnreachableError:
                if attempt == _ATTEMPTS or self.should_stop():
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _judge(
        self,
        source: Source,
        delivery: Delivery,
        future: Future[tuple[Examination, list[ObservedFile]]],
        replays: Replays,
    ) -> Verified:
        examination, observed = future.result()
        listed = {f.name for f in examination.sign_file.files} if examination.sign_file else set()
        times = [o.last_modified for o in delivery.objects if delivery.name_of(o) in listed and o.last_modified]
        around = Circumstances(
            path=delivery.path,
            location=delivery.prefix,
            execution_time=execution_time(examination, observed),
            earliest_modified=min(times, default=None) if source.times_are_observed else None,
            same_hash_list=self._replays(examination, delivery, replays),
        )
        judged = judge(examination, observed, around)
        verdict = Verdict.PENDING if self._may_be_arriving(source, delivery, judged) else judged.verdict
        return Verified(_shown(source, delivery), verdict, judged, examination.sign_file)

    def _replays(self, examination: Examination, delivery: Delivery, replays: Replays) -> list[str]:
        if examination.sign_file is None:
            return []
        digest = hash_list_sha256(examination.sign_file)
        others = [
            *self.known_elsewhere(digest),
            *replays.swap(digest, delivery.query_id, delivery.prefix),
        ]
        here = (delivery.query_id, delivery.prefix)
        return list(dict.fromkeys(place for query, place in others if is_replay(query, place, *here)))

    def _may_be_arriving(self, source: Source, delivery: Delivery, judged: Judgement) -> bool:
        """In a bucket, whose times are its own: what is incomplete and young is not judged yet."""
        incomplete = set(judged.reasons) <= {Reason.UNSIGNED, Reason.FILE_MISSING, Reason.KEY_UNAVAILABLE}
        if not source.times_are_observed or delivery.newest is None or not incomplete:
            return False
        if not {Reason.UNSIGNED, Reason.FILE_MISSING} & set(judged.reasons):
            return False
        return self.clock() < delivery.newest + self.grace


def _named_or_below(source: Source, prefix: str) -> Iterator[Delivery]:
    """The deliveries below *prefix*; where there is none, the folder itself if it holds result files.

    A folder that was named and holds results without a sign file is unsigned, wherever it lies.
    """
    empty = True
    for delivery in deliveries(source.objects(prefix)):
        empty = False
        yield delivery
    if empty:
        unsigned = named_folder(source, prefix)
        if unsigned is not None:
            yield unsigned


def named_folder(source: Source, prefix: str) -> Delivery | None:
    """The folder at *prefix* as a delivery, if it holds a result file; whether it is signed or not."""
    objects = tuple(o for o in source.objects(prefix) if "/" not in o.key[len(prefix) :])
    folder = Delivery(prefix, objects)
    return folder if any(RESULT_NAME.fullmatch(folder.name_of(o)) for o in objects) else None


def _shown(source: Source, delivery: Delivery) -> str:
    """Where it lies, as the user would name it."""
    if source.url.startswith("s3://"):
        return f"s3://{source.url.removeprefix('s3://').partition('/')[0]}/{delivery.prefix}"
    return "/" + delivery.prefix.rstrip("/")
