"""What was acquired, where rows and custody events contradict each other: which of the two is to be believed.

Audits hold the archive against this. Whoever changed a row alone did not change the archive, and must not be said to.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

from archiver.domain.custody import EvidenceAcquired
from archiver.domain.custody_reading import entry_of
from archiver.domain.evidence import Evidence, evidence_id
from archiver.domain.records import CustodyEvent, EvidenceRecord
from archiver.errors import LedgerAlteredError, RowUnreadableError
from archiver.log.leaf import leaf_of
from archiver.log.tree import leaf_hash
from archiver.log_ports import CustodyLog
from archiver.ports import Ledger


def believed(ledger: Ledger, record: EvidenceRecord, events: Sequence[CustodyEvent] | None = None) -> EvidenceRecord:
    """*record*, of which rows and events disagree, with the evidence that is to be believed.

    *events*: those of the item, where they were read already.

    That of the event, where its body is the leaf that the tree has; else of the rows or the event, whichever the
    item's ID was derived from; else of the rows. Raises LedgerError.
    """
    rows, told = record.evidence, None
    for event in _readable(ledger, rows.id) if events is None else events:
        found = _acquired(event, rows.id)
        if found is None:
            continue
        if _is_leaf(ledger.log, event):
            return replace(record, evidence=found)
        told = told or found
    if told is not None and _is_derived(told) and not _is_derived(rows):
        return replace(record, evidence=told)
    return record


def _readable(ledger: Ledger, item: str) -> Iterator[CustodyEvent]:
    """The events about *item*, up to one that cannot be read."""
    try:
        yield from ledger.evidence.events(item)
    except RowUnreadableError:
        return


def _acquired(event: CustodyEvent, item: str) -> Evidence | None:
    """The evidence that *event* acquired, None where it tells of none called *item*."""
    try:
        entry, _ = entry_of(json.loads(event.body))
    except (ValueError, TypeError, RecursionError):  # what nobody recorded: the check of the ledger tells
        return None
    return entry.evidence if isinstance(entry, EvidenceAcquired) and entry.evidence.id == item else None


def _is_leaf(log: CustodyLog, event: CustodyEvent) -> bool:
    """True if the tree in the ledger was made of *event*'s body."""
    try:
        leaf = log.hashes([(0, event.seq)])[0, event.seq]
    except LedgerAlteredError:
        return False
    return leaf_hash(leaf_of(event.body.encode("utf-8", "surrogatepass"))) == leaf


def _is_derived(evidence: Evidence) -> bool:
    files = [(file.name, file.sha256) for file in evidence.files]
    return evidence_id(evidence.source, evidence.prefix, files) == evidence.id
