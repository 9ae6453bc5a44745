"""Times, due times, samples, shown text and looked-at bytes: each over anything."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from archiver.domain.due import RETRY_INDETERMINATE, next_audit, sample_range
from archiver.domain.text import printable
from archiver.domain.times import format_time, parse_time
from archiver.domain.verdict import Verdict
from archiver.verify.contents import GzipState, look_at
from tests.property.strategies import any_text, moments

_TIME_LIKE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([+-][0-9]{2}:[0-9]{2}|Z)"

zones = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=zones))  # noqa: DTZ001 - bounds
def test_a_time_survives_being_written(moment):
    text = format_time(moment)
    assert parse_time(text) == moment
    assert parse_time(text).tzinfo is UTC
    assert format_time(parse_time(text)) == text
    assert text.endswith("Z")


@given(any_text | st.from_regex(_TIME_LIKE))
def test_any_text_is_a_time_or_a_value_error(text):
    try:
        moment = parse_time(text)
    except ValueError:
        return
    assert parse_time(format_time(moment)) == moment


hexes = st.integers(0, 2**128 - 1).map(lambda number: f"{number:032x}")
spans = st.timedeltas(timedelta(minutes=1), timedelta(days=36500))
starts = st.datetimes(datetime(2022, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds


@given(hexes, starts, st.sampled_from([Verdict.VERIFIED, Verdict.FAILED]), spans)
def test_what_is_judged_comes_due_inside_its_time(identity, judged_at, verdict, span):
    due = next_audit(identity, judged_at, verdict, span)
    tick = timedelta(microseconds=1)
    assert judged_at + span * 0.70 - tick <= due <= judged_at + span * 0.95 + tick
    assert due < judged_at + span


@given(hexes, starts, spans)
def test_what_is_not_judged_comes_due_within_the_hour(identity, judged_at, span):
    due = next_audit(identity, judged_at, Verdict.INDETERMINATE, span)
    assert judged_at < due <= judged_at + min(span, RETRY_INDETERMINATE)


@given(st.integers(1, 500), hexes)
@example(3, "5" * 32)
@example(1, "f" * 32)
@example(16, "f" + "0" * 31)
def test_each_item_is_in_exactly_one_sample(parts, identity):
    ranges = [sample_range(number, parts) for number in range(1, parts + 1)]
    assert sum(start <= identity < end for start, end in ranges) == 1
    assert [end for _, end in ranges[:-1]] == [start for start, _ in ranges[1:]]
    shares = [int(end.replace("g", "1" + "0" * 32), 16) - int(start, 16) for start, end in ranges]
    assert max(shares) - min(shares) <= 1


@given(any_text, st.integers(0, 50))
def test_shown_text_prints_and_is_bounded(text, most):
    shown = printable(text, most)
    assert shown.isprintable()
    shown.encode("utf-8")
    assert len(shown) <= 10 * most + 40
    if text.isprintable() and len(text) <= most:
        assert shown == text


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_can_be_looked_at(data, whole):
    look_at(data, whole)
    look_at(b"\x1f\x8b" + data, whole)
    look_at(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" + data, whole)


@given(st.lists(st.binary(max_size=100), min_size=1, max_size=3), st.data())
def test_whole_files_are_intact_where_another_reader_takes_them_too(parts, data):
    members = b"".join(gzip.compress(part, mtime=0) for part in parts)
    assert look_at(members, whole=True).gzip is GzipState.INTACT
    cut = members[: data.draw(st.integers(2, len(members) - 1))]
    place = data.draw(st.integers(2, len(members) - 1))
    changed = members[:place] + bytes([members[place] ^ data.draw(st.integers(1, 255))]) + members[place + 1 :]
    for damaged in (cut, changed):
        if look_at(damaged, whole=True).gzip is GzipState.INTACT:
            gzip.decompress(damaged)
        assert look_at(damaged, whole=False).gzip is not GzipState.INTACT


@given(moments)
def test_a_time_without_zone_is_refused(moment):
    with pytest.raises(ValueError, match="without a zone"):
        format_time(moment.replace(tzinfo=None))
