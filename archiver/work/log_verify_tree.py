"""The tree made anew from the events' bodies, for ``ledger verify``, and held against all who say what it is."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, Protocol, TypeVar

from archiver.domain.log_records import LogEntry
from archiver.errors import StoppedError
from archiver.log.leaf import ENTRY_BYTES, leaf_of
from archiver.log.tiles import entries_of
from archiver.log.tree import HASH_BYTES, Frontier, completed, leaf_hash, node_hash
from archiver.ports import Progress, ShouldStop
from archiver.work.log_verify_block import (
    LEVELS,
    LOST,
    ROW_BYTES,
    WIDTH,
    Hash,
    altered_rows,
    believed,
    first_of,
    hash_of_body,
    in_rows,
    levels_believed,
    levels_of,
    split,
)
from archiver.work.log_verify_report import Findings, of_events
from archiver.work.log_verify_tiles import ENTRIES, Published, PublishedTiles, hashes_in

FAR: Final = 1 << 18
"""Numbers without any row after which what lies beyond does not count as the log's: a forged one may be 2**62."""

_NO_ROW: Final = "merkle_nodes has no row for it that can be read"

_LENGTH: Final = struct.Struct(">H").pack

_NO_HASH: Final[Sequence[Hash]] = (None,) * WIDTH

Node = TypeVar("Node", bytes, Hash)

RootAt = Callable[[int], bytes | None]
"""The root of the tree of so many leaves, None where it is not known."""


class Watcher(Protocol):
    """Who wants to know of the tree while it is walked, up to 256 leaves at a time."""

    def leaves(self, first: int, leaves: Sequence[bytes | None], joined: bytes) -> None:
        """The leaves from *first* on that are believed; None where nobody has one with the hash that is.

        *joined*: all that are there, in one piece: to look for what few of them hold.
        """
        ...

    def judge(self, first: int, last: int, root_at: RootAt, rewritten: int | None) -> None:
        """*root_at* answers for the sizes from *first* to *last* now.

        *rewritten*: the first event that differs from what is signed, and fits the ledger's own tree.
        """
        ...


@dataclass
class _Block:
    """256 leaves, or the last ones. ``own``: hashes of the bodies' leaves; ``truth``: the levels to be believed."""

    first: int
    bodies: list[bytes | None]
    rows: list[bytes | None]
    tile: Published
    bundle: Published
    leaves: list[bytes | None] = field(default_factory=list)
    own: Sequence[Hash] = ()
    truth: Sequence[Sequence[Hash]] = ()

    @property
    def number(self) -> int:
        return self.first // WIDTH


