"""Custody entries read back: the inverse of ``custody.body``, driven by the types of the entries' own fields.

What is read may come from anyone. Whatever ``body`` would not have written is refused, so that a body that is read
and written again is the same JSON.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Set
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

from archiver.domain import custody, custody_facts, custody_log, custody_upkeep
from archiver.domain.custody import Actor, Entry, to_json
from archiver.domain.later import is_later
from archiver.domain.text import printable
from archiver.domain.times import parse_time
from archiver.domain.verdict import Judgement, verdict_of

_Value = TypeVar("_Value")
_Reader = Callable[[Any, str], Any]
"""Takes a JSON value and its path in the body. Raises ValueError, naming the path."""

KINDS: Final[Mapping[str, type[Entry]]] = {
    found.kind: found
    for module in (custody, custody_facts, custody_log, custody_upkeep)
    for found in vars(module).values()
    if isinstance(found, type) and issubclass(found, Entry) and found is not Entry
}
"""Every kind of entry by its name in the ledger."""

_MARK: Final = "escaped:"
_ESCAPE: Final = re.compile(r"\\(?:\\|u([0-9a-f]{4}))")
_NUMBER: Final = re.compile("-?[1-9][0-9]{0,99}")


def entry_of(body: Mapping[str, Any]) -> tuple[Entry, Actor]:
    """The entry and the actor that *body*, a parsed custody event, was made of.

    Raises ValueError, naming the member, for anything that ``custody.body`` does not make: another kind, a member
    too many or too few, a value of another type or written in another way.
    """
    if not isinstance(body, dict):
        raise ValueError("the body is no JSON object")  # noqa: TRY004 - all that cannot be read is a ValueError here
    members = dict(body)
    name = members.pop("kind", None)
    kind: Any = KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise ValueError(f"kind: no kind of entry is called {_shown(name)}")
    if "actor" not in members:
        raise ValueError("actor: not there")
    actor = _reader(Actor)(members.pop("actor"), "actor")
    entry: Entry = _reader(kind)(members, "")
    return entry, actor


@cache
def _reader(hint: Any) -> _Reader:
    """What reads values of the type *hint*."""
    if hint in _SIMPLE:
        return _SIMPLE[hint]
    if type(None) in get_args(hint):
        (inner,) = (part for part in get_args(hint) if part is not type(None))
        return _optional(_reader(inner))
    if get_origin(hint) is tuple:
        return _tuple(_reader(get_args(hint)[0]))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _enum(hint)
    if is_dataclass(hint):
        return _object(hint)
    raise TypeError(f"nothing reads {hint!r} from the ledger")


def _optional(inner: _Reader) -> _Reader:
    def read(value: Any, path: str) -> Any:
        return None if value is None else inner(value, path)

    return read


def _tuple(inner: _Reader) -> _Reader:
    def read(value: Any, path: str) -> Any:
        if not isinstance(value, list):
            raise _wrong(path, value, "an array")
        return tuple([inner(part, f"{path}[{number}]") for number, part in enumerate(value)])

    return read


def _enum(kind: type[Enum]) -> _Reader:
    members = {member.value: member for member in kind}

    def read(value: Any, path: str) -> Any:
        member = members.get(value) if isinstance(value, str) else None
        if member is None:
            raise _wrong(path, value, f"one of {', '.join(members)}")
        return member

    return read


def _object(kind: Any) -> _Reader:
    hints = get_type_hints(kind)
    readers = {field.name: _reader(hints[field.name]) for field in fields(kind)}
    later = frozenset(field.name for field in fields(kind) if is_later(field))
    expected = (readers.keys() - later) | ({"verdict"} if kind is Judgement else set())

    def read(value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            raise _wrong(path, value, "an object")
        inside = f"{path}." if path else ""
        if value.keys() != expected and value.keys() - later != expected:
            name, trouble = _odd(value.keys() - later, expected)
            raise ValueError(f"{inside}{name}: {trouble}")
        made = kind(**{name: reader(value[name], inside + name) for name, reader in readers.items() if name in value})
        for name in later & value.keys():
            if value[name] is None:
                raise _wrong(inside + name, None, "left out, as this program leaves it")
        if kind is Judgement and value["verdict"] != (verdict := verdict_of(made.reasons).value):
            raise _wrong(f"{inside}verdict", value["verdict"], f"{verdict}, by its reasons")
        return made

    return read


def _odd(found: Set[str], expected: Set[str]) -> tuple[str, str]:
    """The first member by name that is missing in *found* or not *expected*, and which of both."""
    name = min(found ^ expected)
    return printable(name, 80), "not there" if name in expected else "not known"


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise _wrong(path, value, "a text")
    text = value
    if value.startswith(_MARK):
        text = _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else "\\", value.removeprefix(_MARK))
    return _same(text, value, path)


def _number(value: Any, path: str) -> int:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return _same(int(value), value, path)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong(path, value, "a whole number")
    return _same(value, value, path)


def _flag(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong(path, value, "true or false")
    return value


def _bytes(value: Any, path: str) -> bytes:
    if not isinstance(value, str):
        raise _wrong(path, value, "base64")
    try:
        data = base64.b64decode(value, validate=True)
    except ValueError as error:
        raise _wrong(path, value, "base64") from error
    return _same(data, value, path)


def _moment(value: Any, path: str) -> datetime:
    try:
        moment = parse_time(value)
    except (ValueError, TypeError) as error:
        raise _wrong(path, value, "a time in RFC 3339") from error
    return _same(moment, value, path)


def _same(read: _Value, value: Any, path: str) -> _Value:
    """*read*, where it is written as *value*: one value has one form."""
    if to_json(read) != value:
        raise _wrong(path, value, "written as this program writes it")
    return read


def _wrong(path: str, value: Any, wanted: str) -> ValueError:
    return ValueError(f"{path or 'the body'}: {_shown(value)} is not {wanted}")


def _shown(value: Any) -> str:
    return printable(repr(value), 100)


_SIMPLE: Final[Mapping[Any, _Reader]] = {
    str: _text,
    int: _number,
    bool: _flag,
    bytes: _bytes,
    datetime: _moment,
}
