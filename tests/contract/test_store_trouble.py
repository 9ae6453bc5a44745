"""The folder store when the disk is full, failing, or without rights: told apart, named, nothing lost."""

from __future__ import annotations

import errno
import os
import resource
import stat
from pathlib import Path

import pytest

from archiver.adapters.files.store import FolderStore
from archiver.domain.limits import CHUNK_BYTES, MIB
from archiver.errors import (
    MediumError,
    StoreConflictError,
    StoreError,
    StoreFullError,
)
from tests.support.stores import (
    FILES,
    FOLDER,
    PLACES,
    FaultyDisk,
    fail,
    fill,
    names,
    publish,
    publish_delivery,
    read,
    tree,
    without_root_rights,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    FolderStore.create(tmp_path / "archive")
    return tmp_path / "archive"


@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_publishing_can_be_tried_again(root: Path, at: int) -> None:
    disk = FaultyDisk()
    stage = FolderStore(root, disk).stage("aa")
    fill(stage, FILES)
    disk.hook = fail("rename", errno.EIO, at)
    with pytest.raises(StoreError):
        stage.publish(PLACES, FOLDER)
    disk.hook = lambda _call, _number: None
    assert stage.publish(PLACES, FOLDER)
    assert tree(root) == {path: FILES[name] for name, path in PLACES.items()}


def test_a_delivery_that_was_adopted_is_made_read_only(root: Path) -> None:
    publish(root)
    (root / PLACES["a"]).chmod(0o644)
    publish(root)
    assert stat.S_IMODE((root / PLACES["a"]).stat().st_mode) == 0o444


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("call", ["write", "fsync", "fsync_folder", "mkdir", "rename"])
def test_a_full_disk_is_said_to_be_full_and_loses_nothing(root: Path, call: str, code: int) -> None:
    store = FolderStore(root, FaultyDisk(fail(call, code)))
    with pytest.raises(StoreFullError, match=str(root)) as caught:
        publish_delivery(store)
    assert caught.value.remedy
    assert not (root / FOLDER).exists()
    with pytest.raises(StoreFullError):
        FolderStore(root, FaultyDisk(fail("fsync", code))).put("keys/k", b"1")
    publish(root)
    assert tree(root) == {path: FILES[name] for name, path in PLACES.items()}


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.EXDEV, errno.ENFILE])
@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_other_trouble_names_the_path(root: Path, call: str, code: int) -> None:
    store = FolderStore(root, FaultyDisk(fail(call, code)))
    with pytest.raises(StoreError, match=str(root)) as caught:
        publish_delivery(store)
    assert not isinstance(caught.value, StoreFullError)
    assert isinstance(caught.value.__cause__, OSError)
    publish(root)


def test_bytes_whose_fsync_failed_are_not_trusted_again(root: Path) -> None:
    """The system reports a page that could not be written once; the next fsync would say that all is well."""
    stage = FolderStore(root, FaultyDisk(fail("fsync", errno.EIO, at=2))).stage("aa")
    fill(stage, FILES)
    with pytest.raises(StoreError):
        stage.publish(PLACES, FOLDER)
    sizes = []
    for name in FILES:
        with FolderStore(root).stage("aa").file(name, "v1") as staged:
            sizes.append(staged.size)
    assert sizes == [len(FILES["a"]), 0]


def test_a_file_system_without_hard_links_will_do(root: Path) -> None:
    disk = FaultyDisk(fail("link", errno.EPERM))
    store = FolderStore(root, disk)
    store.put("keys/k", b"1")
    store.put("keys/k", b"1")
    with pytest.raises(StoreConflictError):
        store.put("keys/k", b"2")
    stage = store.stage("aa")
    fill(stage, {"a": b"1", "u": b"2"})
    assert stage.publish({"a": f"{FOLDER}/a", "u": "unlisted/u"}, FOLDER)
    stage = store.stage("aa")
    fill(stage, {"a": b"3"})
    assert store.replace_damaged(f"{FOLDER}/a", stage, "a", "set-aside/a") == "set-aside/a"
    stage.discard()
    assert tree(root) == {"keys/k": b"1", "unlisted/u": b"2", f"{FOLDER}/a": b"3", "set-aside/a": b"1"}


