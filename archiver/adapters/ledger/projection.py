"""What follows from entries in the tables beside the events: gathered entry by entry, written table by table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from archiver.adapters.ledger.deliveries import delivery_key, note_failing, prefix_digest, write_deliveries
from archiver.adapters.ledger.rows import Row, evidence_row, file_rows, provenance_row, reading, said_of
from archiver.adapters.ledger.statements import chunks, put, put_new, rows_of
from archiver.adapters.ledger.stored import (
    plain_list,
    stored_list,
    stored_optional,
    stored_text,
    stored_time,
)
from archiver.adapters.ledger.tables import (
    custody_events,
    deliveries,
    evidence,
    evidence_state,
    files,
    key_provenance,
    keys,
    verifications,
)
from archiver.domain.custody import (
    DeliverySeen,
    DeliveryVanished,
    Entry,
    EvidenceAcquired,
    EvidenceVerified,
    KeyHarvested,
    SourceFailed,
    SourceObserved,
    SourceRecovered,
    SourceRestored,
    to_json,
)
from archiver.domain.verdict import Finding, Judgement, Reason
from archiver.errors import LedgerError

OF_THE_SOURCE: Final = (Finding.SOURCE_CHANGED.value, Finding.SOURCE_DELETED.value)
"""Findings that an audit of the archive neither makes nor unmakes."""


class Projection:
    """One batch of entries on its way into the tables. Entries are added in order, then written at once."""

    def __init__(self, connection: Connection, last_seq: int, known_keys: Iterable[str]) -> None:
        self._connection = connection
        self._seq = last_seq
        self._keys = set(known_keys)
        self._rows: dict[str, list[Row]] = {table.name: [] for table in _IN_ORDER}
        self._states: dict[str, Row] = {}
        self._new_states: set[str] = set()
        self._seen: list[Row] = []
        self._archived: list[Row] = []
        self._vanished: list[Row] = []
        self._gone: dict[str, bool] = {}
        self._failing: list[tuple[str, str | None]] = []

    def load_states(self, entries: Sequence[Entry]) -> None:
        """Reads what is said now of the items that *entries* say something new of."""
        ids = {stored_text(entry.id) for entry in entries if isinstance(entry, _OF_A_STATE)}
        for chunk in chunks(ids):
            found = rows_of(
                self._connection, sa.select(evidence_state).where(evidence_state.c.evidence_id.in_(chunk))
            )
            self._states.update((row["evidence_id"], dict(row)) for row in found)

    def add(self, entry: Entry, body: str) -> None:
        """Takes *entry*, whose canonical form is *body*. Raises LedgerError for evidence that is not on record."""
        self._seq += 1
        self._rows["custody_events"].append(
            {
                "seq": self._seq,
                "at": stored_time(entry.at),
                "kind": entry.kind,
                "evidence_id": stored_optional(entry.evidence_id),
                "body": body,
            }
        )
        match entry:
            case EvidenceAcquired():
                self._acquired(entry)
            case EvidenceVerified():
                self._verified(entry)
            case SourceObserved():
                self._observed(entry)
            case SourceRestored():
                self._restored(entry)
            case KeyHarvested():
                self._harvested(entry)
            case DeliverySeen():
                self._seen.append(_pending_row(entry))
            case DeliveryVanished():
                self._vanished.append(delivery_key(entry.source, entry.prefix))
            case SourceFailed():
                self._failing.append((entry.source, stored_time(entry.at)))
            case SourceRecovered():
                self._failing.append((entry.source, None))

    def _acquired(self, entry: EvidenceAcquired) -> None:
        item = entry.evidence
        self._rows["evidence"].append(evidence_row(item))
        self._rows["files"].extend(file_rows(item))
        self._judged(item.id, "acquisition", entry.at, entry.judgement, item.key_sha256)
        state_id = stored_text(item.id)
        self._new_states.add(state_id)
        self._states[state_id] = {
            "evidence_id": state_id,
            "last_audited_at": None,
            "acquired_at": stored_time(item.acquired_at),
            "size": item.size,
            **self._state_columns(entry.judgement, entry.next_audit_at, []),
        }
        self._archived.append(
            {
                **delivery_key(item.source, item.prefix),
                "prefix": stored_text(item.prefix),
                "listing_digest": stored_text(entry.listing_digest),
                "first_seen_at": stored_time(item.first_seen_at),
                "evidence_id": state_id,
                "revision": item.revision,
                "gone": False,
            }
        )

    def _verified(self, entry: EvidenceVerified) -> None:
        state = self._state(entry.id)
        self._judged(entry.id, entry.occasion, entry.at, entry.judgement, entry.key_sha256)
        standing = [code for code in _standing(state) if code in OF_THE_SOURCE]
        state |= self._state_columns(entry.judgement, entry.next_audit_at, standing)
        state["last_audited_at"] = stored_time(entry.at)

    def _judged(self, item: str, occasion: str, at: datetime, judgement: Judgement, key_sha256: str | None) -> None:
        self._rows["verifications"].append(
            {
                "seq": self._seq,
                "evidence_id": stored_text(item),
                "at": stored_time(at),
                "occasion": stored_text(occasion),
                "checks": stored_list(to_json(judgement.checks)),
                "key_sha256": stored_optional(key_sha256),
                **said_of(judgement),
            }
        )

    def _state_columns(self, judgement: Judgement, next_audit_at: datetime, standing: Iterable[str]) -> Row:
        return {
            **said_of(judgement),
            "findings": stored_list(findings_with(judgement.findings, standing)),
            "judged_seq": self._seq,
            "next_audit_at": stored_time(next_audit_at),
            "awaiting_key": Reason.KEY_UNAVAILABLE in judgement.reasons,
        }

    def _observed(self, entry: SourceObserved) -> None:
        state = self._state(entry.id)
        state["findings"] = stored_list(findings_with([entry.finding], _standing(state)))
        if entry.finding is Finding.SOURCE_DELETED:
            self._gone[stored_text(entry.id)] = True

    def _restored(self, entry: SourceRestored) -> None:
        state = self._state(entry.id)
        state["findings"] = stored_list(findings_restored(_standing(state)))
        self._gone[stored_text(entry.id)] = False

    def _state(self, evidence_id: str) -> Row:
        state = self._states.get(stored_text(evidence_id))
        if state is None:
            raise LedgerError(f"evidence {evidence_id} is not on record, so nothing can be recorded about it")
        return state

    def _harvested(self, entry: KeyHarvested) -> None:
        sha256 = stored_text(entry.sha256)
        if sha256 not in self._keys:
            self._keys.add(sha256)
            fingerprint = stored_text(entry.key.fingerprint)
            self._rows["keys"].append({"sha256": sha256, "fingerprint": fingerprint, "der": entry.key.der})
        self._rows["key_provenance"].append(
            {"seq": self._seq, **provenance_row(entry.key, entry.sha256, entry.provenance)}
        )

    def write(self) -> None:
        """Writes everything that was taken."""
        for table in _IN_ORDER:
            put(self._connection, table, self._rows[table.name])
        self._write_states()
        self._write_deliveries()
        for source, since in self._failing:
            note_failing(self._connection, source, since)

    def _write_states(self) -> None:
        put(self._connection, evidence_state, [self._states[item] for item in self._new_states])
        changed = [
            {f"new_{name}": value for name, value in row.items()}
            for item, row in self._states.items()
            if item not in self._new_states
        ]
        if changed:
            self._connection.execute(
                sa.update(evidence_state)
                .where(evidence_state.c.evidence_id == sa.bindparam("new_evidence_id"))
                .values({name: sa.bindparam(f"new_{name}") for name in _STATE_CHANGES}),
                changed,
            )

    def _write_deliveries(self) -> None:
        put_new(self._connection, deliveries, self._seen)
        write_deliveries(self._connection, self._archived, archived=True)
        if self._vanished:
            self._connection.execute(
                sa.delete(deliveries).where(
                    deliveries.c.source == sa.bindparam("source"),
                    deliveries.c.prefix_sha256 == sa.bindparam("prefix_sha256"),
                    deliveries.c.evidence_id.is_(None),
                ),
                self._vanished,
            )
        for gone in (True, False):
            for chunk in chunks(item for item, found in self._gone.items() if found is gone):
                self._write_gone(chunk, gone)

    def _write_gone(self, ids: Sequence[str], gone: bool) -> None:
        places = rows_of(
            self._connection,
            sa.select(evidence.c.id, evidence.c.source, evidence.c.prefix).where(evidence.c.id.in_(ids)),
        )
        self._connection.execute(
            sa.update(deliveries)
            .where(
                deliveries.c.source == sa.bindparam("of_source"),
                deliveries.c.prefix_sha256 == sa.bindparam("of_prefix"),
                deliveries.c.evidence_id == sa.bindparam("of_item"),
            )
            .values(gone=gone),
            [
                {"of_source": row["source"], "of_prefix": prefix_digest(row["prefix"]), "of_item": row["id"]}
                for row in places
            ],
        )


_OF_A_STATE: Final = (EvidenceVerified, SourceObserved, SourceRestored)
_IN_ORDER: Final = (custody_events, keys, key_provenance, evidence, files, verifications)
_STATE_CHANGES: Final = (
    "judged_seq",
    "verdict",
    "reasons",
    "findings",
    "last_audited_at",
    "next_audit_at",
    "awaiting_key",
)


def findings_with(findings: Iterable[str], standing: Iterable[str]) -> list[str]:
    """*findings* and *standing* once each, in the order of the enum."""
    held = {*findings, *standing}
    return [finding.value for finding in Finding if finding.value in held]


def findings_restored(standing: Iterable[str]) -> list[str]:
    """What of *standing* still stands once the source holds again what was reported as deleted."""
    return [code for code in standing if code != Finding.SOURCE_DELETED.value]


def _standing(state: Row) -> list[str]:
    """The findings that *state* shows. Raises LedgerError where it was made unreadable."""
    with reading("evidence_state", state["evidence_id"]):
        return [Finding(code).value for code in plain_list(state["findings"])]


def _pending_row(entry: DeliverySeen) -> Row:
    return {
        **delivery_key(entry.source, entry.prefix),
        "prefix": stored_text(entry.prefix),
        "listing_digest": "",
        "first_seen_at": stored_time(entry.at),
        "evidence_id": None,
        "revision": 0,
        "gone": False,
    }
