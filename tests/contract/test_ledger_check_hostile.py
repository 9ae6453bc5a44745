"""The check of the rows stumbles over nothing that whoever owns the database can write there."""

from __future__ import annotations

import json
import re
from itertools import cycle, islice

import pytest

from archiver.adapters.ledger.database import SqlLedger
from archiver.adapters.ledger.tables import metadata
from archiver.domain.log_records import Problem
from tests.support.histories import fill
from tests.support.ledgers import LedgerPlace

SEED = 4
"""Of a history with several rows in each table."""

TABLES = sorted(set(metadata.tables) - {"merkle_nodes", "checkpoints"})


def told(ledger: SqlLedger) -> list[Problem]:
    found: list[Problem] = []
    with ledger.log.check_rows(0) as check:
        check.finish(found.append)
    return found


@pytest.fixture
def filled(sqlite_ledger: SqlLedger, sqlite_place: LedgerPlace) -> SqlLedger:
    fill(sqlite_ledger, SEED, 140)
    sqlite_place.forge()
    return sqlite_ledger


NASTY = (
    "x'ff00'",
    "CAST(x'ff4100fe' AS TEXT)",
    "CAST('2026-01-01T00:00:00.000000Z' AS BLOB)",
    "-1.5",
    "9e999",
    "''",
    "'[[[[[['",
    "'{}'",
    "'escaped:\\udce9'",
    "char(1)",
    "char(57344)",
    "char(0)",
    "9223372036854775807",
    "-9223372036854775808",
    "printf('%.*c', 100000, 'x')",
)
"""What a SQLite column takes, whatever it was declared as."""


@pytest.mark.thorough
def test_values_of_any_type_are_told(filled: SqlLedger, sqlite_place: LedgerPlace) -> None:
    values = cycle(NASTY)
    for name in TABLES:
        table = metadata.tables[name]
        key = ", ".join(column.name for column in table.primary_key)
        columns = ", ".join(column.name for column in table.columns)
        ((rowid, *saved),) = sqlite_place.query(
            f"SELECT rowid, {columns} FROM {name} ORDER BY {key} LIMIT 1 OFFSET 1"
        )
        for column, before in zip(table.columns, saved, strict=True):
            if column.name == "seq" or (name, column.name) == ("alerts", "id"):
                continue  # SQLite's own numbers of rows: nothing but whole numbers goes there
            for value in islice(values, 2):
                same = f"{column.name} IS ? AND typeof({column.name}) = typeof(?)"
                with sqlite_place.raw() as connection:
                    connection.execute(f"UPDATE {name} SET {column.name} = {value} WHERE rowid = {rowid}")
                    looked = connection.execute(f"SELECT {same} FROM {name} WHERE rowid = {rowid}", (before, before))
                    is_same = looked.fetchone()[0]
                found = told(filled)
                with sqlite_place.raw() as connection:
                    connection.execute(f"UPDATE {name} SET {column.name} = ? WHERE rowid = {rowid}", (before,))
                of_it = [one for one in found if one.table == name or one.kind == "event_malformed"]
                assert of_it or is_same, (name, column.name, value)
    assert told(filled) == []


def rewrite(place: LedgerPlace, name: str, old: str, new: str) -> None:
    """Makes *name* anew with another definition, its rows as they are: what SQLite never asks the owner about."""
    with place.raw() as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchone()
        assert old in sql
        connection.execute(f"CREATE TABLE kept AS SELECT * FROM {name}")
        connection.execute(f"DROP TABLE {name}")
        connection.execute(sql.replace(old, new))
        connection.execute(f"INSERT INTO {name} SELECT * FROM kept")
        connection.execute("DROP TABLE kept")


def test_null_and_repeated_keys_are_told(filled: SqlLedger, sqlite_place: LedgerPlace) -> None:
    for name, key in (("evidence", "id"), ("evidence_state", "evidence_id"), ("keys", "sha256"), ("sources", "name")):
        rewrite(sqlite_place, name, f"PRIMARY KEY ({key})", "CHECK (1)")
        with sqlite_place.raw() as connection:
            connection.execute(f"INSERT INTO {name} SELECT * FROM {name} LIMIT 1")
        assert [(one.kind, one.table) for one in told(filled)] == [("row_added", name)]
        with sqlite_place.raw() as connection:
            connection.execute(f"DELETE FROM {name} WHERE rowid = (SELECT max(rowid) FROM {name})")
        rewrite(sqlite_place, name, f"{key} TEXT NOT NULL", f"{key} TEXT")
        with sqlite_place.raw() as connection:
            connection.execute(f"INSERT INTO {name} SELECT * FROM {name} LIMIT 1")
            connection.execute(f"UPDATE {name} SET {key} = NULL WHERE rowid = (SELECT max(rowid) FROM {name})")
        assert ("row_added", name) in {(one.kind, one.table) for one in told(filled)}
        with sqlite_place.raw() as connection:
            connection.execute(f"DELETE FROM {name} WHERE {key} IS NULL")
    assert told(filled) == []


