"""Holding every row of the ledger against its custody events: here, or for a large ledger in other processes too.

Each process goes through a part of the events. The others begin at once; this one has the tree to look at first, then
takes over a part of what is left, and at last puts together what all of them say.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import IO, Any, Final, NamedTuple

import sqlalchemy as sa

from archiver.adapters.ledger.check_claims import Claims
from archiver.adapters.ledger.check_pass import check_all, check_part, last_reader, put_together, spooled
from archiver.adapters.ledger.check_spool import Spool
from archiver.adapters.ledger.connection import Database
from archiver.adapters.ledger.tables import custody_events
from archiver.domain.log_records import Problem
from archiver.errors import LedgerError
from archiver.log_ports import RowCheck, Tell

_SMALL: Final = 30_000
"""Events that are gone through here in less time than a process takes to start."""

_MOST_OTHERS: Final = 2
"""Processes besides this one: with more, what is put together in one takes as long as the rest."""

_BOOT: Final = (
    "import json, sys; given = json.loads(sys.stdin.readline()); sys.path[:] = given.pop('path');"
    "from archiver.adapters.ledger.check_process import main; main(**given)"
)
"""The path is handed on, so that a process runs the very same program; the URL may hold a password."""

_SECONDS_TO_END: Final = 10

_COUNT: Final = {
    "sqlite": f"SELECT count(*) FROM {custody_events.name} NOT INDEXED",  # noqa: S608 - our own name
    "postgresql": f"SELECT count(*) FROM {custody_events.name}",  # noqa: S608 - our own name
}
"""On SQLite not by an index, which may have others than the table."""

_Process = subprocess.Popen[bytes]


class _Other(NamedTuple):
    """Another process. ``claims``: what it goes through; ``spool``: what it says of that, once it has ended."""

    process: _Process
    claims: Claims
    spool: IO[bytes]


@contextmanager
def check_rows(database: Database, size: int) -> Iterator[RowCheck]:
    """See ``log_ports.CustodyLog``. Whatever is left running ends on leaving."""
    events = min(size, _events(database))
    parts = bounds(events, len(os.sched_getaffinity(0))) if events else []
    if size < _SMALL or not parts or not sys.executable:
        yield _Here(database)
        return
    with ExitStack() as stack:
        try:
            others = [stack.enter_context(_other(database, start, end)) for start, end in parts]
        except OSError as error:
            raise LedgerError(f"the check of the ledger's rows cannot be started: {error.strerror}") from error
        yield _Beside(database, others)


def _events(database: Database) -> int:
    """How many events there are, counted: a forged number may say that there are 2**62."""
    try:
        with database.read() as connection:
            return int(connection.execute(sa.text(_COUNT[connection.dialect.name])).scalar_one())
    except LedgerError:  # the check itself tells
        return 0


def bounds(size: int, cores: int) -> list[tuple[int, int]]:
    """What of *size* events the other processes begin with, as many as *cores* keep busy beside this one."""
    others = min(_MOST_OTHERS, cores - 1)
    return [(size * part // others, size * (part + 1) // others) for part in range(others)]


class _Here:
    """``log_ports.RowCheck`` in this process, when it is asked for."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def finish(self, tell: Tell) -> int:
        """See ``log_ports.RowCheck``."""
        with self._database.snapshot() as connection:
            return check_all(connection, tell)


class _Beside:
    """``log_ports.RowCheck`` beside processes that have begun already."""

    def __init__(self, database: Database, others: Sequence[_Other]) -> None:
        self._database = database
        self._others = others

    def finish(self, tell: Tell) -> int:
        """See ``log_ports.RowCheck``. The last of the others leaves this process what it would come to last."""
        with self._database.snapshot() as connection, spooled() as spool:
            reader = last_reader(connection, tell)
            start = self._others[-1].claims.take_over()
            check_part(reader, [(start or None, None)], spool, tell)
            ends = [_told_by(other.process, tell) for other in self._others]
            for other, end in zip(self._others, ends, strict=True):
                if "error" in end:
                    raise LedgerError(end["error"], end["remedy"])
                if "ended" not in end:
                    status = other.process.wait()
                    raise LedgerError(f"the check of the ledger's rows ended early, with status {status}")
            return put_together(reader, [*(Spool(other.spool) for other in self._others), spool], tell)


def _told_by(process: _Process, tell: Tell) -> dict[str, Any]:
    last: dict[str, Any] = {}
    for line in process.stdout or ():
        last = json.loads(line)
        if "kind" in last:
            tell(Problem(**last))
    return last


@contextmanager
def _other(database: Database, start: int, end: int) -> Iterator[_Other]:
    """A process that goes through the events from *start* up to *end*; what is left of it ends on leaving."""
    with tempfile.TemporaryFile() as shared, tempfile.TemporaryFile() as spool:
        claims = Claims(shared.fileno())
        claims.share_out(start, end)
        url = database.place.url.render_as_string(hide_password=False)
        handed = {"claims": shared.fileno(), "spool": spool.fileno()}
        process = _start({"url": url, **handed}, list(handed.values()))
        try:
            yield _Other(process, claims, spool)
        finally:
            _end(process)


def _start(given: dict[str, Any], handed: Sequence[int]) -> _Process:
    """``-I``: nothing of the folder that one happens to be in is run. A session of its own: Ctrl-C is not for it."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", _BOOT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=handed,
        start_new_session=True,
    )
    with suppress(BrokenPipeError):  # told of when it is asked for what it found
        if process.stdin is not None:
            process.stdin.write(json.dumps({"path": sys.path, **given}).encode("ascii") + b"\n")
            process.stdin.flush()
    return process


def _end(process: _Process) -> None:
    process.terminate()
    for pipe in (process.stdin, process.stdout):
        with suppress(OSError):
            if pipe is not None:
                pipe.close()
    try:
        process.wait(_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
