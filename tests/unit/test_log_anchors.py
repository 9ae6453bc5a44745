"""How long time stamps prove, and when they are due: over explicit times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from archiver.domain.custody_log import CheckpointAnchored
from archiver.domain.log_records import Anchor
from archiver.log.anchors import disagreement, expired, file_name, proof_path, renewal_due

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
YEAR = timedelta(days=365)
BEFORE = timedelta(days=90)


def stamp(size: int, at: timedelta, ends: timedelta | None, name: str = "a", seq: int | None = None) -> Anchor:
    """A time stamp over *size* leaves, recorded as the event right behind them."""
    until = None if ends is None else START + ends
    where = size if seq is None else seq
    return Anchor(where, size, "timestamp", name, "anchors/x", "0" * 64, START + at, until)


def names(anchors: list[Anchor]) -> list[int]:
    return [anchor.size for anchor in anchors]


# --------------------------------------------------------------------------------------------- what has expired


def test_a_stamp_proves_to_the_end_of_its_certificate():
    one = stamp(10, 0 * DAY, YEAR)
    assert expired([one], START + YEAR) == []
    assert expired([one], START + YEAR + timedelta(seconds=1)) == [one]


def test_a_later_stamp_in_time_carries_it_on():
    first, later = stamp(10, 0 * DAY, YEAR), stamp(20, YEAR, 3 * YEAR)
    assert expired([first, later], START + 3 * YEAR) == []
    assert expired([first, later], START + 3 * YEAR + DAY) == [first, later]


def test_a_later_stamp_too_late_does_not():
    first, later = stamp(10, 0 * DAY, YEAR), stamp(20, YEAR + timedelta(seconds=1), 3 * YEAR)
    assert expired([first, later], START + 2 * YEAR) == [first]


def test_a_stamp_covers_an_anchor_only_where_its_tree_holds_the_event():
    first = stamp(10, 0 * DAY, YEAR, seq=19)
    assert expired([first, stamp(19, YEAR, 3 * YEAR)], START + 2 * YEAR) == [first]
    assert expired([first, stamp(20, YEAR, 3 * YEAR)], START + 2 * YEAR) == []


def test_it_goes_on_from_stamp_to_stamp_whoever_made_them():
    chain = [stamp(10 * n, (n - 1) * YEAR, n * YEAR, name="ab"[n % 2]) for n in range(1, 8)]
    assert expired(chain, START + 7 * YEAR) == []
    broken = [one for one in chain if one.size != 40]
    assert names(expired(broken, START + 7 * YEAR)) == [10, 20, 30]


def test_another_stamp_of_the_same_checkpoint_does_not_carry_it():
    one, other = stamp(10, 0 * DAY, YEAR, "a"), stamp(10, 0 * DAY, 5 * YEAR, "b", seq=11)
    assert expired([one, other], START + 2 * YEAR) == [one]


def test_others_than_time_stamps_are_passed_over():
    locked = Anchor(10, 10, "object_lock", "b", "p", "0" * 64, START, START + DAY)
    assert expired([locked], START + YEAR) == []
    assert not renewal_due([locked], START + DAY, BEFORE)


stamps = st.lists(
    st.builds(
        lambda size, behind, at, runs: stamp(size, at * DAY, (at + runs) * DAY, seq=size + behind),
        st.integers(1, 30),
        st.integers(0, 5),
        st.integers(0, 40),
        st.integers(0, 20),
    ),
    max_size=12,
)


@given(stamps, st.integers(0, 70))
def test_it_is_what_following_every_chain_by_hand_gives(anchors, today):
    now = START + today * DAY

    def proves(one: Anchor) -> bool:
        return now <= one.valid_until or any(
            other.size > one.seq and other.proved_at <= one.valid_until and proves(other) for other in anchors
        )

    lost = [anchor for anchor in anchors if not proves(anchor)]
    assert sorted(map(repr, expired(anchors, now))) == sorted(map(repr, lost))


# ------------------------------------------------------------------------------------------------- what is due


def test_a_stamp_is_due_once_its_end_comes_near():
    one = [stamp(10, 0 * DAY, YEAR)]
    assert not renewal_due(one, START + YEAR - BEFORE - timedelta(seconds=1), BEFORE)
    assert renewal_due(one, START + YEAR - BEFORE, BEFORE)
    assert renewal_due(one, START + YEAR, BEFORE)


def test_what_has_ended_cannot_be_renewed():
    assert not renewal_due([stamp(10, 0 * DAY, YEAR)], START + YEAR + DAY, BEFORE)
    assert not renewal_due([], START, BEFORE)
    assert not renewal_due([stamp(10, 0 * DAY, None)], START + YEAR, BEFORE)


def test_a_later_stamp_that_ends_later_has_renewed_it():
    now = START + YEAR - DAY
    assert not renewal_due([stamp(10, 0 * DAY, YEAR), stamp(20, 300 * DAY, 2 * YEAR)], now, BEFORE)
    assert not renewal_due([stamp(10, 0 * DAY, YEAR), stamp(20, 300 * DAY, 2 * YEAR, "b")], now, BEFORE)
    assert renewal_due([stamp(10, 0 * DAY, YEAR), stamp(10, 1 * DAY, 2 * YEAR, "b", seq=11)], now, BEFORE)


def test_an_authority_with_its_old_certificate_is_not_asked_without_pause():
    now = START + YEAR - 80 * DAY
    tried = [stamp(10, 0 * DAY, YEAR), stamp(20, now - START, YEAR)]
    assert not renewal_due(tried, now + timedelta(hours=23), BEFORE)
    assert renewal_due(tried, now + DAY, BEFORE)


def test_the_nearer_the_end_the_more_often():
    end = timedelta(hours=4)
    tried = [stamp(10, 0 * DAY, end)]
    assert not renewal_due(tried, START + timedelta(hours=1), BEFORE)
    assert renewal_due(tried, START + timedelta(hours=2), BEFORE)


# ------------------------------------------------------------------------------------------------ small things


def test_names_become_files_names():
    assert file_name("witness.example.com/w1") == "witness.example.com-w1"
    assert file_name("../é x\n") == "..---x-"
    assert proof_path("witness", "w", 1234067, "note") == "anchors/x001/x234/067/witness-w.note"


def test_what_was_recorded_differs_from_what_was_read():
    told = CheckpointAnchored(
        at=START, size=10, method="witness", name="w", path="p", sha256="0" * 64, proved_at=START, valid_until=None
    )
    same = Anchor(10, 10, "witness", "w", "p", "0" * 64, START, None)
    assert disagreement(same, told) is None
    for field, value in (
        ("size", 11),
        ("name", "x"),
        ("valid_until", START),
        ("proved_at", START + DAY),
        ("sha256", ""),
    ):
        changed = {name: getattr(same, name) for name in Anchor.__dataclass_fields__} | {field: value}
        assert disagreement(Anchor(**changed), told), field


def test_many_anchors_are_judged_at_once():
    """Half a year of stamps every quarter of an hour: by every pair this would not end."""
    quarter = timedelta(minutes=15)
    many = [stamp(n + 1, n * quarter, n * quarter + 30 * DAY) for n in range(20_000)]
    assert expired(many, START + 20_000 * quarter) == []
    assert expired(many, START + YEAR) == many
