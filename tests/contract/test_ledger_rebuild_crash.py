"""A checkpoint broken off at any step, and the ledger lost right then: what is rebuilt goes on as if nothing was."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import pytest

from archiver.adapters.files.log_folder import LogFolder
from archiver.adapters.files.store import FolderStore
from archiver.adapters.ledger.restore import check_absent, restoring
from archiver.render.progress import SilentProgress
from archiver.work.checkpoint import Checkpoints
from archiver.work.rebuild import Rebuild, Rebuilt
from tests.support.ledgers import ACTOR, START, LedgerPlace, acquired, item
from tests.support.log_stand import ORIGIN, LogStand, shown

STEPS = 14
"""Writes of a checkpoint that fills a tile and has a long body: the last test says if there are others."""


class KilledError(Exception):
    """As if the process ended here."""


class Mortal(LogFolder):
    """A published log whose process ends at its write number *steps*."""

    def __init__(self, archive: Path, steps: int) -> None:
        super().__init__(archive)
        self._steps = steps

    def _step(self) -> None:
        if self._steps == 0:
            raise KilledError
        self._steps -= 1

    def put(self, path: str, data: bytes) -> None:
        self._step()
        super().put(path, data)

    def replace(self, path: str, data: bytes) -> None:
        self._step()
        super().replace(path, data)

    def remove(self, path: str) -> None:
        if self.read(path) is not None:
            self._step()
        super().remove(path)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of some 250 events under two heads, and on top a dozen events that are under none."""
    stand = stand_in(tmp_path_factory.mktemp("base")).make()
    stand.record(100)
    stand.sign()
    stand.record(140, seed=2)
    stand.sign()
    stand.ledger.journal.record(
        [acquired(item(number, file_count=400 if number == 3 else 1)) for number in range(12)]
    )
    stand.close()
    return stand.folder


def stand_in(folder: Path) -> LogStand:
    return LogStand(folder, LedgerPlace(f"sqlite:///{folder}/ledger.db"))


def rebuild(stand: LogStand) -> Rebuilt:
    return Rebuild(
        published=stand.published,
        store=FolderStore(stand.archive),
        trusted=[stand.signer.key],
        check_absent=partial(check_absent, stand.place.url),
        draft=partial(restoring, stand.place.url, ACTOR, START),
        clock=lambda: START,
        should_stop=lambda: False,
        progress=SilentProgress(),
    ).run()


def broken_off(stand: LogStand, steps: int) -> bool:
    """Makes a checkpoint that ends at write number *steps*; False where it came to its end before."""
    published = Mortal(stand.archive, steps)
    try:
        Checkpoints(stand.ledger, published, stand.signer, ORIGIN, lambda: START).make()
    except KilledError:
        return True
    return False


@pytest.mark.thorough
@pytest.mark.parametrize("steps", range(STEPS))
def test_what_is_rebuilt_after_a_broken_checkpoint_goes_on(base, tmp_path, steps):
    folder = tmp_path / "stand"
    shutil.copytree(base, folder)
    stand = stand_in(folder)
    before = {entry.seq: entry.body for entry in stand.ledger.log.entries(0, stand.ledger.log.size())}
    assert broken_off(stand, steps)
    stand.close()
    for path in folder.glob("ledger.db*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    rebuilt = rebuild(stand)
    assert rebuilt.warnings == ()
    assert rebuilt.lost_heads == ()
    kept = {entry.seq: entry.body for entry in stand.ledger.log.entries(0, rebuilt.events)}
    assert kept == {seq: body for seq, body in before.items() if seq < rebuilt.events} or rebuilt.events > len(before)
    assert not (stand.log / ".unfinished").exists()
    stand.record(20, seed=3)
    stand.sign()
    assert list(shown(stand.verify().problems)) == []
    stand.close()


def test_these_are_all_steps_of_a_checkpoint(base, tmp_path):
    folder = tmp_path / "stand"
    shutil.copytree(base, folder)
    stand = stand_in(folder)
    assert not broken_off(stand, STEPS)
    stand.close()
