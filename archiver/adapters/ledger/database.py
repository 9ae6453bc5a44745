"""A ledger, whole."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from archiver.adapters.ledger.advisory import AdvisoryLocks
from archiver.adapters.ledger.connection import Database, Place, connect, place_of
from archiver.adapters.ledger.deliveries import SqlDeliveries
from archiver.adapters.ledger.evidence import SqlEvidenceIndex
from archiver.adapters.ledger.flocks import FileLocks
from archiver.adapters.ledger.journal import SqlJournal
from archiver.adapters.ledger.keys import SqlKeys
from archiver.adapters.ledger.log import SqlLog
from archiver.adapters.ledger.outbox import SqlOutbox
from archiver.adapters.ledger.tables import SCHEMA_REVISION
from archiver.domain.custody import Actor
from archiver.domain.text import printable
from archiver.errors import NoLedgerError, SchemaError
from archiver.ports import Locks

_REMEDY = "run `archiver ledger upgrade`"


class SqlLedger:
    """``ports.Ledger`` on SQLite or PostgreSQL."""

    def __init__(self, database: Database, actor: Actor) -> None:
        self._database = database
        self.url = database.place.shown
        self.journal = SqlJournal(database, actor)
        self.deliveries = SqlDeliveries(database, self.journal)
        self.evidence = SqlEvidenceIndex(database)
        self.keys = SqlKeys(database)
        self.outbox = SqlOutbox(database, self.journal)
        self.log = SqlLog(database)
        self.locks = locks_of(database.place)

    def close(self) -> None:
        """Closes the connections; locks that are held stay so until they are left."""
        self._database.close()


def open_ledger(url: str, actor: Actor, *, reads_only: bool = False) -> SqlLedger:
    """The ledger at *url*, in whose name *actor* writes, unless it is opened by one who *reads_only*.

    Raises SettingsError for a *url* that names neither a SQLite file nor a PostgreSQL database, NoLedgerError
    where there is none, SchemaError for one of another version, LedgerError where it cannot be reached.
    """
    place = place_of(url)
    if place.file is not None and not place.file.exists():
        raise NoLedgerError(f"there is no ledger at {place.shown}", _REMEDY)
    database = connect(place, reads_only=reads_only)
    try:
        with database.read() as connection:
            check_revision(place, revision_of(connection))
    except BaseException:
        database.close()
        raise
    return SqlLedger(database, actor)


def locks_of(place: Place) -> Locks:
    """The locks of the ledger at *place*."""
    return AdvisoryLocks(place) if place.file is None else FileLocks(place.file)


def revision_of(connection: Connection) -> str | None:
    """The revision of the schema, None where there is no ledger; read as alembic keeps it."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return None if found is None else str(found)


def check_revision(place: Place, found: str | None) -> None:
    """Raises SchemaError unless *found* is the revision that this version works with."""
    if found == SCHEMA_REVISION:
        return
    if found is None:
        raise NoLedgerError(f"there is no ledger in {place.shown}", _REMEDY)
    shown = printable(found, 40)
    if found.isdecimal() and found < SCHEMA_REVISION:
        raise SchemaError(
            f"the ledger {place.shown} has schema {shown}, and this version works with {SCHEMA_REVISION}", _REMEDY
        )
    raise SchemaError(
        f"the ledger {place.shown} has schema {shown}, which is newer than this version's {SCHEMA_REVISION}",
        "install the version of archiver that made it, or a later one",
    )
