"""What people see: colours that are colours, progress that leaves no trace, answers where they go."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from archiver.demo.deliveries import SigningKey
from tests.support.cli import Home
from tests.support.terminal import show


def stocked(home: Home, key: SigningKey) -> Path:
    """One delivery at a configured source, whose key is held."""
    home.configure(home.folder_source())
    home.run("keys", "import", home.list_keys(key), "--region", key.public.region, status=0)
    return home.deliver(key)


@pytest.mark.thorough
def test_verdicts_are_coloured_and_not_spelled_out(home: Home, key: SigningKey) -> None:
    delivery = stocked(home, key)
    for command in (
        ("verify", str(delivery)),
        ("sync",),
        ("import", str(delivery)),
    ):
        shown = show(*command, cwd=home.root, environ=home.environ)
        assert shown.status == 0, shown
        assert "\x1b[32mverified\x1b[0m  " in shown.raw, command
        assert "\\x1b" not in shown.raw, command


def test_the_progress_line_is_gone_when_an_answer_comes(home: Home, key: SigningKey) -> None:
    stocked(home, key)
    home.deliver(key)
    shown = show("sync", cwd=home.root, environ=home.environ)
    assert "sync prod" in shown.raw, "there was a progress line"
    *items, summary, end = shown.lines
    assert [line[:10] for line in items] == ["verified  "] * 2, shown.lines
    assert summary.startswith("2 of 2 deliveries archived")
    assert end == ""


def test_an_answer_goes_to_stdout_while_progress_is_shown(home: Home, key: SigningKey, tmp_path: Path) -> None:
    delivery = stocked(home, key)
    for command in (("verify", "--json", str(delivery)), ("sync", "--json")):
        with (tmp_path / "answer").open("wb") as answer:
            shown = show(*command, cwd=home.root, environ=home.environ, stdout=answer)
        assert shown.status == 0, shown
        assert "B/s  0:00:0" in shown.raw, "there was a progress line"
        assert isinstance(json.loads((tmp_path / "answer").read_text()), dict)
        assert shown.lines == [""]


def test_progress_is_one_line_on_a_narrow_terminal(home: Home, key: SigningKey) -> None:
    delivery = stocked(home, key)
    with (home.root / "answer").open("wb") as answer:
        shown = show("verify", str(delivery), cwd=home.root, environ=home.environ, columns=40, stdout=answer)
    assert shown.lines == [""], shown.raw
    drawn = re.findall(r"verify  [^\r\n\x1b]*", shown.raw)
    assert drawn
    assert all(len(line) <= 40 and "B/s  0:00:0" in line for line in drawn), drawn
