"""The log's contract, over SQLite and PostgreSQL: the tree that grows with the events, and what is told of it."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

from archiver.adapters.ledger.database import SqlLedger, open_ledger
from archiver.adapters.ledger.tree_rows import LOST_LEAF
from archiver.domain.custody import DaemonStarted, Entry, LedgerMigrated
from archiver.domain.custody_log import CheckpointAnchored, LogKeyAdopted
from archiver.domain.log_records import AdoptedKey, Anchor, LogEntry, StoredCheckpoint
from archiver.domain.records import Alert
from archiver.errors import LedgerError, RowUnreadableError
from archiver.log.leaf import ENTRY_BYTES, leaf_of
from archiver.log.tree import peaks
from tests.support.ledgers import ACTOR, DAY, START, LedgerPlace, acquired, item, verified
from tests.support.trees import check_tree, root_by_definition, stored_rows


def started(number: int) -> DaemonStarted:
    return DaemonStarted(at=START, pid=number, configuration_sha256="c" * 64)


def leaves(ledger: SqlLedger, size: int | None = None) -> list[bytes]:
    """Of every number, with what stands for lost ones."""
    found = ledger.log.entries(0, ledger.log.size() if size is None else size)
    return [LOST_LEAF if entry.body is None else leaf_of(entry.body) for entry in found]


# ------------------------------------------------------------------------------------------ growing


def test_a_new_ledger_is_a_tree_of_one_leaf(ledger: SqlLedger) -> None:
    assert check_tree(ledger) == 1
    (entry,) = ledger.log.entries(0, 1)
    assert entry.hashes == root_by_definition([entry.body or b""])


def test_the_tree_is_that_of_the_bodies_however_they_are_batched(ledger: SqlLedger) -> None:
    chance = random.Random(6962)
    number = 0
    for _ in range(25):
        batch: list[Entry] = []
        for _ in range(chance.choice([1, 1, 2, 3, 7, 16, 31])):
            number += 1
            made = acquired(item(number))
            batch += chance.choice([[started(number)], [made], [made, verified(item(number), START + DAY)]])
        ledger.journal.record(batch, [Alert(f"cause {number}", "title", "text")] * chance.randrange(2))
    assert check_tree(ledger) > 150


def test_what_is_not_recorded_twice_is_one_leaf(ledger: SqlLedger) -> None:
    entry, alert = acquired(item(1)), Alert("cause", "title", "text")
    ledger.journal.record([entry, entry], [alert, alert])
    ledger.journal.record([entry], [alert])
    assert check_tree(ledger) == 3


def test_a_long_body_is_a_short_leaf(ledger: SqlLedger) -> None:
    ledger.journal.record([acquired(item(1, file_count=200)), started(1)])
    _, long, _ = ledger.log.entries(0, 3)
    assert len(long.body or b"") > ENTRY_BYTES
    check_tree(ledger)


def test_a_batch_that_fails_leaves_no_leaf(ledger: SqlLedger) -> None:
    with pytest.raises(LedgerError):
        ledger.journal.record([started(1), verified(item(9), START)])
    assert check_tree(ledger) == 1
    ledger.journal.record([started(2)])
    assert check_tree(ledger) == 2


def test_threads_that_append_at_once_make_one_tree(ledger: SqlLedger, ledger_place: LedgerPlace) -> None:
    other = open_ledger(ledger_place.url, ACTOR)
    threads = [
        threading.Thread(target=lambda into=into: [into.journal.record([started(n)] * 3) for n in range(8)])
        for into in (ledger, other) * 2
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert check_tree(ledger) == 1 + 4 * 8 * 3


# ------------------------------------------------------------------------------------------ reading


def test_entries_come_in_pages_and_as_many_as_are_asked_for(ledger: SqlLedger) -> None:
    ledger.journal.record([started(number) for number in range(3000)])
    every = list(ledger.log.entries(0, 3001))
    assert [entry.seq for entry in every] == list(range(3001))
    assert list(ledger.log.entries(1000, 1003)) == every[1000:1003]
    assert list(ledger.log.entries(5, 5)) == []
    assert list(ledger.log.entries(3000, 3003)) == [
        every[3000],
        LogEntry(3001, None, None),
        LogEntry(3002, None, None),
    ]


def test_events_may_be_recorded_while_entries_are_read(ledger: SqlLedger) -> None:
    ledger.journal.record([started(number) for number in range(600)])
    seen = 0
    for entry in ledger.log.entries(0, 601):
        if entry.seq % 200 == 0:
            ledger.journal.record([started(entry.seq)])
        seen += 1
    assert (seen, ledger.log.size()) == (601, 605)


def test_events_of_a_kind_are_found_from_a_number_on(ledger: SqlLedger) -> None:
    ledger.journal.record([started(n) if n % 2 else acquired(item(n)) for n in range(500)])
    found = list(ledger.log.of_kind("daemon_started"))
    assert [seq for seq, _ in found] == list(range(2, 501, 2))
    assert list(ledger.log.of_kind("daemon_started", 400)) == [one for one in found if one[0] >= 400]
    assert [seq for seq, _ in ledger.log.of_kind("ledger_migrated")] == [0]
    assert list(ledger.log.of_kind("nothing")) == []


def test_hashes_are_told_as_they_are_stored_or_not_at_all(ledger: SqlLedger) -> None:
    ledger.journal.record([started(number) for number in range(99)])
    every = leaves(ledger)
    assert ledger.log.hashes([(0, 7), (5, 1), (2, 3)]) == {
        (0, 7): root_by_definition(every[7:8]),
        (5, 1): root_by_definition(every[32:64]),
        (2, 3): root_by_definition(every[12:16]),
    }
    assert ledger.log.hashes([]) == {}
    with pytest.raises(LedgerError, match="row 127 of table merkle_nodes"):
        ledger.log.hashes([(0, 1), (5, 3)])


def test_keys_checkpoints_and_anchors_come_back_as_they_were_recorded(ledger: SqlLedger) -> None:
    first = LogKeyAdopted(at=START, key="log \u2603+1+a", before=None, vouched=True)
    second = LogKeyAdopted(at=START, key="log+2+b", before=first.key, vouched=False)
    ledger.journal.record([first, started(1), second])
    assert ledger.log.keys() == [AdoptedKey(1, first.key, None, True), AdoptedKey(3, second.key, first.key, False)]
    assert ledger.log.latest_checkpoint() is None
    notes = [StoredCheckpoint(size, f"origin\n{size}\n\u2014 sig\n") for size in range(1, 451)]
    for note in reversed(notes):
        ledger.log.add_checkpoint(note)
    ledger.log.add_checkpoint(notes[0])
    assert list(ledger.log.checkpoints()) == notes
    assert list(ledger.log.checkpoints(after=440)) == notes[440:]
    assert ledger.log.latest_checkpoint() == notes[-1]
    with pytest.raises(LedgerError, match="another checkpoint of 3 leaves"):
        ledger.log.add_checkpoint(StoredCheckpoint(3, "another"))
    assert list(ledger.log.checkpoints()) == notes
    made = [anchored(size, until) for size in (3, 5) for until in (None, START + DAY)]
    ledger.journal.record(made)
    found = list(ledger.log.anchors())
    assert found == [told(4 + place, entry) for place, entry in enumerate(made)]
    assert list(ledger.log.anchors(5)) == found[2:]
    assert list(ledger.log.anchors(4)) == []


def anchored(size: int, until: object) -> CheckpointAnchored:
    return CheckpointAnchored(
        at=START,
        size=size,
        method="timestamp",
        name="tsa",
        path=f"anchors/{size}/timestamp-tsa.tsr",
        sha256="a" * 64,
        proved_at=START + timedelta(seconds=1),
        valid_until=until,  # type: ignore[arg-type]
    )


def told(seq: int, entry: CheckpointAnchored) -> Anchor:
    return Anchor(
        seq,
        entry.size,
        entry.method,
        entry.name,
        entry.path,
        entry.sha256,
        entry.proved_at,
        entry.valid_until,
    )


# ------------------------------------------------------------------------------------------ what was cut


CUTS: dict[str, Callable[[SqlLedger], list[str]]] = {
    "the last row": lambda ledger: [f"DELETE FROM merkle_nodes WHERE seq = {ledger.log.size() - 1}"],
    "some rows": lambda _: ["DELETE FROM merkle_nodes WHERE seq BETWEEN 250 AND 520"],
    "a peak": lambda _: ["DELETE FROM merkle_nodes WHERE seq = 511"],
    "every row": lambda _: ["DELETE FROM merkle_nodes"],
    "no whole hashes": lambda _: ["UPDATE merkle_nodes SET hashes = substr(hashes, 2)"],
}


@pytest.mark.parametrize("cut", CUTS)
def test_a_tree_that_was_cut_goes_on_as_if_it_was_not(ledger: SqlLedger, ledger_place: LedgerPlace, cut: str) -> None:
    ledger.journal.record([started(number) for number in range(699)])
    ledger_place.forge(*CUTS[cut](ledger))
    before = list(ledger.log.entries(0, 700))
    for number in range(40):
        ledger.journal.record([started(number)] * (number % 3))
    assert ledger.log.size() == 739
    after = list(ledger.log.entries(0, 739))
    assert [entry.hashes for entry in after[700:]] == stored_rows(leaves(ledger))[700:]
    assert after[:700] == before, "what is missing stays so: it tells of itself"
    assert [entry.hashes for entry in before] != stored_rows(leaves(ledger))[:700], "nothing was cut"


def test_an_event_of_which_nothing_is_left_does_not_stop_the_ledger(
    ledger: SqlLedger, ledger_place: LedgerPlace
) -> None:
    """A row that follows from the last event is all that tells of it."""
    ledger.journal.record([started(1), started(2), acquired(item(1))])
    ledger_place.forge("DELETE FROM custody_events WHERE seq = 3", "DELETE FROM merkle_nodes WHERE seq = 3")
    assert ledger.log.size() == 4
    ledger.journal.record([started(3), started(4)])
    found = list(ledger.log.entries(0, 6))
    assert [entry.body is None for entry in found] == [False, False, False, True, False, False]
    assert [entry.hashes for entry in found[4:]] == stored_rows(leaves(ledger))[4:]


@pytest.mark.parametrize("seq", [10**6, 10**15, 2**62 + 12345])
def test_a_forged_number_costs_nothing(ledger: SqlLedger, ledger_place: LedgerPlace, seq: int) -> None:
    """However many leaves are missing then, none is counted."""
    ledger.journal.record([acquired(item(1))])
    ledger_place.forge(f"UPDATE verifications SET seq = {seq}")
    ledger.journal.record([started(1), started(2)])
    assert ledger.log.size() == seq + 3
    first, second = ledger.log.entries(seq + 1, seq + 3)
    assert first.body
    assert second.hashes
    assert set(ledger.log.hashes([(0, seq + 1), (0, seq + 2)])) == {(0, seq + 1), (0, seq + 2)}
    assert len(peaks(seq + 3)) > 1


def test_numbers_below_zero_are_told(ledger: SqlLedger, ledger_place: LedgerPlace) -> None:
    ledger.journal.record([started(1)])
    assert ledger.log.strays() == []
    ledger_place.forge(
        "INSERT INTO custody_events SELECT -7, at, kind, evidence_id, body FROM custody_events WHERE seq = 1",
        "INSERT INTO merkle_nodes SELECT -9, hashes FROM merkle_nodes WHERE seq = 1",
        "INSERT INTO merkle_nodes SELECT -7, hashes FROM merkle_nodes WHERE seq = 1",
    )
    ledger_place.forge("INSERT INTO checkpoints VALUES (0, 'none')", "INSERT INTO checkpoints VALUES (-3, 'none')")
    assert ledger.log.strays() == [
        ("custody_events", -7),
        ("merkle_nodes", -9),
        ("merkle_nodes", -7),
        ("checkpoints", -3),
        ("checkpoints", 0),
    ]


GARBAGE = [
    ("UPDATE custody_events SET body = CAST(body AS BLOB) WHERE seq = 1", "body"),
    ("UPDATE merkle_nodes SET hashes = CAST(hashes AS TEXT) WHERE seq = 1", "hashes"),
    ("UPDATE merkle_nodes SET hashes = 7 WHERE seq = 1", "hashes"),
]


@pytest.mark.parametrize(("statement", "column"), GARBAGE)
def test_a_value_of_another_type_is_as_if_it_was_not_there(
    sqlite_ledger: SqlLedger, sqlite_place: LedgerPlace, statement: str, column: str
) -> None:
    sqlite_ledger.journal.record([started(1)])
    sqlite_place.forge(statement)
    _, entry = sqlite_ledger.log.entries(0, 2)
    assert getattr(entry, column) is None
    assert (entry.body is None) != (entry.hashes is None)
    sqlite_ledger.journal.record([started(2)])
    assert sqlite_ledger.log.size() == 3


UNREADABLE: list[tuple[str, Callable[[SqlLedger], object], str]] = [
    ("UPDATE custody_events SET body = x'ff'", lambda of: list(of.log.of_kind("ledger_migrated")), "body of event 0"),
    ("UPDATE log_keys SET key = x'ff'", lambda of: of.log.keys(), "row 1 of table log_keys"),
    ("UPDATE checkpoints SET note = x'ff'", lambda of: list(of.log.checkpoints()), "row 1 of table checkpoints"),
    ("UPDATE checkpoints SET note = x'ff'", lambda of: of.log.latest_checkpoint(), "row 1 of table checkpoints"),
]


@pytest.mark.parametrize(("statement", "read", "told"), UNREADABLE)
def test_a_row_that_cannot_be_read_is_named(
    sqlite_ledger: SqlLedger,
    sqlite_place: LedgerPlace,
    statement: str,
    read: Callable[[SqlLedger], object],
    told: str,
) -> None:
    key = LogKeyAdopted(at=START, key="log+1+a", before=None, vouched=True)
    sqlite_ledger.journal.record([key, anchored(1, None)])
    sqlite_ledger.log.add_checkpoint(StoredCheckpoint(1, "note"))
    assert read(sqlite_ledger)
    sqlite_place.forge(statement)
    with pytest.raises(LedgerError, match=told):
        read(sqlite_ledger)


@pytest.mark.parametrize("change", ["size = 'x'", "proved_at = 'now'", "name = x'ff'"])
def test_an_anchor_that_cannot_be_read_is_named_and_hides_no_later_one(
    sqlite_ledger: SqlLedger, sqlite_place: LedgerPlace, change: str
) -> None:
    sqlite_ledger.journal.record([anchored(1, None), anchored(2, None), anchored(3, None)])
    sqlite_place.forge(f"UPDATE anchors SET {change} WHERE seq = 2")
    told: list[RowUnreadableError] = []
    assert [anchor.seq for anchor in sqlite_ledger.log.anchors(unread=told.append)] == [1, 3]
    assert [error.number for error in told] == [2]
    assert "row 2 of table anchors" in str(told[0])
    assert [anchor.seq for anchor in sqlite_ledger.log.anchors()] == [1, 3]


def test_the_ledgers_making_is_its_first_leaf(ledger: SqlLedger) -> None:
    ((seq, body),) = ledger.log.of_kind(LedgerMigrated.kind)
    assert (seq, '"before":null' in body) == (0, True)
