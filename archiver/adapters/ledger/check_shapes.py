"""The commonest bodies as one regular expression each, made from the types of their entries.

A body that matches is canonical JSON and reads as an entry of its kind, by the rules of ``domain.custody_reading``;
this says so in a tenth of the time. What does not match may be as good, and is read the long way: text with escapes,
numbers of 16 digits and more. Two things a pattern cannot say are left to who uses it: that a day is in the calendar,
and that a verdict is what its reasons add up to.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final, get_args, get_origin, get_type_hints

from archiver.domain.custody import Actor, Entry
from archiver.domain.later import is_later
from archiver.domain.times import parse_time
from archiver.domain.verdict import Judgement, Verdict

_TEXT: Final = r"(?!escaped:)[ !#-\[\]-~]*"
"""Printable ASCII without escapes: such a text stands in a column as it stands in a body."""

_SECOND: Final = r"\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d"
TIME: Final = rf"{_SECOND}(?:\.(?!000000)\d{{6}})?Z"
"""A time in a body."""

STORED_TIME: Final = rf"{_SECOND}\.\d{{6}}Z"
"""A time in a column."""

_SIMPLE: Final[dict[Any, str]] = {
    str: f'"{_TEXT}"',
    int: r"(?:0|-?[1-9]\d{0,14})",
    bool: "(?:true|false)",
    datetime: f'"{TIME}"',
}

_MOST_KEPT: Final = 4096


def shape_of(kind: type[Entry], captured: Collection[str]) -> re.Pattern[str]:
    """What bodies of *kind* look like.

    *captured*: members (``judgement.checks``) that become groups, by their order. A text's group is without its
    quotes, and that of null is None.
    """
    hints = {"kind": kind.kind, "actor": Actor, **_hints(kind)}
    return re.compile(_object(hints, _later(kind), "", captured), re.ASCII)


def _hints(kind: Any) -> dict[str, Any]:
    known = get_type_hints(kind)
    hints = {field.name: known[field.name] for field in fields(kind)}
    return {**hints, "verdict": Verdict} if kind is Judgement else hints


def _later(kind: Any) -> frozenset[str]:
    return frozenset(field.name for field in fields(kind) if is_later(field))


def _object(hints: dict[str, Any], later: frozenset[str], path: str, captured: Collection[str]) -> str:
    """Members by name, as RFC 8785 sorts them; those that came *later* may be missing, and are never null."""
    inside = f"{path}." if path else ""
    shape, comma_before = "", False
    for name in sorted(hints):
        hint = _not_none(hints[name]) if name in later else hints[name]
        member = f'"{name}":{_shape(hint, inside + name, captured)}'
        if name not in later:
            shape, comma_before = shape + ("," if comma_before else "") + member, True
        else:
            shape += f"(?:,{member})?" if comma_before else f"(?:{member},)?"
    return r"\{" + shape + r"\}"


def _not_none(hint: Any) -> Any:
    (inner,) = (part for part in get_args(hint) if part is not type(None))
    return inner


def _shape(hint: Any, path: str, captured: Collection[str]) -> str:
    if isinstance(hint, str):
        return f'"{re.escape(hint)}"'
    if type(None) in get_args(hint):
        return f"(?:null|{_shape(_not_none(hint), path, captured)})"
    shape = _plain(hint, path, captured)
    if path not in captured:
        return shape
    return f'"({shape[1:-1]})"' if shape.startswith('"') else f"({shape})"


def _plain(hint: Any, path: str, captured: Collection[str]) -> str:
    if get_origin(hint) is tuple:
        part = _shape(get_args(hint)[0], path + "[]", captured)
        return rf"\[(?:{part}(?:,{part})*)?\]"
    if isinstance(hint, type) and issubclass(hint, Enum):
        return '"(?:' + "|".join(re.escape(str(member.value)) for member in hint) + ')"'
    if is_dataclass(hint):
        return _object(_hints(hint), _later(hint), path, captured)
    return _SIMPLE[hint]


class Moments:
    """Times of bodies as they stand in columns. ``hours``: those that were met lately, and that the calendar has."""

    def __init__(self) -> None:
        self.hours: set[str] = set()

    def stored(self, text: str) -> str:
        """*text*, which has the shape of a time, as it stands in a column.

        Raises ValueError where the calendar has no such time.
        """
        if text[:13] not in self.hours:
            parse_time(text)
            if len(self.hours) >= _MOST_KEPT:
                self.hours.clear()
            self.hours.add(text[:13])
        return text if len(text) == 27 else f"{text[:-1]}.000000Z"

    def optional(self, text: str | None) -> str | None:
        """:meth:`stored`, or None for None."""
        return None if text is None else self.stored(text)
