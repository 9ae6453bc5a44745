"""What ``ledger verify`` makes of crashes, many blocks, anchors and others' heads: the use case, really run."""

from __future__ import annotations

import hashlib
import itertools
import random
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from archiver.adapters.files.log_folder import LogFolder
from archiver.domain.custody_log import CheckpointAnchored
from archiver.domain.log_records import Anchor, UnreadHead
from archiver.errors import AnchorError, MediumError, StoreError
from archiver.log.checkpoint import Checkpoint, checkpoint_text
from archiver.log.note import format_note, parse_key, signature_line
from archiver.log.tiles import bundle, checkpoint_path, entries_of
from archiver.log.tree import Frontier, leaf_hash
from archiver.log_ports import Known
from archiver.render.progress import SilentProgress
from archiver.work import log_verify
from archiver.work.checkpoint import Checkpoints
from archiver.work.log_verify import LogVerifier
from tests.support.checkpoints import note_events
from tests.support.ledgers import LedgerPlace
from tests.support.log_stand import ORIGIN, LogStand, MemorySigner, shown
from tests.support.tampering import Forger, overwrite

NOW = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[LogStand]:
    made = LogStand(tmp_path, LedgerPlace(f"sqlite:///{tmp_path}/ledger.db")).make()
    yield made
    made.close()


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> LogStand:
    """Seven blocks, heads in most, bodies that are too long for entries, and events that no head covers."""
    folder = tmp_path_factory.mktemp("many")
    made = LogStand(folder / "it", LedgerPlace(f"sqlite:///{folder}/it/ledger.db"))
    made.folder.mkdir()
    made.make()
    for seed, events in enumerate((3, 250, 4, 700, 260, 400)):
        made.record(events, seed)
        note_events(made.ledger, 1, size=70_000)
        made.sign()
    made.record(20, 9)
    made.close()
    return made


@pytest.fixture
def copied(many: LogStand, tmp_path: Path) -> Iterator[LogStand]:
    """*many*, to be changed."""
    shutil.copytree(many.folder, tmp_path / "copy")
    made = LogStand(tmp_path / "copy", LedgerPlace(f"sqlite:///{tmp_path}/copy/ledger.db"))
    yield made
    made.close()


def forge(stand: LogStand, statement: str, *values: Any) -> None:
    Forger(stand.place, random.Random(0)).run((statement, values))


def found(stand: LogStand, **given: Any) -> list[tuple[str, int | None, str | None]]:
    return [(one.kind, one.seq, one.table) for one in stand.verify(**given).problems]


# --------------------------------------------------------------------------------- empty and large


def test_a_new_ledger_is_clean_before_its_first_head(stand: LogStand) -> None:
    report = stand.verify()
    assert (report.problems, report.size, report.keys, report.checkpoints) == ((), 1, 0, 0)
    assert not report.unreached


def test_many_blocks_are_clean(many: LogStand) -> None:
    copy = LogStand(many.folder, many.place)
    report = copy.verify()
    copy.close()
    assert list(shown(report.problems)) == []
    assert report.size == report.events_checked > 1600
    assert report.checkpoints == 6


@pytest.mark.thorough
@pytest.mark.parametrize("seq", [0, 255, 256, 511, 700, 1023])
@pytest.mark.parametrize("column", ["body", "hashes", "inner"])
def test_one_altered_row_is_one_problem(copied: LogStand, seq: int, column: str) -> None:
    if column == "body":
        forge(copied, "UPDATE custody_events SET body = replace(body, 'keeper', 'reaper') WHERE seq = ?", seq)
        expected = ("event_altered", seq, None)
    else:
        ((row,),) = copied.place.query(f"SELECT hashes FROM merkle_nodes WHERE seq = {seq}")
        at = 0 if column == "hashes" else len(row) - 1
        changed = row[:at] + bytes([row[at] ^ 1]) + row[at + 1 :]
        forge(copied, "UPDATE merkle_nodes SET hashes = ? WHERE seq = ?", changed, seq)
        expected = ("tree_altered", seq, "merkle_nodes")
    assert found(copied) == [expected]


