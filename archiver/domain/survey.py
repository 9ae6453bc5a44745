"""What a whole reading of an item's files shows beyond their SHA-256. Nothing of it decides a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Packing(StrEnum):
    """Whether a file is gzip, read to its end (RFC 1952)."""

    INTACT = "intact"
    DAMAGED = "damaged"
    NOT_GZIP = "not_gzip"
    TOO_LARGE = "too_large"
    """It unpacks to more than is read (``verify.unpack``), so its end was not seen."""


@dataclass(frozen=True, slots=True)
class FileSurvey:
    """One archived file, read to its end at one time.

    ``name``, ``size``, ``sha256``: as acquired; what differs from these is not surveyed. ``sha512``: 128 hex, of the
    same bytes. ``unpacked``: bytes after gunzip as far as they can be unpacked; ``rows``: records below the column
    names (RFC 4180), ``first_event``/``last_event``: least and greatest of column ``eventTime``; None where the file
    is no result, has no such column, or could not be read in a way that makes them certain. ``execution_time``: of
    the header line; ``header_sha256``: of that line's bytes without its line end, 64 hex; None for another line, or
    one of more than 64 KiB. ``trouble``: why something could not be read, "" where nothing.
    """

    name: str
    size: int
    sha256: str
    sha512: str
    packing: Packing
    unpacked: int | None
    rows: int | None
    first_event: datetime | None
    last_event: datetime | None
    execution_time: datetime | None
    header_sha256: str | None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """What a reading of an item's files for one report showed, by their paths in the archive.

    ``altered``: those that are not what was acquired, and what they are now; ``unread``: those that could not be
    read, and why; both in words. An item of which neither is told was read whole.
    """

    altered: Mapping[str, str] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)
