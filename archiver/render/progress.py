"""Progress of long work on stderr: a live line on a terminal, nothing anywhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from archiver.domain.text import printable
from archiver.ports import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Display
    from rich.progress import TaskID


def progress_on(stream: TextIO, quiet: bool = False) -> Progress:
    """A progress display for *stream*: silent where it is no terminal, or where *quiet*."""
    return SilentProgress() if quiet or not stream.isatty() else TerminalProgress(stream)


class SilentProgress:
    """Shows nothing."""

    def begin(self, what: str) -> None:
        """Nothing."""

    def item(self, label: str) -> None:
        """Nothing."""

    def moved(self, size: int) -> None:
        """Nothing."""


class TerminalProgress:
    """One live line: what, how many items, bytes and rate, the item at hand. Safe from several threads.

    The line is gone when the process ends or the next :meth:`begin` comes; the answer stands on stdout.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._display: Display | None = None
        self._task: TaskID | None = None
        self._items = 0

    def begin(self, what: str) -> None:
        """Starts the line anew for *what*."""
        import atexit  # noqa: PLC0415 - with rich, only where there is a terminal

        if self._display is None:
            self._display = self._made()
            self._display.start()
            atexit.register(self.stop)
        elif self._task is not None:
            self._display.remove_task(self._task)
        self._items = 0
        self._task = self._display.add_task(printable(what, 40), total=None, items=0, label="")

    def item(self, label: str) -> None:
        """The next item is *label*."""
        if self._display is not None and self._task is not None:
            self._items += 1
            self._display.update(self._task, items=self._items, label=printable(label, 60))

    def moved(self, size: int) -> None:
        """*size* more bytes went through."""
        if self._display is not None and self._task is not None:
            self._display.advance(self._task, size)

    def stop(self) -> None:
        """Takes the line away; the next :meth:`begin` brings it back."""
        if self._display is not None:
            self._display.stop()
            self._display = self._task = None

    def _made(self) -> Display:
        from rich.console import Console  # noqa: PLC0415 - 100 ms
        from rich.progress import (  # noqa: PLC0415
            DownloadColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
            TransferSpeedColumn,
        )

        return Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            TextColumn("{task.fields[items]}", markup=False),
            DownloadColumn(binary_units=True),
            TransferSpeedColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[label]}", markup=False),
            console=Console(file=self._stream),
            transient=True,
        )
