"""A package as a plain folder."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final, Self

from archiver.domain.text import printable
from archiver.errors import StoreError, StoreFullError, UsageError

FOLDER_MODE: Final = 0o755
FILE_MODE: Final = 0o644
PROGRAM_MODE: Final = 0o755
"""Modes in a package, whatever the umask: it is read by others."""


def hidden_name(target: Path) -> Path:
    """Where a package for *target* is made: beside it, hidden, and never mistaken for a finished one."""
    return target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.unfinished")


@contextmanager
def packing(target: Path) -> Iterator[None]:
    """Turns OSError inside into our errors about the package *target*."""
    try:
        yield
    except OSError as error:
        what = f"{printable(str(target))}: the package cannot be written: {error.strerror or error}"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreFullError(what, "Make room, or choose another disk; nothing was left behind.") from error
        if error.errno in (errno.EIO, errno.EFBIG):
            raise StoreError(what, "Choose another disk; nothing was left behind.") from error
        raise UsageError(what) from error


class FolderPackage:
    """``PackageWriter`` of a folder. *moment*: the time of every file and folder in it."""

    def __init__(self, target: Path, moment: datetime) -> None:
        self._target = target
        self._draft = hidden_name(target)
        self._time = moment.timestamp()
        self._folders: set[Path] = set()

    def __enter__(self) -> Self:
        with packing(self._target):
            self._draft.mkdir(FOLDER_MODE)
            self._draft.chmod(FOLDER_MODE)
        return self

    def __exit__(self, *_exception: object) -> None:
        shutil.rmtree(self._draft, ignore_errors=True)

    def add(self, path: str, size: int, chunks: Iterable[bytes], executable: bool = False) -> None:
        """Writes the file and brings it to the disk."""
        place = self._draft / path
        with packing(self._target):
            self._make(place.parent)
            with place.open("xb") as stream:
                written = 0
                for chunk in chunks:
                    written += stream.write(chunk)
                if written != size:
                    raise ValueError(f"{path}: {written} bytes, not {size}")
                stream.flush()
                os.fchmod(stream.fileno(), PROGRAM_MODE if executable else FILE_MODE)
                os.fsync(stream.fileno())
            os.utime(place, (self._time, self._time))

    def _make(self, folder: Path) -> None:
        """Makes *folder* and those above it. The draft is ours alone, so nothing stands in the way."""
        missing = []
        while folder != self._draft and folder not in self._folders:
            missing.append(folder)
            folder = folder.parent
        for one in reversed(missing):
            with suppress(FileExistsError):
                one.mkdir(FOLDER_MODE)
            one.chmod(FOLDER_MODE)
            self._folders.add(one)

    def finish(self) -> None:
        """Times of folders come last: each file that is put there changes them."""
        with packing(self._target):
            for folder in sorted(self._folders, reverse=True):
                os.utime(folder, (self._time, self._time))
                sync_folder(folder)
            os.utime(self._draft, (self._time, self._time))
            sync_folder(self._draft)

    def publish(self) -> None:
        """One rename. It replaces nothing but an empty folder that came meanwhile."""
        if os.path.lexists(self._target):
            raise UsageError(f"{self._target} is there now; it was left as it is")
        with packing(self._target):
            os.rename(self._draft, self._target)
            sync_folder(self._target.parent)


def sync_folder(folder: Path) -> None:
    """Brings the entries of *folder* to the disk. Raises OSError."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
