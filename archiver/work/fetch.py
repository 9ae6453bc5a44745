"""One object from a source into a stage: downloaded, hashed and written in one pass, a long one all three at once.

An interruption costs what was not yet written: the bytes that are there are read back into the hash and the rest
is asked for by range, of the very same object version.
"""

from __future__ import annotations

import json
import threading
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from archiver.domain.custody import to_json
from archiver.domain.delivery import SourceObject
from archiver.domain.evidence import Origin
from archiver.domain.limits import RESUME_FROM_BYTES
from archiver.domain.times import format_optional, parse_time
from archiver.errors import SourceUnreachableError, StoppedError
from archiver.ports import Progress, ShouldStop, Source
from archiver.store_ports import Stage, StagedFile
from archiver.work.appending import appending
from archiver.work.reading import Read, Reading

ATTEMPTS: Final = 5
"""Tries for one object in one pass; each goes on where the one before broke off."""

_PAUSE: Final = timedelta(seconds=0.5)

_LONG_ONES: Final = 4


@dataclass(frozen=True, slots=True)
class Fetched:
    """An object as it lies in the stage. ``resumed``: part of it was there from an earlier run."""

    name: str
    read: Read
    origin: Origin
    resumed: bool


@dataclass(frozen=True)
class Fetcher:
    """Fetches objects; ``pause`` waits between tries and ends early when work is to stop.

    ``long_ones``: permits to fetch objects of which much is on the way in memory at a time. A few of them keep wire,
    cores and disk busy.
    """

    should_stop: ShouldStop
    progress: Progress
    pause: threading.Event
    long_ones: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(_LONG_ONES))

    def fetch(
        self,
        source: Source,
        stage: Stage,
        found: SourceObject,
        name: str,
        *,
        afresh: bool = False,
        pinned: Origin | None = None,
    ) -> Fetched:
        """*found*, called *name* in its delivery. Raises SourceError, MediumError, StoreError, StoppedError.

        *afresh*: nothing of an earlier run is used. *pinned*: the very version that was fetched before.
        """
        pin = None
        if not afresh and found.size >= RESUME_FROM_BYTES:
            pin = f"{found.key}\n{found.etag}\n{found.size}\n{format_optional(found.last_modified)}"
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._once(source, stage, found, name, pin, pinned)
            except SourceUnreachableError:
                if attempt == ATTEMPTS or self.should_stop():
                    raise
                self.pause.wait(_PAUSE.total_seconds() * attempt)
        raise AssertionError("the last attempt returns or raises")

    def _once(
        self, source: Source, stage: Stage, found: SourceObject, name: str, pin: str | None, pinned: Origin | None
    ) -> Fetched:
        with stage.file(f"data:{name}", pin) as staged:
            resumed = staged.size > 0
            origin = _noted(stage, name, pin) if pin and resumed and staged.size == found.size else None
            if origin is not None or staged.size < found.size or found.size == 0:
                reading = Reading(name)
                for chunk in staged.read_back():
                    reading.take(chunk)
                    self._check_stop()
                if origin is None:
                    origin = self._stream(source, found, staged, reading, pinned)
                    if pin is not None:
                        _note(stage, name, pin, origin)
                return Fetched(name, reading.done(), origin, resumed)
        # Whole, but what the source said of it was lost with the crash: ask again from the start.
        return self._once(source, stage, found, name, None, pinned)

    def _stream(
        self, source: Source, found: SourceObject, staged: StagedFile, reading: Reading, pinned: Origin | None
    ) -> Origin:
        offset = staged.size
        is_long = found.size - offset >= RESUME_FROM_BYTES
        with (
            self.long_ones if is_long else nullcontext(),
            source.open(found, offset, pinned) as stream,
            appending(staged, aside=is_long) as append,
        ):
            for chunk in stream.chunks():
                self._check_stop()
                append(chunk)
                reading.take(chunk)
                self.progress.moved(len(chunk))
            return stream.origin

    def _check_stop(self) -> None:
        if self.should_stop():
            raise StoppedError("stopped while fetching; what was fetched is kept for the next pass")


def _note(stage: Stage, name: str, pin: str, origin: Origin) -> None:
    """Keeps *origin* beside a whole file, so that a resumed delivery need not ask for that file again."""
    with stage.file(f"note:{name}", pin) as note:
        if note.size == 0:
            note.append(json.dumps(to_json(origin)).encode())


def _noted(stage: Stage, name: str, pin: str) -> Origin | None:
    with stage.file(f"note:{name}", pin) as note:
        text = b"".join(note.read_back())
    try:
        kept = json.loads(text)
        kept["last_modified"] = parse_time(kept["last_modified"]) if kept["last_modified"] else None
        return Origin(**kept)
    except (ValueError, TypeError, KeyError):  # torn by a crash: the file is asked for again
        return None
