"""Where a ledger is, and connections to it: the settings on which durability and order rest."""

from __future__ import annotations

import os
import socket
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool, QueuePool

from archiver.adapters.ledger.faults import translated
from archiver.errors import SettingsError

_BUSY_SECONDS: Final = 30
_JOURNAL_LOCK: Final = "journal"
_SECRETS: Final = ("password", "sslpassword", "passfile")
_APPLICATION_NAME_BYTES: Final = 63

_SQLITE_SETTINGS: Final = (
    f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
)
_READS_ONLY: Final = ("PRAGMA query_only = ON",)
_TCP_SETTINGS: Final = {  # a peer that is gone is noticed within about half a minute
    "connect_timeout": 10,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}

_COMMIT_TO_DISK: Final = sa.text(
    "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a ledger is. ``shown``: its URL without a password. ``file``: absolute, None on PostgreSQL."""

    url: URL
    shown: str
    file: Path | None

    @property
    def password(self) -> str | None:
        """What must not be shown."""
        given = self.url.password or self.url.query.get("password")
        return str(given) if given else None


def place_of(url: str) -> Place:
    """The place that *url* names. Raises SettingsError for anything but ``sqlite:///…`` and ``postgresql://…``."""
    remedy = "write sqlite:////absolute/path.db or postgresql://user@host/database"
    try:
        parsed = sa.make_url(url)
    except (ArgumentError, ValueError) as error:
        raise SettingsError("[ledger] url cannot be read", remedy) from error
    if parsed.drivername in ("sqlite", "sqlite+pysqlite"):
        named = parsed.database or ""
        if not named or named == ":memory:" or named.startswith("file:") or parsed.host or parsed.query:
            raise SettingsError(f"[ledger] url: {parsed.render_as_string()} names no file", remedy)
        file = Path(named).absolute()
        return Place(parsed, f"sqlite:///{file}", file)
    if parsed.drivername in ("postgresql", "postgresql+psycopg"):
        shown = URL.create(
            "postgresql", parsed.username, None, parsed.host, parsed.port, parsed.database, parsed.query
        )
        shown = shown.difference_update_query(_SECRETS)
        return Place(parsed.set(drivername="postgresql+psycopg"), shown.render_as_string(), None)
    raise SettingsError(f"[ledger] url: {parsed.drivername} is neither sqlite nor postgresql", remedy)


@dataclass(frozen=True, slots=True)
class Database:
    """A ledger's connections. Every context here raises LedgerError where the database fails."""

    engine: Engine
    place: Place

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A short transaction that reads; to be left before anyone else's code runs."""
        with translated(self.place.shown, self.place.password), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Like :meth:`read`, and all its statements see the ledger at one moment."""
        engine = self.engine
        if self.place.file is None:  # SQLite's transactions are like that anyway
            engine = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with translated(self.place.shown, self.place.password), engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that writes: all or nothing, durable when left; one at a time per ledger.

        One at a time, because events are numbered without gaps, and because then none can deadlock.
        """
        engine = self.engine.execution_options(writes=True)
        with translated(self.place.shown, self.place.password), engine.begin() as connection:
            if self.place.file is None:
                take_turn(connection, _JOURNAL_LOCK)
                connection.execute(_COMMIT_TO_DISK)
            yield connection

    def close(self) -> None:
        """Closes every connection that is not in use."""
        self.engine.dispose()


def connect(place: Place, *, reads_only: bool = False) -> Database:
    """Connections to the ledger at *place*, pooled; none is made yet. Raises SettingsError without a driver.

    *reads_only*: who asks is to write nothing; SQLite sees to it.
    """
    if place.file is not None:
        return Database(_sqlite(place.file, (*_SQLITE_SETTINGS, *(_READS_ONLY if reads_only else ()))), place)
    return Database(_postgresql(place, pool_pre_ping=True, pool_size=5, max_overflow=27), place)


def connect_alone(place: Place) -> Engine:
    """Connections to the PostgreSQL at *place* that are closed when left, each with a session of its own."""
    return _postgresql(place, poolclass=NullPool)


def _sqlite(file: Path, settings: Sequence[str]) -> Engine:
    """Never makes the file: a ledger is only made on purpose (``upgrade``)."""

    def connection() -> sqlite3.Connection:
        return sqlite3.connect(
            f"file:{quote(os.fsencode(file))}?mode=rw",
            uri=True,
            timeout=_BUSY_SECONDS,
            isolation_level=None,  # transactions begin where we say, so that DDL is part of them
            check_same_thread=False,
        )

    engine = sa.create_engine("sqlite://", creator=connection, poolclass=QueuePool, pool_size=5, max_overflow=-1)

    @sa.event.listens_for(engine, "connect")
    def _configure(raw: Any, _record: Any) -> None:
        raw.text_factory = _text_or_bytes
        for setting in settings:
            raw.execute(setting)

    @sa.event.listens_for(engine, "begin")
    def _begin(conn: Connection) -> None:
        writes = conn.get_execution_options().get("writes", False)
        conn.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN DEFERRED")

    return engine


def _text_or_bytes(stored: bytes) -> str | bytes:
    """What stands in a column as text. What is no UTF-8 comes as bytes, which are no text to any reader of a row;
    otherwise one such value would keep the whole answer from being read.
    """
    try:
        return stored.decode("utf-8")
    except UnicodeDecodeError:
        return stored


def _postgresql(place: Place, **options: Any) -> Engine:
    """READ COMMITTED whatever the server's default: what was locked must be read after it was locked."""
    host = str(place.url.query.get("host", place.url.host or ""))
    settings: dict[str, Any] = {"application_name": application_name()}
    if host and not host.startswith("/"):
        settings |= _TCP_SETTINGS
    given = {name: value for name, value in settings.items() if name not in place.url.query}
    try:
        return sa.create_engine(place.url, connect_args=given, isolation_level="READ COMMITTED", **options)
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"[ledger] url: PostgreSQL needs the package {error.name}, which is not installed",
            "Install psycopg[binary]: requirements/runtime.txt has it, with hashes.",
        ) from error


def application_name() -> str:
    """How this process shows in ``pg_stat_activity``: its number and its host."""
    name = f"archiver, process {os.getpid()} on {socket.gethostname()}"
    return name.encode("ascii", "replace")[:_APPLICATION_NAME_BYTES].decode("ascii")


def lock_number(job: str) -> sa.ColumnElement[int]:
    """SQL for the number of the advisory lock *job* of the ledger in this schema; databases have their own."""
    name = "'cloudtrail-evidence-archiver/lock/1 ' || coalesce(current_schema(), '') || ' ' || :job"
    digits = f"'x' || substr(encode(sha256(convert_to({name}, 'UTF8')), 'hex'), 1, 16)"
    number = sa.text(f"CAST(CAST({digits} AS bit(64)) AS bigint)").bindparams(job=job)
    return sa.type_coerce(number, sa.BigInteger())


def take_turn(connection: Connection, job: str) -> None:
    """Waits for the lock *job* and holds it until the transaction ends (PostgreSQL)."""
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(lock_number(job))))
