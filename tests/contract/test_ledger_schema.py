"""Making, upgrading and opening ledgers; history that cannot be changed; what is said when something is wrong."""

from __future__ import annotations

import re
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory

from archiver.adapters.ledger.connection import connect, place_of
from archiver.adapters.ledger.database import SqlLedger, open_ledger
from archiver.adapters.ledger.tables import APPEND_ONLY, SCHEMA_REVISION, metadata
from archiver.adapters.ledger.upgrade import UpgradeResult, migrations_folder, upgrade
from archiver.domain.custody import DaemonStarted, KeyHarvested
from archiver.domain.custody_log import CheckpointAnchored, LogKeyAdopted
from archiver.domain.keys import KeyProvenance, PublicKey
from archiver.domain.log_records import StoredCheckpoint
from archiver.domain.records import Alert
from archiver.errors import LedgerError, SchemaError, SettingsError
from tests.support.ledgers import ACTOR, DAY, START, LedgerPlace, acquired, item, verified

ROOT = Path(__file__).parents[2]


def stock(ledger: SqlLedger) -> None:
    """At least one row in every append-only table."""
    key = PublicKey(b"der", "0" * 32)
    provenance = KeyProvenance("import", "keys.json", "operator", START)
    anchored = CheckpointAnchored(
        at=START, size=1, method="timestamp", name="tsa", path="p", sha256="a" * 64, proved_at=START, valid_until=None
    )
    ledger.journal.record(
        [
            acquired(item(1)),
            KeyHarvested(at=START, key=key, sha256=key.sha256, provenance=provenance),
            LogKeyAdopted(at=START, key="log+1+a", before=None, vouched=True),
            anchored,
        ],
        [Alert("cause", "title", "text"), Alert("another", "title", "text")],
    )
    ledger.log.add_checkpoint(StoredCheckpoint(1, "note"))


# ------------------------------------------------------------------------------------------ upgrade


def test_whoever_runs_while_a_newer_version_upgrades_records_nothing_any_more(
    ledger: SqlLedger, ledger_place: LedgerPlace
) -> None:
    """It would not keep what the newer schema has besides, and leave it false for ever."""
    ledger.journal.record([acquired(item(1))])
    ledger_place.forge("UPDATE alembic_version SET version_num = '0999'")
    with pytest.raises(LedgerError, match="schema 0999 while this process ran"):
        ledger.journal.record([acquired(item(2))])
    assert ledger_place.query("SELECT count(*) FROM evidence") == [(1,)]


def test_an_upgrade_makes_a_ledger_once(empty_place: LedgerPlace) -> None:
    assert upgrade(empty_place.url, ACTOR, START) == UpgradeResult(None, SCHEMA_REVISION)
    assert upgrade(empty_place.url, ACTOR, START + DAY) == UpgradeResult(SCHEMA_REVISION, SCHEMA_REVISION)
    ledger = open_ledger(empty_place.url, ACTOR)
    (event,) = ledger.evidence.events()
    ledger.close()
    assert (event.kind, event.at) == ("ledger_migrated", START)


def test_upgrades_at_once_wait_for_each_other(empty_place: LedgerPlace) -> None:
    results: list[UpgradeResult | BaseException] = []

    def run() -> None:
        try:
            results.append(upgrade(empty_place.url, ACTOR, START))
        except BaseException as error:
            results.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    made, found = UpgradeResult(None, SCHEMA_REVISION), UpgradeResult(SCHEMA_REVISION, SCHEMA_REVISION)
    assert sorted(results, key=str) == sorted([made, found, found, found], key=str)
    assert empty_place.query("SELECT count(*) FROM custody_events") == [(1,)]


def test_an_upgrade_that_fails_half_way_leaves_nothing(empty_place: LedgerPlace) -> None:
    """The table ``alerts`` stands in the way of the last statements but a few."""
    if empty_place.is_sqlite:
        empty_place.file.parent.mkdir(parents=True)
    with empty_place.raw() as connection:
        connection.execute("CREATE TABLE alerts (x integer)")
    with pytest.raises(LedgerError, match="alerts"):
        upgrade(empty_place.url, ACTOR, START)
    with pytest.raises(SchemaError, match="there is no ledger"):
        open_ledger(empty_place.url, ACTOR)
    with empty_place.raw() as connection:
        connection.execute("DROP TABLE alerts")
    assert upgrade(empty_place.url, ACTOR, START) == UpgradeResult(None, SCHEMA_REVISION)


