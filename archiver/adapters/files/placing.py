"""Is this already there? Staged files held against what stands in the archive, byte for byte."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping

from archiver.adapters.files.durable import READ_ONLY, Disk, Tree, split
from archiver.adapters.files.walk import FOLDER_FLAGS, open_regular
from archiver.domain.limits import CHUNK_BYTES


def stands(tree: Tree, path: str) -> bool:
    """True where anything is at *path*. Raises OSError, also where a link or a file is on the way."""
    above, name = split(path)
    try:
        with tree.folder(above) as folder:
            os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def same_file(tree: Tree, path: str, slots: int, slot: str) -> bool:
    """True where the file at *path* has the bytes of *slot* in the open folder *slots*; then it is sealed too."""
    above, name = split(path)
    with tree.folder(above) as folder:
        return _same(tree.disk, folder, name, slots, slot)


def same_folder(tree: Tree, path: str, inside: Mapping[str, str], slots: int) -> bool:
    """True where the folder at *path* holds exactly *inside* (path below it -> slot), every byte the same.

    Ends at the first entry that does not belong there, so a folder of a million deliveries costs no more than
    one of ours. What is the same is sealed and its entries fsync'd: it may be a killed run's.
    """
    wanted_folders = {parent for name in inside for parent in _parents(name)}
    above, name = split(path)
    with tree.folder(above) as outer:
        if not stat.S_ISDIR(os.stat(name, dir_fd=outer, follow_symlinks=False).st_mode):
            return False
    with tree.folder(path) as folder:
        found = _only(folder, "", frozenset(inside), frozenset(wanted_folders))
        if found != len(inside) + len(wanted_folders):
            return False
    for below, slot in inside.items():
        if not same_file(tree, f"{path}/{below}", slots, slot):
            return False
    for below in ("", *sorted(wanted_folders)):
        with tree.folder(f"{path}/{below}" if below else path) as folder:
            tree.disk.fsync_folder(folder)
    return True


def _parents(name: str) -> list[str]:
    parts = name.split("/")[:-1]
    return ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]


def _only(folder: int, before: str, files: frozenset[str], folders: frozenset[str]) -> int | None:
    """How many entries lie below *folder*, None at the first that is not among *files* and *folders*."""
    count = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            name = before + entry.name
            if entry.is_file(follow_symlinks=False) and name in files:
                count += 1
            elif entry.is_dir(follow_symlinks=False) and name in folders:
                fd = os.open(entry.name, FOLDER_FLAGS, dir_fd=folder)
                try:
                    below = _only(fd, name + "/", files, folders)
                finally:
                    os.close(fd)
                if below is None:
                    return None
                count += 1 + below
            else:
                return None
    return count


def _same(disk: Disk, folder: int, name: str, slots: int, slot: str) -> bool:
    theirs = open_regular(name, folder)
    if theirs is None:
        return False
    with os.fdopen(theirs, "rb", CHUNK_BYTES) as archived:
        ours = os.open(slot, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=slots)
        with os.fdopen(ours, "rb", CHUNK_BYTES) as staged:
            if os.fstat(theirs).st_size != os.fstat(ours).st_size:
                return False
            while chunk := staged.read(CHUNK_BYTES):
                if archived.read(CHUNK_BYTES) != chunk:
                    return False
        if stat.S_IMODE(os.fstat(theirs).st_mode) & ~READ_ONLY:
            disk.seal(theirs)
        else:
            disk.fsync(theirs)
        return True
