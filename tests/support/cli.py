"""The command ``archiver`` as a process: its exit status, stdout and stderr, on a configuration of the test's own.

``home`` is a folder with configuration, ledger, archive and, for folder sources, a tree of deliveries::

    def test_sync(home, key):
        home.configure(home.folder_source())
        delivery = home.deliver(key)
        assert home.run("sync", "--json", status=0).json["archived"] == 1

Processes are forked from a server that has the program's modules imported already: the importing takes a second,
the work much less. What is about starting and ending (signals, kills, stdin) uses :meth:`Home.start`, a plain
``python -m archiver.cli.main``. Nothing of the developer's own AWS configuration or environment is seen by either.
"""

from __future__ import annotations

import atexit
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import patch

import pytest

from archiver.cli import main
from archiver.demo.deliveries import SigningKey, make_signing_key, sample_delivery
from tests.support.aws import AwsStand
from tests.support.forks import FORKS
from tests.support.ledgers import LedgerPlace

ROOT = Path(__file__).parents[2]
ACCOUNT = "111122223333"
REGION = "us-east-1"
TIMEOUT = 60

ABOUT_THE_LOG = ("log_key_adopted", "checkpoint_begun", "checkpoint_anchored")
"""Custody events that serve the log alone."""

Source = Mapping[str, object]
"""One ``[[sources]]`` of a configuration."""


@dataclass(frozen=True)
class Ran:
    """A command that has ended."""

    arguments: tuple[str, ...]
    status: int
    stdout: str
    stderr: str

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object that stdout holds, and nothing else."""
        assert self.stdout.count("\n") == 1, f"one line is wanted: {self}"
        answer = json.loads(self.stdout)
        assert isinstance(answer, dict)
        return answer

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The JSON Lines that stdout holds."""
        return [json.loads(line) for line in self.stdout.splitlines()]

    def __str__(self) -> str:
        return f"archiver {' '.join(self.arguments)}: {self.status}\n{self.stdout}\n{self.stderr}"


def environment(**more: str) -> dict[str, str]:
    """An environment with made-up credentials and nothing of the developer's AWS or archiver."""
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("AWS_", "ARCHIVER_"))}
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "AWS_ACCESS_KEY_ID": "made-up-key",
        "AWS_SECRET_ACCESS_KEY": "made-up-secret",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        **more,
    }


class Forked:
    """A command in a process that was forked with everything imported; runs until it ends, or is killed."""

    def __init__(self, arguments: Sequence[object], cwd: Path, environ: Mapping[str, str] | None = None) -> None:
        self._arguments = tuple(map(str, arguments))
        base = cwd / f".run-{uuid.uuid4().hex}"
        self._out, self._err = base.with_suffix(".out"), base.with_suffix(".err")
        given = (self._arguments, dict(environ or environment()), cwd, self._out, self._err)
        self._process = FORKS.Process(target=_main, args=given)
        self._process.start()

    def kill(self) -> None:
        """``kill -9``; nothing where it has ended."""
        self._process.kill()

    def wait(self) -> Ran:
        """Its end; a command that was killed has the status -9."""
        try:
            self._process.join(TIMEOUT)
            if self._process.exitcode is None:
                self._process.kill()
                self._process.join()
            return Ran(self._arguments, self._process.exitcode or 0, _text(self._out), _text(self._err))
        finally:
            self._process.close()
            self._out.unlink(missing_ok=True)
            self._err.unlink(missing_ok=True)


def run(*arguments: object, cwd: Path, status: int | None = None, environ: Mapping[str, str] | None = None) -> Ran:
    """``archiver`` with *arguments* in folder *cwd*; *status*: the exit status that it must end with."""
    ran = Forked(arguments, cwd, environ).wait()
    assert status is None or ran.status == status, str(ran)
    assert "Traceback" not in ran.stderr, str(ran)
    return ran


