"""A tree that grows and the tiles that come of it (c2sp.org/tlog-tiles): a leaf at a time, in flat memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from archiver.log.leaf import ENTRY_BYTES
from archiver.log.names import body_path
from archiver.log.tiles import WIDTH, bundle, entries_path, tile_path
from archiver.log.tree import Frontier, Hashes, leaf_hash, peaks

_HEIGHT: Final = 8
"""Levels of the tree that one level of tiles spans."""


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file of the published log. ``path``: relative to its folder."""

    path: str
    data: bytes


class GrowingTiles:
    """The rightmost tiles of a tree while leaves are added to it. ``size``, ``root()``: of the tree so far."""

    def __init__(self, size: int, hashes: Hashes) -> None:
        """The tree of the first *size* leaves, a multiple of 256, whose hashes *hashes* has.

        Raises ValueError where these contradict each other: the nodes in a tile do not make up those above it.
        """
        if size % WIDTH:
            raise ValueError(f"{size} leaves do not end with a full tile")
        known = hashes(peaks(size))
        self._tree = Frontier(size, [known[node] for node in peaks(size)])
        self._rows: list[list[bytes]] = [[]]
        self._leaves: list[bytes] = []
        level = _HEIGHT
        while size >> level:
            count = size >> level
            first = count - count % WIDTH
            nodes = [(level, index) for index in range(first, count)]
            found = hashes(nodes)
            row = [found[node] for node in nodes]
            made = Frontier()
            for one in row:
                made.append(one)
            above = [known[node] for node in peaks(size) if level <= node[0] < level + _HEIGHT]
            if made.root() != Frontier(len(row), above).root():
                raise ValueError(f"the hashes of level {level} from {first} on do not make up those above them")
            self._rows.append(row)
            level += _HEIGHT

    @property
    def size(self) -> int:
        return self._tree.size

    def root(self) -> bytes:
        """Of all leaves so far."""
        return self._tree.root()

    def append(self, leaf: bytes) -> tuple[bytes, list[LogFile]]:
        """Adds *leaf*: the hashes of the nodes that it completes, leaf first, and the files that are full now."""
        nodes = self._tree.append(leaf_hash(leaf))
        self._leaves.append(leaf)
        full: list[LogFile] = []
        for level in range(0, len(nodes), _HEIGHT):
            tile_level = level // _HEIGHT
            if tile_level == len(self._rows):
                self._rows.append([])
            row = self._rows[tile_level]
            row.append(nodes[level])
            if len(row) == WIDTH:
                full += self._files(tile_level, (self.size >> level) // WIDTH - 1)
                row.clear()
        if not self.size % WIDTH:
            self._leaves.clear()
        return b"".join(nodes), full

    def partial(self, since: int) -> Iterator[LogFile]:
        """The files that are not full, and not those of the tree of *since* leaves."""
        for level, row in enumerate(self._rows):
            count = self.size >> (_HEIGHT * level)
            if row and count != since >> (_HEIGHT * level):
                yield from self._files(level, count // WIDTH)

    def _files(self, level: int, index: int) -> list[LogFile]:
        row = self._rows[level]
        files = [LogFile(tile_path(level, index, len(row)), b"".join(row))]
        if level == 0:
            files.insert(0, LogFile(entries_path(index, len(row)), bundle(self._leaves)))
        return files


def body_file(body: bytes) -> LogFile | None:
    """The file for an event's *body* that is too long to be a leaf, None where the leaf is the body."""
    if len(body) <= ENTRY_BYTES:
        return None
    return LogFile(body_path(hashlib.sha256(body).hexdigest()), body)
