"""The mark of an unfinished checkpoint: a true one is noted by ``ledger verify``, a planted one excuses nothing."""

from __future__ import annotations

import errno
import random
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from archiver.adapters.files.log_folder import LogFolder
from archiver.adapters.ledger.database import open_ledger
from archiver.custody_key import FileSigner
from archiver.errors import StoreError
from archiver.log.tiles import checkpoint_path
from archiver.work.checkpoint import Checkpoints
from tests.support.checkpoints import note_events
from tests.support.cli import Home
from tests.support.ledgers import ACTOR
from tests.support.log_stand import anchor_by
from tests.support.stores import FaultyDisk
from tests.support.tampering import Forger, overwrite

ORIGIN = "example.com/custody"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with three heads, the first of which `ledger upgrade` made."""
    home = Home(tmp_path_factory.mktemp("template"))
    home.configure()
    for _ in range(2):
        record(home)
        home.run("ledger", "checkpoint", status=0)
    return home.root


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Home:
    shutil.copytree(template, tmp_path / "home")
    copied = Home(tmp_path / "home")
    copied.write()
    return copied


def record(home: Home) -> None:
    ledger = open_ledger(home.ledger.url, ACTOR)
    note_events(ledger, 5)
    ledger.close()


def heads(home: Home) -> list[int]:
    return [size for (size,) in home.ledger.query("SELECT size FROM checkpoints ORDER BY size")]


def mark(home: Home, data: bytes) -> None:
    overwrite(home.archive / "log/.unfinished", data)


def verify(home: Home, status: int) -> dict[str, Any]:
    return home.run("ledger", "verify", "--offline", "--json", status=status).json


def problems(home: Home, status: int = 1) -> list[tuple[str, str | None]]:
    return [(problem["kind"], problem["table"]) for problem in verify(home, status)["problems"]]


def take_away(home: Home, *sizes: int) -> None:
    """The heads of *sizes* leaves, wherever they stand; the file of the newest one holds the newest that is left."""
    log = home.archive / "log"
    for size in sizes:
        (log / checkpoint_path(size)).unlink()
        Forger(home.ledger, random.Random(0)).run(("DELETE FROM checkpoints WHERE size = ?", (size,)))
    shutil.copyfile(log / checkpoint_path(heads(home)[-1]), log / "checkpoint")


@pytest.mark.parametrize("steps", [9, 14, 19, 24, 29])
def test_a_true_one_is_noted_and_is_no_problem(home: Home, steps: int) -> None:
    record(home)
    interrupt(home, steps)
    assert (home.archive / "log/.unfinished").exists()
    answer = verify(home, status=0)
    assert answer["problems"] == []
    assert any(note.startswith("an interrupted checkpoint") for note in answer["notes"])
    home.run("ledger", "checkpoint", status=0)
    assert not any("interrupted" in note for note in verify(home, status=0)["notes"])


def interrupt(home: Home, steps: int) -> None:
    """A checkpoint that the disk ends after so many *steps*."""

    def full(call: str, so_far: int) -> None:
        if so_far >= steps and call not in ("read_into", "unlink", "rmdir"):
            raise OSError(errno.ENOSPC, "full")

    ledger = open_ledger(home.ledger.url, ACTOR)
    signer = FileSigner(str(home.root / "custody-key"), ORIGIN, {})
    log = LogFolder(home.archive, FaultyDisk(full))
    try:
        with pytest.raises(StoreError):
            Checkpoints(ledger, log, signer, ORIGIN, lambda: datetime.now(UTC)).make()
    finally:
        ledger.close()


@pytest.mark.parametrize("junk", [b"", b"junk\n", b"3", b"-1\n", b"03\n", b"9" * 40 + b"\n", b"\xff\n", b"999\n"])
def test_junk_is_a_problem(home: Home, junk: bytes) -> None:
    mark(home, junk)
    assert problems(home) == [("published_altered", ".unfinished")]


def test_a_link_in_its_place_is_a_problem(home: Home) -> None:
    (home.archive / "log/.unfinished").symlink_to(home.config)
    assert problems(home) == [("published_altered", ".unfinished")]


def test_the_number_of_an_older_head_is_a_problem(home: Home) -> None:
    mark(home, b"%d\n" % heads(home)[0])
    assert problems(home) == [("published_altered", ".unfinished")]


def test_it_excuses_no_more_than_the_head_that_was_announced_last(home: Home) -> None:
    first, second, third = heads(home)
    take_away(home, second, third)
    mark(home, b"%d\n" % first)
    found = problems(home)
    assert ("published_altered", ".unfinished") in found
    assert {("checkpoint_missing", checkpoint_path(size)) for size in (second, third)} <= set(found)
    mark(home, b"%d\n" % second)
    assert ("published_altered", ".unfinished") in problems(home)


def test_a_head_that_somebody_vouched_for_was_finished(home: Home) -> None:
    ledger = open_ledger(home.ledger.url, ACTOR)
    anchor_by(ledger, LogFolder(home.archive), heads(home)[-1], "somebody")
    ledger.close()
    _, second, third = heads(home)
    take_away(home, third)
    mark(home, b"%d\n" % second)
    found = problems(home)
    assert ("published_altered", ".unfinished") in found
    assert ("checkpoint_missing", checkpoint_path(third)) in found


def test_the_newest_heads_own_file_is_not_excused_where_no_run_leaves_it_so(home: Home) -> None:
    _, second, third = heads(home)
    mark(home, b"%d\n" % second)
    assert problems(home, status=0) == [], "all is there but that the mark was not taken away"
    (home.archive / "log/checkpoint").unlink()
    assert problems(home) == [("checkpoint_missing", "checkpoint")]
    shutil.copyfile(home.archive / "log" / checkpoint_path(heads(home)[0]), home.archive / "log/checkpoint")
    assert problems(home) == [("checkpoint_altered", "checkpoint")]
    shutil.copyfile(home.archive / "log" / checkpoint_path(second), home.archive / "log/checkpoint")
    assert problems(home, status=0) == []
    assert third == heads(home)[-1]