class TreeCheck:
    """Walks the ledger's log once. ``newest``: (size, root) of the newest signed head that is believed, if any.

    ``size``: leaves that were walked; ``checked``: events whose body was there; ``rows``: of ``merkle_nodes``;
    ``far``: True where the walk ended before a number far beyond.
    """

    def __init__(
        self, tiles: PublishedTiles, newest: tuple[int, bytes] | None, watcher: Watcher, findings: Findings
    ) -> None:
        self.size = self.checked = self.rows = 0
        self.far = False
        self._tiles = tiles
        self._newest = newest
        self._watcher = watcher
        self._findings = findings
        self._runs = of_events(findings)
        self._rewritten: int | None = None
        self._blocks = Frontier()
        self._tail: Sequence[Sequence[Hash]] = ()
        self._stored: dict[int, bytes] = {}
        self._above: dict[int, list[bytes]] = {}

    def run(self, entries: Iterator[LogEntry], progress: Progress, should_stop: ShouldStop) -> None:
        """Walks *entries*, all of the log from 0 on. Raises StoppedError, and as they do."""
        entries = self._near(entries)
        while chunk := list(islice(entries, WIDTH)):
            if should_stop():
                raise StoppedError("stopped before the ledger was verified")
            bodies, rows = [entry.body for entry in chunk], [entry.hashes for entry in chunk]
            number = self.size // WIDTH
            block = _Block(self.size, bodies, rows, self._tiles.at(0, number), self._tiles.at(ENTRIES, number))
            self._walk(block)
            progress.moved(sum(map(len, filter(None, bodies))))
        self._runs.finish()
        for level, hashes in self._above.items():
            if hashes or self._tiles.size:
                self._check_above(level, self._blocks.size >> LEVELS * level, hashes)

    def root(self) -> bytes | None:
        """The root of all that was walked, None where it is not known."""
        return self._root_at(self.size)

    def _near(self, entries: Iterator[LogEntry]) -> Iterator[LogEntry]:
        """*entries* up to where nothing more is for a long way."""
        yield from islice(entries, self._tiles.size)
        held: list[LogEntry] = []
        for entry in entries:
            if entry.body is None and entry.hashes is None:
                held.append(entry)
                if len(held) == FAR:
                    self.far = True
                    return
            else:
                yield from held
                held.clear()
                yield entry
        yield from held

    # ------------------------------------------------------------------------------------ one block

    def _walk(self, block: _Block) -> None:
        if not self._is_right(block):
            self._judge(block)
        count = len(block.bodies)
        self.checked += count - block.bodies.count(None)
        self.rows += count - block.rows.count(None)
        self._watcher.leaves(block.first, block.leaves, b"".join(filter(None, block.leaves)))
        self._tail = block.truth
        self.size = block.first + count
        last = self.size - (count == WIDTH)
        self._watcher.judge(block.first + 1, last, self._root_at, self._rewritten)
        if count == WIDTH:
            self._tail = ()
            self._append(block)
            self._watcher.judge(self.size, self.size, self._root_at, self._rewritten)
        self._runs.settle(self.size)

    def _is_right(self, block: _Block) -> bool:
        """The usual case, quickly: a whole block of which all witnesses say the same."""
        bodies, rows, tile, found = block.bodies, block.rows, block.tile, block.bundle
        if len(bodies) < WIDTH or None in bodies or None in rows:
            return False
        leaves = [body for body in bodies if body is not None]
        if max(map(len, leaves)) > ENTRY_BYTES:
            leaves = [leaf_of(body) for body in leaves]
        sha256 = hashlib.sha256
        own = [sha256(b"\x00" + leaf).digest() for leaf in leaves]
        levels = levels_of(own)
        stored = [row for row in rows if row is not None]
        sizes = list(map(len, stored))
        block.leaves, block.own, block.truth = list(leaves), own, levels
        return (
            b"".join(stored).startswith(in_rows(levels))
            and sizes[:-1] == ROW_BYTES[:-1]
            and sizes[-1] == HASH_BYTES * completed(block.first + WIDTH - 1)
            and self._tiles.proven(block.number) in (None, levels[LEVELS][0])
            and (tile.width == 0 or (tile.width == WIDTH and tile.data == b"".join(own)))
            and (found.width == 0 or (found.width == WIDTH and found.data == _bundle(leaves)))
            and not self._tiles.has_beside(0, block.number)
            and not self._tiles.has_beside(ENTRIES, block.number)
        )

    def _judge(self, block: _Block) -> None:
        """Finds out whom to believe, and tells who differs."""
        count, first = len(block.bodies), block.first
        block.own = [hash_of_body(body) for body in block.bodies]
        rows = [split(row, first + n) for n, row in enumerate(block.rows)]
        tile, entries = _hashes_of(block.tile, count), [*hashes_in(block.bundle), *_NO_HASH][:count]
        witnesses = ([first_of(row) for row in block.rows], block.own, tile, entries)
        parents = [row[1] if row is not None else None for row in rows[1::2]]
        leaves = believed(witnesses, parents, self._proof(block))
        block.truth = self._truth(block, leaves, rows)
        self._tell(block, witnesses, rows)
        self._tiles.check_hashes(block.tile, 0, block.number, block.truth[0])
        self._tiles.check_entries(block.bundle, block.number, block.truth[0])
        block.leaves = self._leaves(block)

    def _truth(
        self, block: _Block, leaves: Sequence[Hash], rows: Sequence[list[bytes] | None]
    ) -> Sequence[Sequence[Hash]]:
        levels = levels_believed(leaves, rows)
        if len(leaves) < WIDTH:
            return levels
        proven = self._tiles.proven(block.number)
        if proven is not None:
            levels[LEVELS] = [proven]
        elif levels[LEVELS][0] is None:
            levels[LEVELS] = list(levels_of([leaf or LOST for leaf in leaves])[LEVELS])
        return levels

    def _proof(self, block: _Block) -> Callable[[Sequence[bytes]], int]:
        """Answers how many of the first leaves a signed head proves to be the ones that it is given."""
        count = len(block.bodies)
        proven = self._tiles.proven(block.number)

        def every(leaves: Sequence[bytes]) -> list[bytes]:
            # where the ledger ends before the tile does, what the tile has more completes the block
            rest = _hashes_of(block.tile, WIDTH)[count:] if len(leaves) == count else ()
            return [*leaves, *(one for one in rest if one is not None)]

        def whole(leaves: Sequence[bytes]) -> int:
            told = every(leaves)
            return count if len(told) == WIDTH and levels_of(told)[LEVELS][0] == proven else 0

        def part(leaves: Sequence[bytes]) -> int:
            size, root = self._newest or (0, b"")
            told = every(leaves)[: max(0, size - block.first)]
            if not told or block.first + len(told) != size:
                return 0
            nodes = _tail_of(levels_of(told), len(told))
            return min(count, len(told)) if self._blocks.root(*nodes) == root else 0

        return part if proven is None else whole

    def _tell(
        self,
        block: _Block,
        witnesses: Sequence[Sequence[Hash]],
        rows: Sequence[list[bytes] | None],
    ) -> None:
        truth = block.truth[0]
        bent = set(altered_rows(rows, block.truth))
        for n, (row, body, tile, entry) in enumerate(zip(*witnesses, strict=True)):
            seq = block.first + n
            published = tile is not None or entry is not None
            if self._tell_body(seq, row, body, truth[n], published) or (body is None and not published):
                continue
            if block.rows[n] is None:
                self._tell_lost_row(seq, block)
            elif rows[n] is None or row != truth[n] or n in bent:
                self._runs.add("tree_altered", "the row in merkle_nodes is not what the events make it", seq)

    def _tell_body(self, seq: int, row: Hash, body: Hash, truth: Hash, published: bool) -> bool:
        """Tells what is wrong with the body of event *seq*, if anything is; True if its row was told with it."""
        if body is None:
            lost = (
                "there is no such event, and no row of it in merkle_nodes"
                if row is None
                else "there is no such event"
            )
            self._runs.add("event_missing", lost, seq)
            return row is None
        if body == truth:
            return False
        if row != body:
            unsure = "" if published else ", and nothing published says which of the two was changed"
            self._runs.add("event_altered", f"its body is not what its row in merkle_nodes was made of{unsure}", seq)
            return False
        self._runs.add("event_altered", "its body and its row in merkle_nodes are not what was published", seq)
        if self._rewritten is None:
            self._rewritten = seq
        return True

    def _tell_lost_row(self, seq: int, block: _Block) -> None:
        after = seq - block.first + 1
        if seq >= self._tiles.size and all(row is None for row in block.rows[after:]):
            self._runs.add("event_added", f"{_NO_ROW}: it is none of the log's, or its row was removed", seq)
        else:
            self._runs.add("tree_altered", _NO_ROW, seq)

    def _leaves(self, block: _Block) -> list[bytes | None]:
        """The leaf of each hash that is believed, from the body or the published entry."""
        truth = block.truth[0]
        leaves: list[bytes | None] = [
            leaf_of(body) if body is not None and own == true else None
            for body, own, true in zip(block.bodies, block.own, truth, strict=True)
        ]
        if None in leaves and block.bundle.data is not None:
            try:
                entries = entries_of(block.bundle.data)
            except ValueError:
                return leaves
            for n, entry in enumerate(entries[: len(leaves)]):
                if leaves[n] is None and leaf_hash(entry) == truth[n]:
                    leaves[n] = entry
        return leaves

    # --------------------------------------------------------------------------- above the blocks

    def _append(self, block: _Block) -> None:
        """The block is whole: takes it into the tree, and looks at what it completes."""
        root = block.truth[LEVELS][0] or LOST
        done = self._blocks.append(root)
        seq = block.first + WIDTH - 1
        row = split(block.rows[-1], seq)
        if row is not None:
            self._check_upper(row, done, seq)
        for level in range(1, (len(done) - 1) // LEVELS + 2):
            hashes = self._above.setdefault(level, [])
            hashes.append(done[LEVELS * (level - 1)])
            if len(hashes) == WIDTH:
                self._check_above(level, (self._blocks.size >> LEVELS * level) - 1, hashes)
                hashes.clear()

    def _check_upper(self, row: Sequence[bytes], done: Sequence[bytes], seq: int) -> None:
        """The nodes above level 8 in the row of leaf *seq*; one that fits what is stored below it is not to blame."""
        wrong = False
        for level in range(LEVELS + 1, len(row)):
            left = self._stored.get(level - 1)
            made = left is not None and node_hash(left, row[level - 1]) == row[level]
            wrong = wrong or (row[level] != done[level - LEVELS] and not made)
        if wrong:
            self._runs.add("tree_altered", "the row in merkle_nodes is not what the events make it", seq)
        self._stored.update((level, row[level]) for level in range(LEVELS, len(row)))

    def _check_above(self, level: int, index: int, hashes: Sequence[bytes]) -> None:
        found = self._tiles.at(level, index)
        if found.data != b"".join(hashes) or self._tiles.has_beside(level, index):
            self._tiles.check_hashes(found, level, index, hashes)

    def _root_at(self, size: int) -> bytes | None:
        """The root of the tree of *size* leaves, which end in the last block."""
        whole = self._blocks.size * WIDTH
        if size == whole:
            return self._blocks.root()
        nodes = _tail_of(self._tail, size - whole)
        return None if None in nodes else self._blocks.root(*(node for node in nodes if node is not None))


def _bundle(leaves: Sequence[bytes]) -> bytes:
    """The bundle of *leaves*, none of which is too long: as ``log.tiles.bundle``, in a third of the time."""
    return b"".join([_LENGTH(len(leaf)) + leaf for leaf in leaves])


def _hashes_of(tile: Published, count: int) -> list[Hash]:
    """The first *count* hashes of a tile; None for those that it does not have."""
    data = tile.data or b""
    held: list[Hash] = [data[at : at + HASH_BYTES] for at in range(0, len(data) - HASH_BYTES + 1, HASH_BYTES)]
    return [*held, *_NO_HASH][:count]


def _tail_of(levels: Sequence[Sequence[Node]], count: int) -> list[Node]:
    """The largest complete subtrees of the first *count* leaves of a block, from left to right."""
    nodes: list[Node] = []
    at = 0
    for level in range(LEVELS, -1, -1):
        if count >> level & 1:
            nodes.append(levels[level][at >> level])
            at += 1 << level
    return nodes
