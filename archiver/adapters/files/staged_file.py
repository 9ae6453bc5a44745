"""One file on its way into the archive: appended to, resumed after a crash, never trusted further than it lasts.

Which bytes of an earlier run may be kept? After a killed process all of them: they are in the page cache. After
the machine went down only those before the last fsync: what lies behind may be zeros or anything, and for a
file that no sign file vouches for nobody could tell. So a long file is fsync'd every :data:`SYNC_BYTES` and
marked with the size that is safe; a stage of an earlier boot is cut back to its marks.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from archiver.adapters.files.durable import FILE_MODE, Disk, Tree
from archiver.adapters.files.trouble import medium_error, writing
from archiver.adapters.files.walk import open_regular
from archiver.adapters.owner import open_or_make
from archiver.domain.limits import CHUNK_BYTES, MIB

SYNC_BYTES: Final = 256 * MIB
"""How much of a file a power failure can cost at most; smaller files are fsync'd once, when published."""

_BEGUN_BYTES: Final = 16 * MIB
"""How much is appended before the disk is made to begin with it, so that the fsync at the end finds little to do."""

STAGE_MODE: Final = 0o700
"""Of staging folders: what is in them is not archived yet and nobody else's business."""


class Slots:
    """The files of one stage, under names made of hashes: any staged name and any pin is fine.

    The pin is part of the file's name, so bytes and pin cannot come apart: a file begun with another pin is
    another file. Methods raise OSError; several threads may work on different names.
    """

    def __init__(self, tree: Tree, stage: str) -> None:
        self._tree = tree
        self._disk = tree.disk
        self.folder = f"{stage}/files"
        self._marks = f"{stage}/synced"
        self._slots: dict[str, set[str]] = {}
        with tree.made(self.folder, STAGE_MODE, lasting=False) as files:
            for slot in os.listdir(files):
                self._slots.setdefault(slot.partition("-")[0], set()).add(slot)

    @staticmethod
    def slot(name: str, pin: str) -> str:
        """The file name for *name* as begun with *pin*."""
        return f"{_hashed(name)}-{_hashed(pin)}"

    def find(self, name: str) -> str | None:
        """The slot of staged file *name*, None where there is none."""
        return min(self._slots.get(_hashed(name), ()), default=None)

    def open(self, name: str, pin: str) -> int:
        """The file *name* for appending and reading; what was begun with another pin is gone."""
        wanted = self.slot(name, pin)
        for other in self._slots.get(_hashed(name), set()) - {wanted}:
            self.forget(other)
        with self._tree.made(self.folder, STAGE_MODE, lasting=False) as files:
            self._make_writable(wanted, files)
            fd = open_or_make(wanted, os.O_RDWR | os.O_APPEND, FILE_MODE, self._tree.root, files)
        self._slots.setdefault(_hashed(name), set()).add(wanted)
        return fd

    def _make_writable(self, slot: str, files: int) -> None:
        """Undoes :meth:`Disk.seal`, which a run that ended while publishing had come to.

        A file with a second name is in the archive already: it is never written to again, the slot starts empty.
        """
        try:
            fd = open_regular(slot, files)
        except FileNotFoundError:
            return
        if fd is None:
            raise FileExistsError(errno.EEXIST, "something that is no file stands in the staging folder", slot)
        try:
            facts = os.fstat(fd)
            if facts.st_nlink > 1:
                self.forget(slot)
            elif not facts.st_mode & stat.S_IWUSR:
                self._disk.chmod(fd, stat.S_IMODE(facts.st_mode) | stat.S_IWUSR)
        finally:
            os.close(fd)

    def forget(self, slot: str) -> None:
        """Removes the file and its mark: the mark first, and surely, for it must not outlive what it speaks of."""
        with suppress(FileNotFoundError), self._tree.folder(self._marks) as marks:
            self._disk.unlink(slot, marks)
            self._disk.fsync_folder(marks)
        with suppress(FileNotFoundError), self._tree.folder(self.folder) as files:
            self._disk.unlink(slot, files)
        self._slots.get(slot.partition("-")[0], set()).discard(slot)

    def sync(self, slot: str, fd: int, size: int) -> None:
        """Brings the first *size* bytes to the disk and marks them as safe.

        Where that fails the file is forgotten: the system reports a lost page once and then calls it clean.
        """
        try:
            self._disk.fsync(fd)
        except OSError:
            self.forget(slot)
            raise
        with self._tree.made(self.folder, STAGE_MODE) as files:
            self._disk.fsync_folder(files)
        with self._tree.made(self._marks, STAGE_MODE) as marks:
            write_small(self._tree, marks, slot, str(size).encode("ascii"), lasting=True)

    def cut_back(self) -> None:
        """Cuts every file back to what was marked as safe."""
        for slot in [slot for slots in self._slots.values() for slot in slots]:
            safe = self._marked(slot)
            if safe is None:
                self.forget(slot)
                continue
            with suppress(FileNotFoundError), self._tree.folder(self.folder) as files:
                self._make_writable(slot, files)
                fd = os.open(slot, os.O_RDWR | os.O_NOFOLLOW, dir_fd=files)
                try:
                    self._disk.truncate(fd, min(safe, os.fstat(fd).st_size))
                finally:
                    os.close(fd)

    def _marked(self, slot: str) -> int | None:
        try:
            with self._tree.folder(self._marks) as marks:
                text = read_small(marks, slot)
        except FileNotFoundError:
            return None
        return int(text) if text.isdigit() else None


