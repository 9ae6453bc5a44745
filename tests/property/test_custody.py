"""Every kind of entry has a canonical JSON form, and no two entries share one."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import get_type_hints

import pytest
import rfc8785
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from archiver.domain import custody, custody_log, custody_upkeep
from archiver.domain.custody import Actor, Entry, body
from tests.property.strategies import CONFUSABLE, instances_of, values_of

KINDS = [
    kind
    for module in (custody, custody_log, custody_upkeep)
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, Entry) and kind is not Entry
]
ACTOR = Actor("root", "host", "1.0")


def canonical(entry: Entry, actor: Actor = ACTOR) -> bytes:
    return rfc8785.dumps(body(entry, actor))


def test_there_are_entries_and_each_kind_has_a_name_of_its_own():
    assert len(KINDS) >= 24
    assert len({kind.kind for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@settings(max_examples=30)
@given(data=st.data())
def test_every_entry_has_a_canonical_form_that_reads_back_as_it_is(kind, data):
    entry = data.draw(instances_of(kind))
    plain = body(entry, data.draw(instances_of(Actor)))
    assert plain["kind"] == kind.kind
    assert set(plain) == {"kind", "actor", *(field.name for field in fields(kind))}
    assert json.loads(rfc8785.dumps(plain)) == plain
    assert entry.evidence_id is None or isinstance(entry.evidence_id, str)


@pytest.mark.thorough
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@settings(max_examples=60)
@given(data=st.data())
def test_entries_that_differ_in_any_field_have_different_forms(kind, data):
    entry = data.draw(instances_of(kind))
    field = data.draw(st.sampled_from([field.name for field in fields(kind)]))
    other = replace(entry, **{field: data.draw(values_of(get_type_hints(kind)[field]))})
    assume(entry != other)
    assert canonical(entry) != canonical(other)


@given(values_of(str), values_of(str))
def test_texts_that_differ_have_different_forms(one, other):
    assume(one != other)
    assert rfc8785.dumps(custody.to_json(one)) != rfc8785.dumps(custody.to_json(other))


def test_confusable_texts_are_told_apart_in_every_combination():
    texts = {one + other for one in CONFUSABLE for other in CONFUSABLE}
    assert len({rfc8785.dumps(custody.to_json(text)) for text in texts}) == len(texts)


@given(st.integers(), st.integers())
def test_whole_numbers_of_any_size_have_forms_of_their_own(one, other):
    assume(one != other)
    assert rfc8785.dumps(custody.to_json(one)) != rfc8785.dumps(custody.to_json(other))


@given(instances_of(Actor), instances_of(Actor))
def test_who_acted_is_part_of_the_form(one, other):
    assume(one != other)
    entry = custody.DaemonStopped(at=datetime(2026, 11, 4, tzinfo=UTC), pid=1)
    assert canonical(entry, one) != canonical(entry, other)
