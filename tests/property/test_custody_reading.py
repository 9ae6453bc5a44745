"""Every custody entry can be read back from its JSON, and nothing but what ``body`` writes can be read."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import rfc8785
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from archiver.domain.custody import Actor, Entry, EvidenceAcquired, body
from archiver.domain.custody_reading import KINDS, entry_of
from archiver.domain.text import printable
from tests.property.strategies import instances_of, json_values

EVERY_KIND = pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))


LATER = {"retention"}
"""Members that older bodies do not have."""


def kept(entry: Entry, actor: Actor) -> Any:
    """The body as any JSON reader gets it from the ledger."""
    return json.loads(rfc8785.dumps(body(entry, actor)))


def places(value: Any, path: str = "") -> list[tuple[str, Any, Any]]:
    """(path, container, key) of every member and element in *value*, to any depth."""
    found: list[tuple[str, Any, Any]] = []
    if isinstance(value, dict):
        keys: list[tuple[str, Any]] = [(f"{path}.{name}" if path else name, name) for name in value]
    elif isinstance(value, list):
        keys = [(f"{path}[{number}]", number) for number in range(len(value))]
    else:
        return found
    for inner, key in keys:
        found += [(inner, value, key), *places(value[key], inner)]
    return found


@EVERY_KIND
@settings(max_examples=25)
@given(data=st.data())
def test_every_entry_is_read_back_as_it_was(kind, data):
    entry, actor = data.draw(instances_of(kind)), data.draw(instances_of(Actor))
    read = entry_of(kept(entry, actor))
    assert read == (entry, actor)
    assert rfc8785.dumps(body(*read)) == rfc8785.dumps(body(entry, actor))


@EVERY_KIND
@settings(max_examples=25)
@given(data=st.data())
def test_whatever_else_stands_anywhere_is_refused_there_or_written_again_as_it_is(kind, data):
    plain = kept(data.draw(instances_of(kind)), data.draw(instances_of(Actor)))
    path, container, key = data.draw(st.sampled_from(places(plain)))
    container[key] = data.draw(json_values)
    try:
        read = entry_of(plain)
    except ValueError as error:
        named = str(error)
        told = path if "judgement.reasons" not in path else "judgement."  # what the reasons say is the verdict's, too
        assert named.startswith(tuple({path, told})) or "verdict" in named
    else:
        assert body(*read) == plain


@EVERY_KIND
@settings(max_examples=12)
@given(data=st.data())
def test_a_member_that_is_missing_is_named(kind, data):
    plain = kept(data.draw(instances_of(kind)), data.draw(instances_of(Actor)))
    members = [p for p in places(plain) if isinstance(p[1], dict) and p[2] not in LATER]
    path, container, key = data.draw(st.sampled_from(members))
    del container[key]
    with pytest.raises(ValueError, match=f"^{re.escape(path)}: "):
        entry_of(plain)


@EVERY_KIND
@settings(max_examples=12)
@given(data=st.data())
def test_a_member_that_no_entry_has_is_named(kind, data):
    plain = kept(data.draw(instances_of(kind)), data.draw(instances_of(Actor)))
    objects = [("", plain), *((f"{p}.", c[k]) for p, c, k in places(plain) if isinstance(c[k], dict))]
    path, chosen = data.draw(st.sampled_from(objects))
    name = data.draw(st.sampled_from(["x", "body", "Kind", "verdict"]))
    assume(name not in chosen)
    chosen[name] = 1
    with pytest.raises(ValueError, match=f"^{re.escape(path + name)}: not known"):
        entry_of(plain)


@settings(max_examples=50)
@given(data=st.data())
def test_a_body_from_before_a_member_came_is_read_and_written_as_it_is(data):
    plain = kept(data.draw(instances_of(EvidenceAcquired)), data.draw(instances_of(Actor)))
    for file in plain["evidence"]["files"]:
        file["origin"].pop("retention", None)
    entry, actor = entry_of(plain)
    assert all(file.origin.retention is None for file in entry.evidence.files)
    assert rfc8785.dumps(body(entry, actor)) == rfc8785.dumps(plain)
    for file in plain["evidence"]["files"][:1]:
        file["origin"]["retention"] = None
        with pytest.raises(ValueError, match=r"^evidence\.files\[0\]\.origin\.retention: None is not left out"):
            entry_of(plain)


@given(json_values)
def test_what_is_no_entry_at_all_is_a_value_error(value):
    with pytest.raises(ValueError, match=r"^(the body|kind)"):
        entry_of(value)


STOPPED = {
    "kind": "daemon_stopped",
    "actor": {"user": "root", "host": "h", "version": "1"},
    "at": "2026-11-04T00:00:00Z",
    "pid": 7,
}


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("kind", "entry"),
        ("kind", "Daemon_stopped"),
        ("kind", ["daemon_stopped"]),
        ("pid", True),
        ("pid", 7.0),
        ("pid", "7"),
        ("pid", 2**53),
        ("pid", str(2**53 - 1)),
        ("pid", "0" + str(2**60)),
        ("pid", None),
        ("at", "2026-11-04T00:00:00.000000Z"),
        ("at", "2026-11-04T01:00:00+01:00"),
        ("at", "2026-11-04T00:00:00.1234567Z"),
        ("at", "2026-11-04"),
        ("at", 1),
        ("actor", []),
    ],
)
def test_one_value_has_one_form(member, value):
    assert entry_of(STOPPED)
    with pytest.raises(ValueError, match=f"^{member}: "):
        entry_of(STOPPED | {member: value})


@pytest.mark.parametrize(
    "text",
    ["escaped:a", "escaped:\\", "escaped:\\x41", "escaped:\\u0041", "escaped:\\uDCE9", "escaped:\udce9", "\udce9"],
)
def test_text_that_is_escaped_in_another_way_is_refused(text):
    plain = {"kind": "source_recovered", "actor": STOPPED["actor"], "at": STOPPED["at"], "source": text}
    with pytest.raises(ValueError, match=r"^source: ") as refused:
        entry_of(plain)
    assert str(refused.value) == printable(str(refused.value))


def test_a_judgement_whose_verdict_is_not_that_of_its_reasons_is_refused():
    judgement = {"verdict": "verified", "reasons": ["unsigned"], "findings": [], "checks": [], "files": []}
    plain = {
        "kind": "evidence_verified",
        "actor": STOPPED["actor"],
        "at": STOPPED["at"],
        "id": "1",
        "occasion": "audit",
        "judgement": judgement,
        "key_sha256": None,
        "next_audit_at": STOPPED["at"],
    }
    with pytest.raises(ValueError, match=r"^judgement\.verdict: 'verified' is not failed"):
        entry_of(plain)
    judgement["verdict"] = "failed"
    assert entry_of(plain)
