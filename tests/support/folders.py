"""Folder sources for tests: files made, listed and read in a line each."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from archiver.adapters.files.folder_source import FolderSource
from archiver.domain.delivery import SourceObject
from archiver.domain.evidence import Origin


def put(root: Path, key: str, data: bytes = b"x") -> Path:
    path = root / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def keys(found: Iterable[SourceObject]) -> list[str]:
    return [o.key for o in found]


def source(root: Path) -> FolderSource:
    return FolderSource("disk", root, "eu-west-1")


def one(root: Path, key: str) -> SourceObject:
    return next(o for o in source(root).objects() if o.key == key)


def fetched(root: Path, found: SourceObject, offset: int = 0, pinned: Origin | None = None) -> bytes:
    with source(root).open(found, offset, pinned) as stream:
        return b"".join(stream.chunks())
