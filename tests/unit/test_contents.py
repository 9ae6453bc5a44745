"""The look at the head of a result file: tolerant, bounded, and never wrong about what it has not seen."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from datetime import UTC, datetime

import pytest

from archiver.domain.limits import CSV_HEADER_BYTES, GZIP_PROBE_OUTPUT_BYTES, MIB
from archiver.verify.contents import Contents, GzipState, look_at
from tests.vectors.bricks import EXECUTED, result

LINE = b"# Execution Time: 2022-11-04T15:07:11.245281Z Query Statement: SELECT 1\n"
GZ = gzip.compress(LINE + b"a,b\n1,2\n" * 1000, mtime=0)


def test_an_intact_result():
    assert look_at(result(), whole=True) == Contents(GzipState.INTACT, EXECUTED)
    assert look_at(GZ, whole=True) == Contents(GzipState.INTACT, EXECUTED)


def test_a_head_is_called_sound_only_as_far_as_it_was_seen():
    for size in (30, 100, len(GZ) - 1):
        assert look_at(GZ[:size], whole=False).gzip is GzipState.HEAD_INTACT
        assert look_at(GZ[:size], whole=True).gzip is GzipState.DAMAGED
    assert look_at(GZ, whole=False).gzip is GzipState.HEAD_INTACT


@pytest.mark.parametrize("position", [3, 20, 60, len(GZ) - 6, len(GZ) - 2])
def test_a_damaged_byte_is_seen(position):
    damaged = bytearray(GZ)
    damaged[position] ^= 0xFF
    assert look_at(bytes(damaged), whole=True).damaged


def test_members_may_follow_one_another():
    assert look_at(GZ + GZ, whole=True) == Contents(GzipState.INTACT, EXECUTED)
    assert look_at(gzip.compress(b"") + GZ, whole=True) == Contents(GzipState.INTACT, EXECUTED)
    assert look_at(GZ + GZ[:-1], whole=True).gzip is GzipState.DAMAGED
    assert look_at(GZ + b"garbage", whole=True).gzip is GzipState.DAMAGED


@pytest.mark.thorough
def test_what_follows_a_member_is_not_copied_whole_at_each_member():
    """Members of 20 bytes: copying the rest at each would be work by the square of the size."""
    member = gzip.compress(b"", mtime=0)
    head = member * (8 * MIB // len(member))
    state, peak = looked_at(head)
    assert state is GzipState.INTACT
    assert peak < 4 * MIB


def looked_at(head: bytes) -> tuple[GzipState, int]:
    """The state of *head* as a whole file, and the most memory that finding out took."""
    tracemalloc.start()
    try:
        return look_at(head, whole=True).gzip, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_bomb_is_left_alone():
    bomb = zlib.compressobj(9, wbits=31)
    head = b"".join(bomb.compress(bytes(MIB)) for _ in range(3 * GZIP_PROBE_OUTPUT_BYTES // MIB)) + bomb.flush()
    state, peak = looked_at(head)
    assert state is GzipState.HEAD_INTACT, "it is not known to be sound to its end"
    assert peak < 8 * MIB


@pytest.mark.parametrize("size", [MIB - 1, MIB, MIB + 1, 2 * MIB, 3 * MIB + 17])
def test_output_of_exactly_a_buffer_is_seen_to_its_end(size):
    data = gzip.compress(bytes(size))
    assert look_at(data, whole=True).gzip is GzipState.INTACT
    assert look_at(data[:-1], whole=True).gzip is GzipState.DAMAGED


@pytest.mark.parametrize(
    ("text", "time"),
    [
        (LINE, EXECUTED),
        (LINE.replace(b"\n", b"\r\n"), EXECUTED),
        (b"#Execution Time:2022-11-04T15:07:11.245281Z", EXECUTED),
        (b"# Execution Time: 2022-11-05T00:07:11.245281+09:00 x", EXECUTED),
        (b"# Execution Time: 2022-11-04T15:07:11Z", datetime(2022, 11, 4, 15, 7, 11, tzinfo=UTC)),
        (b"# Execution Time: yesterday", None),
        (b"# Execution Time: 2022-11-31T15:07:11.245281Z ", None),
        (b"# Execution Time: 2022-11-04T15:07:11.245281Zulu", None),
        (b"a,b\n" + LINE, None),
        (b"\xff\xfe", None),
        (b"", None),
    ],
)
def test_the_header_line_is_read_tolerantly(text, time):
    assert look_at(gzip.compress(text), whole=True) == Contents(GzipState.INTACT, time)


def test_a_header_line_without_end_is_not_kept_whole():
    contents = look_at(gzip.compress(LINE.rstrip() + b"x" * (4 * CSV_HEADER_BYTES)), whole=True)
    assert contents.execution_time == EXECUTED


@pytest.mark.parametrize(
    ("data", "plain"),
    [
        (LINE + b"a,b\n", True),
        (LINE.replace(b"# Execution", b"#Execution"), True),
        (b"# Execution Time: yesterday", True),
        (b"eventID,eventTime\nevent-1,2022-11-03 12:01:18.000\n", True),
        (b'"eventID","userIdentity.arn"\r\n"event-1","a, b"\r\n', True),
        (b"# another first line\neventID,_col1\n1,2", True),
        (b"eventID,eventTime\n", False),
        (b"1,2\n3,4\n", False),
        (b"Dear reader,\nthis, too, is text with commas, and no table.\n", False),
        (b'{"a":1,\n"b":2,\n"c":3}\n', False),
        (b"a,b\n1,2\n\x00", False),
        ("監査\n".encode(), False),
        (b"x", False),
        (b"\n\n,\n", False),
        (b"written over", False),
        (b"", False),
        (b"PK\x03\x04", False),
        (LINE.decode().encode("utf-16"), False),
        (b"\x1f\x8a rest", False),
    ],
)
def test_what_is_no_gzip_may_be_an_unpacked_result(data, plain):
    contents = look_at(data, whole=True)
    assert (contents.gzip, contents.plain) == (GzipState.NOT_GZIP, plain)
    assert contents.damaged


def test_the_time_of_a_plain_copy_is_read_too():
    assert look_at(LINE, whole=True).execution_time == EXECUTED
