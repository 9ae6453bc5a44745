"""Words of reports: every language has one for every code, with the same terms in it."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from enum import Enum

import pytest

from archiver.domain.custody import Actor
from archiver.domain.custody_reading import KINDS
from archiver.domain.dossier import Happening, Standing, Step
from archiver.domain.evidence import FileRole
from archiver.domain.facts import Absent, Fact, Label
from archiver.domain.log_records import KeyStanding
from archiver.domain.records import Selection
from archiver.domain.survey import Packing
from archiver.domain.verdict import CheckResult, Finding, Reason, Verdict
from archiver.render.words.languages import WORDS
from archiver.render.words.vocabulary import Words
from tests.support.dossiers import DOSSIERS

LANGUAGES = list(WORDS.values())
NOW = datetime(2026, 1, 10, 12, tzinfo=UTC)


def names_in(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def texts_of(words: Words) -> dict[str, str]:
    """Every text of *words* under a name of its own."""
    found = {}
    for field in fields(words):
        value = getattr(words, field.name)
        if isinstance(value, str):
            found[field.name] = value
        elif isinstance(value, Mapping):
            found |= {f"{field.name}/{code}": str(text) for code, text in value.items()}
        else:
            found |= {
                f"{field.name}/{n}/{part}": text for n, pair in enumerate(value) for part, text in enumerate(pair)
            }
    return found


def test_every_language_says_the_same_things() -> None:
    first, *others = [texts_of(words) for words in LANGUAGES]
    for other in others:
        assert set(other) == set(first)
        assert {name: names_in(text) for name, text in other.items()} == {
            name: names_in(text) for name, text in first.items()
        }


@pytest.mark.parametrize("words", LANGUAGES, ids=lambda words: words.language)
def test_no_text_is_empty_or_unprintable(words: Words) -> None:
    empty = {name for name, text in texts_of(words).items() if not text.strip()}
    assert empty == set()
    assert [name for name, text in texts_of(words).items() if not text.isprintable()] == []


@pytest.mark.parametrize("words", LANGUAGES, ids=lambda words: words.language)
@pytest.mark.parametrize(
    ("field", "codes"),
    [
        ("labels", Label),
        ("marks", Label),
        ("absences", Absent),
        ("verdicts", Verdict),
        ("verdict_names", Verdict),
        ("reasons", Reason),
        ("findings", Finding),
        ("standings", Standing),
        ("roles", FileRole),
        ("keys", KeyStanding),
        ("signatures", CheckResult),
    ],
)
def test_every_code_has_words(words: Words, field: str, codes: type[Enum]) -> None:
    assert set(getattr(words, field)) == set(codes)


@pytest.mark.parametrize("words", LANGUAGES, ids=lambda words: words.language)
def test_codes_that_are_no_enum_have_words(words: Words) -> None:
    assert set(words.checks) == {"sign_file", "key", "signature", "files", "archive", "ledger"}
    assert set(words.results) == {*CheckResult, "finding"}
    assert {f"packing.{packing}" for packing in Packing} <= set(words.values)
    about_items = {kind for kind, entry in KINDS.items() if "id" in {f.name for f in fields(entry)}}
    assert {*about_items, "evidence_acquired"} <= set(words.sentences)
    assert words.language in WORDS


@pytest.mark.parametrize("words", LANGUAGES, ids=lambda words: words.language)
def test_every_fact_and_event_of_a_dossier_has_words(words: Words) -> None:
    for make in DOSSIERS.values():
        item = make(1)
        facts = [*item.source, *item.query, *item.acquisition, *(f for file in item.files for f in file.facts)]
        assert {fact.name for fact in facts} - set(words.facts) == set()
        assert {event.kind for event in item.history} - set(words.sentences) - {"evidence_verified"} == set()
        assert all(words.sentence(event) for event in item.history)
        assert all("{" not in words.step(step)[0] for step in item.steps)


def test_the_steps_are_the_same_in_english_as_in_the_dossier() -> None:
    steps = [step for kind, make in DOSSIERS.items() if kind != "hostile" for step in make(1).steps]
    assert steps
    for step in steps:
        assert WORDS["en"].step(step) == (step.title, step.expected)


def a_happening(kind: str, trouble: str = "", **terms: str | int) -> Happening:
    return Happening(1, NOW, kind, Actor("u", "h", "1"), terms, {}, "d" * 64, trouble)


def test_sentences() -> None:
    en, ja = WORDS["en"], WORDS["ja"]
    acquired = a_happening("evidence_acquired", how="fetched", count=1, url="s3://b", verdict="failed", codes="a, b")
    assert en.sentence(acquired) == "fetched 1 file from s3://b; FAILED (a, b)"
    assert ja.sentence(acquired) == "s3://b から1 個のファイルを取得。判定：検証失敗 (a, b)"
    audited = a_happening("evidence_verified", occasion="audit", verdict="verified", codes="")
    assert en.sentence(audited) == "read again; verified"
    assert ja.sentence(audited) == "再読み取り。判定：検証済み"


def test_a_sentence_never_fails() -> None:
    for words in LANGUAGES:
        assert words.sentence(a_happening("{0.__class__}")) == "{0.  class  }"
        assert words.sentence(a_happening("evidence_acquired")) == "evidence acquired"
        assert "{url}" in words.sentence(a_happening("evidence_repaired", count=2, url="{url}", paths="{x}"))
        assert "why {0}" in words.sentence(a_happening("evidence_verified", "why {0}"))


def test_values() -> None:
    words = WORDS["en"]
    assert words.value(Fact("packing", "intact", Label.RECORDED)) == "intact to its end"
    assert words.value(Fact("packing", "other", Label.RECORDED)) == "other"
    assert words.value(Fact("acquired_at", NOW, Label.RECORDED)) == "2026-01-10T12:00:00Z"
    assert words.value(Fact("etag", None, Label.OBSERVED, Absent.NOT_S3)) == words.absences[Absent.NOT_S3]
    assert words.fact_name("new_name") == "new name"
    assert [words.count("files", n) for n in (0, 1, 1234)] == ["0 files", "1 file", "1,234 files"]
    assert words.step(Step("t {x}", (), "e", "unheard-of")) == ("t {x}", "e")


def test_the_selection_is_told_in_the_language_of_the_report() -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    chosen = Selection(verdict=Verdict.FAILED, source="prod", since=since)
    said = WORDS["en"].selection(chosen)
    assert said == "everything archived, acquired at 2026-01-01T00:00:00Z or later, now failed, of source prod"
    assert WORDS["ja"].selection(chosen).isascii() is False
    assert "prod" in WORDS["ja"].selection(chosen)
    assert WORDS["en"].selection(Selection(ids=["a", "a"])) == "one item, by its ID"
    assert WORDS["en"].selection(Selection(ids=["a", "b"])) == "2 items, by their IDs"
    assert WORDS["ja"].selection(Selection(ids=["a", "b"])) == "ID で指定した 2 件"
