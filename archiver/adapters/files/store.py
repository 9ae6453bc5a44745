"""The archive in a folder: write-once, fsync'd, read-only, and never by way of a link. See docs/adr/0003."""

from __future__ import annotations

import errno
import fcntl
import io
import itertools
import logging
import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Final, Self, cast

from archiver.adapters.files.durable import FOLDER_MODE, NO_LINKS, Disk, Tree, exists, split
from archiver.adapters.files.group import Placed, SmallDelivery, Waiting, place_together
from archiver.adapters.files.single_file import REMEDY, check_writable, is_empty, put_once
from archiver.adapters.files.stage import FolderStage
from archiver.adapters.files.staged_file import STAGE_MODE
from archiver.adapters.files.trouble import medium_error, reading, store_error, writing
from archiver.adapters.files.walk import open_regular
from archiver.adapters.owner import make_folders, missing_folders
from archiver.domain.limits import KIB, MIB
from archiver.domain.paths import KEYS_FOLDER, SET_ASIDE_FOLDER, STAGING_FOLDER, UNLISTED_FOLDER
from archiver.domain.records import StoredEntry
from archiver.errors import MediumError, StoreConflictError, StoreError
from archiver.store_ports import OpenFolder, Publication, Stage

_log = logging.getLogger(__name__)

_TOKEN = re.compile(r"[0-9a-f]{1,128}", re.ASCII)

_BUFFER_BYTES: Final = 64 * KIB
"""Larger reads go straight into the reader's own memory."""

_LONG_BYTES: Final = MIB
"""Files from this size on are read in long strides."""


