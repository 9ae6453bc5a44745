"""That the ledger was verified, on record: the event about a run of ``ledger verify``, and the newest read back."""

from __future__ import annotations

import json
import math
from collections import deque
from datetime import datetime
from typing import Final

from archiver.domain.custody_reading import entry_of
from archiver.domain.custody_upkeep import LedgerVerified
from archiver.domain.log_records import LastVerified
from archiver.domain.text import printable
from archiver.log_ports import CustodyLog
from archiver.work.log_verify_report import LogReport

_MOST_NOTES: Final = 20
_NOTE_CHARS: Final = 300


def verified_entry(report: LogReport, at: datetime) -> LedgerVerified:
    """The event that *report* was made, which ended at *at*."""
    return LedgerVerified(
        at=at,
        size=report.size,
        root=report.root,
        problems=report.problem_count,
        kinds=tuple(sorted({problem.kind for problem in report.problems})),
        failed=report.failed,
        seconds=math.ceil(report.seconds),
        not_checked=tuple(printable(note, _NOTE_CHARS) for note in report.notes[:_MOST_NOTES]),
    )


def last_verified(log: CustodyLog, before: int | None = None) -> LastVerified | None:
    """What the newest such event (of those with a number below *before*) says; None where there is none.

    Raises LedgerError.
    """
    told = (one for one in log.of_kind(LedgerVerified.kind) if before is None or one[0] < before)
    newest = deque(told, maxlen=1)  # one a day: years of them are few
    if not newest:
        return None
    seq, body = newest[0]
    try:
        entry, _ = entry_of(json.loads(body))
    except (ValueError, RecursionError):  # an event that was altered: `ledger verify` tells
        return LastVerified(seq)
    if not isinstance(entry, LedgerVerified):
        return LastVerified(seq)
    return LastVerified(seq, entry.at, entry.size, entry.problems, entry.failed, len(entry.not_checked))
