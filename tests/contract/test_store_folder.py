"""The folder store where it meets a file system: links, modes, full and failing disks."""

from __future__ import annotations

import errno
import os
import resource
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from archiver.adapters.files.durable import Disk
from archiver.adapters.files.store import FolderStore
from archiver.domain.limits import CHUNK_BYTES, MIB
from archiver.errors import (
    MediumError,
    StoreConflictError,
    StoreError,
    StoreFullError,
)
from tests.support.stores import FaultyDisk, fail, fill, names, read, tree, without_root_rights

FOLDER = "prod/AWSLogs/0a1b"
FILES = {"a": b"first", "b": b"second"}
PLACES = {"a": f"{FOLDER}/result_1.csv.gz", "b": f"{FOLDER}/result_sign.json"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    FolderStore.create(tmp_path / "archive")
    return tmp_path / "archive"


def publish(root: Path, disk: Disk | None = None) -> FolderStore:
    store = FolderStore(root, disk)
    publish_in(store)
    return store


def publish_in(store: FolderStore) -> None:
    stage = store.stage("aa")
    fill(stage, FILES)
    assert stage.publish(PLACES, FOLDER)


# ------------------------------------------------------------------------------------------ the archive itself


def test_create_makes_all_and_spares_what_is_there(tmp_path: Path) -> None:
    root = tmp_path / "a" / "b" / "archive"
    FolderStore.create(root).put("prod/x", b"1")
    assert read(FolderStore.create(root), "prod/x") == b"1"
    assert (root / ".staging").is_dir()
    assert FolderStore(root).url == f"file://{root}"


def test_a_missing_archive_is_named_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=str(tmp_path / "none")) as caught:
        FolderStore(tmp_path / "none")
    assert "archiver ledger upgrade" in caught.value.remedy


def test_a_file_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for make in (FolderStore, FolderStore.create):
        with pytest.raises(StoreError, match="no folder"):
            make(tmp_path / "file")
    with pytest.raises(StoreError):
        FolderStore.create(tmp_path / "file" / "below")


