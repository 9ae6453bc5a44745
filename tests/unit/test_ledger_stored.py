"""How text, times and lists stand in columns: reversible, and in order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.adapters.ledger.stored import (
    after_prefix,
    plain_list,
    plain_text,
    plain_time,
    stored_list,
    stored_text,
    stored_time,
)

ANY_TEXT = st.text(
    st.one_of(
        st.sampled_from("\x00\x01\x02a/\ud7ff\ud800\udc80\udfff\ue000\ue001\ue100\uf000\uffff\U0010ffff"),
        st.characters(exclude_categories=[]),
    )
)


@given(ANY_TEXT)
def test_any_text_comes_back_and_can_be_stored(text: str) -> None:
    stored = stored_text(text)
    assert "\x00" not in stored
    stored.encode("utf-8")
    assert plain_text(stored) == text


@given(ANY_TEXT, ANY_TEXT)
def test_stored_text_keeps_the_order_and_the_prefixes_of_text(one: str, other: str) -> None:
    stored_one, stored_other = (stored_text(text).encode("utf-8") for text in (one, other))
    assert (stored_one < stored_other) == (one < other)
    assert stored_other.startswith(stored_one) == other.startswith(one)


@given(ANY_TEXT, ANY_TEXT)
def test_the_range_of_a_prefix_holds_what_starts_with_it_and_nothing_else(prefix: str, text: str) -> None:
    for candidate in (text, prefix + text):
        stored, after = stored_text(prefix), after_prefix(stored_text(prefix))
        inside = stored <= stored_text(candidate) and (after is None or stored_text(candidate) < after)
        assert inside == candidate.startswith(prefix)


def test_honest_text_stands_as_it_is() -> None:
    honest = "AWSLogs/111122223333/CloudTrail-Lake/Query/2026/01/01/é 漢字 😀\n\t\x7f/"
    assert stored_text(honest) == honest


@pytest.mark.parametrize("text", ["\x01", "\x01x", "\ue000", "\ue000x", "\ue000\ue0ff", "\ue000\ue900", "\x01\x00"])
def test_text_that_was_never_stored_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="did not write"):
        plain_text(text)


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_times_come_back_and_keep_their_order(one: datetime, other: datetime) -> None:
    assert plain_time(stored_time(one)) == one
    assert len(stored_time(one)) == 27
    assert (stored_time(one) < stored_time(other)) == (one < other)


def test_times_of_other_zones_are_stored_in_utc() -> None:
    east = timezone(timedelta(hours=9))
    assert stored_time(datetime(2026, 1, 1, 9, tzinfo=east)) == "2026-01-01T00:00:00.000000Z"
    with pytest.raises(ValueError, match="zone"):
        stored_time(datetime(2026, 1, 1))  # noqa: DTZ001 - the very thing that is refused


@pytest.mark.parametrize("text", ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000000+00:00", "2026", ""])
def test_times_in_another_form_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="time"):
        plain_time(text)


@given(st.lists(ANY_TEXT))
def test_lists_come_back(values: list[str]) -> None:
    stored = stored_list(values)
    assert stored.isascii()
    assert "\x00" not in stored
    assert plain_list(stored) == values


@pytest.mark.parametrize("text", ["{}", "null", '"x"', "", "[", "[1,]"])
def test_what_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        plain_list(text)
