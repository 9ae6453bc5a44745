"""Heads of the log over a real ledger and a real folder: made, published, finished; refused where history forks."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from archiver.adapters.ledger.database import SqlLedger
from archiver.domain.custody_log import CheckpointAnchored
from archiver.errors import LogForkedError, SigningError, StoppedError
from archiver.log.checkpoint import read_checkpoint
from archiver.log.note import parse_key, parse_note, signed_by
from archiver.work.checkpoint import Checkpoints
from archiver.work.checkpoint_republish import Republished
from tests.support.checkpoints import (
    ORIGIN,
    Stand,
    check_published,
    make_stand,
    note_events,
    note_one,
    stand_with_a_head,
)
from tests.support.ledgers import START, LedgerPlace


@pytest.fixture
def stand(ledger_place: LedgerPlace, tmp_path: Path) -> Stand:
    """Over SQLite and over PostgreSQL."""
    return make_stand(ledger_place.url, tmp_path / "place")


@pytest.fixture
def ledger(stand: Stand) -> Iterator[SqlLedger]:
    opened = stand.open()
    yield opened
    opened.close()


@pytest.fixture
def small(tmp_path: Path) -> Stand:
    """Over SQLite alone, with a head already."""
    return stand_with_a_head(tmp_path)


@pytest.fixture
def small_ledger(small: Stand) -> Iterator[SqlLedger]:
    opened = small.open()
    yield opened
    opened.close()


def forge(stand: Stand, *statements: str) -> None:
    LedgerPlace(stand.url).forge(*statements)


def alerts(ledger: SqlLedger) -> list[str]:
    return [alert.alert.title for alert in ledger.outbox.due(START.replace(year=2100))]


def test_the_first_head_adopts_the_key_and_publishes_everything(stand: Stand, ledger: SqlLedger) -> None:
    note_events(ledger, 5)
    made = stand.checkpoints(ledger).make()
    assert made is not None
    assert made.size == ledger.log.size() == 8  # the ledger's making, five, the key, the announcement
    heads = check_published(stand.archive, [stand.vkey()], ledger)
    assert [head.size for head in heads] == [8]
    (key,) = ledger.log.keys()
    assert (key.key, key.before, key.vouched) == (stand.vkey(), None, False)
    assert (stand.archive / "log/checkpoint").read_text() == made.note
    assert made.note.startswith(f"{ORIGIN}\n8\n")


def test_a_head_is_made_where_something_has_happened_and_only_there(stand: Stand, ledger: SqlLedger) -> None:
    checkpoints = stand.checkpoints(ledger)
    assert checkpoints.make() is not None
    files = stand.files
    assert checkpoints.make() is None
    anchored = CheckpointAnchored(
        at=START, size=3, method="timestamp", name="tsa", path="anchors/003/timestamp-tsa.tsr", sha256="0" * 64,
        proved_at=START, valid_until=None,
    )  # fmt: skip
    ledger.journal.record([anchored])
    assert checkpoints.make() is None, "what only serves the log calls for no head"
    assert stand.files == files
    note_one(ledger)
    made = checkpoints.make()
    assert made is not None
    assert made.size == 6
    forced = checkpoints.make(force=True)
    assert forced is not None
    assert forced.size == 7
    assert [head.size for head in check_published(stand.archive, [stand.vkey()], ledger)] == [3, 6, 7]


def test_heads_grow_over_many_tiles_and_partial_ones_go(stand: Stand, ledger: SqlLedger) -> None:
    sizes = []
    for count in (1, 100, 150, 3, 600, 255):
        note_events(ledger, count)
        made = stand.checkpoints(ledger).make()
        assert made is not None
        sizes.append(made.size)
    assert [head.size for head in check_published(stand.archive, [stand.vkey()], ledger)] == sizes
    assert sum("tile/0/000.p/" in path for path in stand.files) == 0


def test_long_bodies_are_published_beside_the_tiles(small: Stand, small_ledger: SqlLedger) -> None:
    note_events(small_ledger, 3, 70_000)
    assert small.checkpoints(small_ledger).make()
    check_published(small.archive, [small.vkey()], small_ledger)
    assert sum(path.startswith("bodies/") for path in small.files) == 3


def test_a_stop_between_tiles_ends_it_and_the_next_run_goes_on(small: Stand, small_ledger: SqlLedger) -> None:
    note_events(small_ledger, 600)
    asked = []

    def should_stop() -> bool:
        asked.append(1)
        return len(asked) > 4

    stopping = Checkpoints(small_ledger, small.log, small.signer(), ORIGIN, small.clock, should_stop)
    with pytest.raises(StoppedError):
        stopping.make()
    assert ".unfinished" in small.files
    made = small.checkpoints(small_ledger).make()
    assert made is not None
    assert [head.size for head in check_published(small.archive, [small.vkey()], small_ledger)] == [3, made.size]


# ------------------------------------------------------------------------------------------- keys


def test_a_key_that_is_not_the_logs_signs_nothing(small: Stand, small_ledger: SqlLedger) -> None:
    note_one(small_ledger)
    other = small.new_key()
    before = (small.files, small_ledger.log.size())
    with pytest.raises(SigningError) as caught:
        small.checkpoints(small_ledger, key=other).make()
    assert small.vkey() in str(caught.value)
    assert small.vkey(other) in str(caught.value)
    assert "rotate-key" in caught.value.remedy
    assert (small.files, small_ledger.log.size()) == before


def test_a_key_that_cannot_be_read_signs_nothing(small: Stand, small_ledger: SqlLedger) -> None:
    note_one(small_ledger)
    before = (small.files, small_ledger.log.size())
    with pytest.raises(SigningError, match="cannot be read"):
        small.checkpoints(small_ledger, key=small.archive / "none").make()
    assert (small.files, small_ledger.log.size()) == before


def test_the_origin_is_the_first_keys_for_good(small: Stand, small_ledger: SqlLedger) -> None:
    note_one(small_ledger)
    with pytest.raises(SigningError, match=r"'other\.example/log'") as caught:
        small.checkpoints(small_ledger, origin="other.example/log").make()
    assert ORIGIN in caught.value.remedy


def test_a_new_key_is_vouched_for_by_the_one_before(stand: Stand, ledger: SqlLedger) -> None:
    stand.checkpoints(ledger).make()
    new = stand.new_key()
    made = stand.checkpoints(ledger).rotate(stand.signer(new), lost=False)
    assert made is not None
    note = parse_note(made.note.encode())
    assert [signed_by(note, parse_key(stand.vkey(key))) for key in (stand.key, new)] == [True, True]
    assert len(note.signatures) == 2
    adopted = ledger.log.keys()[-1]
    assert (adopted.key, adopted.before, adopted.vouched) == (stand.vkey(new), stand.vkey(), True)
    check_published(stand.archive, [stand.vkey(), stand.vkey(new)], ledger)
    note_one(ledger)
    with pytest.raises(SigningError, match="the log's key is"):
        stand.checkpoints(ledger).make()
    later = stand.checkpoints(ledger, key=new).make()
    assert later is not None
    assert len(parse_note(later.note.encode()).signatures) == 1
    check_published(stand.archive, [stand.vkey(), stand.vkey(new)], ledger)


def test_a_key_for_one_that_was_lost_signs_alone(small: Stand, small_ledger: SqlLedger) -> None:
    old = small.vkey()
    note_one(small_ledger)
    small.key.unlink()
    new = small.new_key()
    with pytest.raises(SigningError, match="cannot be read"):
        small.checkpoints(small_ledger).rotate(small.signer(new), lost=False)
    made = small.checkpoints(small_ledger).rotate(small.signer(new), lost=True)
    assert made is not None
    note = parse_note(made.note.encode())
    assert signed_by(note, parse_key(small.vkey(new))) is True
    assert len(note.signatures) == 1
    assert not small_ledger.log.keys()[-1].vouched
    check_published(small.archive, [old, small.vkey(new)], small_ledger)


def test_a_change_of_keys_can_be_repeated_and_never_goes_back(small: Stand, small_ledger: SqlLedger) -> None:
    new = small.new_key()
    assert small.checkpoints(small_ledger).rotate(small.signer(new), lost=False)
    size = small_ledger.log.size()
    assert small.checkpoints(small_ledger).rotate(small.signer(new), lost=False) is None
    assert small.checkpoints(small_ledger, key=new).rotate(small.signer(new), lost=False) is None
    with pytest.raises(SigningError, match="before"):
        small.checkpoints(small_ledger, key=new).rotate(small.signer(), lost=False)
    assert small_ledger.log.size() == size


def test_a_log_without_a_key_has_none_to_change(
    sqlite_ledger: SqlLedger, sqlite_place: LedgerPlace, tmp_path: Path
) -> None:
    stand = make_stand(sqlite_place.url, tmp_path / "place")
    with pytest.raises(SigningError, match="no key yet"):
        stand.checkpoints(sqlite_ledger).rotate(stand.signer(stand.new_key()), lost=False)


class Dying:
    """A signer that breaks down when it is to sign."""

    def __init__(self, stand: Stand, key: Path) -> None:
        self.key = stand.vkey(key)

    def sign(self, _message: bytes) -> bytes:
        raise SigningError("the service is away")


def test_an_interrupted_change_of_keys_is_finished_with_both_keys(small: Stand, small_ledger: SqlLedger) -> None:
    new = small.new_key()
    with pytest.raises(SigningError, match="away"):
        small.checkpoints(small_ledger).rotate(Dying(small, new), lost=False)
    for alone in (small.key, new):
        with pytest.raises(SigningError, match=r"takes a signature|begun"):
            small.checkpoints(small_ledger, key=alone).make()
    made = small.checkpoints(small_ledger).rotate(small.signer(new), lost=False)
    assert made is not None
    assert len(parse_note(made.note.encode()).signatures) == 2
    check_published(small.archive, [small.vkey(), small.vkey(new)], small_ledger)
    assert small.checkpoints(small_ledger, key=new).make() is None


def test_a_key_that_is_lost_in_the_midst_of_a_head_is_replaced(small: Stand, small_ledger: SqlLedger) -> None:
    note_one(small_ledger)
    old = small.vkey()
    dying = Checkpoints(small_ledger, small.log, Dying(small, small.key), ORIGIN, small.clock)
    with pytest.raises(SigningError, match="away"):
        dying.make()
    new = small.new_key()
    small.key.unlink()
    made = small.checkpoints(small_ledger).rotate(small.signer(new), lost=True)
    assert made is not None
    assert small.checkpoints(small_ledger, key=new).make() is None
    note_one(small_ledger)
    assert small.checkpoints(small_ledger, key=new).make() is not None
    sizes = [head.size for head in check_published(small.archive, [old, small.vkey(new)])]
    assert sizes[:2] == [3, made.size]


# ------------------------------------------------------------------------------------------ forks


def test_an_older_backup_of_the_ledger_is_refused_and_told_of_once(small: Stand, tmp_path: Path) -> None:
    file = LedgerPlace(small.url).file
    ledger = small.open()
    note_one(ledger)
    _copy(file, tmp_path / "backup.db")
    small.checkpoints(ledger).make()
    ledger.close()
    for left in file.parent.glob("ledger.db*"):
        if left.is_file():
            left.unlink()
    shutil.copy(tmp_path / "backup.db", file)
    ledger = small.open()
    note_events(ledger, 20)
    files = small.files
    for _ in range(3):
        with pytest.raises(LogForkedError, match="put back to an earlier state") as caught:
            small.checkpoints(ledger).make()
        assert "ledger verify" in caught.value.remedy
        assert caught.value.exit_status == 1
    assert small.files == files
    assert alerts(ledger) == ["the ledger and its published log contradict each other"]
    ledger.close()


def _copy(file: Path, to: Path) -> None:
    source, target = sqlite3.connect(file), sqlite3.connect(to)
    with target:
        source.backup(target)
    source.close()
    target.close()


def test_events_that_were_cut_off_are_missed(small: Stand, small_ledger: SqlLedger) -> None:
    forge(small, *(f"DELETE FROM {table} WHERE seq >= 1" for table in ("custody_events", "merkle_nodes", "log_keys")))
    with pytest.raises(LogForkedError):
        small.checkpoints(small_ledger).make()


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE custody_events SET body = replace(body, 's7', 's8') WHERE seq = 10", "event 10: its body"),
        ("DELETE FROM custody_events WHERE seq = 10", "event 10: its row in table custody_events"),
        ("DELETE FROM merkle_nodes WHERE seq = 10", "event 10: its row in table merkle_nodes"),
        ("UPDATE merkle_nodes SET hashes = zeroblob(32) WHERE seq = 10", "event 10"),
        ("UPDATE merkle_nodes SET hashes = zeroblob(7) WHERE seq = 10", "event 10"),
        ("UPDATE custody_events SET body = replace(body, 'a', 'b') WHERE seq = 1", "event 1: its body"),
        ("UPDATE merkle_nodes SET hashes = zeroblob(64) WHERE seq = 1", "first 3 events is not the one"),
        ("DELETE FROM merkle_nodes WHERE seq = 2", "event 2: its row in table merkle_nodes"),
        ("DELETE FROM checkpoints", "the newest published head has 3 leaves, and the ledger's none"),
        ("UPDATE checkpoints SET size = 2", "of 3 leaves"),
        ("UPDATE checkpoints SET note = replace(note, char(10) || '3' || char(10), char(10) || '2' || char(10))",
         "leaves"),
        ("UPDATE checkpoints SET note = 'no note'", "no checkpoint"),
        ("DELETE FROM log_keys", "no key for the head"),
        ("UPDATE log_keys SET key = 'x'", "not signed by"),
    ],
)  # fmt: skip
def test_a_ledger_that_was_altered_is_not_signed_and_the_place_is_named(
    small: Stand, small_ledger: SqlLedger, statement: str, told: str
) -> None:
    note_events(small_ledger, 10)
    files = small.files
    forge(small, statement)
    with pytest.raises(LogForkedError, match=told):
        small.checkpoints(small_ledger).make()
    assert small.files == files
    assert alerts(small_ledger) == ["the ledger and its published log contradict each other"]


def test_an_altered_node_of_an_older_tile_is_not_published_again(small: Stand, small_ledger: SqlLedger) -> None:
    """The hash of 256 leaves, which is in a tile of level 1 that grows."""
    note_events(small_ledger, 800)
    small.checkpoints(small_ledger).make()
    note_one(small_ledger)
    with LedgerPlace(small.url).raw() as connection:
        (row,) = connection.execute("SELECT hashes FROM merkle_nodes WHERE seq = 255").fetchone()
    forge(small, f"UPDATE merkle_nodes SET hashes = x'{row[:-32].hex()}{'00' * 32}' WHERE seq = 255")
    with pytest.raises(LogForkedError, match="contradicts itself"):
        small.checkpoints(small_ledger).make()
    forge(small, "DELETE FROM merkle_nodes WHERE seq = 255")
    with pytest.raises(LogForkedError, match="event 255"):
        small.checkpoints(small_ledger).make()


def replaced(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


def test_a_published_head_that_was_altered_or_taken_away_is_noticed(small: Stand, small_ledger: SqlLedger) -> None:
    note_one(small_ledger)
    first = (small.archive / "log/checkpoint").read_bytes()
    small.checkpoints(small_ledger).make()
    note_one(small_ledger)
    path = small.archive / "log/checkpoint"
    second = path.read_bytes()
    for data, told in (
        (first, "has 3 leaves, and the ledger's 5"),
        (b"nonsense", "no checkpoint"),
        (second.replace(b"\n5\n", b"\n6\n"), "has 6 leaves, and the ledger's 5"),
        (second.replace(second.split(b"\n")[2], first.split(b"\n")[2]), "another one than the ledger's"),
    ):
        replaced(path, data)
        with pytest.raises(LogForkedError, match=told):
            small.checkpoints(small_ledger).make()
    path.unlink()
    with pytest.raises(LogForkedError, match="no head is published, and the ledger's newest has 5 leaves") as caught:
        small.checkpoints(small_ledger).make()
    assert "--republish" in caught.value.remedy
    path.write_bytes(second)
    assert small.checkpoints(small_ledger).make() is not None


def test_a_head_that_vanished_everywhere_was_announced(small: Stand, small_ledger: SqlLedger) -> None:
    first = (small.archive / "log/checkpoint").read_bytes()
    note_one(small_ledger)
    made = small.checkpoints(small_ledger).make()
    assert made is not None
    forge(small, "DELETE FROM checkpoints WHERE size = 5")
    replaced(small.archive / "log/checkpoint", first)
    (small.archive / "log/checkpoints/005").unlink()
    with pytest.raises(LogForkedError, match="event 4 announced a head of 5 leaves"):
        small.checkpoints(small_ledger).make()
    assert small.checkpoints(small_ledger).republish().made is not None
    assert (small.archive / "log/checkpoints/005").read_text() == made.note
    assert next(small_ledger.log.checkpoints(after=4)) == made


@pytest.mark.parametrize("path", ["tile/0/000.p/5", "tile/entries/000.p/5", "checkpoints/005"])
def test_a_file_that_was_put_in_the_way_is_refused_and_named(
    small: Stand, small_ledger: SqlLedger, path: str
) -> None:
    note_one(small_ledger)
    small.log.put(path, b"forged")
    with pytest.raises(LogForkedError, match=path):
        small.checkpoints(small_ledger).make()
    assert alerts(small_ledger)
    (small.archive / "log" / path).unlink()
    made = small.checkpoints(small_ledger).make()
    assert made is not None


@pytest.mark.parametrize("data", [b"", b"x\n", b"-1\n", b"03\n", b"7\n", b"3"])
def test_a_mark_that_was_never_made_so_is_refused(small: Stand, small_ledger: SqlLedger, data: bytes) -> None:
    note_one(small_ledger)
    small.log.replace(".unfinished", data)
    with pytest.raises(LogForkedError):
        small.checkpoints(small_ledger).make()


def test_a_mark_of_a_run_that_did_nothing_is_cleared_away(small: Stand, small_ledger: SqlLedger) -> None:
    small.log.replace(".unfinished", b"3\n")
    assert small.checkpoints(small_ledger).make() is None
    assert ".unfinished" not in small.files


# -------------------------------------------------------------------------------------- republish


def test_a_folder_that_was_lost_is_published_anew(stand: Stand, ledger: SqlLedger) -> None:
    sizes = []
    for count in (1, 300, 300):
        note_events(ledger, count)
        made = stand.checkpoints(ledger).make()
        assert made is not None
        sizes.append(made.size)
    whole = {path: stand.log.read(path) for path in stand.files}
    shutil.rmtree(stand.archive / "log")
    with pytest.raises(LogForkedError, match="no head is published"):
        stand.checkpoints(ledger).make()
    assert ledger.log.size() > sizes[-1], "the alert is on record"
    done = stand.checkpoints(ledger).republish()
    made = done.made
    assert made is not None, "for the alert"
    assert (done.restored, done.differing) == (len(set(stand.files) & set(whole)), ())
    assert [head.size for head in check_published(stand.archive, [stand.vkey()], ledger)] == [*sizes, made.size]
    for path in set(stand.files) & set(whole) - {"checkpoint"}:
        assert stand.log.read(path) == whole[path]


def test_an_older_copy_of_the_folder_is_brought_up_to_date(
    small: Stand, small_ledger: SqlLedger, tmp_path: Path
) -> None:
    shutil.copytree(small.archive / "log", tmp_path / "copy")
    note_events(small_ledger, 400)
    small.checkpoints(small_ledger).make()
    shutil.rmtree(small.archive / "log")
    shutil.copytree(tmp_path / "copy", small.archive / "log")
    small.checkpoints(small_ledger).republish()
    check_published(small.archive, [small.vkey()], small_ledger)
    assert small.checkpoints(small_ledger).make() is None


def test_what_differs_is_not_published_over(small: Stand, small_ledger: SqlLedger) -> None:
    tile = next(path for path in small.files if path.startswith("tile/0/"))
    replaced(small.archive / "log" / tile, b"forged")
    done = small.checkpoints(small_ledger).republish()
    assert ([one.path for one in done.differing], done.restored, done.made) == ([tile], 0, None)
    assert small.log.read(tile) == b"forged"
    assert alerts(small_ledger)
    forge(small, "DELETE FROM checkpoints")
    with pytest.raises(LogForkedError, match="the ledger's none"):
        small.checkpoints(small_ledger).republish()


def test_a_whole_log_is_republished_without_a_change(small: Stand, small_ledger: SqlLedger) -> None:
    before = {path: small.log.read(path) for path in small.files}
    assert small.checkpoints(small_ledger).republish() == Republished(0, ())
    assert {path: small.log.read(path) for path in small.files} == before


def test_cosignatures_on_the_published_head_are_left_alone(small: Stand, small_ledger: SqlLedger) -> None:
    path = small.archive / "log/checkpoint"
    cosigned = path.read_bytes() + "— witness.example/w AAAAAAAA\n".encode()
    replaced(path, cosigned)
    assert small.checkpoints(small_ledger).make() is None
    assert small.checkpoints(small_ledger).republish() == Republished(0, ())
    assert path.read_bytes() == cosigned
    note_one(small_ledger)
    assert small.checkpoints(small_ledger).make() is not None
    assert read_checkpoint(path.read_bytes())[0].size == 5
