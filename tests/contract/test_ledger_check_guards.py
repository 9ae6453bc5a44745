"""Triggers and tables that are not as the schema made them are told, on both databases."""

from __future__ import annotations

import pytest

from archiver.adapters.ledger.check_guards import digest
from archiver.adapters.ledger.check_schema import FUNCTIONS, ON_SQLITE
from archiver.adapters.ledger.database import SqlLedger, open_ledger
from archiver.adapters.ledger.tables import APPEND_ONLY, ROWS_STAY, metadata
from tests.support.ledgers import ACTOR, LedgerPlace

GUARDED = sorted((*APPEND_ONLY, *ROWS_STAY))


def told(ledger: SqlLedger) -> list[tuple[str, str | None]]:
    return [(problem.kind, problem.table) for problem in ledger.log.guards()]


def test_a_new_ledger_has_all_guards(ledger: SqlLedger) -> None:
    assert ledger.log.guards() == []


def test_the_digests_are_of_what_the_migrations_make(sqlite_ledger: SqlLedger, sqlite_place: LedgerPlace) -> None:
    made = {
        (kind, name): (table, digest(sql))
        for kind, name, table, sql in sqlite_place.query("SELECT type, name, tbl_name, sql FROM sqlite_master")
        if sql and (table in metadata.tables or table == "alembic_version")
    }
    assert made == ON_SQLITE


def test_the_functions_are_those_that_the_migrations_make(postgres_ledger: LedgerPlace) -> None:
    rows = postgres_ledger.query("SELECT proname, prosrc FROM pg_proc WHERE proname LIKE 'archiver%'")
    assert {name: digest(source) for name, source in rows} == FUNCTIONS


@pytest.fixture
def postgres_ledger(postgres_ledger_place: LedgerPlace) -> LedgerPlace:
    """A ledger on PostgreSQL, closed."""
    return postgres_ledger_place


