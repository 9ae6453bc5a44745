"""The port PublishedLog over the archive's folder: whole or not at all, never through a link, errors told apart."""

from __future__ import annotations

import errno
import itertools
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from archiver.adapters.files.log_folder import LogFolder
from archiver.adapters.files.store import FolderStore
from archiver.domain.limits import LOG_FILE_BYTES
from archiver.errors import MediumError, StoreConflictError, StoreError, StoreFullError
from tests.support.stores import FaultyDisk, fail, kill_at, run_to_its_death, tree, without_root_rights

TILE = "tile/0/x001/234.p/5"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    FolderStore.create(tmp_path / "archive")
    return tmp_path / "archive"


@pytest.fixture
def log(root: Path) -> LogFolder:
    return LogFolder(root)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "file").write_bytes(b"outside")
    return folder


def test_what_is_put_is_read_and_listed(log: LogFolder, root: Path) -> None:
    assert log.read("checkpoint") is None
    assert log.read(TILE) is None
    assert list(log.files()) == []
    log.put(TILE, b"t")
    log.put("tile/0/000", b"")
    log.put("bodies/aa.json", b"{}")
    log.replace("checkpoint", b"head")
    log.replace(".unfinished", b"7")
    assert log.read(TILE) == b"t"
    assert log.read("tile/0/000") == b""
    assert list(log.files()) == [".unfinished", "checkpoint", "bodies/aa.json", "tile/0/000", TILE]
    assert list(log.files("tile/0/x001")) == [TILE]
    assert list(log.files("anchors")) == []
    assert log.url == (root / "log").as_uri()
    assert list((root / ".staging").iterdir()) == []


def test_a_file_is_put_once(log: LogFolder, root: Path) -> None:
    log.put(TILE, b"first")
    log.put(TILE, b"first")
    for other in (b"firs", b"first!", b"other", b""):
        with pytest.raises(StoreConflictError, match="234"):
            log.put(TILE, other)
    assert tree(root) == {f"log/{TILE}": b"first"}


def test_a_file_is_replaced_whatever_it_was(log: LogFolder, root: Path) -> None:
    log.put("checkpoint", b"first")
    log.replace("checkpoint", b"second")
    assert tree(root) == {"log/checkpoint": b"second"}


def test_modes_are_the_archives(log: LogFolder, root: Path) -> None:
    log.put(TILE, b"t")
    log.replace("checkpoint", b"head")
    for path in (TILE, "checkpoint"):
        assert stat.S_IMODE((root / "log" / path).stat().st_mode) == 0o444
    for folder in ("", "tile", "tile/0/x001"):
        assert stat.S_IMODE((root / "log" / folder).stat().st_mode) == 0o755


def test_what_is_removed_is_gone_with_its_empty_folder(log: LogFolder, root: Path) -> None:
    log.put("tile/0/000.p/5", b"5")
    log.put("tile/0/000.p/9", b"9")
    log.put("tile/0/000", b"all")
    log.remove("tile/0/000.p/5")
    log.remove("tile/0/000.p/5")
    log.remove("tile/7/000")
    assert list(log.files()) == ["tile/0/000", "tile/0/000.p/9"]
    log.remove("tile/0/000.p/9")
    assert sorted(path.name for path in (root / "log/tile/0").iterdir()) == ["000"]
    log.put("tile/0/000.p/5", b"5")
    log.replace(".unfinished", b"1")
    log.remove(".unfinished")
    assert (root / "log").is_dir()
    assert list(log.files()) == ["tile/0/000", "tile/0/000.p/5"]


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../keys/k", "a/../../b", "a//b", ".", "a\0b", "a/"])
def test_no_path_leads_out_of_the_log(log: LogFolder, root: Path, path: str) -> None:
    with pytest.raises(StoreError):
        log.read(path)
    with pytest.raises(StoreError):
        log.put(path, b"x")
    with pytest.raises(StoreError):
        log.replace(path, b"x")
    with pytest.raises(StoreError):
        log.remove(path)
    assert tree(root) == {}


@pytest.mark.parametrize("planted", ["log", "log/tile", "log/tile/0"])
def test_nothing_goes_through_a_planted_link(log: LogFolder, root: Path, outside: Path, planted: str) -> None:
    (root / planted).parent.mkdir(parents=True, exist_ok=True)
    (outside / "tile" / "0").mkdir(parents=True)
    (outside / "0").mkdir()
    (outside / "000").write_bytes(b"outside")
    (root / planted).symlink_to(outside)
    before = tree(outside)
    with pytest.raises(MediumError, match="link"):
        log.read("tile/0/000")
    with pytest.raises(StoreConflictError, match="link"):
        log.put("tile/0/000", b"x")
    with pytest.raises(StoreConflictError, match="link"):
        log.replace("tile/0/000", b"x")
    with pytest.raises(StoreConflictError, match="link"):
        log.remove("tile/0/000")
    if planted == "log":
        with pytest.raises(MediumError, match="link"):
            list(log.files())
    else:
        assert list(log.files()) == [planted.removeprefix("log/")]  # told, as something that is no folder
    assert tree(outside) == before


