"""Reports as text: JSON that reads back, HTML that shows everything and runs nothing."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from archiver.cli.report_file import Renderer, check_target, write_report
from archiver.domain.custody import Actor
from archiver.domain.dossier import FileAccount, Happening, Heading, ItemDossier, Judged, Standing, Step, Summary
from archiver.domain.evidence import Evidence, EvidenceState, FileRole, Origin
from archiver.domain.keys import HeldKey, KeyProvenance, PublicKey
from archiver.domain.log_records import ClaimedKey, KeyStanding, LogState, LogTrust, StoredCheckpoint
from archiver.domain.verdict import Check, CheckResult, Finding, Reason, Verdict
from archiver.errors import LedgerError, UsageError
from archiver.render import statements
from archiver.render.html_report import HtmlReport
from archiver.render.json_report import SCHEMA, JsonReport, json_text

NOW = datetime(2026, 1, 10, 12, tzinfo=UTC)
HOSTILE = (
    "</b><script>alert(1)</script>\"'&<img src=http://evil.example/x onerror=y>\x1b[2J\u202e\n\x00\udcff{{ 7*7 }}"
)
ACTOR = Actor(f"root{HOSTILE}", "host", "1.0")


def an_item(text: str = HOSTILE, verdict: Verdict = Verdict.FAILED, number: int = 0) -> ItemDossier:
    """An item in which every text that can come from outside is *text*."""
    evidence = Evidence(
        id=f"{number:032x}",
        source="prod",
        source_url=f"file:///{text}",
        prefix=text,
        path=text,
        revision=1,
        account=text,
        query_id=text,
        region=text,
        query_complete_time=NOW,
        fingerprint=text,
        key_sha256="0" * 64,
        hash_list_sha256="0" * 64,
        files=(),
        first_seen_at=NOW,
        acquired_at=NOW,
        caller=text,
    )
    origin = Origin(text, text, text, NOW, text, text, 3, text)
    file = FileAccount(text, FileRole.UNLISTED, text, 1536, "a" * 64, "b" * 64, None, Standing.MISMATCH, origin)
    judged = Judged(
        1,
        NOW,
        text,
        verdict,
        (Reason.HASH_MISMATCH,),
        (Finding.UNLISTED_FILE,),
        (Check("files", CheckResult.FAIL, text),),
        None,
    )
    return ItemDossier(
        evidence=evidence,
        state=EvidenceState(verdict, (Reason.HASH_MISMATCH,), (Finding.UNLISTED_FILE,), None, NOW),
        files=(file,),
        keys=(HeldKey(PublicKey(b"der", text, text), (KeyProvenance(text, text, text, NOW, text),)),),
        key_folder=text,
        signed_hashes=("c" * 64,),
        judged=(judged,),
        history=(Happening(1, NOW, text, ACTOR, text, {"detail": text}, "d" * 64),),
        disagreements=(text,),
        steps=(Step(text, (text,), text),),
    )


def heading(text: str = HOSTILE, log: LogState | None = None) -> Heading:
    return Heading(NOW, ACTOR, f"sqlite:///{text}", f"file:///{text}", text, text, text, text, log)


VKEY = "archive.example/log+c867fd8e+Ac2Xe7akWuUKbDefId+7J/KVvXm35t1buxhlGirgBNuI"
NOTE = "archive.example/log\n7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— archive.example/log yGf9jgAAAA==\n"
LOG = LogState(
    trust=LogTrust((VKEY,)),
    claimed=(ClaimedKey(HOSTILE, KeyStanding.NOT_CONFIGURED), ClaimedKey(VKEY, KeyStanding.CONFIGURED)),
    size=9,
    root="e" * 64,
    head=StoredCheckpoint(7, NOTE),
    head_at=NOW,
    head_root="d" * 64,
)


def written(renderer: Renderer, items: list[ItemDossier], head: Heading) -> str:
    summary = Summary()
    for item in items:
        summary.add(item)
    body = "".join(text for n, item in enumerate(items) for text in renderer.item(item, first=n == 0))
    return "".join(renderer.begin(head, summary)) + body + "".join(renderer.end())


class _Page(HTMLParser):
    """The tags and attributes of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def page() -> str:
    return written(HtmlReport(), [an_item()], heading(log=LOG))


