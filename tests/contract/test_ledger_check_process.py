"""A large ledger's rows are held against their events in other processes: they tell the same, and never stay."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryFile

import pytest
import sqlalchemy as sa

from archiver.adapters.ledger.check import bounds
from archiver.adapters.ledger.check_claims import Claims
from archiver.adapters.ledger.check_pass import check_part, last_reader, other_reader, put_together
from archiver.adapters.ledger.check_reader import Part
from archiver.adapters.ledger.check_spool import Spool
from archiver.adapters.ledger.connection import connect, place_of
from archiver.adapters.ledger.database import SqlLedger, open_ledger
from archiver.domain.log_records import Problem
from archiver.errors import LedgerError
from tests.support.histories import fill
from tests.support.ledgers import ACTOR, LedgerPlace

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
    again, others = told(ledger, LARGE)
    assert (again, sorted(others, key=str)) == (rows, sorted(found, key=str))


def test_an_index_that_has_no_event_leaves_no_row_unseen(sqlite_ledger: SqlLedger, sqlite_place: LedgerPlace) -> None:
    """Numbers of events are shared out by how many there are, which SQLite would rather ask an index."""
    fill(sqlite_ledger, 4, 140)
    columns = "evidence_id, at, occasion, verdict, reasons, findings, checks, key_sha256"
    sqlite_place.forge(f"INSERT INTO verifications SELECT -3, {columns} FROM verifications LIMIT 1")
    with sqlite_place.raw() as connection:
        connection.execute("CREATE INDEX mine ON custody_events (seq) WHERE 0")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET sql = replace(sql, ' WHERE 0', '') WHERE name = 'mine'")
    sqlite_ledger.close()
    _, found = told(sqlite_ledger, LARGE)
    assert ("row_added", "verifications") in {(one.kind, one.table) for one in found}


@pytest.mark.parametrize("between", [[0], [1], [70], [140], [141], [500], [30, 60], [60, 61], [0, 141]])
def test_parts_that_are_put_together_tell_the_same(
    sqlite_ledger: SqlLedger, sqlite_place: LedgerPlace, between: list[int]
) -> None:
    """Wherever the events are parted: items, deliveries and alerts have theirs on both sides."""
    fill(sqlite_ledger, 4, 140)
    sqlite_place.forge(
        "UPDATE evidence_state SET findings = '[]' WHERE findings != '[]'",
        "UPDATE deliveries SET gone = 1 - gone, revision = revision + 1",
        "UPDATE sources SET url = 'x'",
        "DELETE FROM alerts WHERE id = (SELECT max(id) FROM alerts)",
        "DELETE FROM verifications WHERE seq BETWEEN 55 AND 75",
        "UPDATE files SET evidence_id = 'x' || rowid WHERE rowid % 9 = 0",
    )
    found: list[Problem] = []
    with ExitStack() as stack:
        database = stack.enter_context(closing(connect(place_of(sqlite_place.url))))
        connection = stack.enter_context(database.snapshot())
        spools = [Spool(stack.enter_context(TemporaryFile())) for _ in range(len(between) + 1)]
        last = last_reader(connection, found.append)
        for spool, start, end in zip(spools, [None, *between], [*between, None], strict=True):
            reader = last if end is None else other_reader(connection)
            check_part(reader, [(start, end)], spool, found.append)
        rows = put_together(last, spools, found.append)
    assert len(found) > 30
    expected_rows, expected = told(sqlite_ledger, SMALL)
    assert (rows, sorted(found, key=str)) == (expected_rows, sorted(expected, key=str))


def test_pieces_of_a_part_tell_the_same(sqlite_ledger: SqlLedger, sqlite_place: LedgerPlace) -> None:
    """As does an end that comes while a part is gone through: no piece is told twice, or never."""
    fill(sqlite_ledger, 4, 140)
    sqlite_place.forge(
        "DELETE FROM verifications WHERE seq BETWEEN 35 AND 45",
        "UPDATE custody_events SET kind = 'x' WHERE seq % 20 = 0",
        "INSERT INTO log_keys SELECT 1 - seq, key, before, vouched FROM log_keys",
    )
    found: list[Problem] = []
    with ExitStack() as stack:
        database = stack.enter_context(closing(connect(place_of(sqlite_place.url))))
        connection = stack.enter_context(database.snapshot())
        shared, *files = (stack.enter_context(TemporaryFile()) for _ in range(3))
        claims, other = Claims(shared.fileno()), other_reader(connection)
        claims.share_out(0, 100)
        taken: list[int] = []

        def pieces() -> Iterator[Part]:
            for start in range(0, 30, 10):
                yield start or None, start + 10
            claims.share_out(30, 100)
            taken.append(claims.take_over())
            yield from claims.pieces()

        spools = [Spool(file) for file in files]
        check_part(other, pieces(), spools[0], found.append)
        last = last_reader(connection, found.append)
        check_part(last, [(taken[0], None)], spools[1], found.append)
        rows = put_together(last, spools, found.append)
    assert taken == [65]
    expected_rows, expected = told(sqlite_ledger, SMALL)
    assert len(found) > 15
    assert (rows, sorted(found, key=str)) == (expected_rows, sorted(expected, key=str))


def test_the_work_that_is_left_is_shared_by_halves() -> None:
    with TemporaryFile() as shared:
        claims = Claims(shared.fileno())
        claims.share_out(0, 20_000)
        pieces = claims.pieces()
        assert next(pieces) == (None, 5000)
        assert claims.take_over() == 12_292  # what was gone through is not done with
        assert list(pieces) == [(5000, 10_000), (10_000, 12_292)]
        assert claims.take_over() == 12_292
        assert list(claims.pieces()) == []


def test_processes_are_as_many_as_there_are_cores_for() -> None:
    assert bounds(100_000, 1) == []
    assert bounds(100_000, 2) == [(0, 100_000)]
    assert bounds(100_001, 64) == [(0, 50_000), (50_000, 100_001)]


def test_what_is_never_asked_for_ends(sqlite_ledger: SqlLedger) -> None:
    before = children()
    with sqlite_ledger.log.check_rows(LARGE):
        assert children() > before
    assert children() == before
    with pytest.raises(KeyboardInterrupt), sqlite_ledger.log.check_rows(LARGE):
        raise KeyboardInterrupt
    assert children() == before


def test_an_end_before_the_end_is_an_error(sqlite_ledger: SqlLedger) -> None:
    before = children()
    for which in (0, -1):
        with sqlite_ledger.log.check_rows(LARGE) as check:
            child = sorted(children() - before)[which]
            os.kill(child, signal.SIGKILL)
            with pytest.raises(LedgerError, match="ended early"):
                check.finish(lambda _problem: None)
    assert children() == before


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
        asked = [Path("/proc") / number for number in asking.stdout.readline().split()]
        assert asked
        assert all(map(is_running, asked))
        asking.kill()
    ends = time.monotonic() + 30
    while any(map(is_running, asked)) and time.monotonic() < ends:
        time.sleep(0.05)
    assert not any(map(is_running, asked))


def is_running(process: Path) -> bool:
    try:
        return "zombie" not in (process / "status").read_text("ascii")
    except OSError:
        return False


def test_nobody_sees_the_password(postgres_ledger_place: LedgerPlace, ledger_with_password: SqlLedger) -> None:
    before = children()
    with ledger_with_password.log.check_rows(LARGE) as check:
        for child in children() - before:
            for shown in ("cmdline", "environ"):
                assert b"s3cret" not in (Path("/proc") / str(child) / shown).read_bytes()
        assert check.finish(lambda _problem: None) > 0


@pytest.fixture
def ledger_with_password(postgres_ledger_place: LedgerPlace) -> SqlLedger:
    """A ledger on PostgreSQL that is opened with a password; the server asks for none."""
    url = sa.make_url(postgres_ledger_place.url).set(password="s3cret")
    return open_ledger(url.render_as_string(hide_password=False), ACTOR)
