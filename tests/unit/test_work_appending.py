"""Appending aside: in order, all of it or an error, and never more than a few chunks in memory."""

from __future__ import annotations

import threading
import time

import pytest

from archiver.errors import SourceUnreachableError, StoreFullError
from archiver.work.appending import WAITING_CHUNKS, appending


class Staged:
    """Keeps what is appended; raises *error* at the append number *at*."""

    def __init__(self, error: Exception | None = None, at: int = 0, pause: float = 0.0) -> None:
        self.error, self.at, self.pause = error, at, pause
        self.came: list[bytes] = []

    def append(self, chunk: bytes) -> None:
        time.sleep(self.pause)
        if self.error is not None and len(self.came) + 1 >= self.at:
            raise self.error
        self.came.append(chunk)


def chunks(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "append"]


@pytest.mark.parametrize("aside", [False, True])
def test_everything_is_there_at_the_end_in_order(aside):
    staged = Staged(pause=0.001)
    with appending(staged, aside) as append:
        for chunk in chunks(100):
            append(chunk)
    assert staged.came == chunks(100)
    assert threads() == []


@pytest.mark.parametrize("aside", [False, True])
def test_what_came_before_an_error_of_the_source_is_written(aside):
    staged = Staged(pause=0.001)

    def fetch() -> None:
        with appending(staged, aside) as append:
            for chunk in chunks(10):
                append(chunk)
            raise SourceUnreachableError("broken off")

    with pytest.raises(SourceUnreachableError):
        fetch()
    assert staged.came == chunks(10)
    assert threads() == []


@pytest.mark.parametrize(("at", "count"), [(1, 1), (10, 10), (3, 500)])
def test_a_full_disk_is_told_at_the_latest_at_the_end_and_nothing_is_written_behind_it(at, count):
    error = StoreFullError("no room left")
    staged = Staged(error, at)

    def fetch() -> None:
        with appending(staged, aside=True) as append:
            for chunk in chunks(count):
                append(chunk)

    with pytest.raises(StoreFullError) as raised:
        fetch()
    assert raised.value is error
    assert staged.came == chunks(at - 1)
    assert threads() == []


def test_a_slow_disk_makes_the_source_wait():
    staged = Staged(pause=0.002)
    with appending(staged, aside=True) as append:
        for number, chunk in enumerate(chunks(60), 1):
            append(chunk)
            assert number - len(staged.came) <= WAITING_CHUNKS + 2
