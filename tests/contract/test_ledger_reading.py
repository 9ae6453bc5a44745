"""Reading the ledger, over SQLite and PostgreSQL: selections, names, figures, and pages while others write."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archiver.adapters.ledger.database import SqlLedger, open_ledger
from archiver.domain.custody import DeliverySeen
from archiver.domain.due import next_audit, sample_range
from archiver.domain.records import Selection, Totals
from archiver.domain.verdict import Reason, Verdict
from archiver.errors import LedgerError, UnknownEvidenceError
from tests.support.ledgers import ACTOR, DAY, START, LedgerPlace, acquired, item, make_ledger, told, verified


def numbers(ledger: SqlLedger, oldest_due_first: bool = False, **conditions: object) -> list[int]:
    """The minutes of acquisition, which are the items' numbers, in the order of the answer."""
    found = ledger.evidence.select(Selection(**conditions), oldest_due_first)  # type: ignore[arg-type]
    return [int((record.evidence.acquired_at - START).total_seconds() // 60) for record in found]


@pytest.fixture
def stocked(ledger: SqlLedger) -> SqlLedger:
    """Items 0 to 9: even ones of account 1, odd ones of 2; 3 of source other; 4 failed; 5 lacks a key."""
    judged = {4: told([Reason.HASH_MISMATCH]), 5: told([Reason.KEY_UNAVAILABLE])}
    entries = [
        acquired(
            item(n, account=("1" * 12, "2" * 12)[n % 2], source="other" if n == 3 else "prod", file_count=n % 3),
            judged.get(n),
            next_audit_at=START + (100 - n) * DAY,
        )
        for n in range(10)
    ]
    ledger.journal.record(entries)
    return ledger


@pytest.fixture(scope="module")
def sqlite_walks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlLedger]:
    """A SQLite ledger with item 1, for many examples in turn."""
    url = f"sqlite:///{tmp_path_factory.mktemp('walks')}/ledger.db"
    make_ledger(LedgerPlace(url))
    opened = open_ledger(url, ACTOR)
    opened.journal.record([acquired(item(1))])
    yield opened
    opened.close()


def test_items_come_by_time_of_acquisition_or_by_due_time(stocked: SqlLedger) -> None:
    assert numbers(stocked) == list(range(10))
    assert numbers(stocked, oldest_due_first=True) == list(reversed(range(10)))


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({"verdict": Verdict.VERIFIED}, [0, 1, 2, 3, 6, 7, 8, 9]),
        ({"verdict": Verdict.FAILED}, [4]),
        ({"verdict": Verdict.FAILED, "source": "prod"}, [4]),
        ({"verdict": Verdict.FAILED, "source": "other"}, []),
        ({"verdict": Verdict.VERIFIED, "source": "other"}, [3]),
        ({"source": "other"}, [3]),
        ({"source": "prod", "account": "2" * 12}, [1, 5, 7, 9]),
        ({"account": "1" * 12}, [0, 2, 4, 6, 8]),
        ({"since": START + timedelta(minutes=7)}, [7, 8, 9]),
        ({"until": START + timedelta(minutes=2)}, [0, 1]),
        ({"account": "1" * 12, "since": START + timedelta(minutes=1), "until": START + timedelta(minutes=6)}, [2, 4]),
        ({"due_at": START + 92 * DAY}, [8, 9]),
        ({"ids": []}, []),
        ({"ids": [item(7).id, item(1).id, item(7).id]}, []),
        ({"ids": [item(7).id, item(4).id], "verdict": Verdict.VERIFIED}, []),
    ],
)
def test_every_condition_must_hold(stocked: SqlLedger, conditions: dict[str, object], expected: list[int]) -> None:
    if conditions.get("ids"):  # their IDs depend on their files: ask for real ones
        found = {int(r.evidence.acquired_at.minute): r.evidence.id for r in stocked.evidence.select(Selection())}
        wanted = (7, 4) if "verdict" in conditions else (7, 1, 7)
        conditions, expected = conditions | {"ids": [found[n] for n in wanted]}, sorted({*wanted} - {4})
    assert numbers(stocked, **conditions) == expected


