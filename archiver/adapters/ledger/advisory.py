"""Locks on PostgreSQL: session advisory locks, each on a connection of its own, which the server ends with it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from archiver.adapters.ledger.connection import Place, connect_alone, lock_number
from archiver.adapters.ledger.faults import translated
from archiver.domain.text import printable
from archiver.errors import BusyError, LeaseLostError

_POLL_SECONDS: Final = 0.2

_HOLDER: Final = sa.text(
    "SELECT a.application_name, a.client_addr::text AS client, a.backend_start::text AS since, l.pid"
    " FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid"
    " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
    " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND l.classid = CAST(:high AS bigint) AND l.objid = CAST(:low AS bigint)"
)


class AdvisoryLocks:
    """``ports.Locks`` for the ledger at *place*."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._held: dict[Connection, str] = {}
        self._mutex = threading.Lock()

    @contextmanager
    def hold(self, job: str, wait: bool = True) -> Iterator[None]:
        """See ``ports.Locks``. Waiting polls, so that a signal's handler can end it by raising."""
        engine = connect_alone(self._place)
        with translated(self._place.shown, self._place.password):
            connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            with translated(self._place.shown, self._place.password):
                self._acquire(connection, job, wait)
            with self._mutex:
                self._held[connection] = job
            yield
        finally:
            with self._mutex:
                self._held.pop(connection, None)
            _close(connection, engine)

    def _acquire(self, connection: Connection, job: str, wait: bool) -> None:
        number = connection.scalar(sa.select(lock_number(job)))
        while not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(sa.cast(number, sa.BigInteger)))):
            if not wait:
                holder = _holder(connection, int(number or 0))
                raise BusyError(f"{job} is held by {holder}", "wait for it to end, or end it")
            time.sleep(_POLL_SECONDS)

    def check(self) -> None:
        """See ``ports.Locks``. A session that answers still has its locks."""
        with self._mutex:
            for connection, job in self._held.items():
                try:
                    connection.execute(sa.text("SELECT 1"))
                except SQLAlchemyError as error:
                    raise LeaseLostError(
                        f"the lock {job} is lost: ledger {self._place.shown} ended the session that held it",
                        "start again once the database answers",
                    ) from error


def _close(connection: Connection, engine: Engine) -> None:
    with suppress(SQLAlchemyError):  # a session that is gone has let go of its locks already
        connection.close()
    engine.dispose()


def _holder(connection: Connection, number: int) -> str:
    unsigned = number % 2**64
    row = connection.execute(_HOLDER, {"high": unsigned >> 32, "low": unsigned & 0xFFFFFFFF}).first()
    if row is None:
        return "another process, which has ended it by now"
    name = row.application_name or f"the session {row.pid} of the database"
    return printable(f"{name}, connected since {row.since}" if row.since else name, 200)
