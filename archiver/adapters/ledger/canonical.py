"""Canonical JSON (RFC 8785), quickly: what custody events are kept in."""

from __future__ import annotations

import re
from typing import Any, Final

import orjson
import rfc8785

from archiver.domain.custody import Actor, Entry, body
from archiver.errors import LedgerError

_OTHERWISE: Final = re.compile(rb"(?:\A|\":|[\[,])-?\d+(?:[.eE]|(?<=\d{16}))")
"""A number that orjson and RFC 8785 write, or read, differently: with a fraction, or of 16 digits and more.

Behind a name's closing quote, for the seconds of every time, ``:07.25``, would look like one.
"""


def canonical(entry: Entry, actor: Actor) -> str:
    """*entry* as it is kept. Raises LedgerError for numbers that JSON cannot hold."""
    try:
        return canonical_json(body(entry, actor)).decode("utf-8")
    except (rfc8785.CanonicalizationError, TypeError) as error:
        raise LedgerError(f"{entry.kind} cannot be recorded: {error}") from error


def canonical_json(value: Any) -> bytes:
    """*value*, JSON types without floats and integers of up to 53 bits, as bodies are, in its RFC 8785 form.

    orjson sorts names by code points and RFC 8785 by UTF-16 units, which is the same in ASCII; all else of such a
    value both write alike. Raises TypeError, rfc8785.CanonicalizationError for what has no such form.
    """
    quick = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return quick if quick.isascii() else rfc8785.dumps(value)


def is_canonical(text: bytes, value: Any) -> bool:
    """True if *text*, which was read as *value*, is the RFC 8785 form of it. Nothing of it need be trusted."""
    try:
        if text.isascii() and _OTHERWISE.search(text) is None:
            return orjson.dumps(value, option=orjson.OPT_SORT_KEYS) == text
        return rfc8785.dumps(value) == text
    except (TypeError, ValueError, RecursionError):
        return False
