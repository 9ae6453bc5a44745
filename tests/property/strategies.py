"""Strategies for what comes from outside: any text at all, hostile names, JSON, and values of the domain."""

from __future__ import annotations

import types
import typing
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

CONFUSABLE = (
    "",
    ".",
    "..",
    "%",
    "%2E",
    "%2F",
    "/",
    "\\",
    "a",
    "A",
    "a/b",
    "a%2Fb",
    "\xe9",
    "e\u0301",
    "\udce9",
    "\udcc3\udca9",
    "%C3%A9",
    "%uDCE9",
    "\\udce9",
    "escaped:\\udce9",
    "\udce9\\udce9",
    "\\udce9\udce9",
    "escaped:",
    "\ud83d\ude00",  # two lone surrogates that JSON would join
    "\U0001f600",
    "@r1",
    "@r2",
    "a@r2",
    "a@r",
    "%root",
    "%sha256-",
    "x" * 200,
    "x" * 201,
    "\0",
    "\n",
    "\u202e",
    "result_1.csv.gz",
    "result_sign.json",
    "\u212b",
    "\xc5",
)
"""Texts that a careless mapping makes one of."""

any_characters = st.characters(exclude_categories=())
"""Every code point, lone surrogates included."""

any_text = st.one_of(
    st.sampled_from(CONFUSABLE),
    st.text(any_characters, max_size=40),
    st.lists(st.sampled_from(CONFUSABLE), max_size=4).map("".join),
    st.text(any_characters, min_size=60, max_size=260),
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=12,
)

moments = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 - bounds


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a field's type: what the domain's dataclasses are made of, to any depth."""
    origin = get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return st.one_of([values_of(part) for part in get_args(kind)])
    if origin is tuple:
        return st.lists(values_of(get_args(kind)[0]), max_size=2).map(tuple)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(kind)
    if is_dataclass(kind):
        return instances_of(kind)
    return _SIMPLE[kind]


def instances_of(kind: Any) -> st.SearchStrategy[Any]:
    """Instances of a dataclass."""
    hints = get_type_hints(kind)
    return st.builds(kind, **{field.name: values_of(hints[field.name]) for field in fields(kind)})


_SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    type(None): st.none(),
    bool: st.booleans(),
    int: st.integers() | st.sampled_from([2**53 - 1, 2**53, -(2**53), 2**63]),
    str: any_text,
    bytes: st.binary(max_size=8),
    datetime: moments,
    date: st.dates(),
}
