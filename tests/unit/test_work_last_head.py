"""The last head that was signed, kept beside the key: what it finds where ledger and archive agree."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from archiver.adapters.files.store import FolderStore
from archiver.adapters.ledger.database import SqlLedger
from archiver.adapters.ledger.upgrade import upgrade
from archiver.errors import LogForkedError, SigningError
from archiver.log.leaf import leaf_of
from archiver.log.tree import Frontier, leaf_hash
from tests.support.checkpoints import Stand, accept_job, make_stand, note_events, note_one, stand_with_a_head
from tests.support.ledgers import ACTOR, START, LedgerPlace
from tests.support.stores import run_to_its_death


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return stand_with_a_head(tmp_path)


@pytest.fixture
def ledger(stand: Stand) -> Iterator[SqlLedger]:
    opened = stand.open()
    yield opened
    opened.close()


def test_it_is_the_note_that_was_signed(stand: Stand, ledger: SqlLedger) -> None:
    note_one(ledger)
    made = stand.checkpoints(ledger).make()
    assert made is not None
    assert stand.last_head.last() == made.note
    assert Path(stand.last_head.place).stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in stand.key.parent.iterdir()) == ["archive", "custody-key", "last-head"]


def test_ledger_and_archive_put_back_together_are_missed(stand: Stand, tmp_path: Path) -> None:
    """Both are of one earlier moment, so they agree with each other."""
    folder = LedgerPlace(stand.url).file.parent
    shutil.copytree(folder, tmp_path / "ledger-backup")
    shutil.copytree(stand.archive, tmp_path / "archive-backup")
    ledger = stand.open()
    note_events(ledger, 3)
    stand.checkpoints(ledger).make()
    ledger.close()
    for place, backup in ((folder, "ledger-backup"), (stand.archive, "archive-backup")):
        shutil.rmtree(place)
        shutil.copytree(tmp_path / backup, place)
    ledger = stand.open()
    for count, told in ((0, "put back to an earlier state"), (50, "of another history")):  # and grown again
        if count:
            note_events(ledger, count)
        with pytest.raises(LogForkedError, match=f"last-head.*{told}"):
            stand.checkpoints(ledger).make()
        with pytest.raises(LogForkedError, match=f"last-head.*{told}"):
            stand.checkpoints(ledger).republish()
    ledger.close()


def test_a_ledger_begun_anew_is_not_signed_with_the_old_ones_key(stand: Stand, tmp_path: Path) -> None:
    fresh = Stand(f"sqlite:///{tmp_path}/fresh/ledger.db", tmp_path / "fresh-archive", stand.key)
    upgrade(fresh.url, ACTOR, START.replace(year=2025))
    FolderStore.create(fresh.archive)
    ledger = fresh.open()
    note_events(ledger, 30)
    with pytest.raises(LogForkedError, match="of another history"):
        fresh.checkpoints(ledger).make()
    assert fresh.files == []
    ledger.close()


def test_no_other_head_of_that_size_is_signed_behind_a_planted_mark(stand: Stand, ledger: SqlLedger) -> None:
    """Who may write ledger and log folder makes it look as if a run had ended before it signed."""
    first = (stand.archive / "log/checkpoint").read_bytes()
    before = set(stand.files)
    held = {path: (stand.archive / "log" / path).read_bytes() for path in before}
    note_one(ledger)
    made = stand.checkpoints(ledger).make()
    assert made is not None
    _rewrite(stand, 3, '"pid":1', '"pid":2')
    LedgerPlace(stand.url).forge(f"DELETE FROM checkpoints WHERE size = {made.size}")
    shutil.rmtree(stand.archive / "log")
    for path, data in held.items():
        stand.log.replace(path, data)
    stand.log.replace("checkpoint", first)
    stand.log.replace(".unfinished", b"3\n")
    with pytest.raises(LogForkedError, match="of another history"):
        stand.checkpoints(ledger).make()


def _rewrite(stand: Stand, seq: int, old: str, new: str) -> None:
    """Event *seq* tells something else, and the whole tree in the ledger with it."""
    place = LedgerPlace(stand.url)
    place.forge(f"UPDATE custody_events SET body = replace(body, '{old}', '{new}') WHERE seq = {seq}")
    tree = Frontier()
    for number, body in place.query("SELECT seq, body FROM custody_events ORDER BY seq"):
        hashes = b"".join(tree.append(leaf_hash(leaf_of(body.encode("utf-8"))))).hex()
        place.forge(f"UPDATE merkle_nodes SET hashes = x'{hashes}' WHERE seq = {number}")


@pytest.mark.thorough
def test_a_decision_killed_before_any_step_is_taken_again(tmp_path: Path) -> None:
    """Nothing is signed without it, and nothing of the lost head goes."""
    killed = []
    for at in itertools.count(1):
        folder = tmp_path / str(at)
        upgrade(f"sqlite:///{folder}/ledger.db", ACTOR, START)
        stand = make_stand(f"sqlite:///{folder}/ledger.db", folder)
        stand.last_head.remember("no head")
        killed.append(run_to_its_death(accept_job, folder, at))
        ledger = stand.open()
        told = len(list(ledger.log.of_kind("earlier_head_accepted")))
        kept = [path for path in folder.glob("last-head.set-aside-*") if path.suffix != ".reason"]
        assert (stand.last_head.last() is None) == bool(kept), at
        assert told >= len(kept), "recorded before it is set aside"
        if not kept:
            with pytest.raises(LogForkedError, match="no checkpoint"):
                stand.checkpoints(ledger).make()
            stand.checkpoints(ledger).accept_earlier("again")
            kept = [path for path in folder.glob("last-head.set-aside-*") if path.suffix != ".reason"]
        assert [path.read_text() for path in kept] == ["no head"], at
        assert stand.checkpoints(ledger).make() is not None
        ledger.close()
        if not killed[-1]:
            break
    assert killed == [True, True, True, True, False]


def test_where_it_cannot_be_kept_or_read_nothing_is_signed(stand: Stand, ledger: SqlLedger) -> None:
    note_one(ledger)
    place = Path(stand.last_head.place)
    stand.last_head.remember("no note")
    with pytest.raises(LogForkedError, match="no checkpoint"):
        stand.checkpoints(ledger).make()
    place.unlink()
    place.symlink_to("/dev/null")
    with pytest.raises(SigningError, match="cannot be read") as caught:
        stand.checkpoints(ledger).make()
    assert "last_head" in caught.value.remedy
    place.unlink()
    place.mkdir()
    with pytest.raises(SigningError, match="last-head"):
        stand.checkpoints(ledger).make()
    place.rmdir()
    assert stand.checkpoints(ledger).make() is not None, "it goes on where it was held up"
