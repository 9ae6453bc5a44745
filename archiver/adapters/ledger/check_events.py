"""Every custody event in turn: its own columns and form, and the rows that stand under its number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, Final

import orjson
import sqlalchemy as sa

from archiver.adapters.ledger.check_exact import anchor, entry_in, item_rows, log_key, provenance, verification
from archiver.adapters.ledger.check_indexes import IndexCheck
from archiver.adapters.ledger.check_items import Acquired, ItemCheck
from archiver.adapters.ledger.check_reader import Part, Reader
from archiver.adapters.ledger.check_repeats import Repeats
from archiver.adapters.ledger.check_scratch import BITS
from archiver.adapters.ledger.check_shapes import Moments
from archiver.adapters.ledger.check_spool import Archived, Looked, Spool
from archiver.adapters.ledger.check_states import States
from archiver.adapters.ledger.check_told import added, altered, missing
from archiver.adapters.ledger.check_upkeep import CONCERNED
from archiver.adapters.ledger.check_usual import rows_told, usual
from archiver.adapters.ledger.stored import stored_optional, stored_text, stored_time
from archiver.adapters.ledger.tables import anchors, custody_events, key_provenance, log_keys, verifications
from archiver.domain.custody import (
    EvidenceAcquired,
    EvidenceVerified,
    KeyHarvested,
    LedgerMigrated,
    SourceObserved,
    SourceRestored,
)
from archiver.domain.custody_log import CheckpointAnchored, LogKeyAdopted
from archiver.domain.log_records import Problem
from archiver.domain.verdict import Judgement
from archiver.log_ports import Tell

Row = tuple[Any, ...]

_END: Final[Row] = (None,)
_MOST_KEPT: Final = 4096


class _Numbered:
    """The rows of a table with one row an event of some kind, beside the events. ``head``: the next one."""

    def __init__(self, reader: Reader, table: sa.Table, tell: Tell) -> None:
        self._reader = reader
        self._table = table
        self._tell = tell
        self._absent = reader.is_broken(table)
        self._indexes = IndexCheck(reader, table, tell)
        self.rest: Iterator[Row] = iter(())
        self.head = _END

    def begin(self, part: Part) -> None:
        """Goes to the rows of *part*."""
        self.rest = chain.from_iterable(self._indexes.watch(self._reader.numbered(self._table, *part)))
        self.head = next(self.rest, _END)

    def hold(self, expected: Row) -> None:
        """Takes the row under the number of *expected*, and tells how it differs."""
        seq = expected[0]
        self._pass(seq)
        if self.head is _END or self.head[0] != seq:
            if not self._absent:
                self._tell(missing(self._table, expected, seq))
            return
        if expected != self.head:
            self._tell(altered(self._table, expected, self.head, seq))
        self.head = next(self.rest, _END)

    def end(self) -> None:
        """Tells the rows that are left of the part."""
        self._pass(None)

    def _pass(self, seq: int | None) -> None:
        """Tells the rows before number *seq*, or all that are left: no event asked for them."""
        while self.head is not _END and (
            seq is None or not isinstance(self.head[0], int) or isinstance(self.head[0], bool) or self.head[0] < seq
        ):
            self._tell(added(self._table, self.head))
            self.head = next(self.rest, _END)

    def finish(self, part: Part) -> None:
        """Tells what the table's indexes say otherwise, of *part*: all parts that were gone through."""
        self._indexes.finish(part)


