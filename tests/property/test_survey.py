"""A whole reading of results: what it says of well-formed ones; nothing in a hostile one hurts or misleads."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import random
import tracemalloc
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from archiver.domain.limits import CSV_HEADER_BYTES, GIB, MIB
from archiver.domain.survey import FileSurvey, Packing
from archiver.verify import unpack
from archiver.verify.survey import LINE_BYTES, Records, Surveyor
from archiver.verify.unpack import Unpacker

HEADER = b"# Execution Time: 2022-11-04T15:07:11.245281Z Query Statement: SELECT eventTime FROM x"


def surveyed(data: bytes, step: int = MIB, *, is_result: bool = True) -> FileSurvey:
    surveyor = Surveyor("result_1.csv.gz", is_result)
    for at in range(0, len(data), step):
        surveyor.take(data[at : at + step])
    return surveyor.end()


def of_text(text: str, *, header: bytes = HEADER, newline: bytes = b"\n") -> FileSurvey:
    return surveyed(gzip.compress(header + newline + text.encode("utf-8", "surrogatepass")))


def read(text: bytes, step: int) -> tuple[object, ...]:
    records = Records()
    for at in range(0, len(text), step):
        records.take(text[at : at + step])
    records.end()
    return (records.rows, records.times(), records.header_sha256, records.execution_time, records.trouble)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_plain_result_is_read_whole() -> None:
    text = "eventID,eventTime\na,2022-11-03 12:01:18.000\nb,2022-11-02 00:00:00.000\nc,2022-11-03 12:01:18.001\n"
    data = gzip.compress(HEADER + b"\n" + text.encode())
    assert surveyed(data) == FileSurvey(
        name="result_1.csv.gz",
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        sha512=hashlib.sha512(data).hexdigest(),
        packing=Packing.INTACT,
        unpacked=len(HEADER) + 1 + len(text),
        rows=3,
        first_event=at("2022-11-02 00:00:00"),
        last_event=at("2022-11-03 12:01:18.001"),
        execution_time=at("2022-11-04 15:07:11.245281"),
        header_sha256=hashlib.sha256(HEADER).hexdigest(),
    )


@pytest.mark.parametrize(
    ("text", "rows", "first", "trouble"),
    [
        ("eventTime\n", 0, None, ""),
        ("eventTime\n2022-11-03 12:01:18", 1, "2022-11-03 12:01:18", ""),
        ("EVENTTIME,x\n2022-11-03T12:01:18Z,1\n", 1, "2022-11-03 12:01:18", ""),
        ('"eventTime","x"\n"2022-11-03 12:01:18.000 UTC","a, ""b"""\n', 1, "2022-11-03 12:01:18", ""),
        ('x,eventTime\n"two\nlines\r\n",2022-11-03 12:01:18\n', 1, "2022-11-03 12:01:18", ""),
        ("eventTime\r\n2022-11-03 12:01:18\r\n\r\n2022-11-03 12:01:19\r\n", 2, "2022-11-03 12:01:18", ""),
        ("x,eventTime\n\n\n1,2022-11-03 12:01:18\n\n", 1, "2022-11-03 12:01:18", ""),
        ("x,y\n1,2\n3,4\n", 2, None, ""),
        ("x,eventTime\n1\n2,2022-11-03 12:01:18\n", 2, None, "a record has no time"),
        ('x,eventTime\n"1"\n', 1, None, "a record has no time"),
        ("eventTime\nyesterday\n", 1, None, "a record has no time"),
        ("eventTime\n2022-13-03 12:01:18\n", 1, None, ""),
        ("eventTime\n２022-11-03 12:01:18\n", 1, None, "a record has no time"),
        ("x,eventTime\na\rb,2022-11-03 12:01:18\n", 1, None, "a record is no CSV"),
        ('eventTime\n2022-11-03 12:01:18\n"open,\n,\n', None, None, "it ends inside of a quoted value"),
        ("", 0, None, ""),
    ],
)
def test_rows_and_times(text: str, rows: int | None, first: str | None, trouble: str) -> None:
    found = of_text(text)
    assert (found.rows, found.first_event) == (rows, at(first) if first else None)
    assert found.trouble.startswith(trouble)
    assert found.packing is Packing.INTACT
    assert found.execution_time == at("2022-11-04 15:07:11.245281")


