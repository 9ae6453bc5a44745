"""Holding every row of the ledger against its custody events: here, or for a large ledger in processes of their own.

Each process goes through a part of the events. The last one puts together what they say: it is handed the others'
files, and a pipe from each that says whether it came to its end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Final

from archiver.adapters.ledger.check_pass import check_all
from archiver.adapters.ledger.connection import Database
from archiver.domain.log_records import Problem
from archiver.errors import LedgerError
from archiver.log_ports import RowCheck, Tell

_SMALL: Final = 30_000
"""Events that are gone through here in less time than a process takes to start."""

_MOST_PARTS: Final = 3
_SHARE_OF_LAST: Final = 0.7
"""Of what another part gets: the last one has what is to be put together besides."""

_BOOT: Final = (
    "import json, sys; given = json.loads(sys.stdin.readline()); sys.path[:] = given.pop('path');"
    "from archiver.adapters.ledger.check_process import main; main(**given)"
)
"""The path is handed on, so that a process runs the very same program; the URL may hold a password."""

_SECONDS_TO_END: Final = 10

_Process = subprocess.Popen[bytes]


@contextmanager
def check_rows(database: Database, size: int) -> Iterator[RowCheck]:
    """See ``log_ports.CustodyLog``. Whatever is left running ends on leaving."""
    if size < _SMALL or not sys.executable:
        yield _Here(database)
        return
    processes: list[_Process] = []
    try:
        try:
            _start_all(database, bounds(size, len(os.sched_getaffinity(0))), processes)
        except OSError as error:
            raise LedgerError(f"the check of the ledger's rows cannot be started: {error.strerror}") from error
        yield _There(processes)
    finally:
        _end(processes)


class _Here:
    """``log_ports.RowCheck`` in this process, when it is asked for."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def finish(self, tell: Tell) -> int:
        """See ``log_ports.RowCheck``."""
        with self._database.snapshot() as connection:
            return check_all(connection, tell)


class _There:
    """``log_ports.RowCheck`` in processes of their own, which have begun already."""

    def __init__(self, processes: Sequence[_Process]) -> None:
        self._processes = processes

    def finish(self, tell: Tell) -> int:
        """See ``log_ports.RowCheck``. What went wrong first is what the others stumbled over."""
        ends = [self._told_by(process, tell) for process in self._processes]
        for process, end in zip(self._processes, ends, strict=True):
            if "error" in end:
                raise LedgerError(end["error"], end["remedy"])
            if "rows" not in end:
                raise LedgerError(f"the check of the ledger's rows ended early, with status {process.wait()}")
        return int(ends[-1]["rows"])

    def _told_by(self, process: _Process, tell: Tell) -> dict[str, Any]:
        last: dict[str, Any] = {}
        for line in process.stdout or ():
            last = json.loads(line)
            if "kind" in last:
                tell(Problem(**last))
        return last


def bounds(size: int, cores: int) -> list[int]:
    """Where one part of *size* events ends and the next begins; as many parts as *cores* keep busy."""
    parts = min(_MOST_PARTS, cores)
    share = size / (parts - 1 + _SHARE_OF_LAST)
    return [int(share * part) for part in range(1, parts)]


def _start_all(database: Database, between: Sequence[int], processes: list[_Process]) -> None:
    """Starts a process a part, each of which is added to *processes* as it starts."""
    url = database.place.url.render_as_string(hide_password=False)
    with ExitStack() as stack:
        spools, ends = [], []
        for start, end in zip((None, *between), between, strict=False):
            spool = stack.enter_context(tempfile.TemporaryFile()).fileno()
            done, ending = os.pipe()
            stack.callback(os.close, done)
            spools.append(spool)
            ends.append(done)
            try:
                part = {"part": (start, end), "spools": [spool], "ends": [ending]}
                processes.append(_start({"url": url, **part}, (spool, ending)))
            finally:
                os.close(ending)
        part = {"part": (between[-1] if between else None, None), "spools": spools, "ends": ends}
        processes.append(_start({"url": url, **part}, (*spools, *ends)))


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


def _end(processes: Sequence[_Process]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()
        try:
            process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
