"""Rows of one snapshot of a ledger, as quickly as the driver gives them and whatever stands in them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, CursorResult
from sqlalchemy.exc import DBAPIError

from archiver.domain.log_records import Problem
from archiver.domain.text import printable
from archiver.log_ports import Tell

Row = tuple[Any, ...]

_PAGE: Final = 500

_SENT: Final = 100
"""Rows that PostgreSQL sends at once, and that are read with care at once: a body may have megabytes."""


class _NotUtf8Error(Exception):
    """Text that is none stands in a row, which was to be read quickly."""


class Reader:
    """Reads in *connection*, which sees one moment. Raises SQLAlchemyError where the database fails.

    A table that is not as it was made is told of, and then read as if it was empty. ``rows``: how many were read.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._is_sqlite = connection.dialect.name == "sqlite"
        raw: Any = connection.connection.driver_connection
        self._raw = raw
        self._with_care: Any = raw.text_factory if self._is_sqlite else None
        self._broken: set[str] = set()
        self.rows = 0

    @contextmanager
    def quick(self) -> Iterator[None]:
        """Inside, the driver makes text by itself; the ledger's own way, which takes any bytes, is a call a value."""
        with self._text_by(str):
            yield

    @contextmanager
    def _text_by(self, factory: Any) -> Iterator[None]:
        if not self._is_sqlite:
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

    def numbered(self, table: sa.Table, start: int | None = None) -> Iterator[Row]:
        """The rows of *table* by its number, those from *start* on; flat memory.

        Rows without a number come at either end, and not where *start* is given.
        """
        key = next(iter(table.primary_key)).name
        select = f"SELECT {_names(table)} FROM {table.name}"  # noqa: S608 - our own names
        last, compared, careful = start, ">=", False
        while not self.is_broken(table):
            where = "" if last is None else f" WHERE {key} {compared} ?"
            sql = f"{select}{where} ORDER BY {key}" + (f" LIMIT {_SENT}" if careful else "")
            taken = 0
            try:
                for row in self._one_by_one(sql, () if last is None else (last,), careful):
                    taken += 1
                    last, compared = row[0], ">"
                    yield row
            except _NotUtf8Error:
                careful = True
                continue
            finally:
                self.rows += taken
            if not careful or taken < _SENT:
                return
            careful = False

    def _one_by_one(self, sql: str, parameters: Row, careful: bool) -> Iterator[Row]:
        if careful:
            with self._text_by(self._with_care):
                rows = self.all(sql, parameters)
            yield from rows
            return
        result = self._execute(sql, parameters, _SENT)
        try:
            yield from result.cursor  # type: ignore[misc]
        except sqlite3.Error as error:
            raise _said(error) from error
        finally:
            result.close()

    def each(self, table: sa.Table, columns: Sequence[str]) -> Iterator[list[Row]]:
        """All rows of *table* in pages, in any order. Not from an index, which may hold others than the table."""
        if self.is_broken(table):
            return
        result = self._execute(f"SELECT {', '.join(columns)} FROM {self._itself(table)}", (), _PAGE)  # noqa: S608
        cursor: Any = result.cursor
        try:
            while page := cursor.fetchmany(_PAGE):
                self.rows += len(page)
                yield page
        except sqlite3.Error as error:
            raise _said(error) from error
        finally:
            result.close()

    def among(self, table: sa.Table, column: str, values: Sequence[str]) -> list[Row]:
        """The rows of *table* whose *column* is one of *values*, by primary key."""
        if self.is_broken(table):
            return []
        order = ", ".join(key.name for key in table.primary_key)
        within = "IN (SELECT value FROM json_each(?))" if self._is_sqlite else "= ANY(?)"
        sql = f"SELECT {_names(table)} FROM {table.name} WHERE {column} {within} ORDER BY {order}"  # noqa: S608
        rows = self.all(sql, (json.dumps(values) if self._is_sqlite else list(values),))
        self.rows += len(rows)
        return rows

    def all(self, sql: str, parameters: Row = ()) -> list[Row]:
        """Every row of a short answer."""
        try:
            return self._all(sql, parameters)
        except _NotUtf8Error:
            with self._text_by(self._with_care):
                return self._all(sql, parameters)

    def _all(self, sql: str, parameters: Row) -> list[Row]:
        result = self._execute(sql, parameters)
        try:
            return list(result.cursor.fetchall())
        except sqlite3.Error as error:
            raise _said(error) from error
        finally:
            result.close()

    def own_check(self, table: sa.Table) -> list[str]:
        """What SQLite finds wrong with pages, indexes and constraints of *table*; PostgreSQL looks when it reads."""
        if not self._is_sqlite or self.is_broken(table):
            return []
        found = self.all(f"PRAGMA integrity_check({table.name})")
        return [str(said) for (said,) in found if said != "ok"]

    def _execute(self, sql: str, parameters: Row, sent: int = 0) -> CursorResult[Any]:
        options = {"stream_results": True, "max_row_buffer": sent} if sent else {}
        text = sql if self._is_sqlite else sql.replace("?", "%s")
        return self._connection.exec_driver_sql(text, parameters, execution_options=options)

    def _itself(self, table: sa.Table) -> str:
        return f"{table.name} NOT INDEXED" if self._is_sqlite else table.name


def _names(table: sa.Table) -> str:
    return ", ".join(column.name for column in table.columns)


def _said(error: sqlite3.Error) -> Exception:
    """*error*, which came while rows were fetched, as SQLAlchemy would raise it."""
    if getattr(error, "sqlite_errorcode", None) is None and "UTF-8" in str(error):
        return _NotUtf8Error(str(error))
    return DBAPIError(None, None, error)
