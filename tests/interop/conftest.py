"""``judge``: the Go program beside this as a process that is asked. Compiled once a session for all its workers."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

SOURCES = sorted(Path(__file__).parent.glob("*.go"))
GOPATH = Path("/usr/share/gocode")
LIBRARY = GOPATH / "src/golang.org/x/mod/sumdb"


@dataclass(frozen=True)
class Answer:
    """``size``: of the newest tree asked about, where it could be told. ``why``: it is not ok."""

    ok: bool
    size: int = 0
    why: str = ""


@dataclass(frozen=True)
class Judge:
    process: subprocess.Popen[str]

    def ask(self, what: str, *keys: object, **given: Any) -> Answer:
        """Asks one of the questions that main.go lists; bytes and texts are given as they are."""
        question = {
            "ask": what,
            "keys": [str(key) for key in keys],
            **{name: _json(one) for name, one in given.items()},
        }
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(question) + "\n")
        stdin.flush()
        return Answer(**json.loads(stdout.readline()))


def _json(value: Any) -> Any:
    match value:
        case Path():
            return str(value)
        case str():
            return _json(value.encode())
        case bytes():
            return base64.b64encode(value).decode()
    return [_json(one) for one in cast("list[bytes]", value)]


def _missing() -> str:
    """What is not here of Go, in words; empty where all is."""
    if not shutil.which("go"):
        return "there is no Go: on Debian and Ubuntu, apt install golang-go golang-golang-x-mod-dev"
    if not LIBRARY.is_dir():
        return f"{LIBRARY} is not there: on Debian and Ubuntu, apt install golang-golang-x-mod-dev"
    return ""


@pytest.fixture(scope="session")
def go_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if missing := _missing():
        if os.environ.get("REQUIRE_GO") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    program = folder / "judge"
    with (folder / "judge.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            _build(program)
    return program


def _build(program: Path) -> None:
    environment = {
        "GO111MODULE": "off",
        "GOPATH": str(GOPATH),
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "",
        "CGO_ENABLED": "0",
    }
    if "HOME" not in os.environ and "GOCACHE" not in os.environ:
        environment["GOCACHE"] = str(program.with_name("go-cache"))
    command = ["go", "build", "-o", str(program), *map(str, SOURCES)]
    built = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr


@pytest.fixture(scope="session")
def judge(go_program: Path) -> Iterator[Judge]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([str(go_program)], text=True, **pipes) as process:
        yield Judge(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait() == 0