def test_samples_cover_everything_once(stocked: SqlLedger) -> None:
    parts = [numbers(stocked, id_range=sample_range(number, 3)) for number in (1, 2, 3)]
    assert sorted(n for part in parts for n in part) == list(range(10))


def test_selected_items_are_whole(stocked: SqlLedger) -> None:
    for record in stocked.evidence.select(Selection()):
        assert record == stocked.evidence.get(record.evidence.id)
        assert len(record.evidence.files) == 1 + record.evidence.acquired_at.minute % 3


@pytest.mark.parametrize("table", ["evidence_state", "evidence"])
def test_a_wanted_item_without_a_row_is_told_and_never_left_out(
    ledger: SqlLedger, ledger_place: LedgerPlace, table: str
) -> None:
    ledger.journal.record([acquired(item(n)) for n in (1, 2)])
    column = "id" if table == "evidence" else "evidence_id"
    ledger_place.forge(f"DELETE FROM {table} WHERE {column} = '{item(1).id}'")
    wanted = Selection(ids=[item(1).id, item(2).id], verdict=Verdict.VERIFIED)
    told_of: list[tuple[str, str]] = []
    found = list(ledger.evidence.select(wanted, unreadable=lambda *trouble: told_of.append(trouble)))
    assert [record.evidence.id for record in found] == [item(2).id]
    assert told_of == [(item(1).id, f"ledger: there is no row {item(1).id} in table {table}")]
    with pytest.raises(LedgerError, match=f"no row {item(1).id} in table {table}"):
        list(ledger.evidence.select(wanted))
    with pytest.raises(LedgerError if table == "evidence_state" else UnknownEvidenceError):
        ledger.evidence.get(item(1).id)


GARBAGE = [
    ("files", "size", "'x'"),
    ("files", "size", "1.5"),
    ("files", "clock_offset_ms", "'x'"),
    ("files", "role", "x'00'"),
    ("files", "name", "x'00'"),
    ("files", "name", "CAST(x'ff' AS TEXT)"),
    ("files", "last_modified", "'0001-01-01T00:00:00.000000+23:59'"),
    ("evidence", "revision", "'x'"),
    ("evidence", "acquired_at", "x'00'"),
    ("evidence", "source", "CAST(x'c3' AS TEXT)"),
    ("evidence_state", "reasons", "'[[]]'"),
    ("evidence_state", "reasons", "'" + "[" * 100_000 + "'"),
    ("evidence_state", "findings", "'{}'"),
    ("evidence_state", "next_audit_at", "x'ff'"),
    ("evidence_state", "acquired_at", "CAST(x'ff' AS TEXT)"),
]


@pytest.mark.parametrize(("table", "column", "value"), GARBAGE, ids=[f"{n}" for n, _ in enumerate(GARBAGE)])
def test_a_row_that_sqlite_should_not_hold_is_named_and_keeps_no_other_item_back(
    sqlite_ledger: SqlLedger, sqlite_place: LedgerPlace, table: str, column: str, value: str
) -> None:
    one, other = item(1), item(2)
    sqlite_ledger.journal.record([acquired(one), acquired(other)])
    key = "id" if table == "evidence" else "evidence_id"
    sqlite_place.forge(f"UPDATE {table} SET {column} = {value} WHERE {key} = '{one.id}'")
    told_of: list[tuple[str, str]] = []
    for selection, by_due_time in ((Selection(), False), (Selection(), True), (Selection(ids=[one.id, other.id]), 0)):
        told_of.clear()
        records = sqlite_ledger.evidence.select(selection, bool(by_due_time), lambda *told: told_of.append(told))
        ids = [record.evidence.id for record in records]
        if (table, column) == ("evidence_state", "acquired_at"):  # evidence has it too: told by disagreements
            assert ids == [other.id, one.id] or by_due_time or selection.ids
        else:
            assert ids == [other.id]
            assert one.id in told_of[0][0] + told_of[0][1]
    assert any(f"{table}.{column}" in told for told in sqlite_ledger.evidence.disagreements(one.id))
    if told_of:
        with pytest.raises(LedgerError, match=f"{one.id}.* of table {table} cannot be read"):
            sqlite_ledger.evidence.get(one.id)


