"""One custody event, read exactly: what is wrong with it, and the rows that it makes, as the journal makes them."""

from __future__ import annotations

from typing import Any, Final

import orjson

from archiver.adapters.ledger.check_told import altered
from archiver.adapters.ledger.projection_log import anchor_row, log_key_row
from archiver.adapters.ledger.rows import evidence_row, file_rows, provenance_row, said_of
from archiver.adapters.ledger.stored import stored_list, stored_optional, stored_text, stored_time
from archiver.adapters.ledger.tables import custody_events
from archiver.domain.custody import Entry, EvidenceAcquired, EvidenceVerified, KeyHarvested, to_json
from archiver.domain.custody_log import CheckpointAnchored, LogKeyAdopted
from archiver.domain.custody_reading import entry_of
from archiver.domain.custody_upkeep import AlertsRefused, AlertTold, DeliveryNoted, SourceSynced
from archiver.domain.log_records import Problem
from archiver.domain.text import printable
from archiver.log_ports import Tell

Row = tuple[Any, ...]

_MOST: Final = 2**63 - 1
"""The largest number that a column can hold."""


def entry_in(row: Row, tell: Tell) -> Entry | None:
    """The entry that *row* of ``custody_events`` keeps. Tells what is wrong with it; None where it cannot be read."""
    seq, _, _, _, body = row
    try:
        entry = _read(body)
        if any(abs(number) > _MOST for number in _numbers(entry)):
            raise ValueError("a number that no column can hold")
    except (ValueError, RecursionError) as error:
        said = printable(str(error), 300)
        tell(Problem("event_malformed", f"custody_events {seq}: the body is not as events are: {said}", seq))
        return None
    expected = (seq, stored_time(entry.at), entry.kind, stored_optional(entry.evidence_id), body)
    if row != expected:
        tell(altered(custody_events, expected, row, seq))
    return entry


def _read(body: object) -> Entry:
    """Raises ValueError for what the journal would not have written."""
    if not isinstance(body, str):
        raise ValueError("no text")  # noqa: TRY004 - all that cannot be read is a ValueError here
    value = orjson.loads(body)
    entry, _ = entry_of(value)
    # the reader lets whole numbers through that JSON holds exactly, and names in ASCII: all that is left to differ
    # between RFC 8785 and this is what both write alike
    if orjson.dumps(value, option=orjson.OPT_SORT_KEYS) != body.encode("utf-8"):
        raise ValueError("not canonical JSON")
    return entry


def _numbers(entry: Entry) -> list[int]:
    """The numbers of *entry* that are reckoned with here, not only compared."""
    match entry:
        case EvidenceAcquired():
            return [entry.evidence.size, entry.evidence.revision]
        case DeliveryNoted():
            return [entry.revision]
        case SourceSynced():
            return [entry.full_objects or 0]
        case AlertTold():
            return [entry.alert]
        case AlertsRefused():
            return list(entry.alerts)
    return []


def verification(seq: int, entry: EvidenceAcquired | EvidenceVerified) -> Row:
    """The row of ``verifications``."""
    if isinstance(entry, EvidenceAcquired):
        item, occasion, key = entry.evidence.id, "acquisition", entry.evidence.key_sha256
    else:
        item, occasion, key = entry.id, entry.occasion, entry.key_sha256
    said = said_of(entry.judgement)
    return (
        seq,
        stored_text(item),
        stored_time(entry.at),
        stored_text(occasion),
        *(said["verdict"], said["reasons"], said["findings"]),
        stored_list(to_json(entry.judgement.checks)),
        stored_optional(key),
    )


def provenance(seq: int, entry: KeyHarvested) -> Row:
    """The row of ``key_provenance``."""
    return (seq, *provenance_row(entry.key, entry.sha256, entry.provenance).values())


def log_key(seq: int, entry: LogKeyAdopted) -> Row:
    """The row of ``log_keys``."""
    return tuple(log_key_row(seq, entry).values())


def anchor(seq: int, entry: CheckpointAnchored) -> Row:
    """The row of ``anchors``."""
    return tuple(anchor_row(seq, entry).values())


def item_rows(entry: EvidenceAcquired) -> tuple[Row, list[Row]]:
    """The rows of ``evidence`` and ``files``."""
    return tuple(evidence_row(entry.evidence).values()), [tuple(row.values()) for row in file_rows(entry.evidence)]
