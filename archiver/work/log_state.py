"""The log in a few figures, for ``status`` and reports: as the ledger has them, not verified."""

from __future__ import annotations

import json
from datetime import datetime

from archiver.domain.custody_log import CheckpointBegun
from archiver.domain.log_records import LogState, StoredCheckpoint
from archiver.domain.times import parse_time
from archiver.errors import LedgerAlteredError
from archiver.log.tree import root_of
from archiver.log_ports import CustodyLog


def log_state(log: CustodyLog) -> LogState:
    """How the log stands now. Raises LedgerError."""
    size = log.size()
    try:
        root = root_of(size, log.hashes).hex()
    except LedgerAlteredError:  # for `ledger verify` to tell where
        root = None
    head = log.latest_checkpoint()
    adopted = log.keys()
    keys = tuple(key.key for key in adopted)
    return LogState(keys, size, root, head, _begun_at(log, head) if head else None)


def _begun_at(log: CustodyLog, head: StoredCheckpoint) -> datetime | None:
    """The time of the event that announced *head*, its last leaf."""
    for seq, body in log.of_kind(CheckpointBegun.kind, head.size - 1):
        if seq == head.size - 1:
            try:
                return parse_time(json.loads(body)["at"])
            except (ValueError, TypeError, LookupError, RecursionError):
                return None
        break
    return None
