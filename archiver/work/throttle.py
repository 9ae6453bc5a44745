"""A limit on how fast the archive's medium is read, shared by all threads of a pass."""

from __future__ import annotations

import threading
import time


class Throttle:
    """Lets *per_second* bytes pass a second, None for no limit. ``wait`` ends early once *stopping* is set."""

    def __init__(self, per_second: int | None, stopping: threading.Event) -> None:
        self._per_second = per_second
        self._stopping = stopping
        self._lock = threading.Lock()
        self._free_at = time.monotonic()

    def passed(self, size: int) -> None:
        """*size* bytes were read: waits until as many more may be."""
        if self._per_second is None:
            return
        with self._lock:
            now = time.monotonic()
            self._free_at = max(self._free_at, now) + size / self._per_second
            pause = self._free_at - now
        self._stopping.wait(pause)
