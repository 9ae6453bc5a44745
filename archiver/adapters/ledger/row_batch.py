"""Rows that change: read once a batch, changed entry by entry, and only what is different then is written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from archiver.adapters.ledger.rows import Row
from archiver.adapters.ledger.statements import change, put, rows_of

Key = tuple[Any, ...]


class RowBatch:
    """Rows of *table* by their primary key: as they were read, and as they are to stand."""

    def __init__(self, table: sa.Table) -> None:
        self._table = table
        self._keys = [column.name for column in table.primary_key]
        self._before: dict[Key, Row] = {}
        self._now: dict[Key, Row] = {}

    def load(self, connection: Connection, condition: sa.ColumnElement[bool]) -> None:
        """Reads the rows for which *condition* holds."""
        for found in rows_of(connection, sa.select(self._table).where(condition)):
            row = dict(found)
            key = self._key(row)
            self._before[key] = row
            self._now[key] = dict(row)

    def get(self, key: Key) -> Row | None:
        """The row, to be changed in place; None where there is none."""
        return self._now.get(key)

    def put(self, row: Row) -> Row:
        """Adds *row*, all columns of it, unless one with its key is there; answers the one that stands."""
        return self._now.setdefault(self._key(row), row)

    def remove(self, key: Key) -> None:
        """Takes the row away."""
        self._now.pop(key, None)

    def changes(self) -> Iterator[tuple[Row | None, Row | None]]:
        """Each row that is not as it was read: before (None: was not there), and as it is to stand (None: gone)."""
        for key in self._before.keys() | self._now.keys():
            before, now = self._before.get(key), self._now.get(key)
            if before != now:
                yield before, now

    def write(self, connection: Connection) -> None:
        """Writes what is not as it was read: the columns that differ, so that no other index is touched."""
        removed = [self._bound(row) for key, row in self._before.items() if key not in self._now]
        if removed:
            connection.execute(sa.delete(self._table).where(*self._is_it()), removed)
        put(connection, self._table, [row for key, row in self._now.items() if key not in self._before])
        changed: dict[tuple[str, ...], list[Row]] = {}
        for key, row in self._now.items():
            before = self._before.get(key, row)
            if row != before:
                changed.setdefault(tuple(name for name in row if row[name] != before[name]), []).append(row)
        for names, rows in changed.items():
            change(connection, self._table, names, rows)

    def _key(self, row: Row) -> Key:
        return tuple(row[name] for name in self._keys)

    def _is_it(self) -> list[sa.ColumnElement[bool]]:
        return [self._table.c[name] == sa.bindparam(f"of_{name}") for name in self._keys]

    def _bound(self, row: Row) -> Row:
        return {f"of_{name}": row[name] for name in self._keys}
