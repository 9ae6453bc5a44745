"""How a row and the event that made it differ, as problems: where, which columns, and both values."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import sqlalchemy as sa

from archiver.domain.log_records import Problem
from archiver.domain.text import printable

_MOST_COLUMNS: Final = 8
_SHOWN: Final = 100

Row = tuple[Any, ...]


def names(table: sa.Table) -> list[str]:
    """The columns of *table*, in their order."""
    return [column.name for column in table.columns]


@cache
def _places_of_key(table: sa.Table) -> tuple[int, ...]:
    return tuple(index for index, column in enumerate(table.columns) if column.primary_key)


def key_of(table: sa.Table, row: Row) -> Row:
    """The primary key in *row*, which has all columns of *table*."""
    return tuple([row[index] for index in _places_of_key(table)])


def altered(table: sa.Table, expected: Row, found: Row, seq: int | None) -> Problem:
    """*found* stands where events say *expected*; the last one of them is *seq*."""
    differing = [
        f"{column}: the row says {_shown(there)}, {_events(seq)} {_shown(wanted)}"
        for column, wanted, there in zip(names(table), expected, found, strict=True)
        if wanted != there
    ]
    told = "; ".join(differing[:_MOST_COLUMNS])
    more = f"; and {len(differing) - _MOST_COLUMNS} more" if len(differing) > _MOST_COLUMNS else ""
    return Problem("row_altered", f"{table.name} {_key(table, expected)}: {told}{more}", seq, table.name)


def missing(table: sa.Table, expected: Row, seq: int | None) -> Problem:
    """There is no row where events say *expected*."""
    said = "" if seq is None else f", which event {seq} made"
    return Problem(
        "row_missing", f"{table.name} {_key(table, expected)}: there is no such row{said}", seq, table.name
    )


def added(table: sa.Table, found: Row, why: str = "no event made it") -> Problem:
    """*found* stands there, and no event says so."""
    key = key_of(table, found)
    number = next(iter(table.primary_key)).name in ("seq", "id") and isinstance(key[0], int)
    return Problem("row_added", f"{table.name} {_key(table, found)}: {why}", key[0] if number else None, table.name)


def _events(seq: int | None) -> str:
    return "events say" if seq is None else f"event {seq} says"


def _key(table: sa.Table, row: Row) -> str:
    return ", ".join(_shown(value) for value in key_of(table, row))


def _shown(value: Any) -> str:
    return printable(repr(value), _SHOWN)
