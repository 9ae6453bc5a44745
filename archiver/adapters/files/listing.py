"""Listing a folder tree in key order, depth first. What cannot be listed is an error: never passed over."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from archiver.adapters.files.trouble import medium_error
from archiver.adapters.files.walk import FOLDER_FLAGS, NOT_THERE, THROUGH_FLAGS
from archiver.domain.delivery import ObjectKind, SourceObject
from archiver.domain.text import printable
from archiver.errors import MediumError

DEEPEST: Final = 512
"""Levels of folders that are entered: an S3 key of 1024 bytes has no more. A canonical delivery lies 8 deep."""

_OPEN_AT_ONCE: Final = 64
"""Levels that keep a file descriptor, so that a deep tree does not use up the process's."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def listed_below(root: int, where: str, parts: Sequence[str], start: str) -> Iterator[SourceObject]:
    """What lies in folder *parts* of *root* under names that begin with *start*, and all below.

    In key order, as UTF-8 bytes; nothing where the folder is not there. *root*: a file descriptor; *where*: the
    same for messages, without a slash at its end.
    Memory: the names of one folder a level. Raises MediumError for a folder that cannot be read, or lies more
    than :data:`DEEPEST` levels below *parts*.
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


@dataclass(slots=True)
class _Level:
    """A folder that is being listed. ``fd`` is None while too many levels below it are open."""

    fd: int | None
    before: str
    names: Iterator[str]


def _walked(fd: int, before: str, start: str, where: str) -> Iterator[SourceObject]:
    stack = [_Level(fd, before, iter(()))]
    try:
        stack[0].names = _names(fd, start, f"{where}/{before}")
        while stack:
            here = stack[-1]
            name = next(here.names, None)
            if name is None or not _opened_again(here, stack[0], where):
                _close(stack.pop())
                continue
            assert here.fd is not None, "it was opened again"  # noqa: S101
            if name.endswith("/"):
                path = here.before + name
                below = _entered(os.dup(here.fd), name[:-1], f"{where}/{path}")
                if below is not None:
                    stack.append(_Level(below, path, iter(())))
                    _check_depth(stack, where)
                    stack[-1].names = _names(below, "", f"{where}/{path}")
                    continue
            yield from _described(here.fd, here.before, name.removesuffix("/"), where)  # no folder, or not any more
    finally:
        for level in stack:
            _close(level)


def _check_depth(stack: Sequence[_Level], where: str) -> None:
    """Closes what lies far above. Raises MediumError where the last level lies too deep."""
    if len(stack) > DEEPEST:
        raise MediumError(
            f"{printable(f'{where}/{stack[-1].before}')} lies more than {DEEPEST} folders deep: it is not looked at",
            "Move it up, or make a source of a folder nearer to it.",
        )
    if len(stack) > _OPEN_AT_ONCE:
        _close(stack[-_OPEN_AT_ONCE])


def _close(level: _Level) -> None:
    if level.fd is not None:
        os.close(level.fd)
        level.fd = None


def _opened_again(level: _Level, top: _Level, where: str) -> bool:
    """Makes sure that *level* is open, one component at a time from *top*; False where it is not there any more."""
    if level.fd is None and top.fd is not None:
        fd: int | None = os.dup(top.fd)
        for part in level.before[len(top.before) :].split("/")[:-1]:
            fd = _entered(fd, part, f"{where}/{level.before}", THROUGH_FLAGS) if fd is not None else None
        level.fd = fd
    return level.fd is not None


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
        etag=file_etag(facts),
        last_modified=modified_at(facts),
        kind=_kind(facts),
    )


def file_etag(facts: os.stat_result) -> str:
    """What stands for an ETag: modification time and change time in ns, inode number.

    Anyone can set back the first; the second is the kernel's, and a replaced file has another third.
    """
    return f"{facts.st_mtime_ns}-{facts.st_ctime_ns}-{facts.st_ino}"


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
