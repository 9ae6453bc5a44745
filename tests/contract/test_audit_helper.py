"""A process that helps an audit answers what this one would, on both databases."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from archiver.adapters.files.store import FolderStore
from archiver.adapters.helper_process import HelperProcess
from archiver.adapters.ledger.database import SqlLedger, open_ledger
from archiver.errors import HelperLostError, LedgerError, StoppedError
from archiver.render.progress import SilentProgress
from archiver.wiring_audit import helper
from archiver.work.inspect import Inspector
from archiver.work.inspect_batch import Answer, Batch, Unread, inspect_batch
from archiver.work.keys import KeyRing
from archiver.work.throttle import Throttle
from tests.support.ledgers import ACTOR, DAY, START, LedgerPlace, acquired, item

ITEMS = [item(number, file_count=2) for number in range(1, 4)]
BATCH = Batch(tuple(one.id for one in ITEMS), 1000)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    FolderStore.create(tmp_path / "archive")
    return tmp_path / "archive"


@pytest.fixture
def stopping() -> Event:
    return Event()


@pytest.fixture
def other(ledger: SqlLedger, ledger_place: LedgerPlace, archive: Path, stopping: Event) -> Iterator[HelperProcess]:
    ledger.journal.record([acquired(one) for one in ITEMS])
    process = helper(ledger_place.url, archive, ACTOR, False, stopping)
    end = time.monotonic() + 60
    while not process.is_ready():
        assert time.monotonic() < end
        time.sleep(0.01)
    yield process
    process.close()


def here(ledger: SqlLedger, archive: Path) -> Answer:
    inspector = Inspector(
        FolderStore(archive),
        ledger.evidence,
        KeyRing(ledger.keys.by_fingerprint, lambda *_: None, lambda _: None, lambda: START + DAY),
        lambda: False,
        SilentProgress(),
        Throttle(None, Event()),
        from_medium=False,
    )
    return inspect_batch(ledger, inspector, BATCH)


def test_it_answers_what_would_be_answered_here(
    other: HelperProcess, ledger: SqlLedger, ledger_place: LedgerPlace, archive: Path
) -> None:
    ledger_place.forge(
        f"UPDATE files SET etag = 'forged' WHERE evidence_id = '{ITEMS[1].id}'",
        f"UPDATE evidence_state SET verdict = 'fine' WHERE evidence_id = '{ITEMS[2].id}'",
    )
    answer = other.ask(BATCH)
    assert answer == here(ledger, archive)
    assert "ledger_altered" in answer.outcomes[1].judgement.reasons
    assert isinstance(answer.outcomes[2], Unread)


def test_what_fails_there_is_for_whoever_asked_to_find_out(other: HelperProcess, ledger_place: LedgerPlace) -> None:
    ledger_place.forge("ALTER TABLE files RENAME TO away")
    with pytest.raises(HelperLostError, match="LedgerError"):
        other.ask(BATCH)


def test_one_that_is_killed_is_lost(other: HelperProcess) -> None:
    os.kill(other._process.pid, signal.SIGKILL)
    with pytest.raises(HelperLostError):
        other.ask(BATCH)


def test_whoever_waits_for_one_that_hangs_can_be_stopped(other: HelperProcess, stopping: Event) -> None:
    os.kill(other._process.pid, signal.SIGSTOP)
    os.waitpid(other._process.pid, os.WUNTRACED)  # until it has stopped: signals are not taken in their order
    stopping.set()
    with pytest.raises(StoppedError):
        other.ask(BATCH)
    began = time.monotonic()
    other.close()
    assert time.monotonic() - began < 8
    assert other._process.returncode == -signal.SIGKILL


def test_one_that_cannot_be_started_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopping: Event) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "nowhere"))
    with pytest.raises(HelperLostError, match="can be started"):
        helper("sqlite:////nowhere", tmp_path, ACTOR, False, stopping)


@pytest.mark.parametrize(
    "says",
    [
        "print('a line that a library prints when it is imported')",
        "sys.stdout.buffer.write((4).to_bytes(8, 'big') + b'none')",
        "sys.stdout.buffer.write((1 << 62).to_bytes(8, 'big'))",
    ],
)
def test_one_that_says_what_is_no_answer_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopping: Event, says: str
) -> None:
    boot = f"import sys\n{says}\nsys.stdout.flush()\nsys.stdin.read()"
    monkeypatch.setattr("archiver.adapters.helper_process._BOOT", boot)
    process = helper("sqlite:////nowhere", tmp_path, ACTOR, False, stopping)
    with pytest.raises(HelperLostError, match="no answer"):
        process.ask(BATCH)
    process.close()


def test_one_that_finds_no_ledger_is_lost(tmp_path: Path, stopping: Event, capfd: pytest.CaptureFixture[str]) -> None:
    process = helper(f"sqlite:///{tmp_path}/none.db", tmp_path, ACTOR, False, stopping)
    with pytest.raises(HelperLostError):
        process.ask(BATCH)
    process.close()
    assert "Traceback" not in capfd.readouterr().err


def test_a_ledger_that_is_opened_to_read_is_not_written(sqlite_ledger: SqlLedger, sqlite_place: LedgerPlace) -> None:
    reader = open_ledger(sqlite_place.url, ACTOR, reads_only=True)
    with pytest.raises(LedgerError):
        reader.journal.record([acquired(ITEMS[0])])
    reader.close()
