"""A ledger with a row in every table and its published log, for tests to tamper with: made once, copied for each."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from archiver.adapters.files.log_folder import LogFolder
from archiver.adapters.ledger.database import open_ledger
from tests.support.attacks import Rewriter
from tests.support.cli import Home, signing_key
from tests.support.ledgers import ACTOR
from tests.support.log_stand import anchor_by, told
from tests.support.tampering import TABLES, Forger

Row = tuple[Any, ...]


@dataclass
class World:
    """A home with its ledger and published log. ``older``: all rows as they were when half of it had happened."""

    home: Home
    older: dict[str, list[Row]]

    @property
    def log(self) -> Path:
        return self.home.archive / "log"

    def forger(self, seed: int = 0) -> Forger:
        return Forger(self.home.ledger, random.Random(seed))

    def rewriter(self) -> Rewriter:
        return Rewriter(self.home.ledger, self.log, self.forger())

    def verify(self, *arguments: str, status: int = 1) -> dict[str, Any]:
        return self.home.run_here("ledger", "verify", "--json", *arguments, status=status).json

    def problems(self, status: int = 1) -> list[tuple[str, int | None, str | None]]:
        """(kind, seq, table) of each problem."""
        return [(p["kind"], p["seq"], p["table"]) for p in self.verify(status=status)["problems"]]

    def heads(self) -> list[int]:
        return [size for (size,) in self.home.ledger.query("SELECT size FROM checkpoints ORDER BY size")]

    def size(self) -> int:
        return int(self.home.ledger.query("SELECT max(seq) FROM custody_events")[0][0]) + 1

    def seqs(self, kind: str) -> list[int]:
        found = self.home.ledger.query(f"SELECT seq FROM custody_events WHERE kind = '{kind}' ORDER BY seq")
        return [seq for (seq,) in found]


def fill(home: Home, rounds: int = 2) -> dict[str, list[Row]]:
    """Deliveries, audits and random history, heads between, an anchor, a long body; rows half-way through."""
    home.configure(home.folder_source())
    home.run("keys", "import", home.list_keys(signing_key()), status=0)
    older: dict[str, list[Row]] = {}
    for round_ in range(rounds):
        home.deliver(signing_key())
        home.run("sync", status=0)
        ledger = open_ledger(home.ledger.url, ACTOR)
        try:
            ledger.journal.record(told(round_, 60, ledger.log.size()))
            newest = ledger.log.latest_checkpoint()
            assert newest is not None
            if round_:
                anchor_by(ledger, LogFolder(home.archive), newest.size, "somebody")
        finally:
            ledger.close()
        home.run("ledger", "checkpoint", status=0)
        if not round_:
            older = {table: Forger(home.ledger, random.Random()).rows(table) for table in TABLES}
    return older


@pytest.fixture(scope="session")
def tampered_template(tmp_path_factory: pytest.TempPathFactory) -> World:
    root = tmp_path_factory.mktemp("to-be-tampered-with") / "home"
    root.mkdir()
    home = Home(root)
    older = fill(home)
    return World(home, older)


@pytest.fixture
def world(tampered_template: World, tmp_path: Path) -> World:
    root = tmp_path / "home"
    shutil.copytree(tampered_template.home.root, root, symlinks=True)
    home = Home(root, rng=random.Random(7))
    home.write(home.folder_source())
    return World(home, tampered_template.older)


@pytest.fixture
def postgres_world(new_postgres: Callable[[], str], tmp_path: Path) -> World:
    root = tmp_path / "home"
    root.mkdir()
    home = Home(root, ledger_url=new_postgres())
    return World(home, fill(home))
