"""What follows from entries about the log itself: rows of ``log_keys`` and ``anchors``."""

from __future__ import annotations

from archiver.adapters.ledger.rows import Row
from archiver.adapters.ledger.stored import stored_moment, stored_optional, stored_text, stored_time
from archiver.domain.custody_log import CheckpointAnchored, LogKeyAdopted


def log_key_row(seq: int, entry: LogKeyAdopted) -> Row:
    """The row of table ``log_keys``."""
    return {
        "seq": seq,
        "key": stored_text(entry.key),
        "before": stored_optional(entry.before),
        "vouched": entry.vouched,
    }


def anchor_row(seq: int, entry: CheckpointAnchored) -> Row:
    """The row of table ``anchors``."""
    return {
        "seq": seq,
        "size": entry.size,
        "method": stored_text(entry.method),
        "name": stored_text(entry.name),
        "path": stored_text(entry.path),
        "sha256": stored_text(entry.sha256),
        "proved_at": stored_time(entry.proved_at),
        "valid_until": stored_moment(entry.valid_until),
    }
