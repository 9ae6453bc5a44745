"""Whether the indexes of a large table name the rows that are in it: through one, another history could be told.

SQLite's own check takes longer than all else here together. So the entries of an index are summed up, and so are the
rows while they are read anyway; only where the sums differ is it looked for what does. Python's hash of a text is
keyed by a secret of the process, so that nobody can make other entries with the same sum. Whoever looks at the last
part goes through the whole of the index, for what is out of its order is not found by who looks for it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, Final

import orjson
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from archiver.adapters.ledger.check_reader import Part, Reader
from archiver.domain.log_records import Problem
from archiver.domain.text import printable
from archiver.log_ports import Tell

Row = tuple[Any, ...]

_MOST_TOLD: Final = 1000

_OF_FEW_VALUES: Final = frozenset({"kind"})
"""Columns whose values each have so many rows that these are not asked for at once."""


class IndexCheck:
    """The indexes of *table* over one column and its number. On SQLite alone.

    *least*: the number from which on rows are watched, by whomever; None: all are.
    """

    def __init__(self, reader: Reader, table: sa.Table, tell: Tell, least: int | None = None) -> None:
        self._reader = reader
        self._table = table
        self._tell = tell
        self._least = least
        columns = [column.name for column in table.columns]
        named = {str(index.name): columns.index(index.columns[0].name) for index in table.indexes}
        self._columns: dict[str, int] = named if reader.is_sqlite and not reader.is_broken(table) else {}
        self._sums = dict.fromkeys(self._columns, 0)

    def watch(self, pages: Iterable[list[Row]]) -> Iterator[list[Row]]:
        """*pages* of the table's rows, which are added up on their way."""
        for page in pages:
            for name, at in self._columns.items():
                self._sums[name] += sum([hash(f"{row[0]} {row[at]}") for row in page])
            yield page

    def finish(self, part: Part) -> None:
        """Tells what each index has otherwise than the table, of whose *part* all rows were watched."""
        for name, at in self._columns.items():
            try:
                self._hold(name, list(self._table.columns)[at].name, part)
            except DBAPIError as error:
                if getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_ERROR:
                    raise
                # an index that is gone or another is a matter of the schema

    def _hold(self, name: str, column: str, part: Part) -> None:
        look = self._sum_of if part[1] is not None else self._look_through
        if look(name, column, part) != self._sums[name]:
            self._tell_differences(name, column, part)

    def _tell_differences(self, name: str, column: str, part: Part) -> None:
        differences = self._reader.differences(self._table, name, column, part)
        for seq, said in islice(differences, _MOST_TOLD):
            detail = f"{self._table.name} {printable(repr(seq), 40)}: the index {name} {said}"
            number = seq if isinstance(seq, int) else None
            self._tell(Problem("row_altered", detail, number, self._table.name))

    def _sum_of(self, name: str, column: str, part: Part) -> int:
        pages = self._reader.entries(self._table, name, column, part)
        return sum([hash(f"{seq} {value}") for page in pages for seq, value in page])

    def _look_through(self, name: str, column: str, part: Part) -> int:
        """The sum of the last *part*; tells where any of the index is out of order, or below what was watched."""
        start = part[0]
        total, in_order, lowest = 0, True, 0
        before: Row = ()
        for value, numbers in self._runs(name, column):
            place = _place(value)
            in_order = in_order and numbers == sorted(numbers) and (not before or before < (place, numbers[0]))
            before = place, numbers[-1]
            lowest = min(lowest, *numbers)
            mine = numbers if start is None else [number for number in numbers if number >= start]
            total += sum([hash(f"{number} {value}") for number in mine])
        if not in_order:
            detail = f"{self._table.name}: the index {name} is out of order: who looks up rows by it misses some"
            self._tell(Problem("row_altered", detail, None, self._table.name))
        if self._least is not None and lowest < self._least:
            self._tell_differences(name, column, (None, self._least))
        return total

    def _runs(self, name: str, column: str) -> Iterator[tuple[Any, list[int]]]:
        """A value of *column* and numbers under it, as they stand one after the other in the index."""
        if column in _OF_FEW_VALUES:
            for page in self._reader.entries(self._table, name, column, (None, None)):
                for value, entries in groupby(page, itemgetter(1)):
                    yield value, [number for number, _ in entries]
        else:
            for page in self._reader.groups(self._table, name, column):
                for value, numbers in page:
                    yield value, orjson.loads(numbers)


def _place(value: Any) -> Row:
    """Where SQLite sorts *value*: NULL, then numbers, then text by its bytes."""
    if value is None:
        return (0,)
    if isinstance(value, int | float):
        return 1, value
    return 2, value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
