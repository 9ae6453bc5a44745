"""Every row of every table is held against the events: each edit by the database's owner is told, and located."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from archiver.adapters.ledger.database import SqlLedger
from archiver.adapters.ledger.tables import metadata
from archiver.domain.custody import EvidenceVerified
from archiver.domain.log_records import Problem
from archiver.domain.records import Selection
from tests.support.histories import HOSTILE, fill
from tests.support.ledgers import DAY, START, LedgerPlace, acquired, item, verified

OF_THE_TREE = {"merkle_nodes", "checkpoints"}
SEED = 4
"""Of a history with several rows in each table."""

TABLES = sorted(set(metadata.tables) - OF_THE_TREE)


def told(ledger: SqlLedger) -> list[Problem]:
    """What the check of the rows tells, here and now."""
    found: list[Problem] = []
    with ledger.log.check_rows(ledger.log.size()) as check:
        assert check.finish(found.append) > 0
    return found


def keys_of(name: str) -> list[str]:
    return [column.name for column in metadata.tables[name].primary_key]


def rows_of(place: LedgerPlace, name: str) -> list[dict[str, Any]]:
    names = [column.name for column in metadata.tables[name].columns]
    order = ", ".join(keys_of(name))
    return [dict(zip(names, row, strict=True)) for row in place.query(f"SELECT * FROM {name} ORDER BY {order}")]


def write(place: LedgerPlace, statement: str, *values: Any) -> None:
    """Runs *statement* with *values* as :meth:`LedgerPlace.forge` does, whose triggers are gone by then."""
    with place.raw() as connection:
        if place.is_sqlite:
            connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(statement if place.is_sqlite else statement.replace("?", "%s"), values)


def replace_row(place: LedgerPlace, name: str, old: dict[str, Any], new: dict[str, Any]) -> None:
    changes = ", ".join(f"{column} = ?" for column in new)
    where = " AND ".join(f"{column} = ?" for column in keys_of(name))
    write(place, f"UPDATE {name} SET {changes} WHERE {where}", *new.values(), *(old[key] for key in keys_of(name)))


def insert_row(place: LedgerPlace, name: str, row: dict[str, Any]) -> None:
    values = ", ".join("?" for _ in row)
    write(place, f"INSERT INTO {name} ({', '.join(row)}) VALUES ({values})", *row.values())


def delete_row(place: LedgerPlace, name: str, row: dict[str, Any]) -> None:
    where = " AND ".join(f"{column} = ?" for column in keys_of(name))
    write(place, f"DELETE FROM {name} WHERE {where}", *(row[key] for key in keys_of(name)))


def other(value: Any, column: sa.Column[Any]) -> Any:
    """Another value of the same kind."""
    if isinstance(column.type, sa.Boolean):
        return (not value) if isinstance(value, bool) else 1 - value
    if isinstance(column.type, sa.Integer):
        return 7 if value is None else value + 10_007
    if isinstance(column.type, sa.LargeBinary):
        return bytes(value) + b"x"
    return "x" if value is None else value + "x"


@pytest.fixture
def filled(ledger: SqlLedger, ledger_place: LedgerPlace) -> SqlLedger:
    """A ledger with a history of every kind in it, and nothing in the way of a forger."""
    fill(ledger, SEED, 140)
    ledger_place.forge()
    return ledger


def names_of(found: list[Problem], table: str, row: dict[str, Any]) -> list[Problem]:
    """Those that name *table* and *row* of it."""
    shown = f"{table} " + ", ".join(repr(row[key])[:100] for key in keys_of(table))
    return [one for one in found if one.table == table and one.detail.startswith(f"{shown}:")]


def test_an_honest_ledger_has_no_problem(filled: SqlLedger, ledger_place: LedgerPlace) -> None:
    assert told(filled) == []
    counts = {name: ledger_place.query(f"SELECT count(*) FROM {name}")[0][0] for name in TABLES}
    assert min(counts.values()) > 2, counts


@pytest.mark.parametrize("seed", range(3))
def test_no_history_of_any_kind_is_told_of(sqlite_ledger: SqlLedger, seed: int) -> None:
    fill(sqlite_ledger, seed, 500)
    assert told(sqlite_ledger) == []


MAKE_ROWS = {"evidence_acquired", "evidence_verified", "key_harvested", "log_key_adopted", "checkpoint_anchored"}
"""Kinds of which each event has a row under its own number or name."""


@pytest.mark.thorough
def test_every_changed_column_is_told(filled: SqlLedger, ledger_place: LedgerPlace) -> None:
    for name in TABLES:
        rows = rows_of(ledger_place, name)
        for number, column in enumerate(metadata.tables[name].columns):
            row = rows[(number * 7 + len(rows) // 2) % len(rows)]
            changed = row | {column.name: other(row[column.name], column)}
            replace_row(ledger_place, name, row, changed)
            found = told(filled)
            replace_row(ledger_place, name, changed, row)
            where = f"{name}.{column.name}"
            if where == "custody_events.seq":
                assert found or row["kind"] not in MAKE_ROWS, where
            elif where == "custody_events.body":
                assert ("event_malformed", row["seq"]) in {(one.kind, one.seq) for one in found}, found
            elif column.primary_key:
                assert [one.kind for one in names_of(found, name, row)] == ["row_missing"], (where, found)
                assert [one.kind for one in names_of(found, name, changed)] == ["row_added"], (where, found)
            else:
                (one,) = names_of(found, name, row)
                assert (one.kind, len(found)) == ("row_altered", 1), (where, found)
                assert f"{column.name}: the row says " in one.detail, where
    assert told(filled) == []


@pytest.mark.thorough
def test_every_deleted_row_is_told(filled: SqlLedger, ledger_place: LedgerPlace) -> None:
    for name in TABLES:
        rows = rows_of(ledger_place, name)
        for row in rows[:: max(1, len(rows) // 5)]:
            delete_row(ledger_place, name, row)
            found = told(filled)
            insert_row(ledger_place, name, row)
            if name != "custody_events":
                (one,) = names_of(found, name, row)
                assert (one.kind, len(found)) == ("row_missing", 1), found
            else:
                assert row["kind"] not in MAKE_ROWS or "row_added" in {one.kind for one in found}, row["kind"]
    assert told(filled) == []


@pytest.mark.thorough
def test_every_inserted_row_is_told(filled: SqlLedger, ledger_place: LedgerPlace) -> None:
    for name in TABLES:
        if name == "custody_events":
            continue  # a forged event is the tree's to tell
        for row in rows_of(ledger_place, name)[1:3]:
            forged = dict(row)
            for column in metadata.tables[name].columns:
                if column.primary_key or column.unique:
                    forged[column.name] = other(row[column.name], column)
            insert_row(ledger_place, name, forged)
            found = told(filled)
            delete_row(ledger_place, name, forged)
            (one,) = names_of(found, name, forged)
            assert (one.kind, len(found)) == ("row_added", 1), found


def test_rows_that_changed_places_are_told(filled: SqlLedger, ledger_place: LedgerPlace) -> None:
    """All that is no key changes over to the other row."""
    for name in TABLES:
        one, two = rows_of(ledger_place, name)[1:3]
        unique = [column.name for column in metadata.tables[name].columns if column.unique]
        rest = [column for column in one if column not in (*keys_of(name), *unique)]
        for row, of in ((one, two), (two, one)):
            replace_row(ledger_place, name, row, {column: of[column] for column in rest})
        found = told(filled)
        for row in (one, two):
            replace_row(ledger_place, name, row, row)
            kinds = [problem.kind for problem in names_of(found, name, row)]
            assert kinds == ["row_altered"] or (name == "custody_events" and found), (name, found)
    assert told(filled) == []


def test_a_table_that_was_emptied_is_told_row_by_row(filled: SqlLedger, ledger_place: LedgerPlace) -> None:
    for name in TABLES:
        if name == "custody_events":
            continue
        count = len(rows_of(ledger_place, name))
        write(ledger_place, f"DELETE FROM {name}")
        assert [one.kind for one in told(filled) if one.table == name] == ["row_missing"] * count


def test_events_that_were_cut_off_are_told_by_what_is_left_of_them(
    filled: SqlLedger, ledger_place: LedgerPlace
) -> None:
    seqs = [row["seq"] for row in rows_of(ledger_place, "verifications")]
    write(ledger_place, "DELETE FROM custody_events WHERE seq >= ?", seqs[-3])
    found = told(filled)
    assert [one.seq for one in found if one.table == "verifications"] == seqs[-3:]


def test_the_schema_revision_is_that_of_the_last_migration(filled: SqlLedger, ledger_place: LedgerPlace) -> None:
    for edit, kind in (
        ("INSERT INTO alembic_version (version_num) VALUES ('0000')", "row_added"),
        ("DELETE FROM alembic_version", "row_missing"),
        ("INSERT INTO alembic_version (version_num) VALUES ('0009')", "row_altered"),
    ):
        write(ledger_place, edit)
        (one,) = told(filled)
        assert (one.kind, one.table) == (kind, "alembic_version")


def test_what_is_recorded_meanwhile_is_no_problem(filled: SqlLedger) -> None:
    size = filled.log.size()
    item = next(filled.evidence.select(Selection())).evidence
    filled.journal.record([verified(item, START.replace(year=2027))])
    found: list[Problem] = []
    with filled.log.check_rows(size) as check:
        check.finish(found.append)
    assert found == []


def test_hostile_values_are_told_printably(filled: SqlLedger, ledger_place: LedgerPlace) -> None:
    (row, *_) = rows_of(ledger_place, "evidence")
    hostile = "".join(HOSTILE).replace("\x00", "").replace("\udce9", "") * 40
    replace_row(ledger_place, "evidence", row, {"caller": hostile})
    (one,) = told(filled)
    assert "\n" not in one.detail
    assert "\u202e" not in one.detail
    assert len(one.detail) < 1000


def test_an_event_of_another_kind_than_its_column_says_is_told(filled: SqlLedger, ledger_place: LedgerPlace) -> None:
    """The quick way is taken by the column; the body decides."""
    row = next(row for row in rows_of(ledger_place, "custody_events") if row["kind"] == "daemon_started")
    replace_row(ledger_place, "custody_events", row, {"kind": EvidenceVerified.kind})
    (one,) = told(filled)
    assert (one.kind, one.seq, one.table) == ("row_altered", row["seq"], "custody_events")


OTHER_FORMS = (
    ('"kind"', ' "kind"'),
    ('{"actor"', '{"a":1.0,"actor"'),
    ('"verdict":"', '"verdict":"in'),
    ('"occasion":', '"occasion":"x","occasion":'),
    ('Z","occasion"', 'Z ","occasion"'),
    ('"next_audit_at":"20', '"next_audit_at":"2O'),
    ('"next_audit_at":"2026-', '"next_audit_at":"2026-02-3'),
    ('Z","occasion"', '.000000Z","occasion"'),
    ('"detail":"', '"detail":"\\u006f'),
    ('"size":', '"size":0'),
    ('"size":', '"size":1.'),
    ('"size":', '"size":-0'),
    ('"result":"pass"', '"result":"passed"'),
    ('"host":"vault"', '"host":7'),
    ("}", "} "),
    (',"id"', ',"ie":null,"id"'),
)
"""Parts of bodies of audits, and what no body has in their place."""


def test_a_body_in_another_form_is_malformed(sqlite_ledger: SqlLedger, sqlite_place: LedgerPlace) -> None:
    fill(sqlite_ledger, 5, 60)
    sqlite_place.forge()
    rows = [row for row in rows_of(sqlite_place, "custody_events") if row["kind"] == EvidenceVerified.kind]
    for old, new in OTHER_FORMS:
        row = next(row for row in rows if old in row["body"])
        malformed(sqlite_ledger, sqlite_place, row, row["body"].replace(old, new, 1))


def malformed(ledger: SqlLedger, place: LedgerPlace, row: dict[str, Any], body: str) -> None:
    """The event of *row* is told of, and no other, while it has *body*."""
    replace_row(place, "custody_events", row, {"body": body})
    found = told(ledger)
    replace_row(place, "custody_events", row, row)
    assert {one.seq for one in found if one.kind == "event_malformed"} == {row["seq"]}, body


@pytest.fixture
def repeated(sqlite_ledger: SqlLedger, sqlite_place: LedgerPlace) -> list[dict[str, Any]]:
    """The events of audits that all found the same; some at whole seconds."""
    of = item(1)
    moments = [START + number * DAY + timedelta(microseconds=number % 2) for number in range(1, 7)]
    due = [moment + 30 * DAY + timedelta(microseconds=number // 2 % 2) for number, moment in enumerate(moments)]
    audits = [verified(of, at, next_audit_at=after) for at, after in zip(moments, due, strict=True)]
    sqlite_ledger.journal.record([acquired(of), *audits])
    sqlite_place.forge()
    assert told(sqlite_ledger) == []
    return rows_of(sqlite_place, "custody_events")[-len(audits) :]


def test_a_judgement_that_is_found_again_is_looked_at_again(
    sqlite_ledger: SqlLedger, sqlite_place: LedgerPlace, repeated: list[dict[str, Any]]
) -> None:
    for row in repeated[-2:]:
        for old, new in OTHER_FORMS:
            assert old in row["body"]
            malformed(sqlite_ledger, sqlite_place, row, row["body"].replace(old, new, 1))
        at = json.loads(row["body"])["at"]
        for wrong in ("2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", at.replace("T", " "), at[:-1], at + "Z", ""):
            malformed(sqlite_ledger, sqlite_place, row, row["body"].replace(at, wrong))
            at_column = {"at": f"{wrong[:-1]}.000000Z", "body": row["body"].replace(at, wrong)}
            replace_row(sqlite_place, "custody_events", row, at_column)
            assert ("event_malformed", row["seq"]) in {(one.kind, one.seq) for one in told(sqlite_ledger)}
            replace_row(sqlite_place, "custody_events", row, row)


def test_every_column_of_a_judgement_that_is_found_again_is_looked_at(
    sqlite_ledger: SqlLedger, sqlite_place: LedgerPlace, repeated: list[dict[str, Any]]
) -> None:
    for name in ("custody_events", "verifications"):
        table = metadata.tables[name]
        row = next(row for row in rows_of(sqlite_place, name) if row["seq"] == repeated[-2]["seq"])
        for column in table.columns:
            for value in (other(row[column.name], column), None if column.nullable else 7):
                if column.name in ("seq", "body"):
                    continue
                replace_row(sqlite_place, name, row, {column.name: value})
                found = told(sqlite_ledger)
                replace_row(sqlite_place, name, row, row)
                is_same = value == row[column.name]
                assert is_same or [(one.kind, one.seq) for one in found] == [("row_altered", row["seq"])], column.name
    assert told(sqlite_ledger) == []
