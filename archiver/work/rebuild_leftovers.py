"""What lies in the log folder beyond the newest signed head: of a checkpoint that was begun and never signed.

Its events are lost with the ledger. Left there, its tiles would stand where those of the events that come next
belong. They are kept, below ``set-aside`` in the archive.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from archiver.domain.log_records import StoredCheckpoint
from archiver.domain.paths import SET_ASIDE_FOLDER
from archiver.domain.times import format_time
from archiver.log.tiles import WIDTH, bundle, checkpoint_path, entries_path, tile_path, tiles
from archiver.log_ports import PublishedLog
from archiver.ports import Store
from archiver.work.published_history import NEWEST, Head, PublishedHistory, head_at

UNFINISHED: Final = ".unfinished"

_INDEX: Final = r"((?:x[0-9]{3}/)*[0-9]{3})"
_TILE: Final = re.compile(rf"tile/(entries|[0-9]{{1,2}})/{_INDEX}(?:\.p/([0-9]{{1,3}}))?", re.ASCII)
_OF_A_HEAD: Final = re.compile(rf"(?:checkpoints/{_INDEX}|anchors/{_INDEX}/.*)", re.ASCII | re.DOTALL)
_BODY: Final = re.compile(r"bodies/([0-9a-f]{64})\.json", re.ASCII)


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
    heads = [path for path in (checkpoint_path(head.size), NEWEST) if not _tells(published, path, head)]
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
    if of_head := _OF_A_HEAD.fullmatch(path):
        return _number(of_head[1] or of_head[2]) > size
    tile = _TILE.fullmatch(path)
    return tile is not None and _hashes_up_to(*tile.groups()) > size // WIDTH ** _level(tile[1])


def _level(name: str) -> int:
    return 0 if name == "entries" else int(name)


def _hashes_up_to(_name: str, index: str, width: str | None) -> int:
    return _number(index) * WIDTH + int(width or WIDTH)


def _number(index: str) -> int:
    return int(index.replace("x", "").replace("/", ""))
