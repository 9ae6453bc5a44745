"""What follows from entries in the tables beside the events: gathered entry by entry, written table by table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy.engine import Connection

from archiver.adapters.ledger.projection_counts import count, recount
from archiver.adapters.ledger.projection_log import anchor_row, log_key_row
from archiver.adapters.ledger.projection_upkeep import Upkeep
from archiver.adapters.ledger.row_batch import RowBatch
from archiver.adapters.ledger.rows import Row, evidence_row, file_rows, provenance_row, reading, said_of
from archiver.adapters.ledger.statements import chunks, put
from archiver.adapters.ledger.stored import (
    plain_list,
    stored_list,
    stored_optional,
    stored_text,
    stored_time,
)
from archiver.adapters.ledger.tables import (
    anchors,
    custody_events,
    evidence,
    evidence_state,
    files,
    key_provenance,
    keys,
    log_keys,
    merkle_nodes,
    verifications,
)
from archiver.domain.custody import (
    Entry,
    EvidenceAcquired,
    EvidenceVerified,
    KeyHarvested,
    SourceObserved,
    SourceRestored,
    to_json,
)
from archiver.domain.custody_log import CheckpointAnchored, LogKeyAdopted
from archiver.domain.standing import OF_THE_SOURCE, findings_restored, findings_with
from archiver.domain.verdict import Finding, Judgement, Reason
from archiver.errors import LedgerError
from archiver.log.leaf import leaf_of
from archiver.log.tree import Frontier, leaf_hash


class Projection:
    """One batch of entries on its way into the tables. Entries are added in order, then written at once."""

    def __init__(self, connection: Connection, tree: Frontier, known_keys: Iterable[str]) -> None:
        """*tree*: of all events that are there, which grows by one leaf an entry."""
        self._connection = connection
        self._tree = tree
        self._seq = tree.size - 1
        self._keys = set(known_keys)
        self._rows: dict[str, list[Row]] = {table.name: [] for table in _IN_ORDER}
        self._states = RowBatch(evidence_state)
        self._upkeep = Upkeep(connection)
        self._is_altered = False

    def load(self, entries: Sequence[Entry]) -> None:
        """Reads what is said now of what *entries*, all that will be added, say something new of."""
        ids = {stored_text(entry.id) for entry in entries if isinstance(entry, _OF_A_STATE)}
        for chunk in chunks(ids):
            self._states.load(self._connection, evidence_state.c.evidence_id.in_(chunk))
        self._upkeep.load(entries)

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
        hashes = self._tree.append(leaf_hash(leaf_of(body.encode("utf-8"))))
        self._rows["merkle_nodes"].append({"seq": self._seq, "hashes": b"".join(hashes)})
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
            case LogKeyAdopted():
                self._rows["log_keys"].append(log_key_row(self._seq, entry))
            case CheckpointAnchored():
                self._rows["anchors"].append(anchor_row(self._seq, entry))
        self._upkeep.add(self._seq, entry)

    def _acquired(self, entry: EvidenceAcquired) -> None:
        item = entry.evidence
        self._rows["evidence"].append(evidence_row(item))
        self._rows["files"].extend(file_rows(item))
        said = self._judged(item.id, "acquisition", entry.at, entry.judgement, item.key_sha256)
        self._states.put(
            {
                "evidence_id": stored_text(item.id),
                "last_audited_at": None,
                "acquired_at": stored_time(item.acquired_at),
                "size": item.size,
                **self._state_columns(said, entry, []),
            }
        )

    def _verified(self, entry: EvidenceVerified) -> None:
        self._is_altered |= Reason.LEDGER_ALTERED in entry.judgement.reasons
        state = self._state(entry.id)
        said = self._judged(entry.id, entry.occasion, entry.at, entry.judgement, entry.key_sha256)
        standing = [code for code in _standing(state) if code in OF_THE_SOURCE]
        state |= self._state_columns(said, entry, standing)
        state["last_audited_at"] = stored_time(entry.at)

    def _judged(self, item: str, occasion: str, at: datetime, judgement: Judgement, key_sha256: str | None) -> Row:
        """Adds the row of what was judged; answers the columns that what is said now has too."""
        said = said_of(judgement)
        self._rows["verifications"].append(
            {
                "seq": self._seq,
                "evidence_id": stored_text(item),
                "at": stored_time(at),
                "occasion": stored_text(occasion),
                "checks": stored_list(to_json(judgement.checks)),
                "key_sha256": stored_optional(key_sha256),
                **said,
            }
        )
        return said

    def _state_columns(self, said: Row, entry: EvidenceAcquired | EvidenceVerified, standing: Iterable[str]) -> Row:
        return {
            **said,
            "findings": stored_list(findings_with(entry.judgement.findings, standing)),
            "judged_seq": self._seq,
            "next_audit_at": stored_time(entry.next_audit_at),
            "awaiting_key": Reason.KEY_UNAVAILABLE in entry.judgement.reasons,
        }

    def _observed(self, entry: SourceObserved) -> None:
        state = self._state(entry.id)
        state["findings"] = stored_list(findings_with([entry.finding], _standing(state)))

    def _restored(self, entry: SourceRestored) -> None:
        state = self._state(entry.id)
        state["findings"] = stored_list(findings_restored(_standing(state)))

    def _state(self, evidence_id: str) -> Row:
        state = self._states.get((stored_text(evidence_id),))
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
        if not self._is_altered:
            count(self._connection, self._states.changes())
        self._states.write(self._connection)
        if self._is_altered:
            recount(self._connection)
        self._upkeep.write()


_OF_A_STATE: Final = (EvidenceVerified, SourceObserved, SourceRestored)
_IN_ORDER: Final = (
    custody_events,
    merkle_nodes,
    keys,
    key_provenance,
    evidence,
    files,
    verifications,
    log_keys,
    anchors,
)


def _standing(state: Row) -> list[str]:
    """The findings that *state* shows. Raises LedgerError where it was made unreadable."""
    with reading("evidence_state", state["evidence_id"]):
        return [Finding(code).value for code in plain_list(state["findings"])]
