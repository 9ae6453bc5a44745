"""structlog for what runs long: events with their circumstances, in the lines of ``logs``."""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from structlog.typing import EventDict, WrappedLogger

from archiver import logs


def configure(log_format: str, verbosity: int, environ: Mapping[str, str]) -> None:
    """Sets up structlog, and the standard library's logging to end in the same place. See ``logs.configure``."""
    level, line = logs.configure(log_format, verbosity, environ)

    def rendered(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
        return line(dict(event))

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            rendered,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_args: _Stderr(),
        cache_logger_on_first_use=False,
    )


class _Stderr:
    def msg(self, line: str) -> None:
        logs.write_line(line)

    debug = info = warning = error = critical = exception = log = msg
