"""Many small deliveries put into the archive together: each whole or not at all, and none at the cost of another."""

from __future__ import annotations

import errno
import itertools
import stat
from collections.abc import Mapping
from pathlib import Path

import pytest

from archiver.adapters.files.held_file import HELD_BYTES
from archiver.adapters.files.store import FolderStore
from archiver.errors import StoreConflictError, StoreError, StoreFullError
from archiver.store_ports import Publication, Store
from tests.support.stores import FaultyDisk, fail, kill_at, names, read, run_to_its_death, tree

DAY = "prod/AWSLogs/2024/05"
COUNT = 5


def folder(number: int) -> str:
    return f"{DAY}/0{number % 2}/query-{number}"


def contents(number: int) -> dict[str, bytes]:
    return {"result_1.csv.gz": b"%d" % number * 1000, "result_sign.json": b"{%d}" % number}


def publication(store: Store, number: int, files: Mapping[str, bytes] | None = None, at: str = "") -> Publication:
    """Delivery *number*, staged for no later run; its bytes may be *files*, its place *at*."""
    stage = store.stage(f"{number:02x}")
    found = contents(number) if files is None else files
    for name, data in found.items():
        with stage.file(f"data:{name}", None) as staged:
            staged.append(data)
    place = at or folder(number)
    return Publication(stage, {f"data:{name}": f"{place}/{name}" for name in found}, place)


def all_of(store: Store, count: int = COUNT) -> list[Publication]:
    return [publication(store, number) for number in range(count)]


def whole(count: int = COUNT) -> dict[str, bytes]:
    return {f"{folder(n)}/{name}": data for n in range(count) for name, data in contents(n).items()}


def archived(root: Path) -> dict[str, bytes]:
    return {path: data for path, data in tree(root).items() if not path.startswith(".staging/")}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    FolderStore.create(tmp_path / "archive")
    return tmp_path / "archive"


def staging(root: Path) -> list[str]:
    return [path.name for path in (root / ".staging").iterdir()]


def test_all_are_there_afterwards(store: Store) -> None:
    assert list(store.publish(all_of(store))) == [True] * COUNT
    for path, data in whole().items():
        assert read(store, path) == data
    assert list(store.publish([])) == []


def test_what_is_there_already_is_found_and_what_is_in_the_way_is_told(store: Store) -> None:
    assert list(store.publish([publication(store, 1)])) == [True]
    other = publication(store, 2, {"result_sign.json": b"other"})
    assert list(store.publish([other])) == [True]
    assert list(store.publish(all_of(store))) == [True, True, False, True, True]
    assert read(store, f"{folder(2)}/result_sign.json") == b"other"
    again = publication(store, 2, at=f"{folder(2)}@r2")
    assert list(store.publish([again])) == [True]


def test_what_is_staged_anew_is_what_is_archived(store: Store) -> None:
    stage = store.stage("0a")
    large = bytes(HELD_BYTES + 1)
    for data in (b"old", large):
        with stage.file("data:a", None) as staged:
            staged.append(data)
    assert store.publish([Publication(stage, {"data:a": f"{DAY}/q/a"}, f"{DAY}/q")]) == [True]
    assert read(store, f"{DAY}/q/a") == large


def test_two_that_want_one_folder_do_not_become_one(store: Store) -> None:
    first, same = publication(store, 1, at="prod/x"), publication(store, 1, at="prod/x")
    other = publication(store, 3, {"result_sign.json": b"other"}, at="prod/x")
    assert list(store.publish([first, other, publication(store, 4)])) == [True, False, True]
    assert list(store.publish([same])) == [True]
    assert names(store, "prod/x") == [("result_1.csv.gz", "file"), ("result_sign.json", "file")]


def test_one_within_another_and_one_apart(store: Store) -> None:
    """Folders below a delivery's, files of a subfolder, and unlisted files go the long way, beside the others."""
    below = publication(store, 2, at=f"{folder(1)}/below")
    deep = publication(store, 3, {"result_sign.json": b"{}", "deep/x": b"1"})
    apart = publication(store, 4)
    with apart.stage.file("data:readme.txt", None) as staged:
        staged.append(b"hello")
    unlisted = Publication(apart.stage, {**apart.places, "data:readme.txt": f"unlisted/{folder(4)}@r1/r"}, folder(4))
    assert list(store.publish([publication(store, 1), below, deep, unlisted])) == [True] * 4
    assert read(store, f"{folder(1)}/below/result_sign.json") == b"{2}"
    assert read(store, f"{folder(3)}/deep/x") == b"1"
    assert read(store, f"unlisted/{folder(4)}@r1/r") == b"hello"


