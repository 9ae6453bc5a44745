"""One object by several ranges: every byte once, in order, whatever goes wrong on the way, and in bounded memory."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import zip_longest

import pytest

from archiver.adapters.aws import ranges
from archiver.adapters.aws.ranges import RangedStream, RangeIgnoredError
from archiver.domain.evidence import Origin
from archiver.errors import ObjectChangedError, ObjectGoneError, SourceDeniedError, SourceUnreachableError
from tests.support.ranged import Held, ranges_under_way

PART = 1000
DATA = random.Random(3).randbytes(20 * PART + 123)
ORIGIN = Origin("k", "e")


class Stream:
    """The bytes from *start* to before *stop*; gives *error* after *good* bytes."""

    origin = ORIGIN

    def __init__(self, start: int, stop: int, piece: int, error: Exception | None = None, good: int = 0) -> None:
        self.data, self.piece, self.error, self.good = DATA[start:stop], piece, error, good

    def chunks(self) -> Iterator[bytes]:
        end = len(self.data) if self.error is None else self.good
        for position in range(0, end, self.piece):
            yield self.data[position : min(position + self.piece, end)]
        if self.error is not None:
            raise self.error


class Server:
    """Answers ranges. ``errors``: offset -> (error, bytes before it), once each or for ever (``lasting``).

    ``silent``: ranges from there on are not answered until ``speak`` is set.
    """

    def __init__(self, piece: int = 300) -> None:
        self.piece = piece
        self.silent = len(DATA)
        self.speak = threading.Event()
        self.asked: list[tuple[int, int]] = []
        self.errors: dict[int, tuple[Exception, int]] = {}
        self.lasting = False
        self.left = False
        self.open = 0
        self.ahead = threading.Semaphore(ranges.PARTS_AHEAD)

    @contextmanager
    def ask(self, start: int, stop: int) -> Iterator[Stream]:
        self.asked.append((start, stop))
        if start >= self.silent:
            self.speak.wait(30)
        error, good = self.errors.get(start, (None, 0))
        if not self.lasting:
            self.errors.pop(start, None)
        if error is not None and not good:
            raise error
        self.open += 1
        try:
            yield Stream(start, stop, self.piece, error, good)
        finally:
            self.open -= 1

    def leave(self) -> None:
        self.left = True

    def stream(self, offset: int = 0, first: Stream | None = None) -> RangedStream:
        """*first*: None for one that goes on once the ranges have come that were asked for."""
        first = first or Held(Stream(offset, len(DATA), self.piece))
        return RangedStream(first, self.leave, self.ask, offset, len(DATA), self.ahead)

    def refuse(self, error: Exception) -> None:
        """Every range, for ever."""
        self.lasting = True
        self.errors = dict.fromkeys(range(len(DATA)), (error, 0))

    def permits(self) -> int:
        count = 0
        while self.ahead.acquire(blocking=False):
            count += 1
        return count


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(ranges, "PART_BYTES", PART)
    monkeypatch.setattr(ranges, "SLOW_BYTES_PER_SECOND", 1 << 60)
    monkeypatch.setattr(ranges, "_PAUSE_SECONDS", 0.0)


@pytest.mark.parametrize("piece", [1, 300, PART, 3 * PART])
@pytest.mark.parametrize("offset", [0, 1, 5 * PART + 7, len(DATA) - 1, len(DATA)])
def test_every_byte_comes_once_and_in_order(offset, piece):
    server = Server(piece)
    with server.stream(offset) as stream:
        assert stream.origin is ORIGIN
        assert b"".join(stream.chunks()) == DATA[offset:]
    assert server.permits() == ranges.PARTS_AHEAD
    if offset == 0 and piece < PART:
        assert server.left, "the first connection is given up"
        assert max(stop for _, stop in server.asked) == len(DATA), "whichever thread asked last"
        first = min(start for start, _ in server.asked)
        assert sorted(server.asked) == [(a, min(a + PART, len(DATA))) for a in range(first, len(DATA), PART)]


def test_a_fast_network_is_left_at_one_connection(monkeypatch):
    monkeypatch.setattr(ranges, "SLOW_BYTES_PER_SECOND", 0)
    server = Server()
    with server.stream() as stream:
        assert b"".join(stream.chunks()) == DATA
    assert (server.asked, server.left) == ([], False)


@pytest.mark.parametrize("good", [0, 450])
@pytest.mark.parametrize("part", [0, 1, 5])
def test_a_range_that_breaks_off_once_is_asked_for_again_from_there(part, good):
    server = Server()
    begin = 1200 + PART + part * PART
    server.errors[begin] = (SourceUnreachableError("broken off"), good)
    with server.stream() as stream:
        assert b"".join(stream.chunks()) == DATA
    assert (begin, begin + PART) in server.asked
    assert (begin + good, begin + PART) in server.asked


@pytest.mark.parametrize(("error", "times"), [(SourceUnreachableError("gone"), 2), (ObjectChangedError("other"), 1)])
def test_a_range_that_fails_for_good_gives_what_came_before_it_and_then_the_error(error, times):
    server = Server()
    server.lasting = True
    begin = 1200 + 4 * PART
    server.errors[begin] = (error, 0)
    came = bytearray()
    with server.stream() as stream:
        chunks = stream.chunks()
        while len(came) < begin:
            came += next(chunks)
        with pytest.raises(type(error)) as raised:
            next(chunks)
    assert raised.value is error
    assert came == DATA[:begin]
    assert sum(asked[0] == begin for asked in server.asked) == times
    assert server.permits() == ranges.PARTS_AHEAD


@pytest.mark.parametrize("piece", [300, 700, 3 * PART])
@pytest.mark.parametrize(
    "error",
    [
        RangeIgnoredError("everything came"),
        SourceUnreachableError("501"),
        SourceDeniedError("403"),
        ObjectGoneError("405"),
        RuntimeError("no thread, no memory"),
    ],
)
def test_from_a_server_that_gives_no_ranges_everything_comes_by_the_first_answer(piece, error):
    server = Server(piece)
    server.refuse(error)
    with server.stream() as stream:
        assert b"".join(stream.chunks()) == DATA
    assert not server.left
    assert len({start for start, _ in server.asked}) == ranges.PARTS_AHEAD, "and no more are asked for"
    assert server.permits() == ranges.PARTS_AHEAD


def test_a_range_that_breaks_off_for_good_before_it_is_needed_is_done_without():
    server = Server()
    for position in range(1200 + PART, 1200 + 2 * PART):
        server.errors[position] = (SourceUnreachableError("broken off"), 300)
    server.lasting = True
    with server.stream() as stream:
        assert b"".join(stream.chunks()) == DATA
    assert not server.left


def test_of_an_object_that_has_changed_the_first_range_tells():
    server = Server()
    server.refuse(ObjectChangedError("412"))
    came = bytearray()
    with server.stream() as stream:
        chunks = stream.chunks()
        while len(came) < 1200 + PART:
            came += next(chunks)
        with pytest.raises(ObjectChangedError):
            came += b"".join(chunks)
    assert came == DATA[: 1200 + PART]
    assert server.permits() == ranges.PARTS_AHEAD


@pytest.fixture
def silent() -> Iterator[Server]:
    """Answers no range."""
    server = Server()
    server.silent = 0
    yield server
    server.speak.set()
    for thread in ranges_under_way():
        thread.join()


def test_ranges_that_are_not_answered_are_not_waited_for(silent):
    began = time.monotonic()
    with silent.stream(first=Stream(0, len(DATA), 300)) as stream:
        assert b"".join(stream.chunks()) == DATA
    assert time.monotonic() - began < 5
    assert not silent.left
    assert len(silent.asked) <= ranges.PARTS_AHEAD, "as long as these are on their way no others are asked for"
    assert all(thread.daemon for thread in ranges_under_way()), "they would keep the process from ending"
    assert silent.permits() == ranges.PARTS_AHEAD


def test_who_waits_for_a_range_can_look_whether_to_stop(silent):
    silent.silent = 1200 + 3 * PART
    came = bytearray()
    began = time.monotonic()
    with silent.stream(first=Stream(0, len(DATA), 300)) as stream:
        for chunk in stream.chunks():
            came += chunk
            if came and not chunk:
                break
            while 1200 < len(came) < 1200 + PART and len(ranges_under_way()) != ranges.PARTS_AHEAD - 2:
                time.sleep(0.001)  # a slow network: the first two ranges come before the first answer is there
    assert silent.left
    assert came == DATA[: silent.silent]
    assert time.monotonic() - began < 5
    assert silent.permits() == ranges.PARTS_AHEAD
    silent.speak.set()
    for thread in ranges_under_way():
        thread.join(5)
    assert silent.open == 0, "what came too late is dropped"
    assert silent.permits() == 0, "and gives back no permit twice"


def test_ranges_that_come_late_are_asked_for_further_ahead(silent, monkeypatch):
    monkeypatch.setattr(ranges, "PARTS_AHEAD", 2)
    silent.ahead = threading.Semaphore(2)
    came = bytearray()
    with silent.stream(first=Stream(0, len(DATA), 300)) as stream:
        for chunk in stream.chunks():
            came += chunk
            if len(came) > 1200 + 2 * PART:  # the first answer is past where the second of two ranges begins
                silent.silent = len(DATA)
                silent.speak.set()
            if silent.speak.is_set():
                time.sleep(0.02)
    assert came == DATA
    assert silent.left
    begins = sorted(start for start, _ in silent.asked)
    assert begins[:2] == [1200 + PART, 1200 + 2 * PART]
    assert begins[2] >= 1200 + 4 * PART
    assert silent.permits() == 2


def test_an_error_of_the_first_answer_is_raised_where_it_came():
    server = Server()
    came = bytearray()
    first = Stream(0, len(DATA), 300, SourceUnreachableError("broken off"), 1700)
    with server.stream(first=first) as stream:
        chunks = stream.chunks()
        while len(came) < 1700:
            came += next(chunks)
        with pytest.raises(SourceUnreachableError):
            next(chunks)
    assert came == DATA[:1700]
    assert server.permits() == ranges.PARTS_AHEAD


def test_no_more_parts_are_ahead_than_are_permitted_however_slowly_they_are_taken(monkeypatch):
    monkeypatch.setattr(ranges, "PARTS_AHEAD", 3)
    server = Server()
    server.ahead = threading.Semaphore(3)
    with server.stream() as stream:
        taken = 0
        for chunk in stream.chunks():
            taken += len(chunk)
            ends = max((stop for _, stop in server.asked), default=0)
            assert ends <= taken + 5 * PART
    assert taken == len(DATA)


def test_streams_of_one_source_share_what_is_ahead_and_each_gets_on():
    server = Server()
    server.ahead = threading.Semaphore(1)
    with server.stream() as one, server.stream() as two:
        both = list(zip_longest(one.chunks(), two.chunks(), fillvalue=b""))
        assert b"".join(first for first, _ in both) == DATA
        assert b"".join(second for _, second in both) == DATA
    assert server.permits() == 1


def test_who_stops_in_the_middle_leaves_nothing_open():
    server = Server()
    with server.stream() as stream:
        chunks = stream.chunks()
        for _ in range(10):
            next(chunks)
    assert server.open == 0
    assert server.permits() == ranges.PARTS_AHEAD
    assert not ranges_under_way()
