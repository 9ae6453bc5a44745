"""What a ledger of schema 0001 holds without an event that made it, recorded as events: part of its upgrade.

Until then only history was made of events: the daily round wrote ``sources``, ``deliveries`` and ``alerts`` beside
it, and there was no tree. The migration has laid these rows aside; here the tables are made anew from the events
that there are, and every row that comes out otherwise, or not at all, is recorded as it stood.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from archiver.adapters.ledger.canonical import canonical
from archiver.adapters.ledger.journal import append
from archiver.adapters.ledger.projection_upkeep import Upkeep
from archiver.adapters.ledger.rows import plain_number, reading
from archiver.adapters.ledger.statements import chunks, put, rows_of
from archiver.adapters.ledger.stored import plain_list, plain_moment, plain_text, plain_time
from archiver.adapters.ledger.tables import alerts, custody_events, deliveries, merkle_nodes, sources
from archiver.adapters.ledger.tree_rows import LOST_LEAF, body_bytes, load_frontier
from archiver.domain.custody import (
    Actor,
    DeliverySeen,
    DeliveryVanished,
    Entry,
    EvidenceAcquired,
    SourceFailed,
    SourceObserved,
    SourceRecovered,
    SourceRestored,
)
from archiver.domain.custody_reading import entry_of
from archiver.domain.custody_upkeep import AlertRaised, AlertTold, DeliveryNoted, SourceSynced
from archiver.log.leaf import leaf_of
from archiver.log.tree import Frontier, leaf_hash

_PAGE: Final = 500
_BEFORE_THE_LOG: Final = "as it stood before the ledger became a log"

_MAKING_ROWS: Final = [
    kind.kind
    for kind in (
        DeliverySeen,
        DeliveryVanished,
        EvidenceAcquired,
        SourceFailed,
        SourceObserved,
        SourceRecovered,
        SourceRestored,
    )
]
"""Kinds of schema 0001 that make rows of the tables which are adopted."""

Row = Mapping[str, Any]


def _aside(table: sa.Table) -> sa.Table:
    """Where the migration has laid the rows of *table* aside."""
    return table.to_metadata(sa.MetaData(), name=f"unadopted_{table.name}")


def plant_tree(connection: Connection) -> None:
    """Writes the rows of ``merkle_nodes`` for all events that there are, in flat memory.

    Numbers without an event, of which nothing is left, have no row and count as ``LOST_LEAF``.
    """
    tree, after = Frontier(), -1
    columns = (custody_events.c.seq, custody_events.c.body)
    statement = sa.select(*columns).order_by(custody_events.c.seq).limit(_PAGE)
    while page := connection.execute(statement.where(custody_events.c.seq > after)).all():
        rows: list[dict[str, Any]] = []
        for seq, stored in page:
            if seq != tree.size:
                put(connection, merkle_nodes, rows)
                rows, tree = [], load_frontier(connection, seq)
            body = body_bytes(stored)
            hashes = tree.append(leaf_hash(LOST_LEAF if body is None else leaf_of(body)))
            rows.append({"seq": seq, "hashes": b"".join(hashes)})
        put(connection, merkle_nodes, rows)
        after = page[-1][0]


def adopt(connection: Connection, actor: Actor, now: datetime) -> None:
    """Records what no event made, in the name of *actor*, and takes away what was laid aside.

    Raises LedgerError for a row that cannot be read: it must not be lost on the way.
    """
    _make_anew(connection)
    for entries in chunks(_of_rows(connection, now), _PAGE):
        _record(connection, entries, actor)
    for rows in chunks(_pages(connection, alerts, [alerts.c.id]), _PAGE):
        _adopt_alerts(connection, rows, actor, now)
    for table in (sources, deliveries, alerts):
        connection.execute(sa.text(f"DROP TABLE unadopted_{table.name}"))


def _record(connection: Connection, entries: Sequence[Entry], actor: Actor) -> None:
    append(connection, entries, [canonical(entry, actor) for entry in entries])


def _make_anew(connection: Connection) -> None:
    """The rows that events make. An event that cannot be read makes none: whoever forged it is told of by others."""
    columns = (custody_events.c.seq, custody_events.c.body)
    after = -1
    statement = sa.select(*columns).where(custody_events.c.kind.in_(_MAKING_ROWS))
    statement = statement.order_by(custody_events.c.seq).limit(_PAGE)
    while page := connection.execute(statement.where(custody_events.c.seq > after)).all():
        told = {seq: entry for seq, stored in page if (entry := _entry(stored)) is not None}
        upkeep = Upkeep(connection)
        upkeep.load(list(told.values()))
        for seq, entry in told.items():
            upkeep.add(seq, entry)
        upkeep.write()
        after = page[-1][0]


def _entry(stored: object) -> Entry | None:
    body = body_bytes(stored)
    try:
        return None if body is None else entry_of(orjson.loads(body))[0]
    except (ValueError, RecursionError):
        return None


def _of_rows(connection: Connection, now: datetime) -> Iterator[Entry]:
    """What is to be recorded of sources and deliveries; recording meanwhile does not touch what lies aside."""
    failing = {row["name"]: row["failing_since"] for row in rows_of(connection, sa.select(sources))}
    for row in _pages(connection, sources, [sources.c.name]):
        with reading("sources", row["name"]):
            entries = _of_source(row, failing.get(row["name"]), now)
        yield from entries
    for row in _pages(connection, deliveries, [deliveries.c.source, deliveries.c.prefix_sha256], differing=True):
        with reading("deliveries", (row["source"], row["prefix_sha256"])):
            entry = _of_delivery(row, now)
        yield entry


def _pages(
    connection: Connection, table: sa.Table, key: Sequence[sa.Column[Any]], differing: bool = False
) -> Iterator[Row]:
    """The rows of *table* that were laid aside, by *key*; *differing*: only those that events do not make so."""
    aside = _aside(table)
    order = [aside.c[column.name] for column in key]
    statement = sa.select(aside).order_by(*order).limit(_PAGE)
    if differing:
        it = [table.c[column.name] == aside.c[column.name] for column in key]
        same = [*it, *(table.c[column.name].is_not_distinct_from(column) for column in aside.c)]
        statement = statement.where(sa.not_(sa.exists().where(*same)))
    page = statement
    while rows := rows_of(connection, page):
        yield from rows
        last = [rows[-1][column.name] for column in order]
        page = statement.where(sa.tuple_(*order) > sa.tuple_(*last))


def _of_source(row: Row, failing_since: str | None, now: datetime) -> list[Entry]:
    """*failing_since*: what events say."""
    name = plain_text(row["name"])
    synced, full = plain_moment(row["last_sync_at"]), plain_moment(row["last_full_at"])
    objects = None if row["last_full_objects"] is None else plain_number(row["last_full_objects"])
    url = "" if row["url"] is None else plain_text(row["url"])
    entries: list[Entry] = []
    if full is not None:
        entries.append(SourceSynced(at=full, source=name, url=url, full_objects=objects))
    if synced is not None and synced != full:
        entries.append(SourceSynced(at=synced, source=name, url=url, full_objects=None))
    if row["failing_since"] != failing_since:
        since = plain_moment(row["failing_since"])
        if failing_since is not None:
            entries.append(SourceRecovered(at=since or now, source=name))
        if since is not None:
            entries.append(SourceFailed(at=since, source=name, detail=_BEFORE_THE_LOG))
    return entries


def _of_delivery(row: Row, now: datetime) -> Entry:
    return DeliveryNoted(
        at=now,
        source=plain_text(row["source"]),
        prefix=plain_text(row["prefix"]),
        listing_digest=plain_text(row["listing_digest"]),
        first_seen_at=plain_time(row["first_seen_at"]),
        evidence_of=None if row["evidence_id"] is None else plain_text(row["evidence_id"]),
        revision=plain_number(row["revision"]),
        gone=bool(row["gone"]),
    )


def _adopt_alerts(connection: Connection, rows: Sequence[Row], actor: Actor, now: datetime) -> None:
    """The alerts get new numbers: those of the events that raise them."""
    raised = [_raised(row) for row in rows]
    _record(connection, raised, actor)
    numbers: dict[str, int] = {}
    for chunk in chunks(row["cause_sha256"] for row in rows):
        statement = sa.select(alerts.c.cause_sha256, alerts.c.id).where(alerts.c.cause_sha256.in_(chunk))
        numbers.update((cause, number) for cause, number in connection.execute(statement))
    _record(connection, [told for row in rows for told in _told(row, numbers[row["cause_sha256"]], now)], actor)


def _raised(row: Row) -> AlertRaised:
    with reading("alerts", row["id"]):
        return AlertRaised(
            at=plain_time(row["created_at"]),
            cause=plain_text(row["cause"]),
            title=plain_text(row["title"]),
            text=plain_text(row["text"]),
        )


def _told(row: Row, number: int, now: datetime) -> Iterator[AlertTold]:
    """However often it was tried counts as once: when that was is not on record."""
    with reading("alerts", row["id"]):
        delivered = plain_moment(row["delivered_at"])
        if plain_number(row["attempts"]) > 0:
            refused, again = tuple(plain_list(row["refused"])), plain_time(row["next_try_at"])
            yield AlertTold(at=delivered or now, alert=number, refused=refused, next_try_at=again)
        if delivered is not None:
            yield AlertTold(at=delivered, alert=number, refused=(), next_try_at=None)
