"""Proof files: read and written, and held against a key; every single change is found."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from archiver.log.item_proof import (
    ConsistencyProof,
    Earlier,
    ItemProof,
    NoProofFileError,
    ProvenEvent,
    decode,
    encode,
)
from archiver.log.leaf import leaf_of
from archiver.log.note import ed25519_key
from archiver.log.proof_check import check
from archiver.log.tree import consistency_proof
from tests.support.made_log import MadeLog, make_log

EVIDENCE = "e" * 32
DER = b"a public key"
KEY_SHA256 = hashlib.sha256(DER).hexdigest()
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


def body(kind: str, **members: object) -> bytes:
    value = {"at": "2026-01-01T00:00:00Z", "kind": kind, **members}
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


HARVESTED = body("key_harvested", key={"der": base64.b64encode(DER).decode()}, sha256=KEY_SHA256)
ACQUIRED = body("evidence_acquired", evidence={"id": EVIDENCE, "key_sha256": KEY_SHA256})
LONG = body("evidence_verified", id=EVIDENCE, key_sha256=KEY_SHA256, files=["f" * 64] * 1000)
ABOUT_ANOTHER = body("evidence_verified", id="d" * 32, key_sha256=KEY_SHA256)


@pytest.fixture(scope="module")
def log() -> MadeLog:
    bodies = [body("daemon_started", pid=n) for n in range(20)]
    bodies[3], bodies[5], bodies[11], bodies[13] = HARVESTED, ACQUIRED, LONG, ABOUT_ANOTHER
    return make_log([leaf_of(one) for one in bodies])


def event(log: MadeLog, seq: int, whole: bytes, size: int = 20) -> ProvenEvent:
    leaf = log.leaves[seq]
    return ProvenEvent(seq, leaf, None if leaf == whole else whole, log.proof(seq, size))


@pytest.fixture
def proof(log: MadeLog) -> ItemProof:
    return ItemProof(
        origin=log.origin,
        keys=(str(log.key),),
        checkpoint=log.checkpoint(20),
        evidence=EVIDENCE,
        events=(event(log, 3, HARVESTED), event(log, 5, ACQUIRED), event(log, 11, LONG)),
        acquired_under=Earlier(log.checkpoint(7), tuple(consistency_proof(7, 20, log.hashes))),
        not_covered=(21,),
    )


def test_a_proof_is_read_as_it_was_written_and_holds(log, proof):
    data = encode(proof)
    assert decode(data) == proof
    checked = check(decode(data), [log.key])
    assert checked.holds
    assert checked.remarks == ()
    assert checked.signers == (str(log.key),)
    assert [(one.seq, one.kind) for one in checked.events] == [
        (3, "key_harvested"),
        (5, "evidence_acquired"),
        (11, "evidence_verified"),
    ]
    assert log.leaves[11] != LONG, "the long one goes in by its digest"


def test_the_file_is_canonical_json(proof):
    rfc8785 = pytest.importorskip("rfc8785")
    data = encode(proof)
    assert data == rfc8785.dumps(json.loads(data)) + b"\n"


def test_a_consistency_proof_holds_only_between_these_heads(log):
    earlier = Earlier(log.checkpoint(7), tuple(consistency_proof(7, 20, log.hashes)))
    proof = ConsistencyProof(log.origin, (str(log.key),), log.checkpoint(20), earlier)
    assert decode(encode(proof)) == proof
    assert check(proof, [log.key]).holds
    assert not check(replace(proof, checkpoint=log.checkpoint(19)), [log.key]).holds
    assert not check(replace(proof, earlier=replace(earlier, checkpoint=log.checkpoint(8))), [log.key]).holds
    assert not check(replace(proof, earlier=replace(earlier, hashes=earlier.hashes[:-1])), [log.key]).holds
    assert not check(proof, []).holds, "a head that nobody who is trusted signed proves nothing"


def forged(text: str, log: MadeLog) -> str:
    """The checkpoint's text, signed by another key of the same name."""
    return replace(log, private=OTHER).checkpoint(int(text.split("\n")[1]))


def changed_leaf(one: ProvenEvent) -> ProvenEvent:
    return replace(one, leaf=one.leaf.replace(b"2026", b"2025"))