def test_numbers_that_are_repeated_or_none_are_told(filled: SqlLedger, sqlite_place: LedgerPlace) -> None:
    for name in ("verifications", "key_provenance", "log_keys", "anchors"):
        rewrite(sqlite_place, name, "PRIMARY KEY (seq)", "CHECK (1)")
        with sqlite_place.raw() as connection:
            connection.execute(f"INSERT INTO {name} SELECT * FROM {name} LIMIT 2")
            connection.execute(f"UPDATE {name} SET seq = 'x' WHERE rowid = (SELECT max(rowid) FROM {name})")
        assert [(one.kind, one.table) for one in told(filled)] == [("row_added", name)] * 2
        with sqlite_place.raw() as connection:
            connection.execute(f"DELETE FROM {name} WHERE rowid > (SELECT max(rowid) - 2 FROM {name})")


def test_a_table_that_is_none_any_more_is_told_and_the_others_are_looked_at(
    filled: SqlLedger, sqlite_place: LedgerPlace
) -> None:
    with sqlite_place.raw() as connection:
        connection.execute("UPDATE log_keys SET vouched = 1 - vouched WHERE seq = (SELECT max(seq) FROM log_keys)")
    for name in TABLES:
        with sqlite_place.raw() as connection:
            connection.execute(f"ALTER TABLE {name} RENAME TO away")
        found = told(filled)
        with sqlite_place.raw() as connection:
            connection.execute(f"ALTER TABLE away RENAME TO {name}")
        assert [(one.kind, one.table) for one in found if one.kind == "unreadable"] == [("unreadable", name)]
        expected = set() if name in ("custody_events", "log_keys") else {"log_keys"}
        assert {one.table for one in found if one.kind == "row_altered"} == expected
        assert {one.kind for one in found} <= {"unreadable", "row_altered"}


def reindexed(place: LedgerPlace, index: str, old: str, new: str) -> None:
    """Makes *index* with *new* for *old*, or behind it all, and puts back the statement it had: by SQL alone."""
    with place.raw() as connection:
        (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (index,)).fetchone()
        assert old in sql
        connection.execute(f"DROP INDEX {index}")
        connection.execute(sql.replace(old, new) if old else sql + new)
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET sql = ? WHERE name = ?", (sql, index))


@pytest.mark.parametrize(
    ("table", "index", "old", "new"),
    [
        ("evidence", "ix_evidence_source", "", " WHERE revision = 99"),
        ("custody_events", "ix_custody_events_evidence_id", "", " WHERE seq <> 5"),
        ("custody_events", "ix_custody_events_evidence_id", "(evidence_id", "(iif(seq = 5, 'x', evidence_id)"),
        ("custody_events", "ix_custody_events_kind", "(kind", "(iif(seq = 5, 'x', kind)"),
        ("verifications", "ix_verifications_evidence_id", "", " WHERE occasion <> 'audit'"),
        ("evidence_state", "ix_evidence_state_acquired_at", "", " WHERE size < 0"),
    ],
)
def test_an_index_that_says_otherwise_than_its_table_is_told(
    filled: SqlLedger, sqlite_place: LedgerPlace, table: str, index: str, old: str, new: str
) -> None:
    """A row is hidden from an index, or is another there, and so for whoever looks through it."""
    reindexed(sqlite_place, index, old, new)
    filled.close()
    found = told(filled)
    assert {(one.kind, one.table) for one in found} == {("row_altered", table)}
    assert table != "custody_events" or {one.seq for one in found} == {5}


@pytest.mark.parametrize(
    ("table", "index", "old", "new"),
    [
        ("custody_events", "ix_custody_events_evidence_id", "evidence_id, seq", "evidence_id DESC, seq"),
        ("custody_events", "ix_custody_events_evidence_id", "evidence_id, seq", "evidence_id, seq DESC"),
        ("custody_events", "ix_custody_events_kind", "kind, seq", "kind DESC, seq"),
        ("custody_events", "ix_custody_events_kind", "kind, seq", "kind, seq DESC"),
        ("verifications", "ix_verifications_evidence_id", "evidence_id, seq", "evidence_id DESC, seq"),
        ("evidence_state", "ix_evidence_state_acquired_at", "(acquired_at", "(acquired_at DESC"),
    ],
)
def test_an_index_that_is_out_of_order_is_told(
    filled: SqlLedger, sqlite_place: LedgerPlace, table: str, index: str, old: str, new: str
) -> None:
    """All its entries are right, and whoever looks for one by the order that they should have misses it."""
    reindexed(sqlite_place, index, old, new)
    filled.close()
    assert {(one.kind, one.table) for one in told(filled)} == {("row_altered", table)}


