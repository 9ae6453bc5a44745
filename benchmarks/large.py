"""An archive of very many items, as it is after three years, in SQLite and in PostgreSQL.

Two fifths came within the last month and were judged at acquisition only; the others were audited since, but for a
few that are overdue. Some failed, some wait for a key, some deliveries are still arriving.
"""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psycopg
import sqlalchemy as sa
from psycopg import sql

from archiver.adapters.ledger.connection import connect, place_of
from archiver.adapters.ledger.database import SqlLedger
from archiver.adapters.ledger.tables import metadata
from archiver.adapters.ledger.upgrade import upgrade
from archiver.domain.custody import DeliverySeen, Entry, EvidenceAcquired, EvidenceVerified, KeyHarvested
from archiver.domain.custody_upkeep import SourceSynced
from archiver.domain.due import next_audit
from archiver.domain.evidence import Evidence
from archiver.domain.keys import KeyProvenance
from archiver.domain.records import Alert
from archiver.domain.verdict import Judgement, Reason, Verdict
from benchmarks.ledgers import ACTOR, batches, delivery, evidence, judged, key, listing_digest

SOURCES: Final = ("prod", "staging", "payments", "eu-central", "archive-2023")
REVERIFY_AFTER: Final = timedelta(days=30)

_MONTH: Final = timedelta(days=29)
_SINCE: Final = timedelta(days=3 * 365)
_PENDING: Final = 2000
_AT_ONCE: Final = 5000
_FILLING: Final = ("PRAGMA synchronous = OFF", "PRAGMA cache_size = -1000000", "PRAGMA temp_store = MEMORY")
"""What is filled is thrown away if the machine stops meanwhile."""


def listings(items: int, now: datetime, folder: Path) -> None:
    """What S3 lists of all of them, a bucket for each source, into *folder* (see ``s3_server``)."""
    with ExitStack() as stack:
        files = [stack.enter_context((folder / f"{name}.listing").open("w", encoding="utf-8")) for name in SOURCES]
        for number in range(items):
            for one in delivery(_item(number, items, now)).objects:
                line = f"{one.key}\t{one.size}\t{one.etag}\t{one.last_modified:%Y-%m-%dT%H:%M:%SZ}\n"
                files[number % 5].write(line)


def _item(number: int, items: int, now: datetime) -> Evidence:
    account = f"{111122223333 + number % 17:012}"
    return evidence(number, SOURCES[number % 5], account, _acquired_at(number, items, now))


def history(items: int, now: datetime) -> Iterator[Entry]:
    """What led to such an archive of *items* at *now*."""
    began = now - _SINCE
    provenance = KeyProvenance("ListPublicKeys", "https://cloudtrail.us-east-1.amazonaws.com", None, began)
    yield KeyHarvested(at=began, key=key(), sha256=key().sha256, provenance=provenance)
    older: list[str] = []
    for number in range(items):
        item = _item(number, items, now)
        at = item.acquired_at
        judgement = _judged(number)
        due = next_audit(item.id, at, judgement.verdict, REVERIFY_AFTER)
        yield EvidenceAcquired(
            at=at, evidence=item, judgement=judgement, listing_digest=listing_digest(item), next_audit_at=due
        )
        if at < now - _MONTH:
            older.append(item.id)
    for number, item_id in enumerate(older):
        if number % 50 == 49:  # overdue
            continue
        at = now - _MONTH + _MONTH * (number / len(older))
        judgement = _judged(number)
        due = next_audit(item_id, at, judgement.verdict, REVERIFY_AFTER)
        yield EvidenceVerified(
            at=at, id=item_id, occasion="audit", judgement=judgement, key_sha256=key().sha256, next_audit_at=due
        )
    for number in range(min(_PENDING, items)):
        prefix = evidence(items + number).prefix
        source = SOURCES[number % 5]
        yield DeliverySeen(at=now, source=source, prefix=prefix, objects=1, size=1000, waiting_for="a sign file")
    for source in SOURCES:
        yield SourceSynced(at=now, source=source, url="s3://bucket/AWSLogs", full_objects=items // 5)


def _acquired_at(number: int, items: int, now: datetime) -> datetime:
    """Three fifths spread over the years, the others over the last month."""
    part = number / items
    if part < 0.6:
        return now - _SINCE + (_SINCE - _MONTH) * (part / 0.6)
    return now - _MONTH + _MONTH * ((part - 0.6) / 0.4)


def _judged(number: int) -> Judgement:
    """2 of 1,000 failed, 5 wait for a key."""
    kind = number % 1000
    reasons = {3: [Reason.HASH_MISMATCH], 503: [Reason.UNSIGNED]}.get(kind, [])
    return judged(number, [Reason.KEY_UNAVAILABLE] if kind in (100, 300, 500, 700, 900) else reasons)


def fill_sqlite(file: Path, items: int, now: datetime) -> None:
    """A new ledger in *file*, recorded by its own journal in large transactions."""
    url = f"sqlite:///{file}"
    upgrade(url, ACTOR, now - _SINCE)
    database = connect(place_of(url))
    sa.event.listen(database.engine, "connect", _hurry)
    began, done = time.monotonic(), 0
    with closing(SqlLedger(database, ACTOR)) as ledger:
        for some in batches(history(items, now), _AT_ONCE):
            failed = [e for e in some if isinstance(e, EvidenceAcquired) and e.judgement.verdict is Verdict.FAILED]
            alerts = [Alert(f"failed:{e.evidence.id}", "failed", e.evidence.path) for e in failed]
            ledger.journal.record(some, alerts if done > items * 0.99 else ())
            done += len(some)
            if done % 100_000 == 0:
                print(f"  filling: {done:,} events in {time.monotonic() - began:.0f} s", file=sys.stderr)


def _hurry(raw: Any, _record: Any) -> None:
    for setting in _FILLING:
        raw.execute(setting)


def copy_to_postgresql(file: Path, url: str, now: datetime) -> None:
    """The ledger in *file*, row by row, into an empty database; looked at by its vacuum as it would be by itself."""
    upgrade(url, ACTOR, now - _SINCE)
    plain = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(sqlite3.connect(file)) as source, psycopg.connect(plain, autocommit=True) as target:
        with target.transaction():
            target.execute("SET LOCAL session_replication_role = replica")  # references hold: they did there
            for table in metadata.sorted_tables:
                _copy(source, target, table)
        target.execute("VACUUM ANALYZE")


def _copy(source: sqlite3.Connection, target: psycopg.Connection[Any], table: sa.Table) -> None:
    names = table.columns.keys()
    flags = [at for at, column in enumerate(table.columns) if isinstance(column.type, sa.Boolean)]
    began = "WHERE seq > 0" if table.name in ("custody_events", "merkle_nodes") else ""  # there already
    rows = source.execute(f'SELECT {", ".join(names)} FROM "{table.name}" {began}')  # noqa: S608 - our own names
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    into = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table.name), columns)
    with target.cursor() as cursor, cursor.copy(into) as copy:
        for row in rows:
            if flags:
                values = list(row)
                for at in flags:
                    values[at] = bool(values[at])
                copy.write_row(values)
            else:
                copy.write_row(row)