def test_nothing_is_recorded_on_top_of_findings_that_cannot_be_read(
    ledger: SqlLedger, ledger_place: LedgerPlace
) -> None:
    ledger.journal.record([acquired(item(1))])
    ledger_place.forge("UPDATE evidence_state SET findings = 'x'")
    with pytest.raises(LedgerError, match=f"row {item(1).id} of table evidence_state cannot be read"):
        ledger.journal.record([verified(item(1), START + DAY)])


def test_items_that_lack_a_key_are_found(stocked: SqlLedger) -> None:
    (lacking,) = stocked.evidence.awaiting_key()
    assert lacking.state.reasons == (Reason.KEY_UNAVAILABLE,)
    stocked.journal.record([verified(lacking.evidence, START + DAY, occasion="key")])
    assert list(stocked.evidence.awaiting_key()) == []


def test_many_ids_come_in_order(ledger: SqlLedger) -> None:
    items = [item(n) for n in range(1100)]
    ledger.journal.record([acquired(evidence) for evidence in items])
    wanted = [evidence.id for evidence in reversed(items)]
    assert [record.evidence.id for record in ledger.evidence.select(Selection(ids=wanted))] == wanted[::-1]


# ------------------------------------------------------------------------------------------ while others write


def test_items_recorded_between_pages_come_too_and_none_comes_twice(ledger: SqlLedger) -> None:
    ledger.journal.record([acquired(item(n)) for n in range(500)])
    seen: list[str] = []
    for count, record in enumerate(ledger.evidence.select(Selection())):
        seen.append(record.evidence.id)
        if count == 100:
            ledger.journal.record([acquired(item(n)) for n in range(500, 600)])
    assert seen == [item(n).id for n in range(600)]


def test_an_audit_of_all_visits_each_item_once_though_its_due_time_moves(ledger: SqlLedger) -> None:
    ledger.journal.record([acquired(item(n), next_audit_at=START + timedelta(minutes=n)) for n in range(250)])
    seen = []
    for record in ledger.evidence.select(Selection(), oldest_due_first=True):
        seen.append(record.evidence.id)
        later = record.state.next_audit_at + timedelta(minutes=300)
        ledger.journal.record([verified(record.evidence, START + DAY, next_audit_at=later)])
    assert seen == [item(n).id for n in range(250)]


