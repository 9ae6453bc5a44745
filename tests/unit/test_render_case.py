"""Reports in CASE/UCO: they conform to the ontology's own shapes, and say the same of the same each time."""

from __future__ import annotations

import importlib.util
import itertools
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from archiver.domain.dossier import ItemDossier
from archiver.render.case_report import CaseReport
from tests.support.dossier_events import DELIVERED, HOSTILE, SIGNED
from tests.support.dossiers import (
    DOSSIERS,
    a_heading,
    bare_heading,
    failed_item,
    full_item,
    hostile_heading,
    many_items,
    rendered,
)


def one_of_each() -> list[ItemDossier]:
    return [make(number) for number, make in enumerate(DOSSIERS.values())]


def objects(text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(text)["uco-core:object"]
    return found


def of_type(text: str, type_: str) -> list[dict[str, Any]]:
    return [one for one in objects(text) if one["@type"] == type_]


def conforms(path: Path) -> subprocess.CompletedProcess[str]:
    if importlib.util.find_spec("case_utils") is None:
        pytest.skip("the shapes of CASE come with the package case-utils, which is not installed")
    program = "from case_utils.case_validate import main; main()"
    command = [sys.executable, "-c", program, "--built-version", "case-1.4.0", str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)


@pytest.mark.thorough
def test_every_kind_conforms_to_the_shapes_of_case(tmp_path: Path) -> None:
    path = tmp_path / "report.jsonld"
    path.write_text(rendered(CaseReport(), one_of_each(), hostile_heading()), "utf-8")
    done = conforms(path)
    assert (done.returncode, "Conforms: True" in done.stdout) == (0, True), done.stdout[-3000:] + done.stderr[-3000:]


def test_an_imported_key_is_not_called_cloudtrails() -> None:
    text = rendered(CaseReport(), [DOSSIERS["imported"](0)], a_heading())
    assert "CloudTrail public key" not in text
    assert "signed by AWS" not in text
    assert "That the key is CloudTrail's is not proved" in text
    listed = rendered(CaseReport(), [full_item()], a_heading())
    assert "CloudTrail public key" in listed
    assert "is not proved: no copy" not in listed


@pytest.mark.thorough
def test_the_shapes_would_refuse_another_form(tmp_path: Path) -> None:
    """The check above is one that can fail."""
    path = tmp_path / "report.jsonld"
    text = rendered(CaseReport(), [full_item()], bare_heading())
    path.write_text(text.replace('"xsd:hexBinary"', '"xsd:string"'), "utf-8")
    done = conforms(path)
    assert done.returncode == 1, done.stderr[-3000:]
    assert "hashValue" in done.stdout


def test_files_have_their_hashes_and_the_sign_file_its_signature() -> None:
    text = rendered(CaseReport(), [full_item()], a_heading())
    files = {}
    for file in of_type(text, "uco-observable:File"):
        facets = {facet["@type"].partition(":")[2]: facet for facet in file["uco-core:hasFacet"]}
        files[facets["FileFacet"]["uco-observable:fileName"]] = facets
    assert set(files) == set(DELIVERED)
    for name, listed in SIGNED.items():
        content = files[name]["ContentDataFacet"]
        hashes = {
            one["uco-types:hashMethod"]: one["uco-types:hashValue"]["@value"]
            for one in content["uco-observable:hash"]
        }
        assert hashes["SHA256"] == listed.upper()
        assert len(hashes["SHA512"]) == 128
        assert content["uco-observable:sizeInBytes"]["@value"] == str(len(DELIVERED[name]))
        assert "DigitalSignatureInfoFacet" not in files[name], "a result carries no signature of its own"
    signature = files["result_sign.json"]["DigitalSignatureInfoFacet"]
    assert signature["uco-observable:signatureVerified"] is True


def test_each_custody_event_is_an_action_that_follows_the_one_before() -> None:
    item = failed_item()
    text = rendered(CaseReport(), [item], a_heading())
    actions = [
        one for one in of_type(text, "case-investigation:InvestigativeAction") if one["uco-core:name"] != "report"
    ]
    assert len(actions) == len(item.history)
    for before, after in itertools.pairwise(actions):
        assert after["case-investigation:wasInformedBy"] == {"@id": before["@id"]}
    names = Counter(one["uco-core:name"] for one in actions)
    assert (names["acquisition"], names["verification"], names["repair"]) == (1, 4, 1)
    statuses = [one["uco-action:actionStatus"] for one in actions if one["uco-core:name"] == "verification"]
    assert statuses == ["Fail", "Success", "Fail", "Unknown"]
    assert "uco-action:performer" not in actions[-1], "nobody knows who, for its body cannot be read"


def test_what_is_referred_to_is_there() -> None:
    def references(value: Any) -> set[str]:
        if isinstance(value, dict):
            own = {value["@id"]} if set(value) == {"@id"} else set()
            return own.union(*map(references, value.values()))
        return set().union(*map(references, value)) if isinstance(value, list) else set()

    text = rendered(CaseReport(), one_of_each(), a_heading())
    bundle = json.loads(text)
    assert references(bundle) <= {bundle["@id"], *(one["@id"] for one in objects(text))}


def test_identifiers_are_the_same_in_every_report() -> None:
    first = rendered(CaseReport(), one_of_each(), a_heading())
    assert first == rendered(CaseReport(), one_of_each(), a_heading())
    alone = rendered(CaseReport(), [full_item(0)], bare_heading())
    mine = {one["@id"] for one in of_type(alone, "uco-observable:File")}
    assert len(mine) == 3
    assert mine <= {one["@id"] for one in of_type(first, "uco-observable:File")}


def test_shared_objects_are_told_once_and_others_never_twice() -> None:
    ids = Counter(one["@id"] for one in objects(rendered(CaseReport(), one_of_each(), a_heading())))
    assert [one for one, count in ids.items() if count > 1] == []


def test_everything_is_printable_whatever_stands_in_it() -> None:
    text = rendered(CaseReport(), one_of_each(), hostile_heading())
    assert text.replace("\n", "").isprintable()
    assert HOSTILE not in json.dumps(json.loads(text), ensure_ascii=False)
    assert "<script>alert(1)</script>" in text
    text.encode("utf-8")


def test_items_stream() -> None:
    renderer = CaseReport()
    sizes = {sum(map(len, renderer.item(item, first=False))) for item in many_items(50)}
    assert max(sizes) < 100_000