def test_html_runs_nothing_and_fetches_nothing(page: str) -> None:
    tags = _Page(page).tags
    names = {tag for tag, _ in tags}
    assert not names & {"script", "img", "link", "iframe", "object", "embed", "base", "form", "svg", "video", "audio"}
    for tag, attributes in tags:
        assert not [a for a in attributes if a.startswith("on") or a in ("src", "style", "srcset", "action")], tag
        assert attributes.get("href", "#")[:1] == "#", attributes  # type: ignore[index]
    style = page[page.index("<style>") : page.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert "default-src 'none'" in page


def test_html_shows_hostile_text_escaped_and_its_control_characters(page: str) -> None:
    shown = _Page(page)
    assert "<script>alert(1)</script>" in shown.text
    assert "\\x1b[2J\\u202e\\n\\x00\\udcff{{ 7*7 }}" in shown.text
    assert [c for c in page if not (c.isprintable() or c == "\n")] == []
    page.encode("utf-8")


def test_html_holds_every_part(page: str) -> None:
    text = _Page(page).text
    for part in (
        "1 of 1 item FAILED",
        "The ledger disagrees with itself",
        "hash_mismatch",
        "+unlisted_file",
        "Signed by CloudTrail",
        "Claimed, not signed",
        "a" * 64,
        "b" * 64,
        "c" * 64,
        VKEY,
        "e" * 64,
        *NOTE.splitlines(),
        "1.5 KiB (1536 bytes)",
        statements.STANDINGS[Standing.MISMATCH],
        statements.VERIFIED_MEANS,
        "2026-01-10T12:00:00Z",
        *(what for what, _ in statements.NOT_COVERED),
    ):
        assert part in text, part


def test_a_log_without_a_head_or_with_an_unreadable_tree_says_so() -> None:
    bare = LogState(LogTrust((), f"KMS is away {HOSTILE}"), (), 3, None, None, None)
    text = _Page(written(HtmlReport(), [an_item("x")], heading("x", bare))).text
    assert "none was signed yet" in text
    assert "archiver ledger verify" in text
    assert "could NOT be compared with the configured one" in text
    report = json.loads(written(JsonReport(), [an_item("x")], heading("x", bare)))
    assert report["log"] == {
        "origin": None,
        "keys": [],
        "keys_not_asked": f"KMS is away {HOSTILE}",
        "ledger_keys": [],
        "size": 3,
        "root": None,
        "last_verified": None,
        "checkpoint": None,
        "check_later": None,
    }


def test_a_key_that_is_not_the_configured_one_is_marked() -> None:
    text = _Page(written(HtmlReport(), [an_item("x")], heading("x", LOG))).text
    assert "The ledger names a key of the log that is NOT the configured key" in text
    assert statements.KEYS[KeyStanding.NOT_CONFIGURED] in text
    good = replace(LOG, claimed=LOG.claimed[1:])
    assert "NOT the configured key" not in _Page(written(HtmlReport(), [an_item("x")], heading("x", good))).text


def test_a_head_is_called_verified_only_where_it_is() -> None:
    def shown(log: LogState) -> str:
        return _Page(written(HtmlReport(), [an_item("x")], heading("x", log))).text

    verified = "verified: signed with the configured key"
    assert verified in shown(LOG)
    bad = replace(LOG, head_trouble="nobody signed it")
    assert "The checkpoint below is NOT verified: nobody signed it" in shown(bad)
    assert verified not in shown(bad)


def test_json_holds_the_logs_keys_and_newest_head() -> None:
    log = json.loads(written(JsonReport(), [an_item("x")], heading("x", LOG)))["log"]
    assert log == {
        "origin": "archive.example/log",
        "keys": [VKEY],
        "keys_not_asked": None,
        "ledger_keys": [
            {"key": HOSTILE, "standing": "not_configured"},
            {"key": VKEY, "standing": "configured"},
        ],
        "size": 9,
        "root": "e" * 64,
        "last_verified": None,
        "checkpoint": {
            "size": 7,
            "root": "d" * 64,
            "at": "2026-01-10T12:00:00Z",
            "note": NOTE,
            "verified": True,
            "trouble": None,
        },
        "check_later": f"archiver ledger verify --expect 7:{'d' * 64}",
    }


def test_html_of_the_good_is_not_alarmed() -> None:
    good = replace(
        an_item("x", Verdict.VERIFIED), disagreements=(), state=EvidenceState(Verdict.VERIFIED, (), (), NOW, NOW)
    )
    text = _Page(written(HtmlReport(), [good, good], heading("x"))).text
    assert "2 items: all verified" in text
    assert "disagrees" not in text


def test_html_says_how_many_could_not_be_judged() -> None:
    items = [an_item("x", Verdict.INDETERMINATE), an_item("x", Verdict.VERIFIED)]
    assert "1 of 2 items could NOT be judged" in _Page(written(HtmlReport(), items, heading("x"))).text


def test_json_reads_back_with_its_keys_in_order() -> None:
    text = written(JsonReport(), [an_item(), an_item("x", Verdict.VERIFIED, 1)], heading())
    report = json.loads(text)
    assert list(report) == [
        "schema",
        "generated_at",
        "tool",
        "written_by",
        "request",
        "ledger",
        "archive",
        "log",
        "summary",
        "verified_means",
        "not_covered_by_the_signature",
        "evidence",
    ]
    assert report["schema"] == SCHEMA
    assert report["request"] == dict.fromkeys(("case", "exhibit", "purpose", "selection"), HOSTILE)
    assert report["summary"]["items"] == 2
    assert report["summary"]["failed"] == 1
    assert [line["verdict"] for line in report["summary"]["not_verified"]] == ["failed"]
    first, second = report["evidence"]
    assert first["prefix"] == HOSTILE
    assert first["files"][0]["name"] == HOSTILE
    assert first["verifications"][0]["checks"] == [{"id": "files", "result": "fail", "detail": HOSTILE}]
    assert first["custody"][0]["facts"] == {"detail": HOSTILE}
    assert second["id"] == f"{1:032x}"
    assert list(first) == list(second)


def test_json_text_is_printable_whatever_is_in_it() -> None:
    text = json_text({HOSTILE: [HOSTILE, "\x7f", "é", "\U000e0001"]})
    assert text.isprintable()
    assert json.loads(text) == {HOSTILE: [HOSTILE, "\x7f", "é", "\U000e0001"]}
    assert "é" in text


def test_every_code_has_plain_words() -> None:
    assert set(statements.REASONS) == set(Reason)
    assert set(statements.FINDINGS) == set(Finding)
    assert set(statements.VERDICTS) == set(Verdict)
    assert set(statements.STANDINGS) == set(Standing)
    assert set(statements.SIGNATURES) == {result.value for result in CheckResult}


@pytest.mark.parametrize("renderer", [JsonReport(), HtmlReport()], ids=lambda renderer: renderer.name)
def test_memory_does_not_grow_with_the_items(renderer: Renderer, tmp_path: Path) -> None:
    count = 700

    def many() -> Iterator[ItemDossier]:
        for number in range(count):
            yield an_item("x" * 600, Verdict.VERIFIED, number)

    target = tmp_path / "report"
    write_report(renderer, heading("x"), [an_item("x")], tmp_path / "warm", lambda *_: None)
    tracemalloc.start()
    try:
        summary = write_report(renderer, heading("x"), many(), target, lambda *_: None)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert summary.items == count
    assert target.stat().st_size > 8_000_000
    assert peak < 4_000_000


def test_a_report_that_cannot_be_put_on_record_does_not_exist(tmp_path: Path) -> None:
    def refuse(_summary: Summary, _sha256: str) -> None:
        raise LedgerError("gone")

    with pytest.raises(LedgerError):
        write_report(JsonReport(), heading("x"), [an_item("x")], tmp_path / "r.json", refuse)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_came_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "r.json"
    with pytest.raises(UsageError, match="is there now"):
        write_report(
            JsonReport(), heading("x"), [an_item("x")], target, lambda *_: target.write_text("mine") and None
        )
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
