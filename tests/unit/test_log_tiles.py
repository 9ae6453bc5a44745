"""Tiles and bundles: the specification's own examples, and that growing adds exactly what is new."""

from __future__ import annotations

from collections import Counter

import pytest

from archiver.log.lines import LARGEST
from archiver.log.tiles import (
    Tile,
    bundle,
    checkpoint_path,
    entries_of,
    entries_path,
    index_path,
    new_tiles,
    nodes_of,
    number_of,
    size_of,
    superseded,
    tile_path,
    tiles,
)


def test_paths_are_as_the_specification_writes_them():
    assert index_path(1234067) == "x001/x234/067"
    assert [index_path(n) for n in (0, 7, 999, 1000, 10**6)] == ["000", "007", "999", "x001/000", "x001/x000/000"]
    assert tile_path(0, 5) == "tile/0/005"
    assert tile_path(0, 273, 112) == "tile/0/273.p/112"
    assert tile_path(2, 1234067, 1) == "tile/2/x001/x234/067.p/1"
    assert entries_path(1234067) == "tile/entries/x001/x234/067"
    assert entries_path(0, 255) == "tile/entries/000.p/255"
    assert checkpoint_path(70000) == "checkpoints/x070/000"


@pytest.mark.parametrize("number", [0, 7, 999, 1000, 1234067, 10**18, LARGEST])
def test_a_path_is_read_back_as_its_number(number):
    assert number_of(index_path(number)) == number
    assert size_of(checkpoint_path(number)) == number


@pytest.mark.parametrize(
    "path",
    ["", "7", "0007", "x000/001", "x001/x234", "001/234", "x001/234/", "٠٠١", "001\n", index_path(LARGEST + 1)]
    + ["x999/" * count + "999" for count in (6, 7, 2000)],
    ids=lambda path: path[:20],
)
def test_what_no_number_is_written_as_is_none(path):
    assert number_of(path) is None
    assert size_of(f"checkpoints/{path}") is None
    assert size_of(f"anchors/{index_path(7)}") is None


@pytest.mark.parametrize("width", [0, -1, 257])
def test_no_tile_is_empty_or_too_wide(width):
    with pytest.raises(ValueError, match="1 to 256"):
        tile_path(0, 0, width)
    with pytest.raises(ValueError, match="1 to 256"):
        entries_path(0, width)


def test_there_is_no_negative_index():
    with pytest.raises(ValueError, match="no index"):
        index_path(-1)


def test_a_tree_of_70000_leaves_has_the_tiles_that_the_specification_counts():
    counted = Counter((tile.level, tile.width) for tile in tiles(70_000))
    assert counted == {(0, 256): 273, (0, 112): 1, (1, 256): 1, (1, 17): 1, (2, 1): 1}


def test_small_trees():
    assert list(tiles(0)) == []
    assert list(tiles(1)) == [Tile(0, 0, 1)]
    assert list(tiles(255)) == [Tile(0, 0, 255)]
    assert list(tiles(256)) == [Tile(0, 0, 256), Tile(1, 0, 1)]
    assert list(tiles(257)) == [Tile(0, 0, 256), Tile(0, 1, 1), Tile(1, 0, 1)]


def test_what_is_new():
    assert new_tiles(0, 257) == list(tiles(257))
    assert new_tiles(5, 5) == []
    assert new_tiles(255, 256) == [Tile(0, 0, 256), Tile(1, 0, 1)]
    assert new_tiles(256, 257) == [Tile(0, 1, 1)]
    assert new_tiles(257, 300) == [Tile(0, 1, 44)]
    with pytest.raises(ValueError, match="does not grow"):
        new_tiles(6, 5)


def test_what_is_superseded():
    assert superseded(3, 255) == []
    assert superseded(256, 600) == []
    assert superseded(2, 256) == [
        *("tile/0/000.p/1", "tile/0/000.p/2"),
        *("tile/entries/000.p/1", "tile/entries/000.p/2"),
    ]
    assert superseded(257, 65536) == [
        *("tile/0/001.p/1", "tile/entries/001.p/1"),
        "tile/1/000.p/1",
    ]
    with pytest.raises(ValueError, match="does not grow"):
        superseded(6, 5)


def test_the_nodes_of_a_tile_lie_eight_levels_apart():
    assert nodes_of(Tile(0, 0, 3)) == [(0, 0), (0, 1), (0, 2)]
    assert nodes_of(Tile(1, 2, 2)) == [(8, 512), (8, 513)]
    assert nodes_of(Tile(2, 0, 1)) == [(16, 0)]


def test_entries_have_their_length_in_front():
    assert bundle([b"", b"ab"]) == b"\x00\x00\x00\x02ab"
    assert entries_of(b"\x00\x00\x00\x02ab") == [b"", b"ab"]
    longest = b"x" * 65535
    assert entries_of(bundle([longest])) == [longest]


def test_bundles_that_cannot_be():
    with pytest.raises(ValueError, match="too long"):
        bundle([b"x" * 65536])
    for entries in ([], [b""] * 257):
        with pytest.raises(ValueError, match="1 to 256"):
            bundle(entries)


@pytest.mark.parametrize("data", [b"\x00", b"\x00\x01", b"\x00\x02a", b"\x00\x00\x00", b"", bytes(2 * 257)])
def test_what_is_no_bundle_is_refused(data):
    with pytest.raises(ValueError, match="bundle"):
        entries_of(data)