@pytest.mark.parametrize("path", ["tile/0/002", "tile/entries/002"])
def test_one_altered_file_among_many_is_one_problem_and_its_tile_is_no_witness(copied: LogStand, path: str) -> None:
    data = (copied.log / path).read_bytes()
    overwrite(copied.log / path, data[:320] + b"\1" * 32 + data[352:])
    kind, seq, where = found(copied)[0]
    assert (kind, where) == ("published_altered", path)
    assert seq is not None
    assert 512 <= seq < 768
    assert len(found(copied)) == 1
    forge(copied, "UPDATE custody_events SET body = replace(body, 'keeper', 'reaper') WHERE seq = ?", 523)
    assert sorted(found(copied)) == [("event_altered", 523, None), (kind, seq, where)]


def test_one_lie_told_by_three_of_four_is_found_by_the_signed_head(copied: LogStand) -> None:
    """Body, row and entry of one event lie alike; tile and head do not."""
    seq = 600
    forge(copied, "UPDATE custody_events SET body = replace(body, 'keeper', 'reaper') WHERE seq = ?", seq)
    ((body,),) = copied.place.query(f"SELECT body FROM custody_events WHERE seq = {seq}")
    ((row,),) = copied.place.query(f"SELECT hashes FROM merkle_nodes WHERE seq = {seq}")
    leaf = leaf_hash(body.encode())
    forge(copied, "UPDATE merkle_nodes SET hashes = ? WHERE seq = ?", leaf + row[32:], seq)
    entries = entries_of((copied.log / "tile/entries/002").read_bytes())
    entries[seq % 256] = body.encode()
    overwrite(copied.log / "tile/entries/002", bundle(entries))
    assert [one for one in found(copied) if one[0] == "event_altered"] == [("event_altered", seq, None)]
    assert ("published_altered", seq, "tile/entries/002") in found(copied)


def test_a_number_far_beyond_is_told_and_not_counted_up_to(copied: LogStand) -> None:
    size = copied.ledger.log.size()
    copied.close()
    far = 2**62
    forge(copied, "INSERT INTO custody_events SELECT ?, at, kind, evidence_id, body FROM custody_events LIMIT 1", far)
    report = copied.verify()
    assert ("event_added", far) in [(one.kind, one.seq) for one in report.problems]
    assert report.size == size


def test_many_numbers_far_from_each_other_are_not_counted_up_to(copied: LogStand) -> None:
    """Each is near enough to the one before; all of them are too many."""
    copied.close()
    forge(
        copied,
        "INSERT INTO custody_events WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)"
        " SELECT i * 250000, '2026-11-23T13:26:15.452903Z', 'x', NULL, '{}' FROM n",
    )
    report = copied.verify()
    assert ("event_added", 400 * 250_000) in [(one.kind, one.seq) for one in report.problems]
    assert report.size < 600_000


def test_neighbours_are_told_one_by_one_and_then_as_a_range(copied: LogStand) -> None:
    forge(copied, "DELETE FROM merkle_nodes WHERE seq BETWEEN 300 AND 900")
    problems = copied.verify().problems
    assert [one.seq for one in problems] == list(range(300, 321))
    assert {one.kind for one in problems} == {"tree_altered"}
    assert "events 320 to 900" in problems[-1].detail


# --------------------------------------------------------------------------------- crashes


class Failing:
    """The published log, whose *steps*-th change fails, and every one after it: the process is gone."""

    def __init__(self, log: LogFolder, steps: int) -> None:
        self._log = log
        self._left = steps

    def __getattr__(self, name: str) -> Any:
        does: Callable[..., Any] = getattr(self._log, name)
        if name not in ("put", "replace", "remove"):
            return does

        def changing(*given: Any) -> Any:
            self._left -= 1
            if self._left < 0:
                raise StoreError("the disk is gone")
            return does(*given)

        return changing


def test_a_checkpoint_that_was_interrupted_anywhere_raises_no_alarm(stand: LogStand) -> None:
    """From every step on the rest never happens; whoever verifies then finds nothing; the next run does the rest."""
    stand.record(230, 1)
    stand.sign()
    for steps in itertools.count():
        stand.record(10, steps)
        note_events(stand.ledger, 1, size=70_000)
        failing: Any = Failing(stand.published, steps)
        checkpoints = Checkpoints(stand.ledger, failing, stand.signer, ORIGIN, lambda: NOW)
        try:
            checkpoints.make()
        except StoreError:
            assert list(shown(stand.verify().problems)) == [], f"after {steps} changes"
            assert stand.checkpoints().make() is not None
            assert list(shown(stand.verify().problems)) == [], f"after {steps} changes, and what was left"
        else:
            break
    assert steps > 6
    assert list(shown(stand.verify().problems)) == []


