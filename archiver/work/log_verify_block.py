"""256 leaves at a time, for ``ledger verify``: what each witness says of them, and which of it is believed. Pure.

Four witnesses tell the hash of a leaf: the row of ``merkle_nodes``, the event's body, the published tile and the
published entry. Where they differ, what a signed head proves is believed, else what most of them say.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from itertools import takewhile
from operator import itemgetter
from typing import Final, TypeVar

from archiver.log.leaf import leaf_of
from archiver.log.tree import HASH_BYTES, completed, leaf_hash, node_hash

WIDTH: Final = 256
LEVELS: Final = 8
"""A whole block is a node of this level."""

Hash = bytes | None
"""None where nobody tells it."""

Node = TypeVar("Node", bytes, Hash)

Levels = Sequence[Sequence[Hash]]
"""The hashes of a block's nodes: leaves first, each level half as long."""

LOST: Final = leaf_hash(b"")
"""What the ledger goes on with where nothing is left of an event (see the ledger's ``tree_rows``)."""

ROWS, BODIES, TILES, ENTRIES = range(4)
"""The witnesses, in the order in which they are believed where as many say one thing as the other."""


def levels_of(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """The complete nodes over *leaves*, level by level."""
    sha256 = hashlib.sha256
    levels = [list(leaves)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        pairs = zip(below[::2], below[1::2], strict=False)
        levels.append([sha256(b"\x01" + left + right).digest() for left, right in pairs])
    return levels


def rows_of(levels: Levels) -> list[list[Hash]]:
    """The nodes that each leaf completes, leaf first, as ``merkle_nodes`` has them; up to the block's own."""
    return [
        [levels[level][leaf >> level] for level in range(min(completed(leaf), LEVELS + 1))]
        for leaf in range(len(levels[0]))
    ]


def _order() -> list[int]:
    """Where the nodes of a whole block, level after level, stand in its rows one after the other."""
    starts = [2 * WIDTH - (2 * WIDTH >> level) for level in range(LEVELS + 1)]
    numbers: list[list[Hash]] = [
        [(start + n).to_bytes(2, "big") for n in range(WIDTH >> level)] for level, start in enumerate(starts)
    ]
    return [int.from_bytes(node or b"", "big") for row in rows_of(numbers) for node in row]


_IN_ROWS: Final = itemgetter(*_order())

ROW_BYTES: Final = [HASH_BYTES * min(completed(leaf), LEVELS + 1) for leaf in range(WIDTH)]
"""Of the rows of a whole block; the last one has more where the block completes larger nodes."""


def in_rows(levels: Sequence[Sequence[bytes]]) -> bytes:
    """The rows of a whole block, joined."""
    return b"".join(_IN_ROWS([node for level in levels for node in level]))


def split(row: Hash, seq: int) -> list[bytes] | None:
    """The hashes of the row of leaf *seq*; None for one that has not as many as it should."""
    if row is None or len(row) != HASH_BYTES * completed(seq):
        return None
    return [row[at : at + HASH_BYTES] for at in range(0, len(row), HASH_BYTES)]


def first_of(row: Hash) -> Hash:
    """The leaf's own hash in its row."""
    return row[:HASH_BYTES] if row is not None and len(row) >= HASH_BYTES else None


def hash_of_body(body: bytes | None) -> Hash:
    """The hash of the leaf that *body* makes."""
    return None if body is None else leaf_hash(leaf_of(body))


def believed(
    witnesses: Sequence[Sequence[Hash]],
    parents: Sequence[Hash],
    proves: Callable[[Sequence[bytes]], int],
) -> list[Hash]:
    """The hash of each leaf that is to be believed.

    *witnesses*: by :data:`ROWS` and the others, all of the same length. *parents*: the stored hash over each pair.
    *proves* is given what a witness tells without a gap from the first leaf on, and answers how many of these are
    proven, 0 for none.
    """
    count = len(witnesses[ROWS])
    most = [_most([witness[leaf] for witness in witnesses]) for leaf in range(count)]
    for pair in range(len(parents)):
        _settle(most, witnesses, parents[pair], 2 * pair)
    for candidate in (most, *(witnesses[n] for n in (BODIES, TILES, ENTRIES, ROWS))):
        told = [leaf for leaf in takewhile(lambda one: one is not None, candidate) if leaf is not None]
        proven = proves(told)
        if proven:
            return [*told[:proven], *most[proven:]]
    return most


def _most(said: Sequence[Hash]) -> Hash:
    values = [one for one in said if one is not None]
    return max(values, key=values.count) if values else None


def _settle(most: list[Hash], witnesses: Sequence[Sequence[Hash]], parent: Hash, leaf: int) -> None:
    """Where row and body contradict each other and nobody else tells, what their stored parent was made of counts."""
    pair = (leaf, leaf + 1)
    if parent is None or all(not _is_open(witnesses, one) for one in pair):
        return
    for left in dict.fromkeys((most[leaf], witnesses[ROWS][leaf], witnesses[BODIES][leaf])):
        for right in dict.fromkeys((most[leaf + 1], witnesses[ROWS][leaf + 1], witnesses[BODIES][leaf + 1])):
            if left is not None and right is not None and node_hash(left, right) == parent:
                most[leaf : leaf + 2] = [left, right]
                return


def _is_open(witnesses: Sequence[Sequence[Hash]], leaf: int) -> bool:
    row, body, tile, entry = (witness[leaf] for witness in witnesses)
    return row != body and tile is None and entry is None


def levels_believed(leaves: Sequence[Hash], rows: Sequence[list[bytes] | None]) -> list[list[Hash]]:
    """The nodes over *leaves*; over one that nobody tells the one that is stored in *rows*, if it is."""
    levels: list[list[Hash]] = [list(leaves)]
    while len(levels[-1]) > 1:
        below, level = levels[-1], len(levels)
        above: list[Hash] = []
        for number, (left, right) in enumerate(zip(below[::2], below[1::2], strict=False)):
            if left is not None and right is not None:
                above.append(node_hash(left, right))
            else:
                row = rows[((number + 1) << level) - 1]
                above.append(row[level] if row is not None else None)
        levels.append(above)
    return levels


def altered_rows(rows: Sequence[list[bytes] | None], truth: Levels) -> list[int]:
    """The leaves in whose row stands an inner node that is neither right nor made of what stands below it.

    The latter differs because something below it does, which is told where it is. Rows that cannot be split are left
    out.
    """
    wrong = []
    for leaf, row in enumerate(rows):
        for level in range(1, min(completed(leaf), LEVELS + 1)):
            if row is None or truth[level][leaf >> level] in (None, row[level]):
                continue
            left = rows[leaf - (1 << (level - 1))]
            if left is None or node_hash(left[level - 1], row[level - 1]) != row[level]:
                wrong.append(leaf)
                break
    return wrong


def tail_of(levels: Sequence[Sequence[Node]], count: int) -> list[Node]:
    """The largest complete subtrees of the first *count* leaves of a block, from left to right."""
    nodes: list[Node] = []
    at = 0
    for level in range(LEVELS, -1, -1):
        if count >> level & 1:
            nodes.append(levels[level][at >> level])
            at += 1 << level
    return nodes
