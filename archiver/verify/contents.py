"""A look at the head of a result file: gzip state and the header line. It never decides a verdict.

The line ``# Execution Time: … Query Statement: …`` is not documented by AWS, so it is read tolerantly; as part
of the signed bytes its time is worth more than the sign file's, which nothing signs.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from archiver.domain.limits import CSV_HEADER_BYTES, GZIP_PROBE_OUTPUT_BYTES, KIB, MIB
from archiver.domain.times import parse_time

_GZIP_MAGIC = b"\x1f\x8b"
EXECUTION_TIME: Final = re.compile(rb"# ?Execution Time: ?([0-9TZ:.+-]{20,40})(?:[ \r\n]|$)")
_PIECE: Final = 16 * KIB
"""Input of one call of the inflater: each gzip member copies what follows it in the piece, so small is quick."""

_BINARY = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_FIRST_LINE = re.compile(rb"# ?Execution Time:")
_NAME = rb"\"?[A-Za-z_][\w.$()*]*\"?"
_COLUMN_NAMES = re.compile(_NAME + rb"(?:," + _NAME + rb")+")


class GzipState(StrEnum):
    """What the head of the file shows. ``HEAD_INTACT``: sound as far as it was looked at, not to its end."""

    INTACT = "intact"
    HEAD_INTACT = "head_intact"
    DAMAGED = "damaged"
    NOT_GZIP = "not_gzip"


@dataclass(frozen=True, slots=True)
class Contents:
    """``execution_time``: from the header line, UTC, None where there is none to be read.

    ``plain``: text that looks like a result CSV, as a result file does after transparent decompression. A look
    explains nothing: a forger can write such text too.
    """

    gzip: GzipState
    execution_time: datetime | None
    plain: bool = False

    @property
    def damaged(self) -> bool:
        """True where it is no gzip file, or a broken one."""
        return self.gzip in (GzipState.DAMAGED, GzipState.NOT_GZIP)


def look_at(head: bytes, whole: bool) -> Contents:
    """What *head*, the first bytes of a file, shows; *whole*: it is the entire file. Work and memory bounded."""
    if not head.startswith(_GZIP_MAGIC):
        start = head[:CSV_HEADER_BYTES]
        return Contents(GzipState.NOT_GZIP, _execution_time(start), _looks_like_results(start))
    first, state = _inflate(head, whole)
    return Contents(state, _execution_time(first))


def _inflate(head: bytes, whole: bool) -> tuple[bytes, GzipState]:
    first, produced, position, data = b"", 0, 0, b""
    inflater: zlib._Decompress | None = None
    try:
        while True:
            if not data:
                data, position = head[position : position + _PIECE], position + _PIECE
                if not data:
                    break
            inflater = inflater or zlib.decompressobj(wbits=31)
            out = inflater.decompress(data, MIB)
            first += out[: CSV_HEADER_BYTES - len(first)]
            produced += len(out)
            if produced > GZIP_PROBE_OUTPUT_BYTES:
                return first, GzipState.HEAD_INTACT
            data = inflater.unconsumed_tail
            if inflater.eof:  # RFC 1952, section 2.2: members follow one another
                data, inflater = inflater.unused_data, None
    except zlib.error:
        return first, GzipState.DAMAGED
    if not whole:
        return first, GzipState.HEAD_INTACT
    return first, GzipState.INTACT if inflater is None else GzipState.DAMAGED


def _looks_like_results(start: bytes) -> bool:
    """True for text with the header line, or with lines of comma-separated values under column names.

    Any text would be too much: evidence that was overwritten with a word is no unpacked copy of anything.
    """
    if _BINARY.search(start):
        return False
    if _FIRST_LINE.match(start):
        return True
    lines = [line.rstrip(b"\r") for line in start.split(b"\n", 3)[:3]]
    separated = sum(b"," in line for line in lines)
    return separated > 1 and any(_COLUMN_NAMES.fullmatch(line) for line in lines[:2])


def _execution_time(line: bytes) -> datetime | None:
    match = EXECUTION_TIME.match(line)
    if match is None:
        return None
    try:
        return parse_time(match[1].decode("ascii"))
    except ValueError:
        return None