def test_a_medium_that_fails_is_not_other_bytes(root: Path) -> None:
    publish(root)
    store = FolderStore(root, FaultyDisk(fail("read_into", errno.EIO)))
    with store.open(PLACES["a"], from_medium=True) as file, pytest.raises(MediumError, match=str(root)):
        file.read()
    with store.open(PLACES["a"], from_medium=True) as file, pytest.raises(MediumError):
        file.read(CHUNK_BYTES)


def test_a_file_that_may_not_be_read_is_not_missing(open_folder: Path) -> None:
    with without_root_rights():
        root = open_folder / "archive"
        FolderStore.create(root)
        store = publish(root)
        (root / PLACES["a"]).chmod(0)
        with (
            pytest.raises(MediumError, match=r"result_1\.csv\.gz") as caught,
            store.open(PLACES["a"], from_medium=True),
        ):
            pass
        assert "right" in caught.value.remedy
        (root / FOLDER).chmod(0)
        with pytest.raises(MediumError):
            store.entries(FOLDER)
        (root / FOLDER).chmod(0o755)
        root.chmod(0o555)
        with pytest.raises(StoreError, match="permission denied"):
            store.put("new/k", b"1")
        root.chmod(0o755)


def test_staged_bytes_that_cannot_be_read_back_are_fetched_anew(root: Path) -> None:
    fill(FolderStore(root).stage("aa"), FILES)
    stage = FolderStore(root, FaultyDisk(fail("read_into", errno.EIO))).stage("aa")
    with pytest.raises(MediumError), stage.file("a", "v1") as staged:
        list(staged.read_back())
    with FolderStore(root).stage("aa").file("a", "v1") as staged:
        assert staged.size == 0


def test_reading_from_the_medium_drops_cached_pages(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dropped = []
    advise = os.posix_fadvise
    monkeypatch.setattr(os, "posix_fadvise", lambda fd, *what: (dropped.append(what), advise(fd, *what)))
    store = publish(root)
    assert read(store, PLACES["a"], from_medium=False) == b"first"
    assert dropped == []
    assert read(store, PLACES["a"], from_medium=True) == b"first"
    assert set(dropped) == {(0, 0, os.POSIX_FADV_DONTNEED)}


def test_a_file_over_the_process_limit_is_no_evidence(root: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    stage = FolderStore(root).stage("aa")
    resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, before[1]))
    try:
        with stage.file("a", "v1") as staged, pytest.raises(StoreError, match="limit"):
            staged.append(b"x" * (2 * MIB))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    with stage.file("a", "v1") as staged:
        assert staged.size == MIB
        staged.append(b"x" * MIB)
    assert stage.publish({"a": f"{FOLDER}/a"}, FOLDER)
    assert read(FolderStore(root), f"{FOLDER}/a") == b"x" * 2 * MIB


def test_a_disk_that_is_really_full(small_disk: Path) -> None:
    root = small_disk / "archive"
    FolderStore.create(root)
    store = publish(root)
    assert 0 < store.free_bytes() <= 2 * MIB
    stage = store.stage("bb")
    with stage.file("big", "1") as staged, pytest.raises(StoreFullError, match=r"no room") as caught:
        staged.append(b"x" * 4 * MIB)
    assert "Make room" in caught.value.remedy
    assert store.free_bytes() == 0
    with pytest.raises(StoreFullError):
        store.put("keys/k", b"k" * 10_000)
    assert read(store, PLACES["a"]) == b"first"
    with stage.file("big", "1") as staged:
        assert b"".join(staged.read_back()) == b"x" * staged.size
        assert staged.size >= MIB
    stage.discard()
    store.put("keys/k", b"k" * 10_000)
    assert names(store, FOLDER) == [("result_1.csv.gz", "file"), ("result_sign.json", "file")]
