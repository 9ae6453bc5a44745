"""``PackageWriter`` over a folder, a tar.zst and a zip: the same files, whole or not at all, the same bytes twice."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import zstandard

from archiver.adapters.files.package_folder import FolderPackage
from archiver.adapters.files.package_tar import TarPackage
from archiver.adapters.files.package_zip import ZipPackage
from archiver.errors import StoreFullError, UsageError
from archiver.package_ports import PackageWriter
from archiver.store_ports import Store
from tests.support.cli import files_below

MOMENT = datetime(2026, 1, 10, 12, 0, 4, tzinfo=UTC)
FILES = {
    "bagit.txt": b"BagIt-Version: 1.0\n",
    "data/evidence/1/delivery/result_1.csv.gz": os.urandom(3_000_000),
    "data/evidence/1/empty": b"",
    "data/log/vkey": b"key\n" * 5000,
    "verify.sh": b"#!/bin/sh\n",
}
Make = Callable[[Path], PackageWriter]
KINDS: dict[str, Make] = {
    "folder": lambda target: FolderPackage(target, MOMENT),
    "tar.zst": lambda target: TarPackage(target, "exhibit", MOMENT),
    "zip": lambda target: ZipPackage(target, "exhibit", MOMENT),
}


@pytest.fixture(params=KINDS)
def make(request: pytest.FixtureRequest) -> Make:
    return KINDS[request.param]


def pieces(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), 1_000_003):
        yield data[start : start + 1_000_003]


def write(writer: PackageWriter) -> None:
    for path, data in FILES.items():
        writer.add(path, len(data), pieces(data), executable=path == "verify.sh")


def unpacked(package: Path) -> dict[str, tuple[bytes, int, float]]:
    """path -> bytes, mode, time, as other programs read them."""
    if package.is_dir():
        return {
            path: (data, stat.S_IMODE((package / path).stat().st_mode), (package / path).stat().st_mtime)
            for path, data in files_below(package).items()
        }
    if zipfile.is_zipfile(package):
        with zipfile.ZipFile(package) as archive:
            assert archive.testzip() is None
            return {
                one.filename.removeprefix("exhibit/"): (
                    archive.read(one),
                    one.external_attr >> 16 & 0o7777,
                    datetime(*one.date_time, tzinfo=UTC).timestamp(),
                )
                for one in archive.infolist()
            }
    data = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(package.read_bytes())).read()
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert {(one.uid, one.gid, one.uname, one.gname) for one in archive} == {(0, 0, "", "")}
        members = {one.name.removeprefix("exhibit/"): one for one in archive}
        return {path: (archive.extractfile(one).read(), one.mode, one.mtime) for path, one in members.items()}  # type: ignore[union-attr]


def test_what_is_put_in_comes_out(make: Make, tmp_path: Path) -> None:
    target = tmp_path / "out" / "package"
    target.parent.mkdir()
    before = os.umask(0o077)
    try:
        with make(target) as writer:
            write(writer)
            writer.finish()
            assert not target.exists()
            writer.publish()
    finally:
        os.umask(before)
    assert list(target.parent.iterdir()) == [target]
    modes = {path: 0o755 if path == "verify.sh" else 0o644 for path in FILES}
    assert unpacked(target) == {path: (data, modes[path], MOMENT.timestamp()) for path, data in FILES.items()}


def test_the_same_bytes_twice(make: Make, tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        with make(tmp_path / name) as writer:
            write(writer)
            writer.finish()
            writer.publish()
        path = tmp_path / name
        made.append(unpacked(path) if path.is_dir() else path.read_bytes())
    assert made[0] == made[1]


def test_nothing_stays_of_what_breaks_off(make: Make, tmp_path: Path) -> None:
    def breaking() -> Iterator[bytes]:
        yield b"x" * 500
        raise KeyboardInterrupt

    def broken() -> None:
        with make(tmp_path / "package") as writer:
            write(writer)
            assert [path.name.startswith(".") for path in tmp_path.iterdir()] == [True]
            writer.add("data/more", 1000, breaking())

    with pytest.raises(KeyboardInterrupt):
        broken()
    assert list(tmp_path.iterdir()) == []


def test_what_was_finished_and_not_published_goes_too(make: Make, tmp_path: Path) -> None:
    with make(tmp_path / "package") as writer:
        write(writer)
        writer.finish()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [3, 5])
def test_a_file_of_another_size_is_no_file(make: Make, tmp_path: Path, size: int) -> None:
    def add() -> None:
        with make(tmp_path / "package") as writer:
            writer.add("data/x", size, [b"four"])

    with pytest.raises(ValueError, match="data/x"):
        add()
    assert list(tmp_path.iterdir()) == []


def test_what_came_meanwhile_is_left(make: Make, tmp_path: Path) -> None:
    target = tmp_path / "package"

    def publish() -> None:
        with make(target) as writer:
            write(writer)
            writer.finish()
            target.write_bytes(b"another's")
            writer.publish()

    with pytest.raises(UsageError, match="is there now"):
        publish()
    assert files_below(tmp_path) == {"package": b"another's"}


def test_a_folder_that_is_not_there_is_refused(make: Make, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"), make(tmp_path / "none" / "package"):
        pass


def test_a_full_disk_is_said(make: Make, tmp_path: Path) -> None:
    def full() -> Iterator[bytes]:
        yield b"x"
        raise OSError(28, "No space left on device")

    def add() -> None:
        with make(tmp_path / "package") as writer:
            writer.add("data/x", 2, full())

    with pytest.raises(StoreFullError, match="No space left"):
        add()
    assert list(tmp_path.iterdir()) == []


def test_the_archive_tells_sizes(store: Store, tmp_path: Path) -> None:
    """``PackageSource`` is the archive's."""
    from archiver.adapters.files.store import FolderStore

    assert isinstance(store, FolderStore)
    store.put("prod/x", b"12345")
    assert store.size("prod/x") == 5
    for path in ("prod", "prod/y", "../x", "prod/x/z"):
        with pytest.raises(FileNotFoundError):
            store.size(path)
    (tmp_path / "archive" / "prod" / "link").symlink_to("x")
    with pytest.raises(FileNotFoundError):
        store.size("prod/link")
