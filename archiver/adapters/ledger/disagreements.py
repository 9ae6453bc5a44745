"""An item's rows held against the bodies of its custody events: whoever alters one alone is found out.

Everything is read raw. What an attacker wrote need not be readable, and must be told, not stumbled over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from archiver.adapters.ledger.bodies import ABSENT, Event, as_json, dig, event_of
from archiver.adapters.ledger.key_rows import KeyRows, load_keys
from archiver.adapters.ledger.statements import chunks, rows_of
from archiver.adapters.ledger.stored import stored_text
from archiver.adapters.ledger.tables import custody_events, evidence, evidence_state, files, verifications
from archiver.domain.custody import EvidenceAcquired, EvidenceVerified, SourceObserved, SourceRestored, to_json
from archiver.domain.evidence import Origin
from archiver.domain.later import is_later
from archiver.domain.standing import OF_THE_SOURCE, findings_restored, findings_with
from archiver.domain.text import printable
from archiver.domain.verdict import Reason

_MOST_TOLD: Final = 20
_OF_THE_FILE: Final = ("name", "role", "path", "size", "sha256", "listed_sha256")
_LATER: Final = frozenset(one.name for one in fields(Origin) if is_later(one))
"""Members that older bodies, and those where it is None, do not have."""

Row = Mapping[str, Any]


@dataclass(slots=True)
class _Item:
    """All rows of one item."""

    evidence: list[Row] = field(default_factory=list)
    files: list[Row] = field(default_factory=list)
    verifications: list[Row] = field(default_factory=list)
    evidence_state: list[Row] = field(default_factory=list)
    custody_events: list[Row] = field(default_factory=list)


def disagreements(connection: Connection, ids: Sequence[str]) -> dict[str, Sequence[str]]:
    """What differs, for those of *ids* of which anything does. *connection* must see one moment throughout."""
    items = _load(connection, [stored_text(item) for item in ids])
    events = {item: [event_of(row) for row in rows.custody_events] for item, rows in items.items()}
    used = {key for told in events.values() for key in _keys_used(told)}
    keys = load_keys(connection, used)
    found = {item: list(_of_item(stored_text(item), items[stored_text(item)], events, keys)) for item in ids}
    return {item: _shortened(told) for item, told in found.items() if told}


def _shortened(told: Sequence[str]) -> Sequence[str]:
    if len(told) <= _MOST_TOLD:
        return told
    return [*told[:_MOST_TOLD], f"and {len(told) - _MOST_TOLD} more"]


def _load(connection: Connection, ids: Sequence[str]) -> dict[str, _Item]:
    items = {item: _Item() for item in ids}
    for table, column, order in (
        (evidence, evidence.c.id, evidence.c.id),
        (files, files.c.evidence_id, files.c.position),
        (verifications, verifications.c.evidence_id, verifications.c.seq),
        (evidence_state, evidence_state.c.evidence_id, evidence_state.c.evidence_id),
        (custody_events, custody_events.c.evidence_id, custody_events.c.seq),
    ):
        for chunk in chunks(ids):
            for row in rows_of(connection, sa.select(table).where(column.in_(chunk)).order_by(order)):
                getattr(items[row[column.name]], table.name).append(row)
    return items


def _keys_used(events: Sequence[Event]) -> Iterator[str]:
    for event in events:
        key = _key_of(event)
        if isinstance(key, str):
            yield key


def _key_of(event: Event) -> Any:
    path = ("evidence", "key_sha256") if event.kind == EvidenceAcquired.kind else ("key_sha256",)
    return dig(event.body, *path)


def _of_item(item: str, rows: _Item, events: Mapping[str, Sequence[Event]], keys: KeyRows) -> Iterator[str]:
    told = events[item]
    for event in told:
        yield from event.troubles
    acquired = [event for event in told if event.kind == EvidenceAcquired.kind]
    if len(acquired) != 1:
        yield f"custody_events: {len(acquired)} events {EvidenceAcquired.kind} of {item} instead of 1"
    for event in acquired[:1]:
        yield from _evidence(rows, event)
        yield from _files(rows, event)
    judged = [event for event in told if event.kind in (EvidenceAcquired.kind, EvidenceVerified.kind)]
    yield from _verifications(rows, judged)
    if acquired and judged:
        yield from _state(rows, acquired[0], told, judged[-1])
    for key in sorted(set(_keys_used(told))):
        yield from keys.troubles(key)


def _of_the_origin(file: Any, name: str) -> Any:
    found = dig(file, "origin", name)
    return None if found is ABSENT and name in _LATER else found


def _evidence(rows: _Item, event: Event) -> Iterator[str]:
    if len(rows.evidence) != 1:
        yield f"evidence: no row for what event {event.seq} acquired"
        return
    row = as_json(evidence, rows.evidence[0])
    expected = {name: dig(event.body, "evidence", name) for name in row}
    yield from compare("evidence", "", row, expected, event.seq)


def _files(rows: _Item, event: Event) -> Iterator[str]:
    listed = dig(event.body, "evidence", "files")
    expected = listed if isinstance(listed, list) else []
    found = {row["position"]: as_json(files, row) for row in rows.files}
    for position, file in enumerate(expected):
        which = f" of {_shown(dig(file, 'name'))}"
        row = found.pop(position, None)
        if row is None:
            yield f"files: no row{which}, which event {event.seq} acquired"
            continue
        wanted = {
            name: dig(file, name) if name in _OF_THE_FILE else _of_the_origin(file, name)
            for name in row
            if name not in ("evidence_id", "position")
        }
        yield from compare("files", which, row, wanted, event.seq)
    for row in found.values():
        yield f"files: a row of {_shown(row['name'])}, which event {event.seq} did not acquire"


def _verifications(rows: _Item, judged: Sequence[Event]) -> Iterator[str]:
    found = {row["seq"]: as_json(verifications, row) for row in rows.verifications}
    for event in judged:
        row = found.pop(event.seq, None)
        if row is None:
            yield f"verifications: no row of what event {event.seq} judged"
            continue
        first = event.kind == EvidenceAcquired.kind
        expected = {
            "at": dig(event.body, "at"),
            "occasion": "acquisition" if first else dig(event.body, "occasion"),
            "key_sha256": _key_of(event),
            **{name: dig(event.body, "judgement", name) for name in ("verdict", "reasons", "findings", "checks")},
        }
        yield from compare("verifications", f" {event.seq}", row, expected, event.seq)
    for seq in found:
        yield f"custody_events: no event {seq}, which the row {seq} of verifications follows from"


def _state(rows: _Item, acquired: Event, told: Sequence[Event], last: Event) -> Iterator[str]:
    if len(rows.evidence_state) != 1:
        yield "evidence_state: there is no row"
        return
    row = as_json(evidence_state, rows.evidence_state[0])
    reasons = dig(last.body, "judgement", "reasons")
    sizes = [dig(file, "size") for file in _list(dig(acquired.body, "evidence", "files"))]
    expected = {
        "judged_seq": last.seq,
        "verdict": dig(last.body, "judgement", "verdict"),
        "reasons": reasons,
        "findings": _findings(told),
        "last_audited_at": None if last is acquired else dig(last.body, "at"),
        "next_audit_at": dig(last.body, "next_audit_at"),
        "awaiting_key": Reason.KEY_UNAVAILABLE.value in _list(reasons),
        "acquired_at": dig(acquired.body, "evidence", "acquired_at"),
        "size": to_json(sum(int(size) for size in sizes if str(size).isdecimal())),
    }
    yield from compare("evidence_state", "", row, expected, last.seq)


def _findings(told: Sequence[Event]) -> list[str]:
    """The findings that stand after all these events."""
    standing: list[str] = []
    for event in told:
        if event.kind == SourceObserved.kind:
            standing = findings_with(standing, [str(dig(event.body, "finding"))])
        elif event.kind == SourceRestored.kind:
            standing = findings_restored(standing)
        elif event.kind in (EvidenceAcquired.kind, EvidenceVerified.kind):
            of_the_source = [code for code in standing if code in OF_THE_SOURCE]
            standing = findings_with(map(str, _list(dig(event.body, "judgement", "findings"))), of_the_source)
    return standing


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def compare(table: str, which: str, row: Row, expected: Row, seq: int) -> Iterator[str]:
    """Each column of *row* that is not as *expected*, in words."""
    for column, wanted in expected.items():
        if row[column] != wanted:
            yield (f"{table}.{column}{which}: the row says {_shown(row[column])}, event {seq} says {_shown(wanted)}")


def _shown(value: Any) -> str:
    return "nothing" if value is ABSENT else printable(repr(value), 100)
