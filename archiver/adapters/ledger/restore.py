"""A ledger made anew from the bodies of its events, out of sight until it is whole.

On SQLite in a file beside, which gets the ledger's name in one rename; on PostgreSQL in one transaction. Whatever
ends it before, there is no ledger, and the next run begins anew.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from archiver.adapters.ledger.canonical import canonical
from archiver.adapters.ledger.connection import Database, Place, connect, place_of, take_turn
from archiver.adapters.ledger.database import locks_of
from archiver.adapters.ledger.projection import Projection
from archiver.adapters.ledger.statements import put
from archiver.adapters.ledger.stored import stored_text
from archiver.adapters.ledger.tables import checkpoints, metadata
from archiver.adapters.ledger.tree_rows import stored_hashes
from archiver.adapters.ledger.upgrade import make_empty, make_file, make_folder
from archiver.domain.custody import Actor, Entry, KeyHarvested
from archiver.domain.log_records import StoredCheckpoint
from archiver.errors import LedgerError, UsageError
from archiver.log.names import LOCK
from archiver.log.tree import Frontier, Node

_JOBS: Final = ("daemon", LOCK)
"""Whoever does these works on a ledger; one that was removed under them is none."""

_UPGRADE: Final = "upgrade"
_DRAFT: Final = ".rebuilding"
_BESIDE: Final = ("-wal", "-shm", "-journal")
"""Files of SQLite's own beside a database: those of another one would be taken for changes of the new one."""

_MOVE: Final = "move it away (a rebuilt ledger never replaces one), then run this again"


class Draft:
    """``log_ports.LedgerDraft``. ``begin`` opens what one batch is written in."""

    def __init__(self, begin: Callable[[], AbstractContextManager[Connection]], actor: Actor) -> None:
        self._begin = begin
        self._actor = actor
        self._tree = Frontier()
        self._keys: set[str] = set()

    def add(self, events: Sequence[tuple[Entry, str]]) -> None:
        """See ``log_ports.LedgerDraft``."""
        with self._begin() as connection:
            projection = Projection(connection, self._tree, self._keys)
            projection.load([entry for entry, _ in events])
            for entry, body in events:
                projection.add(entry, body)
            projection.write()
        self._keys.update(stored_text(entry.sha256) for entry, _ in events if isinstance(entry, KeyHarvested))

    def record(self, entry: Entry) -> None:
        """See ``log_ports.LedgerDraft``."""
        self.add([(entry, canonical(entry, self._actor))])

    def root(self) -> bytes:
        """See ``log_ports.LedgerDraft``."""
        return self._tree.root()

    def hashes(self, nodes: Collection[Node]) -> Mapping[Node, bytes]:
        """See ``log_ports.LedgerDraft``."""
        with self._begin() as connection:
            return stored_hashes(connection, nodes)

    def add_checkpoints(self, heads: Sequence[StoredCheckpoint]) -> None:
        """See ``log_ports.LedgerDraft``."""
        with self._begin() as connection:
            put(connection, checkpoints, [{"size": head.size, "note": stored_text(head.note)} for head in heads])


def is_lost(url: str) -> bool:
    """True where nothing of a ledger is at *url* but perhaps an empty file: whoever had one has it no more.

    Raises SettingsError, LedgerError where that cannot be looked at.
    """
    place = place_of(url)
    if place.file is not None:
        return not _holds_something(place.file)
    with closing(connect(place)) as database, database.read() as connection:
        return not _tables(connection)


def check_absent(url: str) -> None:
    """Raises UsageError unless there is no ledger at *url*: nothing there is ever replaced."""
    place = place_of(url)
    if place.file is not None:
        _check_no_file(place.file)
        return
    with closing(connect(place)) as database, database.read() as connection:
        _check_no_tables(connection, place)


def _check_no_file(file: Path) -> None:
    if _holds_something(file):
        raise UsageError(f"there is something at {file}, damaged or not; nothing was done", _MOVE)
    for end in _BESIDE:
        beside = file.with_name(file.name + end)
        if os.path.lexists(beside):
            raise UsageError(f"{beside} belongs to the ledger that was there; nothing was done", _MOVE)


def _holds_something(file: Path) -> bool:
    """True for anything but an empty file. A link is somebody's purpose, wherever it leads."""
    try:
        return os.path.lexists(file) and (file.is_symlink() or not file.is_file() or file.stat().st_size > 0)
    except OSError as error:
        raise LedgerError(f"ledger {file} cannot be looked at: {error.strerror}") from error


def _tables(connection: Connection) -> list[str]:
    """Tables of a ledger that are there."""
    return sorted({*sa.inspect(connection).get_table_names()} & {*metadata.tables, "alembic_version"})


def _check_no_tables(connection: Connection, place: Place) -> None:
    there = _tables(connection)
    if there:
        raise UsageError(
            f"there is a ledger in {place.shown} (table {there[0]}); nothing was done",
            "name an empty database in [ledger] url, or move the tables to another schema",
        )


@contextmanager
def restoring(url: str, actor: Actor, now: datetime) -> Iterator[Draft]:
    """A draft of the ledger at *url*, which becomes that ledger when this is left in good order, and else vanishes.

    Raises UsageError where there is one already, BusyError where somebody works with it, LedgerError.
    """
    place = place_of(url)
    if place.file is not None:
        make_folder(place.file.parent)
    locks = locks_of(place)
    with ExitStack() as stack:
        for job in (*_JOBS, *(() if place.file is None else (_UPGRADE,))):
            stack.enter_context(locks.hold(job, wait=False))
        how = _in_transaction(place, actor, now) if place.file is None else _beside(place, place.file, actor, now)
        yield stack.enter_context(how)


@contextmanager
def _in_transaction(place: Place, actor: Actor, now: datetime) -> Iterator[Draft]:
    with closing(connect(place)) as database, database.write() as connection:
        take_turn(connection, _UPGRADE)
        _check_no_tables(connection, place)
        make_empty(connection, place, actor, now)
        yield Draft(lambda: nullcontext(connection), actor)


@contextmanager
def _beside(place: Place, file: Path, actor: Actor, now: datetime) -> Iterator[Draft]:
    """In a file that nobody takes for a ledger. One that an earlier run left is no use to anyone."""
    _check_no_file(file)
    draft = file.with_name(file.name + _DRAFT)
    _remove(draft)
    make_file(draft)
    try:
        with closing(connect(replace(place, file=draft))) as database:
            with database.write() as connection:
                make_empty(connection, place, actor, now)
            yield Draft(database.write, actor)
            _fold(database)
        _take_place(draft, file)
    finally:
        _remove(draft)


def _fold(database: Database) -> None:
    """Brings all that is in the write-ahead log into the file itself."""
    with database.engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None  # noqa: S101 - this connection is open
        busy = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    if busy:
        raise LedgerError(f"ledger {database.place.shown}: somebody else has opened the draft of the new ledger")


def _take_place(draft: Path, file: Path) -> None:
    try:
        descriptor = os.open(draft, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        _check_no_file(file)
        os.rename(draft, file)
        folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise LedgerError(f"ledger {file} cannot be put in its place: {error.strerror}") from error


def _remove(draft: Path) -> None:
    try:
        for path in (draft, *(draft.with_name(draft.name + end) for end in _BESIDE)):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise LedgerError(f"{draft}, which is no ledger, cannot be removed: {error.strerror}") from error
