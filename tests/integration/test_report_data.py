"""Reports for programs, written over an archive that a sync has filled: each has its published form."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from xml.etree import ElementTree

import pytest
from jsonschema import Draft202012Validator

from tests.support.filled import Place, fill


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return fill(tmp_path_factory.mktemp("filled"))


def test_json_has_the_form_of_its_schema_and_proves_its_events(place: Place, tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    place.run("report", "--all", "--survey", "always", "--out", str(out), "--requester", "Internal Audit")
    report = json.loads(out.read_bytes())
    schema = json.loads(resources.files("archiver.render").joinpath("schema/report-2.schema.json").read_text("utf-8"))
    Draft202012Validator(schema).validate(report)
    assert report["request"]["requester"] == "Internal Audit"
    assert report["before"] == report["log"]["checkpoint"]["size"]
    for item in report["evidence"]:
        assert item["proof"]["size"] == report["before"]
        proof = item["proof"]["file"]
        proven = {event["seq"] for event in proof["events"]}
        assert {event["seq"] for event in item["custody"] if event["kind"] != "reported"} <= proven
        file = tmp_path / "proof.json"
        text = json.dumps(proof, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        file.write_bytes(text.encode() + b"\n")
        place.run("ledger", "check", str(file), "--vkey", report["log"]["keys"][0])
    verified = [item for item in report["evidence"] if item["verdict"] == "verified"]
    facts = {
        fact["name"]: fact for file in verified[0]["files"] if file["role"] == "result" for fact in file["facts"]
    }
    assert (facts["sha512"]["label"], facts["first_event"]["label"]) == ("recorded_here", "signed_by_unproved_key")
    assert (facts["packing"]["value"], facts["rows"]["absent"]) == ("intact", None)


def test_show_tells_each_item_as_the_report_does_but_for_the_proof(place: Place) -> None:
    for line in place.lines():
        shown = place.run("show", line["id"], "--json").json
        assert shown["id"] == line["id"]
        assert shown["proof"] == {"file": None, "size": None, "trouble": "not asked for"}


def test_case_and_premis_are_written_as_their_names_end(place: Place, tmp_path: Path) -> None:
    case, premis = tmp_path / "report.jsonld", tmp_path / "report.xml"
    place.run("report", "--all", "--out", str(case))
    place.run("report", "--all", "--out", str(premis))
    bundle = json.loads(case.read_bytes())
    kinds = [one["@type"] for one in bundle["uco-core:object"]]
    assert kinds.count("uco-observable:File") >= 5
    assert "case-investigation:InvestigativeAction" in kinds
    root = ElementTree.parse(premis).getroot()  # noqa: S314 - what was just written
    assert root.tag == "{http://www.loc.gov/premis/v3}premis"
    assert len(root.findall("{http://www.loc.gov/premis/v3}event")) >= 5