def test_the_root_may_be_a_link_of_the_operators(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    publish(tmp_path / "link")
    assert read(FolderStore(root), PLACES["a"]) == b"first"


def test_an_empty_mount_point_is_not_written_to(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    for write in (lambda: store.stage("aa"), lambda: store.put("prod/x", b"1")):
        with pytest.raises(StoreError, match=r"\.staging"):
            write()
    assert list(tmp_path.iterdir()) == []


def test_an_empty_mount_point_is_no_archive_of_lost_files(root: Path, tmp_path: Path) -> None:
    store = publish(root)
    root.rename(tmp_path / "unmounted")
    for empty in (False, True):
        if empty:
            root.mkdir()
        with pytest.raises(MediumError, match="empty or not there"), store.open(PLACES["a"], from_medium=True):
            pass
        with pytest.raises(MediumError):
            store.entries(FOLDER)


def test_a_restored_copy_without_staging_folder_can_be_read(root: Path) -> None:
    publish(root)
    (root / ".staging").rmdir()
    store = FolderStore(root)
    assert read(store, PLACES["a"]) == b"first"
    with pytest.raises(FileNotFoundError), store.open(f"{FOLDER}/result_2.csv.gz", from_medium=True):
        pass


# ---------------------------------------------------------------------------------------------- modes


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o027, 0o077])
def test_files_are_read_only_and_the_umask_holds(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        root = tmp_path / "archive"
        FolderStore.create(root)
        store = publish(root)
        store.put("keys/k", b"1")
        stage = store.stage("bb")
        fill(stage, {"d": b"2"})
        store.replace_damaged(PLACES["a"], stage, "d", "set-aside/x")
        stage.discard()
    finally:
        os.umask(before)
    for path in root.rglob("*"):
        private = path.is_relative_to(root / ".staging")
        wanted = 0o700 if private else 0o755 if path.is_dir() else 0o444
        assert stat.S_IMODE(path.stat().st_mode) == wanted & ~umask, path


def test_modes_are_enough_for_a_user_without_root_rights(open_folder: Path) -> None:
    with without_root_rights():
        root = open_folder / "archive"
        FolderStore.create(root)
        stage = FolderStore(root, FaultyDisk(fail("rename", errno.EIO, at=3))).stage("aa")
        fill(stage, FILES)
        with pytest.raises(StoreError):
            stage.publish(PLACES, FOLDER)
        store = publish(root)  # resumes files that were made read-only already
        assert read(store, PLACES["a"]) == b"first"


# ---------------------------------------------------------------------------------------------- links and specials


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_text("secret")
    return folder


@pytest.mark.parametrize("planted", ["prod", "prod/AWSLogs", FOLDER])
def test_nothing_is_written_or_read_through_a_planted_link(root: Path, outside: Path, planted: str) -> None:
    (root / planted).parent.mkdir(parents=True, exist_ok=True)
    (root / planted).symlink_to(outside)
    store = FolderStore(root)
    stage = store.stage("aa")
    fill(stage, FILES)
    if planted == FOLDER:
        assert not stage.publish(PLACES, FOLDER)
    else:
        with pytest.raises(StoreConflictError, match="a link or a file stands where a folder should be") as caught:
            stage.publish(PLACES, FOLDER)
        assert caught.value.remedy
    with pytest.raises(StoreConflictError):
        store.put(f"{planted}/x", b"1")
    with pytest.raises(StoreConflictError):
        store.replace_damaged(f"{planted}/x", stage, "a", "set-aside/x")
    store.put("keys/x", b"1")
    with pytest.raises(StoreConflictError):
        store.replace_damaged("keys/x", stage, "a", f"{planted}/x")
    with pytest.raises(FileNotFoundError), store.open(f"{planted}/secret", from_medium=True):
        pass
    assert store.entries(planted) == ()
    assert tree(outside) == {"secret": b"secret"}


def test_a_link_in_the_place_of_a_file_is_not_followed(root: Path, outside: Path) -> None:
    store = publish(root)
    (root / PLACES["a"]).unlink()
    (root / PLACES["a"]).symlink_to(outside / "secret")
    (root / FOLDER / "dangling").symlink_to(outside / "none")
    with pytest.raises(FileNotFoundError), store.open(PLACES["a"], from_medium=True):
        pass
    with pytest.raises(StoreConflictError):
        store.put(PLACES["a"], b"secret")
    with pytest.raises(StoreConflictError):
        store.put(f"{FOLDER}/dangling", b"x")
    assert ("result_1.csv.gz", "link") in names(store, FOLDER)
    stage = store.stage("aa")
    fill(stage, FILES)
    assert not stage.publish(PLACES, FOLDER)
    assert store.replace_damaged(PLACES["a"], stage, "a", "set-aside/a") == "set-aside/a"
    assert (root / "set-aside/a").is_symlink()
    assert read(store, PLACES["a"]) == b"first"
    assert tree(outside) == {"secret": b"secret"}


def test_links_in_the_staging_folder_are_refused(root: Path, outside: Path) -> None:
    (root / ".staging/aa").symlink_to(outside)
    with pytest.raises(StoreError):
        FolderStore(root).stage("aa")
    with FolderStore(root).stage("bb").file("x", "1"):
        pass
    slot = next((root / ".staging/bb/files").iterdir())
    slot.unlink()
    slot.symlink_to(outside / "secret")
    with pytest.raises(StoreError), FolderStore(root).stage("bb").file("x", "1"):
        pass
    assert tree(outside) == {"secret": b"secret"}


def test_a_staged_file_that_is_archived_already_is_never_written_to(root: Path) -> None:
    store = publish(root)
    stage = store.stage("bb")
    with stage.file("x", "1"):
        pass
    slot = next((root / ".staging/bb/files").iterdir())
    slot.unlink()
    os.link(root / PLACES["a"], slot)  # what a kill between link and unlink leaves
    with FolderStore(root).stage("bb").file("x", "1") as staged:
        assert staged.size == 0
        staged.append(b"other")
    assert read(store, PLACES["a"]) == b"first"
    assert not (root / PLACES["a"]).stat().st_mode & 0o222


def test_a_fifo_neither_blocks_nor_counts_as_a_file(root: Path) -> None:
    store = publish(root)
    (root / PLACES["a"]).unlink()
    os.mkfifo(root / PLACES["a"])
    with pytest.raises(FileNotFoundError), store.open(PLACES["a"], from_medium=True):
        pass
    assert ("result_1.csv.gz", "other") in names(store, FOLDER)
    stage = store.stage("aa")
    fill(stage, FILES)
    assert not stage.publish(PLACES, FOLDER)
    assert store.replace_damaged(PLACES["a"], stage, "a", "set-aside/a") == "set-aside/a"
    assert stat.S_ISFIFO((root / "set-aside/a").stat().st_mode)
    assert read(store, PLACES["a"]) == b"first"


def test_a_folder_in_the_place_of_a_file_is_set_aside(root: Path) -> None:
    store = publish(root)
    (root / PLACES["a"]).unlink()
    (root / PLACES["a"]).mkdir()
    (root / PLACES["a"] / "x").write_text("strange")
    stage = store.stage("aa")
    fill(stage, FILES)
    assert store.replace_damaged(PLACES["a"], stage, "a", "set-aside/a") == "set-aside/a"
    assert read(store, "set-aside/a/x") == b"strange"
    assert read(store, PLACES["a"]) == b"first"


def test_a_file_in_the_place_of_a_folder_is_named(root: Path) -> None:
    store = FolderStore(root)
    store.put("prod", b"a file")
    stage = store.stage("aa")
    fill(stage, FILES)
    with pytest.raises(StoreConflictError, match=r"\(prod\)"):
        stage.publish(PLACES, FOLDER)


def test_an_empty_folder_in_the_way_is_noticed(root: Path) -> None:
    (root / FOLDER).mkdir(parents=True)
    stage = FolderStore(root).stage("aa")
    fill(stage, FILES)
    assert not stage.publish(PLACES, FOLDER)
    assert list((root / FOLDER).iterdir()) == []


def test_a_folder_that_appears_at_the_last_moment_is_not_touched(root: Path) -> None:
    def appear(call: str, number: int) -> None:
        if call == "rename" and (root / ".staging/aa/ready").is_dir() and not any(slots.iterdir()):
            (root / FOLDER).mkdir()
            (root / FOLDER / "theirs").write_text("1")

    stage = FolderStore(root, FaultyDisk(appear)).stage("aa")
    slots = root / ".staging/aa/files"
    fill(stage, FILES)
    with pytest.raises(StoreConflictError, match="appeared"):
        stage.publish(PLACES, FOLDER)
    assert tree(root / FOLDER) == {"theirs": b"1"}
    assert (
        FolderStore(root)
        .stage("aa")
        .publish({name: path.replace("0a1b", "0a1b@r2") for name, path in PLACES.items()}, f"{FOLDER}@r2")
    )


def test_a_small_file_that_appears_at_the_last_moment_is_not_overwritten(root: Path) -> None:
    def appear(call: str, number: int) -> None:
        if call == "link":
            (root / "keys/k").write_text("theirs")

    store = FolderStore(root, FaultyDisk(appear))
    with pytest.raises(StoreConflictError):
        store.put("keys/k", b"ours")
    assert tree(root) == {"keys/k": b"theirs"}


# ---------------------------------------------------------------------------------------------- trouble


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
        publish_in(store)
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
        publish_in(store)
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


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    target = tmp_path / "small"
    target.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "archiver-test", str(target)], capture_output=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {done.stderr.decode(errors='replace').strip()}")
    yield target
    subprocess.run(["umount", str(target)], check=True)


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
