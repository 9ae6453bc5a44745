"""What two processes have to know of each other to share the events: how far one has come, and where it ends.

The one goes through its events from the first on, a piece at a time, each of which it claims before. The other, once
it has nothing else to do, takes over half of the work that is left: so both come to their end at the same time,
however unequal events and processors are.
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

_LATER: Final = 24
"""What was gone through is not done with: its entries in indexes are read at the end, and the whole indexes once, by
whoever takes over. Measured, the former is more by twice the 24th part of what was gone through.
"""

_STATE: Final = struct.Struct("=qqq")
"""The first number of all, the first that was not claimed yet, and the one at which it ends."""


class Claims:
    """Both processes' view of it, through *file*: a descriptor of an unnamed file that they share."""

    def __init__(self, file: int) -> None:
        self._file = file

    def share_out(self, start: int, end: int) -> None:
        """The events from *start* up to but without *end* are there to be claimed."""
        self._lay_down(start, start, end)

    def pieces(self) -> Iterator[Part]:
        """Claims piece after piece. The first of all events has no beginning: what stands before it belongs to it."""
        while (piece := self._claimed()) is not None:
            start, end = piece
            yield start or None, end

    def _claimed(self) -> tuple[int, int] | None:
        with self._alone():
            first, start, end = self._state()
            if start >= end:
                return None
            upto = min(start + _AT_ONCE, end)
            self._lay_down(first, upto, end)
            return start, upto

    def take_over(self) -> int:
        """Takes what makes the later half of the work that is left; answers where it begins."""
        with self._alone():
            first, start, end = self._state()
            middle = max(start, end - (end - start) // 2 - (start - first) // _LATER)
            self._lay_down(first, start, middle)
            return middle

    def _lay_down(self, first: int, start: int, end: int) -> None:
        os.pwrite(self._file, _STATE.pack(first, start, end), 0)

    def _state(self) -> tuple[int, int, int]:
        first, start, end = _STATE.unpack(os.pread(self._file, _STATE.size, 0))
        return first, start, end

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """The lock goes with its process, whatever ends that."""
        fcntl.lockf(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN)
