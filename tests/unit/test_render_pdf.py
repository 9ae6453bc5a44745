"""Reports as PDF: their form, what they carry, what they say first, and that no text can break them."""

from __future__ import annotations

import gzip
import io
import json
import re
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from archiver.domain.dossier import Heading, ItemDossier
from archiver.domain.facts import Label
from archiver.domain.summary import Summary
from archiver.domain.verdict import Verdict
from archiver.errors import StoppedError, UsageError
from archiver.render import pdf_report
from archiver.render.json_report import JsonReport
from archiver.render.pdf_front import Signer
from archiver.render.pdf_item import item_blocks
from archiver.render.pdf_report import PdfReport
from archiver.render.pdf_text import BOLD, REGULAR, Data, Verbatim, covered, escaped, shown
from archiver.render.words.languages import WORDS
from archiver.render.words.pages import PAGES
from archiver.render.words.vocabulary import Words
from tests.support.dossier_events import HOSTILE
from tests.support.dossiers import (
    DOSSIERS,
    a_heading,
    bare_heading,
    bare_item,
    full_item,
    hostile_heading,
    hostile_item,
    imported_item,
    summary_of,
    with_text,
)
from tests.support.pdfa import attachments, problems, text
from tests.support.pdfa import fonts as fonts_of


def rendered(items: Iterable[ItemDossier], heading: Heading, signer: Signer | None = None, **where: Any) -> bytes:
    out, summary = io.BytesIO(), Summary()
    with PdfReport(WORDS[heading.language], signer=signer, **where) as report:
        for item in items:
            report.add(item)
            summary.add(item)
        report.write(heading, summary, out)
    return out.getvalue()


@pytest.fixture(scope="module")
def kinds() -> list[ItemDossier]:
    return [DOSSIERS[name](number) for number, name in enumerate(("full", "failed", "bare", "waiting", "unreadable"))]


@pytest.fixture(scope="module")
def english(kinds: list[ItemDossier]) -> bytes:
    return rendered(kinds, a_heading())


@pytest.fixture(scope="module")
def japanese(kinds: list[ItemDossier]) -> bytes:
    return rendered(kinds, a_heading(language="ja"))


@pytest.fixture(scope="module")
def hostile() -> bytes:
    return rendered([hostile_item(0), full_item(1)], hostile_heading())


def said(data: bytes) -> str:
    """The text of the pages without blanks: lines end anywhere."""
    return re.sub(r"\s", "", text(data))


def plain(words: str) -> str:
    return re.sub(r"\s", "", words)


def blocks_within(value: Any) -> Iterable[dict[str, Any]]:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if isinstance(value, dict):
        yield value
    for part in parts:
        yield from blocks_within(part)


@pytest.mark.parametrize("words", WORDS.values(), ids=list(WORDS))
def test_nothing_is_marked_as_signed_by_aws_under_an_imported_key(words: Words) -> None:
    def labels(item: ItemDossier) -> set[str]:
        return {one["label"] for one in blocks_within(item_blocks(item, words, [])) if "label" in one}

    def texts(item: ItemDossier) -> list[str]:
        return [str(one["text"]) for one in blocks_within(item_blocks(item, words, [])) if "lead" in one]

    imported, listed = imported_item(), full_item()
    assert Label.SIGNED in labels(listed)
    assert Label.FITS_KEY not in labels(listed)
    assert Label.FITS_KEY in labels(imported)
    assert Label.SIGNED not in labels(imported)
    terms = {"key": imported.keys[0].key.sha256, "whence": words.text("key.imported")}
    assert words.text("not_proved.key", **terms) in texts(imported)
    counted = {"hashes": words.count("hashes", 2), "signature": words.signatures["pass"]}
    assert words.text("proved.signed_unlisted", **counted, **terms) in texts(imported)
    assert words.text("proved.signed", **counted) not in texts(imported)
    assert words.text("proved.signed", **counted) in texts(listed)


def test_the_first_page_says_that_a_key_was_imported() -> None:
    shown = said(rendered([imported_item()], a_heading()))
    assert plain(WORDS["en"].text("result.imported", items="1 item")) in shown
    assert plain(WORDS["en"].marks[Label.FITS_KEY]) in shown


