"""Which deliveries of which source were seen, and how far each has come; and the sources themselves.

Nothing is written here but entries: the rows follow from them (``projection_upkeep``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa

from archiver.adapters.ledger.connection import Database
from archiver.adapters.ledger.rows import Row, plain_number, reading
from archiver.adapters.ledger.statements import chunks, rows_of, starts_with
from archiver.adapters.ledger.stored import (
    plain_moment,
    plain_text,
    plain_time,
    stored_text,
)
from archiver.adapters.ledger.tables import INDEXED_CHARS, deliveries, head_of, sources
from archiver.domain.custody_upkeep import DeliveryNoted, SourceSynced
from archiver.domain.records import KnownDelivery, SourceStatus
from archiver.ports import Journal

_PAGE: Final = 1000


class SqlDeliveries:
    """``ports.Deliveries``."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal

    def known(self, source: str, prefixes: Sequence[str]) -> Mapping[str, KnownDelivery]:
        """See ``ports.Deliveries``."""
        found: dict[str, KnownDelivery] = {}
        for chunk in chunks(prefixes):
            digests = [prefix_digest(stored_text(prefix)) for prefix in chunk]
            statement = sa.select(deliveries).where(
                deliveries.c.source == stored_text(source), deliveries.c.prefix_sha256.in_(digests)
            )
            with self._database.read() as connection:
                rows = rows_of(connection, statement)
            found.update((known.prefix, known) for known in map(_known_of, rows))
        return found

    def pending(self, source: str) -> Iterator[KnownDelivery]:
        """See ``ports.Deliveries``."""
        return self._pages([deliveries.c.source == stored_text(source), deliveries.c.evidence_id.is_(None)])

    def archived_below(self, source: str, prefix: str) -> Iterator[KnownDelivery]:
        """See ``ports.Deliveries``."""
        conditions = [
            deliveries.c.source == stored_text(source),
            deliveries.c.evidence_id.is_not(None),
            sa.not_(deliveries.c.gone),
        ]
        return self._pages(conditions + (starts_with(deliveries.c.prefix, prefix) if prefix else []))

    def _pages(self, conditions: Sequence[sa.ColumnElement[bool]]) -> Iterator[KnownDelivery]:
        """By prefix, a page at a time; what the caller writes meanwhile does not disturb."""
        head = head_of(deliveries.c.prefix)
        statement = sa.select(deliveries).where(*conditions).order_by(head, deliveries.c.prefix).limit(_PAGE)
        page = statement
        while True:
            with self._database.read() as connection:
                rows = rows_of(connection, page)
            yield from map(_known_of, rows)
            if len(rows) < _PAGE:
                return
            last = rows[-1]["prefix"]
            page = statement.where(sa.tuple_(head, deliveries.c.prefix) > sa.tuple_(last[:INDEXED_CHARS], last))

    def note(self, source: str, known: Sequence[KnownDelivery]) -> None:
        """See ``ports.Deliveries``."""
        held = self.known(source, [one.prefix for one in known])
        now = datetime.now(UTC)
        noted = [
            DeliveryNoted(
                at=now,
                source=source,
                prefix=one.prefix,
                listing_digest=one.listing_digest,
                first_seen_at=one.first_seen_at,
                evidence_of=one.evidence_id,
                revision=one.revision,
                gone=one.gone,
            )
            for one in known
            if held.get(one.prefix) != one
        ]
        if noted:
            self._journal.record(noted)

    def status(self, source: str) -> SourceStatus:
        """See ``ports.Deliveries``."""
        with self._database.read() as connection:
            rows = rows_of(connection, sa.select(sources).where(sources.c.name == stored_text(source)))
        if not rows:
            return SourceStatus(None, None, None, None)
        full = rows[0]["last_full_objects"]
        with reading("sources", source):
            return SourceStatus(
                last_sync_at=plain_moment(rows[0]["last_sync_at"]),
                last_full_at=plain_moment(rows[0]["last_full_at"]),
                last_full_objects=None if full is None else plain_number(full),
                failing_since=plain_moment(rows[0]["failing_since"]),
            )

    def note_pass(self, source: str, url: str, at: datetime, full_objects: int | None) -> None:
        """See ``ports.Deliveries``."""
        self._journal.record([SourceSynced(at=at, source=source, url=url, full_objects=full_objects)])


def _known_of(row: Mapping[str, Any]) -> KnownDelivery:
    with reading("deliveries", (row["source"], row["prefix_sha256"])):
        return KnownDelivery(
            prefix=plain_text(row["prefix"]),
            listing_digest=plain_text(row["listing_digest"]),
            first_seen_at=plain_time(row["first_seen_at"]),
            evidence_id=None if row["evidence_id"] is None else plain_text(row["evidence_id"]),
            revision=plain_number(row["revision"]),
            gone=bool(row["gone"]),
        )


def prefix_digest(stored_prefix: str) -> str:
    """The SHA-256 by which a delivery's row is found: a prefix may be longer than an index entry can be."""
    return hashlib.sha256(stored_prefix.encode("utf-8")).hexdigest()


def delivery_key(source: str, prefix: str) -> Row:
    """The primary key of a delivery's row."""
    return {"source": stored_text(source), "prefix_sha256": prefix_digest(stored_text(prefix))}
