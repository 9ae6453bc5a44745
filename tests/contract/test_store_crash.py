"""The folder store under ``kill -9`` at every system call, and after power failures: whole or not at all."""

from __future__ import annotations

import errno
import itertools
import stat
from pathlib import Path

import pytest

from archiver.adapters.files import staged_file
from archiver.adapters.files.store import FolderStore
from archiver.domain.limits import CHUNK_BYTES
from archiver.errors import StoreError
from tests.support.stores import (
    FaultyDisk,
    append_job,
    fail,
    fill,
    names,
    publish_job,
    put_job,
    read,
    replace_job,
    run_to_its_death,
    tree,
)

FOLDER = "prod/AWSLogs/0a1b"
FILES = {"data:1": b"first" * 1000, "data:2": b"second" * 1000, "data:note": b"third" * 10}
PLACES = {"data:1": f"{FOLDER}/result_1.csv.gz", "data:2": f"{FOLDER}/result_sign.json", "data:note": "unlisted/p/n"}
WHOLE = {path: FILES[name] for name, path in PLACES.items()}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    FolderStore.create(tmp_path / "archive")
    return tmp_path / "archive"


def archived(root: Path) -> dict[str, bytes]:
    return {path: data for path, data in tree(root).items() if not path.startswith(".staging/")}


def staged(root: Path) -> list[str]:
    return [path.name for path in (root / ".staging").iterdir()]


@pytest.mark.thorough
def test_a_delivery_killed_anywhere_is_whole_or_not_there_and_is_finished_by_the_next_run(tmp_path: Path) -> None:
    seen = set()
    for at in itertools.count(1):
        root = tmp_path / str(at)
        FolderStore.create(root)
        killed = run_to_its_death(publish_job, root, at, FILES, PLACES, FOLDER)
        inside = {path: data for path, data in archived(root).items() if path.startswith("prod/")}
        assert inside in ({}, {path: data for path, data in WHOLE.items() if path.startswith(FOLDER)}), at
        assert archived(root).get("unlisted/p/n") in (None, FILES["data:note"])
        for path in archived(root):
            assert not (root / path).stat().st_mode & 0o222, (at, path)
        seen.add(bool(inside))
        if not killed:
            break
        stage = FolderStore(root).stage("aa")
        fill(stage, FILES)  # which checks that what is resumed is a beginning of what was sent
        assert stage.publish(PLACES, FOLDER), at
        assert archived(root) == WHOLE, at
        assert staged(root) == [], at
    assert seen == {False, True}
    assert at > 25


def test_a_delivery_killed_twice_in_a_row_is_finished_by_the_third_run(tmp_path: Path) -> None:
    for first, second in itertools.product((18, 22, 26, 30), (2, 4, 6, 8)):
        root = tmp_path / f"{first}-{second}"
        FolderStore.create(root)
        assert run_to_its_death(publish_job, root, first, FILES, PLACES, FOLDER)
        assert run_to_its_death(publish_job, root, second, FILES, PLACES, FOLDER)
        stage = FolderStore(root).stage("aa")
        fill(stage, FILES)
        assert stage.publish(PLACES, FOLDER)
        assert archived(root) == WHOLE


def test_a_repair_killed_anywhere_loses_neither_the_damaged_nor_the_good_bytes(tmp_path: Path) -> None:
    path, aside = "prod/d/result_1.csv.gz", "set-aside/e/t/result_1.csv.gz"
    for at in itertools.count(1):
        root = tmp_path / str(at)
        FolderStore.create(root).put(path, b"damaged")
        killed = run_to_its_death(replace_job, root, at, path, b"good", aside)
        assert archived(root)[path] in (b"damaged", b"good"), at
        assert b"damaged" in archived(root).values(), at
        if not killed:
            break
        if archived(root)[path] == b"damaged":  # else nobody would repair it again
            store = FolderStore(root)
            stage = store.stage("bb")
            fill(stage, {"data": b"good"})
            store.replace_damaged(path, stage, "data", aside)
        assert archived(root) == {path: b"good", aside: b"damaged"}, at
    assert at > 10


def test_a_folder_in_the_place_of_a_file_is_kept_though_the_repair_is_killed(tmp_path: Path) -> None:
    path, aside = "prod/d/result_1.csv.gz", "set-aside/e/t/result_1.csv.gz"
    for at in itertools.count(1):
        root = tmp_path / str(at)
        FolderStore.create(root).put(f"{path}/strange", b"damaged")
        killed = run_to_its_death(replace_job, root, at, path, b"good", aside)
        assert b"damaged" in archived(root).values(), at
        if not killed:
            break
        store = FolderStore(root)
        stage = store.stage("bb")
        fill(stage, {"data": b"good"})
        store.replace_damaged(path, stage, "data", aside)
        kept = {found: data for found, data in archived(root).items() if found.startswith(aside)}
        assert archived(root)[path] == b"good", at
        assert b"damaged" in kept.values(), at


