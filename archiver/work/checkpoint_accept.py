"""The decision to go on from an earlier head than the one that was signed last: told, recorded, nothing deleted.

After a backup was put back, or a ledger rebuilt from an older log, no history that is left leads to that head.
Nothing is signed until somebody says that it is lost, and why.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from archiver.domain.custody_log import EarlierHeadAccepted
from archiver.domain.records import Alert
from archiver.domain.times import format_time
from archiver.errors import UsageError
from archiver.log.checkpoint import Checkpoint
from archiver.log.tree import EMPTY_ROOT
from archiver.ports import Journal
from archiver.work.checkpoint_heads import Head, LostHead

_TOLD = (
    "What the lost head covered and is not here is not in the log any more. Whoever holds that head or a later one (a"
    " report, a time stamp, a witness, a locked object) will rightly object to what is signed from now on."
)


@dataclass(frozen=True, slots=True)
class AcceptedHead:
    """What was decided. ``lost``: the head signed last, None where what was kept is none; ``why``: it is not led to.

    ``size``, ``root`` (64 hex): the newest head of the history that is gone on with. ``kept``: where the lost one is.
    """

    lost: Checkpoint | None
    why: str
    size: int
    root: str
    kept: str


def accept(
    lost: Sequence[LostHead], newest: Head | None, reason: str, journal: Journal, at: datetime
) -> Sequence[AcceptedHead]:
    """Records that the log goes on from *newest* without the heads *lost*, for *reason*; then sets these aside.

    In this order: broken off between the two, it is done again, and recorded twice. Raises UsageError where nothing
    is lost or *reason* is blank, LedgerError, SigningError.
    """
    if not lost:
        raise UsageError(
            "nothing is wrong: the ledger continues the head that was signed last, or none is kept",
            "archiver ledger checkpoint signs the newest one",
        )
    if not reason.strip():
        raise UsageError("a reason is wanted: who decided that the later head is lost, and why")
    told = f"{reason.strip()}\n".encode("utf-8", "replace")
    size, root = (newest.size, newest.checkpoint.root.hex()) if newest else (0, EMPTY_ROOT.hex())
    entries = [
        EarlierHeadAccepted(
            at=at,
            lost_size=one.head.size if one.head else None,
            lost_root=one.head.root.hex() if one.head else None,
            size=size,
            root=root,
            reason_sha256=hashlib.sha256(told).hexdigest(),
        )
        for one in lost
    ]
    journal.record(entries, [_alert(entries, at)])
    return [AcceptedHead(one.head, one.why, size, root, one.memory.set_aside(told, at)) for one in lost]


def _alert(entries: Sequence[EarlierHeadAccepted], at: datetime) -> Alert:
    lines = [
        f"Signed last: {one.lost_size} leaves, root {one.lost_root}. Now: {one.size} leaves, root {one.root}."
        for one in entries
    ]
    title = "the log goes on from an earlier head than was signed last"
    return Alert(f"{EarlierHeadAccepted.kind}:{format_time(at)}", title, "\n".join([*lines, _TOLD]))
