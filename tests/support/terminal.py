"""The command on a terminal: a pseudo-terminal of a given width is its stdin, stdout and stderr."""

from __future__ import annotations

import errno
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True)
class Shown:
    """What a command wrote to its terminal, and how it ended."""

    status: int
    raw: str

    @property
    def lines(self) -> list[str]:
        """The lines that stay, without colours. Only what this program does to a terminal is understood."""
        screen = [""]
        for piece in re.split(r"(\n|\r|\x1b\[2K|\x1b\[1A)", self.raw.replace("\r\n", "\n")):
            match piece:
                case "\n":
                    screen.append("")
                case "\x1b[1A":
                    screen.pop()
                case "\x1b[2K":
                    screen[-1] = ""
                case "\r":
                    pass
                case _:
                    screen[-1] += _CONTROL.sub("", piece)
        return screen


def open_terminal(columns: int = 80) -> tuple[int, int]:
    """(our end, the program's end) of a new terminal, for the caller to close."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    return ours, theirs


def read_all(ours: int) -> str:
    """All that is written until the program's end is closed everywhere."""
    parts = []
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError as error:
            if error.errno != errno.EIO:  # Linux: nobody has the other end any more
                raise
            break
        if not part:
            break
        parts.append(part)
    return b"".join(parts).decode()


def show(*arguments: object, cwd: Path, environ: Mapping[str, str], columns: int = 80, **more: Any) -> Shown:
    """``archiver`` with *arguments* on a terminal; *more*: of Popen, such as another stdout."""
    command: Sequence[str] = [sys.executable, "-m", "archiver.cli.main", *map(str, arguments)]
    ours, theirs = open_terminal(columns)
    kept = {name: value for name, value in environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")}
    streams: dict[str, Any] = {"stdin": theirs, "stdout": theirs, "stderr": theirs, **more}
    try:
        with subprocess.Popen(command, cwd=cwd, env={**kept, "TERM": "xterm-256color"}, **streams) as process:
            os.close(theirs)
            raw = read_all(ours)
            return Shown(process.wait(60), raw)
    finally:
        os.close(ours)
