"""Whether the indexes of a large table name the rows that are in it: through one, another history could be told.

SQLite's own check takes longer than all else here together. So the entries of an index are summed up, and so are the
rows while they are read anyway; only where the sums differ is it looked for what does. Python's hash of a text is
keyed by a secret of the process, so that nobody can make other entries with the same sum.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from archiver.adapters.ledger.check_reader import Part, Reader
from archiver.domain.log_records import Problem
from archiver.domain.text import printable
from archiver.log_ports import Tell

Row = tuple[Any, ...]

_MOST_TOLD: Final = 1000


class IndexCheck:
    """The indexes of *table* over one column and its number. On SQLite alone."""

    def __init__(self, reader: Reader, table: sa.Table, tell: Tell) -> None:
        self._reader = reader
        self._table = table
        self._tell = tell
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
        if self._sum_of(name, column, part) == self._sums[name]:
            return
        differences = self._reader.differences(self._table, name, column, part)
        for seq, said in islice(differences, _MOST_TOLD):
            detail = f"{self._table.name} {printable(repr(seq), 40)}: the index {name} {said}"
            number = seq if isinstance(seq, int) else None
            self._tell(Problem("row_altered", detail, number, self._table.name))

    def _sum_of(self, name: str, column: str, part: Part) -> int:
        pages = self._reader.entries(self._table, name, column, part)
        return sum([hash(f"{seq} {value}") for page in pages for seq, value in page])
