"""Many items at once, as an audit wants them: rows, what contradicts in them, and what else is asked about each.

Rows that are just as the commonest events make them are seen to be so by comparing them whole. All others are looked
at column by column (``disagreements``): the quick way is too strict at worst.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from archiver.adapters.ledger.bodies import dig, event_of
from archiver.adapters.ledger.check_reader import Reader
from archiver.adapters.ledger.check_shapes import Moments
from archiver.adapters.ledger.check_usual import rows_told, usual
from archiver.adapters.ledger.disagreements import disagreements
from archiver.adapters.ledger.events import custody_event
from archiver.adapters.ledger.key_rows import load_keys
from archiver.adapters.ledger.rows import evidence_of, state_of
from archiver.adapters.ledger.stored import plain_text, stored_list
from archiver.adapters.ledger.tables import custody_events, evidence, evidence_state, files, verifications
from archiver.audit_ports import Unreadable
from archiver.domain.custody import EvidenceAcquired, EvidenceVerified, SourceObserved, SourceRestored
from archiver.domain.custody_facts import QueryDescribed
from archiver.domain.records import EvidenceRecord, WholeItem
from archiver.domain.standing import OF_THE_SOURCE, findings_restored, findings_with
from archiver.domain.text import printable
from archiver.domain.verdict import Reason
from archiver.errors import LedgerError

Row = tuple[Any, ...]

_TABLES: Final = (
    (evidence, "id"),
    (files, "evidence_id"),
    (verifications, "evidence_id"),
    (evidence_state, "evidence_id"),
    (custody_events, "evidence_id"),
)
_NAMES: Final = {table.name: tuple(table.columns.keys()) for table, _ in _TABLES}
_AWAITING: Final = f'"{Reason.KEY_UNAVAILABLE.value}"'
_NONE: Final[Sequence[Row]] = ()

_ALIKE: Final = """
SELECT a.id FROM evidence a WHERE a.id {} AND EXISTS
  (SELECT 1 FROM evidence b WHERE b.hash_list_sha256 = a.hash_list_sha256 AND b.id <> a.id)
"""


class _Rows:
    """The rows of some items, table by table; of one row each by item, and each table's in its order."""

    def __init__(self, reader: Reader, ids: Sequence[str]) -> None:
        found: dict[str, dict[str, list[Row]]] = {}
        for table, column in _TABLES:
            place = _NAMES[table.name].index(column)
            of_item = found[table.name] = {}
            for row in reader.among(table, column, ids):
                of_item.setdefault(row[place], []).append(row)
        self._found = found

    def of(self, table: sa.Table, item: str) -> Sequence[Row]:
        """Those of *item*."""
        return self._found[table.name].get(item, _NONE)


def load(connection: Connection, ids: Sequence[str], unreadable: Unreadable) -> list[WholeItem]:
    """The items *ids* (as stored); see ``ports.EvidenceIndex``. *connection* must see one moment throughout."""
    reader = Reader(connection)
    with reader.quick():
        rows = _Rows(reader, ids)
        alike = {item for (item,) in reader.matching(_ALIKE, ids)}
    quiet = _Quiet(rows)
    loud = {item for item in ids if not quiet.agrees(item)}
    of_keys = load_keys(connection, quiet.keys)
    troubled = {key for key in quiet.keys if next(of_keys.troubles(key), None) is not None}
    odd = [item for item in ids if item in loud or quiet.keys_of[item] & troubled]
    told = disagreements(connection, [_plain(item) for item in odd]) if odd else {}
    return list(_readable(rows, ids, told, alike, unreadable))


def _plain(item: str) -> str:
    """An ID as it is called; one that was never written so, as it stands."""
    try:
        return plain_text(item)
    except ValueError:
        return item


def _readable(
    rows: _Rows, ids: Sequence[str], told: Mapping[str, Sequence[str]], alike: set[str], unreadable: Unreadable
) -> Iterator[WholeItem]:
    for item in ids:
        lacking = next((table for table in (evidence, evidence_state) if not rows.of(table, item)), None)
        if lacking is not None:
            unreadable(_plain(item), f"ledger: there is no row {printable(item, 80)} in table {lacking.name}")
            continue
        try:
            head, state = (_named(table, rows.of(table, item)[0]) for table in (evidence, evidence_state))
            record = EvidenceRecord(
                evidence_of(head, [_named(files, row) for row in rows.of(files, item)]), state_of(state)
            )
            described = [
                custody_event(_named(custody_events, row))
                for row in rows.of(custody_events, item)
                if row[2] == QueryDescribed.kind
            ]
        except LedgerError as error:
            unreadable(_plain(item), str(error))
            continue
        yield WholeItem(record, told.get(_plain(item), ()), described, item not in alike)


