"""A source that is a folder tree: listed in the order in which S3 would list it, and read without following links.

Times and names in a folder are whatever somebody set. A file is pinned by its size, modification time, change time
and inode, which tells a file that changes from one that stays, and proves nothing more.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Final

from archiver.adapters.files.listing import file_etag, listed_below, modified_at
from archiver.adapters.files.trouble import medium_error
from archiver.adapters.files.walk import NOT_THERE, open_regular, opened_folder, passed_folder, segments
from archiver.domain.delivery import ObjectKind, SourceObject
from archiver.domain.evidence import Origin
from archiver.domain.limits import CHUNK_BYTES
from archiver.domain.sign_file import SIGN_FILE_NAME
from archiver.domain.text import printable
from archiver.errors import (
    ObjectChangedError,
    ObjectGoneError,
    SourceError,
    SourceUnreachableError,
    UsageError,
)

_LOGS: Final = "AWSLogs"
_ACCOUNT = re.compile(r"[0-9]{12,16}", re.ASCII)
_YEAR = re.compile(r"[0-9]{4}", re.ASCII)
_MONTH_OR_DAY = re.compile(r"[0-9]{2}", re.ASCII)


class FolderSource:
    """``ports.Source`` over the folder *root*, which may be a link. Keys are paths below it, with ``/``.

    Bytes of a name that are not UTF-8 appear as lone surrogates (``surrogateescape``). The folder is looked
    for at each call, not before: it may be mounted later.
    """

    def __init__(self, name: str, root: Path, region: str | None = None) -> None:
        self._name = name
        self._root = root.absolute()
        self._region = region

    @property
    def name(self) -> str:
        return self._name

    @property
    def url(self) -> str:
        return self._root.as_uri()

    @property
    def region(self) -> str | None:
        return self._region

    @property
    def times_are_observed(self) -> bool:
        return False

    def caller(self) -> str | None:
        return None

    def day_prefixes(self, since: date) -> Iterator[str]:
        """Those in ``AWSLogs`` at the root. A tree without it is listed whole: its one prefix is ""."""
        with self._root_checked():
            pass
        if self._subfolders(_LOGS) is None:
            yield ""
            return
        for account in self._matching(_LOGS, _ACCOUNT):
            query = f"{account}/CloudTrail-Lake/Query"
            for year in self._matching(query, _YEAR):
                for month in self._matching(year, _MONTH_OR_DAY):
                    for day in self._matching(month, _MONTH_OR_DAY):
                        if _is_from(day[-10:], since):
                            yield f"{day}/"

    def _matching(self, folder: str, form: re.Pattern[str]) -> list[str]:
        return [f"{folder}/{name}" for name in self._subfolders(folder) or () if form.fullmatch(name)]

    def _subfolders(self, folder: str) -> Sequence[str] | None:
        """Names of the folders in *folder*, sorted; None where it is not there. Raises MediumError."""
        try:
            with opened_folder(self._root, segments(folder)) as fd, os.scandir(fd) as entries:
                return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
        except OSError as error:
            if error.errno in NOT_THERE:
                return None
            raise medium_error(self._where(folder), error) from error

    def objects(self, prefix: str = "") -> Iterator[SourceObject]:
        """Raises UsageError where the root is a file, SourceUnreachableError where it is not there.

        Raises SourceError for a prefix that leads out of the folder, and MediumError for a folder below it that
        cannot be read or lies too deep: its contents are unknown, and a listing that kept silent would say "deleted".
        """
        above, slash, start = prefix.rpartition("/")
        try:
            parts = segments(above or slash)
        except FileNotFoundError as error:
            raise SourceError(f"{self.url}: no key in a folder begins with {printable(prefix)!r}") from error
        with self._root_checked() as root:
            yield from listed_below(root, str(self._root).rstrip("/"), parts, start)

    @contextmanager
    def open(self, found: SourceObject, offset: int = 0, pinned: Origin | None = None) -> Iterator[_FileStream]:
        where = self._where(found.key)
        with self._root_checked():
            fd = self._opened(found, where)
        try:
            stream = _FileStream(fd, found, offset, where)
            stream.check()
            if pinned is not None and pinned.etag != found.etag:
                raise ObjectChangedError(f"{where}: not the file that was fetched before: it was modified since")
            yield stream
        finally:
            os.close(fd)

    def _opened(self, found: SourceObject, where: str) -> int:
        try:
            above, _, name = found.key.rpartition("/")
            segments(found.key)
            with passed_folder(self._root, segments(above)) as folder:
                fd = open_regular(name, folder) if found.kind is ObjectKind.FILE else None
        except OSError as error:
            if error.errno in NOT_THERE:
                raise ObjectGoneError(f"{where}: not there any more, or a link on the way to it") from error
            raise medium_error(where, error) from error
        if fd is None:
            raise ObjectChangedError(f"{where}: a link, a folder or a special file, which is not read")
        return fd

    @contextmanager
    def _root_checked(self) -> Iterator[int]:
        """The root as a file descriptor to pass through. Raises UsageError, SourceUnreachableError."""
        try:
            fd = os.open(self._root, os.O_PATH | os.O_DIRECTORY)
        except NotADirectoryError as error:
            raise UsageError(
                f"{self._root} is a file: a source is a folder, a delivery the one that holds {SIGN_FILE_NAME}",
                f"Name the folder: {self._root.parent}",
            ) from error
        except OSError as error:
            raise SourceUnreachableError(
                f"{self._root}: the source folder cannot be opened: {error.strerror}",
                "Mount its disk, mend the path, or give the user that runs this the right to read it.",
            ) from error
        try:
            yield fd
        finally:
            os.close(fd)

    def _where(self, key: str) -> str:
        return printable(f"{str(self._root).rstrip('/')}/{key}")


class _FileStream:
    """``ports.ObjectStream`` over an open file, looked at before and after: what changed meanwhile is no version."""

    def __init__(self, fd: int, found: SourceObject, offset: int, where: str) -> None:
        self._fd = fd
        self._found = found
        self._offset = offset
        self._where = where
        self._origin = Origin(key=found.key, etag=found.etag, last_modified=modified_at(os.fstat(fd)))

    @property
    def origin(self) -> Origin:
        return self._origin

    def check(self) -> None:
        """Raises ObjectChangedError where the file is not the one that was listed."""
        facts = os.fstat(self._fd)
        if (facts.st_size, file_etag(facts)) != (self._found.size, self._found.etag):
            raise ObjectChangedError(f"{self._where}: modified since it was listed")
        if self._offset > facts.st_size:
            raise ObjectChangedError(f"{self._where}: shorter than what was fetched before")

    def chunks(self) -> Iterator[bytes]:
        position, size = self._offset, self._found.size
        while position < size:
            try:
                chunk = os.pread(self._fd, min(CHUNK_BYTES, size - position), position)
            except OSError as error:
                raise medium_error(self._where, error) from error
            if not chunk:
                break
            position += len(chunk)
            yield chunk
        self.check()
        if position < size:
            raise ObjectChangedError(f"{self._where}: ended after {position} of {size} bytes")


def _is_from(day: str, since: date) -> bool:
    """True where *day* (``YYYY/MM/DD``) is a day, and not before *since*."""
    try:
        return date.fromisoformat(day.replace("/", "-")) >= since
    except ValueError:
        return False
