"""The Merkle tree against the test tree of the Certificate Transparency project (RFC 6962's reference code)."""

from __future__ import annotations

import pytest

from archiver.log.tree import (
    EMPTY_ROOT,
    Frontier,
    completed,
    consistency_proof,
    frontier_at,
    inclusion_proof,
    is_consistent,
    leaf_hash,
    peaks,
    root_from_inclusion,
)
from tests.support.made_log import make_log

LEAVES = [
    bytes.fromhex(leaf)
    for leaf in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def test_the_roots_of_the_known_tree():
    log = make_log(LEAVES)
    assert [log.root(size).hex() for size in range(9)] == ROOTS
    assert bytes.fromhex(ROOTS[0]) == EMPTY_ROOT


def test_a_proof_of_the_known_tree():
    """PATH(5, D[8]) as the reference code's test has it."""
    log = make_log(LEAVES)
    assert [one.hex() for one in inclusion_proof(5, 8, log.hashes)] == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


def test_what_a_leaf_completes():
    assert [completed(seq) for seq in range(8)] == [1, 2, 1, 3, 1, 2, 1, 4]
    assert completed(2**40 - 1) == 41


def test_peaks_from_left_to_right():
    assert peaks(0) == []
    assert peaks(7) == [(2, 0), (1, 2), (0, 6)]
    assert peaks(70_000) == [(16, 0), (12, 16), (8, 272), (6, 1092), (5, 2186), (4, 4374)]


def test_a_frontier_wants_as_many_hashes_as_it_has_peaks():
    log = make_log(LEAVES)
    assert frontier_at(7, log.hashes).append(leaf_hash(LEAVES[7]))[-1].hex() == ROOTS[8]
    with pytest.raises(ValueError, match="has 3 peaks, not 1"):
        Frontier(7, [bytes(32)])


def test_places_that_no_tree_has():
    log = make_log(LEAVES)
    for seq, size in ((8, 8), (-1, 8), (0, 0)):
        with pytest.raises(ValueError, match="has no leaf"):
            inclusion_proof(seq, size, log.hashes)
        with pytest.raises(ValueError, match="has no leaf"):
            root_from_inclusion(bytes(32), seq, size, [])
    for old, new in ((5, 4), (-1, 4)):
        with pytest.raises(ValueError, match="does not hold"):
            consistency_proof(old, new, log.hashes)
        assert not is_consistent(old, bytes(32), new, bytes(32), [])


def test_hashes_of_another_length_are_refused():
    with pytest.raises(ValueError, match="32 bytes"):
        root_from_inclusion(bytes(31), 0, 1, [])
    with pytest.raises(ValueError, match="32 bytes"):
        root_from_inclusion(bytes(32), 0, 2, [b""])
    assert not is_consistent(1, bytes(32), 2, bytes(32), [bytes(31)])
