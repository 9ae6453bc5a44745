"""The Merkle tree of RFC 6962 section 2.1 (SHA-256), and the proofs of it.

A *node* is a complete subtree: ``(level, index)`` stands for the leaves from ``index * 2**level`` up to but without
``(index + 1) * 2**level``; level 0 are the leaves. Complete subtrees never change again, so the hash of a node is
known for good once its last leaf is there. Every root and every proof is made of such hashes.

What makes a proof takes a :data:`Hashes`, which answers for many nodes at once: a database or a folder of tiles is
asked one time a proof. What checks a proof takes bytes alone, from whoever sent them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Final

HASH_BYTES: Final = 32

EMPTY_ROOT: Final = hashlib.sha256(b"").digest()
"""The root of the tree without leaves (RFC 6962 section 2.1)."""

Node = tuple[int, int]
"""(level, index) of a complete subtree."""

Hashes = Callable[[Collection[Node]], Mapping[Node, bytes]]
"""Answers the hash of each node asked for, 32 bytes each. Raises where one is not to be had."""


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of a leaf (RFC 6962 section 2.1: a zero byte goes before it)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node (RFC 6962 section 2.1: a byte one goes before its children)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def completed(seq: int) -> int:
    """How many nodes leaf *seq* completes, itself included: one a level, from the leaf upwards."""
    return ((~seq & (seq + 1)) or 1).bit_length()


def peaks(size: int) -> list[Node]:
    """The largest complete subtrees that a tree of *size* leaves is made of, from left to right."""
    return list(_complete(0, size))


def _complete(start: int, end: int) -> Iterator[Node]:
    """The largest complete subtrees of the leaves from *start* to *end*, from left to right."""
    while start < end:
        level = (end - start).bit_length() - 1
        if start:
            level = min(level, (start & -start).bit_length() - 1)
        yield level, start >> level
        start += 1 << level


class Frontier:
    """A growing tree, of which only the hashes of its peaks are kept: all that the next root needs."""

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        """*hashes*: those of :func:`peaks` of *size*, in that order. Raises ValueError where they are not as many."""
        if len(hashes) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves has {size.bit_count()} peaks, not {len(hashes)}")
        self.size = size
        self._peaks = list(hashes)

    def append(self, leaf: bytes) -> list[bytes]:
        """Adds the leaf whose hash is *leaf*; answers the hashes of the nodes that it completes, leaf first."""
        done = [leaf]
        rest = self.size
        while rest & 1:
            leaf = hashlib.sha256(b"\x01" + self._peaks.pop() + leaf).digest()
            done.append(leaf)
            rest >>= 1
        self._peaks.append(leaf)
        self.size += 1
        return done

    def root(self, *after: bytes) -> bytes:
        """The root of the tree as it is now, or once complete subtrees follow whose hashes *after* are."""
        return _folded([*self._peaks, *after])


def _folded(hashes: Sequence[bytes]) -> bytes:
    """The root over peaks: each joined with all that lies to its right."""
    if not hashes:
        return EMPTY_ROOT
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


def root_of(size: int, hashes: Hashes) -> bytes:
    """The root of the tree's first *size* leaves."""
    wanted = peaks(size)
    found = hashes(wanted)
    return _folded([found[node] for node in wanted])


def frontier_at(size: int, hashes: Hashes) -> Frontier:
    """The tree of the first *size* leaves, ready to grow."""
    wanted = peaks(size)
    found = hashes(wanted)
    return Frontier(size, [found[node] for node in wanted])


def inclusion_proof(seq: int, size: int, hashes: Hashes) -> list[bytes]:
    """The audit path of leaf *seq* in the tree of *size* leaves, sibling first (RFC 6962 section 2.1.1).

    Raises ValueError where the tree has no such leaf.
    """
    if not 0 <= seq < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {seq}")
    return _hashed(_path(seq, 0, size), hashes)


def _path(seq: int, start: int, end: int) -> list[tuple[int, int]]:
    """PATH of RFC 6962 section 2.1.1 as ranges of leaves, each a subtree."""
    ranges = []
    while end - start > 1:
        middle = start + _split(end - start)
        if seq < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return ranges[::-1]


def consistency_proof(old: int, new: int, hashes: Hashes) -> list[bytes]:
    """Proves that the first *old* leaves of the tree of *new* leaves are the older tree (RFC 6962 section 2.1.2).

    Empty where *old* is 0 or *new*. Raises ValueError where *old* is larger than *new*.
    """
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} leaves does not hold one of {old}")
    if old in (0, new):
        return []
    ranges: list[tuple[int, int]] = []
    start, end, known = 0, new, True
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start, known = middle, False
    if not known:
        ranges.append((start, end))
    return _hashed(ranges[::-1], hashes)


def _split(size: int) -> int:
    """The largest power of two that is smaller than *size* (k in RFC 6962 section 2.1)."""
    return 1 << ((size - 1).bit_length() - 1)


def _hashed(ranges: Sequence[tuple[int, int]], hashes: Hashes) -> list[bytes]:
    parts = [list(_complete(start, end)) for start, end in ranges]
    found = hashes({node for nodes in parts for node in nodes})
    return [_folded([found[node] for node in nodes]) for nodes in parts]


def root_from_inclusion(leaf: bytes, seq: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root that *proof* leads to from the hash *leaf* of leaf *seq* (RFC 9162 section 2.1.3.2).

    Raises ValueError for a proof that is too short or too long for this place, or not of hashes.
    """
    if not 0 <= seq < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {seq}")
    _check_hashes([leaf, *proof])
    place, last, root = seq, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ValueError("the inclusion proof is too long")
        if place & 1 or place == last:
            root = node_hash(sibling, root)
            while not place & 1 and place:
                place >>= 1
                last >>= 1
        else:
            root = node_hash(root, sibling)
        place >>= 1
        last >>= 1
    if last:
        raise ValueError("the inclusion proof is too short")
    return root


def is_consistent(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """True if *proof* shows that the tree of *new* leaves continues that of *old* (RFC 9162 section 2.1.4.2)."""
    if not 0 <= old <= new or any(len(one) != HASH_BYTES for one in (old_root, new_root, *proof)):
        return False
    if old == new:
        return not proof and old_root == new_root
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    if not path:
        return False
    place, last = old - 1, new - 1
    while place & 1:
        place >>= 1
        last >>= 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not place & 1 and place:
                place >>= 1
                last >>= 1
        else:
            second = node_hash(second, sibling)
        place >>= 1
        last >>= 1
    return last == 0 and first == old_root and second == new_root


def _check_hashes(hashes: Sequence[bytes]) -> None:
    if any(len(one) != HASH_BYTES for one in hashes):
        raise ValueError(f"a hash has {HASH_BYTES} bytes")
