"""gzip unpacked as its bytes come, member after member (RFC 1952, section 2.2), within bounds. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

from archiver.domain.limits import GIB, MIB
from archiver.domain.survey import Packing

MOST_RATIO: Final = 200
"""A file is unpacked to so many times its size and 1 GiB more; DEFLATE could reach 1,032 times."""

_MAGIC: Final = b"\x1f\x8b"
_PIECE: Final = 256 * 1024


class Unpacker:
    """``produced``: bytes that came out so far; ``trouble``: why no more do, "" while they do."""

    def __init__(self) -> None:
        self.produced = 0
        self.trouble = ""
        self._state: Packing | None = None
        self._taken = 0
        self._held: bytes | None = b""
        self._inflater: zlib._Decompress | None = None

    def take(self, chunk: bytes) -> Iterator[bytes]:
        """What comes out of *chunk*, at most 1 MiB a piece."""
        self._taken += len(chunk)
        if self._held is not None:
            chunk = self._held + chunk
            if len(chunk) < len(_MAGIC):
                self._held = chunk
                return
            self._held = None
            if not chunk.startswith(_MAGIC):
                self._state = Packing.NOT_GZIP
        if self._state is None:
            yield from self._inflated(chunk)

    def _inflated(self, chunk: bytes) -> Iterator[bytes]:
        """Small pieces go in: each member copies what follows it in its piece."""
        for at in range(0, len(chunk), _PIECE):
            data = chunk[at : at + _PIECE]
            while data:
                self._inflater = self._inflater or zlib.decompressobj(wbits=31)
                try:
                    out = self._inflater.decompress(data, MIB)
                except zlib.error as error:
                    self._end(Packing.DAMAGED, f"it cannot be unpacked beyond {self.produced} bytes: {error}")
                    return
                self.produced += len(out)
                if out:
                    yield out
                if self.produced > GIB + MOST_RATIO * self._taken:
                    self._end(Packing.INTACT, f"it unpacks to more than {self.produced} bytes: not read further")
                    return
                data = self._inflater.unconsumed_tail
                if self._inflater.eof:
                    data, self._inflater = self._inflater.unused_data, None

    def _end(self, state: Packing, trouble: str) -> None:
        self._state, self.trouble, self._inflater = state, trouble, None

    def end(self) -> Packing:
        """What the file is, now that it has ended."""
        if self._held is not None:
            self._state = Packing.NOT_GZIP
        elif self._inflater is not None:
            self._end(Packing.DAMAGED, "it ends in mid-stream")
        return self._state or Packing.INTACT
