"""The wheel, installed and not editable, in a venv of its own: nothing that a run needs lies in the checkout only."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from archiver.version import __version__
from tests.support.cli import ROOT, environment, files_below

pytestmark = pytest.mark.thorough


@dataclass(frozen=True)
class Installed:
    wheel: Path
    folder: Path

    def run(self, *arguments, cwd, status=0):
        environ = {n: v for n, v in environment().items() if n != "PYTHONPATH"}
        command = [self.folder / "bin" / "archiver", *arguments]
        ran = subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, check=False, timeout=60)
        assert ran.returncode == status, (arguments, ran.stdout, ran.stderr)
        return ran.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Built without network; the libraries are those of the running interpreter, reached by a .pth file."""
    base = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(base)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = base.glob("*.whl")
    folder = base / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", "--quiet", wheel]
    subprocess.run(pip, check=True, env={**environment(), "PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "libraries.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return Installed(wheel, folder)


def test_it_is_the_installed_one(installed, tmp_path):
    code = "import archiver.cli.main; print(archiver.cli.main.__file__)"
    python = installed.folder / "bin" / "python"
    environ = {n: v for n, v in environment().items() if n != "PYTHONPATH"}
    where = subprocess.check_output([python, "-c", code], cwd=tmp_path, env=environ, text=True)
    assert Path(where.strip()).is_relative_to(installed.folder)
    assert installed.run("--version", cwd=tmp_path) == f"archiver, version {__version__}\n"


def test_what_is_in_it(installed):
    names = zipfile.ZipFile(installed.wheel).namelist()
    shipped = {name for name in names if name.startswith("archiver/_migrations/")}
    here = {f"archiver/_migrations/{name}" for name in files_below(ROOT / "migrations") if not name.endswith(".pyc")}
    assert {name for name in shipped if "__pycache__" not in name} == {n for n in here if "__pycache__" not in n}
    assert any(name.startswith("archiver/_migrations/versions/0001") for name in shipped)
    assert not [name for name in names if name.startswith(("tests/", "docs/", ".ci/"))]
    assert any(name.endswith("licenses/LICENSE") for name in names)
    source = {name for name in files_below(ROOT / "archiver") if not name.endswith(".pyc")}
    assert {f"archiver/{name}" for name in source} <= set(names)


def test_init_upgrade_sync_and_audit(installed, home, key):
    """Migrations come out of the wheel: the checkout is not on the path, and the folder has none."""
    home.tree.mkdir()
    folder = home.deliver(key)
    keys = home.list_keys(key)
    said = installed.run("init", "--source", home.tree, cwd=home.root)
    assert "made ledger" in said
    assert installed.run("ledger", "upgrade", cwd=home.root).startswith("nothing to do")
    shutil.rmtree(home.root / "evidence")
    # with it the new ledger would be refused: it does not continue the one that this key signed last
    for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm", "custody-key.last-head"):
        (home.root / name).unlink(missing_ok=True)
    assert "made ledger" in installed.run("ledger", "upgrade", cwd=home.root)
    installed.run("keys", "import", keys, cwd=home.root)
    assert installed.run("sync", cwd=home.root).startswith("verified")
    assert installed.run("audit", "--all", cwd=home.root).startswith("1 audited")
    assert installed.run("verify", folder, "--keys", keys, cwd=home.root).startswith("verified")
