"""Errors of the file system as ours: what happened, to which path, and what to do about it."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from archiver.adapters.files.walk import NOT_THERE
from archiver.domain.text import printable
from archiver.errors import MediumError, StoreConflictError, StoreError, StoreFullError

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})

_IN_THE_WAY: Final = frozenset({errno.ENOTDIR, errno.ELOOP})

_WRITE_TROUBLE: Final[Mapping[int, tuple[str, str]]] = {
    errno.EROFS: (
        "the file system is mounted read-only",
        "Mount it writable, or look for why it was turned read-only.",
    ),
    errno.EACCES: ("permission denied", "The archive and all folders in it must belong to the user that runs this."),
    errno.EPERM: ("not permitted", "The archive and all folders in it must belong to the user that runs this."),
    errno.EIO: ("the disk gave an error", "Look at the system's log: the disk may be failing."),
    errno.EFBIG: ("larger than this file system or the process's limit allows", "Raise the limit (ulimit -f)."),
    errno.EXDEV: (
        "on another file system than the archive's staging folder",
        "The whole archive must be one file system, so that a delivery can appear in one step.",
    ),
}


def store_error(where: str, error: OSError) -> StoreError:
    """*error*, met while writing at *where*, as StoreFullError, StoreConflictError or StoreError."""
    shown = printable(where)
    if error.errno in _FULL:
        return StoreFullError(
            f"{shown}: no room left ({error.strerror})",
            "Make room or enlarge the disk. What is archived stands; what was interrupted is resumed.",
        )
    if error.errno in _IN_THE_WAY:
        return StoreConflictError(
            f"{shown}: a link or a file stands where a folder should be{_culprit(error)}",
            "Look at what it is and who made it, then move it away: the archive never follows links.",
        )
    what, remedy = _WRITE_TROUBLE.get(error.errno or 0, (error.strerror or str(error), ""))
    return StoreError(f"{shown}: {what}{_culprit(error)}", remedy)


def _culprit(error: OSError) -> str:
    """Which component it was, where the system says so."""
    return f" ({printable(error.filename)})" if isinstance(error.filename, str) else ""


def medium_error(where: str, error: OSError) -> MediumError:
    """*error*, met while reading at *where*, as MediumError."""
    remedy = (
        "Give the user that runs this the right to read it."
        if error.errno in (errno.EACCES, errno.EPERM)
        else "Look at the system's log: the disk may be failing or not be mounted."
    )
    return MediumError(f"{printable(where)} cannot be read: {error.strerror or error}", remedy)


@contextmanager
def writing(where: str) -> Iterator[None]:
    """Turns OSError inside into StoreError about *where*."""
    try:
        yield
    except OSError as error:
        raise store_error(where, error) from error


@contextmanager
def reading(where: str) -> Iterator[None]:
    """Turns OSError inside into MediumError about *where*, or FileNotFoundError where no file can be there."""
    try:
        yield
    except OSError as error:
        if error.errno in NOT_THERE:
            raise FileNotFoundError(errno.ENOENT, "no file", where) from error
        raise medium_error(where, error) from error