def test_a_sqlite_ledger_is_for_its_owner_only(sqlite_place: LedgerPlace, tmp_path: Path) -> None:
    place = LedgerPlace(f"sqlite:///{tmp_path}/deep/er/ledger.db")
    upgrade(place.url, ACTOR, START)
    assert stat.S_IMODE(place.file.stat().st_mode) == 0o600
    assert [stat.S_IMODE(p.stat().st_mode) for p in (place.file.parent, place.file.parent.parent)] == [0o700, 0o700]
    with place.raw() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_sqlite_connections_have_the_settings_that_durability_rests_on(sqlite_ledger: SqlLedger) -> None:
    database = connect(place_of(sqlite_ledger.url))
    for _ in range(2):
        with database.read() as connection:
            found = [
                connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            ]
        assert found == ["wal", 2, 1, 30000]
    database.close()


def test_the_tables_are_those_that_the_migrations_make(
    ledger_place: LedgerPlace, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """``tables.metadata``, made directly, and the migrated ledger: the same columns, keys and indexes."""
    if ledger_place.is_sqlite:
        other = f"sqlite:///{tmp_path}/direct.db"
        Path(f"{tmp_path}/direct.db").touch()
    else:
        other = request.getfixturevalue("new_postgres")()
    for index in (index for table in metadata.tables.values() for index in table.indexes):
        for dialect, condition in index.info.get("where", {}).items():
            index.dialect_options[dialect]["where"] = condition
    direct = connect(place_of(other))
    with direct.write() as connection:
        metadata.create_all(connection)
    migrated = connect(place_of(ledger_place.url))
    question = (
        "SELECT name, tbl_name, replace(replace(replace(sql, char(10), ''), char(9), ''), ' ', '') FROM sqlite_master"
        " WHERE type = 'index' AND name NOT LIKE '%version%' ORDER BY name"
        if ledger_place.is_sqlite
        else "SELECT indexname, tablename, indexdef FROM pg_indexes"
        " WHERE schemaname = 'public' AND tablename <> 'alembic_version' ORDER BY indexname"
    )
    shapes = []
    for database in (direct, migrated):
        with database.read() as connection:
            inspector = sa.inspect(connection)
            tables = {
                name: [
                    (
                        column["name"],
                        str(column["type"]),
                        column["nullable"],
                        getattr(column["type"], "collation", ""),
                    )
                    for column in inspector.get_columns(name)
                ]
                + [inspector.get_pk_constraint(name)["constrained_columns"]]
                + sorted(str(key["referred_table"]) for key in inspector.get_foreign_keys(name))
                for name in metadata.tables
            }
            indexes = [
                re.sub(r"\b(alerts|deliveries|evidence_state)\.", "", str(row))
                for row in connection.exec_driver_sql(question)
            ]
        shapes.append((tables, indexes))
        database.close()
    assert shapes[0] == shapes[1]


def test_the_revision_is_the_head_of_the_migrations() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()))
    assert ScriptDirectory.from_config(config).get_heads() == [SCHEMA_REVISION]
    assert migrations_folder() == ROOT / "migrations"


def test_opening_a_ledger_does_not_import_alembic() -> None:
    code = "import sys, archiver.adapters.ledger.database; print('alembic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


# ------------------------------------------------------------------------------------------ opening


def test_where_there_is_no_ledger_it_is_said_what_to_do(empty_place: LedgerPlace) -> None:
    with pytest.raises(SchemaError, match="there is no ledger") as caught:
        open_ledger(empty_place.url, ACTOR)
    assert "archiver ledger upgrade" in caught.value.remedy
    if empty_place.is_sqlite:
        assert not empty_place.file.exists()
        assert not empty_place.file.parent.exists()


@pytest.mark.parametrize(
    ("revision", "message", "remedy"),
    [
        ("0000", "has schema 0000, and this version works with", "archiver ledger upgrade"),
        ("9999", "has schema 9999, which is newer", "install the version"),
        ("abc", "has schema abc", "install the version"),
    ],
)
def test_another_schema_is_refused(ledger_place: LedgerPlace, revision: str, message: str, remedy: str) -> None:
    with ledger_place.raw() as connection:
        connection.execute(f"UPDATE alembic_version SET version_num = '{revision}'")
    with pytest.raises(SchemaError, match=message) as caught:
        open_ledger(ledger_place.url, ACTOR)
    assert remedy in caught.value.remedy
    with pytest.raises((SchemaError, LedgerError), match=revision):
        upgrade(ledger_place.url, ACTOR, START)
    assert ledger_place.query("SELECT version_num FROM alembic_version") == [(revision,)]


