"""The published form of JSON reports: every kind of report has it, and nothing else has."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from archiver.domain.dossier import Heading, ItemDossier, Standing
from archiver.domain.evidence import FileRole
from archiver.domain.facts import Absent, Label
from archiver.domain.log_records import KeyStanding
from archiver.domain.verdict import CheckResult, Finding, Reason
from archiver.render.json_report import SCHEMA, JsonReport
from tests.support.dossier_events import HOSTILE
from tests.support.dossiers import (
    CONTRADICTED_LOG,
    DOSSIERS,
    UNASKED_LOG,
    a_heading,
    bare_heading,
    hostile_heading,
    rendered,
)

FORM: dict[str, Any] = json.loads(
    resources.files("archiver.render").joinpath("schema/report-2.schema.json").read_text("utf-8")
)
VALIDATOR = Draft202012Validator(FORM)
HEADINGS = {
    "stated": a_heading(),
    "bare": bare_heading(),
    "hostile": hostile_heading(),
    "contradicted": a_heading(log=CONTRADICTED_LOG, language="ja"),
    "unasked": a_heading(log=UNASKED_LOG),
}


def report(items: Sequence[ItemDossier], heading: Heading) -> Any:
    return json.loads(rendered(JsonReport(), items, heading))


@pytest.fixture(scope="module")
def whole() -> Any:
    """A report on one item of each kind."""
    return report([make(number) for number, make in enumerate(DOSSIERS.values())], a_heading())


def test_the_schema_is_one_and_is_shipped() -> None:
    Draft202012Validator.check_schema(FORM)
    assert FORM["properties"]["schema"]["const"] == SCHEMA
    published = Path(__file__).parents[2] / "docs" / "schema" / "report-2.schema.json"
    assert json.loads(published.read_text("utf-8")) == FORM


@pytest.mark.parametrize("kind", DOSSIERS)
@pytest.mark.parametrize("heading", HEADINGS)
def test_reports_of_every_kind_have_the_form(kind: str, heading: str) -> None:
    found = best_match(VALIDATOR.iter_errors(report([DOSSIERS[kind](0)], HEADINGS[heading])))
    assert found is None, (found.json_path, found.message)


def test_hashes_are_called_signed_by_aws_only_where_it_listed_the_key() -> None:
    kinds = ("full", "imported", "waiting")
    signed = [one["signed"] for one in report([DOSSIERS[kind](0) for kind in kinds], a_heading())["evidence"]]
    assert [one["label"] for one in signed] == ["signed_by_aws", "signed_by_unproved_key", None]
    assert signed[0]["hashes"] == signed[1]["hashes"]
    imported = json.dumps(report([DOSSIERS["imported"](0)], a_heading())["evidence"])
    assert "signed_by_aws" not in imported


def test_codes_in_the_schema_are_the_programs() -> None:
    defs = FORM["$defs"]
    assert set(defs["fact"]["properties"]["label"]["enum"]) == set(Label)
    assert set(defs["fact"]["properties"]["absent"]["enum"]) == {*Absent, None}
    assert set(defs["reasons"]["items"]["enum"]) == set(Reason)
    assert set(defs["findings"]["items"]["enum"]) == set(Finding)
    assert set(defs["file"]["properties"]["standing"]["enum"]) == set(Standing)
    assert set(defs["file"]["properties"]["role"]["enum"]) == set(FileRole)
    assert set(defs["verification"]["properties"]["checks"]["items"]["properties"]["result"]["enum"]) == set(
        CheckResult
    )
    keys = defs["log"]["properties"]["ledger_keys"]["items"]["properties"]["standing"]["enum"]
    assert set(keys) == set(KeyStanding)


def _objects(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every object in *value*."""
    if isinstance(value, dict):
        yield at
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield from _objects(part, (*at, name))


def _of(value: Any, at: tuple[Any, ...]) -> Any:
    for name in at:
        value = value[name]
    return value


_FREE = ("facts", "terms")
"""Members of a custody event that hold whatever its body or its sentence holds."""


def _is_ours(at: tuple[Any, ...]) -> bool:
    return not ("custody" in at and any(name in at[at.index("custody") :] for name in _FREE))


def _shapes(value: Any) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """One path for each place of the form: items of an array stand for each other."""
    found: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for at in _objects(value):
        if _is_ours(at):
            found.setdefault(tuple("*" if isinstance(name, int) else name for name in at), at)
    return found


