"""The bytes of an open file, piece by piece, in memory that is used again: nothing is copied, nothing piles up.

Where the medium itself is read, the next piece is read while the one before is hashed, so that neither waits long
for the other.
"""

from __future__ import annotations

import mmap
from collections.abc import Generator
from queue import SimpleQueue
from threading import Event, Thread
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from archiver.domain.limits import KIB, MIB
from archiver.errors import MediumError

if TYPE_CHECKING:
    from io import BufferedIOBase

PIECE_BYTES: Final = 256 * KIB
"""What comes from memory is hashed while it lies in the core's own cache."""

_LEAST_BYTES: Final = 16 * KIB
"""A file that was small and has grown is not read byte by byte."""

AHEAD_BYTES: Final = 2 * MIB
"""What comes from a medium is asked for in pieces large enough for it to be busy."""

_BUFFERS: Final = 3
"""One is hashed, one is full, one is being filled."""


def pieces(stream: BinaryIO, path: str, size: int, *, ahead: bool) -> Generator[memoryview]:
    """What *stream* holds, to its end; each piece is overwritten once the next one is asked for.

    *size*: how many bytes are expected, which decides about memory only. *ahead*: the next pieces are read meanwhile,
    in a thread that ends with this generator, which is to be closed before *stream* is. Raises MediumError.
    """
    if ahead and size > AHEAD_BYTES:
        return _ahead(stream, path)
    return _one_by_one(stream, path, min(max(size + 1, _LEAST_BYTES), PIECE_BYTES))


def _one_by_one(stream: BinaryIO, path: str, size: int) -> Generator[memoryview]:
    buffer = memoryview(bytearray(size))
    while count := _read(stream, path, buffer):
        yield buffer[:count]


def _ahead(stream: BinaryIO, path: str) -> Generator[memoryview]:
    free: SimpleQueue[memoryview | None] = SimpleQueue()
    full: SimpleQueue[tuple[memoryview, int] | Exception] = SimpleQueue()
    ending = Event()
    for _ in range(_BUFFERS):
        free.put(memoryview(mmap.mmap(-1, AHEAD_BYTES)))  # begins at a page, as reading past the cache demands

    def fill() -> None:
        try:
            while (buffer := free.get()) is not None and not ending.is_set():
                count = _read(stream, path, buffer)
                full.put((buffer, count))
                if not count:
                    return
        except Exception as error:
            full.put(error)

    reader = Thread(target=fill, name="read-ahead", daemon=True)
    reader.start()
    try:
        while True:
            came = full.get()
            if isinstance(came, Exception):
                raise came
            buffer, count = came
            if not count:
                return
            yield buffer[:count]
            free.put(buffer)
    finally:
        ending.set()
        free.put(None)
        reader.join()


def _read(stream: BinaryIO, path: str, buffer: memoryview) -> int:
    """Fills *buffer* as far as there is something; 0 at the end."""
    try:
        return cast("BufferedIOBase", stream).readinto(buffer)
    except OSError as error:
        raise MediumError(f"{path} cannot be read: {error.strerror}") from error
