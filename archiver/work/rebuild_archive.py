"""The archive's folders held against a log: evidence that is gone, and folders that no event tells of.

With them the accounts that CloudTrail gave of queries, each a file of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from itertools import chain

from archiver.domain.custody import Entry, EvidenceAcquired
from archiver.domain.custody_facts import QueryDescribed
from archiver.domain.paths import DESCRIBED_FOLDER, RESERVED_NAMES, UNLISTED_FOLDER
from archiver.errors import MediumError
from archiver.store_ports import Store


class Folders:
    """Takes stock of the archive once, then takes every event. About 100 bytes of memory a folder."""

    def __init__(self, store: Store, step: Callable[[], None]) -> None:
        """*step* is called for each folder, and may raise to end it all."""
        self._store = store
        self._step = step
        self._there: set[bytes] = set()
        self._known: set[bytes] = set()
        self.missing: list[tuple[str, str]] = []

    def list(self, tell: Callable[[str], None]) -> bool:
        """Lists the archive; False, and *tell* hears why, where that is not possible."""
        try:
            self._there.update(_digest(folder) for folder in self._holding_files())
            self._there.update(_digest(file) for file in self._descriptions())
        except MediumError as error:
            tell(f"the archive cannot be listed, so that its folders were not held against the log: {error}")
            return False
        return True

    def take(self, entry: Entry) -> None:
        """Notes what *entry* says of the archive."""
        if isinstance(entry, QueryDescribed) and entry.path is not None:
            self._known.add(_digest(entry.path))
            if _digest(entry.path) not in self._there:
                self.missing.append((entry.id, entry.path))
        if not isinstance(entry, EvidenceAcquired):
            return
        item = entry.evidence
        folders = {file.path.rpartition("/")[0] for file in item.files} | {item.path}
        self._known.update(map(_digest, folders))
        held = {file.path.rpartition("/")[0] for file in item.files}
        if any(_digest(folder) not in self._there for folder in held):
            self.missing.append((item.id, item.path))

    def unknown(self) -> Iterator[str]:
        """Folders that hold files and that no event tells of: fetched, and the event lost with the ledger.

        Files too, of those that hold CloudTrail's accounts.
        """
        if self._there <= self._known:
            return
        for place in chain(self._holding_files(), self._descriptions()):
            digest = _digest(place)
            if digest in self._there and digest not in self._known:
                yield place

    def _descriptions(self) -> Iterator[str]:
        for entry in self._store.entries(DESCRIBED_FOLDER):
            self._step()
            yield f"{DESCRIBED_FOLDER}/{entry.name}"

    def _holding_files(self) -> Iterator[str]:
        """Folders of deliveries, the unlisted ones' too, that hold anything but folders."""
        tops = [entry.name for entry in self._store.entries("") if entry.kind == "folder"]
        waiting = [name for name in reversed(tops) if name not in RESERVED_NAMES and not name.startswith(".")]
        waiting += [UNLISTED_FOLDER] * (UNLISTED_FOLDER in tops)
        while waiting:
            self._step()
            folder = waiting.pop()
            entries = self._store.entries(folder)
            if any(entry.kind != "folder" for entry in entries):
                yield folder
            waiting += [f"{folder}/{entry.name}" for entry in reversed(entries) if entry.kind == "folder"]


def _digest(folder: str) -> bytes:
    return hashlib.blake2b(folder.encode("utf-8", "surrogateescape"), digest_size=16).digest()
