"""A ledger rebuilt from the published log is the ledger that was lost, row for row, on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from archiver.adapters.files.log_folder import LogFolder
from archiver.adapters.files.store import FolderStore
from archiver.adapters.ledger.database import open_ledger
from archiver.adapters.ledger.restore import check_absent, restoring
from archiver.domain.custody_log import LedgerRebuilt
from archiver.errors import BusyError, LedgerAlteredError, StoppedError, UsageError
from archiver.log.tiles import checkpoint_path
from archiver.render.progress import SilentProgress
from archiver.work.rebuild import Rebuild, Rebuilt
from tests.support.histories import fill
from tests.support.ledgers import ACTOR, LedgerPlace, acquired, closed_file, item, make_ledger
from tests.support.made_log import MadeLog, make_log
from tests.support.published import publish, rows_of, tables_that_differ, without_last_event

NOW = datetime(2026, 2, 3, tzinfo=UTC)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return tmp_path / "archive"


def rebuild(
    place: LedgerPlace, archive: Path, log: MadeLog, *, dry: bool = False, stop: Callable[[], bool] = lambda: False
) -> Rebuilt:
    return Rebuild(
        published=LogFolder(archive),
        store=FolderStore(archive),
        trusted=[str(log.key)],
        check_absent=partial(check_absent, place.url),
        draft=partial(restoring, place.url, ACTOR, NOW),
        clock=lambda: NOW,
        should_stop=stop,
        progress=SilentProgress(),
    ).run(dry=dry)


def lose(place: LedgerPlace) -> None:
    """The ledger is gone, as after a crash of its disk or server."""
    if place.is_sqlite:
        for path in place.file.parent.glob(f"{place.file.name}*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        return
    with place.raw() as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")


@pytest.fixture
def filled(ledger_place: LedgerPlace, archive: Path) -> tuple[LedgerPlace, MadeLog]:
    """A ledger with a random history of some bundles, published."""
    with closing(open_ledger(ledger_place.url, ACTOR)) as ledger:
        fill(ledger, 7, 600)
        log = publish(ledger, archive, 1, 255, 256, 300, 512)
    return ledger_place, log


@pytest.fixture(scope="module")
def small_made(tmp_path_factory: pytest.TempPathFactory) -> tuple[LedgerPlace, Path, MadeLog]:
    """A SQLite ledger of a few events, published: the archive, and the log."""
    folder = tmp_path_factory.mktemp("small")
    place = LedgerPlace(f"sqlite:///{folder}/ledger.db")
    make_ledger(place)
    with closing(open_ledger(place.url, ACTOR)) as ledger:
        fill(ledger, 3, 300)
        log = publish(ledger, folder / "archive", 100)
    return place, folder / "archive", log


@pytest.fixture
def small(
    small_made: tuple[LedgerPlace, Path, MadeLog], sqlite_place: LedgerPlace, archive: Path
) -> tuple[LedgerPlace, MadeLog]:
    """The same, to be changed."""
    made, published, log = small_made
    sqlite_place.file.parent.mkdir()
    sqlite_place.file.write_bytes(closed_file(made))
    shutil.copytree(published, archive)
    return sqlite_place, log


def test_the_rebuilt_ledger_is_the_lost_one_row_for_row(filled, archive):
    place, log = filled
    before = rows_of(place)
    lose(place)
    rebuilt = rebuild(place, archive, log)
    after = rows_of(place)
    assert len(after["custody_events"]) == len(before["custody_events"]) + 1
    assert tables_that_differ(before, without_last_event(after)) == []
    assert before == without_last_event(after)
    assert rebuilt.events == 601
    assert rebuilt.checkpoints == len(before["checkpoints"]) == 6
    assert rebuilt.warnings == ()
    with closing(open_ledger(place.url, ACTOR)) as ledger:
        (last,) = ledger.log.of_kind(LedgerRebuilt.kind, 601)
        assert f'"root":"{log.root(601).hex()}","size":601' in last[1]
        assert ledger.log.size() == 602


@pytest.mark.parametrize("seed", range(4))
def test_any_history_comes_back(sqlite_place, archive, seed):
    make_ledger(sqlite_place)
    with closing(open_ledger(sqlite_place.url, ACTOR)) as ledger:
        fill(ledger, 100 + seed, 400, batch=7)
        log = publish(ledger, archive)
    before = rows_of(sqlite_place)
    lose(sqlite_place)
    rebuild(sqlite_place, archive, log)
    assert before == without_last_event(rows_of(sqlite_place))


def test_a_long_event_comes_back_from_its_body(ledger_place, archive):
    with closing(open_ledger(ledger_place.url, ACTOR)) as ledger:
        ledger.journal.record([acquired(item(1, file_count=400)), acquired(item(2))])
        log = publish(ledger, archive)
    assert len(list((archive / "log" / "bodies").iterdir())) == 1
    before = rows_of(ledger_place)
    lose(ledger_place)
    rebuild(ledger_place, archive, log)
    assert before == without_last_event(rows_of(ledger_place))


def test_a_ledger_that_goes_on_after_a_rebuild_is_rebuilt_again(small, archive):
    place, log = small
    lose(place)
    rebuild(place, archive, log)
    with closing(open_ledger(place.url, ACTOR)) as ledger:
        fill(ledger, 4, 50)
        shutil.rmtree(archive / "log")
        log = publish(ledger, archive, 100, 301)
    before = rows_of(place)
    lose(place)
    assert rebuild(place, archive, log).events == 352
    assert before == without_last_event(rows_of(place))


# ------------------------------------------------------------------------------------- refusals


def test_a_ledger_that_is_there_is_never_replaced(filled, archive):
    place, log = filled
    before = rows_of(place)
    for dry in (True, False):
        with pytest.raises(UsageError, match="nothing was done"):
            rebuild(place, archive, log, dry=dry)
    assert rows_of(place) == before


@pytest.mark.parametrize("what", ["damaged", "link", "folder", "-wal", "-journal"])
def test_whatever_lies_at_the_ledgers_place_stays(small, archive, what, tmp_path):
    place, log = small
    lose(place)
    if what == "damaged":
        place.file.write_bytes(b"no database")
    elif what == "link":
        place.file.symlink_to(tmp_path / "elsewhere.db")
    elif what == "folder":
        place.file.mkdir()
    else:
        place.file.with_name(place.file.name + what).write_bytes(b"of the one before")
    listed = sorted(os.listdir(place.file.parent))
    with pytest.raises(UsageError, match="nothing was done") as told:
        rebuild(place, archive, log)
    assert "move it away" in told.value.remedy
    assert sorted(os.listdir(place.file.parent)) == listed


def test_an_empty_file_is_no_ledger(small, archive):
    place, log = small
    lose(place)
    place.file.touch()
    assert rebuild(place, archive, log).events == 301


def test_nobody_may_work_with_the_ledger_meanwhile(small, archive):
    place, log = small
    with closing(open_ledger(place.url, ACTOR)) as ledger, ledger.locks.hold("daemon"):
        place.file.unlink()
        for end in ("-wal", "-shm"):
            place.file.with_name(place.file.name + end).unlink(missing_ok=True)
        with pytest.raises(BusyError, match="daemon"):
            rebuild(place, archive, log)
    assert not place.file.exists()


def test_without_a_published_log_there_is_nothing_to_rebuild_from(sqlite_place, archive, small):
    place, log = small
    lose(place)
    shutil.rmtree(archive / "log")
    with pytest.raises(UsageError, match="no log is published"):
        rebuild(place, archive, log)
    assert not place.file.exists()


def flip(path: Path, at: int = 40) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


ALTERED = {
    "a tile": (lambda log: flip(log / "tile/0/001.p/45"), "tile/0/001: hash 1 .* from event 257 on"),
    "the full tile": (lambda log: flip(log / "tile/0/000", 32 * 200), "tile/0/000: hash 200 .* from event 200 on"),
    "a tile above": (lambda log: flip(log / "tile/1/000.p/1", 3), "tile/1/000: hash 0"),
    "an entry": (lambda log: flip(log / "tile/entries/000"), "tile/0/000: hash 0 .* from event 0 on"),
    "a bundle cut": (lambda log: os.truncate(log / "tile/entries/000", 5000), "tile/entries/000: "),
    "a tile cut": (lambda log: os.truncate(log / "tile/0/000", 64), "tile/0/000: it has 64 bytes"),
    "a tile away": (lambda log: (log / "tile/0/001.p/45").unlink(), "tile/0/001.p/45: it is not there"),
    "a bundle away": (lambda log: (log / "tile/entries/000").unlink(), "tile/entries/000: it is not there"),
}


@pytest.mark.parametrize("what", ALTERED)
def test_an_altered_log_is_refused_with_the_place(small, archive, what):
    place, log = small
    lose(place)
    alter, told = ALTERED[what]
    alter(archive / "log")
    for dry in (True, False):
        with pytest.raises(LedgerAlteredError, match=told):
            rebuild(place, archive, log, dry=dry)
    assert [path.name for path in place.file.parent.glob("ledger.db*") if path.is_file()] == []


def test_entries_and_tiles_changed_together_do_not_lead_to_the_head(small, archive):
    place, log = small
    lose(place)
    leaves = list(log.leaves)
    leaves[17] = leaves[17].replace(b"keeper", b"forger")
    (archive / "log/checkpoint").rename(archive / "kept")
    shutil.rmtree(archive / "log")
    make_log(leaves).publish(archive / "log", 301)
    shutil.rmtree(archive / "log/checkpoints")
    (archive / "kept").replace(archive / "log/checkpoint")
    with pytest.raises(LedgerAlteredError, match="not with the head of 301"):
        rebuild(place, archive, log)


@pytest.mark.parametrize("gone", [True, False])
def test_an_altered_or_missing_body_is_refused_with_the_place(sqlite_place, archive, gone):
    make_ledger(sqlite_place)
    with closing(open_ledger(sqlite_place.url, ACTOR)) as ledger:
        ledger.journal.record([acquired(item(1, file_count=400))])
        log = publish(ledger, archive)
    lose(sqlite_place)
    (body,) = (archive / "log/bodies").iterdir()
    body.unlink() if gone else flip(body, 5000)
    with pytest.raises(LedgerAlteredError, match=rf"bodies/{body.name}: "):
        rebuild(sqlite_place, archive, log)
    assert not sqlite_place.file.exists()


def test_a_log_that_nobody_who_is_trusted_signed_is_refused(small, archive):
    place, log = small
    lose(place)
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    with pytest.raises(LedgerAlteredError, match="no published checkpoint is signed") as told:
        rebuild(place, archive, replace(log, private=other))
    assert "trusted_keys" in told.value.remedy


# ------------------------------------------------------------------------------------- what is told


def test_the_largest_good_head_is_taken_where_the_newest_is_not(small, archive):
    place, log = small
    before = rows_of(place)
    lose(place)
    for path in ("checkpoint", checkpoint_path(301)):
        flip(archive / "log" / path, 30)
    rebuilt = rebuild(place, archive, log)
    assert rebuilt.events == 100
    assert len(rebuilt.warnings) == 2
    assert checkpoint_path(301) in rebuilt.warnings[1]
    after = rows_of(place)
    assert [row for row in before["custody_events"] if row[0] < 100] == without_last_event(after)["custody_events"]
    assert {path.partition("/")[0] for path in rebuilt.set_aside} == {"tile", "checkpoints", "checkpoint"}
    kept = archive / "set-aside/log/2026-02-03T00:00:00Z"
    assert all((kept / path).is_file() for path in rebuilt.set_aside)
    assert (archive / "log/checkpoint").read_text() == log.checkpoint(100)
    assert len((archive / "log/tile/0/000.p/100").read_bytes()) == 3200
    assert not (archive / "log/tile/0/000").exists()


def test_a_head_that_came_no_further_than_its_own_file_is_taken(small, archive):
    place, log = small
    lose(place)
    (archive / "log/checkpoint").write_text(log.checkpoint(100))
    (archive / "log/.unfinished").write_text("100\n")
    rebuilt = rebuild(place, archive, log)
    assert (rebuilt.events, rebuilt.warnings) == (301, ())
    assert set(rebuilt.set_aside) == {".unfinished", "checkpoint"}
    assert (archive / "log/checkpoint").read_text() == log.checkpoint(301)
    assert not (archive / "log/.unfinished").exists()


def test_a_head_that_is_only_the_newest_is_put_among_the_others(small, archive):
    place, log = small
    lose(place)
    (archive / "log" / checkpoint_path(301)).unlink()
    assert rebuild(place, archive, log).events == 301
    assert (archive / "log" / checkpoint_path(301)).read_text() == log.checkpoint(301)


def test_older_heads_that_are_altered_are_told_and_left(small, archive):
    place, log = small
    lose(place)
    flip(archive / "log" / checkpoint_path(100), 30)
    rebuilt = rebuild(place, archive, log)
    assert 100 in rebuilt.lost_heads
    assert not rebuilt.is_whole
    assert [row[0] for row in rows_of(place)["checkpoints"]] == [301]


def test_evidence_and_folders_that_do_not_fit_are_told(sqlite_place, archive):
    make_ledger(sqlite_place)
    there, gone = item(1), item(2)
    with closing(open_ledger(sqlite_place.url, ACTOR)) as ledger:
        ledger.journal.record([acquired(there), acquired(gone)])
        log = publish(ledger, archive)
    for folder in (there.path, "prod/AWSLogs/not/known", "unlisted/prod/AWSLogs/neither@r1"):
        (archive / folder).mkdir(parents=True)
        (archive / folder / "result_sign.json").write_bytes(b"{}")
    lose(sqlite_place)
    for dry in (True, False):
        rebuilt = rebuild(sqlite_place, archive, log, dry=dry)
        assert rebuilt.missing == ((gone.id, gone.path),)
        assert sorted(rebuilt.unknown) == ["prod/AWSLogs/not/known", "unlisted/prod/AWSLogs/neither@r1"]
        assert not rebuilt.is_whole


def test_a_dry_run_leaves_no_trace(filled, archive):
    place, log = filled
    lose(place)
    rebuilt = rebuild(place, archive, log, dry=True)
    assert rebuilt.events == 601
    assert rebuilt.checkpoints == 6
    check_absent(place.url)
    if place.is_sqlite:
        assert list(place.file.parent.glob("*.rebuilding")) == []


# ------------------------------------------------------------------------------------- broken off


@pytest.mark.thorough
@pytest.mark.parametrize("steps", [0, 1, 3, 5, 7])
def test_a_rebuild_that_was_stopped_leaves_no_ledger_and_is_done_again(filled, archive, steps):
    place, log = filled
    before = rows_of(place)
    lose(place)
    asked = iter(range(10**6))
    with pytest.raises(StoppedError, match="there is no new ledger"):
        rebuild(place, archive, log, stop=lambda: next(asked) >= steps)
    check_absent(place.url)
    rebuild(place, archive, log)
    assert before == without_last_event(rows_of(place))


def test_what_a_killed_run_left_is_never_taken_for_a_ledger(small, archive):
    place, log = small
    before = rows_of(place)
    lose(place)
    draft = place.file.with_name("ledger.db.rebuilding")
    with sqlite3.connect(draft) as connection:
        connection.execute("CREATE TABLE custody_events (seq)")
    draft.with_name(draft.name + "-wal").write_bytes(b"of a process that was killed")
    rebuild(place, archive, log)
    assert before == without_last_event(rows_of(place))
    assert not draft.exists()


def test_the_new_file_is_as_private_as_any_ledger(small, archive):
    place, log = small
    lose(place)
    rebuild(place, archive, log)
    assert place.file.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in place.file.parent.iterdir()) == ["ledger.db", "ledger.db.locks"]
