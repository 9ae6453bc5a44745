"""``archiver demo``: the whole job as a stranger starts it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from archiver.cli.output import started_as
from tests.support.cli import ROOT, environment, run
from tests.support.terminal import show


def test_it_shows_everything_on_a_terminal(tmp_path: Path) -> None:
    shown = show("demo", "--dir", "demo", cwd=tmp_path, environ=environment())
    assert shown.status == 0, shown.raw
    assert "\\x1b" not in shown.raw
    assert "   \x1b[32mverified\x1b[0m  query " in shown.raw
    assert not [line for line in shown.lines if "B/s" in line], "no progress line stays between the steps"
    assert [line[:2] for line in shown.lines if line[1:3] == ". "] == [f"{number}." for number in range(1, 10)]
    assert f"  {sys.executable} -m archiver.cli.main --config {tmp_path}/demo/archiver.toml list " in "\n".join(
        shown.lines
    )
    assert "1 key\n" in "\n".join(shown.lines)
    counted = [line for line in shown.lines if "the ledger has" in line]
    config = tmp_path / "demo" / "archiver.toml"
    status = run("--config", config, "status", "--json", cwd=tmp_path, status=0).json
    assert f"the ledger has {status['ledger']['size']} events, under a new head" in counted[0]


@pytest.mark.thorough
@pytest.mark.parametrize("after", ["3. Harvesting", "6. Repairing"])
def test_an_interruption_is_no_failure(tmp_path: Path, after: str) -> None:
    command = [sys.executable, "-u", "-m", "archiver.cli.main", "demo", "--dir", str(tmp_path / "demo")]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=tmp_path, env=environment(), **pipes) as process:
        assert process.stdout
        for line in process.stdout:
            if line.startswith(after):
                process.send_signal(signal.SIGINT)
                break
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "archiver: interrupted; what was done before stands\n"), out


def test_without_its_server_it_says_so_before_it_does_anything(tmp_path: Path) -> None:
    code = "import sys; sys.modules['moto'] = None; from archiver.cli.main import run; sys.exit(run(['demo']))"
    environ = environment(TMPDIR=str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "the demo needs moto" in done.stderr
    assert "requirements/demo.txt" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_command_is_named_as_it_can_be_typed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "my bin" / "archiver"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert started_as(str(script)) == f"'{script}'"
    monkeypatch.setenv("PATH", str(script.parent))
    assert started_as(str(script)) == "archiver"
    assert started_as("/x/archiver/cli/main.py") == f"{sys.executable} -m archiver.cli.main"