ALTERED = {
    "the leaf": (lambda p, _log: with_event(p, 1, changed_leaf(p.events[1])), "event 5: its leaf and its proof"),
    "the number": (
        lambda p, _log: with_event(p, 1, replace(p.events[1], seq=6)),
        "event 6: its proof is one of leaf 5",
    ),
    "the proof": (
        lambda p, log: with_event(p, 1, replace(p.events[1], proof=log.proof(5, 19))),
        "event 5: its proof is one in another checkpoint",
    ),
    "the body": (
        lambda p, _log: with_event(p, 2, replace(p.events[2], body=LONG.replace(b"2026", b"2025"))),
        "event 11: its body is not the one",
    ),
    "the body away": (
        lambda p, _log: with_event(p, 2, replace(p.events[2], body=None)),
        "event 11: its leaf holds a",
    ),
    "a body beside": (
        lambda p, _log: with_event(p, 1, replace(p.events[1], body=ACQUIRED)),
        "event 5: a body beside",
    ),
    "another item": (lambda p, _log: replace(p, evidence="d" * 32), f"event 5 is not about {'d' * 32}"),
    "another item's event": (
        lambda p, log: replace(p, events=(*p.events, event(log, 13, ABOUT_ANOTHER))),
        "event 13 is not about",
    ),
    "no acquisition": (lambda p, _log: replace(p, events=p.events[::2]), "no event of the item's acquisition"),
    "no key": (lambda p, _log: replace(p, events=p.events[1:]), f"no event of the public key {KEY_SHA256}"),
    "twice": (lambda p, _log: replace(p, events=(*p.events, p.events[2])), "not in order, or one is there twice"),
    "the signature": (
        lambda p, log: replace(p, checkpoint=forged(p.checkpoint, log)),
        "no key that was given signed",
    ),
    "the head": (lambda p, log: replace(p, checkpoint=log.checkpoint(19)), "in another checkpoint"),
    "the origin": (lambda p, _log: replace(p, origin="other.example/log"), "the checkpoint is one of"),
    "the earlier head": (
        lambda p, log: replace(p, acquired_under=replace(p.acquired_under, checkpoint=log.checkpoint(8))),
        "does not continue the earlier checkpoint of 8 leaves",
    ),
    "no head": (lambda p, _log: replace(p, checkpoint="nothing"), "the checkpoint cannot be read"),
}


def with_event(proof: ItemProof, place: int, one: ProvenEvent) -> ItemProof:
    events = list(proof.events)
    events[place] = one
    return replace(proof, events=tuple(events))


@pytest.mark.parametrize("what", ALTERED)
def test_whatever_is_altered_does_not_hold(log, proof, what):
    alter, told = ALTERED[what]
    checked = check(alter(proof, log), [log.key])
    assert not checked.holds
    assert any(told in problem for problem in checked.problems), checked.problems


def test_only_the_keys_that_are_given_count(log, proof):
    assert not check(proof, []).holds
    named_otherwise = ed25519_key("other.example/log", log.key.public)
    assert not check(proof, [named_otherwise]).holds
    assert check(proof, [named_otherwise, log.key]).holds


def test_an_earlier_head_of_a_key_that_was_replaced_is_a_remark(log, proof):
    under = replace(proof.acquired_under, checkpoint=forged(proof.acquired_under.checkpoint, log))
    checked = check(replace(proof, acquired_under=under), [log.key])
    assert checked.holds
    assert "the earlier checkpoint of 7 leaves: no key that was given signed it" in checked.remarks[0]
    both = [log.key, ed25519_key(log.origin, OTHER.public_key().public_bytes_raw())]
    assert check(replace(proof, acquired_under=under), both).remarks == ()


def spoilt(data: bytes, alter) -> bytes:
    value = json.loads(data)
    alter(value)
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    "alter",
    [
        lambda v: v["events"][0].update(leaf_hash="0" * 64),
        lambda v: v["events"][0].update(leaf_hash=5),
        lambda v: v["events"][0].update(seq=True),
        lambda v: v["events"][0].update(seq=-1),
        lambda v: v["events"][0].update(leaf="\ud800"),
        lambda v: v["events"].append(7),
        lambda v: v.update(events={}),
        lambda v: v.update(not_covered=["1"]),
        lambda v: v.update(origin=None),
        lambda v: v.pop("acquired_under"),
        lambda v: v["acquired_under"].update(consistency=["AAAA"]),
        lambda v: v["keys"].append(1),
    ],
)
def test_what_is_malformed_is_refused(proof, alter):
    with pytest.raises(ValueError, match=r".") as told:
        decode(spoilt(encode(proof), alter))
    assert not isinstance(told.value, NoProofFileError)


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"format":"x"}', b"\xff", b"[" * 100_000, b'{"a":1,"a":2}'])
def test_what_is_no_proof_file_is_told_apart(data):
    with pytest.raises(NoProofFileError):
        decode(data)
