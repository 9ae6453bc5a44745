"""Archive stores for tests: ``store`` runs a test over every implementation; faults and kills for the folder store.

``FaultyDisk`` calls back before each system call that changes the disk; the callback may raise, or end the process.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from archiver.adapters.files.durable import Disk
from archiver.adapters.files.store import FolderStore
from archiver.store_ports import Stage, Store
from tests.support.forks import FORKS

FOLDER = "prod/AWSLogs/0a1b"
FILES = {"a": b"first", "b": b"second"}
PLACES = {"a": f"{FOLDER}/result_1.csv.gz", "b": f"{FOLDER}/result_sign.json"}
"""A delivery: staged name -> bytes, staged name -> place, and its folder."""

Hook = Callable[[str, int], None]
"""Called with the name of the call and its number, from 1."""


@pytest.fixture(params=["folder"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty archive, of each kind."""
    kinds: Mapping[str, Callable[[], Store]] = {"folder": lambda: FolderStore.create(tmp_path / "archive")}
    return kinds[request.param]()


class FaultyDisk(Disk):
    """A disk with a callback before each call. ``calls``: what was called so far."""

    def __init__(self, hook: Hook = lambda _call, _number: None, boot: str = "") -> None:
        self.hook = hook
        self.boot = boot
        self.calls: list[str] = []

    def _before(self, call: str) -> None:
        self.calls.append(call)
        self.hook(call, len(self.calls))

    def write(self, fd: int, data: memoryview) -> int:
        half = super().write(fd, data[: len(data) // 2]) if len(data) > 1 else 0
        self._before("write")
        return half + super().write(fd, data[half:])

    def read_into(self, fd: int, buffer: memoryview) -> int:
        self._before("read_into")
        return super().read_into(fd, buffer)

    def truncate(self, fd: int, size: int) -> None:
        self._before("truncate")
        super().truncate(fd, size)

    def chmod(self, fd: int, mode: int) -> None:
        self._before("chmod")
        super().chmod(fd, mode)

    def fsync(self, fd: int) -> None:
        self._before("fsync")
        super().fsync(fd)

    def fsync_folder(self, fd: int) -> None:
        self._before("fsync_folder")
        super().fsync_folder(fd)

    def sync_file_system(self, fd: int) -> None:
        self._before("sync_file_system")
        super().sync_file_system(fd)

    def mkdir(self, name: str, folder: int, mode: int = 0o755) -> None:
        self._before("mkdir")
        super().mkdir(name, folder, mode)

    def rename(self, name: str, folder: int, new_name: str, new_folder: int) -> None:
        self._before("rename")
        super().rename(name, folder, new_name, new_folder)

    def link(self, name: str, folder: int, new_name: str, new_folder: int) -> None:
        self._before("link")
        super().link(name, folder, new_name, new_folder)

    def unlink(self, name: str, folder: int) -> None:
        self._before("unlink")
        super().unlink(name, folder)

    def rmdir(self, name: str, folder: int) -> None:
        self._before("rmdir")
        super().rmdir(name, folder)

    def remove_tree(self, name: str, folder: int) -> None:
        self._before("remove_tree")
        super().remove_tree(name, folder)

    def boot_id(self) -> str:
        return self.boot or super().boot_id()


def fail(call: str, code: int, at: int = 1) -> Hook:
    """A hook that raises OSError *code* at the call *call* for the *at*-th time, and ever after."""
    seen = itertools.count(1)

    def hook(name: str, number: int) -> None:
        if name == call and next(seen) >= at:
            raise OSError(code, os.strerror(code))

    return hook


def kill_at(number: int) -> Hook:
    """A hook that ends its process, as ``kill -9`` does, before call *number*."""

    def hook(name: str, so_far: int) -> None:
        if so_far == number:
            os.kill(os.getpid(), signal.SIGKILL)

    return hook


def run_to_its_death(job: Callable[..., None], *arguments: object) -> bool:
    """Runs *job* in a process of its own; True where it was killed, False where it came to its end."""
    process = FORKS.Process(target=job, args=arguments)
    process.start()
    process.join(60)
    code = process.exitcode
    process.close()
    assert code in (0, -signal.SIGKILL), f"the child ended with {code}"
    return code != 0


def fill(stage: Stage, files: Mapping[str, bytes], pin: str = "v1") -> None:
    """Stages *files* whole, or the rest of those that are there in part, which must be a beginning of them."""
    for name, data in files.items():
        with stage.file(name, pin) as staged:
            before = b"".join(staged.read_back())
            assert data.startswith(before)
            staged.append(data[len(before) :])


def read(store: Store, path: str, from_medium: bool = False) -> bytes:
    with store.open(path, from_medium) as file:
        return file.read()


def names(store: Store, folder: str) -> list[tuple[str, str]]:
    return [(entry.name, entry.kind) for entry in store.entries(folder)]


def tree(root: Path) -> dict[str, bytes]:
    """Every regular file below *root*."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A temporary folder that other users can enter, for tests that give up the rights of root."""
    folder = Path(tempfile.mkdtemp(prefix="archiver-test-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@contextmanager
def without_root_rights() -> Iterator[None]:
    """Inside, files' modes count, for root too."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def publish_job(root: Path, at: int, files: Mapping[str, bytes], places: Mapping[str, str], folder: str) -> None:
    """For :func:`run_to_its_death`: stages and publishes, killed before system call *at*."""
    stage = FolderStore(root, FaultyDisk(kill_at(at))).stage("aa")
    fill(stage, files)
    assert stage.publish(places, folder)


def replace_job(root: Path, at: int, path: str, data: bytes, aside: str) -> None:
    """For :func:`run_to_its_death`: repairs, killed before system call *at*."""
    store = FolderStore(root, FaultyDisk(kill_at(at)))
    stage = store.stage("bb")
    fill(stage, {"data": data})
    store.replace_damaged(path, stage, "data", aside)


def put_job(root: Path, at: int, path: str, data: bytes) -> None:
    """For :func:`run_to_its_death`: puts a small file, killed before system call *at*."""
    FolderStore(root, FaultyDisk(kill_at(at))).put(path, data)


def append_job(root: Path, name: str, pin: str, chunks: Sequence[bytes]) -> None:
    """For :func:`run_to_its_death`: appends *chunks* to a staged file, and is killed with it open."""
    with FolderStore(root).stage("aa").file(name, pin) as staged:
        for chunk in chunks:
            staged.append(chunk)
        os.kill(os.getpid(), signal.SIGKILL)


def publish(root: Path, disk: Disk | None = None) -> FolderStore:
    """A store at *root* that holds the delivery."""
    store = FolderStore(root, disk)
    publish_delivery(store)
    return store


def publish_delivery(store: FolderStore) -> None:
    """Stages and publishes the delivery."""
    stage = store.stage("aa")
    fill(stage, FILES)
    assert stage.publish(PLACES, FOLDER)


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