def test_the_header_is_what_stands_in_the_first_line() -> None:
    crlf = of_text("x\r\n1\r\n", newline=b"\r\n")
    assert crlf.header_sha256 == hashlib.sha256(HEADER).hexdigest()
    assert crlf.rows == 1
    quoted = HEADER + b" WHERE x = 'it\"s'"
    assert of_text("x\n1\n", header=quoted).header_sha256 == hashlib.sha256(quoted).hexdigest()
    assert of_text("x\n1\n", header=quoted).rows == 1, "quotes mean nothing in it"
    odd = of_text("1\n", header=b"eventTime")
    assert (odd.header_sha256, odd.execution_time, odd.rows) == (None, None, 1)
    untimed = of_text("x\n", header=b"# Execution Time: soon Query Statement: x")
    assert (untimed.execution_time, untimed.header_sha256 is None) == (None, False)
    longest = HEADER.ljust(CSV_HEADER_BYTES, b"x")
    assert of_text("x\n", header=longest).header_sha256 == hashlib.sha256(longest).hexdigest()
    longer = of_text("x\n1\n", header=longest + b"x")
    assert (longer.header_sha256, longer.rows) == (None, 1)
    assert "first line" in longer.trouble


def test_a_record_that_is_too_long_leaves_rows_and_times_open() -> None:
    long = "x" * LINE_BYTES
    for text in (
        f"eventTime,x\n2022-11-03 12:01:18,{long}\n2022-11-03 12:01:19,y\n",
        f'eventTime,x\n1,"\n{long}\n"\n',
    ):
        found = of_text(text)
        assert (found.rows, found.first_event, found.last_event) == (None, None, None)
        assert "is not read" in found.trouble
    assert of_text(f"x,y\n1,{long[:-3]}\n").rows == 1


_CELLS = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=12),
    st.sampled_from(["", " ", '"', '""', ",", "\n", "\r", "\r\n", '"\n"', "2022-11-03 12:01:18.000", "a" * 70_000]),
)
_MOMENTS = st.integers(0, 4 * 10**15).map(
    lambda micro: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micro)
)


@given(
    st.lists(st.tuples(_CELLS, _MOMENTS, _CELLS), max_size=12),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    st.integers(1, 5000),
)
def test_whatever_csv_writes_is_read_back(
    rows: list[tuple[str, datetime, str]], newline: str, quoting: int, step: int
) -> None:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=newline, quoting=quoting)  # type: ignore[arg-type]
    writer.writerow(["a", "eventTime", "b"])
    for before, moment, after in rows:
        # Python's writer does not quote a CR that stands alone, as RFC 4180 wants it to
        cells = (before.replace("\r", "\r\n"), f"{moment:%Y-%m-%d %H:%M:%S.%f}", after.replace("\r", "\r\n"))
        writer.writerow(cells)
    data = gzip.compress(HEADER + newline.encode() + out.getvalue().encode())
    found = surveyed(data, step)
    moments = [moment for _, moment, _ in rows]
    assert found.trouble == ""
    assert (found.rows, found.first_event, found.last_event) == (
        len(rows),
        min(moments, default=None),
        max(moments, default=None),
    )


_PARTS = [
    b"a",
    b",",
    b'"',
    b"\n",
    b"\r",
    b"\r\n",
    b"2022-11-03 12:01:18",
    b"eventTime",
    b"\xff",
    b"\x00",
    b"\n\n",
    b'""',
]


@given(st.lists(st.sampled_from(_PARTS), max_size=60).map(b"".join), st.booleans())
@example(b'eventTime\n"2022-11-03 12:01:18"\n"', True)
@example(b'x\na"b,"c\n2022-11-03 12:01:18\n', False)
def test_pieces_of_any_size_say_the_same(tail: bytes, named: bool) -> None:
    text = HEADER + b"\nb,eventTime,c\n" * named + tail
    whole = read(text, len(text))
    for step in (1, 2, 3, 7):
        assert read(text, step) == whole


@given(st.lists(st.sampled_from(_PARTS), max_size=40).map(b"".join), st.integers(0, 400))
def test_a_cut_at_every_byte_says_the_same(text: bytes, damage: int) -> None:
    packed = bytearray(gzip.compress(HEADER + b"\n" + text) + gzip.compress(b"eventTime\n2022-11-03 12:01:18\n"))
    packed[damage % len(packed)] ^= damage % 7  # sometimes nothing
    data = bytes(packed)
    whole = surveyed(data)
    for cut in range(1, len(data)):
        surveyor = Surveyor(whole.name, is_result=True)
        surveyor.take(data[:cut])
        surveyor.take(data[cut:])
        assert surveyor.end() == whole
    assert surveyed(data, 1) == whole


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=6))
def test_members_are_unpacked_one_after_another(parts: list[bytes]) -> None:
    data = b"".join(gzip.compress(part) for part in parts)
    unpacker = Unpacker()
    assert b"".join([*unpacker.take(data), *unpacker.rest()]) == b"".join(parts)
    assert (unpacker.end(), unpacker.trouble) == (Packing.INTACT, "")


