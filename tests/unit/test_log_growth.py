"""Tiles while a tree grows: the same files as of the finished tree, however it grew."""

from __future__ import annotations

import hashlib

import pytest

from archiver.log.growth import GrowingTiles, body_file
from archiver.log.tiles import WIDTH, bundle, entries_path, new_tiles, nodes_of, tile_path
from tests.support.made_log import MadeLog, make_log

LEAVES = 70_000


@pytest.fixture(scope="module")
def log() -> MadeLog:
    """More than 256 full tiles, so that there is a tile of level 2."""
    return make_log([b"leaf %d" % number for number in range(LEAVES)])


def grown(log: MadeLog, old: int, new: int) -> dict[str, bytes]:
    """The files that *new* leaves bring, from a tree that begins at the last full tile of *old*."""
    start = old - old % WIDTH
    tree = GrowingTiles(start, log.hashes)
    files = {}
    for seq in range(start, new):
        nodes, full = tree.append(log.leaves[seq])
        assert nodes[:32] == log.nodes[0, seq]
        files |= {file.path: file.data for file in full}
    files |= {file.path: file.data for file in tree.partial(old)}
    assert tree.root() == log.root(new)
    assert tree.size == new
    return files


def wanted(log: MadeLog, old: int, new: int) -> dict[str, bytes]:
    files = {}
    for tile in new_tiles(old, new):
        hashes = [log.nodes[node] for node in nodes_of(tile)]
        files[tile_path(tile.level, tile.index, tile.width)] = b"".join(hashes)
        if tile.level == 0:
            leaves = log.leaves[tile.index * WIDTH : tile.index * WIDTH + tile.width]
            files[entries_path(tile.index, tile.width)] = bundle(leaves)
    return files


@pytest.mark.parametrize(
    ("old", "new"),
    [
        *((0, 1), (0, 2), (0, 255), (0, 256), (0, 257), (1, 2), (255, 256), (255, 257), (256, 257), (256, 512)),
        *((300, 300), (300, 301), (511, 513), (65_535, 65_536), (65_535, 65_537), (65_536, 65_537), (65_530, 66_100)),
        *((66_000, 70_000), (0, 70_000), (69_999, 70_000)),
    ],
)
def test_what_a_tree_grows_by_is_what_the_larger_one_has_more(log: MadeLog, old: int, new: int) -> None:
    assert grown(log, old, new) == wanted(log, old, new)


def test_a_tree_begins_with_a_full_tile(log: MadeLog) -> None:
    with pytest.raises(ValueError, match="full tile"):
        GrowingTiles(255, log.hashes)


@pytest.mark.parametrize("node", [(8, 256), (8, 271), (12, 16)])
def test_hashes_in_growing_tiles_that_contradict_those_above_are_noticed(log: MadeLog, node: tuple[int, int]) -> None:
    """69,888 leaves: 17 hashes in the second tile of level 1, under peaks of levels 12 and 8."""
    forged = MadeLog(log.leaves, {**log.nodes, node: bytes(32)})
    with pytest.raises(ValueError, match="do not make up"):
        GrowingTiles(69_888, forged.hashes)


@pytest.mark.parametrize("node", [(16, 0), (8, 272)])
def test_a_peak_that_is_wrong_shows_in_the_root(log: MadeLog, node: tuple[int, int]) -> None:
    forged = MadeLog(log.leaves, {**log.nodes, node: bytes(32)})
    assert GrowingTiles(69_888, forged.hashes).root() != log.root(69_888)
    assert GrowingTiles(69_888, log.hashes).root() == log.root(69_888)


def test_a_body_that_is_a_leaf_has_no_file() -> None:
    assert body_file(bytes(65_535)) is None
    long = body_file(bytes(65_536))
    assert long is not None
    assert long.path == f"bodies/{hashlib.sha256(bytes(65_536)).hexdigest()}.json"
    assert long.data == bytes(65_536)
