"""The tree of a ledger, made a second time: by the definition of RFC 6962, from the bodies alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from archiver.adapters.ledger.database import SqlLedger
from archiver.log.leaf import leaf_of
from archiver.log.tree import peaks, root_of


def root_by_definition(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1."""
    if len(leaves) <= 1:
        return hashlib.sha256(b"".join([b"\x00", *leaves]) if leaves else b"").digest()
    middle = 1
    while 2 * middle < len(leaves):
        middle *= 2
    left, right = root_by_definition(leaves[:middle]), root_by_definition(leaves[middle:])
    return hashlib.sha256(b"\x01" + left + right).digest()


def stored_rows(leaves: Sequence[bytes]) -> list[bytes]:
    """What ``merkle_nodes.hashes`` must hold for each of *leaves*: the subtrees that end with it."""
    return [
        b"".join(
            root_by_definition(leaves[end - (1 << level) : end])
            for level in range((end & -end).bit_length())  # as many as 2 divides the size
        )
        for end in range(1, len(leaves) + 1)
    ]


def check_tree(ledger: SqlLedger) -> int:
    """Asserts that every event is a leaf and the stored tree is that of the bodies; answers its size."""
    size = ledger.log.size()
    found = list(ledger.log.entries(0, size))
    assert [entry.seq for entry in found] == list(range(size))
    leaves = [leaf_of(entry.body or b"") for entry in found]
    assert all(entry.body for entry in found)
    assert [entry.hashes for entry in found] == stored_rows(leaves)
    assert root_of(size, ledger.log.hashes) == root_by_definition(leaves)
    assert set(ledger.log.hashes(peaks(size))) == set(peaks(size))
    return size
