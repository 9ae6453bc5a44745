"""The schema as it stands in the database against the one that ``migrations/`` makes: triggers, tables, indexes.

On SQLite every statement that made something is kept in the database, and held by its digest. PostgreSQL keeps what
they mean: triggers by their table, events and function, tables by their columns and what is unique in them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from archiver.adapters.ledger.check_schema import FUNCTIONS, ON_SQLITE
from archiver.adapters.ledger.connection import Database
from archiver.adapters.ledger.tables import APPEND_ONLY, ROWS_STAY, metadata
from archiver.domain.log_records import Problem
from archiver.domain.text import printable

_BEFORE_STATEMENT: Final = 2
_ON_DELETE, _ON_UPDATE, _ON_TRUNCATE = 8, 16, 32
"""Bits of ``pg_trigger.tgtype``, which only lacks 1 (a row at a time) and 4 (on insert)."""

_CHANGES: Final = _BEFORE_STATEMENT | _ON_DELETE | _ON_UPDATE | _ON_TRUNCATE

_STAYING: Final = {"evidence_state": ("evidence_id",), "alerts": ("id", "cause_sha256")}
"""Columns whose update ``<table>_rows_stay`` refuses."""

_TRIGGERS: Final = """
SELECT c.relname, t.tgname, t.tgenabled::text, t.tgtype::int, t.tgqual IS NULL, p.proname,
  p.prosrc, l.lanname,
  (SELECT array_agg(a.attname::text ORDER BY a.attname) FROM pg_attribute a
   WHERE a.attrelid = t.tgrelid AND a.attnum = ANY(t.tgattr::int2[]))
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
  JOIN pg_language l ON l.oid = p.prolang
WHERE NOT t.tgisinternal AND c.relnamespace = current_schema()::regnamespace ORDER BY 1, 2
"""

_INDEXES: Final = """
SELECT c.relname, i.relname, x.indisvalid AND x.indisready AND x.indislive, x.indpred IS NOT NULL
FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
WHERE c.relnamespace = current_schema()::regnamespace AND NOT x.indisunique ORDER BY 1, 2
"""
"""What is unique is looked at with its table."""

_WAYS_ROUND: Final = """
SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
  AND (relhasrules OR relrowsecurity OR relforcerowsecurity OR relhassubclass) ORDER BY 1
