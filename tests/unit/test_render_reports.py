"""Reports on their way to a file: whole or not at all, put on record first, in little memory."""

from __future__ import annotations

import hashlib
import json
import tracemalloc
from pathlib import Path

import pytest

from archiver.cli.report_file import Renderer, TextDraft, check_target, write_report
from archiver.domain.summary import Summary
from archiver.errors import LedgerError, UsageError
from archiver.render.html_report import HtmlReport
from archiver.render.json_report import JsonReport, json_text
from tests.support.dossier_events import HOSTILE
from tests.support.dossiers import a_heading, full_item, many_items, rendered


def unrecorded(_summary: Summary, _sha256: str) -> None:
    """Puts nothing on record."""


@pytest.mark.parametrize("renderer", [JsonReport(), HtmlReport()], ids=lambda renderer: renderer.name)
def test_the_file_is_what_the_renderer_says_and_what_is_on_record(renderer: Renderer, tmp_path: Path) -> None:
    told: list[tuple[int, str]] = []
    target, items = tmp_path / "report", [full_item(1), full_item(2)]
    write_report(
        TextDraft(renderer), a_heading(), items, target, lambda summary, sha: told.append((summary.items, sha))
    )
    assert target.read_text("utf-8") == rendered(renderer, items, a_heading())
    assert told == [(2, hashlib.sha256(target.read_bytes()).hexdigest())]


@pytest.mark.thorough
@pytest.mark.parametrize("renderer", [JsonReport(), HtmlReport()], ids=lambda renderer: renderer.name)
def test_memory_does_not_grow_with_the_items(renderer: Renderer, tmp_path: Path) -> None:
    count, target = 150, tmp_path / "report"
    write_report(TextDraft(renderer), a_heading(), [full_item()], tmp_path / "warm", unrecorded)
    tracemalloc.start()
    try:
        summary = write_report(TextDraft(renderer), a_heading(), many_items(count), target, unrecorded)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert summary.items == count
    assert target.stat().st_size > 4_000_000
    assert peak < 3_000_000


def test_json_text_is_printable_whatever_is_in_it() -> None:
    text = json_text({HOSTILE: [HOSTILE, "\x7f", "é", "\U000e0001"]})
    assert text.isprintable()
    assert json.loads(text) == {HOSTILE: [HOSTILE, "\x7f", "é", "\U000e0001"]}
    assert "é" in text


def test_a_report_that_cannot_be_put_on_record_does_not_exist(tmp_path: Path) -> None:
    def refuse(_summary: Summary, _sha256: str) -> None:
        raise LedgerError("gone")

    with pytest.raises(LedgerError):
        write_report(TextDraft(JsonReport()), a_heading(), [full_item()], tmp_path / "r.json", refuse)
    assert list(tmp_path.iterdir()) == []


def test_a_report_on_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no evidence is archived that meets this"):
        write_report(TextDraft(JsonReport()), a_heading(), [], tmp_path / "r.json", unrecorded)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_came_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "r.json"

    def comes(_summary: Summary, _sha256: str) -> None:
        target.write_text("mine")

    with pytest.raises(UsageError, match="is there now"):
        write_report(TextDraft(JsonReport()), a_heading(), [full_item()], target, comes)
    assert target.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [target]


def test_targets_that_are_refused(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    archive.mkdir()
    there = tmp_path / "there.html"
    there.write_text("x")
    for target, why in (
        (there, "there already"),
        (archive / "r.html", "in the archive"),
        (tmp_path / "none" / "r.html", "no folder"),
        (Path("/dev/null"), "no regular file"),
    ):
        with pytest.raises(UsageError, match=why):
            check_target(target, False, archive)
    with pytest.raises(UsageError, match="no regular file"):
        check_target(Path("/dev/null"), True, archive)
    check_target(there, True, archive)
    check_target(tmp_path / "new.html", False, archive)
    check_target(None, False, archive)
