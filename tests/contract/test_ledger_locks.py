"""Locks between threads and processes, over SQLite and PostgreSQL, and writers that are killed at any moment."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from archiver.adapters.ledger.database import SqlLedger, open_ledger
from archiver.adapters.ledger.tables import SCHEMA_REVISION
from archiver.adapters.ledger.upgrade import UpgradeResult, upgrade
from archiver.errors import BusyError, LeaseLostError
from tests.support.ledgers import ACTOR, START, LedgerPlace

ROOT = Path(__file__).parents[2]

HOLDER = """
import sys, time
from archiver.adapters.ledger.database import open_ledger
from archiver.domain.custody import Actor
ledger = open_ledger(sys.argv[1], Actor("other", "vault", "1"))
with ledger.locks.hold(sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""

WRITER = """
import sys
from archiver.adapters.ledger.database import open_ledger
from archiver.domain.custody import DaemonStarted
from tests.support.ledgers import ACTOR, START, acquired, item
ledger = open_ledger(sys.argv[1], ACTOR)
base = int(sys.argv[2])
print("ready", flush=True)
for turn in range(100000):
    first, second = item(base + 2 * turn), item(base + 2 * turn + 1)
    ledger.journal.record([acquired(first), acquired(second)])
    print(first.id, second.id, flush=True)
"""

UPGRADER = """
import sys
import archiver.adapters.ledger.upgrade as room
from tests.support.ledgers import ACTOR, START
whole = room.append
room.append = lambda *given: (whole(*given), print("nearly", flush=True), sys.stdin.read())
room.upgrade(sys.argv[1], ACTOR, START)
"""


def process(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def line_of(running: subprocess.Popen[str]) -> str:
    assert running.stdout is not None
    return running.stdout.readline().strip()


def rest_of(ended: subprocess.Popen[str]) -> str:
    """What an ended process said last."""
    assert ended.stdout is not None
    assert ended.stdin is not None
    ended.stdin.close()
    with ended.stdout:
        rest = ended.stdout.read()
    ended.wait()
    return rest


@pytest.fixture
def holder(ledger_place: LedgerPlace) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds ``daemon``."""
    running = process(HOLDER, ledger_place.url, "daemon")
    assert line_of(running) == "held"
    yield running
    running.kill()
    rest_of(running)


# ------------------------------------------------------------------------------------------ locks


def test_a_lock_that_another_process_holds_is_refused_and_its_holder_named(
    ledger: SqlLedger, holder: subprocess.Popen[str]
) -> None:
    with pytest.raises(BusyError, match=rf"daemon is held by .*process {holder.pid} on ") as caught:
        ledger.locks.hold("daemon", wait=False).__enter__()
    assert caught.value.remedy
    with ledger.locks.hold("sync:prod", wait=False):
        ledger.locks.check()


def test_a_lock_dies_with_its_process(ledger: SqlLedger, holder: subprocess.Popen[str]) -> None:
    holder.send_signal(signal.SIGKILL)
    with ledger.locks.hold("daemon"):
        ledger.locks.check()


def test_waiting_ends_when_the_holder_does(ledger: SqlLedger, holder: subprocess.Popen[str]) -> None:
    got = threading.Event()

    def wait() -> None:
        with ledger.locks.hold("daemon"):
            got.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert not got.wait(0.5)
    assert holder.stdin is not None
    holder.stdin.close()
    waiting.join(30)
    assert got.is_set()


def test_waiting_can_be_ended_by_a_signal(ledger: SqlLedger, holder: subprocess.Popen[str]) -> None:
    class Ended(Exception):  # noqa: N818 - what a signal's handler raises
        pass

    def end(_signal: int, _frame: object) -> None:
        raise Ended

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(Ended), ledger.locks.hold("daemon"):
            raise AssertionError("held by another process")
    finally:
        signal.signal(signal.SIGALRM, before)


def test_threads_exclude_each_other(ledger: SqlLedger, ledger_place: LedgerPlace) -> None:
    """Of one ledger and of two, for a lock of the operating system could belong to the process as a whole."""
    other = open_ledger(ledger_place.url, ACTOR)
    inside: list[str] = []
    most: list[int] = []

    def work(locks_of: SqlLedger) -> None:
        for _ in range(3):
            with locks_of.locks.hold("audit"):
                inside.append("x")
                most.append(len(inside))
                time.sleep(0.01)
                inside.pop()

    threads = [threading.Thread(target=work, args=(one,)) for one in (ledger, ledger, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert most == [1] * 9


def test_a_job_can_be_done_again_and_others_beside_it(ledger: SqlLedger) -> None:
    for _ in range(2):
        with ledger.locks.hold("sync:prod", wait=False), ledger.locks.hold("sync:prod/../x\n", wait=False):
            ledger.locks.check()
            with pytest.raises(BusyError):
                ledger.locks.hold("sync:prod", wait=False).__enter__()
    ledger.locks.check()


def test_an_error_inside_passes_and_ends_the_lock(ledger: SqlLedger) -> None:
    with pytest.raises(ValueError, match="inside"), ledger.locks.hold("daemon"):
        raise ValueError("inside")
    with ledger.locks.hold("daemon", wait=False):
        pass


def test_a_lock_whose_session_the_database_ended_is_lost(postgres_place: LedgerPlace) -> None:
    upgrade(postgres_place.url, ACTOR, START)
    ledger = open_ledger(postgres_place.url, ACTOR)
    with ledger.locks.hold("daemon"):
        ledger.locks.check()
        with psycopg.connect(postgres_place.url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks"
                " WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
            )
        with pytest.raises(LeaseLostError, match="daemon is lost"):
            ledger.locks.check()
        with open_ledger(postgres_place.url, ACTOR).locks.hold("daemon", wait=False):
            pass
    ledger.locks.check()
    ledger.close()


def test_a_lock_whose_file_was_removed_is_lost(sqlite_ledger: SqlLedger, sqlite_place: LedgerPlace) -> None:
    folder = sqlite_place.file.with_name("ledger.db.locks")
    with sqlite_ledger.locks.hold("daemon"):
        assert json.loads((folder / "daemon.lock").read_text())["job"] == "daemon"
        shutil.rmtree(folder)
        with pytest.raises(LeaseLostError, match="removed"):
            sqlite_ledger.locks.check()
    sqlite_ledger.locks.check()


# ------------------------------------------------------------------------------------------ killed writers


@pytest.mark.thorough
def test_killed_writers_leave_whole_records_without_gaps(ledger: SqlLedger, ledger_place: LedgerPlace) -> None:
    """Two processes write at once and are killed in the middle, twice: what was acknowledged is there."""
    acknowledged: list[list[str]] = []
    for round_ in range(2):
        writers = [process(WRITER, ledger_place.url, str(1_000_000 * (2 * round_ + n))) for n in (0, 1)]
        for writer in writers:
            assert line_of(writer) == "ready"
        for writer in writers:
            acknowledged += [line_of(writer).split() for _ in range(3 + round_)]
        for writer in writers:
            writer.kill()
        for writer in writers:
            acknowledged += [line.split() for line in rest_of(writer).split("\n")[:-1]]
    events = list(ledger.evidence.events())
    assert [event.seq for event in events] == list(range(len(events)))
    ids = [event.evidence_id for event in events[1:]]
    assert len(ids) == len(set(ids))
    assert len(ids) % 2 == 0
    assert {one for pair in acknowledged for one in pair} <= set(ids)
    assert len(acknowledged) <= len(ids) // 2 <= len(acknowledged) + 4
    assert ledger.evidence.disagreements_of([one for one in ids if one]) == {}
    if ledger_place.is_sqlite:
        with sqlite3.connect(ledger_place.file) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        connection.close()


def test_an_upgrade_that_is_killed_leaves_no_ledger_or_a_whole_one(empty_place: LedgerPlace) -> None:
    """Killed when everything is made and recorded, and only the end of the transaction is missing."""
    running = process(UPGRADER, empty_place.url)
    assert line_of(running) == "nearly"
    running.kill()
    rest_of(running)
    assert upgrade(empty_place.url, ACTOR, START) == UpgradeResult(None, SCHEMA_REVISION)
    assert empty_place.query("SELECT count(*) FROM custody_events") == [(1,)]
