"""Reading what is archived: one item, or all that meet a condition, a page at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from archiver.adapters.ledger.connection import Database
from archiver.adapters.ledger.disagreements import disagreements
from archiver.adapters.ledger.events import custody_event
from archiver.adapters.ledger.naming import resolve
from archiver.adapters.ledger.projection_counts import DAY_CHARS
from archiver.adapters.ledger.rows import RESTORE, evidence_of, plain_number, reading, state_of
from archiver.adapters.ledger.statements import chunks, rows_of, starts_with
from archiver.adapters.ledger.stored import plain_moment, plain_text, stored_text, stored_time
from archiver.adapters.ledger.tables import (
    custody_events,
    deliveries,
    evidence,
    evidence_counts,
    evidence_state,
    files,
    judged_at,
    sources,
)
from archiver.adapters.ledger.walks import Order, order_of, orders_by_due_time
from archiver.adapters.ledger.whole import load
from archiver.audit_ports import Unreadable
from archiver.domain.records import CustodyEvent, EvidenceRecord, Outline, Selection, Totals, WholeItem
from archiver.domain.text import printable
from archiver.domain.verdict import Verdict
from archiver.errors import LedgerError, UnknownEvidenceError

_PAGE: Final = 200
_ITEMS_AT_ONCE: Final = 20
"""Items whose files are read together; one item may have 20,000."""
_EVENTS_PAGE: Final = 200
_MOST_ALIKE: Final = 50

Head = Mapping[str, Any]
Alike = tuple[str, str | None, str]
"""See ``ports.EvidenceIndex.same_hash_list``."""


class SqlEvidenceIndex:
    """``ports.EvidenceIndex``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, evidence_id: str) -> EvidenceRecord:
        """See ``ports.EvidenceIndex``."""
        with self._database.snapshot() as connection:
            heads = rows_of(connection, _HEADS.where(evidence.c.id == stored_text(evidence_id)))
            records = _whole(connection, heads)
            lacking = {} if records else _lacking(connection, [stored_text(evidence_id)])
        if records:
            return records[0]
        if lacking.get(stored_text(evidence_id)) == evidence_state.name:
            raise LedgerError(_told_lacking(evidence_id, evidence_state.name), RESTORE)
        raise UnknownEvidenceError(f"no evidence has the ID {evidence_id}")

    def resolve(self, text: str) -> str:
        """See ``ports.EvidenceIndex``."""
        with self._database.snapshot() as connection:
            return resolve(connection, text)

    def select(
        self, selection: Selection, oldest_due_first: bool = False, unreadable: Unreadable | None = None
    ) -> Iterator[EvidenceRecord]:
        """See ``ports.EvidenceIndex``. By due time, what is judged after the walk began is not visited again."""
        for heads in self._visited(_HEADS, selection, oldest_due_first, unreadable):
            yield from self._loaded(heads, unreadable)

    def outlines(
        self, selection: Selection, oldest_due_first: bool = False, unreadable: Unreadable | None = None
    ) -> Iterator[Outline]:
        """See ``ports.EvidenceIndex``."""
        for heads in self._visited(_OUTLINES, selection, oldest_due_first, unreadable):
            yield from _outlined(heads, unreadable)

    def whole(self, evidence_ids: Sequence[str], unreadable: Unreadable) -> Sequence[WholeItem]:
        """See ``ports.EvidenceIndex``."""
        with self._database.snapshot() as connection:
            return load(connection, [stored_text(item) for item in evidence_ids], unreadable)

    def awaiting_key(self) -> Iterator[EvidenceRecord]:
        """See ``ports.EvidenceIndex``."""
        state = evidence_state.c
        for heads in self._walk(_HEADS, Order(state.acquired_at, state.evidence_id, (state.awaiting_key,))):
            yield from self._loaded(heads, None)

    def _visited(
        self, statement: sa.Select[Any], selection: Selection, oldest_due_first: bool, unreadable: Unreadable | None
    ) -> Iterator[Sequence[Head]]:
        """What *statement* says of the items of *selection*, a page at a time."""
        if selection.ids is not None:
            return self._those(statement, order_of(selection), selection.ids, unreadable)
        if not oldest_due_first:
            return self._walk(statement, order_of(selection))
        with self._database.read() as connection:
            last = connection.scalar(sa.select(sa.func.max(custody_events.c.seq)))
        orders = orders_by_due_time(selection, -1 if last is None else last)
        return chain.from_iterable([self._walk(statement, order) for order in orders])

    def _walk(self, selected: sa.Select[Any], order: Order) -> Iterator[Sequence[Head]]:
        """Pages by (moment, ID): no transaction is open while the caller works."""
        place = (order.moment.label("moment"), order.item.label("item"))
        statement = selected.add_columns(*place).where(*order.conditions)
        statement = statement.order_by(order.moment, order.item).limit(_PAGE)
        page = statement
        while True:
            with self._database.read() as connection:
                heads = rows_of(connection, page)
            yield heads
            if len(heads) < _PAGE:
                return
            last = heads[-1]
            if not (isinstance(last["moment"], str) and isinstance(last["item"], str)):
                raise LedgerError(
                    f"ledger: no list goes on behind {printable(str(last['id']), 80)}: its row is no order", RESTORE
                )
            page = statement.where(sa.tuple_(order.moment, order.item) > sa.tuple_(last["moment"], last["item"]))

    def _those(
        self, statement: sa.Select[Any], order: Order, ids: Sequence[str], unreadable: Unreadable | None
    ) -> Iterator[Sequence[Head]]:
        """The items called *ids*: their order is found first, for there is no page of arbitrary IDs."""
        found: list[tuple[str, str]] = []
        for chunk in chunks(dict.fromkeys(stored_text(item) for item in ids)):
            places = statement.with_only_columns(order.moment, order.item).where(evidence.c.id.in_(chunk))
            with self._database.snapshot() as connection:
                rows = connection.execute(places.where(*order.conditions)).all()
                lacking = _lacking(connection, chunk)
            for item, table in lacking.items():
                trouble = _told_lacking(item, table)
                if unreadable is None:
                    raise LedgerError(trouble, RESTORE)
                unreadable(plain_text(item), trouble)
            found.extend((str(moment), item) for moment, item in rows)
        for page in chunks(item for _, item in sorted(found)):
            with self._database.read() as connection:
                heads = rows_of(connection, statement.where(evidence.c.id.in_(page)))
            by_id = {head["id"]: head for head in heads}
            yield [by_id[item] for item in page if item in by_id]

    def _loaded(self, heads: Sequence[Head], unreadable: Unreadable | None) -> Iterator[EvidenceRecord]:
        for some in chunks(heads, _ITEMS_AT_ONCE):
            with self._database.read() as connection:
                records = _whole(connection, some, unreadable)
            yield from records

    def held(self, evidence_ids: Sequence[str]) -> Collection[str]:
        """See ``ports.EvidenceIndex``."""
        item = custody_events.c.evidence_id
        found: set[str] = set()
        with self._database.read() as connection:
            for chunk in chunks(map(stored_text, evidence_ids)):
                found.update(connection.scalars(sa.select(item).where(item.in_(chunk)).distinct()))
        return found

    def same_hash_list(self, hash_list_sha256: str) -> Sequence[Alike]:
        """See ``ports.EvidenceIndex``."""
        state = (evidence.c.acquired_at, evidence.c.id)
        statement = _ALIKE.where(evidence.c.hash_list_sha256 == stored_text(hash_list_sha256))
        with self._database.read() as connection:
            rows = connection.execute(statement.order_by(*state).limit(_MOST_ALIKE)).all()
        return [_alike(row) for row in rows]

    def same_hash_lists(self, hash_lists: Sequence[str]) -> Mapping[str, Sequence[Alike]]:
        """See ``ports.EvidenceIndex``. Where many items have one list, each is asked for by itself, for its first."""
        found: dict[str, Sequence[Alike]] = {}
        for chunk in chunks(dict.fromkeys(hash_lists)):
            most = len(chunk) + _MOST_ALIKE
            statement = _ALIKE.where(evidence.c.hash_list_sha256.in_(map(stored_text, chunk)))
            with self._database.read() as connection:
                rows = connection.execute(statement.limit(most)).all()
            if len(rows) == most:
                every = ((digest, self.same_hash_list(digest)) for digest in chunk)
                found.update((digest, alike) for digest, alike in every if alike)
                continue
            by_list: dict[str, list[Alike]] = {}
            for row in sorted(rows, key=lambda row: (str(row.acquired_at), str(row.id))):
                by_list.setdefault(row.hash_list_sha256, []).append(_alike(row))
            found.update(by_list)
        return found

    def events(self, evidence_id: str | None = None) -> Iterator[CustodyEvent]:
        """See ``ports.EvidenceIndex``."""
        statement = sa.select(custody_events).order_by(custody_events.c.seq).limit(_EVENTS_PAGE)
        if evidence_id is not None:
            statement = statement.where(custody_events.c.evidence_id == stored_text(evidence_id))
        last = -1
        while True:
            with self._database.read() as connection:
                rows = rows_of(connection, statement.where(custody_events.c.seq > last))
            yield from map(custody_event, rows)
            if len(rows) < _EVENTS_PAGE:
                return
            last = rows[-1]["seq"]

    def disagreements(self, evidence_id: str) -> Sequence[str]:
        """See ``ports.EvidenceIndex``."""
        return self.disagreements_of([evidence_id]).get(evidence_id, ())

    def disagreements_of(self, evidence_ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """See ``ports.EvidenceIndex``."""
        found: dict[str, Sequence[str]] = {}
        for some in chunks(evidence_ids, _ITEMS_AT_ONCE):
            with self._database.snapshot() as connection:
                found |= disagreements(connection, some)
        return found

    def gaps(self) -> Sequence[str]:
        """See ``ports.EvidenceIndex``."""
        events, item = custody_events.c, custody_events.c.evidence_id
        count = sa.func.count
        with self._database.snapshot() as connection:
            last = connection.scalar(sa.select(sa.func.max(events.seq)))  # apart: each of both has a quick way
            there = connection.scalar(sa.select(count()).select_from(custody_events))
            recorded = connection.scalar(sa.select(count(sa.distinct(item))))
            items = connection.scalar(sa.select(count()).select_from(evidence))
            states = connection.scalar(sa.select(count()).select_from(evidence_state))
        found = []
        if there != (0 if last is None else last + 1):
            found.append(f"custody_events: {there} rows, and the last has the number {last}")
        if items != recorded:
            found.append(f"evidence: {items} rows, and custody events tell of {recorded} items")
        if states != recorded:
            found.append(f"evidence_state: {states} rows, and custody events tell of {recorded} items")
        return found

    def has_below(self, folder: str) -> bool:
        """See ``ports.EvidenceIndex``."""
        below = folder.rstrip("/") + "/"
        statement = sa.select(sa.literal(1)).where(*starts_with(evidence.c.path, below)).limit(1)
        with self._database.read() as connection:
            return connection.scalar(statement) is not None

    def totals(self, now: datetime, reverify_after_seconds: float) -> Totals:
        """See ``ports.EvidenceIndex``."""
        latest = stored_time(now - timedelta(seconds=reverify_after_seconds))
        day, judged = latest[:DAY_CHARS], judged_at(evidence_state)
        since_then = judged >= day, judged < latest
        count = sa.select(sa.func.count())
        with self._database.snapshot() as connection:
            rows = rows_of(connection, sa.select(evidence_counts))
            pending = connection.scalar(count.select_from(deliveries).where(deliveries.c.evidence_id.is_(None)))
            on_that_day = connection.scalar(count.select_from(evidence_state).where(*since_then))
            oldest = connection.scalar(sa.select(sa.func.min(judged)))
            synced = connection.scalar(sa.select(sa.func.max(sources.c.last_sync_at)))
            last = connection.scalar(sa.select(sa.func.max(custody_events.c.seq)))
        with reading("evidence_counts", "of some day"):
            found: dict[Verdict, int] = {}
            for row in rows:
                verdict = Verdict(row["verdict"])
                found[verdict] = found.get(verdict, 0) + plain_number(row["items"])
            return Totals(
                by_verdict={verdict: found.get(verdict, 0) for verdict in _JUDGED},
                pending=pending or 0,
                size=sum(plain_number(row["size"]) for row in rows),
                overdue=(on_that_day or 0) + sum(row["items"] for row in rows if row["judged_on"] < day),
                oldest_audit_at=plain_moment(oldest),
                last_sync_at=plain_moment(synced),
                events=0 if last is None else last + 1,
            )


_JUDGED: Final = (Verdict.VERIFIED, Verdict.FAILED, Verdict.INDETERMINATE)
_STATE_COLUMNS: Final = [column for column in evidence_state.c if column.name != "acquired_at"]
_HEADS: Final = sa.select(evidence, *_STATE_COLUMNS).join(
    evidence_state, evidence_state.c.evidence_id == evidence.c.id
)

_OUTLINES: Final = sa.select(
    evidence.c.id,
    evidence_state.c.size,
    sa.select(sa.func.count()).where(files.c.evidence_id == evidence.c.id).scalar_subquery().label("files"),
    sa.select(sa.func.count()).where(custody_events.c.evidence_id == evidence.c.id).scalar_subquery().label("events"),
).join(evidence_state, evidence_state.c.evidence_id == evidence.c.id)


def _outlined(heads: Sequence[Head], unreadable: Unreadable | None) -> Iterator[Outline]:
    for head in heads:
        try:
            with reading("evidence", head["id"]):
                item = plain_text(head["id"])
        except LedgerError as error:
            if unreadable is None:
                raise
            unreadable(str(head["id"]), str(error))
            continue
        size = head["size"]
        yield Outline(item, size if isinstance(size, int) and size > 0 else 0, head["files"] + head["events"])


_ALIKE: Final = sa.select(
    *(evidence.c[name] for name in ("hash_list_sha256", "id", "query_id", "source", "prefix", "acquired_at"))
)


def _alike(row: sa.Row[Any]) -> Alike:
    with reading("evidence", "with that hash list"):
        query_id = None if row.query_id is None else plain_text(row.query_id)
        return plain_text(row.id), query_id, f"{plain_text(row.source)}/{plain_text(row.prefix)}"


def _lacking(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """Those of *ids* (as stored) that are not whole, and the table in which there is no row of it."""
    lacking: dict[str, str] = {}
    for column in (evidence_state.c.evidence_id, evidence.c.id):
        there = set(connection.scalars(sa.select(column).where(column.in_(ids))))
        lacking |= {item: column.table.name for item in ids if item not in there}
    return lacking


def _told_lacking(item: str, table: str) -> str:
    return f"ledger: there is no row {printable(item, 80)} in table {table}"


def _whole(
    connection: Connection, heads: Sequence[Head], unreadable: Unreadable | None = None
) -> list[EvidenceRecord]:
    """*heads* with their files, in their order; without those that cannot be read where *unreadable* takes them."""
    ids = [head["id"] for head in heads]
    found = rows_of(
        connection,
        sa.select(files).where(files.c.evidence_id.in_(ids)).order_by(files.c.evidence_id, files.c.position),
    )
    by_item: dict[str, list[Head]] = {}
    for row in found:
        by_item.setdefault(row["evidence_id"], []).append(row)
    records = []
    for head in heads:
        try:
            records.append(EvidenceRecord(evidence_of(head, by_item.get(head["id"], [])), state_of(head)))
        except LedgerError as error:
            if unreadable is None:
                raise
            unreadable(str(head["id"]), str(error))
    return records