class FolderStore:
    """``store_ports.Store`` over a folder. ``disk``: the system calls; a test puts in its own."""

    def __init__(self, root: Path, disk: Disk | None = None) -> None:
        """The archive at *root*, which may be a link. Raises StoreError where there is none."""
        self._root = root.absolute()
        self._disk = disk or Disk()
        self._tree = Tree(self._root, self._disk)
        self._waiting = Waiting(self._disk)
        with writing(str(self._root)):
            if not os.path.lexists(self._root):
                raise StoreError(f"{self._root}: the archive folder is not there", REMEDY)
            if not self._root.is_dir():
                raise StoreError(f"{self._root}: the archive is no folder", REMEDY)

    @classmethod
    def create(cls, root: Path) -> Self:
        """Makes what is missing of the archive at *root*, and the folders above it. Raises StoreError."""
        root = root.absolute()
        with writing(str(root)):
            missing = [] if os.path.lexists(root) else missing_folders(root)
            make_folders(missing, FOLDER_MODE)
            store = cls(root)
            for folder in reversed(missing):
                with Tree(folder.parent, store._disk).folder("") as above:
                    store._disk.fsync_folder(above)
            for name in (KEYS_FOLDER, SET_ASIDE_FOLDER, UNLISTED_FOLDER):
                with store._tree.made(name):
                    pass
            with store._tree.made(STAGING_FOLDER, STAGE_MODE):
                pass
        return store

    @property
    def url(self) -> str:
        return self._root.as_uri()

    def free_bytes(self) -> int:
        with writing(str(self._root)):
            facts = os.statvfs(self._root)
            return facts.f_bavail * facts.f_frsize

    def stage(self, token: str) -> FolderStage:
        if not _TOKEN.fullmatch(token):
            raise StoreError(f"{token!r} is no name for a stage: 1 to 128 hex digits are")
        check_writable(self._tree)
        return FolderStage(self._tree, token)

    def publish(self, publications: Sequence[Publication]) -> list[bool | StoreError]:
        small: dict[str, tuple[FolderStage, SmallDelivery]] = {}
        for one in publications:
            stage = _own(one.stage)
            delivery = stage.small(one.places, one.folder)
            if delivery is not None:
                small.setdefault(one.folder, (stage, delivery))
        placed = self._placed_together([delivery for _, delivery in small.values()])
        answers: dict[int, bool | StoreError] = {}
        for folder in placed.there:
            stage = small[folder][0]
            stage.is_placed()
            answers[id(stage)] = True
        for folder, error in placed.doubtful.items():  # it stands there whole, and the next pass finds it so
            answers[id(small[folder][0])] = store_error(self._tree.where(folder), error)
        return [answers[id(one.stage)] if id(one.stage) in answers else _publish_alone(one) for one in publications]

    def _placed_together(self, group: Sequence[SmallDelivery]) -> Placed:
        """Of *group*; where the disk fails none: each alone tells what is wrong."""
        if group:
            try:
                return place_together(self._tree, self._waiting, group)
            except OSError as error:
                _log.warning(
                    "%d deliveries could not be archived together: %s; each is tried alone", len(group), error
                )
        return Placed()

    @contextmanager
    def open(self, path: str, from_medium: bool) -> Iterator[BinaryIO]:
        where = self._tree.where(path)
        with self._reading(where):
            above, name = split(path)
            with self._tree.folder(above) as folder:
                medium = _opened(self._disk, folder, name, where, from_medium)
        with io.BufferedReader(medium, _BUFFER_BYTES) as file:
            yield cast("BinaryIO", file)

    @contextmanager
    def folder(self, path: str, from_medium: bool) -> Iterator[OpenFolder]:
        where = self._tree.where(path)
        with ExitStack() as stack:
            with self._reading(where):
                fd = stack.enter_context(self._tree.folder(path))
            yield _OpenFolder(self._disk, fd, where, from_medium)

    def size(self, path: str) -> int:
        """See ``package_ports.PackageSource``."""
        where = self._tree.where(path)
        with self._reading(where):
            above, name = split(path)
            with self._tree.folder(above) as folder:
                found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if not stat.S_ISREG(found.st_mode):
                raise FileNotFoundError(errno.ENOENT, "no regular file", where)
            return found.st_size

    @contextmanager
    def _reading(self, where: str) -> Iterator[None]:
        """An archive that holds nothing at all is a disk that is not mounted, not a thousand lost files."""
        try:
            with reading(where):
                yield
        except FileNotFoundError as error:
            if is_empty(self._tree):
                raise MediumError(f"{self._root}: the archive folder is empty or not there", REMEDY) from error
            raise

    def entries(self, folder: str) -> Sequence[StoredEntry]:
        try:
            with self._reading(self._tree.where(folder)), self._tree.folder(folder) as fd:
                return _listed(fd)
        except FileNotFoundError:
            return ()

    def put(self, path: str, data: bytes) -> None:
        check_writable(self._tree)
        put_once(self._tree, path, data)

    def replace_damaged(self, path: str, staged: Stage, name: str, aside: str) -> str | None:
        """A second name first, then one rename: *path* is never empty in between.

        Only folders, which can have no second name, are moved; a run that ends right then left the folder at
        *aside*, and the next call finds *path* free.
        """
        stage = _own(staged)
        check_writable(self._tree)
        with writing(self._tree.where(path)):
            kept = self._keep(path, aside)
            stage.put_over(name, path)
        return kept

    def _keep(self, path: str, aside: str) -> str | None:
        """Gives what stands at *path* the name *aside* (``…~2`` if taken); answers which, None for nothing."""
        above, name = split(path)
        with self._tree.made(above) as folder:
            if not exists(name, folder):
                return None
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            for number in itertools.count(1):
                kept = aside if number == 1 else f"{aside}~{number}"
                aside_above, aside_name = split(kept)
                with self._tree.made(aside_above) as keeping:
                    if not exists(aside_name, keeping):
                        self._keep_as(name, folder, aside_name, keeping, found)
                        self._disk.fsync_folder(keeping)
                        return kept
                    if os.path.samestat(os.stat(aside_name, dir_fd=keeping, follow_symlinks=False), found):
                        self._disk.fsync_folder(keeping)
                        return kept  # by an earlier call that came no further
        raise AssertionError("counting does not end")

    def _keep_as(self, name: str, folder: int, new_name: str, new_folder: int, found: os.stat_result) -> None:
        try:
            if not stat.S_ISDIR(found.st_mode):
                self._disk.link(name, folder, new_name, new_folder)
                return
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
        self._disk.rename(name, folder, new_name, new_folder)
        self._disk.fsync_folder(folder)