def test_a_link_in_the_place_of_a_file_is_no_file(log: LogFolder, root: Path, outside: Path) -> None:
    (root / "log").mkdir()
    (root / "log/checkpoint").symlink_to(outside / "file")
    with pytest.raises(MediumError, match="no plain file"):
        log.read("checkpoint")
    with pytest.raises(StoreConflictError):
        log.put("checkpoint", b"outside")
    assert list(log.files()) == ["checkpoint"]
    log.replace("checkpoint", b"head")
    assert log.read("checkpoint") == b"head"
    assert (outside / "file").read_bytes() == b"outside"


def test_what_is_no_file_is_an_error_and_neither_followed_nor_waited_for(log: LogFolder, root: Path) -> None:
    log.put("tile/0/000", b"t")
    os.mkfifo(root / "log/checkpoint")
    for path in ("checkpoint", "tile/0"):
        with pytest.raises(MediumError, match="no plain file"):
            log.read(path)
    with pytest.raises(StoreError):
        log.replace("tile/0", b"x")
    with pytest.raises(MediumError, match="on the way"):
        log.read("tile/0/000/1")
    assert list(log.files()) == ["checkpoint", "tile/0/000"]


def test_the_largest_file_is_read_and_a_larger_one_is_refused(log: LogFolder, root: Path) -> None:
    log.put("a", b"")
    (root / "log/a").chmod(0o644)
    os.truncate(root / "log/a", LOG_FILE_BYTES)
    assert log.read("a") == bytes(LOG_FILE_BYTES)
    os.truncate(root / "log/a", LOG_FILE_BYTES + 1)
    with pytest.raises(MediumError, match="more than"):
        log.read("a")


def test_an_empty_mount_point_is_no_log_and_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "mount").mkdir()
    log = LogFolder(tmp_path / "mount")
    with pytest.raises(MediumError, match="empty or not there"):
        log.read("checkpoint")
    with pytest.raises(MediumError, match="empty or not there"):
        list(log.files())
    for write in (log.put, log.replace):
        with pytest.raises(StoreError, match=r"\.staging"):
            write("checkpoint", b"x")
    assert tree(tmp_path) == {}


@pytest.mark.parametrize("write", ["put", "replace"])
@pytest.mark.parametrize("call", ["write", "fsync", "fsync_folder", "mkdir"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_full_disk_is_said_to_be_full_and_leaves_nothing_by_halves(
    root: Path, write: str, call: str, code: int
) -> None:
    wanted = StoreError if code == errno.EIO else StoreFullError
    with pytest.raises(wanted, match=str(root)) as caught:
        getattr(LogFolder(root, FaultyDisk(fail(call, code))), write)(TILE, b"bytes" * 10)
    assert caught.value.remedy
    assert not (root / "log" / TILE).exists()
    assert tree(root) == {}
    getattr(LogFolder(root), write)(TILE, b"bytes" * 10)
    assert tree(root) == {f"log/{TILE}": b"bytes" * 10}


def test_a_copy_is_kept_aside_outside_of_the_log(root: Path) -> None:
    log = LogFolder(root)
    log.put("vkeys", b"keys")
    at = datetime(2026, 5, 3, tzinfo=UTC)
    kept = log.keep_aside("vkeys", at)
    assert (root / kept).read_bytes() == b"keys"
    assert kept.startswith("set-aside/log/2026-05-03")
    assert list(log.files()) == ["vkeys"]
    assert log.keep_aside("vkeys", at) == kept, "again is harmless"
    log.replace("vkeys", b"others")
    with pytest.raises(StoreConflictError):
        log.keep_aside("vkeys", at)


def test_a_medium_that_fails_is_told(root: Path) -> None:
    LogFolder(root).put(TILE, b"t")
    with pytest.raises(MediumError, match="234"):
        LogFolder(root, FaultyDisk(fail("read_into", errno.EIO))).read(TILE)


def test_a_file_that_others_closed_is_a_medium_error(root: Path, open_folder: Path) -> None:
    FolderStore.create(open_folder / "archive")
    log = LogFolder(open_folder / "archive")
    log.put(TILE, b"t")
    (open_folder / "archive/log/tile/0").chmod(0o700)
    with without_root_rights():
        if os.geteuid() == (open_folder / "archive").stat().st_uid:
            pytest.skip("without root there is no other user")
        with pytest.raises(MediumError, match="right to read"):
            _raised_with_remedy(log)


def _raised_with_remedy(log: LogFolder) -> None:
    try:
        log.read(TILE)
    except MediumError as error:
        raise MediumError(f"{error} {error.remedy}") from error


def _write(root: Path, at: int, how: str, data: bytes) -> None:
    getattr(LogFolder(root, FaultyDisk(kill_at(at))), how)(TILE, data)


@pytest.mark.thorough
@pytest.mark.parametrize(("how", "before"), [("put", None), ("replace", None), ("replace", b"old" * 500)])
def test_killed_at_any_system_call_the_file_is_whole_or_as_before(
    tmp_path: Path, how: str, before: bytes | None
) -> None:
    seen = set()
    for at in itertools.count(1):
        root = tmp_path / str(at)
        FolderStore.create(root)
        log = LogFolder(root)
        if before is not None:
            log.put(TILE, before)
        killed = run_to_its_death(_write, root, at, how, b"new" * 1000)
        found = log.read(TILE)
        assert found in (before, b"new" * 1000), at
        seen.add(found)
        getattr(LogFolder(root), how)(TILE, b"new" * 1000)
        assert log.read(TILE) == b"new" * 1000
        assert list((root / ".staging").iterdir()) == [], at
        if not killed:
            break
    assert seen == {before, b"new" * 1000}
    assert at > 5