class FolderStagedFile:
    """``store_ports.StagedFile`` over an open slot. Not shared between threads."""

    def __init__(self, slots: Slots, disk: Disk, slot: str, fd: int, where: str) -> None:
        self._slots = slots
        self._disk = disk
        self._slot = slot
        self._fd: int | None = fd
        self._where = where
        self._size = os.fstat(fd).st_size
        self._synced = self._begun = self._size

    @property
    def size(self) -> int:
        return self._size

    def read_back(self) -> Iterator[bytes]:
        """Raises MediumError; bytes that the disk does not give back are forgotten, to be fetched anew."""
        fd, left = self._open_fd(), self._size
        os.lseek(fd, 0, os.SEEK_SET)
        while left:
            buffer = memoryview(bytearray(min(CHUNK_BYTES, left)))
            try:
                count = self._disk.read_into(fd, buffer)
            except OSError as error:
                with writing(self._where):
                    self._slots.forget(self._slot)
                raise medium_error(self._where, error) from error
            if not count:
                return
            left -= count
            yield bytes(buffer[:count])

    def append(self, chunk: bytes) -> None:
        fd, rest = self._open_fd(), memoryview(chunk)
        with writing(self._where):
            while rest:
                count = self._disk.write(fd, rest)
                self._size += count
                rest = rest[count:]
            if self._size - self._begun >= _BEGUN_BYTES:
                # Makes Linux write dirty pages without waiting for them; an error is told by the next fsync.
                os.posix_fadvise(fd, self._begun, self._size - self._begun, os.POSIX_FADV_DONTNEED)
                self._begun = self._size
            if self._size - self._synced >= SYNC_BYTES:
                self._slots.sync(self._slot, fd, self._size)
                self._synced = self._size

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _open_fd(self) -> int:
        if self._fd is None:
            raise ValueError("the staged file is closed")
        return self._fd


def write_small(tree: Tree, folder: int, name: str, data: bytes, lasting: bool) -> None:
    """Puts *data* at *name* in one step; *lasting*: on the disk when this returns. Raises OSError."""
    disk, draft = tree.disk, f"{name}~"
    fd = open_or_make(draft, os.O_WRONLY | os.O_TRUNC, FILE_MODE, tree.root, folder)
    try:
        disk.write_all(fd, data)
        if lasting:
            disk.fsync(fd)
    finally:
        os.close(fd)
    disk.rename(draft, folder, name, folder)
    if lasting:
        disk.fsync_folder(folder)


def read_small(folder: int, name: str) -> bytes:
    """What :func:`write_small` put there, b"" where there is nothing. Raises OSError."""
    try:
        fd = open_regular(name, folder)
    except FileNotFoundError:
        return b""
    if fd is None:
        return b""
    with os.fdopen(fd, "rb") as file:
        return file.read()


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
