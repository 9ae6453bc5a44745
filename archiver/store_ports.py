"""The archive, as the use cases in ``work`` ask for it. Each docstring is the contract, as in ``ports``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from archiver.domain.records import StoredEntry
from archiver.errors import StoreError


class StagedFile(Protocol):
    """A file on its way in. ``size`` is how many bytes are there already: resume from that offset."""

    @property
    def size(self) -> int: ...

    def read_back(self) -> Iterator[bytes]:
        """The bytes that are there already, for hashing before more are appended."""
        ...

    def append(self, chunk: bytes) -> None:
        """Raises StoreFullError, StoreError."""
        ...

    def close(self) -> None:
        """Ends writing; what was appended stays for a later resume."""
        ...


class Stage(Protocol):
    """A private folder in which one delivery is put together. It survives a crash and is found again."""

    def file(self, name: str, pin: str | None) -> AbstractContextManager[StagedFile]:
        """The file *name* (any string). Bytes from an earlier run are kept if they bear the same *pin*.

        *pin* names the exact version that is being fetched (key, ETag, version ID); with another one the
        file starts empty. None: it starts empty, and no later run will ask for it.
        """
        ...

    def publish(self, places: Mapping[str, str], folder: str) -> bool:
        """Moves staged files to their *places* (staged name -> archive path); *folder* is the delivery's.

        When this returns, every byte and every folder entry is on disk (fsync), files are read-only, and the
        delivery appears in *folder* as a whole: unlisted files first, then *folder* in one rename. True if it
        is there now, also where an earlier run had put the very same bytes there; False where *folder* exists
        with anything else, or other bytes at a place outside of it: nothing was moved, choose another. Raises
        StoreFullError, StoreError, StoreConflictError where a link or a file is in the way of a folder.
        """
        ...

    def discard(self) -> None:
        """Removes the stage and what is in it. Only for bytes that are in the archive, or are no evidence."""
        ...


@dataclass(frozen=True, slots=True)
class Publication:
    """What :meth:`Stage.publish` is called with."""

    stage: Stage
    places: Mapping[str, str]
    folder: str


class OpenFolder(Protocol):
    """A folder of the archive that stays the same one, whatever its path leads to meanwhile. For one thread."""

    def open(self, name: str) -> AbstractContextManager[BinaryIO]:
        """The file *name* in it, as by :meth:`Store.open`."""
        ...

    def entries(self) -> Sequence[StoredEntry]:
        """What lies in it, as by :meth:`Store.entries`."""
        ...


class Store(Protocol):
    """The archive: write-once. Paths are relative to its root, with ``/``. Safe from several threads."""

    @property
    def url(self) -> str: ...

    def free_bytes(self) -> int:
        """Bytes that can still be written. Raises StoreError."""
        ...

    def stage(self, token: str) -> Stage:
        """The stage called *token* (hex), new or as an earlier run left it."""
        ...

    def publish(self, publications: Sequence[Publication]) -> Sequence[bool | StoreError]:
        """:meth:`Stage.publish` of each, with what it answers or raises; several wait for the disk together."""
        ...

    def open(self, path: str, from_medium: bool) -> AbstractContextManager[BinaryIO]:
        """The file at *path* for reading, ``readinto`` too; *from_medium*: past the page cache, or dropped first.

        Raises FileNotFoundError where nothing is there or no regular file (a link is never followed),
        MediumError for everything else, while reading too.
        """
        ...

    def folder(self, path: str, from_medium: bool) -> AbstractContextManager[OpenFolder]:
        """The folder at *path*, to open its files without walking there anew. Raises on entering, as :meth:`open`."""
        ...

    def entries(self, folder: str) -> Sequence[StoredEntry]:
        """What lies in *folder*, sorted by name; nothing for a folder that is not there. Raises MediumError."""
        ...

    def put(self, path: str, data: bytes) -> None:
        """Writes a small file, fsync'd. The same bytes again are fine; raises StoreConflictError for others."""
        ...

    def replace_damaged(self, path: str, staged: Stage, name: str, aside: str) -> str | None:
        """Puts staged file *name* at *path*; whatever stood there is first kept at *aside*.

        Answers where it was kept, None where nothing stood at *path*. fsync'd, atomic. Raises StoreError.
        """
        ...
