"""A ledger's log published without the program's own publishing, and ledgers as all their rows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from archiver.adapters.files.store import FolderStore
from archiver.adapters.ledger.database import SqlLedger
from archiver.adapters.ledger.tables import metadata
from archiver.domain.log_records import StoredCheckpoint
from archiver.log.leaf import leaf_of
from tests.support.ledgers import LedgerPlace
from tests.support.made_log import MadeLog, make_log

Rows = dict[str, list[tuple[Any, ...]]]


def publish(ledger: SqlLedger, archive: Path, *sizes: int) -> MadeLog:
    """Publishes all events of *ledger* below *archive*, signed by a key of the test's own, and records the heads.

    Heads of *sizes* leaves, and of all.
    """
    FolderStore.create(archive)
    whole = ledger.log.size()
    bodies = [entry.body or b"" for entry in ledger.log.entries(0, whole)]
    log = make_log([leaf_of(body) for body in bodies])
    folder = archive / "log"
    log.publish(folder, *sorted({*sizes, whole}))
    for body, leaf in zip(bodies, log.leaves, strict=True):
        if body != leaf:
            path = folder / "bodies" / f"{hashlib.sha256(body).hexdigest()}.json"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(body)
    for size in sorted({*sizes, whole}):
        ledger.log.add_checkpoint(StoredCheckpoint(size, log.checkpoint(size)))
    return log


def rows_of(place: LedgerPlace) -> Rows:
    """Every row of every table, sorted; SQLite's and PostgreSQL's alike."""
    found: Rows = {}
    for table in sorted(metadata.tables.values(), key=lambda table: table.name):
        names = ", ".join(f'"{column.name}"' for column in table.columns)
        rows = place.query(f'SELECT {names} FROM "{table.name}"')
        plain = [tuple(bytes(v) if isinstance(v, memoryview) else v for v in row) for row in rows]
        found[table.name] = sorted(plain, key=repr)
    found["alembic_version"] = place.query("SELECT version_num FROM alembic_version")
    return found


def without_last_event(rows: Rows) -> Rows:
    """*rows* as they were before the last event, which made no row but its own and one of the tree."""
    last = max(row[0] for row in rows["custody_events"])
    cut = {name: [row for row in rows[name] if row[0] != last] for name in ("custody_events", "merkle_nodes")}
    return {**rows, **cut}


def signed_otherwise(log: MadeLog, private: Any) -> MadeLog:
    """The same log, signed with another key."""
    return replace(log, private=private)


def tables_that_differ(one: Rows, other: Rows) -> Sequence[str]:
    """Names of tables with other rows, for a message that can be read."""
    return [name for name in one if one[name] != other.get(name)]
