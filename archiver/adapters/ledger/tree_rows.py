"""The Merkle tree as it stands in ``merkle_nodes``: read for its hashes, and made anew where rows were lost.

Row *seq* holds the hashes of the complete subtrees that leaf *seq* completes, leaf first (docs/adr/0009). So the
hash of a node lies in the row of its last leaf, at the node's level.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from archiver.adapters.ledger.rows import RESTORE
from archiver.adapters.ledger.statements import chunks
from archiver.adapters.ledger.tables import (
    alerts,
    anchors,
    custody_events,
    key_provenance,
    log_keys,
    merkle_nodes,
    verifications,
)
from archiver.errors import LedgerAlteredError
from archiver.log.leaf import leaf_of
from archiver.log.lines import LARGEST
from archiver.log.tree import HASH_BYTES, Frontier, Node, completed, leaf_hash, node_hash, peaks

LOST_LEAF: Final = b""
"""What stands for an event of which neither body nor hash is there: the leaf of no event, as bodies are not empty."""

_AT_ONCE: Final = 256
"""Leaves whose bodies are read together. A power of two."""


_HASHES: Final = sa.type_coerce(merkle_nodes.c.hashes, sa.types.NULLTYPE)
"""The column as it stands there: SQLite keeps any value in it."""

_NUMBERS: Final = (
    custody_events.c.seq,
    merkle_nodes.c.seq,
    verifications.c.seq,
    key_provenance.c.seq,
    log_keys.c.seq,
    anchors.c.seq,
    alerts.c.id,
)


def size_of(connection: Connection) -> int:
    """How many events there are: one more than the highest number in use.

    By the rows that follow from events too: whoever removes the last events by force leaves a gap that tells of
    them, and does not bring the ledger to a stop.
    """
    found = [connection.scalar(sa.select(sa.func.max(number))) for number in _NUMBERS]
    return max((seq for seq in found if seq is not None), default=-1) + 1


def next_number(connection: Connection) -> int:
    """:func:`size_of`, where an event can be recorded: the number that it gets.

    Raises LedgerAlteredError where a forged row has the last number that there is.
    """
    size = size_of(connection)
    if size <= LARGEST:
        return size
    tables = [
        number.table.name for number in _NUMBERS if connection.scalar(sa.select(sa.func.max(number))) == size - 1
    ]
    raise LedgerAlteredError(
        f"ledger: a row {size - 1} stands in {', '.join(tables)}, which no event made, and nothing can be recorded"
        " after it",
        RESTORE,
    )


def stored_hashes(connection: Connection, nodes: Collection[Node]) -> Mapping[Node, bytes]:
    """The hash of each of *nodes*, as stored. Raises LedgerAlteredError where one is not there, or no hash."""
    found = _found(connection, nodes)
    for level, index in nodes:
        if (level, index) not in found:
            row = _last(level, index)
            told = f"ledger: the row {row} of table merkle_nodes is not there or cannot be read"
            raise LedgerAlteredError(told, RESTORE)
    return found


def load_frontier(connection: Connection, size: int) -> Frontier:
    """The tree of the first *size* events, ready to grow.

    Whoever cuts ``merkle_nodes`` does not bring the ledger to a stop: evidence must go on being recorded. What is
    not there is made anew from the rows below it, from bodies, and with :data:`LOST_LEAF` where nothing is left of
    an event. It is not written: the gap stays to tell of itself, and a tree that went on from other leaves than
    were signed does not get another signature.
    """
    wanted = peaks(size)
    found = _found(connection, wanted)
    return Frontier(size, [found.get(node) or _made_anew(connection, *node) for node in wanted])


def hashes_in(row: object, seq: int) -> list[bytes] | None:
    """The hashes that *row*, the column of row *seq*, holds, leaf first; None where it was never written so."""
    if not isinstance(row, bytes) or len(row) != HASH_BYTES * completed(seq):
        return None
    return [row[at : at + HASH_BYTES] for at in range(0, len(row), HASH_BYTES)]


def body_bytes(stored: object) -> bytes | None:
    """A body as it stands in a column, as bytes; None for what is no text."""
    if isinstance(stored, str):
        return stored.encode("utf-8", "surrogatepass")
    return stored if isinstance(stored, bytes) else None


def _last(level: int, index: int) -> int:
    """The last leaf of a node."""
    return ((index + 1) << level) - 1


def _found(connection: Connection, nodes: Collection[Node]) -> dict[Node, bytes]:
    rows: dict[int, Any] = {}
    for chunk in chunks({_last(*node) for node in nodes}):
        found = connection.execute(sa.select(merkle_nodes.c.seq, _HASHES).where(merkle_nodes.c.seq.in_(chunk)))
        rows.update((seq, hashes) for seq, hashes in found)
    hashes = {seq: hashes_in(row, seq) for seq, row in rows.items()}
    told = {}
    for level, index in nodes:
        held = hashes.get(_last(level, index))
        if held is not None:
            told[level, index] = held[level]
    return told


def _made_anew(connection: Connection, level: int, index: int) -> bytes:
    """The hash of a node, from what lies below it: depth-first, so that memory stays flat."""
    start, end = index << level, (index + 1) << level
    if end - start <= _AT_ONCE:
        return _from_leaves(connection, start, end)
    if not _any(connection, start, end):
        return _all_lost(level)
    children = [(level - 1, 2 * index), (level - 1, 2 * index + 1)]
    found = _found(connection, children)
    left, right = (found.get(child) or _made_anew(connection, *child) for child in children)
    return node_hash(left, right)


def _from_leaves(connection: Connection, start: int, end: int) -> bytes:
    leaves = dict.fromkeys(range(start, end), leaf_hash(LOST_LEAF))
    within = [custody_events.c.seq >= start, custody_events.c.seq < end]
    for seq, stored in connection.execute(sa.select(custody_events.c.seq, custody_events.c.body).where(*within)):
        body = body_bytes(stored)
        if body is not None:
            leaves[seq] = leaf_hash(leaf_of(body))
    within = [merkle_nodes.c.seq >= start, merkle_nodes.c.seq < end]
    for seq, stored in connection.execute(sa.select(merkle_nodes.c.seq, _HASHES).where(*within)):
        hashes = hashes_in(stored, seq)
        if hashes is not None:
            leaves[seq] = hashes[0]
    hashes = list(leaves.values())
    while len(hashes) > 1:
        hashes = [node_hash(*pair) for pair in zip(hashes[::2], hashes[1::2], strict=True)]
    return hashes[0]


def _any(connection: Connection, start: int, end: int) -> bool:
    for table in (custody_events, merkle_nodes):
        seq = table.c.seq
        if connection.scalar(sa.select(seq).where(seq >= start, seq < end).limit(1)) is not None:
            return True
    return False


def _all_lost(level: int) -> bytes:
    """The hash of a node of which nothing is left. A forged number may be as high as 2**63: no leaf is counted."""
    hash_ = leaf_hash(LOST_LEAF)
    for _ in range(level):
        hash_ = node_hash(hash_, hash_)
    return hash_
