"""Points in time: always aware, always UTC, written as RFC 3339 with a ``Z``."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_RFC3339 = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt]((?:[01]\d|2[0-3]):\d{2}:\d{2})(?:\.(\d{1,9}))?(Z|z|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)


def parse_time(text: str) -> datetime:
    """The point in time that RFC 3339 *text* names, in UTC; digits beyond microseconds are dropped.

    Raises ``ValueError`` for anything else, a time without an offset included.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError("not an RFC 3339 time with an offset, such as 2022-11-04T15:07:11Z")
    day, clock, fraction, offset = match.groups()
    micro = (fraction or "0")[:6].ljust(6, "0")
    zone = "+00:00" if offset in "Zz" else offset
    try:
        return datetime.fromisoformat(f"{day}T{clock}.{micro}{zone}").astimezone(UTC)
    except OverflowError as error:
        raise ValueError("a time outside the years 1 to 9999") from error


def format_time(moment: datetime) -> str:
    """RFC 3339 in UTC with ``Z``: whole seconds without a fraction, else microseconds.

    Raises ``ValueError`` for a time without a zone: it names no point in time.
    """
    if moment.tzinfo is None:
        raise ValueError("a time without a zone names no point in time")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def format_optional(moment: datetime | None) -> str | None:
    """:func:`format_time`, or None for None."""
    return None if moment is None else format_time(moment)
