"""Answers on stdout: JSON that is one line, tables that line up, and nothing from outside that moves a cursor."""

from __future__ import annotations

import json

import pytest

from archiver.cli.output import counted, human_size, note, print_json, print_table, say

HOSTILE = "a\nb\x1b[2J\u202e\x7f\u2028\U000e0001 é 😀"


def test_json_is_one_line_that_means_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": HOSTILE, "list": [1, None, True], "plain": "é 😀"})
    out = capsys.readouterr().out
    assert out.endswith("\n")
    assert out[:-1].isprintable()
    assert json.loads(out) == {"name": HOSTILE, "list": [1, None, True], "plain": "é 😀"}
    assert "é 😀" in out


def test_json_has_no_nan() -> None:
    with pytest.raises(ValueError, match="JSON"):
        print_json({"x": float("nan")})


def test_a_table_lines_up(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("id", "bytes", "verdict"), [("a", 5, "verified"), ("long-one", 12345, "failed"), ("c", 0, None)])
    assert capsys.readouterr().out.splitlines() == [
        "id        bytes  verdict",
        "a             5  verified",
        "long-one  12345  failed",
        "c             0  -",
    ]


def test_a_table_escapes_what_it_shows(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name",), [(HOSTILE,)])
    head, row = capsys.readouterr().out.splitlines()
    assert head == "name"
    assert row.isprintable()
    assert row.startswith("a\\nb\\x1b[2J\\u202e")


def test_an_empty_table_is_its_head(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("id", "bytes"), [])
    assert capsys.readouterr().out == "id  bytes\n"


def test_say_and_note(capsys: pytest.CaptureFixture[str]) -> None:
    say("a\x1bb")
    note("c\x1bd")
    note("unheard", verbosity=-1)
    captured = capsys.readouterr()
    assert captured.out == "a\\x1bb\n"
    assert captured.err == "c\\x1bd\n"


@pytest.mark.parametrize(
    ("size", "shown"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (2**40, "1.0 TiB"), (2**63, "8192.0 PiB")],
)
def test_sizes_for_people(size: int, shown: str) -> None:
    assert human_size(size) == shown


def test_one_is_not_several() -> None:
    assert [counted(count, "item") for count in (0, 1, 2, 1000)] == ["0 items", "1 item", "2 items", "1,000 items"]
