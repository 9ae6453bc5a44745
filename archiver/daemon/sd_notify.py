"""Talking to systemd, or to whoever else set ``NOTIFY_SOCKET``. Source: sd_notify(3), sd_watchdog_enabled(3).

Nothing here ever fails: a daemon does its work whether or not somebody listens.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Notifier:
    """``address``: of a datagram socket, ``@`` first for an abstract one; "" where nobody listens.

    ``watchdog``: seconds within which a sign of life is expected, None where none is.
    """

    address: str
    watchdog: float | None

    def ready(self) -> None:
        """Started, or done with reloading."""
        self._send("READY=1")

    def reloading(self) -> None:
        """The configuration is being read anew; the time is how systemd tells this answer from earlier ones."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """About to end."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """A sign of life for the watchdog."""
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line for ``systemctl status``."""
        self._send(f"STATUS={' '.join(text.split())}")

    def _send(self, message: str) -> None:
        if not self.address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.settimeout(1)  # a listener whose queue is full must not hold the daemon up
            sender.connect(f"\0{self.address[1:]}" if self.address.startswith("@") else self.address)
            sender.sendall(message.encode())


def notifier(environ: Mapping[str, str]) -> Notifier:
    """What *environ* says: ``NOTIFY_SOCKET``; ``WATCHDOG_USEC``, unless ``WATCHDOG_PID`` means another process."""
    address = environ.get("NOTIFY_SOCKET", "")
    micro = environ.get("WATCHDOG_USEC", "")
    ours = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    watchdog = int(micro) / 1e6 if ours and micro.isdecimal() and int(micro) > 0 else None
    return Notifier(address if address.startswith(("/", "@")) else "", watchdog)
