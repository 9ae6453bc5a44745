"""Whose the files are that root makes: the owner's of the place, for the daemon's user has to open them next.

Everybody else's files are their own, and nothing here does anything for them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def hand_over(fd: int, place: Path) -> None:
    """Gives the new file or folder *fd* to the owner and group of *place*, where root made it. Raises OSError.

    *fd* must be one that this process made: what was there before may be a link to anything.
    Where root may not give files away (an NFS export, a container) it stays as it is, and doctor tells.
    """
    if os.geteuid() != 0:
        return
    wanted, found = os.stat(place), os.fstat(fd)
    if (found.st_uid, found.st_gid) != (wanted.st_uid, wanted.st_gid):
        with suppress(PermissionError):
            os.fchown(fd, wanted.st_uid, wanted.st_gid)


def open_or_make(path: str | Path, flags: int, mode: int, place: Path, folder: int | None = None) -> int:
    """A descriptor of *path* (in the open *folder*, if given); a file that is made is *place*'s owner's.

    Making and opening are apart, so that only what was made is given away. Raises OSError.
    """
    while True:
        try:
            fd = os.open(path, flags | os.O_CREAT | os.O_EXCL, mode, dir_fd=folder)
        except FileExistsError:
            with suppress(FileNotFoundError):  # removed between the two calls
                return os.open(path, flags | os.O_NOFOLLOW, dir_fd=folder)
            continue
        try:
            hand_over(fd, place)
        except OSError:
            os.close(fd)
            raise
        return fd


def make_folders(missing: Iterable[Path], mode: int) -> None:
    """Makes each of *missing*, outermost first; each is its own folder's owner's. Raises OSError."""
    for path in missing:
        try:
            path.mkdir(mode)
        except FileExistsError:
            if path.is_dir():  # another process was faster
                continue
            raise
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            hand_over(fd, path.parent)
        finally:
            os.close(fd)


def missing_folders(path: Path) -> list[Path]:
    """Which of *path* and the folders above it are not there, outermost first. Raises OSError."""
    return [folder for folder in reversed((path, *path.parents)) if not folder.is_dir()]
