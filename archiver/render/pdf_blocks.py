"""What pages of a PDF report are made of: blocks, JSON values that ``typst/report.typ`` knows how to set.

No block holds markup; every text in one is data, whoever wrote it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from archiver.domain.facts import Fact, Label
from archiver.render.pdf_text import BOLD, LINE_CHARS, VERBATIM_CHARS, Data, Drawn, Verbatim, escaped
from archiver.render.pictures.svg import Picture
from archiver.render.words.vocabulary import Words

Block = dict[str, Any]

PLAIN, DATA, ABSENT = "plain", "data", "absent"
"""How a value is set: as words, letter by letter in a fixed width, or as what is not there."""

_NAME_EMS: Final = 14.2
"""Room for names of rows, in widths of a kanji."""
_WIDE_FROM: Final = 0x2E7F

LONGEST: Final[Mapping[str, int]] = {"files": 60, "checks": 24, "events": 120}
"""Most files, judgements and events that a report on one item shows in full; items share them among each other."""

_LEAST: Final[Mapping[str, int]] = {"files": 3, "checks": 2, "events": 6}
"""What each item may show, however many there are."""


def heading(level: int, text: str, tone: str = "") -> Block:
    """A heading, bold. *level* 1 to 3."""
    return {"kind": "heading", "level": level, "text": escaped(text[:LINE_CHARS], font=BOLD), "tone": tone}


def item_heading(text: str, chip: str, tone: str, name: str) -> Block:
    """An item's heading: *chip* is our word for its verdict, *text* is anybody's."""
    return {"kind": "item", "text": text, "chip": chip, "tone": tone, "name": name}


def para(text: str, tone: str = "") -> Block:
    """Running text. *tone*: "", ``small``, ``intro`` (small, and on one page with what follows), or a verdict."""
    return {"kind": "para", "text": text, "tone": tone}


def banner(lines: Sequence[str], tone: str) -> Block:
    """A bar over the whole width; the first line is large."""
    return {"kind": "banner", "lines": [escaped(line[:LINE_CHARS], font=BOLD) for line in lines], "tone": tone}


def rows(pairs: Iterable[tuple[str, str] | tuple[str, str, str]], style: str = DATA) -> Block:
    """Names and values, one below the other. A third member is how that one is set."""
    return {"kind": "rows", "rows": [row(pair[0], pair[1], pair[2] if len(pair) > 2 else style) for pair in pairs]}


def fact_rows(facts: Iterable[Fact], words: Words) -> list[Block]:
    """Facts with their labels; neighbours that are not there for the same reason stand in one row."""
    made = []
    for (label, absent), told in groupby(facts, lambda fact: (fact.label, fact.absent)):
        same = list(told)
        one = mark(label, words)
        if absent is not None:
            names = ", ".join(words.fact_name(fact.name) for fact in same)
            made.append({**row(names, words.value(same[0]), ABSENT), **one})
            continue
        for fact in same:
            style = PLAIN if f"{fact.name}.{fact.value}" in words.values else DATA
            made.append({**row(words.fact_name(fact.name), words.value(fact), style), **one})
    return made


def mark(label: Label, words: Words) -> Block:
    """What marks a row: whose word its value is."""
    return {"mark": words.marks[label], "label": label.value}


def row(name: str, value: str, style: str = DATA) -> Block:
    """One name and its value, of a block ``rows``. ``wide``: a name that needs a line of its own."""
    return {
        "name": name,
        "value": Data(value) if style == DATA else value,
        "style": style,
        "wide": sum(1 if ord(c) > _WIDE_FROM else 0.53 for c in name) > _NAME_EMS,
    }


def points(told: Iterable[tuple[str, str] | tuple[str, str, str]]) -> Block:
    """A list: each a word in front (may be ""), a text, and a tone."""
    made = [{"lead": point[0], "text": point[1], "tone": point[2] if len(point) > 2 else ""} for point in told]
    return {"kind": "points", "points": made}


def code(text: str) -> Block:
    """Text with its lines, in a box, in a fixed width."""
    return {"kind": "code", "text": Verbatim(text)}


def drawn(picture: Picture) -> list[Block]:
    """A drawing below its title; what it shows is said in words for those who cannot see it."""
    alt = Drawn(f"{picture.title}. {picture.desc}")
    return [heading(3, picture.title), {"kind": "picture", "svg": Drawn(picture.svg), "alt": alt}]


def table(columns: Sequence[int], head: Sequence[str], lines: Iterable[Sequence[str]], tones: Sequence[str]) -> Block:
    """A table. *columns*: widths in mm, 0 for a share of the rest; *tones*: of each line."""
    return {
        "kind": "table",
        "columns": list(columns),
        "head": [escaped(text, font=BOLD) for text in head],
        "lines": [list(line) for line in lines],
        "tones": list(tones),
    }


def group(*blocks: Block) -> Block:
    """Blocks that belong together, with some room above."""
    return {"kind": "group", "blocks": list(blocks)}


def cut(what: str, blocks: Sequence[Block], count: int) -> Block:
    """A list that :func:`uncut` ends. *what*: a name of :data:`LONGEST`; *count*: how many there are in all."""
    return {"kind": "cut", "what": what, "blocks": list(blocks), "count": count}


def uncut(blocks: Iterable[Block], items: int, words: Words) -> Iterator[Block]:
    """*blocks* of one item among *items*, its long lists ended where its share is, with the count of what is left."""
    for block in blocks:
        if block["kind"] != "cut":
            yield block
            continue
        most = max(_LEAST[block["what"]], LONGEST[block["what"]] // items)
        yield from block["blocks"][:most]
        left = block["count"] - min(most, len(block["blocks"]))
        if left:
            yield para(words.count("more", left), "small")


def length(value: Any) -> int:
    """Characters of text in *value*, pictures apart, as far as they are set."""
    match value:
        case Drawn():
            return 0
        case Verbatim():
            return min(len(value), VERBATIM_CHARS)
        case str():
            return min(len(value), LINE_CHARS)
        case dict():
            return sum(length(part) for part in value.values())
        case list():
            return sum(length(part) for part in value)
    return 0


def shortened(blocks: Iterable[Block], most: int) -> Iterator[Block]:
    """*blocks* as far as they have no more than *most* characters."""
    for block in blocks:
        most -= length(block)
        if most < 0:
            return
        yield block