def test_an_index_entry_below_all_events_is_told(filled: SqlLedger, sqlite_place: LedgerPlace) -> None:
    columns = "at, kind, evidence_id, body"
    with sqlite_place.raw() as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(f"INSERT INTO custody_events SELECT -5, {columns} FROM custody_events WHERE seq = 5")
        kept = connection.execute(
            "SELECT * FROM sqlite_master WHERE type = 'index' AND tbl_name = 'custody_events'"
        ).fetchall()
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("DELETE FROM sqlite_master WHERE type = 'index' AND tbl_name = 'custody_events'")
    with sqlite_place.raw() as connection:
        connection.execute("DELETE FROM custody_events WHERE seq = -5")
        connection.execute("PRAGMA writable_schema = ON")
        connection.executemany("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", kept)
    filled.close()
    assert {one.kind for one in filled.log.guards()} <= {"guard_missing"}
    found = told(filled)
    assert {(one.kind, one.table, one.seq) for one in found} == {("row_altered", "custody_events", -5)}
    assert len(found) == len(kept)


@pytest.mark.parametrize(("table", "column"), [("files", "size"), ("evidence", "revision"), ("alerts", "attempts")])
def test_a_number_that_is_not_whole_is_told(
    filled: SqlLedger, sqlite_place: LedgerPlace, table: str, column: str
) -> None:
    """To Python 1.0 is 1, to the program that reads the ledger it is not; SQLite keeps it where the type allows."""
    with sqlite_place.raw() as connection:
        (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("PRAGMA writable_schema = ON")
        forged = re.sub(rf"\b{column} \w+", f"{column} BLOB", sql)
        connection.execute("UPDATE sqlite_master SET sql = ? WHERE name = ?", (forged, table))
    with sqlite_place.raw() as connection:
        connection.execute(f"UPDATE {table} SET {column} = CAST({column} AS REAL)")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET sql = ? WHERE name = ?", (sql, table))
    filled.close()
    assert {(one.kind, one.table) for one in told(filled)} == {("row_altered", table)}


@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "[]",
        "[" * 100_000,
        '{"kind":"evidence_acquired"}',
        '{"kind":["alert_told"]}',
        '{"actor":{"host":"h","user":"u","version":"v"},"alert":99999999999999999999,"at":"2026-01-01T00:00:00Z",'
        '"kind":"alert_told","next_try_at":null,"refused":[]}',
        '{"actor":{"host":"h","user":"u","version":"v"},"alert":"99999999999999999999","at":"2026-01-01T00:00:00Z",'
        '"kind":"alert_told","next_try_at":null,"refused":[]}',
    ],
)
def test_a_body_of_any_kind_is_malformed(filled: SqlLedger, sqlite_place: LedgerPlace, body: str) -> None:
    with sqlite_place.raw() as connection:
        connection.execute("UPDATE custody_events SET body = ? WHERE seq = 40", (body,))
    assert ("event_malformed", 40) in {(one.kind, one.seq) for one in told(filled)}


def test_events_that_were_forged_into_the_log_do_not_stop_the_check(
    filled: SqlLedger, sqlite_place: LedgerPlace
) -> None:
    """Well-formed events of what cannot be: a second acquisition, a judgement of nothing, an alert raised twice."""
    with sqlite_place.raw() as connection:
        for kind in ("evidence_acquired", "alert_raised", "key_harvested", "source_observed", "delivery_noted"):
            connection.execute(
                "INSERT INTO custody_events"
                " SELECT (SELECT max(seq) + 1 FROM custody_events), at, kind, evidence_id, body FROM custody_events"
                " WHERE seq = (SELECT min(seq) FROM custody_events WHERE kind = ?)",
                (kind,),
            )
        (seq, body) = connection.execute(
            "SELECT seq, body FROM custody_events WHERE kind = 'evidence_verified' ORDER BY seq LIMIT 1"
        ).fetchone()
        told_of = json.loads(body) | {"id": "f" * 32}
        connection.execute(
            "UPDATE custody_events SET body = ? WHERE seq = ?",
            (json.dumps(told_of, separators=(",", ":"), sort_keys=True, ensure_ascii=False), seq),
        )
    found = told(filled)
    assert ("row_missing", "verifications") in {(one.kind, one.table) for one in found}
    assert ("row_missing", "alerts") in {(one.kind, one.table) for one in found}
    assert any(one.kind == "event_malformed" and "no event acquired it" in one.detail for one in found)


def test_numbers_below_the_log_are_no_events(filled: SqlLedger, sqlite_place: LedgerPlace) -> None:
    with sqlite_place.raw() as connection:
        connection.execute("UPDATE verifications SET seq = -seq WHERE seq = (SELECT max(seq) FROM verifications)")
    assert [one.kind for one in told(filled)] == ["row_added", "row_missing"]
