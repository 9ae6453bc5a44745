"""One long S3 object over several connections where one alone is slow, given in order.

It begins as one GET of everything. Where the network keeps whoever reads waiting, the rest is asked for in ranges,
some at once; on a fast network these would only cost. Each is bound to the same object as the GET is, which goes on
until the first range has come: from a server that knows no ranges everything comes that way. Ranges that come before
their turn wait in memory: at most ``PARTS_AHEAD`` in all streams of a source together, however many there are.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Final

from archiver.adapters.aws.stream import S3Stream
from archiver.domain.evidence import Origin
from archiver.domain.limits import MIB
from archiver.errors import SourceUnreachableError

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


class RangeIgnoredError(SourceUnreachableError):
    """The server answered a range with everything."""


Ask = Callable[[int, int], AbstractContextManager[S3Stream]]
"""Asks for the bytes from the first offset to before the second. Raises SourceError, RangeIgnoredError among them."""


@dataclass
class _Part:
    """Bytes from ``start`` to before ``stop``, as they come; an error is the last to come, None the end."""

    start: int
    stop: int
    permitted: bool
    came: SimpleQueue[bytes | Exception | None] = field(default_factory=SimpleQueue)
    _ahead: list[bytes | Exception | None] = field(default_factory=list)

    def peek(self) -> bytes | Exception | None:
        """What comes next, which is waited for."""
        if not self._ahead:
            self._ahead.append(self.came.get())
        return self._ahead[0]

    def chunks(self) -> Iterator[bytes]:
        """What comes. Raises the error that ended it."""
        while (chunk := self._ahead.pop() if self._ahead else self.came.get()) is not None:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk


class RangedStream:
    """Implements :class:`archiver.ports.ObjectStream`: the object from *offset* to its end at *size*.

    *first*: the answer with everything from *offset* on; *leave_first* gives its connection up. *ahead*: permits for
    parts before their turn, shared by all streams of a source. A context manager: at its end it waits for what is on
    its way, and drops it.
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
        self._closing = threading.Event()
        self._pool = ThreadPoolExecutor(PARTS_AHEAD, thread_name_prefix="range")

    @property
    def origin(self) -> Origin:
        """Of the first answer; the others are of the same object, or there is an error."""
        return self._first.origin

    def __enter__(self) -> RangedStream:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._pool.shutdown(cancel_futures=True)
        while self._parts:
            self._drop_first_part()

    def chunks(self) -> Iterator[bytes]:
        """See the port. An error of a range comes where its bytes would, those before it come first."""
        first = self._first.chunks()
        yield from self._while_fast(first)
        if self._position == self._size:
            return
        begin = self._next = self._position + PART_BYTES
        self._begin_parts()
        for chunk in first:
            left = begin - self._position
            yield chunk[:left]
            self._position += len(chunk)
            if self._position >= begin:
                if isinstance(self._parts[0].peek(), RangeIgnoredError):
                    if left < len(chunk):
                        yield chunk[left:]
                    yield from first
                    return
                break
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

    def _begin_parts(self) -> None:
        """Begins as many parts as there is room for; the one whose turn it is needs no permit."""
        while self._next < self._size and len(self._parts) < PARTS_AHEAD:
            permitted = self._ahead.acquire(blocking=False)
            if not permitted and self._parts:
                return
            part = _Part(self._next, min(self._next + PART_BYTES, self._size), permitted)
            self._next = part.stop
            self._parts.append(part)
            self._pool.submit(self._fetch, part)

    def _drop_first_part(self) -> None:
        if self._parts.popleft().permitted:
            self._ahead.release()

    def _fetch(self, part: _Part) -> None:
        """Puts all of *part* into it. A range that breaks off is asked for once more, from there."""
        position = part.start
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with self._ask(position, part.stop) as stream:
                    for chunk in stream.chunks():
                        if self._closing.is_set():
                            return
                        part.came.put(chunk)
                        position += len(chunk)
            except Exception as error:
                again = isinstance(error, SourceUnreachableError) and not isinstance(error, RangeIgnoredError)
                if attempt == _ATTEMPTS or not again or self._closing.wait(_PAUSE_SECONDS):
                    part.came.put(error)
                    return
            else:
                part.came.put(None)
                return
