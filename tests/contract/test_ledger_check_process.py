"""A large ledger's rows are held against their events in a process of its own: it tells the same, and never stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from archiver.adapters.ledger.database import SqlLedger, open_ledger
from archiver.adapters.ledger.upgrade import upgrade
from archiver.domain.log_records import Problem
from archiver.errors import LedgerError
from tests.support.histories import fill
from tests.support.ledgers import ACTOR, START, LedgerPlace

LARGE = 10**6
"""So many events are always gone through in another process."""

SMALL = 10

ROOT = Path(__file__).parents[2]


def told(ledger: SqlLedger, size: int) -> tuple[int, list[Problem]]:
    found: list[Problem] = []
    with ledger.log.check_rows(size) as check:
        return check.finish(found.append), found


def children() -> set[int]:
    """The processes that this one has started and that are there still."""
    there = Path(f"/proc/self/task/{os.getpid()}/children").read_text("ascii")
    return {int(number) for number in there.split()}


def test_another_process_tells_the_same(ledger: SqlLedger, ledger_place: LedgerPlace) -> None:
    fill(ledger, 4, 140)
    ledger_place.forge("UPDATE files SET etag = 'forged'", "UPDATE verifications SET at = 'x'")
    rows, found = told(ledger, SMALL)
    assert len(found) > 50
    assert told(ledger, LARGE) == (rows, found)


def test_what_is_never_asked_for_ends(sqlite_ledger: SqlLedger) -> None:
    before = children()
    with sqlite_ledger.log.check_rows(LARGE):
        assert len(children() - before) == 1
    assert children() == before
    with pytest.raises(KeyboardInterrupt), sqlite_ledger.log.check_rows(LARGE):
        raise KeyboardInterrupt
    assert children() == before


def test_an_end_before_the_end_is_an_error(sqlite_ledger: SqlLedger) -> None:
    before = children()
    with sqlite_ledger.log.check_rows(LARGE) as check:
        (child,) = children() - before
        os.kill(child, signal.SIGTERM)
        with pytest.raises(LedgerError, match="ended early"):
            check.finish(lambda _problem: None)


def test_a_ledger_that_cannot_be_read_is_an_error(sqlite_ledger: SqlLedger, sqlite_place: LedgerPlace) -> None:
    sqlite_ledger.close()
    sqlite_place.file.write_bytes(b"no database, and long enough to look like one" * 100)
    for size in (SMALL, LARGE):
        with pytest.raises(LedgerError, match="no SQLite database"):
            told(sqlite_ledger, size)


def test_it_ends_with_whoever_asked(sqlite_ledger: SqlLedger, sqlite_place: LedgerPlace) -> None:
    """Even by kill -9, which nobody can tell it of."""
    asks = (
        "import os, sys, time; sys.path.insert(0, sys.argv[1])\n"
        "from archiver.adapters.ledger.database import open_ledger\n"
        "from archiver.domain.custody import Actor\n"
        f"with open_ledger(sys.argv[2], Actor('u', 'h', 'v')).log.check_rows({LARGE}) as check:\n"
        "    print(open(f'/proc/self/task/{os.getpid()}/children').read(), flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", asks, str(ROOT), sqlite_place.url], stdout=subprocess.PIPE, text=True
    ) as asking:
        assert asking.stdout is not None
        child = Path("/proc") / asking.stdout.readline().strip()
        assert child.exists()
        asking.kill()
    ends = time.monotonic() + 30
    while child.exists() and "zombie" not in (child / "status").read_text("ascii") and time.monotonic() < ends:
        time.sleep(0.05)
    assert time.monotonic() < ends


def test_nobody_sees_the_password(postgres_place: LedgerPlace, ledger_with_password: SqlLedger) -> None:
    before = children()
    with ledger_with_password.log.check_rows(LARGE) as check:
        (child,) = children() - before
        for shown in ("cmdline", "environ"):
            assert b"s3cret" not in (Path("/proc") / str(child) / shown).read_bytes()
        assert check.finish(lambda _problem: None) > 0


@pytest.fixture
def ledger_with_password(postgres_place: LedgerPlace) -> SqlLedger:
    """A ledger on PostgreSQL that is opened with a password; the server asks for none."""
    upgrade(postgres_place.url, ACTOR, START)
    url = sa.make_url(postgres_place.url).set(password="s3cret")
    return open_ledger(url.render_as_string(hide_password=False), ACTOR)