def test_a_small_file_killed_anywhere_is_whole_or_not_there(tmp_path: Path) -> None:
    for at in itertools.count(1):
        root = tmp_path / str(at)
        FolderStore.create(root)
        killed = run_to_its_death(put_job, root, at, "keys/k/public_key.der", b"key" * 1000)
        assert archived(root) in ({}, {"keys/k/public_key.der": b"key" * 1000}), at
        if not killed:
            break
        FolderStore(root).put("keys/k/public_key.der", b"key" * 1000)
        assert archived(root) == {"keys/k/public_key.der": b"key" * 1000}
        assert staged(root) == [], at
    assert at > 5


def test_a_killed_download_goes_on_where_it_was(root: Path) -> None:
    chunks = [bytes([number]) * CHUNK_BYTES for number in range(3)]
    assert run_to_its_death(append_job, root, "data:x", "etag", chunks)
    with FolderStore(root).stage("aa").file("data:x", "etag") as staged_again:
        assert staged_again.size == 3 * CHUNK_BYTES
        assert b"".join(staged_again.read_back()) == b"".join(chunks)
    with FolderStore(root).stage("aa").file("data:x", "other etag") as other:
        assert other.size == 0


def test_what_a_power_failure_may_have_torn_is_not_kept(root: Path) -> None:
    with FolderStore(root, FaultyDisk(boot="one")).stage("aa").file("data:x", "etag") as before:
        before.append(b"never fsync'd")
    with FolderStore(root, FaultyDisk(boot="one")).stage("aa").file("data:x", "etag") as same_boot:
        assert same_boot.size == 13
    with FolderStore(root, FaultyDisk(boot="two")).stage("aa").file("data:x", "etag") as after:
        assert after.size == 0


def test_a_long_download_survives_a_power_failure_up_to_its_last_fsync(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staged_file, "SYNC_BYTES", 10)
    disk = FaultyDisk(boot="one")
    with FolderStore(root, disk).stage("aa").file("data:x", "etag") as before:
        before.append(b"0123456")
        assert "fsync" not in disk.calls
        before.append(b"789abc")
        assert "fsync" in disk.calls
        before.append(b"torn")
    with FolderStore(root, FaultyDisk(boot="two")).stage("aa").file("data:x", "etag") as after:
        assert b"".join(after.read_back()) == b"0123456789abc"
        after.append(b"def")
    stage = FolderStore(root, FaultyDisk(boot="two")).stage("aa")
    assert stage.publish({"data:x": f"{FOLDER}/x"}, FOLDER)
    assert read(FolderStore(root), f"{FOLDER}/x") == b"0123456789abcdef"


def test_a_long_download_whose_fsync_fails_is_not_trusted(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staged_file, "SYNC_BYTES", 10)
    stage = FolderStore(root, FaultyDisk(fail("fsync", errno.EIO))).stage("aa")
    with stage.file("data:x", "etag") as lost, pytest.raises(StoreError, match="disk"):
        lost.append(b"0123456789")
    with FolderStore(root).stage("aa").file("data:x", "etag") as again:
        assert again.size == 0


def test_everything_is_on_the_disk_before_the_folder_appears(root: Path) -> None:
    disk = FaultyDisk()
    stage = FolderStore(root, disk).stage("aa")
    fill(stage, FILES)
    disk.calls.clear()
    assert stage.publish(PLACES, FOLDER)
    appeared = max(number for number, call in enumerate(disk.calls) if call == "rename")
    assert disk.calls[:appeared].count("fsync") == len(FILES)
    assert disk.calls[appeared - 1] == "fsync_folder"  # ready/ itself
    assert disk.calls[appeared + 1] == "fsync_folder"  # the folder that it appeared in
    assert "mkdir" not in disk.calls[appeared:]


def test_a_folder_that_a_killed_run_made_is_fsynced_by_the_next(root: Path) -> None:
    (root / "prod").mkdir()
    (root / "prod/AWSLogs").mkdir()
    counts = []
    for name in ("x", "y"):
        disk = FaultyDisk()
        FolderStore(root, disk).put(f"prod/AWSLogs/{name}", b"1")
        counts.append(disk.calls.count("fsync_folder"))
    assert counts == [4, 4]  # the staging folder's, both folders' and the file's entry, in each new process
    disk = FaultyDisk()
    store = FolderStore(root, disk)
    store.put("prod/AWSLogs/z1", b"1")
    disk.calls.clear()
    store.put("prod/AWSLogs/z2", b"1")
    assert disk.calls.count("fsync_folder") == 1


def test_umask_and_modes_survive_a_kill(root: Path) -> None:
    assert run_to_its_death(publish_job, root, 14, FILES, PLACES, FOLDER)
    stage = FolderStore(root).stage("aa")
    fill(stage, FILES)
    assert stage.publish(PLACES, FOLDER)
    assert [stat.S_IMODE((root / path).stat().st_mode) for path in WHOLE] == [0o444] * 3
    assert names(FolderStore(root), FOLDER) == [("result_1.csv.gz", "file"), ("result_sign.json", "file")]
