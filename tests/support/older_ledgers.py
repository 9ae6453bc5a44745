"""Ledgers as earlier versions left them: made by the migrations of their time, filled by SQL."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from archiver.adapters.ledger.canonical import canonical
from archiver.adapters.ledger.connection import connect, place_of
from archiver.adapters.ledger.database import SqlLedger
from archiver.adapters.ledger.statements import put, rows_of
from archiver.adapters.ledger.tables import (
    custody_events,
    deliveries,
    evidence,
    evidence_counts,
    evidence_state,
    files,
    key_provenance,
    keys,
    merkle_nodes,
    metadata,
    sources,
    verifications,
)
from archiver.adapters.ledger.upgrade import migrations_folder
from archiver.domain.custody import Entry, LedgerMigrated
from archiver.log.leaf import leaf_of
from archiver.log.tree import leaf_hash
from tests.support.ledgers import ACTOR, START, LedgerPlace, make_ledger

_AS_THEN = (
    custody_events,
    keys,
    key_provenance,
    evidence,
    files,
    verifications,
    evidence_state,
    deliveries,
    sources,
)
"""Tables that schema 0001 has, each after those that it refers to. What came later are columns at most."""


def make_0001(
    place: LedgerPlace, entries: Sequence[Entry], scratch: Path, *statements: str, without: Collection[int] = ()
) -> None:
    """Makes a ledger of schema 0001 at *place*, in which *entries* were recorded; then runs *statements* on it.

    *entries*: only kinds that there were. *scratch*: an empty folder. *without*: events that were removed.
    """
    _make(place, entries, scratch, "0001", _AS_THEN, statements, without)


def make_0002(place: LedgerPlace, entries: Sequence[Entry], scratch: Path) -> None:
    """Makes a ledger of schema 0002 at *place*, in which *entries* were recorded: only such as there were."""
    _make(place, entries, scratch, "0002", [table for table in metadata.sorted_tables if table != evidence_counts])


def make_0003(place: LedgerPlace, entries: Sequence[Entry], scratch: Path) -> None:
    """Makes a ledger of schema 0003 at *place*, in which *entries* were recorded."""
    _make(place, entries, scratch, "0003", [table for table in metadata.sorted_tables if table != evidence_counts])


def _make(
    place: LedgerPlace,
    entries: Sequence[Entry],
    scratch: Path,
    revision: str,
    tables: Sequence[sa.Table],
    statements: Sequence[str] = (),
    without: Collection[int] = (),
) -> None:
    rows = _rows(entries, scratch, revision, tables)
    rows["custody_events"] = [row for row in rows["custody_events"] if row["seq"] not in without]
    if place.is_sqlite:
        place.file.parent.mkdir(parents=True)
        place.file.touch()
    database = connect(place_of(place.url))
    with database.write() as connection:
        config = Config()
        config.set_main_option("script_location", str(migrations_folder()))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        for table in tables:
            put(connection, _then(connection, table), rows[table.name])
        for statement in statements:
            connection.exec_driver_sql(statement)
    database.close()


def _rows(
    entries: Sequence[Entry], scratch: Path, revision: str, tables: Sequence[sa.Table]
) -> dict[str, list[dict[str, Any]]]:
    """Every row of a ledger of today, but that its first event says that it is of *revision*."""
    url = f"sqlite:///{scratch}/of-today.db"
    make_ledger(LedgerPlace(url))
    today = connect(place_of(url))
    made = canonical(LedgerMigrated(at=START, before=None, after=revision), ACTOR)
    with today.write() as connection:
        for trigger in ("custody_events_no_update", "merkle_nodes_no_update"):
            connection.exec_driver_sql(f"DROP TRIGGER {trigger}")
        connection.execute(sa.update(custody_events).where(custody_events.c.seq == 0).values(body=made))
        leaf = leaf_hash(leaf_of(made.encode()))
        connection.execute(sa.update(merkle_nodes).where(merkle_nodes.c.seq == 0).values(hashes=leaf))
    SqlLedger(today, ACTOR).journal.record(entries)
    with today.read() as connection:
        rows = {table.name: [dict(row) for row in rows_of(connection, sa.select(table))] for table in tables}
    today.close()
    return rows


def _then(connection: sa.Connection, table: sa.Table) -> sa.Table:
    """*table* with the columns that it has in the database."""
    there = {column["name"] for column in sa.inspect(connection).get_columns(table.name)}
    columns = [sa.Column(c.name, c.type) for c in table.columns if c.name in there]
    return sa.Table(table.name, sa.MetaData(), *columns)
