"""The folder source when it gives bytes: as they were listed, or an error; never by way of a link."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from archiver.domain.delivery import SourceObject
from archiver.domain.evidence import Origin
from archiver.domain.limits import CHUNK_BYTES
from archiver.errors import (
    MediumError,
    ObjectChangedError,
    ObjectGoneError,
)
from tests.support.folders import fetched, one, put, source
from tests.support.stores import without_root_rights


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


def test_bytes_and_origin_of_a_file(root: Path) -> None:
    data = os.urandom(2 * CHUNK_BYTES + 3)
    put(root, "a/b", data)
    found = one(root, "a/b")
    with source(root).open(found) as stream:
        assert stream.origin == Origin(key="a/b", etag=found.etag, last_modified=found.last_modified)
        pieces = list(stream.chunks())
    assert b"".join(pieces) == data
    assert max(map(len, pieces)) <= CHUNK_BYTES
    assert fetched(root, found, CHUNK_BYTES + 1) == data[CHUNK_BYTES + 1 :]
    assert fetched(root, found, len(data)) == b""
    assert fetched(root, found, 5, Origin(key="a/b", etag=found.etag)) == data[5:]


def test_an_empty_file_has_no_bytes(root: Path) -> None:
    put(root, "empty", b"")
    assert fetched(root, one(root, "empty")) == b""


def test_a_file_that_changed_since_it_was_listed_is_not_given(root: Path) -> None:
    path = put(root, "a", b"12345")
    found = one(root, "a")
    path.write_bytes(b"123456")
    with pytest.raises(ObjectChangedError, match="modified"):
        fetched(root, found)
    path.write_bytes(b"54321")
    os.utime(path, ns=(0, 1))
    with pytest.raises(ObjectChangedError):
        fetched(root, found)
    with pytest.raises(ObjectChangedError, match="before"):
        fetched(root, one(root, "a"), pinned=Origin(key="a", etag=found.etag))
    with pytest.raises(ObjectChangedError):
        fetched(root, one(root, "a"), offset=6)


@pytest.mark.parametrize("change", ["rewritten", "shortened", "lengthened"])
def test_a_file_that_changes_while_it_is_read_is_noticed(root: Path, change: str) -> None:
    path = put(root, "a", b"x" * (CHUNK_BYTES + 10))
    found = one(root, "a")
    with source(root).open(found) as stream:
        chunks = stream.chunks()
        next(chunks)
        if change == "shortened":
            os.truncate(path, CHUNK_BYTES)
        else:
            with path.open("r+b") as file:
                file.seek(0, os.SEEK_END if change == "lengthened" else os.SEEK_SET)
                file.write(b"other")
            os.utime(path, ns=(0, 1))
        with pytest.raises(ObjectChangedError):
            list(chunks)


def test_a_file_replaced_while_it_is_read_is_not_mixed_with_the_other(root: Path) -> None:
    path = put(root, "a", b"x" * (CHUNK_BYTES + 10))
    with source(root).open(one(root, "a")) as stream:
        chunks = stream.chunks()
        given = [next(chunks)]
        put(root, "new", b"y" * (CHUNK_BYTES + 10)).replace(path)
        with pytest.raises(ObjectChangedError):
            given.extend(chunks)
    assert set(b"".join(given)) == {ord("x")}


@pytest.mark.parametrize("how", ["in place", "replaced"])
def test_a_file_altered_with_size_and_time_kept_is_another_one(root: Path, how: str) -> None:
    path = put(root, "a", b"12345")
    listed, facts = one(root, "a"), path.stat()
    if how == "in place":
        path.write_bytes(b"54321")
    else:
        put(root, "new", b"54321").replace(path)
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    now = one(root, "a")
    assert (now.size, now.last_modified) == (listed.size, listed.last_modified)
    assert now.etag != listed.etag
    with pytest.raises(ObjectChangedError, match="modified"):
        fetched(root, listed)


def test_a_file_that_is_gone_is_gone(root: Path) -> None:
    path = put(root, "a/b")
    found = one(root, "a/b")
    path.unlink()
    with pytest.raises(ObjectGoneError, match="a/b"):
        fetched(root, found)
    path.parent.rmdir()
    with pytest.raises(ObjectGoneError):
        fetched(root, found)


@pytest.mark.parametrize(
    "key", ["", "../secret", "/etc/passwd", "a/../../secret", "a//b", "nul\0", "\ud800", "n" * 300]
)
def test_no_key_leads_out_of_the_folder(root: Path, key: str) -> None:
    put(root.parent, "secret")
    put(root, "a/b")
    with pytest.raises(ObjectGoneError):
        fetched(root, SourceObject(key, 1, "1"))


def test_a_link_that_takes_the_place_of_a_folder_or_file_is_not_followed(root: Path, tmp_path: Path) -> None:
    path = put(root, "d/e/file", b"data")
    found = one(root, "d/e/file")
    path.parent.rename(tmp_path / "moved")
    (root / "d/e").symlink_to(tmp_path / "moved")
    with pytest.raises(ObjectGoneError):
        fetched(root, found)
    (root / "d/e").unlink()
    (root / "d/e").mkdir()
    path.symlink_to(tmp_path / "moved/file")
    with pytest.raises(ObjectChangedError, match="link"):
        fetched(root, found)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ObjectChangedError):  # and does not wait for a writer
        fetched(root, found)


def test_a_file_that_may_not_be_read_is_an_error_of_the_medium(open_folder: Path) -> None:
    with without_root_rights():
        root = open_folder / "source"
        path = put(root, "a/b")
        found = one(root, "a/b")
        path.chmod(0)
        with pytest.raises(MediumError, match="a/b") as caught:
            fetched(root, found)
        assert "right" in caught.value.remedy
