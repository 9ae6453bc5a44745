"""Ledgers for tests: made anew on SQLite and on a real PostgreSQL; and values to record in them."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from archiver.adapters.ledger.database import SqlLedger, open_ledger
from archiver.adapters.ledger.tables import APPEND_ONLY, ROWS_STAY
from archiver.adapters.ledger.upgrade import make_folder, upgrade
from archiver.domain.custody import Actor, EvidenceAcquired, EvidenceVerified
from archiver.domain.evidence import Evidence, EvidenceFile, FileRole, Origin, evidence_id
from archiver.domain.verdict import Check, CheckResult, FileResult, Finding, Judgement, Reason, judgement

ACTOR = Actor(user="keeper", host="vault", version="0.1.0")
START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class LedgerPlace:
    """A ledger's URL, and ways to reach round the program into its database."""

    url: str

    @property
    def is_sqlite(self) -> bool:
        return self.url.startswith("sqlite")

    @property
    def file(self) -> Path:
        return Path(self.url.removeprefix("sqlite:///"))

    @contextmanager
    def raw(self) -> Iterator[Any]:
        """A DB-API connection of the database's owner, committed at the end."""
        if self.is_sqlite:
            connection: Any = sqlite3.connect(self.file, timeout=30)
        else:
            connection = psycopg.connect(self.url)
        try:
            with connection:
                yield connection
        finally:
            connection.close()

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows that *statement* answers."""
        with self.raw() as connection:
            return [tuple(row) for row in connection.execute(statement).fetchall()]

    def forge(self, *statements: str) -> None:
        """Runs *statements* as one who owns the database: triggers and foreign keys are out of the way."""
        with self.raw() as connection:
            if self.is_sqlite:
                connection.execute("PRAGMA foreign_keys = OFF")
                names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
                for (name,) in names:
                    connection.execute(f"DROP TRIGGER {name}")
            else:
                for table in (*APPEND_ONLY, *ROWS_STAY):
                    connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
            for statement in statements:
                connection.execute(statement)


def make_ledger(place: LedgerPlace) -> None:
    """A new ledger at *place*, as ``upgrade(place.url, ACTOR, START)`` makes it.

    On SQLite a copy of one that was made so in this process: the migrations take twenty times as long.
    """
    if not place.is_sqlite:
        upgrade(place.url, ACTOR, START)
        return
    make_folder(place.file.parent)
    descriptor = os.open(place.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:
        file.write(_new_sqlite())


def closed_file(place: LedgerPlace) -> bytes:
    """The SQLite ledger at *place*, which nobody has open, as one file: for copies of it."""
    assert not Path(f"{place.file}-wal").exists()
    return place.file.read_bytes()


@cache
def _new_sqlite() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        place = LedgerPlace(f"sqlite:///{folder}/ledger.db")
        upgrade(place.url, ACTOR, START)
        return closed_file(place)


@pytest.fixture
def sqlite_place(tmp_path: Path) -> LedgerPlace:
    """Where a SQLite ledger can be made; nothing is there yet."""
    return LedgerPlace(f"sqlite:///{tmp_path}/ledger/ledger.db")


@pytest.fixture
def postgres_place(new_postgres: Callable[[], str]) -> LedgerPlace:
    """An empty database of a real PostgreSQL."""
    return LedgerPlace(new_postgres())


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_place(request: pytest.FixtureRequest) -> LedgerPlace:
    """Each of both in turn, without a ledger."""
    name = "sqlite_place" if request.param == "sqlite" else "postgres_place"
    place: LedgerPlace = request.getfixturevalue(name)
    return place


@pytest.fixture
def postgres_ledger_place(new_postgres: Callable[..., str], postgres_template: str) -> LedgerPlace:
    """A database of a real PostgreSQL with a new ledger in it."""
    return LedgerPlace(new_postgres(postgres_template))


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_place(request: pytest.FixtureRequest) -> LedgerPlace:
    """Each of both in turn, with a ledger in it."""
    if request.param == "sqlite":
        place: LedgerPlace = request.getfixturevalue("sqlite_place")
        make_ledger(place)
    else:
        place = request.getfixturevalue("postgres_ledger_place")
    return place


@pytest.fixture
def ledger(ledger_place: LedgerPlace) -> Iterator[SqlLedger]:
    """An open ledger, on SQLite and on PostgreSQL in turn."""
    opened = open_ledger(ledger_place.url, ACTOR)
    try:
        yield opened
    finally:
        opened.close()


@pytest.fixture
def sqlite_ledger(sqlite_place: LedgerPlace) -> Iterator[SqlLedger]:
    """An open SQLite ledger, for tests that need some ledger and not each kind."""
    make_ledger(sqlite_place)
    opened = open_ledger(sqlite_place.url, ACTOR)
    try:
        yield opened
    finally:
        opened.close()


def database_of(url: str) -> str:
    """The name of the PostgreSQL database that *url* names."""
    return sa.make_url(url).database or ""


def good(number: int = 1, findings: Sequence[Finding] = ()) -> Judgement:
    """A verified judgement of one file."""
    return told((), findings, number)


def told(reasons: Sequence[Reason], findings: Sequence[Finding] = (), number: int = 1) -> Judgement:
    """A judgement with *reasons* and *findings*."""
    checks = [Check("sign_file", CheckResult.PASS, "well-formed"), Check("signature", CheckResult.PASS, "holds")]
    digest = f"{number:064x}"
    return judgement(reasons, findings, checks, [FileResult("result_1.csv.gz", number, digest, digest, digest)])


def item(number: int = 1, revision: int = 1, file_count: int = 1, **changes: Any) -> Evidence:
    """Evidence *number*: its own prefix, query ID and, a minute apart, time of acquisition."""
    query_id = f"{number:08x}-0000-4000-8000-{number:012x}"
    prefix = f"AWSLogs/111122223333/CloudTrail-Lake/Query/2026/01/01/{query_id}/"
    path = "prod/" + prefix.removesuffix("/") + ("" if revision == 1 else f"@r{revision}")
    names = ["result_sign.json", *(f"result_{n}.csv.gz" for n in range(1, file_count + 1))]
    held = tuple(
        EvidenceFile(
            name=name,
            role=FileRole.SIGN_FILE if name == "result_sign.json" else FileRole.RESULT,
            path=f"{path}/{name}",
            size=100 + position,
            sha256=f"{number:032x}{revision:016x}{position:016x}",
            listed_sha256=None if position == 0 else f"{number:032x}{revision:016x}{position:016x}",
            origin=Origin(
                key=prefix + name,
                etag=f"{number:032x}",
                version_id="v1",
                last_modified=START - DAY,
                request_id="REQ",
                request_id_2="REQ2",
                clock_offset_ms=-12,
                encryption="aws:kms",
            ),
        )
        for position, name in enumerate(names)
    )
    acquired_at = START + timedelta(minutes=number)
    made = Evidence(
        id=evidence_id("prod", prefix, [(file.name, file.sha256) for file in held]),
        source="prod",
        source_url="s3://bucket",
        prefix=prefix,
        path=path,
        revision=revision,
        account="111122223333",
        query_id=query_id,
        region="us-east-1",
        query_complete_time=START - DAY,
        fingerprint="f" * 32,
        key_sha256=None,
        hash_list_sha256=f"{number:064x}",
        files=held,
        first_seen_at=START,
        acquired_at=acquired_at,
        caller="arn:aws:iam::111122223333:role/reader",
    )
    return replace(made, **changes)


def acquired(evidence: Evidence, judged: Judgement | None = None, **changes: Any) -> EvidenceAcquired:
    """The entry that archives *evidence*, due a day later."""
    entry = EvidenceAcquired(
        at=evidence.acquired_at,
        evidence=evidence,
        judgement=judged or good(),
        listing_digest="d" * 64,
        next_audit_at=evidence.acquired_at + DAY,
    )
    return replace(entry, **changes)


def verified(evidence: Evidence, at: datetime, judged: Judgement | None = None, **changes: Any) -> EvidenceVerified:
    """The entry of an audit of *evidence* at *at*, next due 30 days later."""
    entry = EvidenceVerified(
        at=at,
        id=evidence.id,
        occasion="audit",
        judgement=judged or good(),
        key_sha256=evidence.key_sha256,
        next_audit_at=at + 30 * DAY,
    )
    return replace(entry, **changes)
