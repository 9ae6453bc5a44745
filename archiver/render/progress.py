"""Progress of long work on stderr: a live line on a terminal, nothing anywhere else."""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TextIO

from archiver.domain.text import printable
from archiver.ports import Progress

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")
_WHAT_CHARS: Final = 24
"""So much of what is done is shown: the figures behind it must have room on 80 columns."""

_displays: Final[list[TerminalProgress]] = []
"""The one on this process's terminal, of which there is one."""


def progress_on(stream: TextIO, quiet: bool = False) -> Progress:
    """A progress display for *stream*: silent where it is no terminal, or where *quiet*."""
    if quiet or not stream.isatty():
        return SilentProgress()
    display = TerminalProgress(stream)
    if not _displays:
        atexit.register(_take_away)
    _displays[:] = [display]
    return display


@contextmanager
def hidden() -> Iterator[None]:
    """No display inside: what is printed has the terminal for itself. The next sign of progress brings it back."""
    if not _displays:
        yield
        return
    with _displays[0].aside():
        yield


def _take_away() -> None:
    for display in _displays:
        display.stop()


class SilentProgress:
    """Shows nothing."""

    def begin(self, what: str, total: int = 0) -> None:
        """Nothing."""

    def item(self, label: str, count: int = 1) -> None:
        """Nothing."""

    def moved(self, size: int) -> None:
        """Nothing."""


class TerminalProgress:
    """One live line: what, how many items, bytes and rate, time, the item at hand. Safe from several threads.

    The line is there from one sign of progress to the next :meth:`aside` or :meth:`stop`, and leaves no trace.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.RLock()
        self._console: Console | None = None
        self._live: Live | None = None
        self._what: str | None = None
        self._label = ""
        self._items = self._bytes = self._total = 0
        self._began = 0.0

    def begin(self, what: str, total: int = 0) -> None:
        """Starts the line anew for *what*; *total*: items that there will be, 0 where nobody knows."""
        with self._lock:
            self._what, self._label = _cut(printable(what)), ""
            self._items = self._bytes = 0
            self._total = total
            self._began = time.monotonic()
            self._show()

    def item(self, label: str, count: int = 1) -> None:
        """The next item is *label*; *count*: items that are done with it."""
        with self._lock:
            self._items += count
            self._label = printable(label)
            self._show()

    def moved(self, size: int) -> None:
        """*size* more bytes went through."""
        with self._lock:
            self._bytes += size
            self._show()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """The line is away inside, and stays away until the next sign of progress."""
        with self._lock:
            self.stop()
            yield

    def stop(self) -> None:
        """Takes the line away; the next sign of progress brings it back."""
        with self._lock:
            live, self._live = self._live, None
            if live is not None:
                live.stop()

    def _show(self) -> None:
        """Brings the line back; what it says is asked for ten times a second."""
        if self._live is not None or self._what is None:
            return
        from rich.console import Console  # noqa: PLC0415 - 100 ms, only where there is a terminal
        from rich.live import Live  # noqa: PLC0415

        if self._console is None:
            self._console = Console(file=self._stream)
        # stdout is left alone: rich would send what is printed there to this console, that is to stderr.
        self._live = Live(
            get_renderable=self._line,
            console=self._console,
            refresh_per_second=10,
            transient=True,
            redirect_stdout=False,
        )
        self._live.start()

    def _line(self) -> Text:
        """One line whatever the width is; figures first, and the item at hand in the room that is left.

        Takes no lock: the display calls it while it holds its own, which :meth:`stop` waits for.
        """
        from rich.text import Text  # noqa: PLC0415

        seconds = time.monotonic() - self._began
        done = f"{self._items:,}"
        if self._total:
            done = f"{done} of {self._total:,} ({min(100, 100 * self._items // self._total)} %)"
        figures = f"{done}  {_size(self._bytes)}  {_size(self._bytes / max(seconds, 1.0))}/s"
        minutes, rest = divmod(int(seconds), 60)
        shown = f"{self._what}  {figures}  {minutes // 60}:{minutes % 60:02}:{rest:02}  {self._label}"
        return Text(shown.rstrip(), no_wrap=True, overflow="ellipsis", end="")


def _cut(what: str) -> str:
    return what if len(what) <= _WHAT_CHARS else f"{what[: _WHAT_CHARS - 1]}…"


def _size(size: float) -> str:
    """``2.0 KiB``: never more than 10 characters."""
    for unit in _UNITS[:-1]:
        if size < 1024:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} {_UNITS[-1]}"
