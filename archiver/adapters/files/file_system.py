"""One system call that brings a whole file system to the disk, and where it can be relied on.

``syncfs`` waits for every write so far, as an fsync of each file would, in one turn of the file system's journal.
Since Linux 5.8 it reports pages that were lost since the descriptor was opened (syncfs(2)); an older kernel keeps
silent about them. File systems that only pass data on (FUSE, some network ones) do less for it than for fsync, so
it is used on those alone of which it is known to do the same.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
from functools import cache
from pathlib import Path
from typing import Final

_FIT: Final = frozenset({"ext3", "ext4", "xfs"})
_SINCE: Final = (5, 8)
_MOUNTS: Final = Path("/proc/self/mountinfo")


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def syncfs(fd: int) -> None:
    """Brings the file system of *fd* to the disk. Raises OSError, also for pages lost since *fd* was opened."""
    if _library().syncfs(fd) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def is_synced_whole(fd: int) -> bool:
    """True where :func:`syncfs` on the file system of *fd* is as good as an fsync of each file."""
    if _kernel() < _SINCE or not hasattr(_library(), "syncfs"):
        return False
    device = os.fstat(fd).st_dev
    return _type_of(f"{os.major(device)}:{os.minor(device)}") in _FIT


def _kernel() -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", platform.release())[:2])


def _type_of(device: str) -> str:
    """The type of the file system on *device*, "" where the system does not tell (proc(5), mountinfo)."""
    try:
        lines = _MOUNTS.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return ""
    for line in lines:
        before, _, behind = line.partition(" - ")
        if before.split(" ")[2:3] == [device]:
            return behind.partition(" ")[0]
    return ""
