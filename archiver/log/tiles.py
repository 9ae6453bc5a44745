"""How a log lies in files (c2sp.org/tlog-tiles): which tiles and bundles a tree has, their paths and their bytes.

Paths are relative to the log's folder. A tile of level *l* holds the hashes of up to 256 nodes of tree level 8 *l*;
a bundle holds the leaves under a tile of level 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from archiver.log.leaf import ENTRY_BYTES
from archiver.log.lines import LARGEST
from archiver.log.names import CHECKPOINTS
from archiver.log.tree import Node

WIDTH: Final = 256
"""Hashes of a full tile, entries of a full bundle."""

_HEIGHT: Final = 8
_LENGTH_BYTES: Final = 2

INDEX: Final = r"(?:x[0-9]{3}/){0,6}[0-9]{3}"
"""What :func:`index_path` writes, as a regular expression: of up to 21 digits, for no log has more."""

_INDEX: Final = re.compile(INDEX, re.ASCII)


@dataclass(frozen=True, slots=True)
class Tile:
    """``width``: hashes in it, 1 to 256; fewer than 256 make it a partial one."""

    level: int
    index: int
    width: int


def index_path(number: int) -> str:
    """*number* in path elements of three digits, all but the last with an ``x``: 1234067 is ``x001/x234/067``."""
    if number < 0:
        raise ValueError(f"{number} is no index")
    path = f"{number % 1000:03}"
    while number := number // 1000:
        path = f"x{number % 1000:03}/{path}"
    return path


def number_of(path: str) -> int | None:
    """The number that :func:`index_path` writes as *path*, None for what it writes of no number of a log."""
    if _INDEX.fullmatch(path) is None:
        return None
    number = int(path.replace("x", "").replace("/", ""))
    return number if number <= LARGEST and index_path(number) == path else None


def size_of(path: str) -> int | None:
    """The leaves of the head for which :func:`checkpoint_path` answers *path*, None where it does for none."""
    folder, _, index = path.partition("/")
    return number_of(index) if folder == CHECKPOINTS else None


def tile_path(level: int, index: int, width: int = WIDTH) -> str:
    """Where the tile of hashes lies."""
    return f"tile/{level}/{_sized(index, width)}"


def entries_path(index: int, width: int = WIDTH) -> str:
    """Where the bundle of entries lies that belongs to the tile *index* of level 0."""
    return f"tile/entries/{_sized(index, width)}"


def checkpoint_path(size: int) -> str:
    """Where the checkpoint of *size* leaves lies: a place of our own, written as tlog-tiles writes an index."""
    return f"{CHECKPOINTS}/{index_path(size)}"


def _sized(index: int, width: int) -> str:
    if not 0 < width <= WIDTH:
        raise ValueError(f"a tile has 1 to {WIDTH} hashes, not {width}")
    return index_path(index) + (f".p/{width}" if width < WIDTH else "")


def tiles(size: int) -> Iterator[Tile]:
    """All tiles of a tree of *size* leaves, lower levels first, from left to right."""
    return _between(0, size)


def new_tiles(old: int, new: int) -> list[Tile]:
    """The tiles of the tree of *new* leaves that the one of *old* leaves did not have, in the order of :func:`tiles`.

    Bundles of entries are as the tiles of level 0. Raises ValueError where *old* is the larger one.
    """
    return list(_between(old, new))


def _between(old: int, new: int) -> Iterator[Tile]:
    _check_sizes(old, new)
    level = 0
    while new > old:
        for index in range(old // WIDTH, new // WIDTH):
            yield Tile(level, index, WIDTH)
        if new % WIDTH:
            yield Tile(level, new // WIDTH, new % WIDTH)
        level, old, new = level + 1, old // WIDTH, new // WIDTH


def superseded(old: int, new: int) -> list[str]:
    """Paths of partial tiles and bundles, of the tree of *old* leaves and smaller, that are full in that of *new*.

    Every width that can have been published, whether it was or not: at most 255 for each level and the entries. Only
    of what was not full at *old* leaves yet. Raises ValueError where *old* is the larger one.
    """
    _check_sizes(old, new)
    paths: list[str] = []
    level = 0
    while new > old:
        index = old // WIDTH
        if index < new // WIDTH:
            widths = range(1, old % WIDTH + 1)
            paths += [tile_path(level, index, width) for width in widths]
            paths += [entries_path(index, width) for width in widths if level == 0]
        level, old, new = level + 1, old // WIDTH, new // WIDTH
    return paths


def _check_sizes(old: int, new: int) -> None:
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {old} leaves does not grow to {new}")


def nodes_of(tile: Tile) -> list[Node]:
    """The nodes of the tree whose hashes *tile* holds, in that order."""
    first = tile.index * WIDTH
    return [(tile.level * _HEIGHT, index) for index in range(first, first + tile.width)]


def bundle(entries: Iterable[bytes]) -> bytes:
    """The bundle of *entries*, 1 to 256: each with its length in 16 bits in front."""
    parts = []
    for entry in entries:
        if len(entry) > ENTRY_BYTES:
            raise ValueError(f"an entry of {len(entry)} bytes is too long for a bundle")
        parts.append(len(entry).to_bytes(_LENGTH_BYTES, "big") + entry)
    _check_count(len(parts))
    return b"".join(parts)


def entries_of(data: bytes) -> list[bytes]:
    """The entries of the bundle *data*. Raises ValueError for one that is cut, empty, or of more than 256."""
    entries: list[bytes] = []
    place = 0
    while place < len(data):
        start = place + _LENGTH_BYTES
        place = start + int.from_bytes(data[start - _LENGTH_BYTES : start], "big")
        if start > len(data) or place > len(data):
            raise ValueError("a bundle that ends inside an entry")
        entries.append(data[start:place])
        if len(entries) > WIDTH:
            break
    _check_count(len(entries))
    return entries


def _check_count(entries: int) -> None:
    if not 0 < entries <= WIDTH:
        raise ValueError(f"a bundle has 1 to {WIDTH} entries")