def _named(table: sa.Table, row: Row) -> dict[str, Any]:
    return dict(zip(_NAMES[table.name], row, strict=True))


class _Quiet:
    """Says of which items all rows are as their events make them. ``keys_of``: by item, those it was judged with."""

    def __init__(self, rows: _Rows) -> None:
        self._rows = rows
        self._moments = Moments()
        self._audit, self._acquisition = usual()
        self.keys: set[str] = set()
        self.keys_of: dict[str, frozenset[str]] = {}

    def agrees(self, item: str) -> bool:
        """True where nothing but the keys' own rows is left to look at; False where more must be looked at."""
        try:
            return self._agrees(item)
        except ValueError:  # a time that is in no calendar
            return False

    def _agrees(self, item: str) -> bool:
        events = self._rows.of(custody_events, item)
        if not events or events[0][2] != EvidenceAcquired.kind:
            return False
        acquired = self._acquired(item, events[0])
        if acquired is None:
            return False
        first, acquired_at, size = acquired
        judged, standing = [first[0]], _codes(first[0][6])
        last_at, due = None, first[1]
        for event in events[1:]:
            kind = event[2]
            if kind == EvidenceVerified.kind:
                found = self._verified(item, event)
                if found is None:
                    return False
                row, due = found
                judged.append(row)
                last_at = row[2]
                standing = findings_with(_codes(row[6]), [code for code in standing if code in OF_THE_SOURCE])
                continue
            after = _standing_after(event, standing)
            if after is None:
                return False
            standing = after
        last = judged[-1]
        state = (item, last[0], last[4], last[5], stored_list(standing), last_at, due, _AWAITING in last[5])
        self.keys_of[item] = frozenset(row[8] for row in judged if row[8] is not None)
        self.keys |= self.keys_of[item]
        return _same(self._rows.of(verifications, item), judged) and _same(
            self._rows.of(evidence_state, item), [(*state, acquired_at, size)]
        )

    def _acquired(self, item: str, event: Row) -> tuple[tuple[Row, str], str, int] | None:
        """The row of ``verifications`` and the due time, acquired_at, and the size that *event* tells of."""
        seq, at, _, of, body = event
        found = self._acquisition(body) if type(body) is str else None
        if found is None:
            return None
        when, told, checks, findings, reasons, verdict, _, due = found.groups()
        when, due = self._moments.stored(when), self._moments.stored(due)
        row, of_files = rows_told(orjson.loads(told), self._moments)
        if (at, of, row[0]) != (when, item, item) or not _same(self._rows.of(evidence, item), [row]):
            return None
        if not _same(self._rows.of(files, item), of_files):
            return None
        judged = (seq, item, when, "acquisition", verdict, reasons, findings, checks, row[11])
        return (judged, due), row[14], sum([file[5] for file in of_files])

    def _verified(self, item: str, event: Row) -> tuple[Row, str] | None:
        """The row of ``verifications``, and the due time, that *event* tells of."""
        seq, at, _, of, body = event
        found = self._audit(body) if type(body) is str else None
        if found is None:
            return None
        when, told, checks, findings, reasons, verdict, key, due, occasion = found.groups()
        when, due = self._moments.stored(when), self._moments.stored(due)
        if (at, of, told) != (when, item, item):
            return None
        return (seq, item, when, occasion, verdict, reasons, findings, checks, key), due


def _standing_after(event: Row, standing: list[str]) -> list[str] | None:
    """The findings that stand after *event*, which judges nothing; None where it must be looked at."""
    read = event_of(_named(custody_events, event))
    if read.troubles or read.kind in (EvidenceAcquired.kind, EvidenceVerified.kind):
        return None
    if read.kind == SourceObserved.kind:
        return findings_with(standing, [str(dig(read.body, "finding"))])
    return findings_restored(standing) if read.kind == SourceRestored.kind else standing


def _codes(listed: str) -> list[str]:
    return [] if listed == "[]" else list(orjson.loads(listed))


def _same(found: Sequence[Row], expected: Sequence[Row]) -> bool:
    """True if the rows are the same, numbers kept as whole numbers: to Python 1.0 is 1."""
    return list(found) == list(expected) and not any(float in map(type, row) for row in found)
