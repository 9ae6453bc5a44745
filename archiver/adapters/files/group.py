"""Many small deliveries put into the archive together: written, brought to the disk at once, then renamed into place.

Nothing is renamed before its bytes, its modes and its folder's entries are on the disk, and nobody is told that it is
there before the entry of the folder itself is: the order of one delivery alone (``stage``), with the waiting shared.

```
.staging/<token>.new/      the delivery's folder as it will be, locked for as long as somebody is at it; what a
                           killed run left of it is made anew
```
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from archiver.adapters.files.durable import FOLDER_MODE, READ_ONLY, Disk, Tree, exists, split
from archiver.adapters.files.staged_file import STAGE_MODE
from archiver.adapters.files.walk import FOLDER_FLAGS
from archiver.adapters.owner import hand_over
from archiver.domain.paths import STAGING_FOLDER

_NEW: Final = ".new"
_SLOW_SECONDS: Final = 1.0
"""So long a turn of the whole file system may take: more, and it carries others' data that we need not wait for."""

_APART_SECONDS: Final = 60.0
"""After a slow or failed turn each file is brought to the disk by itself for so long."""


@dataclass(frozen=True, slots=True)
class SmallDelivery:
    """One whole delivery in memory. ``files``: names in its folder; ``folder``: its path in the archive."""

    token: str
    folder: str
    files: Mapping[str, bytes]


@dataclass
class Placed:
    """Folders of a group. ``there``: in the archive, with their entries, on the disk. ``doubtful``: renamed into
    place, and the disk failed to say that their entries are on it, which it says once.
    """

    there: set[str] = field(default_factory=set)
    doubtful: dict[str, OSError] = field(default_factory=dict)


class Waiting:
    """How a group comes to the disk: by one call for the whole file system where that is as good and quick enough."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._is_fit: bool | None = None
        self._apart_until = 0.0

    def is_shared(self, count: int, fd: int) -> bool:
        """True where *count* deliveries on the file system of *fd* are to be waited for together."""
        if self._is_fit is None:
            self._is_fit = self._disk.is_synced_whole(fd)
        return count > 1 and self._is_fit and time.monotonic() >= self._apart_until

    def wait(self, fd: int) -> None:
        """Waits for the file system of *fd*, which was open before the first write. Raises OSError."""
        began = time.monotonic()
        try:
            self._disk.sync_file_system(fd)
        except OSError:
            self._apart_until = time.monotonic() + _APART_SECONDS
            raise
        if time.monotonic() - began > _SLOW_SECONDS:
            self._apart_until = time.monotonic() + _APART_SECONDS


def place_together(tree: Tree, waiting: Waiting, group: Sequence[SmallDelivery]) -> Placed:
    """Puts *group* into the archive.

    Left out is what finds something in its place, or a folder missing that cannot be made, or what somebody else is
    putting there. Raises OSError where the disk fails before anything was renamed; what it had written is removed.
    """
    placed = Placed()
    with tree.made(STAGING_FOLDER, STAGE_MODE) as staging, ExitStack() as locks:
        written: dict[str, tuple[SmallDelivery, int]] = {}
        try:
            shared = waiting.is_shared(len(group), staging)
            for one in group:
                folder = _new_folder(tree, staging, one, locks)
                if folder is not None:
                    written[one.folder] = one, folder
                    _write(tree, folder, one, lasting=not shared)
            if shared:
                waiting.wait(staging)
            for above, members in _by_parent(written.values()).items():
                _place(tree, staging, above, members, placed)
        finally:
            gone = placed.there | placed.doubtful.keys()
            for one, _ in written.values():
                if one.folder not in gone:
                    with suppress(OSError):  # the first error is the one to tell
                        tree.disk.remove_tree(one.token + _NEW, staging)
        for one, _ in written.values():
            if one.folder in placed.there and exists(
                one.token, staging
            ):  # staged by a killed run, not needed any more
                with suppress(OSError):
                    tree.disk.remove_tree(one.token, staging)
    return placed


def _new_folder(tree: Tree, staging: int, one: SmallDelivery, locks: ExitStack) -> int | None:
    """An empty folder for *one*, open and locked until *locks* end; None where somebody else is at it.

    What is there and not locked is a killed run's. The lock is the kernel's: it ends with its holder.
    """
    disk, name = tree.disk, one.token + _NEW
    try:
        disk.mkdir(name, staging, FOLDER_MODE)
    except FileExistsError:
        with _opened(name, staging) as left:
            if not _locked(left):
                return None
            disk.remove_tree(name, staging)
        disk.mkdir(name, staging, FOLDER_MODE)
    folder = locks.enter_context(_opened(name, staging))
    return folder if _locked(folder) and _is_called(folder, name, staging) else None


def _locked(folder: int) -> bool:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_called(folder: int, name: str, above: int) -> bool:
    """True where *name* is the folder that is open, and not another one of that name."""
    try:
        found = os.stat(name, dir_fd=above, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(found, os.fstat(folder))


def _write(tree: Tree, folder: int, one: SmallDelivery, *, lasting: bool) -> None:
    """The delivery's folder as it will be. *lasting*: on the disk when this returns."""
    disk = tree.disk
    hand_over(folder, tree.root)
    for file, data in one.files.items():
        fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, READ_ONLY, dir_fd=folder)
        try:
            hand_over(fd, tree.root)
            disk.write_all(fd, data)
            if lasting:
                disk.fsync(fd)
        finally:
            os.close(fd)
    if lasting:
        disk.fsync_folder(folder)


@contextmanager
def _opened(name: str, above: int) -> Iterator[int]:
    fd = os.open(name, FOLDER_FLAGS, dir_fd=above)
    try:
        yield fd
    finally:
        os.close(fd)


def _by_parent(written: Iterable[tuple[SmallDelivery, int]]) -> dict[str, list[tuple[SmallDelivery, int]]]:
    found: dict[str, list[tuple[SmallDelivery, int]]] = {}
    for one, folder in written:
        found.setdefault(split(one.folder)[0], []).append((one, folder))
    return found


def _place(
    tree: Tree, staging: int, above: str, members: Sequence[tuple[SmallDelivery, int]], placed: Placed
) -> None:
    renamed: set[str] = set()
    try:
        # Folders are made and named by one thread at a time, see ``stage``.
        with tree.placing, tree.made(above) as outer:
            for one, folder in members:
                name = split(one.folder)[1]
                if exists(name, outer) or not _is_called(folder, one.token + _NEW, staging):
                    continue
                try:
                    tree.disk.rename(one.token + _NEW, staging, name, outer)
                except OSError as error:
                    if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                        raise
                else:
                    renamed.add(one.folder)
        if renamed:
            with tree.folder(above) as outer:
                tree.disk.fsync_folder(outer)
    except OSError as error:
        placed.doubtful |= dict.fromkeys(renamed, error)
        if not renamed:
            raise
    else:
        placed.there |= renamed
