"""What lies in the log folder beyond the newest signed head: of a checkpoint that was begun and never signed.

Or of one that was signed, and that somebody took away: the files look the same. Its events are lost with the ledger.
Left there, its tiles would stand where those of the events that come next belong. They are kept, below ``set-aside``
in the archive.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from archiver.domain.log_records import StoredCheckpoint
from archiver.domain.paths import SET_ASIDE_FOLDER
from archiver.domain.times import format_time
from archiver.log.lines import LARGEST
from archiver.log.names import CHECKPOINT, UNFINISHED
from archiver.log.tiles import (
    INDEX,
    WIDTH,
    bundle,
    checkpoint_path,
    entries_path,
    number_of,
    size_of,
    tile_path,
    tiles,
)
from archiver.log_ports import PublishedLog
from archiver.store_ports import Store
from archiver.work.published_history import Head, PublishedHistory, head_at

_TILE: Final = re.compile(rf"tile/(entries|[0-9]{{1,2}})/({INDEX})(?:\.p/([0-9]{{1,3}}))?", re.ASCII)
_ANCHOR: Final = re.compile(rf"anchors/({INDEX})/[^/]+", re.ASCII | re.DOTALL)
_BODY: Final = re.compile(r"bodies/([0-9a-f]{64})\.json", re.ASCII)


@dataclass(frozen=True, slots=True)
class Beyond:
    """What lies beyond a head: ``events``, up to which tiles and entries go, 0 where none goes further than the head.

    ``heads``: sizes of larger ones that somebody vouched for. None of it is signed: anybody may have put it there.
    """

    events: int
    heads: frozenset[int]


def beyond(published: PublishedLog, size: int) -> Beyond:
    """What of the log folder is of a log with more than *size* leaves. Raises MediumError."""
    events, heads = 0, set[int]()
    for path in published.files():
        leaves = _leaves_up_to(path)
        events = max(events, leaves if leaves <= LARGEST else 0)
        heads.add(_vouched_for(path) or 0)
    return Beyond(events if events > size else 0, frozenset(one for one in heads if one > size))


def tidy(
    published: PublishedLog,
    store: Store,
    history: PublishedHistory,
    head: Head,
    stored: StoredCheckpoint,
    bodies: set[str],
    now: datetime,
) -> Sequence[str]:
    """Leaves the log folder as it was when *head* was published; answers what was set aside.

    *stored*: *head* as the ledger keeps it; *bodies*: digests of those that the log's leaves tell of. Repeating it is
    harmless. Raises StoreError, MediumError.
    """
    _complete(published, history, head)
    aside = [path for path in published.files() if _is_beyond(path, head.size, bodies)]
    note = stored.note.encode("utf-8")
    heads = [path for path in (checkpoint_path(head.size), CHECKPOINT) if not _tells(published, path, head)]
    aside += [path for path in heads if path not in aside and published.read(path) is not None]
    for path in aside:
        store.put(f"{SET_ASIDE_FOLDER}/log/{format_time(now)}/{path.lstrip('.')}", published.read(path) or b"")
        if path not in heads:
            published.remove(path)
    for path in heads:
        published.replace(path, note)
    return aside


def _tells(published: PublishedLog, path: str, head: Head) -> bool:
    """True if *head* is what lies at *path*."""
    found = head_at(published, path)
    return isinstance(found, Head) and found.note.text == head.note.text


def _complete(published: PublishedLog, history: PublishedHistory, head: Head) -> None:
    """Puts the partial tiles of *head* back that wider ones, which are to go, have replaced."""
    for tile in tiles(head.size):
        if tile.width == WIDTH:
            continue
        path = tile_path(tile.level, tile.index, tile.width)
        if published.read(path) is None:
            published.put(path, history.hashes(tile.level, tile.index, tile.width))
        path = entries_path(tile.index, tile.width)
        if tile.level == 0 and published.read(path) is None:
            published.put(path, bundle(history.entries(tile.index, tile.width)))


def _is_beyond(path: str, size: int, bodies: set[str]) -> bool:
    """True for what the head of *size* leaves, and those before it, cannot have published."""
    if path == UNFINISHED:
        return True
    if body := _BODY.fullmatch(path):
        return body[1] not in bodies
    of_head = size_of(path) or _vouched_for(path)
    if of_head is not None:
        return of_head > size
    return _leaves_up_to(path) > size


def _vouched_for(path: str) -> int | None:
    """The leaves of the head that the proof at *path* vouches for, None for what is no proof."""
    anchor = _ANCHOR.fullmatch(path)
    return number_of(anchor[1]) if anchor else None


def _leaves_up_to(path: str) -> int:
    """Leaves that a log must have for the tile or bundle at *path*, 0 for what is none."""
    tile = _TILE.fullmatch(path)
    index = number_of(tile[2]) if tile else None
    if tile is None or index is None:
        return 0
    level = 0 if tile[1] == "entries" else int(tile[1])
    return int((index * WIDTH + int(tile[3] or WIDTH)) * WIDTH**level)
