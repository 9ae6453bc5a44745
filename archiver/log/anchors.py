"""Anchors, pure: where their proofs lie, whether a proof is what was recorded, and how long time stamps prove.

A time stamp proves as long as its authority's certificate ran when it was looked at, or when something that proves
itself looked at it. The log's tree does that: an anchor is an event with its proof's SHA-256, so a later time-stamped
checkpoint that covers this event shows that the proof was there while the certificate still ran (the idea of
RFC 4998, section 5).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from archiver.domain.custody_log import CheckpointAnchored
from archiver.domain.log_records import Anchor
from archiver.domain.times import format_optional, format_time
from archiver.log.tiles import index_path

TIMESTAMP: Final = "timestamp"
OBJECT_LOCK: Final = "object_lock"
WITNESS: Final = "witness"

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]", re.ASCII)
_TRIED_AGAIN: Final = timedelta(days=1)


def file_name(name: str) -> str:
    """*name* as a part of a file's name: letters, digits, dot, underscore and hyphen; whatever else is a hyphen."""
    return _UNSAFE.sub("-", name)


def proof_path(method: str, name: str, size: int, ending: str) -> str:
    """Where the proof lies, below the archive's log folder, by which *name* vouches for the head of *size* leaves."""
    return f"anchors/{index_path(size)}/{method}-{name}.{ending}"


def disagreement(anchor: Anchor, told: CheckpointAnchored) -> str | None:
    """In words what of *anchor*, as recorded, differs from *told*, which was read from the proof; None: nothing."""
    if anchor.sha256 != told.sha256:
        return f"the proof's SHA-256 is {told.sha256}, and {anchor.sha256} was recorded"
    if anchor.proved_at != told.proved_at:
        return f"the proof tells {format_time(told.proved_at)}, and {format_time(anchor.proved_at)} was recorded"
    if anchor.valid_until != told.valid_until:
        ends, recorded = format_optional(told.valid_until), format_optional(anchor.valid_until)
        return f"the proof holds until {ends or 'ever'}, and until {recorded or 'ever'} was recorded"
    if (anchor.size, anchor.method, anchor.name) != (told.size, told.method, told.name):
        return f"the proof is that of {told.method} {told.name} for {told.size} leaves"
    return None


def expired(anchors: Iterable[Anchor], now: datetime) -> list[Anchor]:
    """The time stamps among *anchors* that prove nothing any more at *now*, by size.

    That is: the authority's certificate has ended, and no time stamp that still proves something was made in time,
    over a checkpoint that covers the event of the anchor. Other methods are passed over.
    """
    stamps = [anchor for anchor in anchors if anchor.method == TIMESTAMP]
    stamps.sort(key=lambda anchor: (anchor.size, anchor.seq), reverse=True)
    lost: list[Anchor] = []
    # those that prove something, largest first: their sizes with the sign turned, and the earliest time up to each
    sizes: list[int] = []
    earliest: list[datetime] = []
    for stamp in stamps:
        covering = bisect_left(sizes, -stamp.seq)  # a checkpoint of n leaves covers the events 0 to n - 1
        ends = stamp.valid_until
        if ends is None or now <= ends or (covering and earliest[covering - 1] <= ends):
            sizes.append(-stamp.size)
            earliest.append(min(stamp.proved_at, earliest[-1]) if earliest else stamp.proved_at)
        else:
            lost.append(stamp)
    return lost[::-1]


def renewal_due(anchors: Iterable[Anchor], now: datetime, renew_before: timedelta) -> bool:
    """True if a new checkpoint should be stamped at *now* for the sake of the time stamps among *anchors*.

    That is: the newest stamp of an authority ends within *renew_before*, and no stamp that covers it ends later. An
    authority may go on with its old certificate for a while: after a try the next is a day later, or half-way to the
    end where that is less. *anchors* come oldest first; memory does not grow with them.
    """
    newest = {anchor.name: anchor for anchor in anchors if anchor.method == TIMESTAMP}
    if not newest:
        return False
    tried = max(stamp.proved_at for stamp in newest.values())
    for stamp in newest.values():
        ends = stamp.valid_until
        if ends is None or not now <= ends <= now + renew_before:
            continue
        covered = any(
            other.size > stamp.seq and (other.valid_until is None or other.valid_until > ends)
            for other in newest.values()
        )
        if not covered and now - tried >= min(_TRIED_AGAIN, (ends - tried) / 2):
            return True
    return False
