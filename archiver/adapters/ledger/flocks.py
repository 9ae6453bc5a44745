"""Locks beside a SQLite ledger: ``flock`` on one small file a job, which the kernel ends with its holder."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from archiver.adapters.ledger.stored import stored_time
from archiver.adapters.owner import make_folders, missing_folders, open_or_make
from archiver.domain.text import printable
from archiver.errors import BusyError, LeaseLostError, LedgerError

_POLL_SECONDS: Final = 0.1
_HOLDER_BYTES: Final = 4096
_PLAIN: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}", re.ASCII)


class FileLocks:
    """``ports.Locks`` for the ledger in *file*. Each hold opens its file anew, so threads exclude each other too."""

    def __init__(self, file: Path) -> None:
        self._folder = file.with_name(file.name + ".locks")
        self._held: dict[int, Path] = {}
        self._mutex = threading.Lock()

    @contextmanager
    def hold(self, job: str, wait: bool = True) -> Iterator[None]:
        """See ``ports.Locks``. Waiting polls, so that a signal's handler can end it by raising."""
        path = self._folder / f"{_file_name(job)}.lock"
        descriptor = self._acquire(path, job, wait)
        try:
            with self._mutex:
                self._held[descriptor] = path
            _sign(descriptor, job)
            yield
        finally:
            with self._mutex:
                self._held.pop(descriptor, None)
            os.close(descriptor)

    def _acquire(self, path: Path, job: str, wait: bool) -> int:
        while True:
            descriptor = self._open(path)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_at(descriptor, path):  # else it was removed between the two calls: lock its successor
                    return descriptor
                os.close(descriptor)
            except BlockingIOError:
                holder = _holder(descriptor)
                os.close(descriptor)
                if not wait:
                    raise BusyError(f"{job} is held by {holder}", "wait for it to end, or end it") from None
                time.sleep(_POLL_SECONDS)
            except OSError as error:
                os.close(descriptor)
                raise LedgerError(f"lock {path}: {error.strerror}") from error

    def _open(self, path: Path) -> int:
        try:
            make_folders(missing_folders(self._folder), 0o700)
            return open_or_make(path, os.O_RDWR | os.O_NOFOLLOW, 0o600, self._folder.parent)
        except OSError as error:
            raise LedgerError(
                f"lock {path}: {error.strerror}", "check the owner and mode of the ledger's folder"
            ) from error

    def check(self) -> None:
        """See ``ports.Locks``. The kernel keeps the lock; only removing its file would let another process in."""
        with self._mutex:
            held = list(self._held.items())
            lost = [path for descriptor, path in held if not _is_at(descriptor, path)]
        if lost:
            raise LeaseLostError(f"the lock file {lost[0]} was removed while it was held", "start again")


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        there = path.stat(follow_symlinks=False)
    except OSError:
        return False
    ours = os.fstat(descriptor)
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)


def _file_name(job: str) -> str:
    if _PLAIN.fullmatch(job):
        return job
    readable = re.sub(r"[^A-Za-z0-9_-]", "_", job)[:60]
    digest = hashlib.sha256(job.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{readable}.{digest[:16]}"


def _sign(descriptor: int, job: str) -> None:
    """Says in the file who holds it. Only for messages: the lock itself is the kernel's."""
    holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": stored_time(datetime.now(UTC)), "job": job}
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, (json.dumps(holder) + "\n").encode("ascii"), 0)
    except OSError:  # a full disk must not keep a daemon from its work
        return


def _holder(descriptor: int) -> str:
    try:
        found = json.loads(os.pread(descriptor, _HOLDER_BYTES, 0))
        said = f"process {found['pid']} on {found['host']} since {found['since']}"
    except (OSError, ValueError, TypeError, KeyError):
        return "another process"
    return printable(said, 200)