"""


_BLANKS: Final = re.compile("[ \t\n\f\r]+")
"""Of SQL. To SQLite any other blank is part of a name."""

_BESIDE: Final = re.compile("sqlite_(stat[1-4]|sequence)|unadopted_(sources|deliveries|alerts)")
"""Tables that SQLite makes by itself, and those that an upgrade which was interrupted has left (``adopt``)."""


def guards(database: Database) -> list[Problem]:
    """See ``log_ports.CustodyLog``."""
    with database.snapshot() as connection:
        if connection.dialect.name == "sqlite":
            return list(_sqlite(connection))
        return [*_triggers(connection), *_tables(connection), *_indexes(connection)]


def digest(sql: str) -> str:
    """What a statement of SQLite's schema is known by, whatever blanks it has."""
    return hashlib.sha256(_BLANKS.sub(" ", sql).strip(" ").encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _sqlite(connection: Connection) -> Iterator[Problem]:
    """Whatever is there and not of the schema is told: SQLite takes names in any case, and goes by the statement."""
    rows = connection.execute(sa.text("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"))
    missing, in_place = dict(ON_SQLITE), set()
    for row in rows:
        kind, name, of, sql = (str(value or "") for value in row)
        if not sql:
            continue  # what SQLite makes by itself for a primary key
        table, wanted = missing.pop((kind, name), ("", ""))
        if wanted and (digest(sql) != wanted or of != table):
            yield _problem(kind, table, f"the {kind} {name} is another than the schema made: {printable(sql, 300)}")
        elif not wanted and not (sql.startswith("CREATE TABLE") and of == name and _BESIDE.fullmatch(name)):
            in_place.add(name)
            said = f"the {printable(kind, 20)} {printable(name, 80)} is none of the schema's: {printable(sql, 300)}"
            known = next((table for table in metadata.tables if table == of.lower()), None)
            yield Problem("schema_altered", said, table=known or printable(of, 80))
    for (kind, name), (table, _) in missing.items():
        if name not in in_place:
            yield _problem(kind, table, f"the {kind} {name} is not there")


def _problem(kind: str, table: str, said: str) -> Problem:
    return Problem("guard_missing" if kind == "trigger" else "schema_altered", f"table {table}: {said}", table=table)


def _triggers(connection: Connection) -> Iterator[Problem]:
    found = {(str(row[0]), str(row[1])): tuple(row)[2:] for row in connection.execute(sa.text(_TRIGGERS))}
    for (table, name), wanted in _expected().items():
        there = found.pop((table, name), None)
        if there is None:
            yield _problem("trigger", table, f"the trigger {name} is not there")
            continue
        enabled, events, unconditional, function, source, language, columns = there
        if enabled != "A":
            yield _problem("trigger", table, f"the trigger {name} is not enabled for every session")
        is_ours = language == "plpgsql" and FUNCTIONS.get(function) == digest(source or "")
        if not unconditional or not is_ours or (function, events, tuple(columns or ())) != wanted:
            yield _problem("trigger", table, f"the trigger {name} does something else than the schema made it for")
    for table, name in found:
        said = f"table {printable(table, 80)}: the trigger {printable(name, 80)} is none of the schema's"
        yield Problem("schema_altered", said, table=printable(table, 80))


def _expected() -> dict[tuple[str, str], tuple[str, int, tuple[str, ...]]]:
    """(table, trigger) -> its function, its events, and the columns that it is for."""
    return {
        **{(table, f"{table}_append_only"): ("archiver_append_only", _CHANGES, ()) for table in APPEND_ONLY},
        **{
            (table, f"{table}_rows_stay"): ("archiver_rows_stay", _CHANGES, tuple(sorted(_STAYING[table])))
            for table in ROWS_STAY
        },
    }


def _tables(connection: Connection) -> Iterator[Problem]:
    """Columns, their types, and what is unique in each table, as ``tables.py`` has them."""
    inspector = sa.inspect(connection)
    there = set(inspector.get_table_names())
    for table in metadata.sorted_tables:
        if table.name not in there:
            yield _problem("table", table.name, "it is not there, or is no table")
            continue
        for said in _differences(inspector, table):
            yield _problem("table", table.name, said)
    for (name,) in connection.execute(sa.text(_WAYS_ROUND)):
        if name in metadata.tables:
            yield _problem("table", name, "it has rules, row security or heirs, which are none of the schema's")


def _indexes(connection: Connection) -> Iterator[Problem]:
    """An index that hides rows tells another history to whoever reads through it."""
    wanted = {
        (table.name, index.name or ""): "where" in index.info
        for table in metadata.sorted_tables
        for index in table.indexes
    }
    for table, name, usable, is_partial in connection.execute(sa.text(_INDEXES)):
        if (table, name) not in wanted and table in metadata.tables:
            yield _problem("index", table, f"the index {printable(name, 80)} is none of the schema's")
        elif table in metadata.tables and (not usable or is_partial != wanted[table, name]):
            yield _problem("index", table, f"the index {name} is not as the schema made it")


def _differences(inspector: sa.Inspector, table: sa.Table) -> Iterator[str]:
    found = {column["name"]: column for column in inspector.get_columns(table.name)}
    for column in table.columns:
        there = found.pop(column.name, None)
        if there is None:
            yield f"the column {column.name} is not there"
            continue
        wanted = _type(column.type)
        if _type(there["type"]) != wanted or bool(there["nullable"]) != bool(column.nullable):
            yield f"the column {column.name} is not as it was made"
    for name in found:
        yield f"the column {printable(name, 80)} is none of the schema's"
    primary = [column.name for column in table.primary_key]
    if inspector.get_pk_constraint(table.name)["constrained_columns"] != primary:
        yield f"its primary key is not ({', '.join(primary)})"
    unique = {tuple(one["column_names"]) for one in inspector.get_unique_constraints(table.name)}
    for column in table.columns:
        if column.unique and (column.name,) not in unique:
            yield f"{column.name} is not unique any more"


def _type(kind: sa.types.TypeEngine[Any]) -> str:
    """Which kind of value a column holds."""
    for of in (sa.Boolean, sa.Integer, sa.LargeBinary, sa.String):
        if isinstance(kind, of):
            return of.__name__
    return str(kind)
