"""One long S3 object over several connections where one alone is slow, given in order.

It begins as one GET of everything. Where the network keeps whoever reads waiting, the rest is asked for in ranges,
some at once; on a fast network these would only cost. Each is bound to the same object as the GET is, which goes on
until it stands where a range has begun to come: nobody waits for a range while the GET has bytes to give. From a
server that knows no ranges, refuses them or leaves them unanswered everything comes that way. Ranges that come before
their turn wait in memory: at most ``PARTS_AHEAD`` in all streams of a source together, however many there are.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Final

from archiver.adapters.aws.stream import S3Stream
from archiver.domain.evidence import Origin
from archiver.domain.limits import MIB
from archiver.errors import ObjectChangedError, SourceUnreachableError

PART_BYTES: Final = 8 * MIB
"""Of one range; after as many it is looked at how fast they came."""

PARTS_AHEAD: Final = 8
"""Ranges that are fetched before their turn; S3 gives some 80 MB/s on each connection."""

RANGED_FROM_BYTES: Final = 4 * PART_BYTES
"""What is shorter comes by one GET."""

SLOW_BYTES_PER_SECOND: Final = 512 * MIB
"""A connection that gives less while it is waited for is not left alone."""

_ATTEMPTS: Final = 2
"""Tries for one range in a stream; whoever reads the stream tries again from there."""

_PAUSE_SECONDS: Final = 0.5

_LOOK_SECONDS: Final = 0.2
"""Longest wait for a range before an empty chunk is given: whoever reads looks between chunks whether to stop."""

_END_SECONDS: Final = 0.5
"""How long the threads are waited for at the end. One whose server is silent ends with the client's time-out."""


class RangeIgnoredError(SourceUnreachableError):
    """The server answered a range with everything."""


Ask = Callable[[int, int], AbstractContextManager[S3Stream]]
"""Asks for the bytes from the first offset to before the second. Raises SourceError, RangeIgnoredError among them."""


@dataclass(eq=False)
class _Part:
    """Bytes from ``start`` to before ``stop``, as they come; an error is the last to come, None the end.

    ``trouble``: that error. ``given_up``: nobody takes the bytes any more.
    """

    start: int
    stop: int
    permitted: bool
    came: SimpleQueue[bytes | Exception | None] = field(default_factory=SimpleQueue)
    trouble: Exception | None = None
    given_up: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread = field(init=False)

    def is_coming(self) -> bool:
        """Bytes are there, and no error is known to come behind them."""
        return self.trouble is None and not self.came.empty()

    def chunks(self) -> Iterator[bytes]:
        """What comes, an empty chunk now and then as long as nothing does. Raises the error that ended it."""
        while True:
            try:
                chunk = self.came.get(timeout=_LOOK_SECONDS)
            except Empty:
                yield b""
                continue
            if chunk is None:
                return
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk

    def give_up(self) -> None:
        """Frees what came: a thread that waits for its server holds the part still."""
        self.given_up.set()
        self.came = SimpleQueue()


