"""How ``ledger verify`` tells what it found: causes before what follows from them, what to do, what was left out."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import Home, Ran, signing_key
from tests.support.tampering import Forger

ACQUIRED = "kind = 'evidence_acquired'"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = Home(tmp_path_factory.mktemp("template"))
    home.configure(home.folder_source())
    home.run("keys", "import", home.list_keys(signing_key()), status=0)
    for _ in range(2):
        home.deliver(signing_key())
        home.run("sync", status=0)
    home.run("audit", "--all", status=0)
    return home.root


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Home:
    shutil.copytree(template, tmp_path / "home")
    copied = Home(tmp_path / "home")
    copied.write(copied.folder_source())
    return copied


def forge(home: Home, *statements: str) -> None:
    Forger(home.ledger, random.Random(0)).run(*((statement, ()) for statement in statements))


def acquired(home: Home) -> int:
    return int(home.ledger.query(f"SELECT min(seq) FROM custody_events WHERE {ACQUIRED}")[0][0])


def both(home: Home) -> tuple[dict[str, Any], Ran]:
    """The answer as JSON and as text."""
    answer = home.run("ledger", "verify", "--offline", "--json", status=1).json
    return answer, home.run("ledger", "verify", "--offline", status=1)


def lines(shown: Ran, answer: dict[str, Any]) -> list[str]:
    """The lines of problems, every one of which is told."""
    kinds = {problem["kind"] for problem in answer["problems"]}
    found = [line for line in shown.stdout.splitlines() if line.split()[:1] and line.split()[0] in kinds]
    assert len(found) == answer["problem_count"] == len(answer["problems"])
    for problem in answer["problems"]:
        assert any(problem["detail"] in line for line in found), problem
    return found


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE custody_events SET body = replace(body, '\"prod', '\"drop') WHERE seq = {seq}",
        "UPDATE custody_events SET body = replace(body, '\"revision\":1', '\"revision\":7') WHERE seq = {seq}",
        "DELETE FROM custody_events WHERE seq = {seq}",
    ],
)
def test_one_altered_event_is_one_cause_and_nothing_is_dropped(home: Home, statement: str) -> None:
    seq = acquired(home)
    forge(home, statement.format(seq=seq))
    answer, shown = both(home)
    causes = [problem for problem in answer["problems"] if problem["because"] is None]
    assert [(problem["kind"][:6], problem["seq"]) for problem in causes] == [("event_", seq)]
    assert answer["causes"] == 1
    assert answer["problem_count"] > 1
    assert {problem["because"] for problem in answer["problems"] if problem not in causes} == {seq}
    first, *others = lines(shown, answer)
    assert first.startswith("event_")
    assert all(line.startswith("  ") for line in others)
    assert f"{answer['problem_count']} problems (1 cause, {answer['problem_count'] - 1} that follow)" in shown.stdout


def test_a_row_of_another_item_leads_beside_it(home: Home) -> None:
    seq = acquired(home)
    other = f"(SELECT evidence_id FROM custody_events WHERE {ACQUIRED} AND seq > {seq})"
    forge(
        home,
        f"UPDATE custody_events SET body = replace(body, '\"revision\":1', '\"revision\":7') WHERE seq = {seq}",
        f"UPDATE evidence SET account = 'other' WHERE id = {other}",
    )
    answer, shown = both(home)
    causes = [problem["kind"] for problem in answer["problems"] if problem["because"] is None]
    assert sorted(causes) == ["event_altered", "row_altered"]
    leading = [line.split()[0] for line in lines(shown, answer) if not line.startswith(" ")]
    assert leading == ["event_altered", "row_altered"]


def test_events_that_were_cut_off_are_one_cause(home: Home) -> None:
    seq = acquired(home)
    forge(home, f"DELETE FROM custody_events WHERE seq >= {seq}")
    answer, shown = both(home)
    assert answer["problem_count"] > 10
    leading = [line.split()[:3] for line in lines(shown, answer) if not line.startswith(" ")]
    assert leading == [["event_missing", "event", str(seq)]]


def test_a_rewritten_tree_leads_with_the_event(home: Home) -> None:
    shutil.copyfile(home.root / "custody-key.last-head", home.root / "kept")
    size = int(json.loads(home.run("status", "--json", status=0).stdout)["ledger"]["size"])
    backup = (home.root / "ledger.db").read_bytes()
    home.run("audit", "--all", status=0)
    for name in ("ledger.db-wal", "ledger.db-shm"):
        (home.root / name).unlink(missing_ok=True)
    (home.root / "ledger.db").write_bytes(backup)
    answer, shown = both(home)
    assert {problem["kind"] for problem in answer["problems"]} == {"ledger_behind"}
    assert [problem["because"] for problem in answer["problems"]] == [None, size]
    lines(shown, answer)
    said = shown.stdout.splitlines()[-2:]
    assert said[0] == "what to do: docs/runbook.md: The head signed last"
    assert said[1] == "what to do: docs/runbook.md: Ledger verify names problems"


def test_what_is_not_published_names_its_own_section(home: Home) -> None:
    shutil.rmtree(home.archive / "log")
    shown = home.run("ledger", "verify", "--offline", status=1).stdout
    assert "docs/runbook.md: The log folder of the archive is lost" in shown
    (home.root / "ledger.db").unlink()
    home.run("ledger", "verify", status=2)


def test_without_a_key_the_headline_says_that_who_signed_was_not_checked(home: Home) -> None:
    home.run("ledger", "verify", "--offline", status=0)
    (home.root / "custody-key").rename(home.root / "away")
    shown = home.run("ledger", "verify", "--offline", status=3).stdout
    assert any(line.startswith("no problem found; who signed was not checked: ") for line in shown.splitlines())
    assert home.run("ledger", "verify", "--offline", "--json", status=3).json["signer_checked"] is False
    assert "what to do" not in shown
