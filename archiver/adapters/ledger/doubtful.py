"""A ledger whose schema table does not say what this version works with: altered, or of another version?"""

from __future__ import annotations

import json

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from archiver.adapters.ledger.connection import connect, place_of
from archiver.adapters.ledger.database import SqlLedger, revision_of
from archiver.adapters.ledger.tables import custody_events
from archiver.domain.custody import Actor, LedgerMigrated
from archiver.errors import LedgerError, SchemaError


def open_doubtful(url: str, actor: Actor, refused: SchemaError) -> SqlLedger | None:
    """The ledger at *url*, which was *refused*, where its own events tell another schema than its schema table.

    None where there is no ledger at all. Raises *refused* where events and table tell the same, which this version
    does not work with; LedgerError where it cannot be reached.
    """
    place = place_of(url)
    if place.file is not None and not place.file.exists():
        return None
    database = connect(place)
    try:
        with database.read() as connection:
            there = sa.inspect(connection).has_table(custody_events.name)
            found = _version(connection)
            told = _recorded(connection) if there else None
        if told is not None and told == found:
            raise refused
        if not there:
            database.close()
            return None
    except BaseException:
        database.close()
        raise
    return SqlLedger(database, actor)


def _version(connection: Connection) -> str | None:
    try:
        return revision_of(connection)
    except sa.exc.SQLAlchemyError as error:
        raise LedgerError("ledger: its schema table cannot be read") from error


def _recorded(connection: Connection) -> str | None:
    """The schema that the last migration left, as its event tells."""
    columns = custody_events.c
    statement = (
        sa.select(columns.body).where(columns.kind == LedgerMigrated.kind).order_by(columns.seq.desc()).limit(1)
    )
    try:
        after = json.loads(connection.scalar(statement) or "{}").get("after")
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    return after if isinstance(after, str) else None