class EventCheck:
    """The pass over events. What they say of items, keys and the daily round is left in *spool*."""

    def __init__(self, reader: Reader, spool: Spool, tell: Tell) -> None:
        self._reader = reader
        self._spool = spool
        self._tell = tell
        self._usual_audit, self._usual_acquisition = usual()
        self._moments = Moments()
        self._findings: dict[tuple[str, str, str], int] = {}
        self._states = States(spool)
        self._repeats = Repeats(self._moments, self._states)
        self._looked = Looked()
        self._items = ItemCheck(reader, self._looked, tell)
        self._indexes = IndexCheck(reader, custody_events, tell, least=0)
        self._numbered = self._verifications, self._provenance, self._log_keys, self._anchors = (
            _Numbered(reader, verifications, tell),
            _Numbered(reader, key_provenance, tell),
            _Numbered(reader, log_keys, tell),
            _Numbered(reader, anchors, tell),
        )

    def run(self, pieces: Iterable[Part]) -> None:
        """Tells every disagreement of the events of *pieces*, each of which begins where the one before ends."""
        done: list[Part] = []
        for piece in pieces:
            self._go_through(piece)
            done[1:] = [piece]
        if done:
            start, end = done[0][0], done[-1][1]
            self._indexes.finish((start or 0, end))
            for rows in self._numbered:
                rows.finish((start, end))
        self._items.flush()
        self._states.flush()
        self._looked.rows = self._reader.rows
        self._spool.end(self._looked)

    def _go_through(self, part: Part) -> None:
        for rows in self._numbered:
            rows.begin(part)
        start, end = part
        judged, again = self._verifications, self._repeats.again
        for row in chain.from_iterable(self._indexes.watch(self._reader.numbered(custody_events, start or 0, end))):
            kind, body = row[2], row[4]
            if type(body) is str:
                if kind == EvidenceVerified.kind:
                    if again(row, judged.head):
                        judged.head = next(judged.rest, _END)
                        continue
                    if self._is_verified(row):
                        continue
                elif kind == EvidenceAcquired.kind and self._is_acquired(row):
                    continue
            self._exactly(row)
        for rows in self._numbered:
            rows.end()

    # -------------------------------------------------------------------------- the quick way: too strict at worst

    def _is_verified(self, row: Row) -> bool:
        """True if *row* and what follows from it is all in order; nothing is taken or told otherwise."""
        rows = self._verifications
        seq, at, _, item, body = row
        found = self._usual_audit(body)
        if found is None:
            return False
        when, of, checks, findings, reasons, verdict, key, due, occasion = found.groups()
        bits = self._findings.get((verdict, reasons, findings))
        try:
            when, due = self._moments.stored(when), self._moments.stored(due)
        except ValueError:
            return False
        if (
            bits is None
            or item != of
            or at != when
            or rows.head != (seq, of, when, occasion, verdict, reasons, findings, checks, key)
        ):
            return False
        self._repeats.learn(found, of, rows.head, bits)
        rows.head = next(rows.rest, _END)
        self._states.judged(of, (seq, verdict, reasons, when, due, bits))
        return True

    def _is_acquired(self, row: Row) -> bool:
        """As :meth:`_is_verified`; the rows of ``evidence`` and ``files`` are looked at later, many at once."""
        seq, at, _, item, body = row
        found = self._usual_acquisition(body)
        if found is None:
            return False
        when, told, checks, findings, reasons, verdict, listing, due = found.groups()
        bits = self._findings.get((verdict, reasons, findings))
        try:
            when, due = self._moments.stored(when), self._moments.stored(due)
            evidence, files = rows_told(orjson.loads(told), self._moments)
        except ValueError:
            return False
        of, key = evidence[0], evidence[11]
        rows = self._verifications
        if (
            bits is None
            or item != of
            or at != when
            or rows.head != (seq, of, when, "acquisition", verdict, reasons, findings, checks, key)
        ):
            return False
        rows.head = next(rows.rest, _END)
        size = sum([file[5] for file in files])
        self._states.acquired(of, (seq, evidence[14], size), (seq, verdict, reasons, None, due, bits))
        self._items.hold(Acquired(seq, evidence, files))
        first_seen_at, revision = evidence[13], evidence[5]
        self._spool.archived(Archived(seq, evidence[1], evidence[3], listing, first_seen_at, of, revision))
        return True

    # -------------------------------------------------------------------------- the exact way

    def _exactly(self, row: Row) -> None:
        entry = entry_in(row, self._tell)
        if entry is None:
            return
        seq: int = row[0]
        match entry:
            case EvidenceAcquired():
                self._acquired(seq, entry)
            case EvidenceVerified():
                judged = verification(seq, entry)
                self._verifications.hold(judged)
                self._judged(seq, entry.id, judged, stored_time(entry.next_audit_at), entry.judgement)
            case SourceObserved():
                self._states.observed(stored_text(entry.id), entry.finding)
            case SourceRestored():
                self._states.restored(stored_text(entry.id))
            case KeyHarvested():
                self._harvested(seq, entry)
            case LogKeyAdopted():
                self._log_keys.hold(log_key(seq, entry))
            case CheckpointAnchored():
                self._anchors.hold(anchor(seq, entry))
            case LedgerMigrated():
                self._looked.revision = entry.after
        if isinstance(entry, CONCERNED):
            self._spool.entry(seq)

    def _acquired(self, seq: int, entry: EvidenceAcquired) -> None:
        judged = verification(seq, entry)
        self._verifications.hold(judged)
        evidence, files = item_rows(entry)
        item = entry.evidence
        self._items.hold(Acquired(seq, evidence, files))
        of, due = stored_text(item.id), stored_time(entry.next_audit_at)
        acquired = (seq, stored_time(item.acquired_at), item.size)
        bits = self._bits(judged, entry.judgement)
        self._states.acquired(of, acquired, (seq, judged[4], judged[5], None, due, bits))
        place = (stored_text(item.source), stored_text(item.prefix), stored_text(entry.listing_digest))
        self._spool.archived(Archived(seq, *place, evidence[13], of, item.revision))

    def _judged(self, seq: int, item: str, row: Row, due: str, judgement: Judgement) -> None:
        state = (seq, row[4], row[5], row[2], due, self._bits(row, judgement))
        self._states.judged(stored_text(item), state)

    def _bits(self, row: Row, judgement: Judgement) -> int:
        """The findings of *judgement*, kept for those that say the same."""
        bits = 0
        for finding in judgement.findings:
            bits |= BITS[finding.value]
        if len(self._findings) >= _MOST_KEPT:
            self._findings.clear()
        self._findings[row[4], row[5], row[6]] = bits
        return bits

    def _harvested(self, seq: int, entry: KeyHarvested) -> None:
        self._provenance.hold(provenance(seq, entry))
        if entry.sha256 != entry.key.sha256:
            said = f"custody_events {seq}: the key that it holds has another SHA-256 than it says"
            self._tell(Problem("event_malformed", said, seq))
        self._spool.key(stored_text(entry.sha256), stored_optional(entry.key.fingerprint), entry.key.der)
