"""Statements that both databases understand and SQLAlchemy spells differently for each."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from archiver.adapters.ledger.stored import after_prefix, stored_text
from archiver.adapters.ledger.tables import INDEXED_CHARS, head_of

CHUNK: Final = 500
"""Values in one IN list."""

Value = TypeVar("Value")


def put(connection: Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Inserts *rows*, each with a value for every column, as the driver takes it: text, numbers, flags and bytes."""
    if not rows:
        return
    names = table.columns.keys()
    columns = ", ".join(f'"{name}"' for name in names)
    marks = ", ".join([_mark(connection)] * len(names))
    statement = f'INSERT INTO "{table.name}" ({columns}) VALUES ({marks})'  # noqa: S608 - our own names
    values = operator.itemgetter(*names)
    connection.exec_driver_sql(statement, [values(row) for row in rows])


def change(connection: Connection, table: sa.Table, names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Sets the columns *names* of *rows*, which are found by their primary keys; values as :func:`put` has them."""
    keys = [column.name for column in table.primary_key]
    mark = _mark(connection)
    changes = ", ".join(f'"{name}" = {mark}' for name in names)
    found = " AND ".join(f'"{key}" = {mark}' for key in keys)
    statement = f'UPDATE "{table.name}" SET {changes} WHERE {found}'  # noqa: S608 - our own names
    connection.exec_driver_sql(statement, [tuple(row[name] for name in (*names, *keys)) for row in rows])


def _mark(connection: Connection) -> str:
    """What stands for a value in the driver's own statements."""
    return "%s" if connection.dialect.name == "postgresql" else "?"


def rows_of(connection: Connection, statement: sa.Select[Any]) -> list[Mapping[str, Any]]:
    """Every row of the answer, by column name."""
    return [dict(row) for row in connection.execute(statement).mappings()]


def chunks(values: Iterable[Value], size: int = CHUNK) -> Iterator[list[Value]]:
    """*values* in lists of at most *size*."""
    rest = iter(values)
    while chunk := list(islice(rest, size)):
        yield chunk


def starts_with(column: sa.ColumnElement[str], prefix: str) -> list[sa.ColumnElement[bool]]:
    """Conditions for *column* (a path with an index on its head) to start with *prefix*, as a range."""
    stored = stored_text(prefix)
    conditions = within(column, stored)
    return within(head_of(column), stored[:INDEXED_CHARS]) + conditions


def within(column: sa.ColumnElement[str], stored: str) -> list[sa.ColumnElement[bool]]:
    """Conditions for *column* to start with *stored*, as a range of its index."""
    after = after_prefix(stored)
    return [column >= stored] + ([] if after is None else [column < after])
