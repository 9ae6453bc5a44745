"""What two processes have to know of each other to share the events: how far one has come, and where it ends.

The one goes through its events from the first on, a piece at a time, each of which it claims before. The other, once
it has nothing else to do, takes over half of what is left: so both come to their end at the same time, however
unequal events and processors are.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from archiver.adapters.ledger.check_reader import Part

_AT_ONCE: Final = 5000
"""Numbers of a piece: some hundredths of a second."""

_STATE: Final = struct.Struct("=qq")
"""The first number that was not claimed yet, and the one at which it ends."""


class Claims:
    """Both processes' view of it, through *file*: a descriptor of an unnamed file that they share."""

    def __init__(self, file: int) -> None:
        self._file = file

    def share_out(self, start: int, end: int) -> None:
        """The events from *start* up to but without *end* are there to be claimed."""
        os.pwrite(self._file, _STATE.pack(start, end), 0)

    def pieces(self) -> Iterator[Part]:
        """Claims piece after piece. The first of all events has no beginning: what stands before it belongs to it."""
        while (piece := self._claimed()) is not None:
            start, end = piece
            yield start or None, end

    def _claimed(self) -> tuple[int, int] | None:
        with self._alone():
            start, end = self._state()
            if start >= end:
                return None
            upto = min(start + _AT_ONCE, end)
            self.share_out(upto, end)
            return start, upto

    def take_over(self) -> int:
        """Takes the later half of what was not claimed yet; answers where it begins."""
        with self._alone():
            start, end = self._state()
            middle = max(start, end - (end - start) // 2)
            self.share_out(start, middle)
            return middle

    def _state(self) -> tuple[int, int]:
        start, end = _STATE.unpack(os.pread(self._file, _STATE.size, 0))
        return start, end

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """The lock goes with its process, whatever ends that."""
        fcntl.lockf(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN)
