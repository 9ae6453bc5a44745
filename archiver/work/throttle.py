"""A limit on how fast the archive's medium is read, shared by all threads of a pass."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Pace(Protocol):
    """What is told of bytes that are read."""

    def passed(self, size: int) -> None:
        """*size* bytes were read."""
        ...


class Throttle:
    """Lets *per_second* bytes pass a second, None for no limit. ``wait`` ends early once *stopping* is set."""

    def __init__(self, per_second: int | None, stopping: threading.Event) -> None:
        self._per_second = per_second
        self._stopping = stopping
        self._lock = threading.Lock()
        self._free_at = time.monotonic()

    @property
    def quarter(self) -> int | None:
        """Bytes that pass in a quarter of a second, None for no limit."""
        return None if self._per_second is None else self._per_second // 4

    def passed(self, size: int) -> None:
        """*size* bytes were read: waits until as many more may be."""
        if self._per_second is None:
            return
        with self._lock:
            now = time.monotonic()
            self._free_at = max(self._free_at, now) + size / self._per_second
            pause = self._free_at - now
        self._stopping.wait(pause)


class Allowance:
    """Lets ``left`` bytes pass, and raises *beyond* at more."""

    def __init__(self, beyond: type[Exception]) -> None:
        self.left = 0
        self._beyond = beyond

    def passed(self, size: int) -> None:
        """*size* bytes were read. Raises what was given."""
        self.left -= size
        if self.left < 0:
            raise self._beyond
