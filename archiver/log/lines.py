"""The pieces that lines of the C2SP formats are made of, read strictly: one value has one spelling.

Whatever is spelt otherwise is a ValueError. Signatures cover bytes, not values: a lenient reader would take two
different files for one.
"""

from __future__ import annotations

import base64
import re
from typing import Final

from archiver.domain.text import printable
from archiver.log.tree import HASH_BYTES

LARGEST: Final = 2**63 - 1
"""The largest tree size, index or POSIX time: what other implementations hold in 64 bits with a sign."""

_SHOWN: Final = 80
_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


def to_base64(data: bytes) -> str:
    """RFC 4648 section 4, padded, in one line."""
    return base64.b64encode(data).decode("ascii")


def from_base64(text: str) -> bytes:
    """The bytes that :func:`to_base64` writes as *text*, and as nothing else: no blanks, no stray trailing bits."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise ValueError(f"not base64: {printable(text, _SHOWN)}") from error
    if to_base64(data) != text:
        raise ValueError(f"not the base64 that its bytes have: {printable(text, _SHOWN)}")
    return data


def from_decimal(text: str) -> int:
    """A number from 0 to :data:`LARGEST` without sign and leading zeroes."""
    if not _DECIMAL.fullmatch(text) or int(text) > LARGEST:
        raise ValueError(f"not a number of a log: {printable(text, _SHOWN)}")
    return int(text)


def hash_of(text: str) -> bytes:
    """A SHA-256 hash in base64."""
    data = from_base64(text)
    if len(data) != HASH_BYTES:
        raise ValueError(f"a hash has {HASH_BYTES} bytes, not {len(data)}")
    return data


def no_controls(text: str) -> str:
    """*text*, which may hold no ASCII control character but newlines, and must have a form in UTF-8."""
    if any(c < " " and c != "\n" for c in text):
        raise ValueError("a control character in a signed text")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError("a signed text that has no form in UTF-8") from error
    return text


def head_of(text: str) -> tuple[str, int, bytes]:
    """(origin, size, root) of a checkpoint's text (c2sp.org/tlog-checkpoint, "Note text"); extensions may follow."""
    lines = no_controls(text).split("\n")
    if lines.pop() or len(lines) < 3 or not all(lines):
        raise ValueError("a checkpoint is of three lines or more, none of them empty, each ended by a newline")
    origin, size, root = lines[:3]
    return origin, from_decimal(size), hash_of(root)