@pytest.mark.parametrize(
    "url",
    [
        "mysql://root:hunter2@host/db",
        "postgres://root:hunter2@host/db",
        "postgresql+psycopg2://root:hunter2@host/db",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:////a/b.db?mode=ro",
        "sqlite://host/a.db",
        "ledger.db",
        "hunter2",
        "postgresql://root:hunter2@host:port/db",
        "",
    ],
)
def test_other_urls_are_refused_without_repeating_a_password(url: str) -> None:
    for use in (lambda: open_ledger(url, ACTOR), lambda: upgrade(url, ACTOR, START)):
        with pytest.raises(SettingsError) as caught:
            use()
        assert "hunter2" not in str(caught.value) + caught.value.remedy


# ------------------------------------------------------------------------------------------ trouble


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.mark.parametrize("where", ["before", "query"])
def test_an_unreachable_postgresql_is_named_without_its_password(where: str) -> None:
    port = free_port()
    given = f"keeper:hunter2@127.0.0.1:{port}/evidence"
    if where == "query":
        given = f"keeper@127.0.0.1:{port}/evidence?password=hunter2"
    with pytest.raises(LedgerError, match=rf"postgresql://keeper@127.0.0.1:{port}/evidence") as caught:
        open_ledger(f"postgresql://{given}", ACTOR)
    with pytest.raises(LedgerError) as again:
        upgrade(f"postgresql://{given}", ACTOR, START)
    for error in (caught.value, again.value):
        assert "hunter2" not in str(error) + error.remedy
        assert "refused" in str(error)


def test_a_database_that_is_not_there_is_said_so(postgres_place: LedgerPlace) -> None:
    missing = sa.make_url(postgres_place.url).set(database="nowhere").render_as_string(hide_password=False)
    with pytest.raises(LedgerError, match="nowhere"):
        open_ledger(missing, ACTOR)


def test_a_file_that_is_no_database_is_said_so(sqlite_place: LedgerPlace) -> None:
    sqlite_place.file.parent.mkdir()
    sqlite_place.file.write_bytes(b"# not a database\n" * 100)
    with pytest.raises(LedgerError, match="no SQLite database"):
        open_ledger(sqlite_place.url, ACTOR)
    with pytest.raises(LedgerError, match="no SQLite database"):
        upgrade(sqlite_place.url, ACTOR, START)
    assert sqlite_place.file.read_bytes().startswith(b"# not a database")


def test_a_folder_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LedgerError, match="cannot be made"):
        upgrade(f"sqlite:///{tmp_path}/file/ledger.db", ACTOR, START)
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(LedgerError):
        upgrade(f"sqlite:///{tmp_path}/folder.db", ACTOR, START)


def test_a_full_disk_is_said_so_and_what_was_recorded_stands(sqlite_place: LedgerPlace) -> None:
    upgrade(sqlite_place.url, ACTOR, START)
    database = connect(place_of(sqlite_place.url))
    sa.event.listen(database.engine, "connect", lambda raw, _: raw.execute("PRAGMA max_page_count = 1"))
    ledger = SqlLedger(database, ACTOR)
    started = DaemonStarted(at=START, pid=1, configuration_sha256="c" * 64)
    ledger.journal.record([started])
    with pytest.raises(LedgerError, match="no room left on the disk"):
        ledger.journal.record([acquired(item(n)) for n in range(500)])
    assert [event.kind for event in ledger.evidence.events()] == ["ledger_migrated", "daemon_started"]
    ledger.close()


def test_a_locked_sqlite_ledger_is_said_so(sqlite_place: LedgerPlace) -> None:
    upgrade(sqlite_place.url, ACTOR, START)
    database = connect(place_of(sqlite_place.url))
    sa.event.listen(database.engine, "connect", lambda raw, _: raw.execute("PRAGMA busy_timeout = 10"))
    ledger = SqlLedger(database, ACTOR)
    blocker = sqlite3.connect(sqlite_place.file, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerError, match="another process has kept it locked"):
        ledger.journal.record([acquired(item(1))])
    assert len(list(ledger.evidence.events())) == 1  # readers do not wait for writers
    blocker.close()
    ledger.journal.record([acquired(item(1))])
    ledger.close()