@pytest.mark.parametrize("by_due_time", [False, True])
def test_an_item_is_due_too_if_it_was_judged_too_long_ago_or_ahead_of_the_clock(
    ledger: SqlLedger, ledger_place: LedgerPlace, by_due_time: bool
) -> None:
    """Items 0 to 249 were judged a day ago and are due in a year: 50 each plainly due, forged, long not judged."""
    now = START + 100 * DAY
    judged_at = {0: now - DAY, 1: now - 2 * DAY, 2: now - 40 * DAY, 3: now + 3650 * DAY, 4: now - DAY}
    ledger.journal.record([acquired(item(n)) for n in range(1250)])
    ledger.journal.record(
        [
            verified(item(n), judged_at[n % 5], next_audit_at=now - n * DAY / 5000 if n % 5 == 1 else now + 365 * DAY)
            for n in range(1250)
        ]
    )
    ledger_place.forge(
        "UPDATE evidence_state SET next_audit_at = '9999-12-31T23:59:59.999999Z',"
        f" last_audited_at = '2026-02-01T00:00:00.000000Z' WHERE evidence_id = '{item(4).id}'"
    )
    selection = Selection(due_at=now, judged_before=now - 30 * DAY)
    expected = {n for n in range(1250) if n % 5 in (1, 2, 3)} | {4}
    found = [
        int((record.evidence.acquired_at - START).total_seconds() // 60)
        for record in ledger.evidence.select(selection, by_due_time)
    ]
    assert len(found) == len(set(found))
    assert set(found) == expected
    if by_due_time:
        plainly = [n for n in range(1249, -1, -1) if n % 5 == 1]
        assert found[:250] == plainly
        assert {n % 5 for n in found[250:501]} == {2, 4}
        assert {n % 5 for n in found[501:]} == {3}
    else:
        assert found == sorted(found)
    assert {n % 5 for n in numbers(ledger, by_due_time, due_at=now)} == {1, 3}
    named = numbers(ledger, by_due_time, due_at=now, judged_before=now - 30 * DAY, ids=[item(n).id for n in range(5)])
    assert named == [1, 2, 3, 4]


@pytest.mark.thorough
@settings(max_examples=200, derandomize=True, deadline=None)
@given(
    ahead=st.timedeltas(-10 * DAY, 3650 * DAY),
    before=st.timedeltas(timedelta(minutes=1), 400 * DAY),
    after=st.timedeltas(timedelta(minutes=1), 400 * DAY),
    forged=st.booleans(),
    verdict=st.sampled_from([Verdict.VERIFIED, Verdict.FAILED, Verdict.INDETERMINATE]),
)
def test_no_item_waits_longer_than_reverify_after(
    sqlite_walks: SqlLedger, ahead: timedelta, before: timedelta, after: timedelta, forged: bool, verdict: Verdict
) -> None:
    """Judged by a clock that stood *ahead*, under another reverify_after (*before*), and perhaps forged."""
    now, evidence = START + 4000 * DAY, item(1)
    due = next_audit(evidence.id, now + ahead, verdict, before)
    forged_at = datetime(9999, 12, 31, tzinfo=UTC)
    sqlite_walks.journal.record([verified(evidence, now + ahead, next_audit_at=forged_at if forged else due)])
    found = [
        record.evidence.id
        for moment in (now, now + after)
        for record in sqlite_walks.evidence.select(Selection(due_at=moment, judged_before=moment - after), True)
    ]
    assert evidence.id in found


def test_a_walk_that_is_left_half_way_holds_nothing(ledger: SqlLedger) -> None:
    """An open SQLite reader would keep the log of writes from being folded back for as long as it lives."""
    ledger.journal.record([acquired(item(n)) for n in range(300)])
    walks = [ledger.evidence.select(Selection()) for _ in range(50)]
    first = {next(walk).evidence.id for walk in walks}
    ledger.journal.record([verified(item(0), START + DAY)])
    assert first == {item(0).id}
    assert ledger.evidence.get(item(0).id).state.last_audited_at == START + DAY


# ------------------------------------------------------------------------------------------ names


def test_an_item_is_named_by_id_query_id_or_the_beginning_of_either(ledger: SqlLedger) -> None:
    one, two = item(1), item(2)
    ledger.journal.record([acquired(one), acquired(two)])
    assert one.query_id is not None
    length = next(n for n in range(1, 33) if one.id[:n] != two.id[:n])
    for name in (one.id, one.id.upper(), one.id[:length], one.query_id, one.query_id[:8], f" {one.id}\n"):
        assert ledger.evidence.resolve(name) == one.id


def test_a_query_id_means_the_latest_revision(ledger: SqlLedger) -> None:
    revisions = [item(1, revision=number) for number in (2, 3, 1)]
    ledger.journal.record([acquired(evidence) for evidence in revisions])
    query_id = revisions[0].query_id or ""
    assert ledger.evidence.resolve(query_id) == revisions[1].id
    assert ledger.evidence.resolve(query_id[:8]) == revisions[1].id
    assert ledger.evidence.resolve(revisions[2].id) == revisions[2].id


def test_one_query_id_in_two_places_is_ambiguous(ledger: SqlLedger) -> None:
    one, copy = item(1), item(2, query_id=item(1).query_id)
    ledger.journal.record([acquired(one), acquired(copy)])
    with pytest.raises(UnknownEvidenceError, match="may mean 2 items") as caught:
        ledger.evidence.resolve(one.query_id or "")
    assert one.id in str(caught.value)
    assert copy.id in str(caught.value)


@pytest.mark.parametrize("name", ["", "  ", "ffff0000nothing", "%", "_", "0' OR '1'='1", "\x00", "\ud800"])
def test_what_names_nothing_is_said_to(ledger: SqlLedger, name: str) -> None:
    ledger.journal.record([acquired(item(1))])
    with pytest.raises(UnknownEvidenceError, match="no evidence"):
        ledger.evidence.resolve(name)


def test_an_ambiguous_beginning_lists_what_it_may_mean(ledger: SqlLedger) -> None:
    ledger.journal.record([acquired(item(n)) for n in range(30)])
    with pytest.raises(UnknownEvidenceError, match=r"may mean 30 items.* and 20 more"):
        ledger.evidence.resolve("000000")
    with pytest.raises(UnknownEvidenceError, match=r"has the ID 00000"):
        ledger.evidence.get("00000")


# ------------------------------------------------------------------------------------------ what else is asked


def test_items_with_the_same_hash_list_are_found(ledger: SqlLedger) -> None:
    ledger.journal.record([acquired(item(n, hash_list_sha256="a" * 64)) for n in range(60)])
    alike = ledger.evidence.same_hash_list("a" * 64)
    assert len(alike) == 50
    assert alike[0] == (item(0).id, item(0).query_id, f"prod/{item(0).prefix}")
    assert ledger.evidence.same_hash_list("b" * 64) == []


def test_the_hash_lists_of_many_are_looked_up_together(ledger: SqlLedger) -> None:
    replays, lists = [(n, "a" * 64) for n in range(60)], [(n, f"{n:064x}") for n in range(100, 700)]
    for some in (replays, lists):
        ledger.journal.record([acquired(item(n, hash_list_sha256=digest)) for n, digest in some])
    asked = [digest for _, digest in lists] + ["b" * 64, "a" * 64, "a" * 64]
    found = ledger.evidence.same_hash_lists(asked)
    assert found.keys() == set(asked) - {"b" * 64}
    assert found == {digest: ledger.evidence.same_hash_list(digest) for digest in found}
    assert ledger.evidence.same_hash_lists(asked[:3]) == {digest: found[digest] for digest in asked[:3]}
    assert ledger.evidence.same_hash_lists([]) == {}


def test_what_is_held_is_told_of_many(ledger: SqlLedger) -> None:
    ledger.journal.record([acquired(item(n)) for n in range(3)])
    ids = [item(n).id for n in range(1200)]
    assert set(ledger.evidence.held(ids)) == set(ids[:3])
    assert set(ledger.evidence.held([])) == set()


def test_folders_of_the_archive_that_hold_items_are_told_from_others(ledger: SqlLedger) -> None:
    evidence = item(1, path="prod/a/b%2F/c")
    ledger.journal.record([acquired(evidence)])
    inside = {folder: ledger.evidence.has_below(folder) for folder in ("prod", "prod/", "prod/a", "prod/a/b%2F")}
    assert all(inside.values()), inside
    outside = ["pro", "prod/a/b", "prod/a/b%2F/c", "prod/a/b%2F/c/d", "prod/_", "%", "prod2"]
    assert not [folder for folder in outside if ledger.evidence.has_below(folder)]


def test_totals_of_an_empty_ledger(ledger: SqlLedger) -> None:
    none = {Verdict.VERIFIED: 0, Verdict.FAILED: 0, Verdict.INDETERMINATE: 0}
    assert ledger.evidence.totals(START, 60.0) == Totals(none, 0, 0, 0, None, None, 1)


def test_totals(stocked: SqlLedger) -> None:
    evidence = next(iter(stocked.evidence.select(Selection()))).evidence
    stocked.journal.record(
        [
            DeliverySeen(at=START, source="prod", prefix="x/", objects=1, size=1, waiting_for="sign file"),
            verified(evidence, START + 2 * DAY),
        ]
    )
    stocked.deliveries.note_pass("prod", "s3://bucket", START, None)
    stocked.deliveries.note_pass("other", "s3://bucket", START + DAY, None)
    totals = stocked.evidence.totals(START + 2 * DAY, DAY.total_seconds())
    assert totals == Totals(
        by_verdict={Verdict.VERIFIED: 8, Verdict.FAILED: 1, Verdict.INDETERMINATE: 1},
        pending=1,
        size=sum(record.evidence.size for record in stocked.evidence.select(Selection())),
        overdue=9,
        oldest_audit_at=START + timedelta(minutes=1),
        last_sync_at=START + DAY,
        events=15,
    )
