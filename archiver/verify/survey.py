"""A file read to its end: SHA-256 and SHA-512 of its bytes, and of a result what its rows say. Pure: bytes in.

AWS does not document the layout of results beyond "CSV, gzip": line 1 ``# Execution Time: …``, line 2 the columns'
names, then records (RFC 4180). So it is read tolerantly, says what could not be read, and decides nothing. Whatever
stands in a file, memory stays within a few times :data:`LINE_BYTES`, and work within what ``unpack`` lets out.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from archiver.domain.limits import CSV_HEADER_BYTES, MIB
from archiver.domain.survey import FileSurvey, Packing
from archiver.domain.times import parse_time
from archiver.verify.contents import EXECUTION_TIME
from archiver.verify.unpack import Unpacker

LINE_BYTES: Final = 4 * MIB
"""Longest record that is read; an event of CloudTrail has 256 KiB at most."""

_TIME_COLUMN: Final = "eventtime"
_EVENT_TIME: Final = re.compile(rb"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?: ?UTC|Z)?")
"""As Lake writes timestamps into results (``2022-11-04 15:07:11.000``), or as RFC 3339 in UTC."""

_TOO_LONG: Final = f"a record of more than {LINE_BYTES} bytes is not read"
_OPEN: Final = "it ends inside of a quoted value"
_LONG_HEADER: Final = f"its first line has more than {CSV_HEADER_BYTES} bytes and is not read"
_NO_CSV: Final = "a record is no CSV"
_NO_TIME: Final = "a record has no time in its column eventTime"
_TROUBLES: Final = (_TOO_LONG, _OPEN, _LONG_HEADER, _NO_CSV, _NO_TIME)

csv.field_size_limit(LINE_BYTES)


class Surveyor:
    """Takes the bytes of the file *name* in their order; *is_result*: its rows are wanted, too."""

    def __init__(self, name: str, is_result: bool) -> None:
        self._name = name
        self._sha256, self._sha512 = hashlib.sha256(), hashlib.sha512()
        self._size = 0
        self._unpacker = Unpacker()
        self._records = Records() if is_result else None

    def take(self, chunk: bytes) -> None:
        """The next bytes."""
        self._sha256.update(chunk)
        self._sha512.update(chunk)
        self._size += len(chunk)
        if self._records is not None:
            self._read(self._records, self._unpacker.take(chunk))

    def _read(self, records: Records, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            records.take(piece)

    def end(self) -> FileSurvey:
        """What the whole file shows. Of a file that is no result, nothing is said of gzip."""
        records = self._records
        if records is None:
            return self._survey(Packing.NOT_GZIP)
        self._read(records, self._unpacker.rest())
        packing, whole = self._unpacker.end(), not self._unpacker.trouble
        if packing is Packing.NOT_GZIP:
            return self._survey(packing)
        if whole:
            records.end()
        first, last = records.times() if whole else (None, None)
        return self._survey(
            packing,
            unpacked=self._unpacker.produced,
            rows=records.rows if whole and records.is_counted else None,
            first_event=first,
            last_event=last,
            execution_time=records.execution_time,
            header_sha256=records.header_sha256,
            trouble="; ".join(filter(None, (self._unpacker.trouble, records.trouble))),
        )

    def _survey(
        self,
        packing: Packing,
        *,
        unpacked: int | None = None,
        rows: int | None = None,
        first_event: datetime | None = None,
        last_event: datetime | None = None,
        execution_time: datetime | None = None,
        header_sha256: str | None = None,
        trouble: str = "",
    ) -> FileSurvey:
        return FileSurvey(
            name=self._name,
            size=self._size,
            sha256=self._sha256.hexdigest(),
            sha512=self._sha512.hexdigest(),
            packing=packing,
            unpacked=unpacked,
            rows=rows,
            first_event=first_event,
            last_event=last_event,
            execution_time=execution_time,
            header_sha256=header_sha256,
            trouble=trouble,
        )


class Records:
    """The lines of a result as they come. ``rows``: records below the names of the columns, so far.

    ``header_sha256``: of the line ``# Execution Time: …`` without its end; ``execution_time``: what it says.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.header_sha256: str | None = None
        self.execution_time: datetime | None = None
        self._troubles: set[str] = set()
        self._held = bytearray()
        self._held_bytes = 0
        self._quotes = 0
        self._skipping = False
        self._at_header = True
        self._named = False
        self._column: int | None = None
        self._values: set[bytes] = set()
        self._first: str | None = None
        self._last: str | None = None

    @property
    def trouble(self) -> str:
        """All that could not be read, in an order that does not depend on where it stood."""
        return "; ".join(trouble for trouble in _TROUBLES if trouble in self._troubles)

    @property
    def is_counted(self) -> bool:
        """False where something was met after which nobody knows where records end."""
        return not self._troubles & {_TOO_LONG, _OPEN}

    def take(self, piece: bytes) -> None:
        """The next bytes of text. Records without quotes, which most are, are read together."""
        quoted = b'"' in piece
        if self._quotes % 2 and not self._at_header and not quoted:
            self._hold(piece)
            return
        *lines, last = piece.split(b"\n")
        if self._held_bytes or not self._named or quoted or b"\r" in piece:
            lines = [line for line in lines if not self._is_taken(line)]
        self._plain(lines)
        self._hold(last)
        self._note()

    def _is_taken(self, line: bytes) -> bool:
        """Takes the end of a record, or a whole one that has quotes; False for another, which is plain."""
        if self._named and not self._held_bytes and b'"' not in line and b"\r" not in line:
            return False
        self._hold(line)
        self._line_ends()
        return True

    def _hold(self, part: bytes) -> None:
        if not part:
            return
        self._quotes += part.count(b'"')
        self._held_bytes += len(part)
        if self._held_bytes > LINE_BYTES:
            self._troubles.add(_TOO_LONG)
            self._skipping = True
            self._held.clear()
        if not self._skipping:
            self._held += part

    def _line_ends(self) -> None:
        """A line feed inside of quotes belongs to the value; the first line is free text, and quotes mean nothing."""
        if self._quotes % 2 and not self._at_header:
            self._hold(b"\n")
            return
        line, skipped = bytes(self._held).removesuffix(b"\r"), self._skipping
        self._held.clear()
        self._held_bytes = self._quotes = 0
        self._skipping = False
        if self._at_header:
            self._at_header = False
            if line.startswith((b"# Execution Time:", b"#Execution Time:")):
                self._header(line)
                return
        if line or skipped:
            self._record(line)

    def _header(self, line: bytes) -> None:
        if len(line) > CSV_HEADER_BYTES:
            self._troubles.add(_LONG_HEADER)
            return
        self.header_sha256 = hashlib.sha256(line).hexdigest()
        self.execution_time = _execution_time(line)

    def _record(self, line: bytes) -> None:
        """One that is whole; empty where it was too long to be held."""
        if not self._named:
            self._named = True
            names = [name.strip().lower() for name in _fields(line) or []]
            self._column = names.index(_TIME_COLUMN) if _TIME_COLUMN in names else None
            return
        self.rows += 1
        if self._column is None or not line:
            return
        fields = _fields(line)
        if fields is None:
            self._troubles.add(_NO_CSV)
        elif len(fields) <= self._column:
            self._troubles.add(_NO_TIME)
        else:
            self._values.add(fields[self._column].encode("utf-8"))

    def _plain(self, lines: list[bytes]) -> None:
        """Records without a quote: a comma is what parts them."""
        records = [line for line in lines if line]
        self.rows += len(records)
        column = self._column
        if column is None or not records:
            return
        fields = [record.split(b",", column + 1) for record in records]
        if min(map(len, fields)) <= column:
            self._troubles.add(_NO_TIME)
        self._values.update(parts[column] for parts in fields if len(parts) > column)

    def _note(self) -> None:
        """Least and greatest of the times at hand: texts of one form sort as the times do."""
        for value in self._values:
            match = _EVENT_TIME.fullmatch(value.strip())
            if match is None:
                self._troubles.add(_NO_TIME)
                continue
            day, clock, fraction = (part.decode("ascii") for part in match.groups(b""))
            text = f"{day}T{clock}.{fraction[:6].ljust(6, '0')}Z"
            self._first = text if self._first is None else min(self._first, text)
            self._last = text if self._last is None else max(self._last, text)
        self._values.clear()

    def end(self) -> None:
        """The text has ended, with or without a line end."""
        if self._held_bytes:
            if self._quotes % 2 and not self._at_header:
                self._troubles.add(_OPEN)
            self._quotes = 0
            self._line_ends()
        self._note()

    def times(self) -> tuple[datetime | None, datetime | None]:
        """The least and the greatest ``eventTime``; None where not every record has one that is a time."""
        if self._first is None or self._last is None or self._troubles:
            return None, None
        try:
            return parse_time(self._first), parse_time(self._last)
        except ValueError:
            self._troubles.add(_NO_TIME)
            return None, None


def _fields(line: bytes) -> list[str] | None:
    """One record of CSV; None where it is none."""
    try:
        return next(csv.reader([line.decode("utf-8", "replace")]), [])
    except csv.Error:
        return None


def _execution_time(line: bytes) -> datetime | None:
    match = EXECUTION_TIME.match(line)
    try:
        return parse_time(match[1].decode("ascii")) if match else None
    except ValueError:
        return None
