"""Signals, taken by a thread of their own, so that SIGTERM is obeyed whatever the other threads are stuck in."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from enum import Enum
from types import FrameType
from typing import Final, Self

ENDING_SECONDS: Final = 9.5
"""From SIGTERM to the end, however things stand: everything on disk is crash-safe at every moment."""

_STOPPING: Final = (signal.SIGTERM, signal.SIGINT)


class Wish(Enum):
    """What a signal asks for."""

    STOP = "stop"
    RELOAD = "reload"


class Signals:
    """A context manager for the main thread: inside it SIGTERM, SIGINT and SIGHUP end in *wanted*.

    *wanted* is called in the signals' thread. Once the end was asked for, the process ends within
    ``ENDING_SECONDS`` with status 0, even where it is stuck.
    """

    def __init__(self, wanted: Callable[[Wish], None]) -> None:
        self._wanted = wanted
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)

    def __enter__(self) -> Self:
        threading.Thread(target=self._take, name="signals", daemon=True).start()
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in (*_STOPPING, signal.SIGHUP):
            signal.signal(number, _nothing)
        return self

    def __exit__(self, *_: object) -> None:
        """Handlers stay: while the process ends, a second SIGTERM must not kill it half-way."""

    def _take(self) -> None:
        while True:
            for number in self._reader.recv(64):
                if number == signal.SIGHUP:
                    self._wanted(Wish.RELOAD)
                elif number in _STOPPING:
                    self._wanted(Wish.STOP)
                    time.sleep(ENDING_SECONDS)
                    leave(0)


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """The interpreter has written the signal's number to the socket by now."""


def leave(status: int) -> None:
    """Ends the process at once, without waiting for threads that hang."""
    sys.stderr.flush()
    os._exit(status)
