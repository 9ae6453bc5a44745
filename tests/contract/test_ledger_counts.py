"""What items add up to is kept, by verdict and day: so after any history, and whoever alters it is found out."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from archiver.adapters.ledger.database import SqlLedger, open_ledger
from archiver.adapters.ledger.tables import SCHEMA_REVISION
from archiver.adapters.ledger.upgrade import UpgradeResult, upgrade
from archiver.domain.log_records import Problem
from archiver.domain.records import Selection
from archiver.domain.verdict import Reason, Verdict
from archiver.errors import LedgerError
from tests.support.histories import fill
from tests.support.ledgers import ACTOR, DAY, START, LedgerPlace, acquired, item, told, verified
from tests.support.older_ledgers import make_0003

KEPT = "SELECT judged_on, verdict, items, size FROM evidence_counts ORDER BY 1, 2"
COUNTED = (
    "SELECT substr(coalesce(last_audited_at, acquired_at), 1, 10), verdict, count(*), sum(size)"
    " FROM evidence_state GROUP BY 1, 2 ORDER BY 1, 2"
)
SIZE = item(1).size


def problems(ledger: SqlLedger) -> list[Problem]:
    found: list[Problem] = []
    with ledger.log.check_rows(ledger.log.size()) as check:
        check.finish(found.append)
    return found


@pytest.mark.parametrize("batch", [pytest.param(1, marks=pytest.mark.thorough), 7, 300])
def test_counts_are_what_items_add_up_to(ledger: SqlLedger, ledger_place: LedgerPlace, batch: int) -> None:
    fill(ledger, 11, 300, batch=batch)
    kept = ledger_place.query(KEPT)
    assert len(kept) > 3
    assert kept == ledger_place.query(COUNTED)
    assert problems(ledger) == []


def test_an_item_that_was_judged_again_counts_on_that_day_alone(ledger: SqlLedger, ledger_place: LedgerPlace) -> None:
    ledger.journal.record([acquired(item(1)), acquired(item(2)), acquired(item(3), told([Reason.UNSIGNED]))])
    assert ledger_place.query(KEPT) == [("2026-01-01", "failed", 1, SIZE), ("2026-01-01", "verified", 2, 2 * SIZE)]
    ledger.journal.record([verified(item(1), START + 2 * DAY), verified(item(3), START + DAY)])
    ledger.journal.record([verified(item(1), START + 3 * DAY, told([Reason.READ_ERROR]))])
    assert ledger_place.query(KEPT) == [
        ("2026-01-01", "verified", 1, SIZE),
        ("2026-01-02", "verified", 1, SIZE),
        ("2026-01-04", "indeterminate", 1, SIZE),
    ]


def test_what_is_overdue_adds_up_at_any_moment(ledger: SqlLedger) -> None:
    """Whole days as they are kept, and the part of one that is counted."""
    fill(ledger, 12, 200)
    ledger.journal.record([acquired(item(1, acquired_at=START + 2 * DAY))])  # on the stroke of a day
    states = [record.state for record in ledger.evidence.select(Selection())]
    judged = sorted(r.state.last_audited_at or r.evidence.acquired_at for r in ledger.evidence.select(Selection()))
    second = timedelta(seconds=1)
    for at in {START, *judged, *(START + n * DAY / 2 for n in range(-1, 20))}:
        for now in (at - second, at, at + timedelta(microseconds=1)):
            totals = ledger.evidence.totals(now + DAY, DAY.total_seconds())
            assert totals.overdue == sum(moment < now for moment in judged)
    for verdict in (Verdict.VERIFIED, Verdict.FAILED, Verdict.INDETERMINATE):
        assert totals.by_verdict[verdict] == sum(state.verdict is verdict for state in states)
    assert totals.size == sum(record.evidence.size for record in ledger.evidence.select(Selection()))


@pytest.mark.parametrize(
    ("forgery", "kind"),
    [
        ("UPDATE evidence_counts SET items = items + 1 WHERE verdict = 'failed'", "row_altered"),
        ("UPDATE evidence_counts SET size = 0 WHERE verdict = 'verified'", "row_altered"),
        ("DELETE FROM evidence_counts WHERE verdict = 'failed'", "row_missing"),
        ("INSERT INTO evidence_counts VALUES ('2026-01-09', 'verified', 1, 1)", "row_added"),
        ("INSERT INTO evidence_counts VALUES ('', 'fine', 0, 0)", "row_added"),
    ],
)
def test_whoever_alters_a_count_is_found_out(
    ledger: SqlLedger, ledger_place: LedgerPlace, forgery: str, kind: str
) -> None:
    ledger.journal.record([acquired(item(1)), acquired(item(2), told([Reason.UNSIGNED]))])
    ledger_place.forge(forgery)
    assert [(one.kind, one.table) for one in problems(ledger)] == [(kind, "evidence_counts")]


@pytest.mark.parametrize(
    "forgery",
    [
        "DELETE FROM evidence_counts",
        "UPDATE evidence_counts SET items = 0, size = 0",
        "UPDATE evidence_counts SET items = 9223372036854775807, size = 9223372036854775807",
        "UPDATE evidence_counts SET items = -9, size = -9",
        "UPDATE evidence_state SET size = 9223372036854775807",
        "UPDATE evidence_state SET verdict = 'fine', last_audited_at = 'some time'",
        "UPDATE evidence_state SET verdict = x'ff', size = 'large', last_audited_at = 7",
        "UPDATE evidence_counts SET items = 'many', size = x'00'",
    ],
)
def test_forged_rows_keep_nothing_from_being_recorded(
    ledger: SqlLedger, ledger_place: LedgerPlace, forgery: str
) -> None:
    ledger.journal.record([acquired(item(1))])
    if "x'" in forgery and not ledger_place.is_sqlite:
        pytest.skip("PostgreSQL keeps no value of another type")
    ledger_place.forge(forgery)
    altered = verified(item(1), START + DAY / 2, told([Reason.LEDGER_ALTERED]))
    ledger.journal.record([acquired(item(2)), altered])
    ledger.journal.record([verified(item(1), START + DAY)])
    assert ledger.evidence.get(item(1).id).state.verdict is Verdict.VERIFIED
    assert bool(problems(ledger)) == ("state SET" in forgery and "size" in forgery), "which audits do not say anew"


@pytest.mark.parametrize(
    "forgery",
    [
        "UPDATE evidence_state SET verdict = 'failed'",
        "UPDATE evidence_state SET verdict = 'failed', last_audited_at = '2025-01-01T00:00:00.000000Z'",
        "DELETE FROM evidence_counts",
    ],
)
def test_what_an_audit_mends_of_forged_states_it_counts_anew(
    ledger: SqlLedger, ledger_place: LedgerPlace, forgery: str
) -> None:
    """One of three is forged, or all; once each was audited, nothing is left of it."""
    for where in ("", f" WHERE evidence_id = '{item(2).id}'"):
        ledger.journal.record([acquired(item(n)) for n in (1, 2, 3)])
        ledger_place.forge(forgery + ("" if forgery.startswith("DELETE") else where))
        for n in (1, 2, 3):
            altered = told([Reason.LEDGER_ALTERED])
            ledger.journal.record([verified(item(n), START + DAY, altered), verified(item(1), START + DAY)])
        assert ledger_place.query(KEPT) == ledger_place.query(COUNTED)
        assert problems(ledger) == []


def test_a_count_that_was_made_unreadable_is_said_so(sqlite_ledger: SqlLedger, sqlite_place: LedgerPlace) -> None:
    sqlite_ledger.journal.record([acquired(item(1))])
    for forgery in ("verdict = 'fine'", "items = 'many'", "size = x'00'", "judged_on = x'ff'"):
        before = sqlite_place.query(KEPT)
        sqlite_place.forge(f"UPDATE evidence_counts SET {forgery}")
        with pytest.raises(LedgerError, match="evidence_counts"):
            sqlite_ledger.evidence.totals(START + 9 * DAY, 60.0)
        (day, verdict, items, size), *_ = before
        sqlite_place.forge(
            "DELETE FROM evidence_counts",
            f"INSERT INTO evidence_counts VALUES ('{day}', '{verdict}', {items}, {size})",
        )


def test_an_upgrade_counts_what_is_there(empty_place: LedgerPlace, tmp_path: Path) -> None:
    history = [acquired(item(1)), acquired(item(2), told([Reason.UNSIGNED])), acquired(item(3))]
    make_0003(empty_place, [*history, verified(item(3), START + 4 * DAY)], tmp_path)
    assert upgrade(empty_place.url, ACTOR, START + 5 * DAY) == UpgradeResult("0003", SCHEMA_REVISION)
    assert empty_place.query(KEPT) == [
        ("2026-01-01", "failed", 1, SIZE),
        ("2026-01-01", "verified", 1, SIZE),
        ("2026-01-05", "verified", 1, SIZE),
    ]
    ledger = open_ledger(empty_place.url, ACTOR)
    ledger.journal.record([verified(item(1), START + 6 * DAY)])
    assert problems(ledger) == []
    assert ledger.evidence.totals(START + 6 * DAY, DAY.total_seconds()).overdue == 2
    ledger.close()
