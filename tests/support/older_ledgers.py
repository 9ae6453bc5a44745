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
    evidence_state,
    files,
    key_provenance,
    keys,
    sources,
    verifications,
)
from archiver.adapters.ledger.upgrade import migrations_folder
from archiver.domain.custody import Entry, LedgerMigrated
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
"""Tables that schema 0001 has in the same form, each after those that it refers to."""


def make_0001(
    place: LedgerPlace, entries: Sequence[Entry], scratch: Path, *statements: str, without: Collection[int] = ()
) -> None:
    """Makes a ledger of schema 0001 at *place*, in which *entries* were recorded; then runs *statements* on it.

    *entries*: only kinds that there were. *scratch*: an empty folder. *without*: events that were removed.
    """
    url = f"sqlite:///{scratch}/of-today.db"
    make_ledger(LedgerPlace(url))
    today = connect(place_of(url))
    SqlLedger(today, ACTOR).journal.record(entries)
    with today.read() as connection:
        rows: dict[str, list[dict[str, Any]]] = {
            table.name: [dict(row) for row in rows_of(connection, sa.select(table))] for table in _AS_THEN
        }
    today.close()
    made = LedgerMigrated(at=START, before=None, after="0001")
    rows["custody_events"][0]["body"] = canonical(made, ACTOR)
    rows["custody_events"] = [row for row in rows["custody_events"] if row["seq"] not in without]
    if place.is_sqlite:
        place.file.parent.mkdir(parents=True)
        place.file.touch()
    database = connect(place_of(place.url))
    with database.write() as connection:
        config = Config()
        config.set_main_option("script_location", str(migrations_folder()))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for table in _AS_THEN:
            put(connection, table, rows[table.name])
        for statement in statements:
            connection.exec_driver_sql(statement)
    database.close()
