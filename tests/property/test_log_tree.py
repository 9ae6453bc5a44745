"""The Merkle tree against MTH, PATH and PROOF written down once more, straight from RFC 6962 section 2.1."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from archiver.log.tree import (
    Frontier,
    completed,
    consistency_proof,
    frontier_at,
    inclusion_proof,
    is_consistent,
    leaf_hash,
    root_from_inclusion,
)
from tests.support.made_log import MadeLog, make_log

MOST = 70
LOG = make_log(b"leaf %d" % number for number in range(MOST))

leaves = st.lists(st.binary(max_size=8), max_size=300)


def split(n: int) -> int:
    """k: the largest power of two smaller than n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def mth(d: Sequence[bytes]) -> bytes:
    if not d:
        return sha256(b"").digest()
    if len(d) == 1:
        return sha256(b"\x00" + d[0]).digest()
    k = split(len(d))
    return sha256(b"\x01" + mth(d[:k]) + mth(d[k:])).digest()


def path(m: int, d: Sequence[bytes]) -> list[bytes]:
    if len(d) == 1:
        return []
    k = split(len(d))
    if m < k:
        return [*path(m, d[:k]), mth(d[k:])]
    return [*path(m - k, d[k:]), mth(d[:k])]


def subproof(m: int, d: Sequence[bytes], b: bool) -> list[bytes]:
    if m == len(d):
        return [] if b else [mth(d)]
    k = split(len(d))
    if m <= k:
        return [*subproof(m, d[:k], b), mth(d[k:])]
    return [*subproof(m - k, d[k:], False), mth(d[:k])]


@given(leaves, st.data())
def test_roots_and_proofs_are_those_of_the_rfc(entries, data):
    log = make_log(entries)
    size = data.draw(st.integers(0, len(entries)))
    assert log.root(size) == mth(entries[:size])
    assert frontier_at(size, log.hashes).root() == mth(entries[:size])
    if size:
        seq = data.draw(st.integers(0, size - 1))
        assert inclusion_proof(seq, size, log.hashes) == path(seq, entries[:size])
        old = data.draw(st.integers(1, size))
        assert consistency_proof(old, size, log.hashes) == subproof(old, entries[:size], True)


def test_every_proof_of_every_small_tree_is_that_of_the_rfc_and_holds():
    for size in range(1, MOST + 1):
        first = LOG.leaves[:size]
        root = mth(first)
        assert LOG.root(size) == root
        for seq in range(size):
            proof = inclusion_proof(seq, size, LOG.hashes)
            assert root_from_inclusion(leaf_hash(first[seq]), seq, size, proof) == root
            assert seq % 7 or proof == path(seq, first)
        for old in range(size + 1):
            proof = consistency_proof(old, size, LOG.hashes)
            assert is_consistent(old, LOG.root(old), size, root, proof)
            assert old % 7 or proof == (subproof(old, first, True) if old else [])


@given(st.integers(0, 40), st.integers(0, 40))
def test_a_tree_grows_the_same_from_any_point(start, more):
    tree = frontier_at(start, LOG.hashes)
    for seq in range(start, min(start + more, MOST)):
        done = tree.append(leaf_hash(LOG.leaves[seq]))
        assert len(done) == completed(seq)
        assert done == [LOG.nodes[level, seq >> level] for level in range(len(done))]
        assert tree.root() == LOG.root(tree.size)


def leads_to_root(log: MadeLog, seq: int, size: int, proof: Sequence[bytes], leaf: bytes) -> bool:
    try:
        return root_from_inclusion(leaf, seq, size, proof) == log.root(size)
    except ValueError:
        return False


def damaged(proof: list[bytes], data: st.DataObject) -> list[bytes]:
    """*proof* with a bit, a hash or the order changed, never the same."""
    place = data.draw(st.integers(0, max(0, len(proof) - 1)))
    how = data.draw(st.sampled_from(["add", "drop", "flip", "twice"] if proof else ["add"]))
    match how:
        case "add":
            return [*proof[:place], data.draw(st.binary(min_size=32, max_size=32)), *proof[place:]]
        case "drop":
            return proof[:place] + proof[place + 1 :]
        case "twice":
            return [*proof[:place], proof[place], *proof[place:]]
    bit = data.draw(st.integers(0, 255))
    flipped = (int.from_bytes(proof[place], "big") ^ 1 << bit).to_bytes(32, "big")
    return [*proof[:place], flipped, *proof[place + 1 :]]


@given(st.integers(1, MOST), st.data())
def test_a_damaged_inclusion_proof_leads_elsewhere(size, data):
    seq = data.draw(st.integers(0, size - 1))
    leaf = leaf_hash(LOG.leaves[seq])
    proof = inclusion_proof(seq, size, LOG.hashes)
    assert leads_to_root(LOG, seq, size, proof, leaf)
    assert not leads_to_root(LOG, seq, size, damaged(proof, data), leaf)
    assert not leads_to_root(LOG, seq, size, proof, leaf_hash(b"another"))
    other = data.draw(st.integers(-1, MOST).filter(lambda one: one != seq))
    assert not leads_to_root(LOG, other, size, proof, leaf)


@given(st.integers(1, MOST), st.data())
def test_a_damaged_consistency_proof_does_not_hold(new, data):
    old = data.draw(st.integers(0, new))
    proof = consistency_proof(old, new, LOG.hashes)
    assert is_consistent(old, LOG.root(old), new, LOG.root(new), proof)
    assert not is_consistent(old, LOG.root(old), new, LOG.root(new), damaged(proof, data))
    assert not is_consistent(old, bytes(32), new, LOG.root(new), proof)
    # every tree continues the one without leaves
    assert is_consistent(old, LOG.root(old), new, bytes(32), proof) is (old == 0)
    assert not is_consistent(new, LOG.root(new), old, LOG.root(old), proof) or old == new
    other = data.draw(st.integers(0, new).filter(lambda one: one != old)) if new else 0
    assert not is_consistent(other, LOG.root(old), new, LOG.root(new), proof)


@given(
    st.integers(-1, 2**64),
    st.integers(-1, 2**64),
    st.lists(st.binary(min_size=32, max_size=32), max_size=70),
    st.binary(min_size=30, max_size=33),
)
def test_proofs_from_anyone_are_refused_in_one_way(one, other, proof, value):
    assert not is_consistent(one, value, other, bytes(32), proof) or one == other
    with contextlib.suppress(ValueError):
        assert root_from_inclusion(value, one, other, proof) != bytes(32)


def test_a_frontier_can_be_made_of_any_size_that_has_its_peaks():
    for size in range(MOST):
        tree = Frontier(size, [LOG.nodes[node] for node in frontier_nodes(size)])
        assert tree.root() == LOG.root(size)


def frontier_nodes(size: int) -> list[tuple[int, int]]:
    """The binary digits of *size*, largest first, each a subtree that begins where the one before ended."""
    nodes, start = [], 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            nodes.append((level, start >> level))
            start += 1 << level
    return nodes