class TestForm:
    @pytest.mark.parametrize("name", ["english", "japanese", "hostile"])
    def test_keeps_to_pdf_a_as_far_as_its_structure_tells(self, name: str, request: pytest.FixtureRequest) -> None:
        assert problems(request.getfixturevalue(name)) == []

    @pytest.mark.skipif(shutil.which("verapdf") is None, reason="veraPDF is not installed")
    @pytest.mark.parametrize("name", ["english", "japanese", "hostile"])
    def test_verapdf_passes_it(self, name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
        path = tmp_path / "report.pdf"
        path.write_bytes(request.getfixturevalue(name))
        done = subprocess.run(
            ["verapdf", "--flavour", "3b", "--format", "text", str(path)], check=False, capture_output=True
        )
        assert done.stdout.startswith(b"PASS"), done.stdout

    def test_only_its_own_fonts_are_in_it(self, japanese: bytes) -> None:
        assert fonts_of(japanese) == {"ArchiverReportSans-Regular", "ArchiverReportSans-Bold", "DejaVuSansMono"}

    def test_the_same_dossiers_make_the_same_bytes(self, kinds: list[ItemDossier], tmp_path: Path) -> None:
        assert rendered(kinds[:2], a_heading()) == rendered(kinds[:2], a_heading(), folder=tmp_path)

    def test_another_time_of_making_makes_other_bytes(self) -> None:
        heading = a_heading()
        later = replace(heading, generated_at=heading.generated_at + timedelta(seconds=1))
        assert rendered([bare_item()], heading) != rendered([bare_item()], later)

    def test_nothing_is_left_in_the_folder(self, tmp_path: Path) -> None:
        rendered([bare_item()], bare_heading(), folder=tmp_path)
        assert list(tmp_path.iterdir()) == []


class TestAttached:
    def test_the_whole_report_as_json(self, english: bytes, kinds: list[ItemDossier]) -> None:
        one = attachments(english)["report.json.gz"]
        report = JsonReport()
        whole = "".join(report.begin(a_heading(), summary_of(kinds)))
        whole += "".join(part for place, item in enumerate(kinds) for part in report.item(item, place == 0))
        assert gzip.decompress(one.data).decode("utf-8") == whole + "".join(report.end())
        assert (one.relationship, one.mime) == ("/Data", "/application/gzip")

    def test_proofs_and_checkpoint_byte_for_byte(self, english: bytes, kinds: list[ItemDossier]) -> None:
        held, full = attachments(english), kinds[0]
        proof = held.pop(f"proof-{full.evidence.id}.json")
        log = a_heading().log
        assert full.proof.data
        assert log
        assert log.head
        assert (proof.data, proof.relationship) == (full.proof.data, "/Supplement")
        assert held.pop("checkpoint").data.decode() == log.head.note
        assert set(held) == {"report.json.gz"}

    def test_a_report_without_log_has_the_report_alone(self) -> None:
        assert set(attachments(rendered([bare_item()], bare_heading()))) == {"report.json.gz"}


class TestTold:
    def test_failure_stands_first(self, english: bytes, kinds: list[ItemDossier]) -> None:
        page, summary = said(english), summary_of(kinds)
        failed, unknown = summary.by_verdict[Verdict.FAILED], summary.by_verdict[Verdict.INDETERMINATE]
        words = (f"{failed}of5itemsFAILED", f"{unknown}of5itemscouldNOTbejudged", "Theledgerdisagreeswithitselfabout")
        places = [page.index(word) for word in (*words, "2026-117", "Overview")]
        assert failed
        assert places == sorted(places)

    def test_success_stands_there_too(self) -> None:
        item = replace(full_item(), is_read=True)
        page = said(rendered([item], a_heading(), Signer("Custodian Example", "ab" * 32)))
        assert page.index("Allverified:1item") < page.index("2026-117")
        assert "FAILED" not in page[: page.index("2026-117")]
        assert "tobesignedbyCustodianExample,certificateSHA-256" + "ab" * 32 in page

    def test_every_hash_key_and_word_of_an_item_is_there(self, english: bytes, kinds: list[ItemDossier]) -> None:
        page, item = said(english), kinds[0]
        told = [item.sign_file.text, item.sign_file.signing_string, item.sign_file.signature, item.keys[0].key.sha256]
        told += [file.sha256 for file in item.files] + [
            event.body_sha256 for event in (item.history[0], item.history[-1])
        ]
        told += [command for step in item.steps for command in step.commands]
        told += [str(fact.value) for fact in item.query if isinstance(fact.value, str | int)]
        for one in told:
            assert one is not None
            assert plain(str(one)) in page

    def test_what_the_signature_does_not_cover_and_the_draft(self, japanese: bytes) -> None:
        page, words = said(japanese), WORDS["ja"]
        for what, why in words.not_covered:
            assert plain(what) in page
            assert plain(why) in page
        assert "ExecutedwithintheUnitedStates" not in page
        assert "underpenaltyofperjuryunderthelawsoftheUnitedStatesofAmerica" in page

    def test_what_is_not_verified_is_in_full_before_the_rest(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pdf_report, "IN_FULL", 5)
        odd = [bare_item(n) for n in range(2)]
        many = [replace(bare_item(n), state=full_item().state) for n in range(2, 8)]
        data = rendered([*many, *odd], a_heading())
        page = said(data)
        first = page.index("Theevidence")
        assert page.index("5of8itemsstandhereinfull") > first
        ids = re.findall(r"(?:FAILED|verified)([0-9a-f]{32})", page[first:])
        assert ids == [item.evidence.id for item in (*odd, *many[:3])]
        attached = json.loads(gzip.decompress(attachments(data)["report.json.gz"].data))
        assert [one["id"] for one in attached["evidence"]] == [item.evidence.id for item in (*many, *odd)]

    def test_what_is_too_long_is_cut_and_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pdf_report, "TEXT", 20_000)
        item = full_item()
        long = with_text(replace(item, files=item.files * 40, history=item.history * 20), "W" * 3000)
        page = said(rendered([long, full_item(1)], a_heading()))
        assert plain(PAGES["en"]["cut_short"]) in page
        assert "1of2itemsstandhereinfull" in page
        assert len(page) < 60_000


