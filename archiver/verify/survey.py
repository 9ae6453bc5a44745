"""A file read to its end: SHA-256 and SHA-512 of its bytes, and of a result what its rows say. Pure: bytes in.

AWS does not document the layout of results beyond "CSV, gzip": line 1 ``# Execution Time: …``, line 2 the columns'
names, then records (RFC 4180). So it is read tolerantly, says what could not be read, and decides nothing. Whatever
stands in a file, memory stays within a few times :data:`LINE_BYTES`, and work within what ``unpack`` lets out.
"""

from __future__ import annotations

import csv
import hashlib
import re
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
_EVENT_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?: ?UTC|Z)?", re.ASCII)
"""As Lake writes timestamps into results (``2022-11-04 15:07:11.000``), or as RFC 3339 in UTC."""

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
            for piece in self._unpacker.take(chunk):
                self._records.take(piece)

    def end(self) -> FileSurvey:
        """What the whole file shows."""
        packing, records = self._unpacker.end(), self._records
        if records is None or packing is Packing.NOT_GZIP:
            return self._survey(packing)
        records.end()
        first, last = records.times()
        trouble = "; ".join(filter(None, (self._unpacker.trouble, records.trouble)))
        counted = not self._unpacker.trouble
        return self._survey(
            packing,
            unpacked=self._unpacker.produced,
            rows=records.rows if counted else None,
            first_event=first if counted else None,
            last_event=last if counted else None,
            execution_time=records.execution_time,
            header_sha256=records.header_sha256,
            trouble=trouble,
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
        self.trouble = ""
        self.header_sha256: str | None = None
        self.execution_time: datetime | None = None
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._quotes = 0
        self._skipping = False
        self._at_header = True
        self._column: int | None = None
        self._named = False
        self._records: list[str] = []
        self._first: str | None = None
        self._last: str | None = None

    def take(self, piece: bytes) -> None:
        """The next bytes of text."""
        lines = piece.split(b"\n")
        for line in lines[:-1]:
            self._hold(line)
            self._line_ends()
        self._hold(lines[-1])
        self._read()

    def _hold(self, part: bytes) -> None:
        if not part:
            return
        self._quotes += part.count(b'"')
        self._held_bytes += len(part)
        if self._held_bytes > LINE_BYTES:
            self._say(f"a record of more than {LINE_BYTES} bytes is not read")
            self._skipping = True
            self._held.clear()
        if not self._skipping:
            self._held.append(part)

    def _line_ends(self) -> None:
        """A line feed inside of quotes belongs to the value; the first line is free text, and quotes mean nothing."""
        if self._quotes % 2 and not self._at_header and not self._skipping:
            self._hold(b"\n")
            return
        self._record(b"".join(self._held))
        self._held.clear()
        self._held_bytes = self._quotes = 0
        self._skipping = False

    def _record(self, line: bytes) -> None:
        line = line.removesuffix(b"\r")
        if self._at_header:
            self._at_header = False
            if line.startswith((b"# Execution Time:", b"#Execution Time:")):
                self.header_sha256 = hashlib.sha256(line).hexdigest()
                self.execution_time = _execution_time(line[:CSV_HEADER_BYTES])
                return
        if not line and not self._skipping:
            return
        text = line.decode("utf-8", "replace")
        if not self._named:
            self._named = True
            self._column = self._time_column(text)
            return
        self.rows += 1
        if self._column is not None and not self._skipping:
            self._records.append(text)

    def _time_column(self, names: str) -> int | None:
        try:
            row = next(csv.reader([names]), [])
        except csv.Error:
            return None
        lowered = [name.strip().lower() for name in row]
        return lowered.index(_TIME_COLUMN) if _TIME_COLUMN in lowered else None

    def _read(self) -> None:
        """Least and greatest time of the records at hand: texts of one form sort as the times do."""
        column, records = self._column, self._records
        if column is None or not records:
            return
        self._records = []
        found = self._times_of(records, column)
        if found:
            self._first = min(found) if self._first is None else min(self._first, *found)
            self._last = max(found) if self._last is None else max(self._last, *found)

    def _times_of(self, records: list[str], column: int) -> list[str]:
        times = []
        for record in records:
            try:
                row = next(csv.reader([record]), [])
            except csv.Error as error:
                self._say(f"a record cannot be read: {error}")
                continue
            match = _EVENT_TIME.fullmatch(row[column].strip()) if len(row) > column else None
            if match is None:
                self._say("a record has no time in its column eventTime")
                continue
            times.append(f"{match[1]}T{match[2]}.{(match[3] or '')[:6].ljust(6, '0')}Z")
        return times

    def end(self) -> None:
        """The file has ended, with or without a line end."""
        if self._held or self._skipping:
            self._quotes = 0
            self._line_ends()
        self._read()

    def times(self) -> tuple[datetime | None, datetime | None]:
        """The least and the greatest ``eventTime``; None where no record has one that the calendar has."""
        return self._time(self._first), self._time(self._last)

    def _time(self, text: str | None) -> datetime | None:
        if text is None:
            return None
        try:
            return parse_time(text)
        except ValueError:
            self._say("a record has a time that the calendar does not have")
            return None

    def _say(self, trouble: str) -> None:
        self.trouble = self.trouble or trouble


def _execution_time(line: bytes) -> datetime | None:
    match = EXECUTION_TIME.match(line)
    try:
        return parse_time(match[1].decode("ascii")) if match else None
    except ValueError:
        return None
