"""``report`` as a process, over an archive that a sync has filled."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archiver.domain.records import Selection
from archiver.render.json_report import SCHEMA
from archiver.work.audit import Budget
from tests.support.filled import Place, fill

TODAY = datetime.now(UTC).date()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The archive; the last test of the module may change it."""
    return fill(tmp_path_factory.mktemp("filled"))


def test_a_report_is_whole_and_on_record(place: Place, tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    done = place.run(
        "report", "--all", "--out", str(out), "--case", "2026-117", "--exhibit", "A", "--purpose", "a review"
    )
    assert done.stdout == ""
    report = json.loads(out.read_bytes())
    assert report["schema"] == SCHEMA
    assert report["request"] == {
        "case": "2026-117",
        "exhibit": "A",
        "purpose": "a review",
        "requester": None,
        "selection": "everything archived",
    }
    summary = report["summary"]
    assert {name: summary[name] for name in ("items", "verified", "failed", "indeterminate")} == {
        "items": 5,
        "verified": 2,
        "failed": 2,
        "indeterminate": 1,
    }
    assert [item["id"] for item in report["evidence"]] == [line["id"] for line in place.lines()]
    shown = place.run("show", report["evidence"][0]["id"], "--json").json
    later = ("custody", "proof", "files_read")  # that it was reported, what was signed since; show reads no files
    assert {k: v for k, v in report["evidence"][0].items() if k not in later} == {
        k: v for k, v in shown.items() if k not in later
    }
    assert shown["custody"][-1]["kind"] == "reported"
    assert shown["custody"][:-1] == report["evidence"][0]["custody"]
    assert report["not_covered_by_the_signature"]
    app = place.app()
    last = [event for event in app.ledger.evidence.events() if event.kind == "reported"][-1]
    app.close()
    body = json.loads(last.body)
    assert body["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert body["ids"] == [item["id"] for item in report["evidence"]]
    assert (body["count"], body["format"], body["selection"]) == (5, "json", "everything archived")
    assert list(tmp_path.iterdir()) == [out]


def test_an_html_report_shows_hostile_names_and_refers_to_nothing(place: Place, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    place.run("report", place.item("unlisted")["id"][:12], place.item("tampered")["query_id"], "--out", str(out))
    page = out.read_text("utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "a\\x1b[2J\\u202e\\n" in page
    assert "bad\\udcff.bin" in page
    assert all(c.isprintable() or c == "\n" for c in page)
    assert not re.search(r"(?:href|src|action)\s*=\s*[\"'](?!#|data:)", page)
    assert not re.search(r"url\(\s*[\"']?(?!#|data:)", page)
    assert "1 of 2 items FAILED" in page
    assert place.item("good")["id"] not in page


def test_the_format_follows_the_name_unless_it_is_given(place: Place, tmp_path: Path) -> None:
    item = place.item("good")["id"]
    for name, options, begin in (
        ("r.htm", (), "<!doctype html>"),
        ("report", (), "<!doctype html>"),
        ("r.json", (), "{"),
        ("r.txt", ("--format", "json"), "{"),
    ):
        place.run("report", item, "--out", str(tmp_path / name), *options)
        assert (tmp_path / name).read_text().startswith(begin), name
    assert "--format" in place.run("report", item, "--out", str(tmp_path / "r.odt"), status=2).stderr


def test_a_report_to_stdout_is_the_report_and_nothing_else(place: Place) -> None:
    done = place.run("report", "--since", f"{TODAY - timedelta(days=1)}", "--format", "json", "--out", "-")
    assert len(json.loads(done.stdout)["evidence"]) == 5


def test_a_report_is_not_written_over_a_file_unless_forced(place: Place, tmp_path: Path) -> None:
    out = tmp_path / "r.json"
    out.write_text("mine")
    assert str(out) in place.run("report", "--all", "--out", str(out), status=2).stderr
    assert out.read_text() == "mine"
    place.run("report", "--all", "--out", str(out), "--force")
    assert json.loads(out.read_text())["summary"]["items"] == 5


def test_a_folder_where_no_file_can_be_made(place: Place) -> None:
    """/proc says that root may write there, and takes no file: the report is named, not a temporary file."""
    said = place.run("report", "--all", "--out", "/proc/r.html", status=2).stderr
    assert "/proc/r.html: cannot be written" in said


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--all", "--until", "2020-01-01"),
        ("--until", "2020-01-01"),
        ("--all", "--source", "nowhere"),
        ("zz",),
        ("--verdict", "failed"),
        ("--all", "--sign", "key.p12"),
        ("--all", "--tsa", "http://127.0.0.1:1/"),
    ],
)
def test_a_report_on_nothing_is_a_usage_error_and_leaves_nothing(
    place: Place, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    place.run("report", *arguments, "--out", str(tmp_path / "r.html"), status=2)
    assert list(tmp_path.iterdir()) == []


def test_what_an_audit_finds_altered_is_shown_loudly(place: Place, tmp_path: Path) -> None:
    """Last, for it changes the archive: one file of the good item is damaged, and audited."""
    line = place.item("good")
    item = place.shown("good")
    damaged = place.folder / "archive" / item["files"][1]["path"]
    damaged.chmod(0o644)
    damaged.write_bytes(damaged.read_bytes() + b"x")
    app = place.app()
    app.audit(online=False).run(Selection(ids=[line["id"]]), lambda _item: None, Budget(), due_first=False)
    app.close()
    shown = place.shown("good")
    assert shown["verdict"] == "failed"
    assert "archive_altered" in shown["reasons"]
    assert [f["standing"] for f in shown["files"]] == ["sign_file", "altered", "signed"]
    assert [v["verdict"] for v in shown["verifications"]] == ["verified", "failed"]
    out = tmp_path / "r.html"
    place.run("report", line["id"], "--out", str(out))
    assert "1 of 1 item FAILED" in out.read_text()
    assert "ALTERED OR LOST since it was acquired" in out.read_text()
