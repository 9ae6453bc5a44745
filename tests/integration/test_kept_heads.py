"""A head that a reader kept, held against the ledger as it is now: on paper, in a file, in a proof or a report."""

from __future__ import annotations

import base64
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from archiver.log.checkpoint import read_checkpoint
from tests.support.cli import Home, signing_key


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a folder ``kept``: all that a reader may have of a ledger that has gone on since."""
    home = Home(tmp_path_factory.mktemp("template"))
    home.configure(home.folder_source())
    home.run("keys", "import", home.list_keys(signing_key()), status=0)
    home.deliver(signing_key())
    home.run("sync", status=0)
    folder = home.root / "kept"
    folder.mkdir()
    shutil.copy(home.archive / "log/checkpoint", folder / "checkpoint")
    (item,) = home.run("list", "--json", status=0).lines
    home.run("ledger", "prove", item["id"], "--out", folder / "proof.json", status=0)
    home.run("ledger", "prove", item["id"], "--dir", folder / "proof", status=0)
    for name in ("report.html", "report.json"):
        home.run("report", "--all", "--out", folder / name, status=0)
    (folder / "status.json").write_text(home.run("status", "--json", status=0).stdout)
    home.deliver(signing_key())
    home.run("sync", status=0)
    return home.root


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Home:
    shutil.copytree(template, tmp_path / "home", symlinks=True)
    copied = Home(tmp_path / "home")
    copied.write(copied.folder_source())
    return copied


@pytest.fixture
def kept(home: Home) -> Path:
    return home.root / "kept"


def begin_anew(home: Home) -> None:
    """Whoever owns host and key: everything that the program keeps is made anew, and agrees with itself."""
    for path in (*home.root.glob("ledger.db*"), home.root / "custody-key.last-head", home.archive):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    home.configure(home.folder_source())
    home.run("keys", "import", home.list_keys(signing_key()), status=0)
    home.run("sync", status=0)


def verify(home: Home, *arguments: object, status: int) -> dict[str, Any]:
    return home.run("ledger", "verify", "--json", "--offline", *arguments, status=status).json


def files_of(kept: Path) -> list[Path]:
    proofs = sorted((kept / "proof").rglob("*.tlog-proof"))[:1]
    assert proofs, sorted((kept / "proof").rglob("*"))
    names = ("checkpoint", "proof.json", "report.html", "report.json", "status.json")
    return [*(kept / name for name in names), *proofs]


def figures(kept: Path) -> tuple[int, bytes]:
    head, _ = read_checkpoint((kept / "checkpoint").read_bytes())
    return head.size, head.root


def test_each_kind_of_file_with_a_head_that_the_log_continues(home: Home, kept: Path) -> None:
    size, root = figures(kept)
    files = files_of(kept)
    answer = verify(home, *(f"--head={file}" for file in files), status=0)
    assert answer["problems"] == []
    assert {one["place"] for one in answer["heads_held"]} == {str(file) for file in files}
    assert {one["holds"] for one in answer["heads_held"]} == {True}
    spelt = (root.hex(), root.hex().upper(), base64.b64encode(root).decode())
    held = verify(home, *(f"--expect={size}:{text}" for text in spelt), status=0)["heads_held"]
    assert held == 3 * [{"place": "--expect", "size": size, "root": root.hex(), "holds": True}]
    shown = home.run("ledger", "verify", "--head", kept / "checkpoint", status=0).stdout
    assert "the log continues it" in shown


def test_a_history_begun_anew_with_the_true_key_contradicts_every_kept_head(home: Home, kept: Path) -> None:
    begin_anew(home)
    assert verify(home, status=0)["problems"] == [], "it agrees with itself: nothing here tells"
    files = files_of(kept)
    answer = verify(home, *(f"--head={file}" for file in files), status=1)
    assert {problem["kind"] for problem in answer["problems"]} <= {"head_contradicted", "head_ahead"}, answer
    assert {problem["table"] for problem in answer["problems"]} == {str(file) for file in files}
    assert {one["holds"] for one in answer["heads_held"]} == {False}
    (problem,) = verify(home, "--head", kept / "checkpoint", status=1)["problems"]
    assert "example.com/custody+" in problem["detail"], "who signed it is told"
    shown = home.run("ledger", "verify", "--head", kept / "checkpoint", status=1).stdout
    assert "DOES NOT CONTINUE" in shown


def test_the_reports_own_command_tells(home: Home, kept: Path) -> None:
    page = (kept / "report.html").read_text()
    (expected,) = re.findall(r"archiver ledger verify (--expect [0-9]+:[0-9a-f]{64})", page)
    said = json.loads((kept / "report.json").read_text())["log"]
    assert re.fullmatch(r"archiver ledger verify --expect \d+:[0-9a-f]{64}", said["check_later"])
    assert said["check_later"].endswith(f"{said['checkpoint']['size']}:{said['checkpoint']['root']}")
    home.run("ledger", "verify", *expected.split(), status=0)
    begin_anew(home)
    home.run("ledger", "verify", *expected.split(), status=1)


def test_a_head_that_goes_further_and_one_that_is_another(home: Home, kept: Path) -> None:
    size, root = figures(kept)
    ours = verify(home, status=0)["size"]
    other = bytes([root[0] ^ 1]) + root[1:]
    expected = [
        f"--expect={size}:{root.hex()}",
        f"--expect={size + 1}:{other.hex()}",
        f"--expect={ours + 1}:{'0' * 64}",
    ]
    answer = verify(home, *expected, status=1)
    assert [(p["kind"], p["seq"]) for p in answer["problems"]] == [("head_contradicted", size), ("head_ahead", ours)]
    assert [one["holds"] for one in answer["heads_held"]] == [True, False, False]


def test_a_head_of_another_log_is_told_as_that(home: Home, kept: Path) -> None:
    text = (kept / "checkpoint").read_text().replace("example.com/custody\n", "example.com/other\n")
    (kept / "other").write_text(text)
    (problem,) = verify(home, "--head", kept / "other", status=1)["problems"]
    assert problem["kind"] == "head_contradicted"
    assert "example.com/other" in problem["detail"]


def test_a_head_that_nobody_signed_is_held_and_said_to_be_unsigned(home: Home, kept: Path) -> None:
    text, _, _ = (kept / "checkpoint").read_text().partition("\n\n")
    line = f"— somebody {base64.b64encode(bytes(68)).decode()}"
    (kept / "unsigned").write_text(f"{text}\n\n{line}\n")
    answer = verify(home, "--head", kept / "unsigned", status=0)
    assert any("no key of the log signed" in note for note in answer["notes"])


@pytest.mark.parametrize(
    "text", ["", "4711", "x:" + "0" * 64, "1:" + "0" * 63, "1:" + "A" * 44, "9" * 20 + ":" + "0" * 64]
)
def test_what_is_no_head_is_a_usage_error(home: Home, kept: Path, text: str) -> None:
    home.run("ledger", "verify", "--expect", text, status=2)
    (kept / "nonsense").write_text(text)
    home.run("ledger", "verify", "--head", kept / "nonsense", status=2)
    home.run("ledger", "verify", "--head", kept / "nowhere", status=2)
