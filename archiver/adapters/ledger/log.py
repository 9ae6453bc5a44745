"""The log as it stands in the ledger: leaves, hashes, keys, signed heads; read raw, and not trusted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, TypeVar

import sqlalchemy as sa

from archiver.adapters.ledger.check import check_rows
from archiver.adapters.ledger.check_guards import guards
from archiver.adapters.ledger.connection import Database
from archiver.adapters.ledger.rows import RESTORE, plain_number, reading
from archiver.adapters.ledger.statements import put, rows_of
from archiver.adapters.ledger.stored import plain_moment, plain_text, plain_time, stored_text
from archiver.adapters.ledger.tables import anchors, checkpoints, custody_events, log_keys, merkle_nodes
from archiver.adapters.ledger.tree_rows import size_of, stored_hashes
from archiver.domain.log_records import AdoptedKey, Anchor, LogEntry, Problem, StoredCheckpoint
from archiver.errors import LedgerError, RowUnreadableError
from archiver.log_ports import LogPage, RowCheck, Unread

Value = TypeVar("Value")

_PAGE: Final = 200
_MOST_ENTRIES: Final = 2048
"""Entries of one page; fewer where the bodies before were long."""

_PAGE_BYTES: Final = 16 * 1024 * 1024
"""Of bodies, about, in one page: some are of many megabytes, most of two kilobytes."""

_WITHIN: Final = {
    # SQLite keeps any value in a column; what is not of the column's type is as if it was not there.
    "sqlite": (
        "SELECT seq, CASE typeof(body) WHEN 'text' THEN CAST(body AS BLOB) END FROM custody_events"
        " WHERE seq >= ? AND seq < ? ORDER BY seq",
        "SELECT seq, CASE typeof(hashes) WHEN 'blob' THEN hashes END FROM merkle_nodes"
        " WHERE seq >= ? AND seq < ? ORDER BY seq",
    ),
    "postgresql": (
        "SELECT seq, convert_to(body, 'UTF8') FROM custody_events WHERE seq >= %s AND seq < %s ORDER BY seq",
        "SELECT seq, hashes FROM merkle_nodes WHERE seq >= %s AND seq < %s ORDER BY seq",
    ),
}


class SqlLog:
    """``log_ports.CustodyLog``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def size(self) -> int:
        """See ``log_ports.CustodyLog``."""
        with self._database.read() as connection:
            return size_of(connection)

    def hashes(self, nodes: Collection[tuple[int, int]]) -> Mapping[tuple[int, int], bytes]:
        """See ``log_ports.CustodyLog``."""
        with self._database.read() as connection:
            return stored_hashes(connection, nodes)

    def entries(self, start: int, end: int) -> Iterator[LogEntry]:
        """See ``log_ports.CustodyLog``."""
        for bodies, hashes in self.pages(start, end):
            for body, row in zip(bodies, hashes, strict=True):
                yield LogEntry(start, body, row)
                start += 1

    def pages(self, start: int, end: int) -> Iterator[LogPage]:
        """See ``log_ports.CustodyLog``."""
        count = _MOST_ENTRIES // 8
        while start < end:
            stop = min(start + count, end)
            events, rows = self._within(start, stop)
            if len(events) == len(rows) == stop - start:  # numbers are unique, so each is there
                bodies, hashes = [body for _, body in events], [row for _, row in rows]
            else:
                of_events, of_rows = dict(events), dict(rows)
                bodies, hashes = ([of.get(seq) for seq in range(start, stop)] for of in (of_events, of_rows))
            yield bodies, hashes
            start = stop
            longest = max(map(len, filter(None, bodies)), default=0)
            count = max(1, min(_MOST_ENTRIES, 2 * count, _PAGE_BYTES // (longest + 1)))

    def _within(self, start: int, stop: int) -> tuple[Sequence[Any], Sequence[Any]]:
        """(seq, body) and (seq, hashes) of the rows from *start* up to *stop*."""
        with self._database.snapshot() as connection:
            found = [
                connection.exec_driver_sql(statement, (start, stop)).cursor.fetchall()
                for statement in _WITHIN[connection.dialect.name]
            ]
        bodies, hashes = found
        return bodies, hashes

    def strays(self) -> Sequence[tuple[str, int]]:
        """See ``log_ports.CustodyLog``."""
        found: list[tuple[str, int]] = []
        with self._database.read() as connection:
            for number, least in ((custody_events.c.seq, 0), (merkle_nodes.c.seq, 0), (checkpoints.c.size, 1)):
                below = connection.scalars(sa.select(number).where(number < least).order_by(number))
                found.extend((number.table.name, one) for one in below)
        return found

    def of_kind(self, kind: str, start: int = 0) -> Iterator[tuple[int, str]]:
        """See ``log_ports.CustodyLog``. Raises LedgerError for a body that is no text."""
        columns = (custody_events.c.seq, custody_events.c.body)
        statement = sa.select(*columns).where(custody_events.c.kind == stored_text(kind))
        for row in self._pages(statement, custody_events.c.seq, start - 1):
            if not isinstance(row["body"], str):
                raise LedgerError(f"ledger: custody_events.body of event {row['seq']} is no text", RESTORE)
            yield row["seq"], row["body"]

    def keys(self) -> Sequence[AdoptedKey]:
        """See ``log_ports.CustodyLog``."""
        return [_told("log_keys", "seq", row, _key_of) for row in self._pages(sa.select(log_keys), log_keys.c.seq)]

    def checkpoints(self, after: int = -1) -> Iterator[StoredCheckpoint]:
        """See ``log_ports.CustodyLog``."""
        for row in self._pages(sa.select(checkpoints), checkpoints.c.size, after):
            yield _told("checkpoints", "size", row, _checkpoint_of)

    def latest_checkpoint(self) -> StoredCheckpoint | None:
        """See ``log_ports.CustodyLog``."""
        statement = sa.select(checkpoints).order_by(checkpoints.c.size.desc()).limit(1)
        with self._database.read() as connection:
            rows = rows_of(connection, statement)
        return _told("checkpoints", "size", rows[0], _checkpoint_of) if rows else None

    def add_checkpoint(self, checkpoint: StoredCheckpoint) -> None:
        """See ``log_ports.CustodyLog``."""
        row = {"size": checkpoint.size, "note": stored_text(checkpoint.note)}
        there = sa.select(checkpoints).where(checkpoints.c.size == checkpoint.size)
        with self._database.write() as connection:
            found = rows_of(connection, there)
            if found and dict(found[0]) != row:
                raise LedgerError(
                    f"ledger: another checkpoint of {checkpoint.size} leaves is on record",
                    "run `archiver ledger verify`",
                )
            if not found:
                put(connection, checkpoints, [row])

    def anchors(self, size: int | None = None, unread: Unread = lambda _error: None) -> Iterator[Anchor]:
        """See ``log_ports.CustodyLog``."""
        statement = sa.select(anchors)
        if size is not None:
            statement = statement.where(anchors.c.size == size)
        for row in self._pages(statement, anchors.c.seq):
            try:
                anchor = _told("anchors", "seq", row, _anchor_of)
            except RowUnreadableError as error:
                unread(error)
                continue
            yield anchor

    def guards(self) -> Sequence[Problem]:
        """See ``log_ports.CustodyLog``."""
        return guards(self._database)

    def check_rows(self, size: int) -> AbstractContextManager[RowCheck]:
        """See ``log_ports.CustodyLog``."""
        return check_rows(self._database, size)

    def _pages(
        self, statement: sa.Select[Any], key: sa.ColumnElement[int], after: int | None = None
    ) -> Iterator[Mapping[str, Any]]:
        """By *key*, those after *after*, a page at a time."""
        ordered = statement.order_by(key).limit(_PAGE)
        while True:
            page = ordered if after is None else ordered.where(key > after)
            with self._database.read() as connection:
                rows = rows_of(connection, page)
            yield from rows
            if len(rows) < _PAGE:
                return
            after = rows[-1][str(key.key)]


def _told(table: str, key: str, row: Mapping[str, Any], made: Callable[[Mapping[str, Any]], Value]) -> Value:
    """What *row* says. Raises LedgerError where it holds what was never written there."""
    with reading(table, row[key]):
        return made(row)


def _key_of(row: Mapping[str, Any]) -> AdoptedKey:
    before = row["before"]
    return AdoptedKey(
        seq=plain_number(row["seq"]),
        key=plain_text(row["key"]),
        before=None if before is None else plain_text(before),
        vouched=bool(row["vouched"]),
    )


def _checkpoint_of(row: Mapping[str, Any]) -> StoredCheckpoint:
    return StoredCheckpoint(plain_number(row["size"]), plain_text(row["note"]))


def _anchor_of(row: Mapping[str, Any]) -> Anchor:
    return Anchor(
        seq=plain_number(row["seq"]),
        size=plain_number(row["size"]),
        method=plain_text(row["method"]),
        name=plain_text(row["name"]),
        path=plain_text(row["path"]),
        sha256=plain_text(row["sha256"]),
        proved_at=plain_time(row["proved_at"]),
        valid_until=plain_moment(row["valid_until"]),
    )
