"""Long files read past the page cache: the same bytes, whatever the file system, the buffer and the medium do."""

from __future__ import annotations

import errno
import fcntl
import io
import mmap
import os
import random
from pathlib import Path
from typing import cast

import pytest

from archiver.adapters.files.store import FolderStore
from archiver.domain.limits import MIB
from archiver.errors import MediumError
from tests.support.stores import FOLDER, FaultyDisk, fail, fill

DATA = random.Random(5).randbytes(3 * MIB + 777)
PLACE = f"{FOLDER}/result_1.csv.gz"


class DirectDisk(FaultyDisk):
    """Tells which reads went past the cache; ``refuse``: gives EINVAL for these, as an unaligned one is answered."""

    def __init__(self, refuse: bool = False) -> None:
        super().__init__()
        self.refuse = refuse
        self.direct: list[bool] = []

    def read_into(self, fd, buffer):
        past = bool(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_DIRECT)
        self.direct.append(past)
        if past and self.refuse:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return super().read_into(fd, buffer)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An archive with one long file."""
    store = FolderStore.create(tmp_path / "archive")
    stage = store.stage("aa")
    fill(stage, {"a": DATA, "b": b"short"})
    assert stage.publish({"a": PLACE, "b": f"{FOLDER}/result_sign.json"}, FOLDER)
    return tmp_path / "archive"


def read_in(store: FolderStore, buffer: memoryview, from_medium: bool = True) -> bytes:
    found = bytearray()
    with store.open(PLACE, from_medium) as file:
        while count := cast("io.BufferedIOBase", file).readinto(buffer):
            found += buffer[:count]
    return bytes(found)


@pytest.mark.parametrize("from_medium", [False, True])
@pytest.mark.parametrize("size", [4096, MIB, 2 * MIB])
def test_aligned_memory_gets_every_byte(root: Path, size: int, from_medium: bool) -> None:
    assert read_in(FolderStore(root), memoryview(mmap.mmap(-1, size)), from_medium) == DATA


@pytest.mark.parametrize("size", [1, 1000, MIB + 1])
def test_memory_that_is_not_aligned_gets_every_byte(root: Path, size: int) -> None:
    apart = memoryview(mmap.mmap(-1, 2 * MIB))[3 : 3 + size]
    if size == 1:
        with FolderStore(root).open(PLACE, from_medium=True) as file:
            assert (file.read(1), file.read(2), file.read()) == (DATA[:1], DATA[1:3], DATA[3:])
    else:
        assert read_in(FolderStore(root), apart) == DATA


def test_a_file_system_that_refuses_is_read_through_its_cache(root: Path) -> None:
    disk = DirectDisk(refuse=True)
    assert read_in(FolderStore(root, disk), memoryview(mmap.mmap(-1, 2 * MIB))) == DATA
    assert disk.direct[-1] is False


def test_a_file_system_that_knows_nothing_of_it_is_read_through_its_cache(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = fcntl.fcntl

    def refusing(fd, command, flags=0):
        if command == fcntl.F_SETFL and flags & os.O_DIRECT:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return honest(fd, command, flags)

    monkeypatch.setattr(fcntl, "fcntl", refusing)
    disk = DirectDisk()
    assert read_in(FolderStore(root, disk), memoryview(mmap.mmap(-1, 2 * MIB))) == DATA
    assert not any(disk.direct)


def test_only_the_medium_is_read_past_the_cache_and_only_long_files(root: Path) -> None:
    disk = DirectDisk()
    store = FolderStore(root, disk)
    read_in(store, memoryview(mmap.mmap(-1, 2 * MIB)), from_medium=False)
    with store.open(f"{FOLDER}/result_sign.json", from_medium=True) as file:
        assert file.read() == b"short"
    assert not any(disk.direct)


def test_bytes_that_were_altered_in_memory_and_on_the_disk_are_seen(root: Path) -> None:
    path = root / PLACE
    path.chmod(0o644)
    with path.open("r+b", buffering=0) as file:
        file.seek(2 * MIB)
        file.write(bytes([DATA[2 * MIB] ^ 1]))
        altered = read_in(FolderStore(root), memoryview(mmap.mmap(-1, 2 * MIB)))  # not on the disk yet
    assert altered != DATA
    assert len(altered) == len(DATA)


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_medium_that_fails_in_the_middle_is_an_error_of_the_medium(root: Path, at: int) -> None:
    store = FolderStore(root, FaultyDisk(fail("read_into", errno.EIO, at)))
    with pytest.raises(MediumError, match=r"result_1\.csv\.gz cannot be read"):
        read_in(store, memoryview(mmap.mmap(-1, MIB)))
