"""Small files that appear whole: written in the staging folder, brought to the disk, then given their name."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from archiver.adapters.files.durable import FILE_MODE, Tree, exists, split
from archiver.adapters.files.staged_file import STAGE_MODE
from archiver.adapters.files.trouble import writing
from archiver.adapters.files.walk import open_regular
from archiver.adapters.owner import hand_over
from archiver.domain.paths import STAGING_FOLDER
from archiver.errors import StoreConflictError, StoreError

_DRAFT: Final = "put-"

REMEDY: Final = "Mount its disk, or make a new archive with `archiver ledger upgrade`."


def check_writable(tree: Tree) -> None:
    """An archive has a staging folder: without one this is an empty mount point, or a copy to be read.

    Raises StoreError.
    """
    with writing(str(tree.root)), tree.folder("") as root:
        if not exists(STAGING_FOLDER, root):
            raise StoreError(f"{tree.root}: not an archive to write to, for it has no {STAGING_FOLDER}", REMEDY)


def is_empty(tree: Tree) -> bool:
    """True where the archive's folder is not there or holds nothing: its disk is not mounted."""
    try:
        with os.scandir(tree.root) as entries:
            return next(entries, None) is None
    except OSError:
        return True


def put_once(tree: Tree, path: str, data: bytes) -> None:
    """See ``store_ports.Store.put``. Raises StoreError."""
    where = tree.where(path)
    with writing(where):
        above, name = split(path)
        with tree.made(STAGING_FOLDER, STAGE_MODE) as staging, tree.made(above) as folder:
            _sweep_once(tree, staging)
            if not exists(name, folder):
                with _draft(tree, staging, data) as draft, suppress(FileExistsError):
                    tree.disk.move_new(draft, staging, name, folder)
            if not _holds(name, folder, data):
                raise StoreConflictError(
                    f"{where}: other bytes stand here already; nothing was written",
                    "Find out what changed it: the archive is write-once.",
                )
            tree.disk.fsync_folder(folder)


def put_over(tree: Tree, path: str, data: bytes) -> None:
    """Puts a file at *path*, whatever file or link stood there, in one rename. Raises StoreError."""
    with writing(tree.where(path)):
        above, name = split(path)
        with tree.made(STAGING_FOLDER, STAGE_MODE) as staging, tree.made(above) as folder:
            _sweep_once(tree, staging)
            with _draft(tree, staging, data) as draft:
                tree.disk.rename(draft, staging, name, folder)
            tree.disk.fsync_folder(folder)


@contextmanager
def _draft(tree: Tree, staging: int, data: bytes) -> Iterator[str]:
    """The name in *staging* of a new read-only file with *data*, on the disk. Gone again if nobody moved it.

    Always a new file: a killed run's may be the second name of an archived one.
    """
    name, fd = _new_draft(staging)
    try:
        hand_over(fd, tree.root)
        tree.disk.write_all(fd, data)
        tree.disk.seal(fd)
        yield name
    finally:
        os.close(fd)
        with suppress(OSError):  # moved; or the first error is the one to tell
            os.unlink(name, dir_fd=staging)


def _new_draft(staging: int) -> tuple[str, int]:
    """A new file, locked for as long as it is open: that tells it from what a killed run left."""
    while True:
        name = f"{_DRAFT}{secrets.token_hex(16)}"
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE, dir_fd=staging)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            if os.fstat(fd).st_nlink:
                return name, fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)  # somebody who sweeps was quicker than the lock


def _sweep_once(tree: Tree, staging: int) -> None:
    """Removes drafts whose process is gone. What cannot be removed now is in nobody's way."""
    if not tree.first_draft():
        return
    with os.scandir(staging) as entries:
        names = [entry.name for entry in entries if entry.name.startswith(_DRAFT)]
    for name in names:
        with suppress(OSError):
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=staging)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(name, dir_fd=staging)
            finally:
                os.close(fd)


def _holds(name: str, folder: int, data: bytes) -> bool:
    fd = open_regular(name, folder)
    if fd is None:
        return False
    with os.fdopen(fd, "rb") as file:
        return file.read(len(data) + 1) == data
