"""Holding every row of the ledger against its custody events: here, or for a large ledger in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any, Final

from archiver.adapters.ledger.check_pass import check_all
from archiver.adapters.ledger.connection import Database
from archiver.domain.log_records import Problem
from archiver.errors import LedgerError
from archiver.log_ports import RowCheck, Tell

_SMALL: Final = 30_000
"""Events that are gone through here in less time than a process takes to start."""

_BOOT: Final = (
    "import json, sys; given = json.loads(sys.stdin.readline()); sys.path[:] = given['path'];"
    "from archiver.adapters.ledger.check_process import main; main(given['url'])"
)
"""The path is handed on, so that the process runs the very same program; the URL may hold a password."""

_SECONDS_TO_END: Final = 10


@contextmanager
def check_rows(database: Database, size: int) -> Iterator[RowCheck]:
    """See ``log_ports.CustodyLog``. Whatever is left running ends on leaving."""
    if size < _SMALL or not sys.executable:
        yield _Here(database)
        return
    process = _start(database)
    try:
        yield _There(process)
    finally:
        _end(process)


class _Here:
    """``log_ports.RowCheck`` in this process, when it is asked for."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def finish(self, tell: Tell) -> int:
        """See ``log_ports.RowCheck``."""
        with self._database.snapshot() as connection:
            return check_all(connection, tell)


class _There:
    """``log_ports.RowCheck`` in a process of its own, which has begun already."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def finish(self, tell: Tell) -> int:
        """See ``log_ports.RowCheck``."""
        last: dict[str, Any] = {}
        for line in self._process.stdout or ():
            last = json.loads(line)
            if "kind" in last:
                tell(Problem(**last))
        if "rows" in last:
            return int(last["rows"])
        if "error" in last:
            raise LedgerError(last["error"], last["remedy"])
        raise LedgerError(f"the check of the ledger's rows ended early, with status {self._process.wait()}")


def _start(database: Database) -> subprocess.Popen[bytes]:
    """``-I``: nothing of the folder that one happens to be in is run."""
    url = database.place.url.render_as_string(hide_password=False)
    given = json.dumps({"path": sys.path, "url": url}) + "\n"
    process = subprocess.Popen([sys.executable, "-I", "-c", _BOOT], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with suppress(BrokenPipeError):  # told of when it is asked for what it found
        pipe = _pipe(process.stdin)
        pipe.write(given.encode("utf-8"))
        pipe.flush()
    return process


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise LedgerError("the check of the ledger's rows cannot be started")
    return pipe


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    for pipe in (process.stdin, process.stdout):
        with suppress(OSError):
            _pipe(pipe).close()
    try:
        process.wait(_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
