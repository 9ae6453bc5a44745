"""The quick canonical JSON is that of RFC 8785, of all that a body can hold; what is none is not taken for one."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from archiver.adapters.ledger.canonical import canonical, canonical_json, is_canonical
from archiver.adapters.ledger.stored import stored_list
from archiver.domain.custody import Actor, body
from archiver.domain.custody_reading import KINDS
from tests.property.strategies import any_text, instances_of

exact = st.integers(-(2**53) + 1, 2**53 - 1)
plain = st.text(st.characters(exclude_categories=["Cs"]))
in_bodies = st.recursive(
    st.none() | st.booleans() | exact | plain | st.text(st.characters(max_codepoint=127)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(plain, inner, max_size=4),
    max_leaves=12,
)
numbers = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.from_regex(r"-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?", fullmatch=True),
)


@pytest.mark.thorough
@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
@given(data=st.data())
def test_every_entry_is_kept_as_rfc_8785_has_it(kind, data):
    entry, actor = data.draw(instances_of(kind)), data.draw(instances_of(Actor))
    kept = canonical(entry, actor).encode("utf-8")
    assert kept == rfc8785.dumps(body(entry, actor))
    assert is_canonical(kept, json.loads(kept))
    assert is_canonical(kept, orjson.loads(kept))


@given(in_bodies)
@example({"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "\xf6": 7})
@example("".join(map(chr, range(128))))
@example([2**53 - 1, -(2**53) + 1, 0])
def test_every_value_that_a_body_can_hold(value: Any) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)
    assert is_canonical(canonical_json(value), value)


def by_the_book(text: bytes) -> bool:
    """Whether *text* is what RFC 8785 makes of the value that it says."""
    try:
        return rfc8785.dumps(json.loads(text)) == text
    except (ValueError, RecursionError):
        return False


@given(in_bodies, st.data())
def test_a_change_that_leaves_the_value_or_the_form_is_told_as_by_the_book(value: Any, data: st.DataObject) -> None:
    text = canonical_json(value)
    at = data.draw(st.integers(0, len(text)))
    changed = text[:at] + data.draw(st.binary(max_size=2) | st.sampled_from([b" ", b"0", b".0", b"e1", b"\\u0041"]))
    changed += text[at + data.draw(st.integers(0, 2)) :]
    try:
        read = orjson.loads(changed)
    except ValueError:
        return
    assert is_canonical(changed, read) == by_the_book(changed)


@given(numbers, st.sampled_from(["%s", "[%s]", "[1,%s]", '{"a":%s}', '{"a":[%s,"b:1.5"]}']))
@example("-0", "%s")
@example("1.0", '{"a":%s}')
@example("9007199254740992", "[%s]")
@example("1e3", "%s")
def test_numbers_that_are_read_and_written_in_many_ways(number: str, around: str) -> None:
    text = (around % number).encode()
    try:
        read = orjson.loads(text)
    except ValueError:
        return
    assert is_canonical(text, read) == by_the_book(text)


@given(st.lists(any_text | st.integers() | st.dictionaries(any_text, any_text, max_size=3)))
@example(["\x7f", "\ud800", 2**70])
def test_lists_stand_in_columns_as_json_in_ascii(values: list[Any]) -> None:
    assert stored_list(values) == json.dumps(values, separators=(",", ":"), sort_keys=True)
