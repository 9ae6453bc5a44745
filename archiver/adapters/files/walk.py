"""Walking a tree that others can write to: one component at a time, by file descriptor, never through a link.

Each component is opened relative to the folder before it (``openat``) with ``O_NOFOLLOW``. Looking first and
opening by whole path afterwards would leave a moment in which a folder is swapped for a link; here what was
looked at is what is used. Only the root is opened by path: it may be a link that the operator made.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from archiver.domain.text import printable

FOLDER_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
"""For a folder below the root that is to be read or fsync'd."""

THROUGH_FLAGS: Final = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW
"""For one that is only passed through: like the system itself this asks for the right to search, not to read."""

NOT_THERE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG})
"""What the system answers where no file of ours can be at a path: absent, or a link or a file on the way."""


_NOWHERE: Final = frozenset({"", ".", ".."})


def segments(path: str) -> tuple[str, ...]:
    """The components of *path*, relative, with ``/``; none for "".

    Raises FileNotFoundError for a path that leads nowhere below a folder: absolute, with an empty component,
    ``.``, ``..`` or a NUL, or with characters that no file name can have.
    """
    parts = tuple(path.split("/")) if path else ()
    if not _NOWHERE.isdisjoint(parts) or "\0" in path or not _encodable(path):
        raise FileNotFoundError(errno.ENOENT, "no path inside this folder", printable(path))
    return parts


def _encodable(path: str) -> bool:
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return False
    return True


@contextmanager
def opened_folder(root: Path, parts: Sequence[str]) -> Iterator[int]:
    """The folder *parts* below *root*, open for reading. Raises OSError (see :data:`NOT_THERE`)."""
    with passed_folder(root, parts) as folder:
        fd = os.open(".", FOLDER_FLAGS, dir_fd=folder)
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def passed_folder(root: Path, parts: Sequence[str]) -> Iterator[int]:
    """The folder *parts* below *root*, open to open what is in it, not to read it. Raises OSError."""
    fd = os.open(root, os.O_PATH | os.O_DIRECTORY)
    try:
        for part in parts:
            below = os.open(part, THROUGH_FLAGS, dir_fd=fd)
            os.close(fd)
            fd = below
        yield fd
    finally:
        os.close(fd)


def open_regular(name: str, folder: int) -> int | None:
    """A file descriptor for reading *name* in *folder*, None where something else than a regular file is there.

    Devices are not opened at all, and a FIFO that comes between is opened without waiting. Raises OSError.
    """
    if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        return None
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    return None
