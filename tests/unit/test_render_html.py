"""Reports as HTML: everything is shown, in both languages, and nothing from outside becomes markup."""

from __future__ import annotations

import functools
import re
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from archiver.domain.dossier import HashChange, Heading, ItemDossier, Proof, SignFileAccount, Standing
from archiver.domain.facts import Absent, Label
from archiver.domain.log_records import ClaimedKey, KeyStanding, LastVerified
from archiver.domain.times import format_time
from archiver.domain.verdict import Finding
from archiver.render import certification
from archiver.render.html_item import FILES_SHOWN, PROOF_SHOWN
from archiver.render.html_report import HtmlReport
from archiver.render.words.languages import WORDS
from archiver.render.words.vocabulary import Words
from tests.support.dossier_events import HOSTILE, NOW, SIGNED
from tests.support.dossiers import (
    CONTRADICTED_LOG,
    DOSSIERS,
    LOG,
    NOTE,
    UNASKED_LOG,
    VKEY,
    a_heading,
    bare_heading,
    bare_item,
    failed_item,
    full_item,
    hostile_heading,
    hostile_item,
    imported_item,
    many_items,
    rendered,
    waiting_item,
    with_text,
)

EN = WORDS["en"]
LANGUAGES = pytest.mark.parametrize("words", WORDS.values(), ids=list(WORDS))
VOID = {"meta", "br", "rect", "line", "circle", "path"}


