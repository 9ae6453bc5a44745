"""A block of leaves on which not all agree, for ``ledger verify``: whom to believe, and who differs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from archiver.log.leaf import leaf_of
from archiver.log.tiles import entries_of
from archiver.log.tree import HASH_BYTES, Frontier, leaf_hash
from archiver.work.log_verify_block import (
    LEVELS,
    LOST,
    WIDTH,
    Hash,
    altered_rows,
    believed,
    first_of,
    hash_of_body,
    levels_believed,
    levels_of,
    split,
    tail_of,
)
from archiver.work.log_verify_report import Findings, of_events
from archiver.work.log_verify_tiles import Published, PublishedTiles, hashes_in

_NO_ROW: Final = "merkle_nodes has no row for it that can be read"

_NO_HASH: Final[Sequence[Hash]] = (None,) * WIDTH


@dataclass
class Block:
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
        """Its place among the blocks."""
        return self.first // WIDTH


class BlockJudge:
    """``newest``: (size, root) of the newest signed head that is believed, if any.

    ``rewritten``: the first event that differs from what is signed, and fits the ledger's own tree. ``runs``: takes
    what is found about events.
    """

    def __init__(self, tiles: PublishedTiles, newest: tuple[int, bytes] | None, findings: Findings) -> None:
        self.rewritten: int | None = None
        self.runs = of_events(findings)
        self._tiles = tiles
        self._newest = newest

    def judge(self, block: Block, before: Frontier) -> None:
        """Finds out whom to believe of *block*, and tells who differs. *before*: the tree of the blocks before."""
        count, first = len(block.bodies), block.first
        block.own = [hash_of_body(body) for body in block.bodies]
        rows = [split(row, first + n) for n, row in enumerate(block.rows)]
        tile, entries = _hashes_of(block.tile, count), [*hashes_in(block.bundle), *_NO_HASH][:count]
        witnesses = ([first_of(row) for row in block.rows], block.own, tile, entries)
        parents = [row[1] if row is not None else None for row in rows[1::2]]
        leaves = believed(witnesses, parents, self._proof(block, before))
        block.truth = self._truth(block, leaves, rows)
        self._tell(block, witnesses, rows)
        self._tiles.check_hashes(block.tile, 0, block.number, block.truth[0])
        self._tiles.check_entries(block.bundle, block.number, block.truth[0])
        block.leaves = self._leaves(block)

    def _truth(
        self, block: Block, leaves: Sequence[Hash], rows: Sequence[list[bytes] | None]
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

    def _proof(self, block: Block, before: Frontier) -> Callable[[Sequence[bytes]], int]:
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
            nodes = tail_of(levels_of(told), len(told))
            return min(count, len(told)) if before.root(*nodes) == root else 0

        return part if proven is None else whole

    def _tell(
        self,
        block: Block,
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
                self.runs.add("tree_altered", "the row in merkle_nodes is not what the events make it", seq)

    def _tell_body(self, seq: int, row: Hash, body: Hash, truth: Hash, published: bool) -> bool:
        """Tells what is wrong with the body of event *seq*, if anything is; True if its row was told with it."""
        if body is None:
            lost = (
                "there is no such event, and no row of it in merkle_nodes"
                if row is None
                else "there is no such event"
            )
            self.runs.add("event_missing", lost, seq)
            return row is None
        if body == truth:
            return False
        if row != body:
            unsure = "" if published else ", and nothing published says which of the two was changed"
            self.runs.add("event_altered", f"its body is not what its row in merkle_nodes was made of{unsure}", seq)
            return False
        self.runs.add("event_altered", "its body and its row in merkle_nodes are not what was published", seq)
        if self.rewritten is None:
            self.rewritten = seq
        return True

    def _tell_lost_row(self, seq: int, block: Block) -> None:
        after = seq - block.first + 1
        if seq >= self._tiles.size and all(row is None for row in block.rows[after:]):
            self.runs.add("event_added", f"{_NO_ROW}: it is none of the log's, or its row was removed", seq)
        else:
            self.runs.add("tree_altered", _NO_ROW, seq)

    def _leaves(self, block: Block) -> list[bytes | None]:
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


def _hashes_of(tile: Published, count: int) -> list[Hash]:
    """The first *count* hashes of a tile; None for those that it does not have."""
    data = tile.data or b""
    held: list[Hash] = [data[at : at + HASH_BYTES] for at in range(0, len(data) - HASH_BYTES + 1, HASH_BYTES)]
    return [*held, *_NO_HASH][:count]
