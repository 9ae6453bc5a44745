"""Text from outside, made safe to show: in a terminal, a log, a message."""

from __future__ import annotations

from archiver.domain.limits import DETAIL_CHARS


def printable(text: str, most: int = DETAIL_CHARS) -> str:
    """*text* with everything that is not printable escaped, and cut at *most* characters.

    Control characters, bidirectional overrides, line separators and lone surrogates become ``\\xNN``,
    ``\\uNNNN`` or ``\\UNNNNNNNN``, so that no name can move a cursor, hide an ending or forge a line.
    """
    shown = text[:most]
    if not shown.isprintable():
        shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in shown)
    return shown if len(text) <= most else f"{shown}… ({len(text)} characters)"
