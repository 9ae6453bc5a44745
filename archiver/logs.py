"""The log on stderr, as text for people and journald, or as JSON lines for machines.

Whatever comes from outside is made printable on its way out, so no object's name can forge a line or move a cursor.
Commands that do one pass log through the standard library; the daemon's structlog (``logs_structured``), which takes
long to import, writes the same lines.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from archiver.domain.custody import to_json
from archiver.domain.text import printable
from archiver.domain.times import format_time

ALERTS: Final = "archiver.alerts"
"""The logger of alerts that no address is configured for."""

_TRACEBACK: Final = logging.Formatter()

_PRIORITIES: Final = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}
"""sd-daemon(3): the kernel's levels, as ``<N>`` at the start of a line."""

_COLOURS: Final = {"critical": "\033[31;1m", "error": "\033[31m", "warning": "\033[33m", "debug": "\033[2m"}
_PLAIN: Final = "\033[0m"
_MOST_CHARS: Final = 2000


Line = Callable[[dict[str, Any]], str]
"""What an event looks like: ``level``, ``event``, perhaps ``exception`` (a traceback), and whatever else was told."""


def configure(log_format: str, verbosity: int, environ: Mapping[str, str]) -> tuple[int, Line]:
    """Has the standard library's logging (alerts, warnings of libraries) end on stderr; answers level and form.

    *log_format*: ``text`` or ``json``. *verbosity*: below 0 warnings only, 0 information, above 0 debugging.
    """
    level = logging.WARNING if verbosity < 0 else logging.DEBUG if verbosity > 0 else logging.INFO
    terminal = sys.stderr.isatty()
    journal = "JOURNAL_STREAM" in environ and not terminal  # a desktop's terminal inherits the variable
    colour = terminal and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
    line = _json_line if log_format == "json" else _TextLine(journal, colour)
    root = logging.getLogger()
    root.handlers[:] = [_Stderr(level, line)]
    root.setLevel(logging.WARNING)
    return level, line


def write_line(line: str) -> None:
    """Writes a whole line to whatever ``sys.stderr`` is now: a progress display puts itself there."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


class _Stderr(logging.Handler):
    """Writes records as lines; those of our own alerts do not say which logger they came through."""

    def __init__(self, level: int, line: Line) -> None:
        super().__init__(level)
        self._line = line

    def emit(self, record: logging.LogRecord) -> None:
        told: dict[str, Any] = {"level": record.levelname.lower(), "event": record.getMessage()}
        if record.name != ALERTS:
            told["logger"] = record.name
        if record.exc_info:
            told["exception"] = _TRACEBACK.formatException(record.exc_info)
        write_line(self._line(told))


def _json_line(event: dict[str, Any]) -> str:
    line = {
        "time": format_time(datetime.now(UTC)),
        "level": event.pop("level"),
        "event": str(event.pop("event")),
        **{key: _json_value(value) for key, value in event.items()},
    }
    return json.dumps(line, ensure_ascii=True, separators=(",", ":"))


def _json_value(value: object) -> Any:
    try:
        return to_json(value)
    except (TypeError, ValueError):
        return str(value)


class _TextLine:
    """``time level event key=value …``; for journald ``<N>event key=value …``: it keeps time and level itself."""

    def __init__(self, journal: bool, colour: bool) -> None:
        self._journal = journal
        self._colour = colour

    def __call__(self, event: dict[str, Any]) -> str:
        level = event.pop("level")
        trace = event.pop("exception", "")
        text = printable(str(event.pop("event")), _MOST_CHARS)
        pairs = "".join(f" {key}={_text_value(value)}" for key, value in event.items())
        lines = [text + pairs, *(printable(line, _MOST_CHARS) for line in trace.splitlines())]
        return "\n".join(self._start(level) + line + self._end(level) for line in lines)

    def _start(self, level: str) -> str:
        if self._journal:
            return f"<{_PRIORITIES.get(level, 6)}>"
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        colour = _COLOURS.get(level, "") if self._colour else ""
        return f"{now} {colour}{level:<8} "

    def _end(self, level: str) -> str:
        return _PLAIN if self._colour and not self._journal and level in _COLOURS else ""


def _text_value(value: object) -> str:
    shown = printable(str(value))
    return f'"{shown}"' if not shown or any(c in shown for c in ' "=') else shown
