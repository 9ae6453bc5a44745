"""gzip unpacked as its bytes come, member after member (RFC 1952, section 2.2), within bounds. Pure.

What comes out depends on the bytes alone, not on the pieces in which they come: it goes into evidence.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

from archiver.domain.limits import GIB, MIB
from archiver.domain.survey import Packing

MOST_RATIO: Final = 200
"""A file is unpacked to so many times its size and 1 GiB more; DEFLATE could reach 1,032 times."""

_MAGIC: Final = b"\x1f\x8b"
_BLOCK: Final = 16 * 1024
"""Bytes that are unpacked together: each member copies what follows it in its block."""


class Unpacker:
    """``produced``: bytes that came out so far; ``trouble``: why no more do, "" while they do."""

    def __init__(self) -> None:
        self.produced = 0
        self.trouble = ""
        self._state: Packing | None = None
        self._taken = 0
        self._held = bytearray()
        self._inflater: zlib._Decompress | None = None

    def take(self, chunk: bytes) -> Iterator[bytes]:
        """What comes out of *chunk* and of what is held from before, at most 1 MiB a piece."""
        if self._state is not None:
            return
        self._held += chunk
        while len(self._held) >= _BLOCK:
            block = bytes(self._held[:_BLOCK])
            del self._held[:_BLOCK]
            yield from self._block(block)

    def rest(self) -> Iterator[bytes]:
        """What is left to come out once the last chunk is in."""
        block = bytes(self._held)
        self._held.clear()
        if block:
            yield from self._block(block)

    def _block(self, block: bytes) -> Iterator[bytes]:
        if not self._taken and not block.startswith(_MAGIC):
            self._state = Packing.NOT_GZIP
        self._taken += len(block)
        if self._state is not None:
            return
        try:
            yield from self._inflated(block)
        except zlib.error as error:
            self._end(Packing.DAMAGED, f"it cannot be unpacked beyond {self.produced} bytes: {error}")

    def _inflated(self, data: bytes) -> Iterator[bytes]:
        while data and self._state is None:
            before = None if self._inflater is None else self._inflater.copy()
            inflater = self._inflater or zlib.decompressobj(wbits=31)
            try:
                out = inflater.decompress(data, MIB)
            except zlib.error:
                self._inflater = before or zlib.decompressobj(wbits=31)
                if len(data) > 1:  # whatever came out before the error was lost with it
                    yield from self._halves(data)
                raise
            self._inflater, data = (
                (None, inflater.unused_data) if inflater.eof else (inflater, inflater.unconsumed_tail)
            )
            yield from self._out(out)

    def _halves(self, data: bytes) -> Iterator[bytes]:
        """*data*, in which there is an error: as much as comes out before that. Raises zlib.error."""
        middle = len(data) // 2
        yield from self._inflated(data[:middle])
        yield from self._inflated(data[middle:])

    def _out(self, out: bytes) -> Iterator[bytes]:
        self.produced += len(out)
        if out:
            yield out
        if self.produced > GIB + MOST_RATIO * self._taken:
            self._end(Packing.TOO_LARGE, f"it unpacks to more than {self.produced} bytes: not read further")

    def _end(self, state: Packing, trouble: str) -> None:
        self._state, self.trouble, self._inflater = state, trouble, None
        self._held.clear()

    def end(self) -> Packing:
        """What the file is, once :meth:`rest` is out."""
        if not self._taken:
            return Packing.NOT_GZIP
        if self._state is None and self._inflater is not None:
            self._end(Packing.DAMAGED, "it ends in mid-stream")
        return self._state or Packing.INTACT
