"""Progress: something on a terminal, nothing anywhere else."""

from __future__ import annotations

import io
import os
import re

import pytest

from archiver.render.progress import SilentProgress, TerminalProgress, hidden, progress_on
from tests.support.terminal import Shown, open_terminal, read_all


def test_silence_off_a_terminal_and_when_asked_for() -> None:
    stream = io.StringIO()
    progress = progress_on(stream)
    progress.begin("syncing")
    progress.item("a")
    progress.moved(5)
    assert isinstance(progress, SilentProgress)
    assert stream.getvalue() == ""


def test_a_terminal_shows_what_is_done_and_no_raw_names() -> None:
    ours, theirs = open_terminal()
    with os.fdopen(theirs, "w") as stream:
        assert isinstance(progress_on(stream, quiet=True), SilentProgress)
        progress = progress_on(stream)
        assert isinstance(progress, TerminalProgress)
        progress.item("before any beginning")
        progress.begin("syncing prod")
        progress.item("evil\x1b]0;title\x07 [red]name")
        progress.moved(2048)
        progress.stop()
    shown = read_all(ours)
    os.close(ours)
    assert "syncing prod" in shown
    assert "2.0" in shown
    assert "\\x1b]0;title\\x07 [red]name" in shown
    assert "\x1b]0;" not in shown


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_it_is_one_line_with_figures_at_any_width(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))  # the terminal that rich asks is the process's, not the stream's
    ours, theirs = open_terminal(columns)
    with os.fdopen(theirs, "w") as stream:
        progress = TerminalProgress(stream)
        progress.begin("sync a-source-with-a-name-that-goes-on")
        progress.item("AWSLogs/111122223333/CloudTrail-Lake/Query/2022/11/04/" + "q" * 100)
        progress.moved(5 * 2**20)
        progress.stop()
    shown = Shown(0, read_all(ours))
    os.close(ours)
    assert shown.lines == [""], "more than one line, or one that stays"
    last = re.findall(r"sync a[^\r\n\x1b]*", shown.raw)[-1]
    assert len(last) <= columns
    assert "  1  5.0 Mi" in last
    assert ("AWSLogs/" in last) == (columns > 40)


def test_it_is_away_while_something_else_is_printed_and_comes_back() -> None:
    ours, theirs = open_terminal()
    with os.fdopen(theirs, "w") as stream:
        progress = progress_on(stream)
        assert isinstance(progress, TerminalProgress)
        progress.begin("audit")
        with hidden():
            stream.write("an answer\n")
            stream.flush()
        progress.item("next")
        with hidden():
            stream.write("another\n")
            stream.flush()
    shown = Shown(0, read_all(ours))
    os.close(ours)
    assert shown.lines == ["an answer", "another", ""]
    assert shown.raw.rindex("next") > shown.raw.index("an answer")


def test_a_total_is_shown_with_the_part_that_is_done() -> None:
    ours, theirs = open_terminal()
    with os.fdopen(theirs, "w") as stream:
        progress = progress_on(stream)
        assert isinstance(progress, TerminalProgress)
        progress.begin("ledger verify", 4096)
        for _ in range(3):
            progress.item("", 256)
        progress.stop()
    shown = Shown(0, read_all(ours))
    os.close(ours)
    assert "768 of 4,096 (18 %)" in shown.raw
