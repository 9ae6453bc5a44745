"""How values stand in columns: the same on SQLite and PostgreSQL, and such that text order is value order.

Text from outside (keys of S3 objects, names of files) may hold NUL, which PostgreSQL refuses, and lone surrogates
(bytes of a file name that are not UTF-8), which both refuse. Those, and the two characters that mark them, are
written as pairs. The code is prefix-free and keeps the order of code points, so ranges of stored prefixes are
ranges of prefixes; all other text stands as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from archiver.domain.times import parse_time

_LOW: Final = "\x01"
_HIGH: Final = "\ue000"
_FIRST_SURROGATE: Final = 0xD800
_SURROGATES_AT: Final = 0xE100
"""U+D800 stands as U+E000 U+E100, and so on up to U+DFFF as U+E000 U+E8FF; U+E000 itself as U+E000 U+F000."""

_TO_ESCAPE: Final = re.compile("[\x00\x01\ud800-\udfff\ue000]")
_ESCAPED: Final = re.compile("\x01(.?)|\ue000(.?)", re.DOTALL)
_LOW_PAIRS: Final = {"\x00": "\x01\x01", "\x01": "\x01\x02", _HIGH: _HIGH + "\uf000"}
_LAST: Final = "\U0010ffff"


def stored_text(text: str) -> str:
    """*text* as it stands in a column."""
    if text.isascii() and "\x00" not in text and _LOW not in text:
        return text
    return _TO_ESCAPE.sub(_escape, text)


def stored_optional(text: str | None) -> str | None:
    """:func:`stored_text`, or None for None."""
    return None if text is None else stored_text(text)


def plain_text(stored: str) -> str:
    """The text that stands in a column as *stored*. Raises ``ValueError`` for what was never stored so."""
    if not isinstance(stored, str):
        raise ValueError("no text where there must be one")  # noqa: TRY004 - as for all that cannot be read
    if stored.isascii() and _LOW not in stored:
        return stored
    return _ESCAPED.sub(_unescape, stored)


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    pair = _LOW_PAIRS.get(character)
    return pair or _HIGH + chr(ord(character) - _FIRST_SURROGATE + _SURROGATES_AT)


def _unescape(match: re.Match[str]) -> str:
    pair = match[0]
    known = {"\x01\x01": "\x00", "\x01\x02": "\x01", _HIGH + "\uf000": _HIGH}.get(pair)
    if known is not None:
        return known
    if pair[0] == _LOW or len(pair) < 2 or not _SURROGATES_AT <= ord(pair[1]) < _SURROGATES_AT + 0x800:
        raise ValueError("a text that this program did not write")
    return chr(ord(pair[1]) - _SURROGATES_AT + _FIRST_SURROGATE)


def after_prefix(stored: str) -> str | None:
    """The first text behind all that start with *stored*, in byte order; None where there is none."""
    trimmed = stored.rstrip(_LAST)
    if not trimmed:
        return None
    last = ord(trimmed[-1]) + 1
    return trimmed[:-1] + chr(_FIRST_SURROGATE + 0x800 if last == _FIRST_SURROGATE else last)


def stored_time(moment: datetime) -> str:
    """RFC 3339 in UTC with six digits of a second, always 27 characters: text order is time order.

    Raises ``ValueError`` for a time without a zone: it names no point in time.
    """
    if moment.tzinfo is None:
        raise ValueError("a time without a zone names no point in time")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def stored_moment(moment: datetime | None) -> str | None:
    """:func:`stored_time`, or None for None."""
    return None if moment is None else stored_time(moment)


def plain_time(stored: str) -> datetime:
    """The point in time that stands in a column. Raises ``ValueError`` for any other text."""
    with suppress(ValueError, TypeError):  # which reads more forms than are written here
        moment = datetime.fromisoformat(stored)
        if moment.tzinfo is UTC and stored_time(moment) == stored:
            return moment
    moment = parse_time(stored)
    if stored_time(moment) != stored:
        raise ValueError("a time in another form than this program writes")
    return moment


def plain_moment(stored: str | None) -> datetime | None:
    """:func:`plain_time`, or None for None."""
    return None if stored is None else plain_time(stored)


def stored_list(values: Sequence[Any]) -> str:
    """JSON in ASCII, so that any text may stand in it."""
    given = list(values)
    with suppress(orjson.JSONEncodeError):  # lone surrogates, which JSON in ASCII can carry
        quick = orjson.dumps(given, option=orjson.OPT_SORT_KEYS).decode()
        if quick.isascii() and "\x7f" not in quick:
            return quick
    return json.dumps(given, separators=(",", ":"), sort_keys=True)


def plain_list(stored: str) -> list[Any]:
    """The array that stands in a column. Raises ``ValueError`` where it is none."""
    values = json.loads(stored)
    if not isinstance(values, list):
        raise ValueError("not a JSON array")  # noqa: TRY004 - all that cannot be read is a ValueError here
    return values
