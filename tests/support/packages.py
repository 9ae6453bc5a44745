"""Packages in tests: checked as their reader does it, and damaged as somebody with time and skill would."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.support.filled import Place, fill

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "archiver" / "render" / "package" / "verify.sh"
TAGS = ("bagit.txt", "bag-info.txt", "VERIFY.md", "verify.sh", "manifest-sha256.txt", "manifest-sha512.txt")
TOOLS = ("openssl", "sha256sum")


@dataclass(frozen=True)
class Checked:
    """What ``verify.sh`` said. ``status``: 0, 1 or 2."""

    status: int
    text: str

    @property
    def failed(self) -> list[str]:
        """Its lines that say FAIL, without that word."""
        return [line[13:] for line in self.text.splitlines() if line.startswith("FAIL")]

    @property
    def unsure(self) -> list[str]:
        """Its lines that say NOT CHECKED, without these words."""
        return [line[13:] for line in self.text.splitlines() if line.startswith("NOT CHECKED")]

    @property
    def passed(self) -> list[str]:
        """Its lines that say PASS, without that word."""
        return [line[13:] for line in self.text.splitlines() if line.startswith("PASS")]

    def names(self, what: str) -> bool:
        """True if a line that says FAIL holds *what*."""
        return any(what in line for line in self.failed)


@lru_cache
def shells() -> dict[str, tuple[str, ...]]:
    """The POSIX shells of this machine: name -> command."""
    found = {name: shutil.which(name) for name in ("dash", "busybox", "bash")}
    return {name: (path, "sh") if name == "busybox" else (path,) for name, path in found.items() if path}


@lru_cache
def _two_tools() -> str:
    """A folder with openssl and sha256sum and nothing else: what verify.sh may use."""
    folder = Path(mkdtemp(prefix="two-tools-"))
    for name in TOOLS:
        path = shutil.which(name)
        assert path, f"{name} is not installed"
        (folder / name).symlink_to(path)
    return str(folder)


def check(package: Path, *arguments: str, shell: str = "", tools: str = "", key: bool = True) -> Checked:
    """``verify.sh`` of *package*, with nothing in PATH but its two tools (or the folder *tools*).

    It is given the log's key that is in the package, unless another is among *arguments* or *key* is false.

    It must write nothing to stderr: there is where a shell says that it knows no such command.
    """
    if key and "--log-key" not in arguments and (package / "data/log/vkey").is_file():
        arguments = ("--log-key", vkey(package), *arguments)
    command = shells()[shell] if shell else next(iter(shells().values()))
    done = subprocess.run(
        [*command, str(package / "verify.sh"), *arguments],
        env={"PATH": tools or _two_tools()},
        cwd="/",
        capture_output=True,
        check=False,
        timeout=100,
    )
    assert done.stderr == b"", done.stderr
    text = done.stdout.decode("utf-8")
    assert all(c.isprintable() or c == "\n" for c in text), "nothing from outside may move a cursor"
    return Checked(done.returncode, text)


def copy_of(package: Path, target: Path) -> Path:
    """*package*, copied to *target* for damaging."""
    shutil.copytree(package, target, symlinks=True)
    return target


def reseal(package: Path) -> None:
    """Makes all lists of *package* anew over what lies there: what a forger would do."""
    files = sorted(p.relative_to(package).as_posix() for p in (package / "data").rglob("*") if p.is_file())
    for algorithm in ("sha256", "sha512"):
        _list(package, algorithm, f"manifest-{algorithm}.txt", files)
    seal_tags(package)


def seal_tags(package: Path) -> None:
    """Makes the lists of the lists anew."""
    for algorithm in ("sha256", "sha512"):
        _list(package, algorithm, f"tagmanifest-{algorithm}.txt", sorted(TAGS))


def _list(package: Path, algorithm: str, name: str, files: list[str]) -> None:
    lines = [f"{hashlib.new(algorithm, (package / one).read_bytes()).hexdigest()}  {one}\n" for one in files]
    (package / name).write_bytes(os.fsencode("".join(lines)))


def flip(path: Path, place: int | None = None) -> None:
    """Flips one bit in the middle of the file, or at byte *place*."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2 if place is None else place] ^= 1
    path.write_bytes(bytes(data))


def item_of(package: Path) -> Path:
    """The folder of the one item in *package*."""
    (found,) = (package / "data" / "evidence").iterdir()
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """An archive with an item of each kind."""
    return fill(tmp_path_factory.mktemp("filled"))


@pytest.fixture(scope="module")
def packages(place: Place, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One package of each item, and ``all`` of all of them."""
    folder = tmp_path_factory.mktemp("packages")
    for what in place.prefixes:
        place.run("export", place.item(what)["id"], "--out", str(folder / what))
    place.run("export", "--all", "--out", str(folder / "all"))
    return {path.name: path for path in folder.iterdir()}


@pytest.fixture
def good(packages: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of the package of the good item, to be damaged."""
    return copy_of(packages["good"], tmp_path / "package")


def vkey(package: Path) -> str:
    """The log's verifier key, as the package says."""
    return (package / "data/log/vkey").read_text().strip()