class RangedStream:
    """Implements :class:`archiver.ports.ObjectStream`: the object from *offset* to its end at *size*.

    *first*: the answer with everything from *offset* on; *leave_first* gives its connection up. *ahead*: permits for
    parts before their turn, shared by all streams of a source. A context manager: at its end it drops what is on its
    way, and waits for it no longer than ``_END_SECONDS``. Where a server is silent its threads go on for as long as
    the client has patience, hold a chunk each and no permit, and keep no process from ending.
    """

    def __init__(
        self,
        first: S3Stream,
        leave_first: Callable[[], None],
        ask: Ask,
        offset: int,
        size: int,
        ahead: threading.Semaphore,
    ) -> None:
        self._first = first
        self._leave_first = leave_first
        self._ask = ask
        self._position = self._next = offset
        self._size = size
        self._ahead = ahead
        self._parts: deque[_Part] = deque()
        self._overtaken: list[_Part] = []

    @property
    def origin(self) -> Origin:
        """Of the first answer; the others are of the same object, or there is an error."""
        return self._first.origin

    def __enter__(self) -> RangedStream:
        return self

    def __exit__(self, *_: object) -> None:
        begun = [*self._overtaken, *self._parts]
        while self._parts:
            self._drop_first_part()
        until = time.monotonic() + _END_SECONDS
        for part in begun:
            if part.thread.is_alive():
                part.thread.join(max(0.0, until - time.monotonic()))

    def chunks(self) -> Iterator[bytes]:
        """See the port. An error of a range comes no sooner than its bytes would, those before it come first."""
        first = self._first.chunks()
        yield from self._while_fast(first)
        yield from self._until_ranges_come(first)
        if not self._parts:
            return
        self._leave_first()
        while self._parts:
            yield from self._parts[0].chunks()
            self._drop_first_part()
            self._begin_parts()

    def _while_fast(self, first: Iterator[bytes]) -> Iterator[bytes]:
        """What comes until it was waited for too long and enough is left for ranges."""
        waited, came = 0.0, 0
        while True:
            began = time.monotonic()
            chunk = next(first, None)
            waited += time.monotonic() - began
            if chunk is None:
                return
            yield chunk
            self._position += len(chunk)
            came += len(chunk)
            if came >= PART_BYTES:
                if waited * SLOW_BYTES_PER_SECOND > came and self._size - self._position > 2 * PART_BYTES:
                    return
                waited, came = 0.0, 0

    def _until_ranges_come(self, first: Iterator[bytes]) -> Iterator[bytes]:
        """What *first* gives until it stands where a part is coming, which then is the first of ``_parts``.

        A part that is not coming by then is overtaken. Once all are, and their threads are free again, others are
        asked for twice as far ahead: some servers take their time.
        """
        lead = PART_BYTES
        while not self._are_refused():
            if not self._parts and not any(part.thread.is_alive() for part in self._overtaken):
                self._next = self._position + lead
                lead = min(2 * lead, self._size)
                self._begin_parts()
            chunk = next(first, None)
            if chunk is None:
                return
            while chunk:
                piece = chunk[: self._parts[0].start - self._position] if self._parts else chunk
                yield piece
                self._position += len(piece)
                chunk = chunk[len(piece) :]
                if self._parts and self._parts[0].start == self._position:
                    if self._parts[0].is_coming():
                        return
                    self._overtaken.append(self._drop_first_part())
        while self._parts:
            self._drop_first_part()
        yield from first

    def _are_refused(self) -> bool:
        """Whether a range failed that could be done without. Raises ObjectChangedError, which no GET can mend."""
        troubles = [part.trouble for part in self._overtaken if part.trouble is not None]
        for trouble in troubles:
            if isinstance(trouble, ObjectChangedError):
                raise trouble
        return bool(troubles)

    def _begin_parts(self) -> None:
        """Begins as many parts as there is room for; the one whose turn it is needs no permit."""
        while self._next < self._size and len(self._parts) < PARTS_AHEAD:
            permitted = self._ahead.acquire(blocking=False)
            if not permitted and self._parts:
                return
            part = _Part(self._next, min(self._next + PART_BYTES, self._size), permitted)
            part.thread = threading.Thread(target=self._fetch, args=(part,), name="range", daemon=True)
            self._next = part.stop
            self._parts.append(part)
            part.thread.start()

    def _drop_first_part(self) -> _Part:
        part = self._parts.popleft()
        part.give_up()
        if part.permitted:
            self._ahead.release()
        return part

    def _fetch(self, part: _Part) -> None:
        """Puts all of *part* into it. A range that breaks off is asked for once more, from there."""
        position = part.start
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with self._ask(position, part.stop) as stream:
                    for chunk in stream.chunks():
                        if part.given_up.is_set():
                            return
                        part.came.put(chunk)
                        position += len(chunk)
            except Exception as error:
                again = isinstance(error, SourceUnreachableError) and not isinstance(error, RangeIgnoredError)
                if attempt == _ATTEMPTS or not again or part.given_up.wait(_PAUSE_SECONDS):
                    part.trouble = error
                    part.came.put(error)
                    return
            else:
                part.came.put(None)
                return
