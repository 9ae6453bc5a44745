"""That the ledger was verified is on record where that is asked for, and status and reports show it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import Home, signing_key


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """One home for all of this file's tests, which go on from each other in their order."""
    home = Home(tmp_path_factory.mktemp("home"))
    home.configure(home.folder_source())
    home.run("keys", "import", home.list_keys(signing_key()), status=0)
    home.deliver(signing_key())
    home.run("sync", status=0)
    return home


def status(home: Home) -> dict[str, Any]:
    ledger: dict[str, Any] = home.run("status", "--json", status=0).json["ledger"]
    return ledger


def report(home: Home, name: str) -> str:
    home.run("report", "--all", "--force", "--out", name)
    return (home.root / name).read_text("utf-8")


def row(home: Home, name: str) -> str:
    lines = home.run("status", status=0).stdout.splitlines()
    return next(line.removeprefix(name).strip() for line in lines if line.startswith(name))


def events(home: Home) -> list[dict[str, Any]]:
    found = home.ledger.query("SELECT body FROM custody_events WHERE kind = 'ledger_verified' ORDER BY seq")
    return [json.loads(body) for (body,) in found]


def test_never_is_said_plainly(home: Home) -> None:
    size = home.ledger.query("SELECT count(*) FROM custody_events")
    assert home.run("ledger", "verify", "--json", status=0).json["recorded"] is False
    assert home.ledger.query("SELECT count(*) FROM custody_events") == size, "plain ledger verify records nothing"
    assert status(home)["last_verified_at"] is None
    assert status(home)["last_verified_problems"] is None
    assert row(home, "verified").startswith("never")
    assert row(home, "root") == status(home)["root"]
    assert "never: no ledger verify is on record" in report(home, "never.html")
    assert json.loads(report(home, "never.json"))["log"]["last_verified"] is None


def test_what_came_of_it_is_recorded_and_shown(home: Home) -> None:
    answer = home.run("ledger", "verify", "--record", "--json", "--offline", status=0).json
    assert answer["recorded"] is True
    (event,) = events(home)
    assert (event["size"], event["root"]) == (answer["size"], answer["root"])
    assert (event["problems"], event["failed"], event["kinds"], event["not_checked"]) == (0, False, [], [])
    assert event["seconds"] >= 1
    shown = status(home)
    assert shown["last_verified_at"] == event["at"]
    assert (shown["last_verified_problems"], shown["last_verified_size"]) == (0, answer["size"])
    assert shown["size"] == shown["checkpoint_size"], "a head covers the event"
    assert "no problem found" in row(home, "verified")
    assert event["at"] in report(home, "page.html")
    said = json.loads(report(home, "page.json"))["log"]["last_verified"]
    assert (said["at"], said["problems"], said["size"]) == (event["at"], 0, answer["size"])
    assert home.run("ledger", "verify", "--json", status=0).json["problems"] == [], "the event fits the ledger"


def test_problems_are_recorded_too_and_the_status_stays(home: Home) -> None:
    home.ledger.forge("UPDATE files SET size = size + 1")
    answer = home.run("ledger", "verify", "--record", "--json", status=1).json
    event = events(home)[-1]
    assert event["problems"] == len(answer["problems"])
    assert event["failed"] is True
    assert "row_altered" in event["kinds"]
    assert status(home)["last_verified_problems"] == event["problems"]
    assert "PROBLEMS FOUND" in row(home, "verified")
    assert "it did NOT fit together" in report(home, "bad.html")


def test_an_event_that_cannot_be_read_is_not_called_never(home: Home) -> None:
    seq = home.ledger.query("SELECT max(seq) FROM custody_events WHERE kind = 'ledger_verified'")[0][0]
    home.ledger.forge(f"UPDATE custody_events SET body = '{{}}' WHERE seq = {seq}")
    assert status(home)["last_verified_at"] is None
    assert f"event {seq}" in row(home, "verified")
    assert f"event {seq} tells, and cannot be read" in report(home, "unread.html")


def test_what_was_not_checked_is_recorded(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.configure(home.folder_source())
    home.run("ledger", "checkpoint", status=0)
    (tmp_path / "custody-key").rename(tmp_path / "away")
    home.run("ledger", "verify", "--record", status=3)
    (event,) = events(home)
    assert any("who signed the log was not checked" in note for note in event["not_checked"])