def test_a_planted_mark_of_an_unfinished_checkpoint_hides_nothing(stand: LogStand) -> None:
    stand.record(40)
    first = stand.sign().size
    stand.record(40, 2)
    stand.sign()
    overwrite(stand.log / ".unfinished", f"{first}\n".encode())
    (stand.log / checkpoint_path(first)).unlink()
    forge(stand, "UPDATE merkle_nodes SET hashes = ? WHERE seq = 4", b"\0" * 32)
    assert sorted(found(stand)) == [
        ("checkpoint_missing", first - 1, checkpoint_path(first)),
        ("tree_altered", 4, "merkle_nodes"),
    ]


def test_while_another_process_makes_a_checkpoint_the_published_log_waits(
    stand: LogStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_verify, "LOCK_SECONDS", 0.0)
    stand.record(40)
    stand.sign()
    with stand.ledger.locks.hold("checkpoint"):
        reports: list[Any] = []
        other = LogStand(stand.folder, stand.place)
        thread = threading.Thread(target=lambda: reports.append(other.verify()))
        thread.start()
        thread.join()
        other.close()
    assert not reports[0].failed
    assert reports[0].unreached
    assert "another process" in reports[0].notes[0]


@pytest.mark.parametrize("waits", [60.0, -1.0], ids=["waits for heads", "goes on without the published log"])
def test_writers_that_go_on_meanwhile_raise_no_alarm(
    stand: LogStand, monkeypatch: pytest.MonkeyPatch, waits: float
) -> None:
    """Events are recorded and heads signed as fast as they can be, while all of it is verified again and again."""
    monkeypatch.setattr(log_verify, "LOCK_SECONDS", waits)
    stand.record(300)
    stand.sign()
    writer = LogStand(stand.folder, stand.place)
    ended = threading.Event()

    def write() -> None:
        for seed in itertools.count(2):
            writer.record(25, seed, batch=3)
            writer.sign()
            if ended.is_set():
                return

    thread = threading.Thread(target=write)
    thread.start()
    try:
        sizes = []
        for _ in range(5):
            report = stand.verify()
            assert list(shown(report.problems)) == []
            assert waits < 0 or not report.unreached
            sizes.append(report.size)
    finally:
        ended.set()
        thread.join()
        writer.close()
    assert sizes[0] < sizes[-1]


def test_a_disk_that_gives_errors_is_not_read_and_not_blamed(stand: LogStand) -> None:
    class Unreadable(LogFolder):
        def read(self, path: str) -> bytes | None:
            if path.startswith("tile/0/"):
                raise MediumError(f"{path}: EIO") from OSError(5, "EIO")
            return super().read(path)

    stand.record(40)
    stand.sign()
    verifier = LogVerifier(
        stand.ledger,
        Unreadable(stand.archive),
        [stand.signer.key],
        [],
        lambda: NOW,
        SilentProgress(),
        lambda: False,
    )
    report = verifier.run(online=False)
    assert {one.kind for one in report.problems} == {"unreadable"}
    assert report.unreached
    assert not report.failed


# --------------------------------------------------------------------------------- keys


def test_a_chain_of_keys_is_walked_from_any_one_that_is_trusted(stand: LogStand) -> None:
    first, second, third = (MemorySigner(seed) for seed in (1, 2, 3))
    stand.record(20)
    stand.sign()
    stand.checkpoints(first).rotate(second, lost=False)
    stand.record(20, 2)
    stand.checkpoints(second).rotate(third, lost=False)
    for trusted in (first, second, third):
        assert found(stand, trusted=[trusted.key]) == []
    assert found(stand, trusted=[MemorySigner(4).key])[0][0] == "key_unvouched"


