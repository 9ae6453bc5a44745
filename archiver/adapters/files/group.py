"""Many small deliveries put into the archive together: written, brought to the disk at once, then renamed into place.

Nothing is renamed before its bytes, its modes and its folder's entries are on the disk, and nobody is told that it is
there before the entry of the folder itself is: the order of one delivery alone (``stage``), with the waiting shared.

```
.staging/<token>.new/      the delivery's folder as it will be; what a killed run left of it is made anew
```
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
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


def place_together(tree: Tree, waiting: Waiting, group: Sequence[SmallDelivery]) -> set[str]:
    """Puts *group* into the archive; answers the folders that are there now, with their entries, on the disk.

    Left out is what finds something in its place, or a folder missing that cannot be made. Raises OSError where
    the disk fails; what it had written is removed, and what it had renamed is there for the next one to find.
    """
    placed: set[str] = set()
    with tree.made(STAGING_FOLDER, STAGE_MODE) as staging:
        try:
            shared = waiting.is_shared(len(group), staging)
            for one in group:
                _write(tree, staging, one, lasting=not shared)
            if shared:
                waiting.wait(staging)
            for above, members in _by_parent(group).items():
                placed |= _place(tree, staging, above, members)
        finally:
            for one in group:
                if one.folder not in placed:
                    with suppress(OSError):  # the first error is the one to tell
                        tree.disk.remove_tree(one.token + _NEW, staging)
        for one in group:
            if one.folder in placed and exists(one.token, staging):  # staged by a killed run, and not needed any more
                with suppress(OSError):
                    tree.disk.remove_tree(one.token, staging)
    return placed


def _write(tree: Tree, staging: int, one: SmallDelivery, *, lasting: bool) -> None:
    """The delivery's folder as it will be. *lasting*: on the disk when this returns."""
    disk, name = tree.disk, one.token + _NEW
    try:
        disk.mkdir(name, staging, FOLDER_MODE)
    except FileExistsError:  # a killed run's
        disk.remove_tree(name, staging)
        disk.mkdir(name, staging, FOLDER_MODE)
    with _opened(name, staging) as folder:
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


def _by_parent(group: Sequence[SmallDelivery]) -> dict[str, list[SmallDelivery]]:
    found: dict[str, list[SmallDelivery]] = {}
    for one in group:
        found.setdefault(split(one.folder)[0], []).append(one)
    return found


def _place(tree: Tree, staging: int, above: str, members: Sequence[SmallDelivery]) -> set[str]:
    placed = set()
    # Folders are made and named by one thread at a time, see ``stage``.
    with tree.placing, tree.made(above) as outer:
        for one in members:
            name = split(one.folder)[1]
            if exists(name, outer):
                continue
            try:
                tree.disk.rename(one.token + _NEW, staging, name, outer)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
            else:
                placed.add(one.folder)
    if placed:
        with tree.folder(above) as outer:
            tree.disk.fsync_folder(outer)
    return placed
