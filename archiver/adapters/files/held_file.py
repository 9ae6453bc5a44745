"""A small file on its way in, in memory: what nobody would resume need not be on the disk before it has its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from archiver.adapters.files.staged_file import FolderStagedFile
from archiver.domain.limits import KIB

HELD_BYTES: Final = 256 * KIB
"""Most bytes of one stage that are held in memory."""


class HeldFile:
    """``store_ports.StagedFile`` of at most *room* bytes; beyond, it goes on in the file that *spilt* makes."""

    def __init__(self, room: int, spilt: Callable[[], FolderStagedFile]) -> None:
        self._room = room
        self._spilt = spilt
        self._held = bytearray()
        self._file: FolderStagedFile | None = None

    @property
    def data(self) -> bytes | None:
        """What was appended; None where it went to a file."""
        return bytes(self._held) if self._file is None else None

    @property
    def size(self) -> int:
        return len(self._held) if self._file is None else self._file.size

    def read_back(self) -> Iterator[bytes]:
        """Nothing: it is new."""
        return iter(())

    def append(self, chunk: bytes) -> None:
        if self._file is None:
            if len(self._held) + len(chunk) <= self._room:
                self._held += chunk
                return
            self._file = self._spilt()
            self._file.append(bytes(self._held))
            self._held.clear()
        self._file.append(chunk)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
