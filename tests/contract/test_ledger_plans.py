"""What keeps a million items quick: the questions that are asked most are answered from an index, in its order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import pytest
import sqlalchemy as sa

from archiver.adapters.ledger.connection import Database, connect, place_of
from archiver.adapters.ledger.database import SqlLedger
from archiver.domain.log_records import LogTrust
from archiver.domain.records import Selection
from archiver.domain.verdict import Reason, Verdict
from archiver.work.log_state import log_state
from tests.support.ledgers import ACTOR, DAY, START, LedgerPlace, acquired, item, told

EVERY = Selection()
MANY = 4000
ASKED: list[tuple[str, Callable[[SqlLedger], Any]]] = [
    ("ix_evidence_state_acquired_at", lambda ledger: next(ledger.evidence.select(EVERY))),
    ("ix_evidence_state_acquired_at", lambda ledger: list(ledger.evidence.select(EVERY))),
    (
        "ix_evidence_state_next_audit_at",
        lambda ledger: next(ledger.evidence.select(Selection(due_at=START), True), 0),
    ),
    ("ix_evidence_state_next_audit_at", lambda ledger: list(ledger.evidence.select(EVERY, True))),
    (
        "ix_evidence_state_judged_at",
        lambda ledger: list(ledger.evidence.select(Selection(due_at=START - DAY, judged_before=START - DAY), True)),
    ),
    (
        "ix_evidence_state_judged_at",
        lambda ledger: list(
            ledger.evidence.select(Selection(due_at=START + DAY / 2, judged_before=START + DAY / 2), True)
        ),
    ),
    (
        "ix_evidence_state_verdict",
        lambda ledger: next(ledger.evidence.select(Selection(verdict=Verdict.FAILED, source="prod")), 0),
    ),
    ("ix_evidence_source", lambda ledger: next(ledger.evidence.select(Selection(source="prod", since=START)))),
    ("ix_evidence_account", lambda ledger: next(ledger.evidence.select(Selection(account="111122223333")))),
    ("ix_evidence_state_awaiting_key", lambda ledger: list(ledger.evidence.awaiting_key())),
    ("ix_evidence_hash_list_sha256", lambda ledger: ledger.evidence.same_hash_list("0" * 64)),
    ("ix_evidence_hash_list_sha256", lambda ledger: ledger.evidence.same_hash_lists(["0" * 64, "1" * 64])),
    ("ix_custody_events_evidence_id", lambda ledger: ledger.evidence.held([item(7).id, item(8).id])),
    ("ix_evidence_query_id", lambda ledger: ledger.evidence.resolve(item(7).query_id or "")),
    ("ix_evidence_path", lambda ledger: ledger.evidence.has_below("prod/AWSLogs")),
    ("ix_custody_events_evidence_id", lambda ledger: list(ledger.evidence.events(item(7).id))),
    ("ix_deliveries_prefix", lambda ledger: next(ledger.deliveries.archived_below("prod", "AWSLogs/"))),
    ("ix_deliveries_pending", lambda ledger: list(ledger.deliveries.pending("prod"))),
    ("ix_alerts_undelivered", lambda ledger: ledger.outbox.due(START)),
]


@contextmanager
def statements(database: Database) -> Iterator[list[tuple[str, Any]]]:
    """The SELECTs that are sent meanwhile, and their parameters."""
    sent: list[tuple[str, Any]] = []

    def note(_conn: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: Any) -> None:
        if statement.startswith("SELECT"):
            sent.append((statement, parameters))

    sa.event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        sa.event.remove(database.engine, "before_cursor_execute", note)


def plan(database: Database, statement: str, parameters: Any) -> str:
    """How the database goes about *statement*; PostgreSQL is told not to scan and sort what is so little."""
    with database.read() as connection:
        if database.place.file is not None:
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            return "\n".join(str(row[3]) for row in rows)
        for setting in ("enable_seqscan", "enable_sort", "enable_bitmapscan"):
            connection.exec_driver_sql(f"SET LOCAL {setting} = off")
        return "\n".join(str(row[0]) for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters))


@pytest.fixture
def stocked(ledger_place: LedgerPlace) -> Iterator[Database]:
    database = connect(place_of(ledger_place.url))
    SqlLedger(database, ACTOR).journal.record([acquired(item(number)) for number in range(210)])
    if not ledger_place.is_sqlite:  # a SQLite ledger is never analysed, and PostgreSQL does it by itself
        with database.write() as connection:
            connection.exec_driver_sql("ANALYZE")
    yield database
    database.close()


@pytest.mark.parametrize(("index", "ask"), ASKED, ids=[f"{n}-{index}" for n, (index, _) in enumerate(ASKED)])
def test_an_index_answers(stocked: Database, index: str, ask: Callable[[SqlLedger], Any]) -> None:
    with statements(stocked) as sent:
        ask(SqlLedger(stocked, ACTOR))
    plans = [plan(stocked, statement, parameters) for statement, parameters in sent]
    used = [text for text in plans if index in text]
    assert used, plans
    paged = [text for text, (statement, _) in zip(plans, sent, strict=True) if "JOIN evidence_state" in statement]
    ordered = [text for text in paged if "files" not in text]
    assert not [text for text in ordered if "TEMP B-TREE FOR ORDER BY" in text or "Sort" in text], ordered


def test_figures_come_from_what_is_kept_and_from_indexes(stocked: Database) -> None:
    with statements(stocked) as sent:
        SqlLedger(stocked, ACTOR).evidence.totals(START + DAY, 60.0)
    plans = "\n".join(plan(stocked, statement, parameters) for statement, parameters in sent)
    for index in ("ix_evidence_state_judged_at", "ix_deliveries_pending"):
        assert index in plans
    assert "evidence_counts" in plans


OF_AN_ITEM = "custody_events|deliveries|evidence|evidence_state|files|merkle_nodes|verifications"
"""Tables that grow with the items; of others a few rows are read as they lie."""

READ_WHOLE = re.compile(rf"Seq Scan on ({OF_AN_ITEM})\b|^SCAN ({OF_AN_ITEM})(?! USING)\b", re.MULTILINE)
THROUGH_AN_INDEX = re.compile(rf"^SCAN ({OF_AN_ITEM}) USING (?!INDEX ix_deliveries_pending)", re.MULTILINE)
"""All of it; by its order, for a page, is as it should be."""

SORTED = re.compile(r"^ *(->)? *(Incremental )?Sort\b|TEMP B-TREE", re.MULTILINE)


def asked_daily(ledger: SqlLedger) -> None:
    """What ``status``, the first page of ``list`` and the beginning of an audit ask."""
    now = START + 9 * DAY
    ledger.evidence.totals(now, DAY.total_seconds())
    ledger.outbox.waiting()
    log_state(ledger.log, LogTrust(()))
    for selection in (
        EVERY,
        Selection(verdict=Verdict.FAILED),
        Selection(verdict=Verdict.INDETERMINATE),
        Selection(verdict=Verdict.VERIFIED),
        Selection(source="prod"),
        Selection(account="111122223333", since=START + DAY),
        Selection(verdict=Verdict.FAILED, source="prod", until=START + 2 * DAY),
    ):
        for listed in (ledger.evidence.select, ledger.evidence.outlines):
            assert len(list(islice(listed(selection), 20))) == 20
    due = Selection(due_at=now, judged_before=START + 2 * DAY)
    for listed in (ledger.evidence.select, ledger.evidence.outlines):
        assert len(list(islice(listed(due, True), 20))) == 20


@pytest.mark.thorough
def test_of_many_items_none_is_read_that_is_not_asked_for(ledger_place: LedgerPlace) -> None:
    """As the databases plan by themselves: no table that grows with the items is read whole, nor a list sorted."""
    database = connect(place_of(ledger_place.url))
    ledger = SqlLedger(database, ACTOR)
    reasons = {0: [Reason.UNSIGNED], 1: [Reason.KEY_UNAVAILABLE]}
    ledger.journal.record([acquired(item(n), told(reasons.get(n % 4, []))) for n in range(MANY)])
    if not ledger_place.is_sqlite:
        with database.write() as connection:
            connection.exec_driver_sql("ANALYZE")
    with statements(database) as sent:
        asked_daily(ledger)
    with database.read() as connection:
        for statement, parameters in sent:
            explain = "EXPLAIN" if not ledger_place.is_sqlite else "EXPLAIN QUERY PLAN"
            rows = connection.exec_driver_sql(f"{explain} {statement}", parameters)
            planned = "\n".join(str(row[-1]) for row in rows)
            assert not READ_WHOLE.search(planned), (statement, planned)
            assert "LIMIT" in statement or not THROUGH_AN_INDEX.search(planned), (statement, planned)
            if "evidence_state" in statement:
                assert not SORTED.search(planned), (statement, planned)
    database.close()
