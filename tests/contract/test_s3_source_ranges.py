"""Long objects by ranges, over stores that answer ranges in three ways, and over one that misbehaves between two."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from functools import partial

import pytest

from archiver.adapters.aws import ranges, s3_source
from archiver.adapters.aws.ranges import RangedStream
from archiver.adapters.aws.s3_source import S3Source
from archiver.adapters.aws.session import AwsAccess, Credentials
from archiver.domain.delivery import SourceObject
from archiver.errors import ObjectChangedError, SourceUnreachableError
from tests.support.hostile_http import Answer
from tests.support.ranged import Held

PART = 64 * 1024
DATA = random.Random(8).randbytes(9 * PART + 17)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Parts are small, chunks smaller, and every network is slow: ranges come first."""
    monkeypatch.setattr(ranges, "PART_BYTES", PART)
    monkeypatch.setattr(ranges, "SLOW_BYTES_PER_SECOND", 1 << 60)
    monkeypatch.setattr(ranges, "_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(s3_source, "RANGED_FROM_BYTES", PART)
    monkeypatch.setattr("archiver.adapters.aws.stream.CHUNK_BYTES", PART // 4)
    monkeypatch.setattr(s3_source, "RangedStream", lambda first, *more: RangedStream(Held(first), *more))


def read(source: S3Source, found: SourceObject, offset: int = 0, pinned=None) -> bytes:
    with source.open(found, offset, pinned) as stream:
        return b"".join(stream.chunks())


def taken(chunks, kinds) -> tuple[bytearray, Exception | None]:
    """What came, and the error of *kinds* that ended it."""
    came = bytearray()
    try:
        for chunk in chunks:
            came += chunk
    except kinds as error:
        return came, error
    return came, None


def test_an_object_by_ranges_is_the_object(s3_stand):
    s3_stand.put("big", DATA)
    source = s3_stand.source()
    (found,) = source.objects()
    with source.open(found) as stream:
        origin = stream.origin
        assert b"".join(stream.chunks()) == DATA
    for offset in (1, 3 * PART, len(DATA) - 1, len(DATA)):
        assert read(source, found, offset, origin) == DATA[offset:]


def test_an_object_that_is_replaced_between_two_ranges_is_noticed(s3_stand):
    s3_stand.put("big", DATA)
    source = s3_stand.source()
    (found,) = source.objects()
    with source.open(found) as stream:
        chunks = stream.chunks()
        begin = next(chunks)
        s3_stand.put("big", DATA[::-1])
        came, error = taken(chunks, (ObjectChangedError, SourceUnreachableError))
    assert error is not None
    assert DATA.startswith(begin + came), "no byte of the other object"


class Ranges:
    """Answers of a store: what *spoil* makes of the honest answer to each range."""

    def __init__(self, spoil=lambda _start, answer: answer, whole=False) -> None:
        self.spoil, self.whole = spoil, whole
        self.asked: list[str | None] = []

    def __call__(self, request) -> Answer:
        wanted = request.headers.get("range")
        self.asked.append(wanted)
        headers = {"ETag": '"e1"', "x-amz-version-id": "v1"}
        if wanted is None or self.whole:
            return Answer(200, DATA, headers)
        assert request.headers["if-match"] == '"e1"'
        start, _, last = wanted.removeprefix("bytes=").partition("-")
        stop = int(last) + 1 if last else len(DATA)
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(DATA)}"
        return self.spoil(int(start), Answer(206, DATA[int(start) : stop], headers))


FOUND = SourceObject("x", len(DATA), "e1")


@pytest.fixture
def source(hostile):
    access = AwsAccess(region="us-east-1", endpoint_url=hostile.url, credentials=Credentials("key", "secret"))
    return S3Source("src", "bucket", "", access)


def changed(answer: Answer, **headers: str) -> Answer:
    return Answer(answer.status, answer.body, {**answer.headers, **headers})


def only_third(change, start: int, answer: Answer) -> Answer:
    return change(answer) if start // PART == 3 else answer


def test_ranges_are_bound_and_cover_everything(hostile, source):
    hostile.answers = script = Ranges()
    assert read(source, FOUND) == DATA
    assert script.asked[0] is None
    assert len(script.asked) > 7
    assert all("versionId" not in asked.path for asked in hostile.requests), "which would take another permission"


def test_a_server_that_ignores_ranges_is_read_to_the_end_of_its_first_answer(hostile, source):
    hostile.answers = script = Ranges(whole=True)
    assert read(source, FOUND) == DATA
    assert script.asked[0] is None


def test_a_server_that_answers_ranges_with_200(hostile, source):
    hostile.answers = Ranges(lambda _, answer: Answer(200, answer.body, answer.headers))
    assert read(source, FOUND) == DATA


@pytest.mark.parametrize(
    ("status", "code"), [(501, "NotImplemented"), (403, "AccessDenied"), (500, "InternalError"), (404, "NoSuchKey")]
)
def test_a_server_that_refuses_ranges_is_read_to_the_end_of_its_first_answer(hostile, source, status, code):
    refusal = Answer(status, f"<Error><Code>{code}</Code></Error>".encode())
    hostile.answers = script = Ranges(lambda _start, _answer: refusal)
    assert read(source, FOUND) == DATA
    asked = [wanted for wanted in script.asked if wanted is not None]
    assert all(asked.count(wanted) <= 2 for wanted in asked), "none as often as what there is no other way to get"


def test_a_range_has_one_try_and_the_time_that_every_request_has(hostile):
    access = AwsAccess(region="us-east-1", endpoint_url=hostile.url, credentials=Credentials("key", "secret"))
    once, ever = access.s3_once().meta.config, access.s3().meta.config
    assert (once.connect_timeout, once.read_timeout) == (ever.connect_timeout, ever.read_timeout)
    assert (once.retries["total_max_attempts"], ever.retries["total_max_attempts"]) == (1, 5)


@pytest.fixture
def unanswered() -> Iterator[threading.Event]:
    """Set at the end: the server waits for it."""
    over = threading.Event()
    yield over
    over.set()


def test_a_server_that_leaves_ranges_unanswered_keeps_nobody_waiting(hostile, source, unanswered, monkeypatch):
    monkeypatch.setattr(s3_source, "RangedStream", RangedStream)

    def never(_start: int, answer: Answer) -> Answer:
        unanswered.wait(30)
        return answer

    hostile.answers = Ranges(never)
    began = time.monotonic()
    assert read(source, FOUND) == DATA
    assert time.monotonic() - began < 5


def test_who_waits_for_an_unanswered_range_can_stop(hostile, source, unanswered, monkeypatch):
    monkeypatch.setattr(s3_source, "RangedStream", RangedStream)

    answered = threading.Event()

    def third_never(start: int, answer: Answer) -> Answer:
        if start >= 4 * PART:
            unanswered.wait(30)
        elif start == 2 * PART:
            answered.set()
        return answer

    hostile.answers = Ranges(third_never)
    came = bytearray()
    began = time.monotonic()
    with source.open(FOUND) as stream:
        for chunk in stream.chunks():
            came += chunk
            if not chunk:
                break
            if PART < len(came) < 2 * PART:
                assert answered.wait(10)
                time.sleep(0.1)
    assert time.monotonic() - began < 8
    assert DATA.startswith(came)
    assert len(came) == 4 * PART


@pytest.mark.parametrize(
    "change",
    [
        partial(changed, ETag='"e2"'),
        partial(changed, **{"x-amz-version-id": "v2"}),
        partial(changed, **{"Content-Range": f"bytes 0-{PART - 1}/{len(DATA)}"}),
        lambda _answer: Answer(412, b"<Error><Code>PreconditionFailed</Code></Error>"),
        lambda answer: Answer(206, answer.body[:-1], answer.headers),
    ],
)
def test_a_range_of_another_object_or_another_range_ends_it_before_its_first_byte(hostile, source, change):
    hostile.answers = Ranges(partial(only_third, change))
    with source.open(FOUND) as stream:
        came, error = taken(stream.chunks(), ObjectChangedError)
    assert error is not None
    assert DATA.startswith(came)
    assert len(came) < 4 * PART


def test_a_range_that_comes_short_once_is_completed(hostile, source):
    short = []

    def once(start: int, answer: Answer) -> Answer:
        if start // PART == 3 and not short:
            short.append(start)
            return Answer(206, answer.body[:1000], answer.headers, stated_length=len(answer.body))
        return answer

    hostile.answers = script = Ranges(once)
    assert read(source, FOUND) == DATA
    assert f"bytes={short[0] + 1000}-{short[0] + PART - 1}" in script.asked


def test_a_range_that_comes_short_again_gives_what_came_before_and_then_an_error(hostile, source):
    hostile.answers = Ranges(
        partial(only_third, lambda a: Answer(206, a.body[:0], a.headers, stated_length=len(a.body)))
    )
    with source.open(FOUND) as stream:
        came, error = taken(stream.chunks(), SourceUnreachableError)
    assert error is not None
    assert DATA.startswith(came)
    assert len(came) >= 2 * PART
    hostile.answers = Ranges()
    assert came + read(source, FOUND, len(came)) == DATA, "it goes on from there"