def test_a_key_that_was_lost_is_unvouched_until_it_is_trusted(stand: LogStand) -> None:
    first, second = MemorySigner(1), MemorySigner(2)
    stand.record(20)
    stand.sign()
    (adopted,) = (seq for seq, _ in stand.ledger.log.of_kind("log_key_adopted"))
    stand.checkpoints(first).rotate(second, lost=True)
    assert found(stand, trusted=[second.key]) == [("key_unvouched", adopted, "log_keys")]
    assert found(stand, trusted=[second.key, first.key]) == []


def test_the_newest_key_must_be_the_configured_one_whatever_else_is_trusted(stand: LogStand) -> None:
    first, second = MemorySigner(1), MemorySigner(2)
    stand.record(20)
    stand.sign()
    (adopted,) = (seq for seq, _ in stand.ledger.log.of_kind("log_key_adopted"))
    before = stand.ledger.log.size()
    stand.close()
    shutil.copytree(stand.folder, stand.folder.parent / "before")
    stand.checkpoints(first).rotate(second, lost=False)
    stand.signer = second
    assert found(stand) == []
    assert stand.verify(configured=second.key, trusted=[first.key]).problems == ()
    stand.close()
    older = stand.folder.parent / "before"
    rolled_back = LogStand(older, LedgerPlace(f"sqlite:///{older}/ledger.db"))
    rolled_back.record(20, 3)
    rolled_back.sign()
    assert before < rolled_back.ledger.log.size()
    report = rolled_back.verify(configured=second.key, trusted=[first.key])
    assert [(one.kind, one.seq, one.table) for one in report.problems] == [("key_replaced", adopted, "log_keys")]
    unknown = rolled_back.verify(trusted=[first.key])
    assert (unknown.problems, len(unknown.notes)) == ((), 1), "who has no key of their own takes the trusted ones"
    rolled_back.close()


def test_a_head_signed_with_a_key_that_was_replaced_is_found(stand: LogStand) -> None:
    first, second = MemorySigner(1), MemorySigner(2)
    stand.record(20)
    stand.sign()
    stand.checkpoints(first).rotate(second, lost=False)
    stand.signer = second
    stand.record(20, 2)
    size = stand.sign().size
    (head_,) = (one for one in stand.ledger.log.checkpoints() if one.size == size)
    text = head_.note.partition("\n\n")[0] + "\n"
    forged = format_note(text, [signature_line(parse_key(first.key), first.sign(text.encode()))])
    for path in (checkpoint_path(size), "checkpoint"):
        overwrite(stand.log / path, forged.encode())
    forge(stand, "UPDATE checkpoints SET note = ? WHERE size = ?", forged, size)
    report = stand.verify(configured=second.key, trusted=[first.key])
    assert ("checkpoint_altered", size - 1, "checkpoints") in [(p.kind, p.seq, p.table) for p in report.problems]


def test_heads_without_any_key_are_signed_by_nobody(stand: LogStand) -> None:
    """History told without keys, its heads signed with an old one that is trusted still."""
    stand.record(20)
    root, size = Frontier(), stand.ledger.log.size()
    for entry in stand.ledger.log.entries(0, size):
        root.append(leaf_hash(entry.body or b""))
    overwrite(stand.log / checkpoint_path(size), head(size, root.root(), MemorySigner(1))[1].encode())
    kinds = {one.kind for one in stand.verify(configured=MemorySigner(2).key, trusted=[MemorySigner(1).key]).problems}
    assert {"key_replaced", "checkpoint_added"} <= kinds


# --------------------------------------------------------------------------------- what nobody foresaw


SECTIONS = {
    "guards": ("archiver.adapters.ledger.log.guards", "guards"),
    "keys": ("archiver.work.log_verify.keys_of", "keys"),
    "rows of heads": ("archiver.work.log_verify.Heads.gather", "heads"),
    "published": ("archiver.work.log_verify.PublishedTiles.list", "published files"),
    "walk": ("archiver.work.log_verify_tree.TreeCheck._walk", "events"),
    "leaves": ("archiver.work.log_verify.HeadCheck.leaves", "heads"),
    "heads": ("archiver.work.log_verify.HeadCheck._judge", "heads"),
    "newest": ("archiver.work.log_verify.NewestCheck.run", "heads"),
    "bodies": ("archiver.work.log_verify.BodyCheck.leaves", "published files"),
    "judge": ("archiver.work.log_verify_keys.LogKeys.judge", "keys"),
    "anchors": ("archiver.work.log_verify_anchors.AnchorCheck._check", "anchors"),
    "added": ("archiver.work.log_verify.check_added", "added files"),
    "rows": ("archiver.adapters.ledger.log.check_rows", "rows"),
}


