"""The pieces of an open file: whole, in order, in memory that is used again; errors and endings in between."""

from __future__ import annotations

import errno
import io
import random
import threading
from contextlib import closing

import pytest

from archiver.errors import MediumError
from archiver.work.pieces import AHEAD_BYTES, PIECE_BYTES, pieces

LONG = 3 * AHEAD_BYTES + 12_345


class Counted(io.BytesIO):
    """Counts reads; gives *error* instead of the read number *at*."""

    def __init__(self, data: bytes, error: Exception | None = None, at: int = 0) -> None:
        super().__init__(data)
        self.error, self.at, self.reads = error, at, 0

    def readinto(self, buffer):
        self.reads += 1
        if self.error is not None and self.reads == self.at:
            raise self.error
        return super().readinto(buffer)


def readers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "read-ahead"]


@pytest.mark.parametrize("ahead", [False, True])
@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES, AHEAD_BYTES, AHEAD_BYTES + 1, LONG])
def test_every_byte_comes_once_and_in_order(size, ahead):
    data = random.Random(size).randbytes(size)
    with closing(pieces(Counted(data), "p", size, ahead=ahead)) as chunks:
        assert b"".join(bytes(chunk) for chunk in chunks) == data
    assert readers() == []


@pytest.mark.parametrize("ahead", [False, True])
@pytest.mark.parametrize("stated", [0, 10, 10 * LONG])
def test_the_stated_size_decides_about_memory_only(stated, ahead):
    data = random.Random(1).randbytes(LONG)
    with closing(pieces(Counted(data), "p", stated, ahead=ahead)) as chunks:
        assert b"".join(bytes(chunk) for chunk in chunks) == data


def test_a_file_that_was_empty_and_has_grown_is_not_read_byte_by_byte():
    file = Counted(bytes(LONG))
    with closing(pieces(file, "p", 0, ahead=False)) as chunks:
        assert sum(map(len, chunks)) == LONG
    assert file.reads < 1000


@pytest.mark.parametrize("ahead", [False, True])
def test_a_medium_that_fails_in_the_middle_gives_what_came_and_then_an_error(ahead):
    data = random.Random(2).randbytes(LONG)
    file = Counted(data, OSError(errno.EIO, "Input/output error"), at=3)
    came = bytearray()
    with closing(pieces(file, "far/file", LONG, ahead=ahead)) as chunks:
        came += next(chunks)
        came += next(chunks)
        with pytest.raises(MediumError, match="far/file cannot be read: Input/output error"):
            next(chunks)
    assert came == data[: 2 * (AHEAD_BYTES if ahead else PIECE_BYTES)]
    assert readers() == []


def test_an_error_of_the_store_comes_through_the_thread_as_it_is():
    error = MediumError("the disk is gone", "look at it")
    with (
        pytest.raises(MediumError) as raised,
        closing(pieces(Counted(b"x" * LONG, error, at=2), "p", LONG, ahead=True)) as chunks,
    ):
        list(chunks)
    assert raised.value is error


def test_who_stops_in_the_middle_leaves_no_thread_behind_and_reads_no_further():
    file = Counted(b"x" * (10 * AHEAD_BYTES))
    with closing(pieces(file, "p", 10 * AHEAD_BYTES, ahead=True)) as chunks:
        next(chunks)
    assert readers() == []
    assert file.reads <= 4


def test_only_three_pieces_are_held_however_slowly_they_are_taken():
    file = Counted(b"x" * (10 * AHEAD_BYTES))
    places = set()
    with closing(pieces(file, "p", 10 * AHEAD_BYTES, ahead=True)) as chunks:
        for number, chunk in enumerate(chunks, 1):
            places.add(id(chunk.obj))
            assert file.reads <= number + 3
    assert len(places) == 3