class Page(HTMLParser):
    """The elements of a page with their attributes, and its text; fails where an element is not closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.source = page
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._texts: list[str] = []
        self.rows: list[tuple[str, str]] = []
        """Terms of lists and what stands beside them."""
        self._cell: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)
        if tag in {"dt", "dd"}:
            self._cell.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        if tag == "dd":
            term, told = (" ".join(cell.split()) for cell in self._cell[-2:])
            self.rows.append((term, told))

    def handle_data(self, data: str) -> None:
        self._texts.append(data)
        if self._cell and self._open[-1:] != ["style"]:
            self._cell[-1] += data

    @functools.cached_property
    def text(self) -> str:
        return "".join(self._texts)

    @property
    def shape(self) -> list[tuple[str, tuple[str, ...]]]:
        """Elements and the names of their attributes: what no text from outside may change."""
        return [(tag, tuple(attributes)) for tag, attributes in self.elements]

    @functools.cached_property
    def words(self) -> str:
        """Its text with every run of blanks as one."""
        return " ".join(self.text.split())


def page(*items: ItemDossier, heading: Heading | None = None, words: Words = EN) -> Page:
    heading = heading or a_heading()
    return Page(rendered(HtmlReport(words, NOW), items, heading))


@pytest.fixture(scope="module")
def hostile() -> Page:
    return page(hostile_item(), heading=hostile_heading())


def test_the_page_runs_nothing_and_fetches_nothing(hostile: Page) -> None:
    names = {tag for tag, _ in hostile.elements}
    assert not names & {
        "script",
        "img",
        "link",
        "iframe",
        "object",
        "embed",
        "base",
        "form",
        "video",
        "audio",
        "image",
        "use",
    }
    for tag, attributes in hostile.elements:
        assert not [
            a for a in attributes if a.startswith("on") or a in {"src", "style", "srcset", "action", "xlink:href"}
        ], tag
        assert (attributes.get("href") or "#").startswith("#"), attributes
    style = hostile.source[hostile.source.index("<style>") : hostile.source.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert "default-src 'none'" in hostile.source


def test_no_element_and_no_attribute_comes_from_data(hostile: Page) -> None:
    tame = page(with_text(hostile_item(), "tame"), heading=replace(hostile_heading("tame"), language="en"))
    assert hostile.shape == tame.shape
    values = {value for _, attributes in hostile.elements for value in attributes.values() if value}
    assert not [value for value in values if "alert" in value or "evil" in value]
    assert "<!--" not in hostile.source


def test_hostile_text_is_shown_with_its_control_characters(hostile: Page) -> None:
    assert "<script>alert(1)</script>]]><!--" in hostile.text
    assert (
        "\\x1b[2J\\u202e\\u2066\\n\\r\\t\\x00\\x07\\x7f\\x85\\ufffe\\udcff\\U000e0001{{ 7*7 }}{% raw %}"
        in hostile.text
    )
    assert [c for c in hostile.source if not (c.isprintable() or c == "\n")] == []
    hostile.source.encode("utf-8")
    assert HOSTILE not in hostile.source


@LANGUAGES
@pytest.mark.parametrize("kind", DOSSIERS)
def test_every_kind_of_item_has_its_page(kind: str, words: Words) -> None:
    item = DOSSIERS[kind](1)
    shown = page(item, words=words, heading=a_heading(language=words.language))
    assert shown.elements[0] == ("html", {"lang": words.language})
    headings = (
        "proved",
        "not_proved",
        "source",
        "query",
        "acquisition",
        "files",
        "sign_file",
        "checks",
        "fixity",
        "custody",
    )
    for name in (*headings, "proof", "log", "certification", "verified_means", "labels", "overview"):
        assert words.text(name) in shown.text, name
    assert words.verdicts[item.state.verdict] in shown.text
    for svg in re.findall(r"<svg.*?</svg>", shown.source, re.DOTALL):
        ElementTree.fromstring(svg)  # noqa: S314 - our own
    assert len(re.findall("<svg", shown.source)) == 3


@LANGUAGES
def test_every_fact_stands_with_its_label_or_with_the_reason(words: Words) -> None:
    for make in (full_item, bare_item, failed_item, waiting_item):
        item = make(1)
        rows = page(item, words=words).rows
        untold = " ".join(told for term, told in rows if term == words.text("no_value"))
        for fact in (*item.source, *item.query, *item.acquisition, *(f for file in item.files for f in file.facts)):
            name, told = words.fact_name(fact.name), words.value(fact)
            if fact.value is None:
                assert name in untold
                assert told in untold
            else:
                assert (name, f"{told} {words.marks[fact.label]}") in rows


def test_what_was_stated_is_marked_and_what_was_not_is_told() -> None:
    stated = page(full_item()).words
    for value in ("2026-117", "for the hearing in March", "Internal Audit"):
        assert f"{value} {EN.marks[Label.STATED]}" in stated
    bare = page(full_item(), heading=bare_heading()).words
    assert bare.count(f"– {EN.absences[Absent.NOT_GIVEN]}") == 4
    assert EN.text("as_of_all") in bare


def test_the_head_that_the_report_is_of() -> None:
    assert (
        "the signed head of 7 events, begun 2026-01-10T11:59:00Z"
        in page(full_item(), heading=a_heading(before=7)).words
    )
    assert "the first 5 events of the ledger" in page(full_item(), heading=a_heading(before=5)).words


def read_item(number: int) -> ItemDossier:
    """All is well, and the files were read for the report."""
    return replace(full_item(number), is_read=True)


@pytest.mark.parametrize(
    ("items", "tone", "banner"),
    [
        (
            (full_item, full_item),
            "verified",
            "All verified when last judged; NOT all were read for this report: 2 items",
        ),
        ((read_item, read_item), "verified", "All verified: 2 items"),
        ((full_item, failed_item, waiting_item), "failed", "1 of 3 items FAILED"),
        ((full_item, waiting_item), "indeterminate", "1 of 2 items could NOT be judged"),
    ],
)
def test_the_banner_has_the_worst_of_all(
    items: tuple[Callable[[int], ItemDossier], ...], tone: str, banner: str
) -> None:
    shown = page(*(make(number) for number, make in enumerate(items)))
    assert banner in shown.words
    first = next(given for _, given in shown.elements if (given.get("class") or "").startswith("banner"))
    assert first["class"] == f"banner {tone}"


def test_the_good_is_not_alarmed() -> None:
    shown = page(full_item())
    classes = [attributes.get("class") or "" for _, attributes in shown.elements]
    assert "banner failed" not in classes
    assert EN.text("fixity.overdue") not in shown.words
    assert "2 of 2 files have the signed bytes" in shown.words


def test_failure_is_told_from_every_side() -> None:
    item = failed_item()
    shown = page(item)
    assert "The ledger disagrees with itself about 1 of them" in shown.words
    assert f"The ledger disagrees with itself: {item.disagreements[0]}" in shown.words
    assert shown.words.count(EN.standings[Standing.ALTERED]) == 4
    assert EN.text("fixity.overdue") in shown.text
    assert "THE BODY OF THIS EVENT CANNOT BE READ" in shown.words
    for judged in item.fixity.failures:
        assert f"{format_time(judged.at)}, read again, event {judged.seq}" in shown.words
    good, bad = item.fixity.last_good, item.fixity.first_bad
    assert good is not None
    assert bad is not None
    rows = dict(shown.rows)
    assert rows["Last good"] == f"verified {format_time(good.at)}, read again after the repair, event {good.seq}"
    assert rows["First bad after it"] == f"FAILED {format_time(bad.at)}, read again, event {bad.seq}"


def test_an_altered_files_last_hash_stands_beside_the_signed_one() -> None:
    item = failed_item()
    told = [(event.seq, one) for event in item.history for one in event.hashes if one.file == item.files[1].path]
    seq, changed = told[-1]
    assert changed.after != item.files[1].sha256
    shown = page(item)
    assert ("SHA-256 as last read", f"{changed.after} (event {seq}) recorded") in shown.rows
    assert ("SHA-256 as last read", f"no file, or not readable (event {seq}) recorded") in shown.rows
    assert "loud data" in {attributes.get("class") for _, attributes in shown.elements}


def test_every_event_has_leaf_actor_body_and_hashes() -> None:
    item = failed_item()
    shown = page(item).words
    for event in item.history:
        assert f"{event.seq} {format_time(event.at)}" in shown
        assert event.body_sha256 in shown
    changes = [one for event in item.history for one in event.hashes if one.before and one.before != one.after]
    assert changes
    for change in changes:
        assert f"before: {change.before} after: {change.after or EN.text('custody.no_file')}" in shown


def test_hashes_that_stand_already_are_named_by_their_leaf() -> None:
    item = full_item()
    audits = [event for event in item.history if event.kind == "evidence_verified"]
    shown = page(item).words
    assert shown.count(f"2 hashes, before and after the same as at leaf {audits[0].seq}") == len(audits) - 1
    cut = replace(audits[1], more_hashes=5)
    assert "And 5 more" in page(replace(item, history=(cut,))).words


def test_a_file_that_comes_back_is_a_change_and_no_first_sight() -> None:
    item = full_item()
    event = item.history[0]
    gone = replace(event, seq=900, hashes=(HashChange("x", "a" * 64, None),))
    back = replace(event, seq=901, hashes=(HashChange("x", None, "b" * 64),))
    seen = replace(event, seq=899, hashes=(HashChange("x", None, "a" * 64),))
    shown = page(replace(item, history=(seen, gone, back))).words
    assert f"x first known: {'a' * 64}" in shown
    assert f"before: no file, or not readable after: {'b' * 64}" in shown


def test_the_sign_file_stands_verbatim() -> None:
    item = full_item()
    shown = page(item)
    assert item.sign_file.text is not None
    assert item.sign_file.text.strip() in shown.text
    for value in (item.sign_file.signing_string, item.sign_file.signature, item.keys[0].key.sha256, *SIGNED.values()):
        assert value in shown.text
    none = replace(item, sign_file=SignFileAccount(None, None, None, None, Absent.NOT_THERE))
    assert f"The sign file, verbatim: – {EN.absences[Absent.NOT_THERE]}" in page(none).words
    long = replace(item, sign_file=SignFileAccount("x" * 300_000, None, None, None))
    assert "… (300000 characters)" in page(long).text


def test_the_signing_string_is_called_signed_only_where_it_is() -> None:
    def label(item: ItemDossier) -> str:
        assert item.sign_file.signing_string
        return page(item).words.split(item.sign_file.signing_string)[1].split()[0]

    assert label(full_item()) == EN.marks[Label.SIGNED]
    assert label(waiting_item()) == EN.marks[Label.CLAIMED]
    assert EN.text("proved.nothing", signature=EN.signatures["skip"]) in page(waiting_item()).words


@LANGUAGES
def test_nothing_is_called_signed_by_aws_under_an_imported_key(words: Words) -> None:
    item = imported_item()
    key = item.keys[0].key.sha256
    shown = page(item, heading=a_heading(language=words.language), words=words)
    signed = words.text(
        "proved.signed_unlisted",
        hashes=words.count("hashes", 2),
        signature=words.signatures["pass"],
        key=key,
        whence=words.text("key.imported"),
    )
    assert signed in shown.words
    assert words.text("not_proved.key", key=key, whence=words.text("key.imported")) in shown.words
    assert words.text("result.imported", items=words.count("items", 1)) in shown.words
    marks = [each["class"] for _, each in shown.elements if (each.get("class") or "").startswith("mark ")]
    assert marks.count("mark signed_by_aws") == 1, "the legend alone"
    assert marks.count("mark signed_by_unproved_key") > 5
    listed = page(full_item(), heading=a_heading(language=words.language), words=words)
    assert words.text("result.imported", items=words.count("items", 1)) not in listed.words
    assert words.text("proved.signed", hashes=words.count("hashes", 2), signature=words.signatures["pass"]) in (
        listed.words
    )
    unheld = page(replace(item, keys=()), heading=a_heading(language=words.language), words=words)
    assert words.text("not_proved.key", key=key, whence=words.text("key.unheld")) in unheld.words


def test_every_label_has_a_mark_of_its_own_shape() -> None:
    style = page(full_item()).source
    shapes = [re.findall(rf'\.mark\.{label}::before {{ content: "(.)"; }}', style) for label in Label]
    assert len({shape for (shape,) in shapes}) == len(Label)


def test_the_proof_stands_in_the_page_or_is_a_file() -> None:
    item = full_item()
    assert item.proof.data is not None
    shown = page(item)
    assert item.proof.data.decode().strip() in shown.text
    assert EN.count("bytes", len(item.proof.data)) in shown.text
    long = page(replace(item, proof=Proof(b"x" * (PROOF_SHOWN + 1), 7))).words
    assert f"archiver ledger prove {item.evidence.id} --checkpoint 7" in long
    assert "None: the moon is <full>" in page(replace(item, proof=Proof(None, 7, "the moon is <full>"))).words


def test_long_lists_are_cut_with_their_count() -> None:
    item = full_item()
    files = (*item.files, *[item.files[1]] * FILES_SHOWN)
    shown = page(replace(item, files=files, signed_hashes=("c" * 64,) * (FILES_SHOWN + 7))).words
    assert "And 3 more, which the JSON report lists." in shown
    assert "And 7 more, which the JSON report lists." in shown


def test_the_log_is_called_verified_only_where_it_is() -> None:
    good = page(full_item(), heading=a_heading(log=replace(LOG, verified=LastVerified(8, NOW, 7))))
    for part in (VKEY, "e" * 64, *NOTE.splitlines(), EN.text("log.verified"), EN.keys[KeyStanding.CONFIGURED]):
        assert part in good.text, part
    assert f"{format_time(NOW)}, 0 problems in the first 7 events, 0 not checked (event 8)" in good.words
    bad = page(full_item(), heading=a_heading(log=CONTRADICTED_LOG))
    assert EN.text("result.log") in bad.text
    assert EN.text("log.trouble", why="no configured key signed it") in bad.words
    assert EN.text("log.verified") not in bad.text
    assert EN.keys[KeyStanding.NOT_CONFIGURED] in bad.text


def test_a_log_that_says_little_says_so() -> None:
    unasked = page(full_item(), heading=a_heading(log=UNASKED_LOG)).words
    assert "NOT be compared with the configured one, which was not to be had: the signer gave no answer" in unasked
    assert EN.text("log.no_head") in unasked
    bare = replace(
        UNASKED_LOG, root=None, claimed=(ClaimedKey(VKEY, KeyStanding.NOT_COMPARED),), verified=LastVerified(3)
    )
    shown = page(full_item(), heading=a_heading(log=bare)).words
    assert EN.text("log.root_unreadable") in shown
    assert EN.keys[KeyStanding.NOT_COMPARED] in shown
    assert EN.text("log.last.unreadable", seq=3) in shown
    failed = replace(LOG, verified=LastVerified(8, NOW, 7, problems=2, failed=True))
    assert EN.text("log.last.failed", problems="2 problems") in page(full_item(), heading=a_heading(log=failed)).words


@LANGUAGES
def test_the_certification_is_a_draft_with_the_statutes_words(words: Words) -> None:
    shown = page(full_item(), failed_item(1), heading=a_heading(language=words.language), words=words)
    assert words.text("certification.draft") in shown.words
    for part in (certification.RULE_13, certification.RULE_14, certification.WITHIN, certification.WITHOUT):
        assert part in shown.words
    assert "Of 2 items in the report, 1 was verified, 1 failed and 0 could not be judged" in shown.words
    assert "fetched over the S3 API, each object pinned to its version or ETag, as arn:aws" in shown.words
    assert certification.BLANK in shown.text
    quoted = [attributes for tag, attributes in shown.elements if tag == "blockquote"]
    assert quoted == [{"lang": "en"}] * 4


def test_a_draft_about_an_unverified_head_says_so() -> None:
    shown = page(full_item(), heading=a_heading(log=CONTRADICTED_LOG)).words
    assert "WHICH WAS NOT VERIFIED when the report was made" in shown
    assert "The steps are entries of a ledger." in page(full_item(), heading=bare_heading()).words


def test_findings_of_checks_are_no_passes() -> None:
    item = failed_item()
    assert Finding.UNLISTED_FILE in item.state.findings
    assert f"{EN.results['finding']} unlisted_file" in page(item).words


def test_the_same_values_give_the_same_page() -> None:
    assert page(full_item(), failed_item(1)).source == page(full_item(), failed_item(1)).source
    later = page(full_item(), heading=a_heading(generated_at=NOW + timedelta(days=1))).source
    assert later.replace("2026-01-11T12:00:00Z", "2026-01-10T12:00:00Z") == page(full_item()).source


def test_a_page_ends_after_its_beginning() -> None:
    with pytest.raises(ValueError, match="after its beginning"):
        list(HtmlReport().end())


@pytest.mark.thorough
def test_memory_does_not_grow_with_the_items() -> None:
    renderer, items = HtmlReport(), list(many_items(8))
    sum(len(text) for item in items for text in renderer.item(item, first=False))
    tracemalloc.start()
    try:
        written = sum(len(text) for item in many_items(70) for text in renderer.item(item, first=False))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert written > 4_000_000
    assert peak < 2_000_000