@pytest.mark.parametrize("part", SECTIONS)
def test_a_part_that_stumbles_is_a_problem_and_the_others_go_on(
    stand: LogStand, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    stand.record(300)
    stand.sign()
    stand.anchor()
    stand.sign()
    with stand.place.raw() as connection:
        connection.execute("DROP TRIGGER files_no_update")
    overwrite(stand.log / "stray", b"x")
    forge(stand, "INSERT INTO log_keys VALUES (2, 'nobody', NULL, 0)")

    def stumble(*_given: Any, **_named: Any) -> Any:
        raise KeyError("unforeseen")

    where, section = SECTIONS[part]
    monkeypatch.setattr(where, stumble)
    report = stand.verify()
    problems = {(one.kind, one.table) for one in report.problems}
    others = {
        "guards": ("guard_missing", "files"),
        "rows": ("row_added", "log_keys"),
        "added": ("published_added", "stray"),
    }
    assert ("check_failed", section) in problems
    assert {found for name, found in others.items() if name != part} <= problems
    assert all(one.detail.endswith("KeyError") for one in report.problems if one.kind == "check_failed")
    assert report.failed


# --------------------------------------------------------------------------------- anchors


@dataclass
class Keeper:
    """``log_ports.Anchorer`` that believes what it is told. ``held``: the heads that it holds.

    Verifying asks for nothing new: what only who anchors calls must not be called here.
    """

    name: str = "somebody"
    method: str = "witness"
    retired: bool = False
    held: list[tuple[int, str] | UnreadHead] = field(default_factory=list)
    wrong: str | None = None
    error: AnchorError | None = None

    def path(self, size: int) -> str:
        return f"anchors/{size:03}/{self.name}"

    def anchor(self, size: int, note: str, prove: Callable[[int, int], Sequence[bytes]]) -> tuple[Any, bytes]:
        raise AssertionError("ledger verify has nothing vouched for")

    def read(self, size: int, note: str, proof: bytes) -> CheckpointAnchored:
        raise AssertionError("ledger verify adopts no proof")

    def check(self, anchor: Anchor, note: str, proof: bytes) -> str | None:
        assert note.startswith(f"{ORIGIN}\n{anchor.size}\n")
        return self.wrong

    def heads(self, known: Known = lambda _size: None) -> Iterator[tuple[int, str] | UnreadHead]:
        if self.error is not None:
            raise self.error
        yield from self.held

    def probe(self) -> str:
        raise AssertionError("ledger verify is no doctor")


def head(size: int, root: bytes, signer: MemorySigner) -> tuple[int, str]:
    text = checkpoint_text(Checkpoint(ORIGIN, size, root))
    return size, format_note(text, [signature_line(parse_key(signer.key), signer.sign(text.encode()))])


def test_anchors_are_checked_by_whoever_made_them(stand: LogStand) -> None:
    stand.record(30)
    stand.sign()
    stand.anchor()
    report = stand.verify(anchorers=[Keeper()])
    assert (report.problems, report.anchors, report.anchors_unchecked, report.notes) == ((), 1, 0, ())
    (seq,) = (anchor.seq for anchor in stand.ledger.log.anchors())
    assert [(kind, at) for kind, at, _ in found(stand, anchorers=[Keeper(wrong="it is forged")])] == [
        ("anchor_invalid", seq)
    ]
    assert stand.verify(anchorers=[]).anchors_unchecked == 1


def test_a_proof_that_was_published_and_not_recorded_yet_is_no_alarm(stand: LogStand) -> None:
    stand.record(30)
    newest = stand.sign().size
    overwrite(stand.log / Keeper().path(newest), b"proof")
    assert found(stand, anchorers=[Keeper()]) == []
    assert [kind for kind, _, _ in found(stand)] == ["published_added"], "nobody is configured who puts it there"
    overwrite(stand.log / f"anchors/{newest:03}/timestamp-tsa.tsr", b"proof")
    assert found(stand, anchorers=[Keeper()]) == [
        ("published_added", None, f"anchors/{newest:03}/timestamp-tsa.tsr"),
    ]
    (stand.log / f"anchors/{newest:03}/timestamp-tsa.tsr").unlink()
    stand.record(30, 2)
    stand.sign()
    assert [kind for kind, _, _ in found(stand, anchorers=[Keeper()])] == ["published_added"]


def test_an_expired_time_stamp_is_told_unless_a_later_one_covers_it(stand: LogStand) -> None:
    stand.record(30)
    size = stand.sign().size
    stand.published.put(f"anchors/{size:03}/timestamp-tsa.tsr", b"proof")
    entry = CheckpointAnchored(
        at=NOW,
        size=size,
        method="timestamp",
        name="tsa",
        path=f"anchors/{size:03}/timestamp-tsa.tsr",
        sha256=hashlib.sha256(b"proof").hexdigest(),
        proved_at=datetime(2020, 1, 1, tzinfo=UTC),
        valid_until=datetime(2021, 1, 1, tzinfo=UTC),
    )
    stand.ledger.journal.record([entry])
    assert [kind for kind, _, _ in found(stand)] == ["anchor_expired"]


def test_what_others_hold_undoes_a_rewriting_by_the_holder_of_the_key(stand: LogStand) -> None:
    stand.record(30)
    stand.sign()
    held = [(one.size, one.note) for one in stand.ledger.log.checkpoints()]
    assert found(stand, anchorers=[Keeper(held=held)], online=True) == []
    forked = head(held[0][0], b"\7" * 32, stand.signer)
    assert [kind for kind, _, _ in found(stand, anchorers=[Keeper(held=[forked])], online=True)] == [
        "checkpoint_inconsistent"
    ]
    size = stand.ledger.log.size()
    ahead = head(size + 5, b"\7" * 32, stand.signer)
    assert found(stand, anchorers=[Keeper(held=[ahead])], online=True) == [("ledger_behind", size, "anchors")]
    assert found(stand, anchorers=[Keeper(held=[ahead])], online=False) == [], "nobody is asked offline"
    assert found(stand, anchorers=[Keeper(held=[ahead], retired=True)], online=True) == []
    foreign = stand.verify(anchorers=[Keeper(held=[head(size, b"\7" * 32, MemorySigner(9))])], online=True)
    assert (foreign.problems, len(foreign.notes)) == ((), 1)


def test_a_head_that_cannot_be_read_is_told_and_the_others_are_compared(stand: LogStand) -> None:
    stand.record(30)
    size = stand.sign().size
    held = [UnreadHead(number, f"cannot read {number}") for number in range(8)]
    forked = head(size, b"\7" * 32, stand.signer)
    report = stand.verify(anchorers=[Keeper(held=[*held, forked])], online=True)
    assert [problem.kind for problem in report.problems] == ["checkpoint_inconsistent"]
    assert report.unreached
    assert [note for note in report.notes if "cannot read" in note] == [
        f"witness somebody: cannot read {number}" for number in range(5)
    ]
    assert "witness somebody: 8 such in all" in report.notes


def test_the_lock_is_free_while_others_are_asked_and_a_head_made_then_is_no_alarm(stand: LogStand) -> None:
    stand.record(30)
    stand.sign()
    other = LogStand(stand.folder, stand.place)

    class Asked(Keeper):
        def heads(self, known: Callable[[int], str | None] = lambda _size: None) -> Iterator[tuple[int, str]]:
            made: list[Any] = []
            thread = threading.Thread(target=lambda: made.append(other.checkpoints().make(force=True, wait=False)))
            thread.start()
            thread.join()
            assert made, "the lock is held"
            other.close()
            yield made[0].size, made[0].note
            yield head(made[0].size, b"\7" * 32, stand.signer)

    size = stand.ledger.log.size()
    assert found(stand, anchorers=[Asked()], online=True) == [("ledger_behind", size, "anchors")], "the other alone"


def test_who_cannot_be_asked_is_a_note(stand: LogStand) -> None:
    stand.record(30)
    stand.sign()
    report = stand.verify(anchorers=[Keeper(error=AnchorError("no answer"))], online=True)
    assert (report.problems, report.unreached, report.failed) == ((), True, False)
    assert "no answer" in report.notes[0]
