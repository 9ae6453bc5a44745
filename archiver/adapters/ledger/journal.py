"""The one way in which history is written: events, and in the same transaction all that follows from them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

import rfc8785
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from archiver.adapters.ledger.connection import Database
from archiver.adapters.ledger.projection import Projection
from archiver.adapters.ledger.rows import provenance_row
from archiver.adapters.ledger.statements import chunks, put_new
from archiver.adapters.ledger.stored import stored_text, stored_time
from archiver.adapters.ledger.tables import alerts as alerts_table
from archiver.adapters.ledger.tables import custody_events, evidence, key_provenance, verifications
from archiver.domain.custody import Actor, Entry, EvidenceAcquired, KeyHarvested, body
from archiver.domain.records import Alert
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
        bodies = [canonical(entry, self._actor) for entry in entries]  # before the lock is taken: it takes a while
        with self._database.write() as connection:
            append(connection, entries, bodies, alerts)


def canonical(entry: Entry, actor: Actor) -> str:
    """*entry* as it is kept: canonical JSON (RFC 8785). Raises LedgerError for numbers that JSON cannot hold."""
    try:
        return rfc8785.dumps(body(entry, actor)).decode("utf-8")
    except (rfc8785.CanonicalizationError, TypeError) as error:
        raise LedgerError(f"{entry.kind} cannot be recorded: {error}") from error


def append(
    connection: Connection, entries: Sequence[Entry], bodies: Sequence[str], alerts: Sequence[Alert] = ()
) -> None:
    """Records *entries*, whose canonical forms are *bodies*, and *alerts*, inside *connection*'s transaction."""
    known = _acquired_already(connection, entries)
    provenances = _provenances(connection, entries)
    known_keys = {str(provenance[0]) for provenance in provenances}
    projection = Projection(connection, _last_seq(connection), known_keys)
    projection.load_states(entries)
    for entry, text in zip(entries, bodies, strict=True):
        if isinstance(entry, EvidenceAcquired):
            if entry.evidence.id in known:
                continue
            known.add(entry.evidence.id)
        if isinstance(entry, KeyHarvested):
            origin = _origin(entry)
            if origin in provenances:
                continue
            provenances.add(origin)
        projection.add(entry, text)
    projection.write()
    _queue(connection, alerts, entries[-1].at if entries else datetime.now(UTC))


def _last_seq(connection: Connection) -> int:
    """The highest number in use, -1 for none. By the rows that follow from events too: whoever removes the last
    events by force leaves a gap that tells of them, and does not bring the ledger to a stop.
    """
    tables = (custody_events, verifications, key_provenance)
    found = [connection.scalar(sa.select(sa.func.max(table.c.seq))) for table in tables]
    return max((seq for seq in found if seq is not None), default=-1)


def _acquired_already(connection: Connection, entries: Sequence[Entry]) -> set[str]:
    ids = [stored_text(entry.evidence.id) for entry in entries if isinstance(entry, EvidenceAcquired)]
    known: set[str] = set()
    for chunk in chunks(ids):
        known.update(connection.scalars(sa.select(evidence.c.id).where(evidence.c.id.in_(chunk))))
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


def _queue(connection: Connection, alerts: Sequence[Alert], at: datetime) -> None:
    moment = stored_time(at)
    rows = [
        {
            "cause_sha256": hashlib.sha256(stored_text(alert.cause).encode("utf-8")).hexdigest(),
            "cause": stored_text(alert.cause),
            "title": stored_text(alert.title),
            "text": stored_text(alert.text),
            "created_at": moment,
            "attempts": 0,
            "next_try_at": moment,
            "refused": "[]",
            "delivered_at": None,
        }
        for alert in alerts
    ]
    put_new(connection, alerts_table, rows)
