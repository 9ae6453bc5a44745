"""Files that a command writes for its user: whole or not at all, and never over another."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from pathlib import Path

from archiver.errors import UsageError


def check_new(target: Path, archive: Path) -> None:
    """Raises UsageError where nothing must or can be written at *target*: before any work is done for it."""
    if not target.parent.is_dir():
        raise UsageError(f"{target}: there is no folder {target.parent}")
    if target.resolve().is_relative_to(archive.resolve()):
        raise UsageError(f"{target} lies in the archive, which is for evidence alone")
    if os.path.lexists(target):
        raise UsageError(f"{target} is there already; nothing was done", "Give another name.")


def write_new(target: Path, data: bytes) -> None:
    """Writes *data* to *target*, on disk as a whole when this returns. Raises UsageError where it cannot be."""
    draft = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}")
    try:
        try:
            with draft.open("xb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            _put(draft, target)
        finally:
            draft.unlink(missing_ok=True)
        _sync(target.parent)
    except FileExistsError as error:
        raise UsageError(f"{target} is there now; it was left as it is") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            raise
        raise UsageError(f"{target} cannot be written: {error.strerror}") from error


def _put(draft: Path, target: Path) -> None:
    """A link refuses where something has come meanwhile; some file systems have no links."""
    try:
        os.link(draft, target)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
            raise
        if os.path.lexists(target):
            raise FileExistsError from error
        os.replace(draft, target)


def new_folder(target: Path) -> None:
    """Makes the folder *target*; an empty one may be there. Raises UsageError."""
    try:
        target.mkdir(exist_ok=True)
        if any(target.iterdir()):
            raise UsageError(f"{target} is not empty; nothing was done", "Give another folder.")
    except OSError as error:
        raise UsageError(f"{target} cannot be made: {error.strerror}") from error


def read_file(path: Path, most: int) -> bytes:
    """The bytes of the regular file *path*, or of what ``-`` stands for: stdin. Raises UsageError."""
    try:
        if str(path) == "-":
            with os.fdopen(os.dup(0), "rb") as stream:
                data = stream.read(most + 1)
        else:
            if not stat.S_ISREG(path.stat().st_mode):
                raise UsageError(f"{path} is no file")
            with path.open("rb") as stream:
                data = stream.read(most + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > most:
        raise UsageError(f"{path} is larger than {most:,} bytes, which nothing of this kind is")
    return data


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
