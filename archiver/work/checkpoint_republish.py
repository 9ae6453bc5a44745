"""The log's files, published anew from the ledger: what is missing comes back, what differs is named and stays."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from archiver.domain.log_records import StoredCheckpoint
from archiver.errors import MediumError, StoreError
from archiver.log.growth import LogFile
from archiver.log.leaf import leaf_of
from archiver.log.names import VKEYS
from archiver.log.tiles import INDEX, WIDTH, Tile, bundle, checkpoint_path, nodes_of, number_of
from archiver.log.tree import EMPTY_ROOT
from archiver.log_ports import CustodyLog, PublishedLog
from archiver.ports import ShouldStop
from archiver.work.checkpoint_files import grow, is_older_list, vkeys_file
from archiver.work.checkpoint_heads import hashes_of

_PARTIAL: Final = re.compile(rf"tile/(entries|[0-9])/({INDEX})\.p/([1-9][0-9]{{0,2}})", re.ASCII)
_OTHER: Final = "other bytes than the ledger's"


@dataclass(frozen=True, slots=True)
class Differing:
    """A file of the log that is not as the ledger has it. ``path``: below the log's folder; ``detail``: in words."""

    path: str
    detail: str


@dataclass(frozen=True, slots=True)
class Republished:
    """What came of it. ``restored``: files that were put back; ``differing``: those that were left as they are.

    ``made``: the head that was finished or made then, None where nothing called for it, or where anything differs.
    """

    restored: int
    differing: tuple[Differing, ...]
    made: StoredCheckpoint | None = None


@dataclass
class Republisher:
    """One pass over the log's files."""

    log: CustodyLog
    published: PublishedLog
    should_stop: ShouldStop
    restored: int = 0
    differing: list[Differing] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)

    def run(self, size: int) -> None:
        """All that belongs to the head of *size* leaves, and those before it, but for the newest head itself.

        Raises LogForkedError where the ledger contradicts itself, StoreError, LedgerError, StoppedError.
        """
        grow(self.log, self._take, 0, EMPTY_ROOT, size, self.should_stop)
        for stored in self.log.checkpoints():
            self._put(checkpoint_path(stored.size), stored.note.encode("utf-8"))
        self._keys()
        self._older_partials(size)
        self._anchors()

    def _take(self, file: LogFile) -> None:
        self._put(file.path, file.data)

    def _put(self, path: str, data: bytes) -> None:
        self._seen.add(path)
        there, trouble = self._read(path)
        if trouble:
            self.differing.append(Differing(path, trouble))
        elif there is None:
            self.published.put(path, data)
            self.restored += 1
        elif there != data:
            self.differing.append(Differing(path, _OTHER))

    def _read(self, path: str) -> tuple[bytes | None, str]:
        """What lies at *path*, and why it cannot be read."""
        try:
            return self.published.read(path), ""
        except (MediumError, StoreError) as error:
            return None, str(error)

    def _keys(self) -> None:
        """An older list is brought up to date: a log's keys only become more."""
        adopted = self.log.keys()
        wanted = vkeys_file([key.key for key in adopted])
        there, _ = self._read(VKEYS)
        if there is not None and there != wanted and is_older_list(there, wanted):
            self.published.replace(VKEYS, wanted)
            self.restored += 1
        else:
            self._put(VKEYS, wanted)

    def _older_partials(self, size: int) -> None:
        """Partial tiles of earlier heads that still lie there: nobody needs them; none may tell another history."""
        try:
            paths = list(self.published.files("tile"))
        except MediumError as error:
            self.differing.append(Differing("tile", str(error)))
            return
        for path in paths:
            found = _PARTIAL.fullmatch(path) if path not in self._seen else None
            index = number_of(found[2]) if found else None
            if found is None or index is None:
                continue
            tile = Tile(0 if found[1] == "entries" else int(found[1]), index, int(found[3]))
            if tile.width < WIDTH and (index * WIDTH + tile.width) * WIDTH**tile.level <= size:
                there, trouble = self._read(path)
                if trouble or there != self._bytes_of(tile, entries=found[1] == "entries"):
                    self.differing.append(Differing(path, trouble or _OTHER))

    def _bytes_of(self, tile: Tile, *, entries: bool) -> bytes:
        if entries:
            first = tile.index * WIDTH
            return bundle(leaf_of(one.body or b"") for one in self.log.entries(first, first + tile.width))
        hashes = hashes_of(self.log)(nodes_of(tile))
        return b"".join(hashes[node] for node in nodes_of(tile))

    def _anchors(self) -> None:
        """Proofs are not in the ledger, and their SHA-256 are."""
        for anchor in self.log.anchors():
            there, trouble = self._read(anchor.path)
            if trouble or (there is not None and hashlib.sha256(there).hexdigest() != anchor.sha256):
                self.differing.append(Differing(anchor.path, trouble or "not the proof that was recorded"))


def names_of(differing: Sequence[Differing]) -> Iterator[str]:
    """Each in one line."""
    return (f"{one.path}: {one.detail}" for one in differing)
