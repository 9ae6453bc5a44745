"""Chunks of bytes as a stream that libraries read from."""

from __future__ import annotations

import io
from collections.abc import Iterable


class ChunkReader(io.RawIOBase):
    """Reads what *chunks* are, which must be *size* bytes. Raises ValueError where they are fewer or more."""

    def __init__(self, path: str, size: int, chunks: Iterable[bytes]) -> None:
        self._path, self._left, self._chunks = path, size, iter(chunks)
        self._rest = memoryview(b"")
        if size == 0:
            self._end()

    def readable(self) -> bool:
        """True."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """*size* bytes, fewer only at the end."""
        found = bytearray()
        while self._left and (size < 0 or len(found) < size):
            if not self._rest:
                chunk = next(self._chunks, b"")
                if not chunk:
                    raise ValueError(f"{self._path}: {self._left} bytes are missing")
                self._rest = memoryview(chunk)
            most = self._left if size < 0 else min(self._left, size - len(found))
            found += self._rest[:most]
            self._left -= min(most, len(self._rest))
            self._rest = self._rest[most:]
            if not self._left:
                self._end()
        return bytes(found)

    def _end(self) -> None:
        if self._rest or any(self._chunks):
            raise ValueError(f"{self._path}: more bytes than were announced")
