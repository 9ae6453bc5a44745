"""What rows should say, gathered from the events: tables in a temporary database, so that memory stays flat.

SQLite keeps it in memory up to a bound, then in an unnamed file that goes with the process.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.pool import StaticPool

from archiver.adapters.ledger.projection_counts import DAY_CHARS, LARGEST
from archiver.adapters.ledger.stored import stored_list
from archiver.adapters.ledger.tables import alerts, deliveries, evidence_counts, evidence_state, keys, sources
from archiver.domain.verdict import Finding, Reason

Row = tuple[Any, ...]

_CACHE_KIB: Final = 16 * 1024

BITS: Final = {finding.value: 1 << number for number, finding in enumerate(Finding)}
"""A set of findings as a number: one bit each, in the order of the enum."""

ALL_FINDINGS: Final = (1 << len(BITS)) - 1

_ITEMS: Final = """
CREATE TABLE items (
  number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, acquired INTEGER, acquired_at TEXT, size INTEGER,
  judged INTEGER, verdict TEXT, reasons TEXT, kept INTEGER, findings INTEGER, audited_at TEXT, next_audit_at TEXT
)
"""
"""One row an item. ``findings`` as bits; ``kept``: those of the findings before that still stand."""

_STATES: Final = f"""
CREATE VIEW {evidence_state.name} AS
SELECT number, id AS evidence_id, judged AS judged_seq, verdict, reasons, finding_list(findings) AS findings,
  audited_at AS last_audited_at, next_audit_at,
  instr(reasons, '"{Reason.KEY_UNAVAILABLE.value}"') > 0 AS awaiting_key,
  acquired_at, size
FROM items WHERE acquired IS NOT NULL
"""  # noqa: S608 - our own names

_COUNTS: Final = f"""
CREATE VIEW {evidence_counts.name} AS
SELECT min(number) AS number, substr(coalesce(audited_at, acquired_at), 1, {DAY_CHARS}) AS judged_on, verdict,
  count(*) AS items, max(0, min({LARGEST}, sum(size >> 32) * 4294967296 + sum(size & 4294967295))) AS size
FROM items WHERE acquired IS NOT NULL GROUP BY 2, 3
"""  # noqa: S608 - our own names
"""In halves: SQLite ends where a sum overflows, and forged events may say any size."""

_PLACES: Final = "CREATE TABLE evidence (id TEXT PRIMARY KEY, source TEXT, prefix TEXT)"
"""Of which delivery an item is; only for items that an entry about the source names."""

_FOLD: Final = """
INSERT INTO items
  (id, acquired, acquired_at, size, judged, verdict, reasons, audited_at, next_audit_at, kept, findings)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
  acquired = coalesce(acquired, excluded.acquired), acquired_at = coalesce(acquired_at, excluded.acquired_at),
  size = coalesce(size, excluded.size), findings = (findings & excluded.kept) | excluded.findings,
  judged = coalesce(excluded.judged, judged), verdict = coalesce(excluded.verdict, verdict),
  reasons = coalesce(excluded.reasons, reasons), next_audit_at = coalesce(excluded.next_audit_at, next_audit_at),
  audited_at = CASE WHEN excluded.judged IS NULL THEN audited_at ELSE excluded.audited_at END
"""

_ACQUIRED: Final = """
INSERT INTO deliveries (source, prefix_sha256, prefix, listing_digest, first_seen_at, evidence_id, revision, gone)
VALUES (?, ?, ?, ?, ?, ?, ?, 0)
ON CONFLICT (source, prefix_sha256) DO UPDATE SET listing_digest = excluded.listing_digest,
  evidence_id = excluded.evidence_id, revision = excluded.revision, gone = 0
