"""Listing a folder tree in key order, depth first, one open folder a level."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from archiver.adapters.files.trouble import medium_error
from archiver.adapters.files.walk import FOLDER_FLAGS, NOT_THERE, THROUGH_FLAGS
from archiver.domain.delivery import ObjectKind, SourceObject

DEEPEST: Final = 128
"""Levels of folders that are entered, each at the cost of a file descriptor; one below is listed as ``other``.

A canonical delivery lies 8 levels below its prefix.
"""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def listed_below(root: int, where: str, parts: Sequence[str], start: str) -> Iterator[SourceObject]:
    """What lies in folder *parts* of *root* under names that begin with *start*, and all below.

    In key order, as UTF-8 bytes; nothing where the folder is not there. *root*: a file descriptor; *where*: the
    same for messages, without a slash at its end.
    Memory: the names of one folder a level. Raises MediumError for a folder that cannot be read.
    """
    fd: int | None = os.dup(root)
    before = ""
    for part in parts:
        before += f"{part}/"
        fd = _entered(fd, part, f"{where}/{before}", THROUGH_FLAGS) if fd is not None else None
    if fd is not None:
        fd = _entered(fd, ".", f"{where}/{before}")
    if fd is not None:
        yield from _walked(fd, before, start, where)


def _entered(above: int, name: str, where: str, flags: int = FOLDER_FLAGS) -> int | None:
    """Folder *name*, None where it is no folder; *above* is closed."""
    try:
        return os.open(name, flags, dir_fd=above)
    except OSError as error:
        if error.errno in NOT_THERE:
            return None
        raise medium_error(where, error) from error
    finally:
        os.close(above)


def _walked(fd: int, before: str, start: str, where: str) -> Iterator[SourceObject]:
    stack: list[tuple[int, str, Iterator[str]]] = [(fd, before, iter(()))]
    try:
        stack[0] = (fd, before, _names(fd, start, f"{where}/{before}"))
        while stack:
            fd, before, names = stack[-1]
            name = next(names, None)
            if name is None:
                stack.pop()
                os.close(fd)
            elif name.endswith("/") and len(stack) < DEEPEST:
                below = _entered(os.dup(fd), name[:-1], f"{where}/{before}{name}")
                if below is not None:
                    stack.append((below, before + name, iter(())))
                    stack[-1] = (below, before + name, _names(below, "", f"{where}/{before}{name}"))
                else:  # gone, or a link by now
                    yield from _described(fd, before, name[:-1], where)
            else:
                yield from _described(fd, before, name.removesuffix("/"), where)
    finally:
        for fd, _, _ in stack:
            os.close(fd)


def _names(folder: int, start: str, where: str) -> Iterator[str]:
    """Names in *folder*, those of folders with ``/``, such that whole keys come in the order of their bytes."""
    try:
        with os.scandir(folder) as entries:
            found = [
                os.fsencode(entry.name) + (b"/" if entry.is_dir(follow_symlinks=False) else b"")
                for entry in entries
                if entry.name.startswith(start)
            ]
    except OSError as error:
        raise medium_error(where, error) from error
    found.sort()
    return map(os.fsdecode, found)


def _described(folder: int, before: str, name: str, where: str) -> Iterator[SourceObject]:
    """*name* as it is listed; nothing where it is gone."""
    try:
        facts = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return
    except OSError as error:
        raise medium_error(f"{where}/{before}{name}", error) from error
    yield SourceObject(
        key=before + name,
        size=facts.st_size,
        etag=str(facts.st_mtime_ns),
        last_modified=modified_at(facts),
        kind=_kind(facts),
    )


def modified_at(facts: os.stat_result) -> datetime | None:
    """The modification time in UTC, None for one outside of the years 1 to 9999."""
    try:
        return _EPOCH + timedelta(microseconds=facts.st_mtime_ns // 1000)
    except OverflowError:
        return None


def _kind(facts: os.stat_result) -> ObjectKind:
    if stat.S_ISREG(facts.st_mode):
        return ObjectKind.FILE
    return ObjectKind.LINK if stat.S_ISLNK(facts.st_mode) else ObjectKind.OTHER
