"""The one way in which history is written: events, and in the same transaction all that follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from archiver.adapters.ledger.canonical import canonical
from archiver.adapters.ledger.connection import Database
from archiver.adapters.ledger.projection import Projection
from archiver.adapters.ledger.projection_upkeep import cause_digest
from archiver.adapters.ledger.rows import provenance_row
from archiver.adapters.ledger.statements import chunks
from archiver.adapters.ledger.stored import stored_text
from archiver.adapters.ledger.tables import SCHEMA_REVISION, evidence, key_provenance
from archiver.adapters.ledger.tables import alerts as alerts_table
from archiver.adapters.ledger.tree_rows import load_frontier, next_number
from archiver.domain.custody import Actor, Entry, EvidenceAcquired, KeyHarvested
from archiver.domain.custody_upkeep import AlertRaised
from archiver.domain.records import Alert
from archiver.domain.text import printable
from archiver.errors import LedgerError

_SAME_PROVENANCE = (
    "sha256",
    "claimed_fingerprint",
    "region",
    "valid_from",
    "valid_until",
    "method",
    "endpoint",
    "caller",
)


class SqlJournal:
    """``ports.Journal``."""

    def __init__(self, database: Database, actor: Actor) -> None:
        self._database = database
        self._actor = actor

    def record(self, entries: Sequence[Entry], alerts: Sequence[Alert] = ()) -> None:
        """See ``ports.Journal``."""
        at = entries[-1].at if entries else datetime.now(UTC)
        raised = [AlertRaised(at=at, cause=one.cause, title=one.title, text=one.text) for one in alerts]
        told = [*entries, *raised]
        bodies = [canonical(entry, self._actor) for entry in told]  # before the lock is taken: it takes a while
        with self._database.write() as connection:
            _check_schema(connection, self._database.place.shown)
            append(connection, told, bodies)


def _check_schema(connection: Connection, shown: str) -> None:
    """A newer version may have upgraded the ledger while this process ran: it would not keep what is new in it."""
    found = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    if found != SCHEMA_REVISION:
        raise LedgerError(
            f"the ledger {shown} was brought to schema {printable(str(found), 40)} while this process ran, "
            f"which writes {SCHEMA_REVISION}; nothing was recorded",
            "Start it again, with the version of archiver that upgraded the ledger.",
        )


def append(connection: Connection, entries: Sequence[Entry], bodies: Sequence[str]) -> None:
    """Records *entries*, whose canonical forms are *bodies*, inside *connection*'s transaction.

    With each its leaf in the tree and what follows from it in the tables. What ``ports.Journal`` wants once is
    passed over where it is on record.
    """
    provenances = _provenances(connection, entries)
    once: set[tuple[str | None, ...]] = {*provenances, *_acquired_already(connection, entries)}
    once |= _raised_already(connection, entries)
    frontier = load_frontier(connection, next_number(connection))
    projection = Projection(connection, frontier, {str(provenance[0]) for provenance in provenances})
    projection.load(entries)
    for entry, text in zip(entries, bodies, strict=True):
        name = _name_of(entry)
        if name is not None:
            if name in once:
                continue
            once.add(name)
        projection.add(entry, text)
    projection.write()


def _name_of(entry: Entry) -> tuple[str | None, ...] | None:
    """What must not be recorded twice, None for what may be."""
    match entry:
        case EvidenceAcquired():
            return ("evidence", stored_text(entry.evidence.id))
        case AlertRaised():
            return ("alert", cause_digest(entry.cause))
        case KeyHarvested():
            return _origin(entry)
    return None


def _acquired_already(connection: Connection, entries: Sequence[Entry]) -> set[tuple[str | None, ...]]:
    ids = [stored_text(entry.evidence.id) for entry in entries if isinstance(entry, EvidenceAcquired)]
    known: set[tuple[str | None, ...]] = set()
    for chunk in chunks(ids):
        found = connection.scalars(sa.select(evidence.c.id).where(evidence.c.id.in_(chunk)))
        known.update(("evidence", item) for item in found)
    return known


def _raised_already(connection: Connection, entries: Sequence[Entry]) -> set[tuple[str | None, ...]]:
    causes = [cause_digest(entry.cause) for entry in entries if isinstance(entry, AlertRaised)]
    known: set[tuple[str | None, ...]] = set()
    for chunk in chunks(causes):
        digest = alerts_table.c.cause_sha256
        known.update(("alert", cause) for cause in connection.scalars(sa.select(digest).where(digest.in_(chunk))))
    return known


def _provenances(connection: Connection, entries: Sequence[Entry]) -> set[tuple[str | None, ...]]:
    """What is on record of the keys among *entries*, as :func:`_origin` tells it."""
    columns = [key_provenance.c[name] for name in _SAME_PROVENANCE]
    wanted = {stored_text(entry.sha256) for entry in entries if isinstance(entry, KeyHarvested)}
    known: set[tuple[str | None, ...]] = set()
    for chunk in chunks(wanted):
        found = connection.execute(sa.select(*columns).where(key_provenance.c.sha256.in_(chunk)))
        known.update(tuple(row) for row in found)
    return known


def _origin(entry: KeyHarvested) -> tuple[str | None, ...]:
    row = provenance_row(entry.key, entry.sha256, entry.provenance)
    return tuple(row[name] for name in _SAME_PROVENANCE)
