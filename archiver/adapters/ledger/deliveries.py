"""Which deliveries of which source were seen, and how far each has come; and the sources themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from archiver.adapters.ledger.connection import Database
from archiver.adapters.ledger.rows import Row, plain_number, reading
from archiver.adapters.ledger.statements import chunks, insert, rows_of, starts_with
from archiver.adapters.ledger.stored import (
    plain_moment,
    plain_text,
    plain_time,
    stored_optional,
    stored_text,
    stored_time,
)
from archiver.adapters.ledger.tables import INDEXED_CHARS, deliveries, head_of, sources
from archiver.domain.records import KnownDelivery, SourceStatus

_PAGE: Final = 1000


class SqlDeliveries:
    """``ports.Deliveries``."""

    def __init__(self, database: Database) -> None:
        self._database = database

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
        rows = [
            {
                **delivery_key(source, one.prefix),
                "prefix": stored_text(one.prefix),
                "listing_digest": stored_text(one.listing_digest),
                "first_seen_at": stored_time(one.first_seen_at),
                "evidence_id": stored_optional(one.evidence_id),
                "revision": one.revision,
                "gone": one.gone,
            }
            for one in known
        ]
        with self._database.write() as connection:
            write_deliveries(connection, rows, archived=False)

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
        row: Row = {"url": stored_text(url), "last_sync_at": stored_time(at)}
        if full_objects is not None:
            row |= {"last_full_at": stored_time(at), "last_full_objects": full_objects}
        with self._database.write() as connection:
            statement = insert(connection, sources).values(name=stored_text(source), **row)
            connection.execute(statement.on_conflict_do_update(index_elements=[sources.c.name], set_=row))


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


def write_deliveries(connection: Connection, rows: Sequence[Row], archived: bool) -> None:
    """Inserts or updates *rows*; where they were *archived*, first sight stays and no older revision wins."""
    if not rows:
        return
    statement = insert(connection, deliveries)
    new = statement.excluded
    changes = {name: new[name] for name in ("listing_digest", "evidence_id", "revision", "gone")}
    if archived:
        statement = statement.on_conflict_do_update(
            index_elements=[deliveries.c.source, deliveries.c.prefix_sha256],
            set_=changes,
            where=deliveries.c.revision <= new.revision,
        )
    else:
        statement = statement.on_conflict_do_update(
            index_elements=[deliveries.c.source, deliveries.c.prefix_sha256],
            set_=changes | {"first_seen_at": new.first_seen_at},
        )
    connection.execute(statement, list(rows))


def note_failing(connection: Connection, source: str, since: str | None) -> None:
    """Sets since when *source* cannot be reached; where that is known already, it stays."""
    statement = insert(connection, sources).values(name=stored_text(source), failing_since=since)
    kept = sa.func.coalesce(sources.c.failing_since, statement.excluded.failing_since)
    value = statement.excluded.failing_since if since is None else kept
    connection.execute(
        statement.on_conflict_do_update(index_elements=[sources.c.name], set_={"failing_since": value})
    )
