"""A job's stop flag and sign of life in one: work shows that it goes on by asking whether it should."""

from __future__ import annotations

import threading
import time


class Pulse(threading.Event):
    """Set to make a job end. Implements :class:`archiver.ports.Progress` too: whatever is shown counts as life."""

    def __init__(self) -> None:
        super().__init__()
        self._beat_at = time.monotonic()

    @property
    def silence(self) -> float:
        """Seconds since the last sign of life."""
        return time.monotonic() - self._beat_at

    def beat(self) -> None:
        """A sign of life."""
        self._beat_at = time.monotonic()

    def is_set(self) -> bool:
        """True once work is to end; asked between chunks and items."""
        self.beat()
        return super().is_set()

    def begin(self, what: str, total: int = 0) -> None:  # noqa: ARG002 - the port's signature
        """Something begins."""
        self.beat()

    def item(self, label: str, count: int = 1) -> None:  # noqa: ARG002
        """An item is done."""
        self.beat()

    def moved(self, size: int) -> None:  # noqa: ARG002
        """Bytes went through."""
        self.beat()
