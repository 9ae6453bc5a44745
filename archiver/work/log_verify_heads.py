"""The signed heads, for ``ledger verify``: each against its signatures, its announcement, and the recomputed tree."""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from archiver.domain.custody_log import CheckpointBegun
from archiver.domain.text import printable
from archiver.log.checkpoint import Checkpoint
from archiver.log.note import Note
from archiver.log.tiles import checkpoint_path
from archiver.log.tree import EMPTY_ROOT
from archiver.work.log_verify_keys import LogKeys
from archiver.work.log_verify_report import Findings
from archiver.work.log_verify_rows import TABLE, Heads, read
from archiver.work.log_verify_tree import RootAt
from archiver.work.log_verify_unfinished import Unfinished

_MARK: Final = f'"kind":"{CheckpointBegun.kind}"'.encode("ascii")


@dataclass(frozen=True, slots=True)
class _Announced:
    """What a ``checkpoint_begun`` says of the head before: its size, its root in hex."""

    size: int
    root: str


@dataclass(frozen=True, slots=True)
class _Place:
    """A head as it stands somewhere. ``head``: what it is where it is good, ``wrong``: why it is not."""

    where: str
    data: bytes
    head: Checkpoint | None
    wrong: str


class HeadCheck:
    """Watches the tree as it is walked. ``unfinished``: the checkpoint that a run began and did not end, if one did.

    ``newest``: the largest head that is good, and ``newest_data``, its bytes; ``vanished``: size of the last one that
    was announced and is nowhere.
    """

    def __init__(self, heads: Heads, keys: LogKeys, unfinished: Unfinished | None, findings: Findings) -> None:
        self.checked = 0
        self.newest: Checkpoint | None = None
        self.newest_data = b""
        self.vanished = -1
        self._heads = heads
        self._keys = keys
        self._unfinished = unfinished
        self._findings = findings
        self.announced: array[int] = array("q")
        self._announced: dict[int, _Announced | None] = {}
        self._chain: list[tuple[int, bytes | None]] = [(0, EMPTY_ROOT)]
        self._covered = 0
        self._consistent = 0
        self._parted = 0
        self._rewriting_told = False
        self._open: list[tuple[int, str]] = []

    # ------------------------------------------------------------------------- while the tree grows

    def leaves(self, first: int, leaves: Sequence[bytes | None], joined: bytes) -> None:
        """Takes note of the announcements among *leaves*."""
        if None in leaves:
            lost = [n for n, leaf in enumerate(leaves, first) if leaf is None]
            self._announced.update((n + 1, None) for n in lost)  # whatever it was: nothing can be said of it
        if _MARK in joined:
            for n, leaf in enumerate(leaves):
                if leaf is not None and _MARK in leaf:
                    said = _announcement(leaf)
                    if said is not None:
                        self._announced[first + n + 1] = said

    def judge(self, first: int, last: int, root_at: RootAt, rewritten: int | None) -> None:
        """Judges every head of *first* to *last* leaves."""
        sizes = self._heads.sizes
        there = sizes[bisect_left(sizes, first) : bisect_right(sizes, last)]
        said = [size for size, what in self._announced.items() if first <= size <= last and what is not None]
        for size in sorted({*there, *said}):
            self._judge(size, root_at(size), rewritten)
        for size in [size for size in self._announced if size <= last]:
            del self._announced[size]

    def _judge(self, size: int, root: bytes | None, rewritten: int | None) -> None:
        unknown = size in self._announced and self._announced[size] is None
        said = self._announced.get(size)
        places = self._places(size)
        good = [place for place in places if place.head is not None]
        self.checked += bool(places)
        kind = "checkpoint_altered" if good or said or unknown or len(places) > 1 else "checkpoint_added"
        for place in places:
            if place.head is None:
                self._add(kind, f"the checkpoint of {size} leaves in {place.where}: {place.wrong}", size, place.where)
        if good:
            self._good(size, good, root)
            if not said and not unknown:
                self._add(
                    "checkpoint_added", f"no event announces the checkpoint of {size} leaves", size, good[0].where
                )
            if rewritten is not None and rewritten < size and not self._rewriting_told:
                self._rewriting_told = True
                detail = f"the ledger's own tree parts from the checkpoint of {size} leaves at event {rewritten}"
                self._findings.add("checkpoint_inconsistent", detail, rewritten, TABLE)
        self._missing(size, places, said is not None or bool(good))
        if said:
            self.announced.append(size)
            self._check_chain(size, said)
        if said or good:
            self._chain = [self._chain[-1], (size, None if self._parted else root)]
            self._covered = size

    def _places(self, size: int) -> list[_Place]:
        """Where the head of *size* leaves stands, each told good from bad."""
        path = checkpoint_path(size)
        row, file = self._heads.row(size), self._heads.file(path)
        found = [] if row is None else [(TABLE, row.encode("utf-8", "replace"))]
        if file is not None:
            found.append((path, file))
        return [_Place(where, data, *self._head(data, size)) for where, data in found]

    def _head(self, data: bytes, size: int) -> tuple[Checkpoint | None, str]:
        head = read(data, size)
        if isinstance(head, str):
            return None, head
        wrong = self._keys.complaint(head[1], size, self._covered) or self._wrong_origin(head)
        return (head[0], "") if wrong is None else (None, wrong)

    def _wrong_origin(self, head: tuple[Checkpoint, Note]) -> str | None:
        key = self._keys.signer(head[1])
        if key is not None and key.name != head[0].origin:
            return f"its origin is {printable(head[0].origin, 100)!r}, and the log is {printable(key.name, 100)!r}"
        return None

    def _good(self, size: int, good: Sequence[_Place], root: bytes | None) -> None:
        """Heads that are well signed: do they fit the tree, and each other?"""
        wrong = [place for place in good if root is not None and place.head is not None and place.head.root != root]
        if len(wrong) < len(good):
            self._close_parting()
            self._consistent = size
            right = next(place for place in good if place not in wrong)
            self.newest, self.newest_data = right.head, right.data
            for place in wrong:
                self._add(
                    "checkpoint_inconsistent", self._parting(size, place.where), self._consistent + 1, place.where
                )
            if not wrong and good[0].data != good[-1].data:
                detail = f"the checkpoint of {size} leaves is another file than the row in {TABLE}"
                self._add("checkpoint_altered", detail, size, good[-1].where)
            return
        if not self._parted:
            self._add(
                "checkpoint_inconsistent", self._parting(size, good[0].where), self._consistent + 1, good[0].where
            )
        self._open.append((size, good[0].where))
        self._parted += 1

    def _parting(self, size: int, where: str) -> str:
        return (
            f"the tree does not lead to the signed checkpoint of {size} leaves in {where}: "
            f"they part at event {self._consistent} or later"
        )

    def _close_parting(self) -> None:
        """The heads after the first one that the tree does not lead to, in one line."""
        if self._parted > 1:
            size, where = self._open[-1]
            detail = f"nor to the {self._parted - 1} checkpoints after it, up to that of {size} leaves"
            self._add("checkpoint_inconsistent", detail, self._consistent + 1, where)
        self._parted = 0
        self._open.clear()

    def _missing(self, size: int, places: Sequence[_Place], there: bool) -> None:
        """Tells where the head of *size* leaves should stand, and does not."""
        if not there:
            return
        held = {place.where for place in places}
        last = self._unfinished is not None and self._unfinished.excuses(size)
        last = last and not any(larger > size for larger in self._heads.sizes[-1:])
        path = checkpoint_path(size)
        if not held and not last and not self._is_abandoned(size):
            self.vanished = size
            detail = f"the checkpoint of {size} leaves was announced, and is nowhere"
            self._add("checkpoint_missing", detail, size, path)
        elif held and TABLE not in held and self._heads.by_table and size not in self._heads.unread:
            self._add("checkpoint_missing", f"{TABLE} has no row for the checkpoint of {size} leaves", size, TABLE)
        elif held and path not in held and self._is_published(path) and not last:
            self._add("checkpoint_missing", f"{path}, the checkpoint of {size} leaves, is not there", size, path)

    def _is_published(self, path: str) -> bool:
        """True where a file at *path* could be seen, if it was there."""
        return self._heads.published is not None and path not in self._heads.troubled

    def _is_abandoned(self, size: int) -> bool:
        """True where the key was lost before the head was signed: the next one covers a key that is unvouched."""
        sizes = self._heads.sizes
        following = sizes[bisect_right(sizes, size) :][:1]
        lost = [key for key in self._keys.keys[1:] if not key.vouched and key.seq >= size]
        return any(key.seq < upto for key in lost for upto in following)

    def _check_chain(self, size: int, said: _Announced) -> None:
        """Does the announcement name the head before? An unfinished one may lie between."""
        known = dict(self._chain)
        if said.size not in known:
            detail = (
                f"the checkpoint of {size} leaves was announced as the one after that of {said.size} leaves, "
                f"and the one before is of {self._chain[-1][0]}"
            )
            self._findings.add("checkpoint_inconsistent", detail, size - 1)
        elif (before := known[said.size]) is not None and before.hex() != said.root:
            detail = (
                f"the checkpoint of {size} leaves was announced as following another one of {said.size} leaves "
                "than the tree leads to"
            )
            self._findings.add("checkpoint_inconsistent", detail, size - 1)

    def _add(self, kind: str, detail: str, size: int, where: str) -> None:
        self._findings.add(kind, detail, size - 1, where)

    # ----------------------------------------------------------------------------- once it is walked

    def finish(self, walked: int) -> None:
        """Judges what lies behind the ledger's *walked* events."""
        self._close_parting()
        sizes = self._heads.sizes
        behind: list[tuple[int, str]] = []
        for size in sizes[bisect_right(sizes, walked) :]:
            for place in self._places(size):
                if place.head is not None:
                    behind.append((size, place.where))
                    self.newest, self.newest_data = place.head, place.data
                else:
                    detail = f"the checkpoint of {size} leaves in {place.where}: {place.wrong}"
                    self._add("checkpoint_added", detail, size, place.where)
        if behind:
            size, where = behind[-1]
            detail = f"the ledger has {walked} events, and the signed checkpoint in {where} is of {size} leaves"
            self._findings.add("ledger_behind", detail, walked, where)


def _announcement(leaf: bytes) -> _Announced | None:
    """What *leaf* announces, None where it is no ``checkpoint_begun``."""
    try:
        said: Any = json.loads(leaf)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or said.get("kind") != CheckpointBegun.kind:
        return None
    size = said.get("previous_size")
    return _Announced(size if type(size) is int else -1, str(said.get("previous_root")))