def test_what_is_no_place_is_the_error_of_that_one(store: Store) -> None:
    hostile = publication(store, 1, at="prod/../../outside")
    nowhere = publication(store, 2, at=".staging/x")
    outcomes = store.publish([hostile, publication(store, 3), nowhere])
    assert outcomes[1] is True
    assert isinstance(outcomes[0], StoreError)
    assert isinstance(outcomes[2], StoreError)


def test_a_file_that_grows_and_files_that_are_many_go_to_the_disk(store: Store) -> None:
    large = publication(store, 1, {"result_1.csv.gz": b"x" * (HELD_BYTES + 1), "result_sign.json": b"{}"})
    many = publication(store, 2, {f"result_{n}.csv.gz": b"y" * 1000 for n in range(1, HELD_BYTES // 500)})
    stage = store.stage("aa")
    with stage.file("a", None) as staged:
        for _ in range(5):
            staged.append(b"z" * 100_000)
        assert staged.size == 500_000
    assert list(store.publish([large, many, Publication(stage, {"a": "prod/z/a"}, "prod/z")])) == [True] * 3
    assert read(store, f"{folder(1)}/result_1.csv.gz") == b"x" * (HELD_BYTES + 1)
    assert read(store, "prod/z/a") == b"z" * 500_000
    assert len(names(store, folder(2))) == HELD_BYTES // 500 - 1


def test_a_stage_is_published_once(store: Store) -> None:
    (one,) = [publication(store, 1)]
    assert list(store.publish([one])) == [True]
    (again,) = store.publish([one])
    assert isinstance(again, StoreError)


def test_modes_are_those_of_a_delivery_alone(root: Path) -> None:
    store = FolderStore(root)
    assert store.publish(all_of(store)) == [True] * COUNT
    for path in whole():
        assert stat.S_IMODE((root / path).stat().st_mode) == 0o444
    assert stat.S_IMODE((root / folder(1)).stat().st_mode) == 0o755
    assert staging(root) == []


class SyncedWhole(FaultyDisk):
    """A disk on whose file system one call is enough, whatever the tests run on."""

    def is_synced_whole(self, fd: int) -> bool:
        return True


class SyncedApart(FaultyDisk):
    """A disk on whose file system each file needs its own fsync."""

    def is_synced_whole(self, fd: int) -> bool:
        return False


def test_everything_is_on_the_disk_before_any_folder_appears(root: Path) -> None:
    disk = SyncedWhole()
    store = FolderStore(root, disk)
    disk.calls.clear()
    assert store.publish(all_of(store)) == [True] * COUNT
    first, last = disk.calls.index("rename"), max(i for i, call in enumerate(disk.calls) if call == "rename")
    assert disk.calls.count("sync_file_system") == 1
    assert "write" not in disk.calls[disk.calls.index("sync_file_system") :]
    assert disk.calls.index("sync_file_system") < first
    assert disk.calls[last + 1] == "fsync_folder"
    assert disk.calls.count("rename") == COUNT


def test_where_one_call_is_not_enough_each_file_and_folder_gets_its_own(root: Path) -> None:
    disk = SyncedApart()
    store = FolderStore(root, disk)
    disk.calls.clear()
    assert store.publish(all_of(store)) == [True] * COUNT
    first = disk.calls.index("rename")
    assert "sync_file_system" not in disk.calls
    assert disk.calls[:first].count("fsync") == 2 * COUNT
    assert disk.calls[:first].count("fsync_folder") >= COUNT


def test_a_lost_page_means_that_all_are_written_again(root: Path) -> None:
    disk = SyncedWhole(fail("sync_file_system", errno.EIO))
    store = FolderStore(root, disk)
    assert store.publish(all_of(store)) == [True] * COUNT
    assert disk.calls.count("fsync") == 2 * COUNT
    assert archived(root) == whole()
    disk.calls.clear()
    assert store.publish([publication(store, 7), publication(store, 8)]) == [True, True]
    assert "sync_file_system" not in disk.calls, "it is left alone for a while"


@pytest.mark.parametrize("call", ["fsync", "sync_file_system", "rename", "fsync_folder", "mkdir", "write"])
@pytest.mark.parametrize("kind", [SyncedWhole, SyncedApart])
def test_a_disk_that_fails_loses_nothing_and_says_so(root: Path, call: str, kind: type[FaultyDisk]) -> None:
    """From the third call on: some are there, whole; of the others the error is told, and nothing is half there."""
    store = FolderStore(root, kind(fail(call, errno.EIO, at=3)))
    outcomes = store.publish(all_of(store))
    assert all(outcome is True or isinstance(outcome, StoreError) for outcome in outcomes)
    found = archived(root)
    for number, outcome in enumerate(outcomes):
        mine = {path: data for path, data in found.items() if path.startswith(f"{folder(number)}/")}
        expected = {f"{folder(number)}/{name}": data for name, data in contents(number).items()}
        assert mine == expected if outcome is True else mine in ({}, expected)
    again = FolderStore(root)
    assert again.publish(all_of(again)) == [True] * COUNT
    assert archived(root) == whole()


def test_a_folder_that_may_not_be_on_the_disk_is_not_called_archived(root: Path) -> None:
    """A disk tells an error once: that the folder above is brought to the disk the next time proves nothing."""

    def once(name: str, _number: int) -> None:
        if name == "fsync_folder" and disk.calls.count("rename") == 2:
            disk.hook = nothing
            raise OSError(errno.EIO, "Input/output error")

    disk = SyncedWhole()
    nothing, disk.hook = disk.hook, once
    store = FolderStore(root, disk)
    outcomes = store.publish([publication(store, 0), publication(store, 2)])
    assert all(isinstance(outcome, StoreError) for outcome in outcomes), outcomes
    assert "the disk gave an error" in str(outcomes[0])
    assert disk.hook is nothing
    assert store.publish([publication(store, 0), publication(store, 2)]) == [True, True]
    assert archived(root) == {f"{folder(n)}/{name}": data for n in (0, 2) for name, data in contents(n).items()}


def test_what_another_is_putting_there_is_neither_taken_over_nor_taken_away(root: Path) -> None:
    """Two with one token at once, which locks keep apart: each of their bytes stays what it is."""
    second_came: list[object] = []

    class Overtaken(SyncedWhole):
        def sync_file_system(self, fd: int) -> None:
            super().sync_file_system(fd)
            if not second_came:
                other = FolderStore(root, SyncedWhole())
                second_came.extend(other.publish([publication(other, 0, {"a": b"theirs"}), publication(other, 2)]))

    store = FolderStore(root, Overtaken())
    outcomes = store.publish([publication(store, 0), publication(store, 1)])
    assert outcomes == [False, True], "its place is taken, by other bytes"
    assert second_came == [True, True]
    ours = {path: data for path, data in whole(3).items() if not path.startswith(folder(0))}
    assert archived(root) == {**ours, f"{folder(0)}/a": b"theirs"}
    assert staging(root) == ["00"], "what found its place taken waits for another"


def test_a_full_disk_takes_those_that_fit(small_disk: Path) -> None:
    root = small_disk / "archive"
    FolderStore.create(root)
    store = FolderStore(root)
    files = {number: {"result_sign.json": bytes([number]) * 200_000} for number in range(12)}
    outcomes = store.publish([publication(store, number, data) for number, data in files.items()])
    there = [outcome is True for outcome in outcomes]
    assert 5 <= there.count(True) <= 10
    assert all(outcome is True or isinstance(outcome, StoreFullError) for outcome in outcomes)
    assert archived(root) == {
        f"{folder(number)}/result_sign.json": files[number]["result_sign.json"]
        for number, is_there in enumerate(there)
        if is_there
    }


def test_a_link_in_the_way_is_told_and_not_followed(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / "prod").symlink_to(outside)
    (root / ".staging/01.new").symlink_to(outside)
    (root / ".staging/02").symlink_to(outside)
    store = FolderStore(root)
    outcomes = store.publish([*all_of(store, 3), publication(store, 3, at="other/x")])
    assert [isinstance(outcome, StoreConflictError) for outcome in outcomes] == [True] * 3 + [False]
    assert list(outside.iterdir()) == []
    (root / "prod").unlink()
    store.publish(all_of(store, 3))
    assert list(outside.iterdir()) == []


def together_job(root: Path, at: int) -> None:
    """For :func:`run_to_its_death`: publishes all together, killed before system call *at*."""
    store = FolderStore(root, SyncedWhole(kill_at(at)))
    assert store.publish(all_of(store)) == [True] * COUNT


@pytest.mark.thorough
def test_killed_anywhere_each_is_whole_or_not_there_and_the_next_run_finishes(tmp_path: Path) -> None:
    seen = set()
    for at in itertools.count(1):
        root = tmp_path / str(at)
        FolderStore.create(root)
        killed = run_to_its_death(together_job, root, at)
        found = archived(root)
        for number in range(COUNT):
            mine = {path for path in found if path.startswith(f"{folder(number)}/")}
            assert len(mine) in (0, 2), at
        assert {path: whole()[path] for path in found} == found, at
        seen.add(len(found))
        if not killed:
            break
        store = FolderStore(root)
        assert store.publish(all_of(store)) == [True] * COUNT, at
        assert archived(root) == whole(), at
        assert staging(root) == [], at
    assert len(seen) == COUNT + 1, "it was killed between any two"
    assert at > 30


def test_what_a_killed_run_staged_of_it_is_gone_once_it_is_archived(root: Path) -> None:
    with FolderStore(root).stage("01").file("data:result_1.csv.gz", "pin") as staged:
        staged.append(b"half")
    assert staging(root) == ["01"]
    store = FolderStore(root)
    assert store.publish(all_of(store)) == [True] * COUNT
    assert staging(root) == []
