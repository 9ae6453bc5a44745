"""A report on its way to its file: whole or not at all, however many items it has, in little memory."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Final, Protocol

from archiver.domain.dossier import Heading, ItemDossier
from archiver.domain.summary import Summary
from archiver.errors import UsageError

_COPY_BYTES: Final = 1024 * 1024

Recorded = Callable[[Summary, str], None]
"""Puts a finished report on record: its figures and the SHA-256 of its bytes."""


class Renderer(Protocol):
    """Data in, text out. ``name``: of the format. ``begin`` knows the figures, so it comes after the last item."""

    @property
    def name(self) -> str: ...

    def begin(self, heading: Heading, summary: Summary) -> Iterator[str]: ...
    def item(self, item: ItemDossier, first: bool) -> Iterator[str]: ...
    def end(self) -> Iterator[str]: ...


class Draft(Protocol):
    """A report while its items come. ``name``: of the format. Memory does not grow with their number."""

    @property
    def name(self) -> str: ...

    def add(self, item: ItemDossier) -> None: ...

    def write(self, heading: Heading, summary: Summary, out: IO[bytes]) -> None:
        """The whole report, once the last item is in."""
        ...

    def close(self) -> None: ...


class TextDraft:
    """``Draft`` by a renderer of text: items go through a nameless file, for the figures above them come last."""

    def __init__(self, renderer: Renderer, folder: Path | None = None) -> None:
        self.name = renderer.name
        self._renderer, self._folder = renderer, folder
        self._body: IO[bytes] | None = None

    def add(self, item: ItemDossier) -> None:
        """See ``Draft``."""
        first = self._body is None
        if self._body is None:
            self._body = tempfile.TemporaryFile("w+b", dir=self._folder)  # noqa: SIM115 - closed by close
        for text in self._renderer.item(item, first=first):
            self._body.write(text.encode("utf-8"))

    def write(self, heading: Heading, summary: Summary, out: IO[bytes]) -> None:
        """See ``Draft``."""
        for text in self._renderer.begin(heading, summary):
            out.write(text.encode("utf-8"))
        if self._body is not None:
            self._body.seek(0)
            shutil.copyfileobj(self._body, out, _COPY_BYTES)
        for text in self._renderer.end():
            out.write(text.encode("utf-8"))

    def close(self) -> None:
        """See ``Draft``."""
        if self._body is not None:
            self._body.close()


def check_target(target: Path | None, force: bool, archive: Path, kept: Sequence[Path] = ()) -> None:
    """Raises UsageError where a report must not or cannot go to *target* (None: stdout).

    *kept*: files of the program that are never replaced, nor what lies beside them under a name that begins so
    (``ledger.db-wal``, ``custody-key.last-head``).
    """
    if target is None:
        return
    real = target.resolve()
    for own in (path.resolve() for path in kept):
        if real.parent == own.parent and real.name.startswith(own.name):
            raise UsageError(f"{target} belongs to the program ({own}); nothing was done", "Give another name.")
    if not target.parent.is_dir():
        raise UsageError(f"{target}: there is no folder {target.parent}")
    if target.resolve().is_relative_to(archive.resolve()):
        raise UsageError(f"{target} lies in the archive, which is for evidence alone")
    try:
        mode = target.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"{target} cannot be looked at: {error.strerror}") from error
    if not stat.S_ISREG(mode):
        raise UsageError(f"{target} is there and is no regular file", "--out - writes to stdout")
    if not force:
        raise UsageError(f"{target} is there already; nothing was done", "Give another name, or --force.")


def write_report(
    draft: Draft,
    heading: Heading,
    items: Iterable[ItemDossier],
    target: Path | None,
    recorded: Recorded,
    force: bool = False,
) -> Summary:
    """Writes the report on *items* to *target* (None: stdout), once *recorded* has put it on record.

    *target* appears as a whole, its bytes on disk, and replaces another file only with *force*; a report that exists
    is one that is on record. Raises UsageError where there is no item or *target* cannot be written.
    """
    summary = Summary()
    try:
        for item in items:
            draft.add(item)
            summary.add(item)
        if not summary.items:
            raise UsageError("no evidence is archived that meets this; no report was written")
        if target is None:
            _to_stdout(draft, heading, summary, recorded)
        else:
            _to_file(target, draft, heading, summary, recorded, force)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT):
            raise
        raise UsageError(f"{target or 'a temporary file'}: cannot be written: {error.strerror}") from error
    finally:
        draft.close()
    return summary


def _to_stdout(draft: Draft, heading: Heading, summary: Summary, recorded: Recorded) -> None:
    with tempfile.TemporaryFile("w+b") as whole:
        draft.write(heading, summary, whole)
        whole.seek(0)
        recorded(summary, hashlib.file_digest(whole, "sha256").hexdigest())
        whole.seek(0)
        shutil.copyfileobj(whole, sys.stdout.buffer, _COPY_BYTES)
        sys.stdout.buffer.flush()


def _to_file(target: Path, draft: Draft, heading: Heading, summary: Summary, recorded: Recorded, force: bool) -> None:
    unfinished = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}")
    try:
        with unfinished.open("x+b") as stream:
            draft.write(heading, summary, stream)
            stream.flush()
            os.fsync(stream.fileno())
            stream.seek(0)
            recorded(summary, hashlib.file_digest(stream, "sha256").hexdigest())
        _put(unfinished, target, force)
    finally:
        unfinished.unlink(missing_ok=True)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _put(draft: Path, target: Path, force: bool) -> None:
    """A link refuses where a file has come meanwhile, a rename would not; some file systems have no links."""
    if not force:
        try:
            os.link(draft, target)
        except FileExistsError as error:
            raise UsageError(f"{target} is there now; it was left as it is") from error
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
                raise
        else:
            return
    os.replace(draft, target)