def test_a_restarted_postgresql_is_noticed_and_used_again(postgres_place: LedgerPlace) -> None:
    upgrade(postgres_place.url, ACTOR, START)
    ledger = open_ledger(postgres_place.url, ACTOR)
    assert len(list(ledger.evidence.events())) == 1
    with psycopg.connect(postgres_place.url, autocommit=True) as connection:
        ended = connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        ).fetchall()
    assert ended
    ledger.journal.record([acquired(item(1))])
    assert len(list(ledger.evidence.events())) == 2
    ledger.close()


# ------------------------------------------------------------------------------------------ append-only


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_history_can_neither_be_changed_nor_removed(ledger: SqlLedger, ledger_place: LedgerPlace, table: str) -> None:
    stock(ledger)
    before = ledger_place.query(f"SELECT * FROM {table}")
    column = metadata.tables[table].columns.keys()[0]
    statements = [f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"]
    if ledger_place.is_sqlite:
        statements.append(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table} LIMIT 1")
        names = ", ".join(["rowid", *metadata.tables[table].columns.keys()])
        statements.append(f"REPLACE INTO {table} ({names}) SELECT {names} FROM {table} LIMIT 1")
    else:
        statements.append(f"TRUNCATE {table} CASCADE")
        statements.append(f"SET session_replication_role = replica; DELETE FROM {table}")
    for statement in statements:
        with pytest.raises((sqlite3.IntegrityError, psycopg.errors.RestrictViolation), match="append-only"):
            ledger_place.query(statement)
    assert before
    assert ledger_place.query(f"SELECT * FROM {table}") == before


def test_what_is_said_of_an_item_cannot_be_removed(ledger: SqlLedger, ledger_place: LedgerPlace) -> None:
    stock(ledger)
    ledger.journal.record([acquired(item(2))])
    before = ledger_place.query("SELECT * FROM evidence_state")
    names = ", ".join(metadata.tables["evidence_state"].columns.keys())
    statements = ["DELETE FROM evidence_state", f"UPDATE evidence_state SET evidence_id = '{item(2).id}'"]
    if ledger_place.is_sqlite:
        statements += [
            "UPDATE OR REPLACE evidence_state SET rowid = 2 WHERE rowid = 1",
            "INSERT OR REPLACE INTO evidence_state SELECT * FROM evidence_state LIMIT 1",
            f"REPLACE INTO evidence_state (rowid, {names}) SELECT 2, {names} FROM evidence_state WHERE rowid = 1",
        ]
    else:
        statements += [
            "TRUNCATE evidence_state CASCADE",
            "SET session_replication_role = replica; DELETE FROM evidence_state",
        ]
    for statement in statements:
        with pytest.raises(
            (sqlite3.IntegrityError, psycopg.errors.RestrictViolation), match=r"rows of table .* stay"
        ):
            ledger_place.query(statement)
    assert ledger_place.query("SELECT * FROM evidence_state") == before


def test_an_alert_cannot_be_removed_nor_become_another(ledger: SqlLedger, ledger_place: LedgerPlace) -> None:
    stock(ledger)
    before = ledger_place.query("SELECT * FROM alerts")
    names = ", ".join(metadata.tables["alerts"].columns.keys())
    statements = [
        "DELETE FROM alerts",
        "UPDATE alerts SET id = 0 WHERE cause = 'cause'",
        "UPDATE alerts SET cause_sha256 = 'x' WHERE cause = 'cause'",
    ]
    if ledger_place.is_sqlite:
        other = names.replace("id, cause_sha256", "0, cause_sha256")
        statements += [
            "UPDATE OR REPLACE alerts SET rowid = 0 WHERE cause = 'cause'",
            "INSERT OR REPLACE INTO alerts SELECT * FROM alerts LIMIT 1",
            f"REPLACE INTO alerts ({names}) SELECT {other} FROM alerts WHERE cause = 'cause'",
        ]
    else:
        statements += ["TRUNCATE alerts CASCADE", "SET session_replication_role = replica; DELETE FROM alerts"]
    for statement in statements:
        with pytest.raises(
            (sqlite3.IntegrityError, psycopg.errors.RestrictViolation), match=r"rows of table .* stay"
        ):
            ledger_place.query(statement)
    assert len(before) == 2
    assert ledger_place.query("SELECT * FROM alerts") == before


def test_what_may_change_changes(ledger: SqlLedger, ledger_place: LedgerPlace) -> None:
    stock(ledger)
    ledger.journal.record([verified(item(1), START + DAY)])
    assert ledger_place.query("UPDATE evidence_state SET size = size RETURNING evidence_id") == [(item(1).id,)]
