"""The published tiles and entry bundles, for ``ledger verify``: read, held against what the tree should have, and as
a witness of their own.

What is signed at the top of the published tree proves what lies below it: :meth:`PublishedTiles.prove` goes down from
a signed head to the hashes of level 8, each of 256 leaves. So one changed file is told from all the others.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from archiver.errors import MediumError
from archiver.log.tiles import WIDTH, entries_of, entries_path, tile_path
from archiver.log.tree import HASH_BYTES, Node, leaf_hash, node_hash, root_of
from archiver.log_ports import PublishedLog
from archiver.work.log_verify_report import Findings, Runs, is_forged, of_files

ENTRIES: Final = -1
"""Stands for the level of entry bundles, which are as the tiles of level 0."""

_PATH: Final = re.compile(r"tile/(entries|[0-9]{1,2})/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([0-9]{1,3}))?", re.ASCII)

_HIGHEST: Final = 7
"""Level of the highest tile: 2**63 leaves have eight levels of tiles."""

Place = tuple[int, int]
"""(level, index) of a tile, or (:data:`ENTRIES`, index) of a bundle."""


@dataclass(frozen=True, slots=True)
class Published:
    """A file that the published tree has at a place. ``width``: hashes or entries; ``data`` is None without it."""

    path: str
    width: int
    data: bytes | None


def path_of(level: int, index: int, width: int = WIDTH) -> str:
    """Where a tile or bundle lies."""
    return entries_path(index, width) if level == ENTRIES else tile_path(level, index, width)


def leaves_of(level: int) -> int:
    """Leaves below one hash of a tile of *level*, or one for an entry."""
    return 1 if level == ENTRIES else WIDTH**level


class PublishedTiles:
    """The tiles of the published tree of *size* leaves. Places are looked at from left to right."""

    def __init__(self, published: PublishedLog | None, size: int, findings: Findings) -> None:
        """*published*: None where it cannot be had; then nothing is looked at."""
        self.size = size if published is not None else 0
        self._published = published
        self._findings = findings
        self._extra: dict[Place, list[int]] = {}
        self._doubtful: list[tuple[int, int, int]] = []
        self._missing: dict[int, Runs] = {}
        self._proven: dict[int, bytes] = {}

    def list(self, paths: Iterable[str], heads: Sequence[int], most: int) -> None:
        """Takes stock of the files at *paths*, all of those below ``tile``.

        *heads*: sizes of heads, sorted: a partial tile belongs to one. *most*: leaves that an unfinished checkpoint
        may have published by now. See :meth:`finish` for those that belong to none.
        """
        for path in paths:
            place = _place_of(path)
            if place is None:
                self._findings.add("published_added", f"{path}: no file of a log is called so", None, path)
                continue
            level, index, width = place
            if width == self.width(level, index):
                continue
            ends = (index * WIDTH + width) * leaves_of(level)
            if self.size < ends <= most or _has(heads, level, index, width):
                self._extra.setdefault((level, index), []).append(width)
            else:
                self._doubtful.append(place)

    def width(self, level: int, index: int) -> int:
        """Hashes that the published tree has at a place; 0 for none."""
        return max(0, min(WIDTH, self.size // leaves_of(level) - index * WIDTH))

    def at(self, level: int, index: int) -> Published:
        """The file that the published tree should have at a place; told where it is not there."""
        width = self.width(level, index)
        if not width:
            return Published("", 0, None)
        path = path_of(level, index, width)
        seq = index * WIDTH * leaves_of(level)
        data, read = self._read(path, seq)
        if data is None and WIDTH in self._extra.get((level, index), ()):
            path, width = path_of(level, index), WIDTH
            data, read = self._read(path, seq)
        if data is None and read:
            self._missing_at(level).add("published_missing", "not there", index)
        return Published(path, width, data)

    def _read(self, path: str, seq: int) -> tuple[bytes | None, bool]:
        """(bytes, was it asked for without trouble); trouble is told."""
        try:
            return self._published.read(path) if self._published is not None else None, True
        except MediumError as error:
            if is_forged(error):
                self._findings.add("published_altered", str(error), seq, path)
            else:
                self._findings.unread(error, path)
            return None, False

    def _missing_at(self, level: int) -> Runs:
        def path(index: int) -> str:
            return path_of(level, index, self.width(level, index))

        if level not in self._missing:
            self._missing[level] = of_files(self._findings, path, WIDTH * leaves_of(level))
        return self._missing[level]

    def check_hashes(self, found: Published, level: int, index: int, hashes: Sequence[bytes | None]) -> None:
        """Holds a tile, and the partial ones beside it, against the *hashes* that the tree has there.

        There may be fewer *hashes* than the tile has, where the ledger goes less far; None is not looked at.
        """
        extra = [self._beside(level, index, width) for width in self._extra.pop((level, index), ())]
        for one in (found, *extra):
            if one.data is None:
                continue
            held = [one.data[at : at + HASH_BYTES] for at in range(0, len(one.data), HASH_BYTES)]
            self._compare(one, len(one.data) == one.width * HASH_BYTES, held, hashes, level, index)

    def check_entries(self, found: Published, index: int, hashes: Sequence[bytes | None]) -> None:
        """Holds a bundle, and the partial ones beside it, against the *hashes* of the leaves."""
        extra = [self._beside(ENTRIES, index, width) for width in self._extra.pop((ENTRIES, index), ())]
        for one in (found, *extra):
            if one.data is not None:
                held = hashes_in(one)
                self._compare(one, len(held) == one.width, held, hashes, ENTRIES, index)

    def _beside(self, level: int, index: int, width: int) -> Published:
        path = path_of(level, index, width)
        return Published(path, width, self._read(path, index * WIDTH * leaves_of(level))[0])

    def _compare(
        self,
        one: Published,
        whole: bool,
        held: Sequence[bytes],
        hashes: Sequence[bytes | None],
        level: int,
        index: int,
    ) -> None:
        wrong = [n for n, (is_, should) in enumerate(zip(held, hashes, strict=False)) if should and is_ != should]
        if whole and not wrong:
            return
        what = "entry" if level == ENTRIES else "hash"
        place = wrong[0] if wrong else min(len(held), one.width)
        seq = (index * WIDTH + place) * leaves_of(level)
        many = f"{len(wrong)} of {one.width}, the first is " if len(wrong) > 1 else ""
        says = f"{many}{what} {place} is not what the log has" if wrong else f"it does not hold {one.width} of them"
        self._findings.add("published_altered", f"{one.path}: {says}", seq, one.path)

    def has_beside(self, level: int, index: int) -> bool:
        """True if partial tiles lie beside the file of a place."""
        return (level, index) in self._extra

    def finish(self, announced: Sequence[int]) -> None:
        """Tells what is left to tell. *announced*: sizes of heads, sorted, whether they are there or not."""
        for level, index, width in self._doubtful:
            if not _has(announced, level, index, width):
                path = path_of(level, index, width)
                seq = index * WIDTH * leaves_of(level)
                self._findings.add("published_added", f"{path}: no head of the log has it", seq, path)
        for runs in self._missing.values():
            runs.finish()

    # ------------------------------------------------------------------ what a signed head proves

    def prove(self, size: int, root: bytes) -> bool:
        """True if the tiles lead to *root*, that of a signed head of *size* leaves; then :meth:`proven` knows."""
        try:
            if root_of(size, self._nodes) != root:
                return False
        except LookupError:
            return False
        top = 0
        while size // leaves_of(top + 1):
            top += 1
        for level in range(1, top + 1):
            count = size // leaves_of(level)
            if count % WIDTH:
                self._descend(level, count // WIDTH, self._hashes(level, count // WIDTH)[: count % WIDTH])
        return True

    def proven(self, block: int) -> bytes | None:
        """The hash of 256 leaves that a signed head proves, None where none does."""
        at = block % WIDTH * HASH_BYTES
        return self._proven.get(block // WIDTH, b"")[at : at + HASH_BYTES] or None

    def _descend(self, level: int, index: int, hashes: Sequence[bytes]) -> None:
        """What lies below the *hashes* of a tile, which are proven."""
        if level == 1:
            self._proven[index] = b"".join(hashes)
            return
        for below, should in enumerate(hashes, index * WIDTH):
            try:
                held = self._hashes(level - 1, below)
            except LookupError:
                continue
            if len(held) == WIDTH and _folded(held) == should:
                self._descend(level - 1, below, held)

    def _nodes(self, nodes: Collection[Node]) -> dict[Node, bytes]:
        return {node: self._node(*node) for node in nodes}

    def _node(self, level: int, index: int) -> bytes:
        tile_level, up = divmod(level, 8)
        first = index << up
        at = first % WIDTH
        return _folded(self._hashes(tile_level, first // WIDTH)[at : at + (1 << up)], 1 << up)

    def _hashes(self, level: int, index: int) -> Sequence[bytes]:
        """Those of a tile. Raises LookupError where it cannot be had; nothing is told: that is for the walk to do."""
        for width in dict.fromkeys((self.width(level, index), *self._extra.get((level, index), ()))):
            try:
                path = path_of(level, index, width) if width else ""
                data = self._published.read(path) if self._published is not None and path else None
            except MediumError:
                continue
            if data is not None and len(data) == width * HASH_BYTES:
                return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]
        raise LookupError(path_of(level, index))


def hashes_in(found: Published) -> list[bytes]:
    """The hashes of the leaves that a bundle holds; none where it is no bundle."""
    try:
        return [leaf_hash(entry) for entry in entries_of(found.data or b"")]
    except ValueError:
        return []


def _folded(hashes: Sequence[bytes], count: int = WIDTH) -> bytes:
    """The node over *count* hashes, a power of two. Raises LookupError where they are not as many."""
    if len(hashes) != count:
        raise LookupError("a tile that is cut")
    while len(hashes) > 1:
        hashes = [node_hash(*pair) for pair in zip(hashes[::2], hashes[1::2], strict=True)]
    return hashes[0]


def _has(heads: Sequence[int], level: int, index: int, width: int) -> bool:
    """True if a tree of one of *heads* leaves has the partial tile."""
    leaves = leaves_of(level)
    begins = (index * WIDTH + width) * leaves
    at = bisect_left(heads, begins)
    return width < WIDTH and at < len(heads) and heads[at] < begins + leaves


def _place_of(path: str) -> tuple[int, int, int] | None:
    """(level, index, width) of the file at *path*, None for what no tile is called."""
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    name, index, width = found.groups()
    level = ENTRIES if name == "entries" else int(name)
    number = int(index.replace("x", "").replace("/", ""))
    wide = int(width) if width else WIDTH
    if not 0 < wide <= WIDTH or (width and wide == WIDTH) or level > _HIGHEST:
        return None
    return (level, number, wide) if path_of(level, number, wide) == path else None