class TestHostile:
    def test_markup_of_every_kind_stands_as_it_is(self, hostile: bytes) -> None:
        assert plain('<script>alert(1)</script>]]><!-- -- "') in said(hostile)
        assert plain('{{ 7*7 }}{% raw %}#import "x" $x$ \\u0041 @x *b* `touch x`') in said(hostile)

    def test_what_does_not_print_stands_as_an_escape(self, hostile: bytes) -> None:
        page = text(hostile)
        assert "\\x1b[2J\\u202e\\u2066\\n\\r\\t\\x00" in plain(page)
        assert not [c for c in page if unicodedata.category(c) in ("Cf", "Co", "Cn", "Cs")]

    def test_no_character_ends_the_making(self) -> None:
        samples = ["".join(map(chr, range(start, 0x30000, 199))) for start in range(6)]
        item = full_item()
        item = replace(item, sign_file=replace(item.sign_file, text="\n".join(samples)))
        heading = a_heading(case=samples[2], exhibit=samples[3], purpose=samples[4], requester="\ud800" + samples[5])
        assert problems(rendered([item], heading)) == []

    def test_the_attached_json_has_the_text_itself(self, hostile: bytes) -> None:
        held = json.loads(gzip.decompress(attachments(hostile)["report.json.gz"].data))
        assert held["request"]["case"] == HOSTILE


class TestText:
    def test_every_word_of_every_language_has_its_glyphs(self) -> None:
        glyphs = covered(REGULAR) & covered(BOLD)
        told = [
            form for words in WORDS.values() for one in fields(words) for form in _texts(getattr(words, one.name))
        ]
        for form in (*told, *_texts(PAGES)):
            assert {c for c in form if ord(c) not in glyphs} == set(), form

    def test_both_languages_say_the_same_of_pages(self) -> None:
        forms = [{name: sorted(re.findall(r"{\w+}", form)) for name, form in told.items()} for told in PAGES.values()]
        assert forms[0] == forms[1]

    @pytest.mark.parametrize(
        "name", ["髙橋﨑栁濵德", "株式会社検証①№㈱", "ｶﾀｶﾅ", "Ünïcödé ßø", "Ωμεγα Москва", "全角\u3000空白"]
    )
    def test_names_stay(self, name: str) -> None:
        assert escaped(name) == name

    @pytest.mark.parametrize(
        "odd", ["\u202e", "\u200b", "\x1b", "e\u0301"[1:], "😀", "한", "\ufdfd", "\u00a0", "\ud800"]
    )
    def test_what_has_no_glyph_of_its_own_is_escaped(self, odd: str) -> None:
        assert escaped(f"a{odd}b") == "a" + odd.encode("unicode_escape", "surrogatepass").decode() + "b"

    def test_long_runs_can_be_broken_and_lose_nothing(self) -> None:
        for kind, most in ((str, 41), (Data, 70), (Verbatim, 110)):
            run = "0123456789abcdef" * 40
            cut = shown(kind(run))
            assert isinstance(cut, list)
            assert "".join(cut) == run
            assert shown(kind(run[: most - 1])) == run[: most - 1]

    def test_no_line_ends_behind_the_dash_of_an_option(self) -> None:
        assert "-pubout" in shown(Verbatim("openssl rsa -in k.pem -pubout\n-x"))
        assert "".join(shown(Verbatim("a -b)\n\n# c"))) == "a -b)\n\n# c"


class TestStopped:
    def test_it_ends_while_the_pages_are_set(self, kinds: list[ItemDossier], tmp_path: Path) -> None:
        out, summary = io.BytesIO(), Summary()
        with PdfReport(WORDS["en"], tmp_path, should_stop=lambda: True) as report:
            for item in kinds:
                report.add(item)
                summary.add(item)
            with pytest.raises(StoppedError):
                report.write(a_heading(), summary, out)
        assert out.getvalue() == b""

    def test_what_fails_in_the_thread_is_raised(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pdf_report, "_TEMPLATE", tmp_path / "there is none")
        with PdfReport(WORDS["en"], tmp_path) as report, pytest.raises(FileNotFoundError):
            report.write(a_heading(), Summary(), io.BytesIO())


class TestMissing:
    def test_without_typst_it_names_the_extra(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "typst", None)
        with pytest.raises(UsageError, match="typst") as raised:
            PdfReport(WORDS["en"])
        assert "[report]" in raised.value.remedy


def _texts(value: Any) -> Sequence[str]:
    if isinstance(value, str):
        return [value]
    if hasattr(value, "values"):
        return [text for part in value.values() for text in _texts(part)]
    return [text for part in value for text in _texts(part)]
