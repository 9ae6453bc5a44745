"""How many custody events a second are recorded on SQLite in batches, all that follows from them included.

Beside it, over the same bodies: a plain insert of them into SQLite with the ledger's settings, making them canonical,
and hashing alone.
"""

from __future__ import annotations

import argparse
import sqlite3
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

from archiver.adapters.ledger.canonical import canonical
from archiver.adapters.ledger.database import SqlLedger
from archiver.domain.custody import Entry
from archiver.log.leaf import leaf_of
from archiver.log.tree import Frontier, leaf_hash
from benchmarks.common import Results, main, workplace
from benchmarks.ledgers import ACTOR, entries, new_ledger

_WANTED: Final = 5000
"""Events a second."""

_AUDITS: Final = 12
"""Of each item: a year of them, a month apart."""


def options(parser: argparse.ArgumentParser) -> None:
    """What can be asked for."""
    parser.add_argument("--items", type=int, default=3000, help="items that are acquired and audited for a year")
    parser.add_argument("--batch", type=int, default=1000, help="events that are recorded at once")


def run(given: argparse.Namespace) -> Results:
    """Measures a year of an archive."""
    acquired = list(islice(entries(given.items), given.items + 1))
    audited = list(islice(entries(given.items), given.items + 1, given.items * (1 + _AUDITS) + 1))
    told = [*acquired, *audited]
    bodies = [canonical(entry, ACTOR) for entry in told]
    results = Results(f"Recording events, {given.batch} at once, {sum(map(len, bodies)) // len(bodies)} bytes each")
    with workplace(given.dir) as folder:
        ledger = new_ledger(folder)
        parts = [
            results.timed(name, len(part), "events", partial(record, ledger, part, given.batch))
            for name, part in (("acquisitions", acquired), ("audits", audited))
        ]
        ledger.close()
        whole = results.add(
            "the year",
            len(told),
            "events",
            sum(part.seconds for part in parts),
            sum(part.cpu or 0 for part in parts),
        )
        plain = results.timed("plain inserts", len(told), "events", partial(insert, folder, bodies, given.batch))
    made = results.timed("canonical JSON alone", len(told), "events", partial(make, told))
    hashed = results.timed("hashing alone", len(told), "events", partial(grow, bodies))
    for name, part in (("plain inserts", plain), ("canonical JSON", made), ("hashing", hashed)):
        results.ratio(f"the year, beside {name}", whole, part)
    results.goal("events a second", whole.rate, "{:,.0f}", f"at least {_WANTED:,}", whole.rate >= _WANTED)
    return results


def in_batches(count: int, size: int) -> Iterator[slice]:
    """Slices of *size* over *count* things."""
    return (slice(at, at + size) for at in range(0, count, size))


def record(ledger: SqlLedger, told: Sequence[Entry], batch: int) -> None:
    """Records *told*."""
    for part in in_batches(len(told), batch):
        ledger.journal.record(told[part])


def insert(folder: Path, bodies: Sequence[str], batch: int) -> None:
    """One table without an index, in WAL and synced as the ledger is."""
    connection = sqlite3.connect(folder / "plain.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE plain (seq INTEGER PRIMARY KEY, body TEXT NOT NULL)")
    for part in in_batches(len(bodies), batch):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO plain VALUES (?, ?)", enumerate(bodies[part], part.start))
        connection.execute("COMMIT")
    connection.close()


def make(told: Sequence[Entry]) -> None:
    """Makes the bodies."""
    for entry in told:
        canonical(entry, ACTOR)


def grow(bodies: Sequence[str]) -> None:
    """Makes leaves and tree, in memory."""
    tree = Frontier()
    for body in bodies:
        tree.append(leaf_hash(leaf_of(body.encode("utf-8"))))


if __name__ == "__main__":
    main(run, options)
