"""Every row held against its event, alone: beside reading the same rows, and hashing the same leaves."""

from __future__ import annotations

import argparse
import resource
import sqlite3
from contextlib import closing
from pathlib import Path

from archiver.adapters.ledger.database import SqlLedger
from archiver.domain.log_records import Problem
from archiver.log.leaf import leaf_of
from archiver.log.tree import leaf_hash
from benchmarks.common import Results, main, workplace
from benchmarks.ledgers import entries, fill, new_ledger

_LEAST = 100_000
"""Events a second that are wanted, with nothing else going on."""

_TABLES = ("custody_events", "verifications", "evidence", "files", "evidence_state", "deliveries")


def options(parser: argparse.ArgumentParser) -> None:
    """How large."""
    parser.add_argument("--events", type=int, default=500_000, help="events in the ledger")
    parser.add_argument("--items", type=int, default=20_000, help="items that they are about")
    parser.add_argument("--rounds", type=int, default=3, help="times that it is checked; the quickest counts")


def run(given: argparse.Namespace) -> Results:
    """Makes the ledger, checks it, then reads and hashes the same."""
    results = Results(f"Holding the rows of {given.events:,} events of {given.items:,} items against them, on SQLite")
    with workplace(given.dir) as place, closing(new_ledger(place)) as ledger:
        fill(ledger, given.events, entries(given.items))
        size = ledger.log.size()
        whole = results.best(
            "holding every row against its event", size, "events", lambda: _check(ledger), given.rounds
        )
        largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
        read = results.timed("reading the same rows", size, "events", lambda: _read(place / "ledger.db"))
        hashed = results.timed("hashing the leaves alone", size, "events", lambda: _hash(place / "ledger.db"))
    results.ratio("the check, beside reading alone", whole, read)
    results.ratio("the check, beside hashing alone", whole, hashed)
    results.goal("MiB of the largest process", largest, "{:,.0f}", "under 250", largest < 250)
    results.goal("events a second", whole.rate, "{:,.0f}", f"at least {_LEAST:,}", whole.rate >= _LEAST)
    return results


def _check(ledger: SqlLedger) -> None:
    found: list[Problem] = []
    with ledger.log.check_rows(ledger.log.size()) as check:
        check.finish(found.append)
    if found:
        raise SystemExit(f"{len(found)} problems, the first: {found[0]}")


def _read(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        for table in _TABLES:
            for _ in connection.execute(f"SELECT * FROM {table}"):  # noqa: S608 - our own names
                pass


def _hash(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        for (body,) in connection.execute("SELECT CAST(body AS BLOB) FROM custody_events ORDER BY seq"):
            leaf_hash(leaf_of(body))


if __name__ == "__main__":
    main(run, options)
