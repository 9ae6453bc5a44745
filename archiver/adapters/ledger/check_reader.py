"""Rows of one snapshot of a ledger, as quickly as the driver gives them and whatever stands in them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import count
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from archiver.domain.log_records import Problem
from archiver.domain.text import printable
from archiver.log_ports import Tell

Row = tuple[Any, ...]

Part = tuple[int | None, int | None]
"""Events from a number on, up to but without another; None: all that there are on that side."""

_PAGE: Final = 500

_SENT: Final = 50
"""Rows that are held at once of a table in order: a body may have megabytes."""


class _NotUtf8Error(Exception):
    """Text that is none stands in a row, which was to be read quickly."""


class Reader:
    """Reads in *connection*, which sees one moment. Raises SQLAlchemyError where the database fails.

    A table that is not as it was made is told of, and then read as if it was empty. ``rows``: how many were read.
    ``is_sqlite``: False for PostgreSQL.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.is_sqlite = connection.dialect.name == "sqlite"
        raw: Any = connection.connection.driver_connection
        self._raw = raw
        self._with_care: Any = raw.text_factory if self.is_sqlite else None
        self._error: Any = sqlite3.Error if self.is_sqlite else connection.dialect.loaded_dbapi.Error
        self._names = count()
        self._broken: set[str] = set()
        self.rows = 0

    @contextmanager
    def quick(self) -> Iterator[None]:
        """Inside, the driver makes text by itself; the ledger's own way, which takes any bytes, is a call a value."""
        with self._text_by(str):
            yield

    @contextmanager
    def _text_by(self, factory: Any) -> Iterator[None]:
        if not self.is_sqlite:
            yield
            return
        before, self._raw.text_factory = self._raw.text_factory, factory
        try:
            yield
        finally:
            self._raw.text_factory = before

    def probe(self, tables: Sequence[sa.Table], tell: Tell) -> None:
        """Tells which of *tables* cannot be read as they were made."""
        for table in tables:
            key = next(iter(table.primary_key))
            value: Any = 0 if isinstance(key.type, sa.Integer) else ""
            sql = f"SELECT {_names(table)} FROM {self._itself(table)} WHERE {key.name} = ?"  # noqa: S608 - our names
            try:
                with self._connection.begin_nested():
                    self.all(sql, (value,))
            except DBAPIError as error:
                self._broken.add(table.name)
                said = printable(str(error.orig).strip().split("\n")[0], 200)
                tell(Problem("unreadable", f"table {table.name} is not as it was made: {said}", table=table.name))

    def is_broken(self, table: sa.Table) -> bool:
        """True for a table that was told of."""
        return table.name in self._broken

    def numbered(self, table: sa.Table, start: int | None = None, end: int | None = None) -> Iterator[list[Row]]:
        """The rows of *table* by its number, those from *start* on, up to but without *end*; in small pages.

        Rows without a number come at either end, and not where that is given.
        """
        key = next(iter(table.primary_key)).name
        select = f"SELECT {_names(table)} FROM {self._itself(table)}"  # noqa: S608 - our own names
        last, compared, careful = start, ">=", False
        while not self.is_broken(table):
            bounds = [(f"{key} {compared} ?", last), (f"{key} < ?", end)]
            where = " AND ".join(condition for condition, bound in bounds if bound is not None)
            sql = f"{select}{where and f' WHERE {where}'} ORDER BY {key}"
            parameters = tuple(bound for _, bound in bounds if bound is not None)
            taken = 0
            try:
                for page in self._pages(sql, parameters, careful):
                    taken += len(page)
                    self.rows += len(page)
                    last, compared = page[-1][0], ">"
                    yield page
            except _NotUtf8Error:
                careful = True
                continue
            if not careful or not taken:
                return
            careful = False

    def _pages(self, sql: str, parameters: Row, careful: bool) -> Iterator[list[Row]]:
        """The answer in small pages; *careful*: only its first, with text that is none as bytes."""
        if careful:
            with self._text_by(self._with_care):
                rows = self.all(f"{sql} LIMIT {_SENT}", parameters)
            yield from [rows] if rows else []
            return
        yield from self._fetched(sql, parameters, _SENT)

    def _fetched(self, sql: str, parameters: Row, most: int) -> Iterator[list[Row]]:
        """The answer in pages of *most* rows, of which PostgreSQL does not send more at once either."""
        cursor = self._raw.cursor() if self.is_sqlite else self._raw.cursor(name=f"rows_{next(self._names)}")
        with closing(cursor):
            try:
                cursor.execute(sql if self.is_sqlite else sql.replace("?", "%s"), parameters)
                while page := cursor.fetchmany(most):
                    yield page
            except self._error as error:
                raise _said(error) from error

    def each(self, table: sa.Table, columns: Sequence[str]) -> Iterator[list[Row]]:
        """All rows of *table* in pages, in any order. Not from an index, which may hold others than the table."""
        if self.is_broken(table):
            return
        for page in self._scanned(f"SELECT {', '.join(columns)} FROM {self._itself(table)}", ()):  # noqa: S608
            self.rows += len(page)
            yield page

    def in_order(self, table: sa.Table) -> Iterator[list[Row]]:
        """All rows of *table* by its primary key, in pages; sorted, for an index may hold others than the table."""
        if self.is_broken(table):
            return
        order = ", ".join(key.name for key in table.primary_key)
        for page in self._scanned(f"SELECT {_names(table)} FROM {self._itself(table)} ORDER BY {order}", ()):  # noqa: S608
            self.rows += len(page)
            yield page

    def _scanned(self, sql: str, parameters: Row) -> Iterator[list[Row]]:
        """The answer in pages. From one that has text which is none on it is read anew, with care."""
        taken = 0
        try:
            for page in self._fetched(sql, parameters, _PAGE):
                taken += len(page)
                yield page
        except _NotUtf8Error:
            with self._text_by(self._with_care):
                for number, page in enumerate(self._fetched(sql, parameters, _PAGE)):
                    if number * _PAGE >= taken:
                        yield page

    def entries(self, table: sa.Table, index: str, column: str, part: Part) -> Iterator[list[Row]]:
        """Number and *column* of what *index* has of *part*. Raises DBAPIError where there is no such index."""
        key = next(iter(table.primary_key)).name
        where, parameters = _within(key, part)
        sql = f"SELECT {key}, {column} FROM {table.name} INDEXED BY {index}{where}"  # noqa: S608 - our own names
        return self._scanned(sql, parameters)

    def groups(self, table: sa.Table, index: str, column: str) -> Iterator[list[Row]]:
        """Each value of *column* in *index*, as they come there, and its numbers as a JSON array.

        SQLite alone. Raises DBAPIError where there is no such index.
        """
        key = next(iter(table.primary_key)).name
        grouped = f"SELECT {column}, json_group_array({key}) FROM {table.name}"  # noqa: S608 - our own names
        return self._scanned(f"{grouped} INDEXED BY {index} GROUP BY {column}", ())

    def not_whole(self, table: sa.Table) -> list[Row]:
        """(column, rows) of *table*'s columns of whole numbers in which SQLite has numbers that are not kept as such.

        To Python 1.0 is 1; to whoever reads the ledger it is not.
        """
        whole = [one.name for one in table.columns if isinstance(one.type, sa.Integer | sa.Boolean)]
        if not self.is_sqlite or self.is_broken(table) or not whole:
            return []
        counted = ", ".join(f"count(CASE typeof({name}) WHEN 'real' THEN 1 END)" for name in whole)
        ((*counts,),) = self.all(f"SELECT {counted} FROM {self._itself(table)}")  # noqa: S608 - our own names
        return [(name, count) for name, count in zip(whole, counts, strict=True) if count]

    def differences(self, table: sa.Table, index: str, column: str, part: Part) -> Iterator[tuple[Any, str]]:
        """Numbers within *part* where *index* and *table* differ, and how."""
        key = next(iter(table.primary_key)).name
        by_index, by_number = f"{table.name} {{}} INDEXED BY {index}", f"{table.name} {{}} NOT INDEXED"
        where, parameters = _within(f"a.{key}", part)
        for one, other, said in (
            (by_number, by_index, "does not have the row"),
            (by_index, by_number, "has another row under that number than the table"),
        ):
            there = f"SELECT 1 FROM {other.format('b')} WHERE b.{column} IS a.{column} AND b.{key} = a.{key}"  # noqa: S608
            sql = f"SELECT a.{key} FROM {one.format('a')}{where or ' WHERE 1'} AND NOT EXISTS ({there})"  # noqa: S608
            for page in self._scanned(sql, parameters):
                yield from ((row[0], said) for row in page)

    def among(self, table: sa.Table, column: str, values: Sequence[str]) -> list[Row]:
        """The rows of *table* whose *column* is one of *values*, by primary key."""
        if self.is_broken(table):
            return []
        order = ", ".join(key.name for key in table.primary_key)
        sql = f"SELECT {_names(table)} FROM {table.name} WHERE {column} {{}} ORDER BY {order}"  # noqa: S608
        rows = self.matching(sql, values)
        self.rows += len(rows)
        return rows

    def matching(self, sql: str, values: Sequence[str]) -> list[Row]:
        """The answer to *sql*, in which ``{}`` stands for being one of *values*."""
        within = "IN (SELECT value FROM json_each(?))" if self.is_sqlite else "= ANY(?)"
        return self.all(sql.format(within), (json.dumps(values) if self.is_sqlite else list(values),))

    def count(self, table: sa.Table) -> int:
        """How many rows there are."""
        if self.is_broken(table):
            return 0
        ((number,),) = self.all(f"SELECT count(*) FROM {self._itself(table)}")  # noqa: S608 - our own names
        return int(number)

    def all(self, sql: str, parameters: Row = ()) -> list[Row]:
        """Every row of a short answer."""
        try:
            return self._all(sql, parameters)
        except _NotUtf8Error:
            with self._text_by(self._with_care):
                return self._all(sql, parameters)

    def _all(self, sql: str, parameters: Row) -> list[Row]:
        text = sql if self.is_sqlite else sql.replace("?", "%s")
        result = self._connection.exec_driver_sql(text, parameters)
        try:
            return list(result.cursor.fetchall()) if result.cursor else []
        except self._error as error:
            raise _said(error) from error
        finally:
            result.close()

    def own_check(self, table: sa.Table) -> list[str]:
        """What SQLite finds wrong with pages, indexes and constraints of *table*; PostgreSQL looks when it reads."""
        if not self.is_sqlite or self.is_broken(table):
            return []
        found = self.all(f"PRAGMA integrity_check({table.name})")
        return [str(said) for (said,) in found if said != "ok"]

    def _itself(self, table: sa.Table) -> str:
        return f"{table.name} NOT INDEXED" if self.is_sqlite else table.name


def _within(key: str, part: Part) -> tuple[str, Row]:
    """A WHERE clause, and its parameters."""
    bounds = [(f"{key} >= ?", part[0]), (f"{key} < ?", part[1])]
    given = [(condition, bound) for condition, bound in bounds if bound is not None]
    where = " AND ".join(condition for condition, _ in given)
    return (f" WHERE {where}" if where else ""), tuple(bound for _, bound in given)


def _names(table: sa.Table) -> str:
    return ", ".join(column.name for column in table.columns)


def _said(error: Exception) -> Exception:
    """*error*, which came while rows were fetched, as SQLAlchemy would raise it."""
    if isinstance(error, sqlite3.Error) and not hasattr(error, "sqlite_errorcode") and "UTF-8" in str(error):
        return _NotUtf8Error(str(error))
    return DBAPIError(None, None, error)