def test_every_trigger_that_is_gone_is_told(ledger: SqlLedger, ledger_place: LedgerPlace) -> None:
    with ledger_place.raw() as connection:
        if ledger_place.is_sqlite:
            names = connection.execute("SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        else:
            names = connection.execute(
                "SELECT t.tgname, c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
                " WHERE NOT t.tgisinternal"
            ).fetchall()
        for name, table in names:
            connection.execute(f"DROP TRIGGER {name}" + ("" if ledger_place.is_sqlite else f" ON {table}"))
    assert sorted({table for _, table in names}) == GUARDED
    assert sorted(told(ledger)) == sorted(("guard_missing", table) for _, table in names)


def test_an_index_of_another_is_told(ledger: SqlLedger, ledger_place: LedgerPlace) -> None:
    """Whoever reads through it may be told another history than the table's."""
    with ledger_place.raw() as connection:
        connection.execute("CREATE INDEX zz ON custody_events (evidence_id, seq, at, kind, body)")
        connection.execute("DROP INDEX ix_evidence_query_id")
        connection.execute("CREATE INDEX ix_evidence_query_id ON evidence (query_id) WHERE revision < 2")
    assert sorted(told(ledger)) == [("schema_altered", "custody_events"), ("schema_altered", "evidence")]


def test_a_trigger_that_does_something_else_is_told(ledger: SqlLedger, ledger_place: LedgerPlace) -> None:
    with ledger_place.raw() as connection:
        if ledger_place.is_sqlite:
            connection.execute("DROP TRIGGER evidence_no_update")
            connection.execute("CREATE TRIGGER evidence_no_update BEFORE UPDATE ON evidence BEGIN SELECT 1; END")
        else:
            connection.execute("DROP TRIGGER evidence_append_only ON evidence")
            connection.execute(
                "CREATE TRIGGER evidence_append_only BEFORE UPDATE OR TRUNCATE ON evidence"
                " FOR EACH STATEMENT EXECUTE FUNCTION archiver_append_only()"
            )
            connection.execute("ALTER TABLE evidence ENABLE ALWAYS TRIGGER evidence_append_only")
    assert told(ledger) == [("guard_missing", "evidence")]


@pytest.mark.parametrize(
    "edit",
    [
        "ALTER TABLE files DISABLE TRIGGER files_append_only",
        "ALTER TABLE files ENABLE TRIGGER files_append_only",
        "ALTER TABLE files ENABLE REPLICA TRIGGER files_append_only",
        "DROP TRIGGER files_append_only ON files;"
        " CREATE TRIGGER files_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON files"
        " FOR EACH STATEMENT EXECUTE FUNCTION archiver_rows_stay();"
        " ALTER TABLE files ENABLE ALWAYS TRIGGER files_append_only",
        "DROP TRIGGER files_append_only ON files; CREATE TRIGGER files_append_only BEFORE UPDATE OR DELETE ON files"
        " FOR EACH STATEMENT WHEN (false) EXECUTE FUNCTION archiver_append_only();"
        " ALTER TABLE files ENABLE ALWAYS TRIGGER files_append_only",
    ],
)
def test_a_trigger_that_seldom_fires_on_postgresql_is_told(postgres_ledger: LedgerPlace, edit: str) -> None:
    assert _edited(postgres_ledger, edit) == [("guard_missing", "files")]


def test_a_function_that_refuses_nothing_is_told_for_each_table(postgres_ledger: LedgerPlace) -> None:
    edit = (
        "CREATE OR REPLACE FUNCTION archiver_rows_stay() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RETURN NULL; END $$"
    )
    assert _edited(postgres_ledger, edit) == [("guard_missing", table) for table in sorted(ROWS_STAY)]


@pytest.mark.parametrize(
    ("edit", "table"),
    [
        ("ALTER TABLE evidence DROP COLUMN caller", "evidence"),
        ("ALTER TABLE evidence ADD COLUMN note text", "evidence"),
        ("ALTER TABLE evidence ALTER COLUMN source DROP NOT NULL", "evidence"),
        ("ALTER TABLE files ALTER COLUMN size TYPE text", "files"),
        ("ALTER TABLE deliveries DROP CONSTRAINT deliveries_pkey", "deliveries"),
        ("ALTER TABLE alerts DROP CONSTRAINT alerts_cause_sha256_key", "alerts"),
        ("CREATE RULE r AS ON INSERT TO files DO INSTEAD NOTHING", "files"),
        ("ALTER TABLE files ENABLE ROW LEVEL SECURITY", "files"),
        ("ALTER TABLE sources RENAME TO away", "sources"),
        (
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
            " CREATE TRIGGER mine BEFORE INSERT ON files FOR EACH ROW EXECUTE FUNCTION f()",
            "files",
        ),
    ],
)
def test_a_schema_that_was_changed_on_postgresql_is_told(postgres_ledger: LedgerPlace, edit: str, table: str) -> None:
    assert _edited(postgres_ledger, edit) == [("schema_altered", table)]


def _edited(place: LedgerPlace, edit: str) -> list[tuple[str, str | None]]:
    with place.raw() as connection:
        connection.execute(edit)
    ledger = open_ledger(place.url, ACTOR)
    try:
        return sorted(set(told(ledger)), key=str)
    finally:
        ledger.close()


@pytest.mark.parametrize(
    ("edits", "table"),
    [
        (["ALTER TABLE evidence ADD COLUMN note TEXT"], "evidence"),
        (["DROP INDEX ix_keys_fingerprint"], "keys"),
        (["DROP TABLE sources", "CREATE VIEW sources AS SELECT 1 AS name"], "sources"),
        (
            [
                "DROP TABLE sources",
                "CREATE TABLE sources (name TEXT, url, last_sync_at, last_full_at, failing_since)",
            ],
            "sources",
        ),
        (["CREATE TRIGGER mine AFTER INSERT ON evidence BEGIN DELETE FROM sources; END"], "evidence"),
        (
            [
                "PRAGMA writable_schema = ON",
                "UPDATE sqlite_master SET sql = replace(sql, 'NOT NULL', '') WHERE name = 'deliveries'",
            ],
            "deliveries",
        ),
        # SQLite takes names in any case
        (["CREATE TRIGGER mine BEFORE INSERT ON EVIDENCE BEGIN SELECT raise(ignore); END"], "evidence"),
        (
            [
                "CREATE INDEX mine ON custody_events (kind) WHERE seq <> 5",
                "PRAGMA writable_schema = ON",
                "UPDATE sqlite_master SET tbl_name = 'CUSTODY_EVENTS' WHERE name = 'mine'",
            ],
            "custody_events",
        ),
        (["CREATE TRIGGER mine AFTER UPDATE ON alembic_version BEGIN SELECT 1; END"], "alembic_version"),
        (["CREATE VIEW mine AS SELECT 1"], "mine"),
        (["CREATE TABLE mine (x)"], "mine"),
        (
            [  # to SQLite no blank: the constraint is gone
                "PRAGMA writable_schema = ON",
                "UPDATE sqlite_master SET sql = replace(sql, 'at TEXT NOT NULL', 'at TEXT' || char(160) || 'NOT'"
                " || char(160) || 'NULL') WHERE name = 'verifications'",
            ],
            "verifications",
        ),
    ],
)
def test_a_schema_that_was_changed_on_sqlite_is_told(
    sqlite_ledger: SqlLedger, sqlite_place: LedgerPlace, edits: list[str], table: str
) -> None:
    with sqlite_place.raw() as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        for edit in edits:
            connection.execute(edit)
    assert told(sqlite_ledger) == [("schema_altered", table)]


def test_what_sqlite_makes_by_itself_is_its_own(sqlite_ledger: SqlLedger, sqlite_place: LedgerPlace) -> None:
    with sqlite_place.raw() as connection:
        connection.execute("ANALYZE")
        assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'sqlite_stat1'").fetchone() == (1,)
    assert told(sqlite_ledger) == []
