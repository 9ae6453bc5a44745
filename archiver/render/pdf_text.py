"""Text as a PDF/A report can show it: a character without a glyph would end the making of the whole file.

So whatever the report's fonts cannot show stands as an escape (``\\xNN``, ``\\uNNNN``, ``\\UNNNNNNNN``), as what does
not print does everywhere in this program. The attached JSON holds every text as it is.
"""

from __future__ import annotations

import re
import struct
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

FONTS: Final = Path(__file__).parent / "fonts"
FAMILY: Final = "Archiver Report Sans"
REGULAR: Final = "ArchiverReportSans-Regular.otf"
BOLD: Final = "ArchiverReportSans-Bold.otf"

LINE_CHARS: Final = 2_000
"""Longest text that stands in a line of its own."""

VERBATIM_CHARS: Final = 12_000
"""Longest text that stands with its lines."""

_IDEOGRAPHIC_SPACE: Final = "\u3000"
_UNBROKEN: Final = r"[^\s\u3000-\u9fff\uff00-\uffef]"
"""Characters between which no line ends by itself, as far as that matters; kana and kanji break anywhere."""
_LONG: Final = re.compile(_UNBROKEN + r"{41,}")
_LONG_DATA: Final = re.compile(_UNBROKEN + r"{70,}")
_LONG_VERBATIM: Final = re.compile(_UNBROKEN + r"{110,}")
_PIECE: Final = re.compile(r"[^/_.:=,&?;-]{1,24}[/_.:=,&?;-]*|[/_.:=,&?;-]{1,24}")
_OPTION: Final = re.compile(r"(?<= )(-\S{1,30})(?=\s|$)")


class Data(str):
    """Text that is set letter by letter, over most of the width: a hash fits one line."""

    __slots__ = ()


class Verbatim(str):
    """Text whose line breaks are kept."""

    __slots__ = ()


class Drawn(str):
    """A picture as SVG, our own markup around texts that may be anybody's."""

    __slots__ = ()


@cache
def covered(font: str) -> frozenset[int]:
    """Code points of the BMP that *font*, a file of :data:`FONTS`, has glyphs for (OpenType, ``cmap`` format 4)."""
    data = (FONTS / font).read_bytes()
    tables = struct.unpack_from(">H", data, 4)[0]
    records = [struct.unpack_from(">4sLLL", data, 12 + 16 * index) for index in range(tables)]
    start = next(offset for tag, _, offset, _ in records if tag == b"cmap")
    points: set[int] = set()
    for index in range(struct.unpack_from(">H", data, start + 2)[0]):
        at = start + struct.unpack_from(">L", data, start + 8 + 8 * index)[0]
        if struct.unpack_from(">H", data, at)[0] == 4:
            points.update(_segments(data, at))
    return frozenset(points)


def _segments(data: bytes, at: int) -> Iterator[int]:
    """The code points of the ``cmap`` subtable of format 4 at *at* that lead to a glyph."""
    count = struct.unpack_from(">H", data, at + 6)[0] // 2
    width = 2 * count
    ends, starts, deltas, offsets = (
        struct.unpack_from(f">{count}H", data, at + 14 + place)
        for place in (0, width + 2, 2 * width + 2, 3 * width + 2)
    )
    for segment, (first, last, delta, offset) in enumerate(zip(starts, ends, deltas, offsets, strict=True)):
        for point in range(first, last + 1):
            glyph = point
            if offset:
                place = at + 16 + 3 * width + 2 * segment + offset + 2 * (point - first)
                glyph = struct.unpack_from(">H", data, place)[0] if place + 2 <= len(data) else 0
            if glyph and (glyph + delta) & 0xFFFF:
                yield point


def escaped(text: str, keep: str = "", font: str = REGULAR) -> str:
    """*text* with everything escaped that *font* cannot show alone; *keep*: characters that stay in any case."""
    glyphs = covered(font)
    return "".join(c if c in keep or _plain(c, glyphs) else _escape(c) for c in text)


def _plain(character: str, glyphs: frozenset[int]) -> bool:
    """Shown by one glyph, in its place. Marks are not: they stand on their neighbours."""
    if ord(character) not in glyphs:
        return False
    return (character.isprintable() and unicodedata.category(character)[0] != "M") or character == _IDEOGRAPHIC_SPACE


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def shown(value: Any) -> Any:
    """*value* (JSON values) with each text in it made safe to set, and long runs in it cut where a line may end.

    A text with such runs becomes a list of its pieces. Keys are our own and stay.
    """
    match value:
        case Drawn():
            return escaped(value, keep="\n")
        case Verbatim():
            return _commands(escaped(_cut(value, VERBATIM_CHARS), keep="\n"))
        case Data():
            return pieces(escaped(_cut(value, LINE_CHARS)), _LONG_DATA)
        case str():
            return pieces(escaped(_cut(value, LINE_CHARS)))
        case dict():
            return {key: shown(part) for key, part in value.items()}
        case list() | tuple():
            return [shown(part) for part in value]
    return value


def _commands(text: str) -> str | list[str]:
    """The pieces of *text*, which may be commands: an option is one, for no line may end behind its dash."""
    made: list[str] = []
    for part in _OPTION.split(text):
        cut = pieces(part, _LONG_VERBATIM)
        made += [cut] if isinstance(cut, str) else cut
    made = [part for part in made if part]
    return made if len(made) > 1 else "".join(made)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}… ({len(text)})"


def pieces(text: str, long: re.Pattern[str] = _LONG) -> str | list[str]:
    """*text*, or where it has runs that no line could end in, its pieces between which one may."""
    made: list[str] = []
    at = 0
    for run in long.finditer(text):
        made += [text[at : run.start()], *_PIECE.findall(run[0])]
        at = run.end()
    if not made:
        return text
    return [part for part in (*made, text[at:]) if part]
