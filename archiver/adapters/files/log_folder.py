"""The published log in the archive's folder ``log``: static files, fsync'd, and never by way of a link."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from archiver.adapters.files.durable import Disk, Tree, split
from archiver.adapters.files.single_file import REMEDY, check_writable, is_empty, put_once, put_over
from archiver.adapters.files.trouble import medium_error, writing
from archiver.adapters.files.walk import NOT_THERE, open_regular, segments
from archiver.domain.limits import CHUNK_BYTES, LOG_FILE_BYTES
from archiver.domain.paths import LOG_FOLDER, SET_ASIDE_FOLDER
from archiver.domain.text import printable
from archiver.domain.times import format_time
from archiver.errors import MediumError, StoreError

_DEEPEST: Final = 8
"""Most components of a folder's path: ``tile/0/x036/x028/x797/x018/x963/968.p`` and ``anchors/`` before 2**63."""

_NO_FILE: Final = "Look at what it is and who made it, then move it away: the log is made of plain files."


class LogFolder:
    """``log_ports.PublishedLog`` over a folder archive. ``disk``: the system calls; a test puts in its own."""

    def __init__(self, archive: Path, disk: Disk | None = None) -> None:
        """The log of the archive at *archive*; nothing is looked at yet."""
        self._tree = Tree(archive.absolute(), disk or Disk())

    @property
    def url(self) -> str:
        return (self._tree.root / LOG_FOLDER).as_uri()

    def read(self, path: str) -> bytes | None:
        whole = _below(path)
        where = self._tree.where(whole)
        try:
            above, name = split(whole)
            with self._tree.folder(above) as folder:
                fd = open_regular(name, folder)
        except OSError as error:
            if error.errno == errno.ENOENT:
                self._check_mounted()
                return None
            if error.errno in NOT_THERE:
                raise MediumError(f"{printable(where)}: a link or a file is on the way", _NO_FILE) from error
            raise medium_error(where, error) from error
        if fd is None:
            raise MediumError(f"{printable(where)} is no plain file", _NO_FILE)
        return self._all_of(fd, where)

    def _check_mounted(self) -> None:
        """An archive that holds nothing at all is a disk that is not mounted, not a log that is lost.

        Raises MediumError.
        """
        if is_empty(self._tree):
            raise MediumError(f"{self._tree.root}: the archive folder is empty or not there", REMEDY)

    def _all_of(self, fd: int, where: str) -> bytes:
        """The bytes of *fd*, which is closed."""
        parts: list[bytes] = []
        size = 0
        try:
            # as large as the file and no larger: thousands are read one after the other
            buffer = memoryview(bytearray(min(os.fstat(fd).st_size, CHUNK_BYTES) or 1))
            while size <= LOG_FILE_BYTES:
                count = self._tree.disk.read_into(fd, buffer)
                if not count:
                    return b"".join(parts)
                parts.append(bytes(buffer[:count]))
                size += count
        except OSError as error:
            raise medium_error(where, error) from error
        finally:
            os.close(fd)
        raise MediumError(f"{printable(where)}: more than {LOG_FILE_BYTES} bytes, which no file of a log has")

    def put(self, path: str, data: bytes) -> None:
        check_writable(self._tree)
        put_once(self._tree, _below(path), data)

    def replace(self, path: str, data: bytes) -> None:
        check_writable(self._tree)
        put_over(self._tree, _below(path), data)

    def keep_aside(self, path: str, at: datetime) -> str:
        check_writable(self._tree)
        data = self.read(path)
        kept = f"{SET_ASIDE_FOLDER}/{_below(path).replace(LOG_FOLDER, f'{LOG_FOLDER}/{format_time(at)}', 1)}"
        if data is not None:
            put_once(self._tree, kept, data)
        return kept

    def remove(self, path: str) -> None:
        check_writable(self._tree)
        whole = _below(path)
        with writing(self._tree.where(whole)):
            above, name = split(whole)
            try:
                with self._tree.folder(above) as folder:
                    self._tree.disk.unlink(name, folder)
                    self._tree.disk.fsync_folder(folder)
            except FileNotFoundError:
                return
        if above != LOG_FOLDER:
            self._remove_empty(above)

    def _remove_empty(self, folder: str) -> None:
        """Best effort: an empty folder says nothing; one that holds something stays by itself."""
        above, name = split(folder)
        with suppress(OSError), self._tree.folder(above) as outer:
            self._tree.disk.rmdir(name, outer)

    def files(self, folder: str = "") -> Iterator[str]:
        waiting = [folder]
        while waiting:
            here = waiting.pop()
            folders = []
            for name, is_folder in self._entries(here):
                path = f"{here}/{name}" if here else name
                if is_folder and path.count("/") < _DEEPEST:
                    folders.append(path)
                else:
                    yield path
            waiting.extend(reversed(folders))

    def _entries(self, folder: str) -> list[tuple[str, bool]]:
        """(name, is it a folder) of what lies in *folder*, sorted by the bytes of the names."""
        whole = f"{LOG_FOLDER}/{folder}" if folder else LOG_FOLDER
        try:
            with self._tree.folder(whole) as fd, os.scandir(fd) as found:
                listed = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in found]
        except OSError as error:
            if error.errno == errno.ENOENT:
                self._check_mounted()
                return []
            if error.errno in NOT_THERE:
                where = printable(self._tree.where(whole))
                raise MediumError(f"{where}: a link or a file stands where a folder should be", _NO_FILE) from error
            raise medium_error(self._tree.where(whole), error) from error
        return sorted(listed, key=lambda entry: os.fsencode(entry[0]))


def _below(path: str) -> str:
    """*path* in the archive. Raises StoreError for what is no path."""
    try:
        segments(path or ".")
    except FileNotFoundError as error:
        raise StoreError(f"{printable(path)!r} is no path of a log's file") from error
    return f"{LOG_FOLDER}/{path}"