def _refused(changed: Any) -> bool:
    return not VALIDATOR.is_valid(changed)


def _small(whole: Any) -> Any:
    """The full and the failed item: between them they have every object of the form."""
    return {**whole, "evidence": whole["evidence"][:2]}


def test_no_member_may_be_missing_and_none_be_added(whole: Any) -> None:
    value = _small(whole)
    for at in _shapes(value).values():
        for name in _of(value, at):
            changed = copy.deepcopy(value)
            del _of(changed, at)[name]
            assert _refused(changed), (*at, name)
        changed = copy.deepcopy(value)
        _of(changed, at)["another"] = None
        assert _refused(changed), at


@pytest.mark.thorough
@pytest.mark.parametrize("wrong", [True, 1.5, [None], {"x": 1}], ids=repr)
def test_no_member_may_be_of_another_type(whole: Any, wrong: Any) -> None:
    value = _small(whole)
    for at in _shapes(value).values():
        for name, part in _of(value, at).items():
            if type(part) is type(wrong) or (not _is_ours((*at, name))):
                continue
            changed = copy.deepcopy(value)
            _of(changed, at)[name] = wrong
            assert _refused(changed), (*at, name)


@pytest.mark.parametrize(
    ("at", "wrong"),
    [
        (("schema",), "cloudtrail-evidence-archiver/report/1"),
        (("id",), "5" * 31),
        (("language",), "de"),
        (("generated_at",), "2026-01-10 12:00:00"),
        (("evidence",), []),
        (("evidence", 0, "verdict"), "pending"),
        (("evidence", 0, "reasons"), ["bad_luck"]),
        (("evidence", 0, "facts", "source", 0, "label"), "hearsay"),
        (("evidence", 0, "facts", "source", 0, "absent"), "not_given"),
        (("evidence", 0, "facts", "source", 0, "value"), None),
        (("evidence", 0, "facts", "source", 0, "value"), 7),
        (("evidence", 0, "facts", "source", 0, "name"), "account"),
        (("evidence", 0, "facts", "query", 1, "value"), "yesterday"),
        (("evidence", 0, "files", 0, "sha256"), "A" * 64),
        (("evidence", 0, "files", 0, "standing"), "fine"),
        (("evidence", 0, "files", 0, "facts", 11, "value"), "many"),
        (("evidence", 0, "custody", 0, "seq"), -1),
        (("evidence", 0, "custody", 0, "hashes", 0, "after"), HOSTILE),
        (("evidence", 0, "proof", "file", "format"), "other"),
    ],
    ids=str,
)
def test_values_of_another_form_are_refused(whole: Any, at: tuple[Any, ...], wrong: Any) -> None:
    changed = copy.deepcopy(_small(whole))
    assert _of(changed, at) != wrong
    _of(changed, at[:-1])[at[-1]] = wrong
    assert _refused(changed)


def test_facts_may_not_be_left_out_or_change_places(whole: Any) -> None:
    for group in ("source", "query", "acquisition"):
        changed = copy.deepcopy(_small(whole))
        facts = changed["evidence"][0]["facts"][group]
        facts.pop()
        assert _refused(changed), group
        changed = copy.deepcopy(_small(whole))
        changed["evidence"][0]["facts"][group].reverse()
        assert _refused(changed), group


def test_every_part_of_the_form_is_described() -> None:
    def undescribed(form: Any, at: str) -> Iterator[str]:
        for name, part in form.get("properties", {}).items():
            if at.count("fact") and at.endswith("_fact"):
                continue
            if "$ref" not in part and "description" not in part and "const" not in part:
                yield f"{at}.{name}"
            yield from undescribed(part, f"{at}.{name}")
            if isinstance(part.get("items"), dict):
                yield from undescribed(part["items"], f"{at}.{name}[]")

    assert list(undescribed(FORM, "$")) == []
    assert [f for name, form in FORM["$defs"].items() for f in undescribed(form, name)] == []
    assert [name for name, form in FORM["$defs"].items() if "description" not in form] == []


def test_the_same_dossiers_make_the_same_bytes() -> None:
    def text() -> str:
        items = [make(number) for number, make in enumerate(DOSSIERS.values())]
        return json.dumps(report(items, a_heading()))

    assert text() == text()