def _text(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""


def _main(arguments: Sequence[str], environ: Mapping[str, str], cwd: Path, out: Path, err: Path) -> NoReturn:
    """In the forked process: becomes the command."""
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(cwd)
    for number, path in ((1, out), (2, err)):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdout = io.TextIOWrapper(open(1, "wb", closefd=False), "utf-8", write_through=False)  # noqa: SIM115
    sys.stderr = io.TextIOWrapper(open(2, "wb", closefd=False), "utf-8", write_through=True)  # noqa: SIM115
    sys.argv = ["archiver", *arguments]
    main.main()


@dataclass
class Home:
    """A configuration, its ledger (SQLite unless told otherwise), its archive, and a tree for folder sources."""

    root: Path
    environ: dict[str, str] = field(default_factory=environment)
    ledger_url: str = ""
    rng: random.Random = field(default_factory=lambda: random.Random(20221104))

    @property
    def config(self) -> Path:
        return self.root / "archiver.toml"

    @property
    def archive(self) -> Path:
        return self.root / "evidence"

    @property
    def tree(self) -> Path:
        """The folder of :meth:`folder_source`."""
        return self.root / "source"

    @property
    def ledger(self) -> LedgerPlace:
        return LedgerPlace(self.ledger_url or f"sqlite:///{self.root / 'ledger.db'}")

    def folder_source(self, name: str = "prod", **more: object) -> Source:
        """A source over :attr:`tree`."""
        self.tree.mkdir(exist_ok=True)
        return {"name": name, "url": self.tree.as_uri(), "region": REGION, **more}

    def s3_source(self, stand: AwsStand, name: str = "prod", prefix: str = "", **more: object) -> Source:
        """A source over *stand*'s bucket; its credentials are those of this home from now on.

        CloudTrail is not asked about queries unless *more* has it: custody events are what the test makes.
        """
        self.environ = {**environment(), **stand.environment()}
        endpoints = {"endpoint_url": stand.url, "cloudtrail_endpoint_url": stand.url}
        return {
            "name": name,
            "url": f"s3://{stand.bucket}/{prefix}",
            "region": REGION,
            "describe": False,
            **endpoints,
            **more,
        }

    def write(self, *sources: Source, **sections: Mapping[str, object]) -> None:
        """Writes the configuration and makes nothing."""
        whole: dict[str, Mapping[str, object]] = {
            "ledger": {"url": self.ledger.url},
            "archive": {"url": self.archive.as_uri(), "min_free": "1MB"},
            "custody": {"signing_key": str(self.root / "custody-key")},
        }
        for section, values in sections.items():
            whole[section] = {**whole.get(section, {}), **values}
        parts = [f"[{section}]\n{_toml(values)}" for section, values in whole.items()]
        parts += [f"[[sources]]\n{_toml(source)}" for source in sources]
        self.config.write_text("\n".join(parts), "utf-8")

    def configure(self, *sources: Source, **sections: Mapping[str, object]) -> None:
        """Writes the configuration and makes what it names and is missing.

        Where all of that is to lie in :attr:`root` and nothing does yet, it is a copy of what was made so before.
        """
        self.write(*sources, **sections)
        told = [name for name in self.environ if name.startswith("ARCHIVER_")]
        there = {path.name for path in self.root.iterdir()}
        if sections or self.ledger_url or told or there & {path.name for path in _made().iterdir()}:
            self.run("ledger", "upgrade", status=0)
        else:
            shutil.copytree(_made(), self.root, symlinks=True, dirs_exist_ok=True)

    def run(self, *arguments: object, status: int | None = None) -> Ran:
        """``archiver`` with *arguments*, on this configuration."""
        return run(*arguments, cwd=self.root, status=status, environ=self.environ)

    def run_here(self, *arguments: object, status: int) -> Ran:
        """The same in this process: a third of the time, where hundreds of runs are asked what they answer."""
        out, err = io.StringIO(), io.StringIO()
        with (
            patch.dict(os.environ, self.environ, clear=True),
            chdir(self.root),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            ended = main.run([*map(str, arguments)])
        ran = Ran(tuple(map(str, arguments)), ended, out.getvalue(), err.getvalue())
        assert ran.status == status, str(ran)
        return ran

    def fork(self, *arguments: object) -> Forked:
        """The same, left running."""
        return Forked(arguments, self.root, self.environ)

    def start(self, *arguments: object, **more: Any) -> subprocess.Popen[str]:
        """The same, started and left running, as a plain process of its own."""
        command = [sys.executable, "-m", "archiver.cli.main", *map(str, arguments)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL, **more}
        return subprocess.Popen(command, cwd=self.root, env=self.environ, text=True, **pipes)

    def deliver(self, key: SigningKey, root: Path | None = None, **more: Any) -> Path:
        """Puts an honest delivery into :attr:`tree` (or *root*); answers its folder. *more*: of sample_delivery."""
        prefix, files = self.sample(key, **more)
        folder = (root or self.tree) / prefix
        folder.mkdir(parents=True)
        for name, data in files.items():
            (folder / name).write_bytes(data)
        return folder

    def sample(self, key: SigningKey, **more: Any) -> tuple[str, dict[str, bytes]]:
        """An honest delivery, another one each time: folder's key, files."""
        made = {"account": ACCOUNT, "complete_time": recently(), **more}
        return sample_delivery(key, self.rng, **made)

    def list_keys(self, *keys: SigningKey, name: str = "keys.json") -> Path:
        """A file as ``aws cloudtrail list-public-keys`` prints it."""
        from archiver.adapters.aws.key_list import format_key_list

        path = self.root / name
        path.write_bytes(format_key_list(key.public for key in keys))
        return path

    def archived(self, source: str = "prod") -> dict[str, bytes]:
        """What the archive holds of *source*: path below it -> bytes."""
        return files_below(self.archive / source)

    def kinds(self) -> list[str]:
        """The kinds of the custody events, in their order; without those that serve the log alone."""
        told = [str(kind) for (kind,) in self.ledger.query("SELECT kind FROM custody_events ORDER BY seq")]
        return [kind for kind in told if kind not in ABOUT_THE_LOG]

    def alerts(self) -> list[str]:
        """The titles of all alerts ever queued, in their order."""
        return [str(title) for (title,) in self.ledger.query("SELECT title FROM alerts ORDER BY id")]


@lru_cache
def _made() -> Path:
    """A folder with what ``ledger upgrade`` makes where there is a configuration and no more."""
    folder = tempfile.TemporaryDirectory(prefix="archiver-made-")
    atexit.register(folder.cleanup)
    home = Home(Path(folder.name))
    home.write()
    home.run("ledger", "upgrade", status=0)
    home.config.unlink()
    return home.root


class Snapshot:
    """*home* as it is now, for many tests: each has it where it was made, for its events name paths."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._kept = home.root.with_name(f"{home.root.name}-kept")
        shutil.copytree(home.root, self._kept, symlinks=True)

    def restore(self, home: Home) -> None:
        """Makes *home* what the other one was: none but one test at a time may use it."""
        shutil.rmtree(self._home.root, ignore_errors=True)
        shutil.copytree(self._kept, self._home.root, symlinks=True)
        home.root = self._home.root
        home.environ = dict(self._home.environ)
        home.rng.setstate(self._home.rng.getstate())


def archived_home(folder: Path, *deliveries: Mapping[str, Any], **source: object) -> tuple[Snapshot, list[Path]]:
    """A home below *folder* with *deliveries* (as :meth:`Home.deliver` takes them) archived; their folders there.

    *source*: more of the configuration of its source.
    """
    home = Home(folder / "home")
    home.root.mkdir()
    home.configure(home.folder_source(**source))
    home.run("keys", "import", home.list_keys(signing_key()), status=0)
    folders = [home.deliver(signing_key(), **more) for more in deliveries]
    home.run("sync", status=0)
    return Snapshot(home), [home.archive / "prod" / one.relative_to(home.tree) for one in folders]


@lru_cache
def own_mounts() -> tuple[str, ...]:
    """What starts a process that may mount, in a table of its own which ends with it; empty where none may."""
    for prefix in (("unshare", "-m"), ("unshare", "-rm")):
        try_it = [*prefix, "mount", "-t", "tmpfs", "none", "/mnt"]
        if shutil.which("unshare") and subprocess.run(try_it, capture_output=True, check=False).returncode == 0:
            return prefix
    return ()


def files_below(root: Path) -> dict[str, bytes]:
    """Every regular file below *root*: path below it -> bytes."""
    found = (path for path in sorted(root.rglob("*")) if path.is_file() and not path.is_symlink())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


def _toml(values: Mapping[str, object]) -> str:
    """JSON's strings, numbers, booleans and lists of them are TOML's too."""
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())


def recently(hours: float = 2) -> datetime:
    """A time so many hours ago, in whole seconds."""
    return (datetime.now(UTC) - timedelta(hours=hours)).replace(microsecond=0)


@lru_cache
def signing_key(name: str = "first", region: str = REGION) -> SigningKey:
    """A key of *region*, valid now; one a process and *name*, for making one takes a while."""
    return make_signing_key(region, datetime.now(UTC) - timedelta(days=20))


@pytest.fixture
def key() -> SigningKey:
    return signing_key()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    root = tmp_path / "home"
    root.mkdir()
    return Home(root)
