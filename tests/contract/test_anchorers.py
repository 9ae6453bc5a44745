"""What holds for everybody who vouches for checkpoints, over each kind and real HTTP."""

from __future__ import annotations

import hashlib
import random
import re
from dataclasses import fields, replace
from datetime import timedelta

import pytest

from archiver.domain.custody_log import CheckpointAnchored
from archiver.domain.log_records import Anchor
from archiver.errors import AnchorError
from archiver.log.tiles import index_path
from tests.support.anchoring import AnchorStand, now, prover, some_log

LOG = some_log(1300)
SIZE = 1234
NOTE = LOG.checkpoint(SIZE)


def recorded(entry: CheckpointAnchored) -> Anchor:
    """The anchor that the ledger has of *entry*."""
    return Anchor(SIZE, **{f.name: getattr(entry, f.name) for f in fields(Anchor) if f.name != "seq"})


@pytest.fixture
def made(anchor_stand: AnchorStand) -> tuple[CheckpointAnchored, bytes]:
    return anchor_stand.anchorer.anchor(SIZE, NOTE, prover(LOG))


def test_the_entry_says_what_the_proof_proves(anchor_stand, made):
    entry, proof = made
    anchorer = anchor_stand.anchorer
    assert (entry.size, entry.method, entry.name) == (SIZE, anchorer.method, anchorer.name)
    assert entry.sha256 == hashlib.sha256(proof).hexdigest()
    assert abs(entry.proved_at - now()) < timedelta(minutes=1)
    assert entry.proved_at.microsecond == 0
    assert entry.valid_until is None or entry.valid_until > now()
    assert not anchorer.retired


def test_the_proof_has_a_place_of_its_own_that_any_file_system_takes(anchor_stand, made):
    entry, _ = made
    anchorer = anchor_stand.anchorer
    assert entry.path == anchorer.path(SIZE) != anchorer.path(SIZE + 1)
    folder, _, name = entry.path.rpartition("/")
    assert folder == f"anchors/{index_path(SIZE)}"
    assert name.startswith(f"{anchorer.method}-{anchorer.name}.")
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,200}", name)


def test_the_proof_holds_without_network_for_ever(anchor_stand, made):
    entry, proof = made
    offline = anchor_stand.elsewhere()
    assert offline.check(recorded(entry), NOTE, proof) is None
    assert replace(offline.read(SIZE, NOTE, proof), at=entry.at) == entry


def test_the_proof_is_of_this_checkpoint_alone(anchor_stand, made):
    entry, proof = made
    offline = anchor_stand.elsewhere()
    for other in (LOG.checkpoint(SIZE + 1), some_log(SIZE, "other").checkpoint(SIZE)):
        assert offline.check(recorded(entry), other, proof)
        with pytest.raises(AnchorError):
            offline.read(SIZE, other, proof)


@pytest.mark.parametrize(
    "change",
    [
        {"sha256": "0" * 64},
        {"proved_at": now() - timedelta(days=1)},
        {"valid_until": now() + timedelta(days=36500)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_was_recorded_is_held_against_the_proof(anchor_stand, made, change):
    entry, proof = made
    wrong = anchor_stand.elsewhere().check(replace(recorded(entry), **change), NOTE, proof)
    assert wrong
    assert "recorded" in wrong


def test_no_other_bytes_are_that_proof(anchor_stand, made):
    entry, proof = made
    offline = anchor_stand.elsewhere()
    chance = random.Random(7)
    others = [b"", b"\0", b"null", b"[]", b"{}", b"garbage\n", proof[:-1], proof + b"\n", proof + proof]
    others += [proof[: chance.randrange(len(proof))] for _ in range(5)]
    for _ in range(15):
        flipped = bytearray(proof)
        flipped[chance.randrange(len(proof))] ^= 1 << chance.randrange(8)
        others.append(bytes(flipped))
    for other in others:
        assert offline.check(recorded(entry), NOTE, other), other


def test_nobody_there_is_an_anchor_error_that_says_who(anchor_stand):
    with pytest.raises(AnchorError) as caught:
        anchor_stand.elsewhere().anchor(SIZE, NOTE, prover(LOG))
    assert "127.0.0.1:9" in str(caught.value)
    with pytest.raises(AnchorError):
        anchor_stand.elsewhere().probe()


def test_the_same_checkpoint_can_be_anchored_again(anchor_stand, made):
    again, proof = anchor_stand.anchorer.anchor(SIZE, NOTE, prover(LOG))
    assert anchor_stand.elsewhere().check(recorded(again), NOTE, proof) is None


def test_the_heads_that_they_hold_come_newest_first(anchor_stand):
    anchorer = anchor_stand.anchorer
    assert list(anchorer.heads()) == []
    for size in (7, 999, 1234, 1299):
        anchorer.anchor(size, LOG.checkpoint(size), prover(LOG))
    told = list(anchorer.heads())
    assert bool(told) == anchor_stand.tells_heads
    assert [size for size, _ in told] in ([], [1299], [1299, 1234, 999, 7])
    for size, note in told:
        assert note.startswith(LOG.checkpoint(size))


def test_asking_whether_they_are_there_leaves_no_trace(anchor_stand, made):
    before = list(anchor_stand.anchorer.heads())
    assert anchor_stand.anchorer.probe()
    assert list(anchor_stand.anchorer.heads()) == before
