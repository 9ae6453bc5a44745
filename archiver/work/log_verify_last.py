"""The last head that was signed, as it is kept beside the key, for ``ledger verify``: the ledger must continue it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from archiver.domain.custody_log import EarlierHeadAccepted
from archiver.domain.custody_reading import entry_of
from archiver.domain.text import printable
from archiver.domain.times import format_time
from archiver.errors import LedgerError, SigningError
from archiver.log.tree import root_of
from archiver.log_ports import CustodyLog, HeadMemory
from archiver.work.log_verify_keys import LogKeys
from archiver.work.log_verify_report import Findings
from archiver.work.log_verify_rows import read

NONE_KEPT: Final = (
    "no last head is kept there, though heads were signed: that ledger and log were put back together would not be"
    " noticed; the next checkpoint keeps one"
)


def check_last(memories: Sequence[HeadMemory], log: CustodyLog, size: int, keys: LogKeys, findings: Findings) -> None:
    """Holds what *memories* keep against the ledger's *size* events: put back, or of another history?

    What somebody decided to go on without is noted.
    """
    _note_accepted(log, findings)
    for memory in memories:
        place = printable(memory.place)
        try:
            note = memory.last()
        except SigningError as error:
            findings.unasked(str(error))
            continue
        if note is None:
            if log.latest_checkpoint() is not None:
                findings.notes.append(f"{place}: {NONE_KEPT}")
            continue
        head = read(note.encode("utf-8", "replace"), None)
        if isinstance(head, str) or keys.signer(head[1]) is None:
            why = head if isinstance(head, str) else "it is not signed with any key of the log"
            findings.add("checkpoint_altered", f"{place}, the head that was signed last: {why}", None, place)
        elif head[0].size > size:
            detail = f"the head that was signed last is of {head[0].size} leaves, and the ledger has {size} events"
            findings.add("ledger_behind", f"{place}: {detail}", size, place)
        else:
            _check_root(head[0].size, head[0].root, log, place, findings)


def _note_accepted(log: CustodyLog, findings: Findings) -> None:
    for seq, body in log.of_kind(EarlierHeadAccepted.kind):
        try:
            entry, actor = entry_of(json.loads(body))
        except (ValueError, RecursionError):  # it is altered, which is told where its leaf is looked at
            continue
        if isinstance(entry, EarlierHeadAccepted):
            lost = f"{entry.lost_size} leaves, root {entry.lost_root}" if entry.lost_root else "what was no head"
            findings.notes.append(
                f"event {seq}: at {format_time(entry.at)} {printable(actor.user, 100)} had the log go on from the"
                f" head of {entry.size} leaves, without the one signed last ({printable(lost)})"
            )


def _check_root(size: int, root: bytes, log: CustodyLog, place: str, findings: Findings) -> None:
    try:
        if root_of(size, log.hashes) != root:
            detail = f"{place}: the ledger's tree does not lead to the head of {size} leaves that was signed last"
            findings.add("checkpoint_inconsistent", detail, size - 1, place)
    except LedgerError as error:
        findings.unread(error, "merkle_nodes")
