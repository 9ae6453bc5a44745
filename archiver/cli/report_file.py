"""A report on its way to its file: whole or not at all, however many items it has, in little memory."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Final, Protocol

from archiver.domain.dossier import Heading, ItemDossier, Summary
from archiver.errors import UsageError

_COPY_BYTES: Final = 1024 * 1024

Recorded = Callable[[Summary, str], None]
"""Puts a finished report on record: its figures and the SHA-256 of its bytes."""


class Renderer(Protocol):
    """Data in, text out. ``name``: of the format."""

    @property
    def name(self) -> str: ...

    def begin(self, heading: Heading, summary: Summary) -> Iterator[str]: ...
    def item(self, item: ItemDossier, first: bool) -> Iterator[str]: ...
    def end(self) -> Iterator[str]: ...


def check_target(target: Path | None, force: bool, archive: Path) -> None:
    """Raises UsageError where a report must not or cannot go to *target* (None: stdout)."""
    if target is None:
        return
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
    renderer: Renderer,
    heading: Heading,
    items: Iterable[ItemDossier],
    target: Path | None,
    recorded: Recorded,
    force: bool = False,
) -> Summary:
    """Writes the report on *items* to *target* (None: stdout), once *recorded* has put it on record.

    The items go through a nameless file, for the figures above them are known after the last one. *target* appears
    as a whole, its bytes on disk, and replaces another file only with *force*; a report that exists is one that is
    on record. Raises UsageError where there is no item or *target* cannot be written.
    """
    folder = target.parent if target else None
    summary = Summary()
    try:
        with tempfile.TemporaryFile("w+b", dir=folder) as body:
            for item in items:
                for text in renderer.item(item, first=not summary.items):
                    body.write(text.encode("utf-8"))
                summary.add(item)
            if not summary.items:
                raise UsageError("no evidence is archived that meets this; no report was written")
            head = "".join(renderer.begin(heading, summary)).encode("utf-8")
            tail = "".join(renderer.end()).encode("utf-8")
            if target is None:
                _to_stdout(head, body, tail, summary, recorded)
            else:
                _to_file(target, head, body, tail, lambda sha256: recorded(summary, sha256), force)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT):
            raise
        raise UsageError(f"{target or 'a temporary file'}: cannot be written: {error.strerror}") from error
    return summary


def _to_stdout(head: bytes, body: IO[bytes], tail: bytes, summary: Summary, recorded: Recorded) -> None:
    digest = hashlib.sha256()
    for chunk in _chunks(head, body, tail):
        digest.update(chunk)
    recorded(summary, digest.hexdigest())
    for chunk in _chunks(head, body, tail):
        sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()


def _to_file(
    target: Path, head: bytes, body: IO[bytes], tail: bytes, recorded: Callable[[str], None], force: bool
) -> None:
    draft = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}")
    digest = hashlib.sha256()
    try:
        with draft.open("xb") as stream:
            for chunk in _chunks(head, body, tail):
                digest.update(chunk)
                stream.write(chunk)
            stream.flush()
            os.fsync(stream.fileno())
        recorded(digest.hexdigest())
        _put(draft, target, force)
    finally:
        draft.unlink(missing_ok=True)
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


def _chunks(head: bytes, body: IO[bytes], tail: bytes) -> Iterator[bytes]:
    yield head
    body.seek(0)
    while chunk := body.read(_COPY_BYTES):
        yield chunk
    yield tail