def _own(stage: Stage) -> FolderStage:
    if not isinstance(stage, FolderStage):
        raise TypeError("a stage of this store is needed")
    return stage


def _publish_alone(one: Publication) -> bool | StoreError:
    """Tries again where the folder appeared meanwhile, made for a delivery below it by another thread."""
    try:
        try:
            return one.stage.publish(one.places, one.folder)
        except StoreConflictError:
            return one.stage.publish(one.places, one.folder)
    except StoreError as error:
        return error


class _OpenFolder:
    """``store_ports.OpenFolder``: the folder *fd*, which is at *where*."""

    def __init__(self, disk: Disk, fd: int, where: str, from_medium: bool) -> None:
        self._disk = disk
        self._fd = fd
        self._where = where
        self._from_medium = from_medium

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """See ``store_ports.OpenFolder``."""
        where = f"{self._where}/{name}"
        with reading(where):
            split(name)
            medium = _opened(self._disk, self._fd, name, where, self._from_medium)
        with io.BufferedReader(medium, _BUFFER_BYTES) as file:
            yield cast("BinaryIO", file)

    def entries(self) -> Sequence[StoredEntry]:
        """See ``store_ports.OpenFolder``."""
        with reading(self._where):
            return _listed(self._fd)


def _opened(disk: Disk, folder: int, name: str, where: str, from_medium: bool) -> _MediumFile:
    fd = open_regular(name, folder)
    if fd is None:
        raise FileNotFoundError(errno.ENOENT, "no regular file", where)
    return _MediumFile(disk, fd, where, from_medium)


def _listed(folder: int) -> Sequence[StoredEntry]:
    with os.scandir(folder) as found:
        listed = [StoredEntry(entry.name, _kind(entry)) for entry in found]
    return sorted(listed, key=lambda entry: os.fsencode(entry.name))


class _MediumFile(io.RawIOBase):
    """A file of the archive being read: the medium's errors come out as MediumError.

    A long file is read from the medium past the page cache (``O_DIRECT``), which costs less than half the CPU time.
    Where the file system refuses that, or a buffer is not aligned as it demands, reading goes on through the cache,
    from which the pages were dropped.
    """

    def __init__(self, disk: Disk, fd: int, where: str, from_medium: bool) -> None:
        self._disk = disk
        self._fd = fd
        self._where = where
        self._from_medium = from_medium
        self._direct = False
        self._drop_pages()
        if os.fstat(fd).st_size >= _LONG_BYTES:
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)
            self._direct = from_medium and self._past_cache(True)

    def _past_cache(self, wanted: bool) -> bool:
        """Whether reading goes past the cache from now on."""
        flags = fcntl.fcntl(self._fd, fcntl.F_GETFL) & ~os.O_DIRECT
        try:
            fcntl.fcntl(self._fd, fcntl.F_SETFL, flags | os.O_DIRECT if wanted else flags)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            return False
        return wanted

    def _drop_pages(self) -> None:
        """Before reading, so that the medium is read; after it, so that an audit pushes out no one else's."""
        if self._from_medium:
            os.posix_fadvise(self._fd, 0, 0, os.POSIX_FADV_DONTNEED)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            if self._direct:
                try:
                    return self._disk.read_into(self._fd, buffer)
                except OSError as error:
                    if error.errno != errno.EINVAL:
                        raise
                    self._direct = self._past_cache(False)
            return self._disk.read_into(self._fd, buffer)
        except OSError as error:
            raise medium_error(self._where, error) from error

    def close(self) -> None:
        if not self.closed:
            super().close()
            try:
                self._drop_pages()
            finally:
                os.close(self._fd)


def _kind(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink():
        return "link"
    if entry.is_dir(follow_symlinks=False):
        return "folder"
    return "file" if entry.is_file(follow_symlinks=False) else "other"
