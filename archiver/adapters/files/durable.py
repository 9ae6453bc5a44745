"""Writing that lasts: the system calls that change a disk, and folders whose entries are known to be on it."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from archiver.adapters.files.file_system import is_synced_whole, syncfs
from archiver.adapters.files.walk import FOLDER_FLAGS, opened_folder, segments
from archiver.adapters.owner import hand_over

FOLDER_MODE: Final = 0o755
FILE_MODE: Final = 0o644
"""Before the umask; what may be written is taken away once a file is complete (:meth:`Disk.seal`)."""

READ_ONLY: Final = 0o444

_SETTLED_MOST: Final = 50_000
"""Folders that are remembered as settled; beyond that some are fsync'd once more, which costs time only."""

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
"""What a file system answers that has no hard links, or has none to give for this file."""


class Disk:
    """Every call that changes the disk, and reading. A test puts its own in to make one fail, or be the last.

    Names are single components relative to an open folder. All raise OSError.
    """

    def write(self, fd: int, data: memoryview) -> int:
        """Writes some of *data*; answers how many bytes."""
        return os.write(fd, data)

    def read_into(self, fd: int, buffer: memoryview) -> int:
        """Reads on; 0 at the end."""
        return os.readv(fd, [buffer])

    def truncate(self, fd: int, size: int) -> None:
        os.ftruncate(fd, size)

    def chmod(self, fd: int, mode: int) -> None:
        os.fchmod(fd, mode)

    def fsync(self, fd: int) -> None:
        os.fsync(fd)

    def fsync_folder(self, fd: int) -> None:
        """Some network file systems know no fsync of folders and say EINVAL: then there is nothing to wait for."""
        try:
            os.fsync(fd)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise

    def is_synced_whole(self, fd: int) -> bool:
        """True where :meth:`sync_file_system` is as good as an fsync of each file."""
        return is_synced_whole(fd)

    def sync_file_system(self, fd: int) -> None:
        """Brings everything on the file system of *fd* to the disk."""
        syncfs(fd)

    def mkdir(self, name: str, folder: int, mode: int = FOLDER_MODE) -> None:
        os.mkdir(name, mode, dir_fd=folder)

    def rename(self, name: str, folder: int, new_name: str, new_folder: int) -> None:
        os.rename(name, new_name, src_dir_fd=folder, dst_dir_fd=new_folder)

    def link(self, name: str, folder: int, new_name: str, new_folder: int) -> None:
        os.link(name, new_name, src_dir_fd=folder, dst_dir_fd=new_folder, follow_symlinks=False)

    def unlink(self, name: str, folder: int) -> None:
        os.unlink(name, dir_fd=folder)

    def rmdir(self, name: str, folder: int) -> None:
        os.rmdir(name, dir_fd=folder)

    def remove_tree(self, name: str, folder: int) -> None:
        """Removes the folder *name* with all that is in it; fine where it is not there. Follows no link."""
        with suppress(FileNotFoundError):
            shutil.rmtree(name, dir_fd=folder)

    def boot_id(self) -> str:
        """Another one after each start of the machine; "" where the system does not tell."""
        try:
            return _BOOT_ID.read_text("ascii").strip()
        except OSError:
            return ""

    def seal(self, fd: int) -> None:
        """Makes an open file read-only and brings it to the disk, bytes and mode."""
        self.chmod(fd, os.fstat(fd).st_mode & READ_ONLY)
        self.fsync(fd)

    def write_all(self, fd: int, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self.write(fd, rest) :]

    def move_new(self, name: str, folder: int, new_name: str, new_folder: int) -> None:
        """Moves a file to a name that is free. Raises FileExistsError where it is not.

        By link and unlink, for a rename would replace what is there. Where the file system has no hard links:
        by looking first, under the lock that keeps other processes from the same delivery.
        """
        try:
            self.link(name, folder, new_name, new_folder)
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            if exists(new_name, new_folder):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new_name) from error
            self.rename(name, folder, new_name, new_folder)
        else:
            self.unlink(name, folder)


def exists(name: str, folder: int) -> bool:
    """True where anything is called *name* in *folder*, a dangling link too."""
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def split(path: str) -> tuple[str, str]:
    """The folder and the name of *path*. Raises FileNotFoundError for what cannot be a path (``segments``)."""
    parts = segments(path)
    if not parts:
        raise FileNotFoundError(errno.ENOENT, "no path inside this folder", path)
    return "/".join(parts[:-1]), parts[-1]


class Tree:
    """The folders below one root. Safe from several threads. Methods raise OSError.

    ``placing``: held while a folder gets its name in the archive.
    """

    def __init__(self, root: Path, disk: Disk) -> None:
        self.root = root
        self.disk = disk
        self._settled: set[tuple[str, ...]] = set()
        self._lock = threading.Lock()
        self.placing = threading.Lock()
        self._drafts = itertools.count()

    def first_draft(self) -> bool:
        """True for the first one who asks: what killed runs left is looked for once in a process."""
        return next(self._drafts) == 0

    def where(self, path: str) -> str:
        """*path* in full, for messages."""
        return f"{self.root}/{path}" if path else str(self.root)

    @contextmanager
    def folder(self, path: str) -> Iterator[int]:
        """The folder at *path*, "" for the root; never through a link."""
        with opened_folder(self.root, segments(path)) as fd:
            yield fd

    @contextmanager
    def made(self, path: str, mode: int = FOLDER_MODE, lasting: bool = True) -> Iterator[int]:
        """The folder at *path*, made with those above it where they are missing.

        *lasting*: their entries are on the disk. A folder that is there may be a killed run's, not fsync'd
        yet, so each is settled once in a process.
        """
        parts = segments(path)
        fd = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for depth in range(1, len(parts) + 1):
                below = self._enter(fd, parts[:depth], mode, lasting)
                os.close(fd)
                fd = below
            yield fd
        finally:
            os.close(fd)

    def _enter(self, above: int, parts: tuple[str, ...], mode: int, lasting: bool) -> int:
        try:
            fd = os.open(parts[-1], FOLDER_FLAGS, dir_fd=above)
        except FileNotFoundError:
            made = False
            with suppress(FileExistsError):  # another thread was faster
                self.disk.mkdir(parts[-1], above, mode)
                made = True
            with self._lock:
                self._settled.discard(parts)
            fd = os.open(parts[-1], FOLDER_FLAGS, dir_fd=above)
            if made:
                self._hand_over(fd)
        try:
            if lasting:
                self._settle(above, parts)
        except OSError:
            os.close(fd)
            raise
        return fd

    def _hand_over(self, fd: int) -> None:
        try:
            hand_over(fd, self.root)
        except OSError:
            os.close(fd)
            raise

    def _settle(self, above: int, parts: tuple[str, ...]) -> None:
        with self._lock:
            if parts in self._settled:
                return
        self.disk.fsync_folder(above)
        with self._lock:
            if len(self._settled) >= _SETTLED_MOST:
                self._settled.clear()
            self._settled.add(parts)
