"""What every command gets: where the settings are, how much to say, and whether it was asked to stop."""

from __future__ import annotations

import atexit
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from types import FrameType
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:  # pydantic and structlog take longer to import than ``--help`` to answer
    from archiver.ports import Progress, ShouldStop
    from archiver.settings import Settings

ENDING_SECONDS: Final = 9.0
"""From the first SIGTERM or SIGINT to the end, however things stand: what is on disk is always crash-safe."""

_STOPPING: Final = (signal.SIGTERM, signal.SIGINT)


@dataclass(slots=True)
class Cli:
    """One invocation. ``verbosity``: -1 quiet, 0 normal, 1 and more verbose; ``log_format``: text or json.

    ``stop`` is set by the first SIGTERM or SIGINT, once :meth:`catch_signals` was called.
    """

    config: Path | None = None
    log_format: str = "text"
    verbosity: int = 0
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    stop: Event = field(default_factory=Event)
    _settings: Settings | None = None

    def settings(self) -> Settings:
        """The settings, read once. Raises SettingsError."""
        if self._settings is None:
            self._settings = self.read_settings()
        return self._settings

    def read_settings(self) -> Settings:
        """The settings as they are on disk now (SIGHUP). Raises SettingsError."""
        from archiver.settings import load_settings

        return load_settings(self.config, self.environ)

    def configure_logs(self, structured: bool = False) -> None:
        """Sets up logging to stderr as the global options ask; structlog may be used then if *structured*."""
        if structured:
            from archiver import logs_structured

            logs_structured.configure(self.log_format, self.verbosity, self.environ)
        else:
            from archiver import logs

            logs.configure(self.log_format, self.verbosity, self.environ)

    def progress(self) -> Progress:
        """A progress display on stderr: something to see on a terminal, nothing elsewhere or with ``-q``."""
        from archiver.render.progress import progress_on

        return progress_on(sys.stderr, quiet=self.verbosity < 0)

    def catch_signals(self) -> ShouldStop:
        """From now on the first SIGTERM or SIGINT only asks to stop; a second SIGINT interrupts at once.

        For commands that look at the answer between chunks and items. One that has not ended ``ENDING_SECONDS``
        after the first signal is broken off. Main thread only; ``run`` has its own way (``archiver.daemon.signals``).
        """
        reader, writer = socket.socketpair()
        writer.setblocking(False)
        threading.Thread(target=_break_off, args=(reader, writer), name="signals", daemon=True).start()
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        for number in _STOPPING:
            signal.signal(number, self._on_signal)
        atexit.register(_ignore)
        return self.stop.is_set

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            if self.stop.is_set():
                signal.signal(signal.SIGINT, signal.SIG_DFL)  # the next one does not wait for threads that hang
                raise KeyboardInterrupt
            if sys.stderr.isatty() and self.verbosity >= 0:
                os.write(sys.stderr.fileno(), b"\narchiver: stopping in good order; press again to break off\n")
        self.stop.set()


def _ignore() -> None:
    """The work is done and its status decided: a signal that comes while the interpreter ends changes neither."""
    for number in _STOPPING:
        signal.signal(number, signal.SIG_IGN)


def _break_off(reader: socket.socket, _writer: socket.socket) -> None:
    """Ends the process some time after the first signal. A thread: it sees the signal whatever the others hang in.

    It keeps both ends open. The status is what a shell gives a process that died of that signal.
    """
    number = next(n for data in iter(lambda: reader.recv(64), b"") for n in data if n in _STOPPING)
    time.sleep(ENDING_SECONDS)
    name = signal.Signals(number).name
    line = f"archiver: broken off {ENDING_SECONDS:g} s after {name}, for it hangs; what was done before stands\n"
    if select.select((), (2,), (), 0)[1]:  # a pipe that nobody empties may be what it hangs in
        os.write(2, line.encode())
    os._exit(128 + number)


pass_cli = click.make_pass_decorator(Cli, ensure=True)
"""Decorator for a command: its first argument is the :class:`Cli`."""
