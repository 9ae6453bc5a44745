"""How answers look on stdout: JSON lines, aligned tables, sizes, verdicts. Nothing from outside goes unescaped."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

from archiver.domain.text import printable
from archiver.render.progress import hidden

INTERRUPTED: Final = "archiver: interrupted; what was done before stands"
"""Said by a command that ended before its work, because it was asked to."""

_COLOURS: Final = {"verified": "green", "failed": "red", "indeterminate": "yellow", "pending": "cyan"}
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def answer(text: str, nl: bool = True) -> None:
    """*text* on stdout as it is, with no progress line in its way. Only for what is escaped already."""
    if sys.stdout.isatty():
        with hidden():
            click.echo(text, nl=nl)
    else:
        click.echo(text, nl=nl)


def print_json(value: Mapping[str, Any] | Sequence[Any]) -> None:
    """*value* as one line of JSON. Text stays readable; what does not print is escaped as JSON does it."""
    line = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    answer("".join(c if c.isprintable() else _json_escape(c) for c in line))


def _json_escape(character: str) -> str:
    """The ``\\uNNNN`` form (a pair of them beyond the BMP) of a character inside a JSON string."""
    return json.dumps(character)[1:-1] if ord(character) != 0x7F else "\\u007f"


def say(text: str = "") -> None:
    """One line of answer on stdout, made printable."""
    answer(printable(text, most=10_000))


def say_verdict(verdict: str, *words: str, indent: str = "") -> None:
    """One line of answer: *verdict* in its colour, then *words*, made printable. Colour comes last."""
    shown = [verdict_text(verdict), *(printable(word, most=2000) for word in words if word)]
    answer(indent + "  ".join(shown))


def note(text: str, verbosity: int = 0) -> None:
    """One line beside the answer, on stderr; nothing with ``-q``."""
    if verbosity >= 0:
        click.echo(printable(text, most=10_000), err=True)


def warn(warning: str) -> None:
    """Says *warning* on stderr, however quiet the command is to be."""
    click.echo(f"archiver: warning: {printable(warning, most=10_000)}", err=True)


def print_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """*rows* below *head* in aligned columns. Numbers stand right, text left; verdicts in colour on a terminal."""
    cells = [[printable(_cell(value)) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    right = [bool(rows) and all(isinstance(row[i], int | float) for row in rows) for i in range(len(head))]
    answer(_line(head, widths, right).rstrip())
    for row in cells:
        answer(_line(row, widths, right, coloured()).rstrip())


def _cell(value: object) -> str:
    return "-" if value is None or value == "" else str(value)


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool], colour: bool = False) -> str:
    parts = []
    for cell, width, to_right in zip(cells, widths, right, strict=True):
        padded = cell.rjust(width) if to_right else cell.ljust(width)
        parts.append(padded.replace(cell, verdict_text(cell), 1) if colour and cell in _COLOURS else padded)
    return "  ".join(parts)


def coloured() -> bool:
    """True if stdout is a terminal and nobody asked for no colour (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def verdict_text(verdict: str) -> str:
    """*verdict*, in its colour where colour is wanted."""
    return click.style(verdict, fg=_COLOURS.get(verdict)) if coloured() else verdict


def counted(count: int, what: str) -> str:
    """``1 item``, ``2 items``, ``1,000 items``."""
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def started_as(script: str) -> str:
    """How the command line that is running can be typed again: ``archiver`` where the shell finds this one.

    *script* is ``sys.argv[0]``: a path, of a script or of our own module with ``python -m``.
    """
    if script.endswith(".py"):
        return f"{shlex.quote(sys.executable)} -m archiver.cli.main"
    found = shutil.which(os.path.basename(script))
    return (
        os.path.basename(script)
        if found and os.path.realpath(found) == os.path.realpath(script)
        else shlex.quote(script)
    )


def human_size(size: int) -> str:
    """Bytes for people: ``512 B``, ``1.5 MiB``."""
    amount = float(size)
    for unit in _UNITS[:-1]:
        if amount < 1024:
            return f"{size} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} {_UNITS[-1]}"