WHERE revision <= excluded.revision
"""
"""As ``projection_upkeep`` takes an acquisition: first sight stays, and so does a later revision."""


class Scratch:
    """The temporary database. ``connection``: for what writes through SQLAlchemy."""

    def __init__(self, raw: sqlite3.Connection, connection: Connection) -> None:
        self._raw = raw
        self.connection = connection
        self._seen: dict[str, bytearray] = {}

    def fold_items(self, rows: Sequence[Row]) -> None:
        """Adds what later events say of items to what earlier ones said; columns as in the statement."""
        self._raw.executemany(_FOLD, rows)

    def put_acquired(self, rows: Sequence[Row]) -> None:
        """Deliveries that were archived, in their order."""
        self._raw.executemany(_ACQUIRED, rows)

    def put_key(self, row: Row) -> None:
        """A key: the first of a name stands."""
        self._raw.execute("INSERT OR IGNORE INTO keys (sha256, fingerprint, der) VALUES (?, ?, ?)", row)

    def put_place(self, item: str, source: str, prefix: str) -> None:
        """Of which delivery *item* is."""
        self._raw.execute("INSERT OR IGNORE INTO evidence VALUES (?, ?, ?)", (item, source, prefix))

    def acquired_by(self, items: Sequence[str]) -> dict[str, int]:
        """The events that acquired *items*, of those that any did."""
        sql = "SELECT id, acquired FROM items WHERE id IN (SELECT value FROM json_each(?)) AND acquired IS NOT NULL"
        return dict(self._raw.execute(sql, (json.dumps(items),)).fetchall())

    def acquired(self) -> int:
        """How many items were acquired."""
        (count,) = self._raw.execute("SELECT count(acquired) FROM items").fetchone()
        return int(count)

    def never_acquired(self) -> Iterator[tuple[int | None, str]]:
        """(last judging event, item) of items that events tell of, and none acquired."""
        yield from self._raw.execute("SELECT judged, id FROM items WHERE acquired IS NULL")

    def in_order(self, table: sa.Table) -> Iterator[Row]:
        """The rows that *table* should have, by its primary key."""
        columns, order = ", ".join(table.columns.keys()), ", ".join(table.primary_key.columns.keys())
        yield from self._raw.execute(f"SELECT {columns} FROM {table.name} ORDER BY {order}")  # noqa: S608

    def expected(
        self, table: sa.Table, keys_wanted: Sequence[Sequence[Any]]
    ) -> Iterator[tuple[int | None, Row, bool]]:
        """For each of *keys_wanted*, in their order: the number here, the row that *table* should have under it, and
        whether it was asked for before. None and an empty row for a key that no event makes.
        """
        columns = ", ".join(f"t.{column.name}" for column in table.columns)
        primary = enumerate(column.name for column in table.primary_key)
        is_it = " AND ".join(f"t.{name} = json_extract(k.value, '$[{index}]')" for index, name in primary)
        sql = (
            f"SELECT t.number, {columns} FROM json_each(?) AS k LEFT JOIN {table.name} AS t ON {is_it} ORDER BY k.key"  # noqa: S608
        )
        given = orjson.dumps([key if _can_be(key) else [None] * len(key) for key in keys_wanted]).decode()
        seen = self._seen.setdefault(table.name, bytearray())
        for found in self._raw.execute(sql, (given,)):
            number = found[0]
            if number is None:
                yield None, (), False
                continue
            if number >= len(seen):
                seen.extend(bytes(number + 4096 - len(seen)))
            yield number, found[1:], bool(seen[number])
            seen[number] = 1

    def unseen(self, table: sa.Table) -> Iterator[Row]:
        """The rows that *table* should have, and that were not seen."""
        seen = self._seen.get(table.name, bytearray())
        columns = ", ".join(column.name for column in table.columns)
        for number, *row in self._raw.execute(f"SELECT number, {columns} FROM {table.name}"):  # noqa: S608
            if number >= len(seen) or not seen[number]:
                yield tuple(row)


@contextmanager
def scratch() -> Iterator[Scratch]:
    """A temporary database, gone when left."""
    raw = sqlite3.connect("", isolation_level=None)
    engine = sa.create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool)
    try:
        with engine.connect() as connection:
            for setting in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE_KIB}"):
                raw.execute(f"PRAGMA {setting}")
            raw.create_function("finding_list", 1, _finding_list, deterministic=True)
            raw.execute("BEGIN")  # now: SQLAlchemy rolls back what it finds begun when it connects
            for statement in (
                *map(_table_like, (sources, deliveries, alerts, keys)),
                _ITEMS,
                _STATES,
                _COUNTS,
                _PLACES,
            ):
                raw.execute(statement)
            yield Scratch(raw, connection)
    finally:
        engine.dispose()
        raw.close()


def _table_like(table: sa.Table) -> str:
    """Columns and key of *table*, without what else the ledger asks of its rows: forged events may break it."""
    columns = ", ".join(f"{column.name} {_affinity(column)}" for column in table.columns)
    key = ", ".join(column.name for column in table.primary_key)
    return f"CREATE TABLE {table.name} (number INTEGER PRIMARY KEY, {columns}, UNIQUE ({key}))"


_KEYS: Final = frozenset({str, int})


def _can_be(key: Sequence[Any]) -> bool:
    """False for a key that no event makes: NULL, a number that is none, text that is not UTF-8."""
    return _KEYS.issuperset(map(type, key))


def _affinity(column: sa.Column[Any]) -> str:
    if isinstance(column.type, sa.LargeBinary):
        return "BLOB"
    return "INTEGER" if isinstance(column.type, sa.Integer | sa.Boolean) else "TEXT"


def _finding_list(bits: int) -> str:
    return stored_list([value for value, bit in BITS.items() if bits & bit])
