"""Custody events as they were kept, and rows in the form that bodies have: both read without trust."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from archiver.adapters.ledger.canonical import is_canonical
from archiver.adapters.ledger.stored import plain_list, plain_text, plain_time
from archiver.adapters.ledger.tables import custody_events
from archiver.domain.custody import EvidenceAcquired, to_json
from archiver.domain.text import printable


class _Absent:
    """What a body does not hold; unlike null, which is a value."""

    def __repr__(self) -> str:
        return "nothing"


ABSENT: Final = _Absent()


@dataclass(frozen=True, slots=True)
class Event:
    """One custody event, its body parsed. ``troubles``: how it contradicts itself."""

    seq: int
    kind: str
    body: Any
    troubles: tuple[str, ...]


def event_of(row: Mapping[str, Any]) -> Event:
    """The event in a row of ``custody_events``; its kind is what the body says."""
    seq = row["seq"]
    try:
        body = json.loads(row["body"])
        canonical = is_canonical(row["body"].encode("utf-8"), body)
    except (ValueError, TypeError, AttributeError, RecursionError):  # not JSON, or no text
        return Event(seq, "", None, (f"custody_events.body of event {seq} is not JSON",))
    troubles = [] if canonical else [f"custody_events.body of event {seq} is not canonical JSON"]
    return Event(seq, str(dig(body, "kind")), body, (*troubles, *_columns(row, body)))


def _columns(row: Mapping[str, Any], body: Any) -> Iterator[str]:
    found = as_json(custody_events, row)
    kind = dig(body, "kind")
    of = ("evidence", "id") if kind == EvidenceAcquired.kind else ("id",)
    item = dig(body, *of)
    expected = {"kind": kind, "at": dig(body, "at"), "evidence_id": None if item is ABSENT else item}
    for column, wanted in expected.items():
        if found[column] != wanted:
            yield (
                f"custody_events.{column} of event {row['seq']}: the row says {printable(repr(found[column]), 100)},"
                f" its body says {printable(repr(wanted), 100)}"
            )


def dig(value: Any, *path: str) -> Any:
    """What *value* holds at *path*, or ABSENT."""
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return ABSENT
        value = value[name]
    return value


def as_json(table: sa.Table, row: Mapping[str, Any]) -> dict[str, Any]:
    """*row* of *table* with each value as a body would have it."""
    return {column.name: _plain(column.info["form"], row[column.name]) for column in table.columns}


def _plain(form: str, value: Any) -> Any:
    if value is None:
        return None
    try:
        match form:
            case "text":
                return to_json(plain_text(value))
            case "time":
                return to_json(plain_time(value))
            case "list":
                return to_json(plain_list(value))
        return to_json(value)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        return f"{value!r}, which cannot be read: {error}"
