"""The folder store where it meets a file system: links, modes, and what somebody planted."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from archiver.adapters.files.store import FolderStore
from archiver.errors import (
    MediumError,
    StoreConflictError,
    StoreError,
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
    read,
    tree,
    without_root_rights,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    FolderStore.create(tmp_path / "archive")
    return tmp_path / "archive"


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
    with pytest.raises(StoreError), FolderStore(root).stage("aa").file("x", "1"):
        pass
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


def test_what_stands_in_an_open_folder_is_read_from_that_one_alone(root: Path) -> None:
    """Also where another folder has its path meanwhile; and never through a link."""
    store = FolderStore(root)
    store.put("prod/one/x", b"1")
    store.put("prod/one/folder/y", b"2")
    (root / "prod/one/link").symlink_to(root / "prod/one/x")
    os.mkfifo(root / "prod/one/pipe")
    with store.folder("prod/one", False) as inside:
        (root / "prod/one").rename(root / "prod/aside")
        store.put("prod/one/x", b"another")
        with inside.open("x") as file:
            assert file.read() == b"1"
        assert [(entry.name, entry.kind) for entry in inside.entries()] == [
            ("folder", "folder"),
            ("link", "link"),
            ("pipe", "other"),
            ("x", "file"),
        ]
        for name in ("folder", "link", "pipe"):
            with pytest.raises(FileNotFoundError), inside.open(name):
                pass
    (root / "prod/two").symlink_to(root / "prod/one")
    with pytest.raises(FileNotFoundError), store.folder("prod/two", False):
        pass


def test_an_open_folder_tells_the_disk_s_errors(root: Path) -> None:
    FolderStore(root).put("prod/x", b"1")
    store = FolderStore(root, FaultyDisk(fail("read_into", errno.EIO)))
    with store.folder("prod", True) as inside, inside.open("x") as file, pytest.raises(MediumError):
        file.read()


def test_an_archive_that_is_not_mounted_has_no_folder_to_open(root: Path) -> None:
    for path in root.iterdir():
        path.rmdir()
    with pytest.raises(MediumError, match="empty"), FolderStore(root).folder("prod", True):
        pass
