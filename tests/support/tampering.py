"""Changing a ledger behind the program's back, as its database's owner can, and leaving no other trace.

Triggers are taken away for the moment and put back as they were, so that nothing but the change itself is left.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa

from archiver.adapters.ledger.tables import metadata
from tests.support.ledgers import LedgerPlace

VERSIONS = sa.Table("alembic_version", sa.MetaData(), sa.Column("version_num", sa.String(32), primary_key=True))
TABLES: dict[str, sa.Table] = {**{table.name: table for table in metadata.sorted_tables}, "alembic_version": VERSIONS}
"""Every table of a ledger."""

OPERATIONS = ("change", "delete", "insert", "swap", "truncate")


@dataclass(frozen=True)
class Forged:
    """What was done. ``keys``: the primary keys of the rows that are not as they were."""

    table: str
    operation: str
    keys: tuple[tuple[Any, ...], ...]
    columns: tuple[str, ...] = ()

    def is_located_by(self, kind: str, seq: int | None, table: str | None, detail: str) -> bool:
        """True if a problem with these fields says where this is."""
        place = {str(part) for key in self.keys for part in key}
        said = seq is not None and str(seq) in place
        if self.table in ("custody_events", "merkle_nodes"):
            return said
        if self.table == "checkpoints":
            return table == self.table and seq is not None and str(seq + 1) in place
        shown = any(
            str(part).encode("unicode_escape").decode("ascii")[:40] in detail for key in self.keys for part in key
        )
        return table == self.table and (said or shown or self.table == "alembic_version")


class Forger:
    """The owner of the database at *place*."""

    def __init__(self, place: LedgerPlace, rng: random.Random) -> None:
        self._place = place
        self._rng = rng

    def run(self, *statements: tuple[str, Sequence[Any]]) -> None:
        """Runs *statements* (``?`` for parameters) with triggers and foreign keys out of the way for the moment."""
        if self._place.is_sqlite:
            self._on_sqlite(statements)
        else:
            self._on_postgresql(statements)

    def _on_sqlite(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> None:
        connection = sqlite3.connect(self._place.file, timeout=30, isolation_level=None)
        try:
            connection.execute("PRAGMA foreign_keys = OFF")
            connection.execute("BEGIN IMMEDIATE")
            triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for name, _ in triggers:
                connection.execute(f"DROP TRIGGER {name}")
            for statement, values in statements:
                connection.execute(statement, values)
            for _, made in triggers:
                connection.execute(made)
            connection.execute("COMMIT")
        finally:
            connection.close()

    def _on_postgresql(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> None:
        with psycopg.connect(self._place.url) as connection:
            triggers = connection.execute(
                "SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger"
                " JOIN pg_class ON pg_class.oid = tgrelid WHERE relnamespace = current_schema()::regnamespace"
            ).fetchall()
            for table, name, _ in triggers:
                connection.execute(f'ALTER TABLE {table} DISABLE TRIGGER "{name}"')  # type: ignore[arg-type]
            for statement, values in statements:
                connection.execute(statement.replace("?", "%s"), values)  # type: ignore[arg-type]
            for table, name, how in triggers:
                always = "ALWAYS " if how in (b"A", "A") else ""
                connection.execute(f'ALTER TABLE {table} ENABLE {always}TRIGGER "{name}"')  # type: ignore[arg-type]

    # ----------------------------------------------------------------------------- one change

    def do(self, operation: str, table: str) -> Forged | None:
        """Does *operation* to *table*; None where it has not rows enough for that."""
        rows = self.rows(table)
        does = {
            "change": self._change,
            "delete": self._delete,
            "insert": self._insert,
            "swap": self._swap,
            "truncate": self._truncate,
        }
        return does[operation](TABLES[table], rows)

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        """All rows of *table* by their key, raw."""
        shape = TABLES[table]
        columns = ", ".join(f'"{column.name}"' for column in shape.columns)
        order = ", ".join(f'"{column.name}"' for column in shape.primary_key.columns)
        return self._place.query(f"SELECT {columns} FROM {table} ORDER BY {order}")

    def _change(self, table: sa.Table, rows: list[tuple[Any, ...]]) -> Forged | None:
        if not rows:
            return None
        row = self._rng.choice(rows)
        plain = [column for column in table.columns if not column.primary_key] or list(table.columns)
        column = self._rng.choice(plain)
        return self.change(table, row, column)

    def change(self, table: sa.Table, row: tuple[Any, ...], column: sa.Column[Any]) -> Forged:
        """Puts another value in *column* of *row*."""
        value = other(column, dict(zip(table.columns.keys(), row, strict=True))[column.name])
        self.run((f'UPDATE {table.name} SET "{column.name}" = ? WHERE {_where(table)}', (value, *_key(table, row))))
        keys = [_key(table, row)]
        if column.primary_key:
            keys.append((value,))
        return Forged(table.name, "change", tuple(keys), (column.name,))

    def _delete(self, table: sa.Table, rows: list[tuple[Any, ...]]) -> Forged | None:
        if not rows:
            return None
        row = self._rng.choice(rows)
        self.run((f"DELETE FROM {table.name} WHERE {_where(table)}", _key(table, row)))
        return Forged(table.name, "delete", (_key(table, row),))

    def _insert(self, table: sa.Table, rows: list[tuple[Any, ...]]) -> Forged | None:
        if not rows:
            return None
        row = dict(zip(table.columns.keys(), self._rng.choice(rows), strict=True))
        last = dict(zip(table.columns.keys(), rows[-1], strict=True))
        for column in table.columns:
            if column.primary_key or column.unique:
                row[column.name] = _beyond(column, last[column.name])
        made = tuple(row.values())
        marks = ", ".join("?" * len(made))
        names = ", ".join(f'"{name}"' for name in row)
        self.run((f"INSERT INTO {table.name} ({names}) VALUES ({marks})", made))
        return Forged(table.name, "insert", (_key(table, made),))

    def _swap(self, table: sa.Table, rows: list[tuple[Any, ...]]) -> Forged | None:
        """What two neighbours say, exchanged: the rows in another order."""
        names = [column.name for column in table.columns if not column.primary_key and not column.unique]
        at = [n for n, column in enumerate(table.columns) if column.name in names]
        pairs = [(a, b) for a, b in pairwise(rows) if [a[n] for n in at] != [b[n] for n in at]]
        if not pairs or not names:
            return None
        one, two = self._rng.choice(pairs)
        sets = ", ".join(f'"{name}" = ?' for name in names)
        update = f"UPDATE {table.name} SET {sets} WHERE {_where(table)}"
        self.run(
            (update, (*(two[n] for n in at), *_key(table, one))), (update, (*(one[n] for n in at), *_key(table, two)))
        )
        return Forged(table.name, "swap", (_key(table, one), _key(table, two)))

    def _truncate(self, table: sa.Table, rows: list[tuple[Any, ...]]) -> Forged | None:
        """The last rows, gone."""
        gone = rows[-max(1, len(rows) // 3) :]
        if not gone:
            return None
        self.run(*((f"DELETE FROM {table.name} WHERE {_where(table)}", _key(table, row)) for row in gone))
        return Forged(table.name, "truncate", tuple(_key(table, row) for row in gone))

    def roll_back(self, table: str, older: list[tuple[Any, ...]]) -> None:
        """Puts the rows of *table* back to *older*."""
        marks = ", ".join("?" * len(TABLES[table].columns))
        names = ", ".join(f'"{column.name}"' for column in TABLES[table].columns)
        insert = f"INSERT INTO {table} ({names}) VALUES ({marks})"
        self.run((f"DELETE FROM {table}", ()), *((insert, row) for row in older))


def other(column: sa.Column[Any], value: Any) -> Any:
    """Another value than *value* that the column can hold, and that looks like one of its own."""
    if isinstance(value, bytes):
        return bytes([value[0] ^ 1]) + value[1:] if value else b"x"
    if isinstance(column.type, sa.Boolean):
        return type(value)(not value)
    if isinstance(value, int) or (value is None and isinstance(column.type, sa.Integer | sa.BigInteger)):
        return (value or 0) + 1
    form = column.info.get("form")
    if form == "time":
        return (
            "2001-02-03T04:05:06.000000Z" if value != "2001-02-03T04:05:06.000000Z" else "2001-02-03T04:05:07.000000Z"
        )
    if form == "list":
        return '["forged"]' if value != '["forged"]' else "[]"
    if column.name == "body" and isinstance(value, str):
        return value.replace('"at":"2', '"at":"1', 1)
    return f"{value[:-1]}{'0' if value[-1] != '0' else '1'}" if value else "forged"


def _beyond(column: sa.Column[Any], value: Any) -> Any:
    return value + 1 if isinstance(value, int) else f"{value}f"


def _where(table: sa.Table) -> str:
    return " AND ".join(f'"{column.name}" = ?' for column in table.primary_key.columns)


def _key(table: sa.Table, row: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(value for column, value in zip(table.columns, row, strict=True) if column.primary_key)


def overwrite(path: Path, data: bytes) -> None:
    """Puts *data* at *path*, whatever its mode says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(data)