@given(st.binary(max_size=3000))
def test_any_bytes_do_no_harm(data: bytes) -> None:
    assert surveyed(data).sha512 == hashlib.sha512(data).hexdigest()
    found = surveyed(b"\x1f\x8b\x08\x00" + data)
    assert found.packing in (Packing.DAMAGED, Packing.INTACT)
    assert found.rows is None or found.packing is Packing.INTACT


def test_a_damaged_file_is_unpacked_up_to_the_damage_and_counts_nothing() -> None:
    random.seed(7)
    lines = [f"{random.getrandbits(96):x},2022-11-03 12:01:18" for _ in range(5000)]
    text = HEADER + ("\nid,eventTime\n" + "\n".join(lines)).encode()
    whole = gzip.compress(text)
    checksum = whole[:-8] + bytes([whole[-8] ^ 1]) + whole[-7:]
    trailing = whole + b"no member"
    for data, unpacked in ((checksum, len(text)), (trailing, len(text)), (whole[:-1], len(text))):
        found = surveyed(data)
        assert (found.packing, found.unpacked, found.rows, found.first_event) == (
            Packing.DAMAGED,
            unpacked,
            None,
            None,
        )
        assert found.header_sha256 == hashlib.sha256(HEADER).hexdigest()
        assert found.trouble
    half = surveyed(whole[: len(whole) // 2])
    assert (half.packing, half.rows) == (Packing.DAMAGED, None)
    assert 0.4 * len(text) < (half.unpacked or 0) < 0.6 * len(text)
    short = surveyed(gzip.compress(HEADER)[:-3])
    assert (short.packing, short.header_sha256) == (Packing.DAMAGED, None), "nobody knows where the line would end"


@pytest.mark.parametrize("data", [b"", b"\x1f", b"eventTime\n1\n", b"PK\x03\x04"])
def test_what_is_no_gzip_is_called_so(data: bytes) -> None:
    found = surveyed(data)
    assert (found.packing, found.unpacked, found.rows, found.trouble) == (Packing.NOT_GZIP, None, None, "")


def test_of_another_file_than_a_result_only_the_hashes_are_told() -> None:
    data = gzip.compress(HEADER + b"\nx\n1\n")
    found = surveyed(data, is_result=False)
    assert found.sha512 == hashlib.sha512(data).hexdigest()
    assert (found.unpacked, found.rows, found.header_sha256) == (None, None, None)


def bomb(piece: bytes, times: int) -> Iterator[bytes]:
    packer = zlib.compressobj(9, wbits=31)
    for _ in range(times):
        if out := packer.compress(piece):
            yield out
    yield packer.flush()


def test_a_bomb_is_not_unpacked_without_end_and_not_called_intact(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a smaller allowance, for the real one takes seconds to reach; what comes after it is never unpacked."""
    assert GIB == 1024 * MIB
    monkeypatch.setattr(unpack, "GIB", 8 * MIB)
    data = b"".join(bomb(bytes(MIB), 256))
    found = surveyed(data)
    assert (found.packing, found.rows, found.first_event) == (Packing.TOO_LARGE, None, None)
    assert "not read further" in found.trouble
    assert 8 * MIB < (found.unpacked or 0) < 80 * MIB
    assert found.sha256 == hashlib.sha256(data).hexdigest(), "the bytes are hashed to their end all the same"
    assert surveyed(data, 1000) == found


@pytest.mark.thorough
@pytest.mark.parametrize("piece", [b"x", b"x\n", b'"', b'"a"\n'], ids=repr)
def test_memory_does_not_grow_with_what_comes_out(piece: bytes) -> None:
    data = gzip.compress(HEADER + b"\n") + b"".join(bomb(piece * (MIB // len(piece)), 2 if b"\n" in piece else 12))
    surveyor = Surveyor("x", is_result=True)
    tracemalloc.start()
    try:
        for start in range(0, len(data), 4096):
            surveyor.take(data[start : start + 4096])
        surveyor.end()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 * MIB


def test_times_are_compared_as_times_whatever_their_form() -> None:
    base = datetime(2022, 11, 3, 12, tzinfo=UTC)
    forms = [
        "2022-11-03 12:00:00",
        "2022-11-03T12:00:00.5Z",
        "2022-11-03 12:00:01.25 UTC",
        "2022-11-03 11:59:59.999999",
    ]
    found = of_text("eventTime\n" + "\n".join(forms) + "\n")
    assert found.first_event == base - timedelta(microseconds=1)
    assert found.last_event == base + timedelta(seconds=1.25)
