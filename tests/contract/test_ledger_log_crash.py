"""Killed between any two statements, or many processes at once: ledger and tree stay in step."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from archiver.adapters.ledger.connection import connect, place_of
from archiver.adapters.ledger.database import SqlLedger, open_ledger
from archiver.adapters.ledger.upgrade import upgrade
from archiver.domain.custody import DaemonStarted, Entry, SourceFailed
from archiver.domain.custody_log import CheckpointAnchored, LogKeyAdopted
from archiver.domain.custody_upkeep import SourceSynced
from archiver.domain.log_records import StoredCheckpoint
from archiver.domain.records import Alert
from tests.support.ledgers import ACTOR, DAY, START, LedgerPlace, acquired, item, verified
from tests.support.older_ledgers import make_0001
from tests.support.trees import check_tree

ONE = item(1)
BATCH: list[Entry] = [
    DaemonStarted(at=START, pid=1, configuration_sha256="c" * 64),
    acquired(ONE),
    verified(ONE, START + DAY),
    SourceFailed(at=START, source="prod", detail="refused"),
    SourceSynced(at=START, source="prod", url="s3://bucket", full_objects=3),
    LogKeyAdopted(at=START, key="log+1+a", before=None, vouched=True),
    CheckpointAnchored(
        at=START, size=1, method="witness", name="w", path="p", sha256="a" * 64, proved_at=START, valid_until=None
    ),
]
ALERTS = [Alert("cause", "title", "text")]


def forked(work: Callable[[], None]) -> int:
    """Runs *work* in a process of its own; its number."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return child


def in_child(work: Callable[[], None]) -> int:
    """Runs *work* in a process of its own; how that ended, as ``os.waitstatus_to_exitcode`` says."""
    return os.waitstatus_to_exitcode(os.waitpid(forked(work), 0)[1])


def killed_at(number: int) -> None:
    """Has this process end itself before statement *number* (from 0), where the commit is the last."""
    count = 0

    def step(*_: object) -> None:
        nonlocal count
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)
        count += 1

    sa.event.listen(sa.Engine, "before_cursor_execute", step)
    sa.event.listen(sa.Engine, "commit", step)


def record_and_die(place: LedgerPlace, number: int) -> int:
    """How a process ended that records a batch and kills itself before statement *number* of it."""

    def work() -> None:
        killed_at(number)
        SqlLedger(connect(place_of(place.url)), ACTOR).journal.record(BATCH, ALERTS)

    return in_child(work)


@pytest.mark.thorough
def test_killed_between_any_two_statements_all_or_nothing_is_there(
    ledger: SqlLedger, ledger_place: LedgerPlace
) -> None:
    number = 0
    while (ended := record_and_die(ledger_place, number)) == -signal.SIGKILL:
        assert check_tree(ledger) == 1, f"killed before statement {number}, and something is there"
        for table in ("evidence", "verifications", "alerts", "log_keys", "anchors", "sources", "deliveries"):
            assert ledger_place.query(f"SELECT count(*) FROM {table}") == [(0,)]
        number += 1
    assert ended == 0
    assert number > 15, "there are more statements than that, each a place to be killed at"
    assert check_tree(ledger) == 1 + len(BATCH) + len(ALERTS)
    assert ledger.evidence.disagreements(ONE.id) == ()
    assert [queued.alert for queued in ledger.outbox.due(START + DAY)] == ALERTS


def test_killed_while_a_checkpoint_is_stored(ledger: SqlLedger, ledger_place: LedgerPlace) -> None:
    made = StoredCheckpoint(1, "note")
    for number in range(20):

        def work(number: int = number) -> None:
            killed_at(number)
            SqlLedger(connect(place_of(ledger_place.url)), ACTOR).log.add_checkpoint(made)

        ended = in_child(work)
        if ended != -signal.SIGKILL:
            break
        assert ledger.log.latest_checkpoint() is None
    assert (ended, number > 1) == (0, True)
    assert ledger.log.latest_checkpoint() == made


def test_processes_that_append_at_once_make_one_tree(ledger: SqlLedger, ledger_place: LedgerPlace) -> None:
    def work(first: int) -> None:
        mine = open_ledger(ledger_place.url, ACTOR)
        for number in range(first, first + 10):
            mine.journal.record(
                [acquired(item(number)), DaemonStarted(at=START, pid=number, configuration_sha256="")]
            )
        mine.close()

    children = [forked(lambda first=first: work(first)) for first in (100, 200, 300)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    assert check_tree(ledger) == 1 + 3 * 10 * 2
    assert ledger.evidence.totals(datetime.now(UTC), 1).events == 61


def test_killed_between_statements_of_an_upgrade_it_has_not_begun(empty_place: LedgerPlace, tmp_path: Path) -> None:
    """The ledger is as it was, until the transaction with its tree and its new events is committed."""
    make_0001(
        empty_place, BATCH[:4], tmp_path, "INSERT INTO sources VALUES ('x', 'file:///x', NULL, NULL, NULL, NULL)"
    )
    before = empty_place.query("SELECT * FROM custody_events ORDER BY seq")
    number = 0
    while (ended := in_child(lambda number=number: upgrade_and_die(empty_place, number))) == -signal.SIGKILL:
        assert empty_place.query("SELECT version_num FROM alembic_version") == [("0001",)]
        assert empty_place.query("SELECT * FROM custody_events ORDER BY seq") == before
        assert empty_place.query("SELECT name FROM sources ORDER BY name") == [("prod",), ("x",)]
        number += 7
    assert ended == 0
    assert number > 50
    ledger = open_ledger(empty_place.url, ACTOR)
    assert check_tree(ledger) > len(before)
    ledger.close()


def upgrade_and_die(place: LedgerPlace, number: int) -> None:
    """Upgrades, and ends this process by force before statement *number*."""
    killed_at(number)
    upgrade(place.url, ACTOR, START)
