"""The tree made anew from the events' bodies, for ``ledger verify``, and held against all who say what it is."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

from archiver.errors import StoppedError
from archiver.log.leaf import ENTRY_BYTES, leaf_of
from archiver.log.tree import HASH_BYTES, Frontier, completed, node_hash
from archiver.log_ports import LogPage
from archiver.ports import Progress, ShouldStop
from archiver.work.log_verify_block import (
    LEVELS,
    LOST,
    ROW_BYTES,
    WIDTH,
    Hash,
    in_rows,
    levels_of,
    split,
    tail_of,
)
from archiver.work.log_verify_judge import Block, BlockJudge
from archiver.work.log_verify_report import Findings
from archiver.work.log_verify_tiles import ENTRIES, PublishedTiles

FAR: Final = 1 << 18
"""Numbers without any row, in all, after which what lies beyond does not count as the log's: a forged one may be
2**62, and there may be many."""

_LENGTH: Final = struct.Struct(">H").pack

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
        self._watcher = watcher
        self._findings = findings
        self._judge = BlockJudge(tiles, newest, findings)
        self._blocks = Frontier()
        self._tail: Sequence[Sequence[Hash]] = ()
        self._stored: dict[int, bytes] = {}
        self._above: dict[int, list[bytes]] = {}

    def run(self, pages: Iterator[LogPage], progress: Progress, should_stop: ShouldStop) -> None:
        """Walks *pages*, all of the log from 0 on. Raises StoppedError, and as they do."""
        for bodies, rows in _blocks(self._near(pages)):
            if should_stop():
                raise StoppedError("stopped before the ledger was verified")
            number = self.size // WIDTH
            block = Block(self.size, bodies, rows, self._tiles.at(0, number), self._tiles.at(ENTRIES, number))
            self._walk(block)
            progress.moved(sum(map(len, filter(None, bodies))))
        self._judge.runs.finish()
        for level, hashes in self._above.items():
            if hashes or self._tiles.size:
                self._check_above(level, self._blocks.size >> LEVELS * level, hashes)

    def root(self) -> bytes | None:
        """The root of all that was walked, None where it is not known."""
        return self._root_at(self.size)

    def _near(self, pages: Iterator[LogPage]) -> Iterator[LogPage]:
        """*pages* up to where too many were missing that no head covers."""
        read = missing = held = 0
        for bodies, rows in pages:
            covered = max(0, self._tiles.size - read)
            read += len(bodies)
            if held == 0 and (covered >= len(bodies) or None not in bodies):
                yield bodies, rows
                continue
            near: LogPage = bodies[:covered], rows[:covered]
            for body, row in zip(bodies[covered:], rows[covered:], strict=True):
                if body is None and row is None:
                    held += 1
                    missing += 1
                    if missing == FAR:
                        self.far = True
                        yield near
                        return
                else:
                    for page, one in zip(near, (body, row), strict=True):
                        page.extend([None] * held)
                        page.append(one)
                    held = 0
            yield near
        yield [None] * held, [None] * held

    # ------------------------------------------------------------------------------------ one block

    def _walk(self, block: Block) -> None:
        if not self._is_right(block):
            self._judge.judge(block, self._blocks)
        count = len(block.bodies)
        self.checked += count - block.bodies.count(None)
        self.rows += count - block.rows.count(None)
        self._watcher.leaves(block.first, block.leaves, b"".join(filter(None, block.leaves)))
        self._tail = block.truth
        self.size = block.first + count
        last = self.size - (count == WIDTH)
        self._watcher.judge(block.first + 1, last, self._root_at, self._judge.rewritten)
        if count == WIDTH:
            self._tail = ()
            self._append(block)
            self._watcher.judge(self.size, self.size, self._root_at, self._judge.rewritten)
        self._judge.runs.settle(self.size)

    def _is_right(self, block: Block) -> bool:
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

    # --------------------------------------------------------------------------- above the blocks

    def _append(self, block: Block) -> None:
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
            self._judge.runs.add("tree_altered", "the row in merkle_nodes is not what the events make it", seq)
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
        nodes = tail_of(self._tail, size - whole)
        return None if None in nodes else self._blocks.root(*(node for node in nodes if node is not None))


def _blocks(pages: Iterator[LogPage]) -> Iterator[LogPage]:
    """*pages*, of any length, in blocks of 256 and what is left."""
    bodies: list[bytes | None] = []
    rows: list[bytes | None] = []
    for page in pages:
        bodies += page[0]
        rows += page[1]
        whole = len(bodies) // WIDTH * WIDTH
        for at in range(0, whole, WIDTH):
            yield bodies[at : at + WIDTH], rows[at : at + WIDTH]
        del bodies[:whole], rows[:whole]
    if bodies:
        yield bodies, rows


def _bundle(leaves: Sequence[bytes]) -> bytes:
    """The bundle of *leaves*, none of which is too long: as ``log.tiles.bundle``, without a copy of each."""
    return b"".join([part for leaf in leaves for part in (_LENGTH(len(leaf)), leaf)])
