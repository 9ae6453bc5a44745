"""Reports in PREMIS 3: valid by the published schema where it is at hand, and by its order of elements anyway.

The schema is the Library of Congress's (github.com/LibraryOfCongress/premis-v3-0, file ``xsd``, SHA-256
``03b8a77a20b32b882ad799e12262671d07ad18210c60233f4e613a1289491cba``). It is not part of this project: the test that
needs it runs where PREMIS_XSD names the file, and ``ORDER`` holds what it says of elements used here.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from archiver.domain.dossier import ItemDossier
from archiver.render.premis_report import PremisReport
from tests.support.dossier_events import HOSTILE, KEY, SIGNED
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

NAMESPACE = "{http://www.loc.gov/premis/v3}"
TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
XSD_SHA256 = "03b8a77a20b32b882ad799e12262671d07ad18210c60233f4e613a1289491cba"

ORDER = {
    "premis": "object+ event* agent*",
    "intellectualEntity": "objectIdentifier+ significantProperties*",
    "representation": "objectIdentifier+ significantProperties* originalName? storage* relationship* "
    "linkingEventIdentifier*",
    "file": "objectIdentifier+ significantProperties* objectCharacteristics+ originalName? storage* "
    "signatureInformation* relationship* linkingEventIdentifier*",
    "objectCharacteristics": "compositionLevel? fixity* size? format+",
    "fixity": "messageDigestAlgorithm messageDigest messageDigestOriginator?",
    "format": "formatDesignation",
    "formatDesignation": "formatName formatVersion?",
    "significantProperties": "significantPropertiesType significantPropertiesValue?",
    "storage": "contentLocation storageMedium?",
    "contentLocation": "contentLocationType contentLocationValue",
    "relationship": "relationshipType relationshipSubType relatedObjectIdentifier+",
    "signatureInformation": "signature",
    "signature": "signatureEncoding signer? signatureMethod signatureValue signatureValidationRules "
    "signatureProperties*",
    "event": "eventIdentifier eventType eventDateTime eventDetailInformation* eventOutcomeInformation* "
    "linkingAgentIdentifier* linkingObjectIdentifier*",
    "eventOutcomeInformation": "eventOutcome? eventOutcomeDetail*",
    "eventOutcomeDetail": "eventOutcomeDetailNote",
    "agent": "agentIdentifier+ agentName* agentType? agentVersion?",
    **{
        name: f"{name}Type {name}Value"
        for name in (
            *("objectIdentifier", "eventIdentifier", "agentIdentifier", "relatedObjectIdentifier"),
            *("linkingEventIdentifier", "linkingAgentIdentifier", "linkingObjectIdentifier"),
        )
    },
}
"""Children of each element in their order; ``?``, ``*`` and ``+`` as in regular expressions. Others hold text."""


def one_of_each() -> list[ItemDossier]:
    return [make(number) for number, make in enumerate(DOSSIERS.values())]


def parsed(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text.encode("utf-8"))  # noqa: S314 - what was just written


def local(element: ElementTree.Element) -> str:
    return element.tag.removeprefix(NAMESPACE)


def misplaced(element: ElementTree.Element) -> Iterator[str]:
    name = element.get(TYPE, local(element))
    children = [local(child) for child in element]
    wanted = ORDER.get(name, "").split()
    left = list(children)
    for part in wanted:
        found = 0
        while left and left[0] == part.rstrip("?*+"):
            left.pop(0)
            found += 1
        if not (found or part[-1] in "?*") or (found > 1 and part[-1] not in "*+"):
            yield f"{name}: {found} times {part}"
    if left:
        yield f"{name}: {left[0]} is not expected there"
    if children and (element.text or "").strip():
        yield f"{name}: text beside elements"
    for child in element:
        yield from misplaced(child)


def values(text: str, path: str) -> list[str]:
    wanted = "/".join(f"{NAMESPACE}{part}" for part in path.split("/"))
    return [one.text or "" for one in parsed(text).findall(f".//{wanted}")]


@pytest.mark.parametrize(
    "heading", [a_heading(), bare_heading(), hostile_heading()], ids=["stated", "bare", "hostile"]
)
def test_elements_stand_in_their_order(heading: object) -> None:
    root = parsed(rendered(PremisReport(), one_of_each(), heading))  # type: ignore[arg-type]
    assert local(root) == "premis"
    assert root.get("version") == "3.0"
    assert list(misplaced(root)) == []


def test_the_order_would_be_missed() -> None:
    """The check above is one that can fail."""
    text = rendered(PremisReport(), [full_item()], a_heading())
    begin, end = text.index("<eventDateTime>"), text.index("</eventDateTime>") + len("</eventDateTime>")
    assert list(misplaced(parsed(text[:begin] + text[end:]))) == ["event: 0 times eventDateTime"]


def test_every_kind_is_valid_by_the_published_schema() -> None:
    place = os.environ.get("PREMIS_XSD")
    if not place:
        pytest.skip("PREMIS_XSD names no copy of the schema of PREMIS 3")
    etree = pytest.importorskip("lxml.etree")
    assert hashlib.sha256(Path(place).read_bytes()).hexdigest() == XSD_SHA256
    schema = etree.XMLSchema(etree.parse(place))
    for heading in (a_heading(), bare_heading(), hostile_heading()):
        text = rendered(PremisReport(), one_of_each(), heading)
        assert schema.validate(etree.fromstring(text.encode("utf-8"))), schema.error_log
    broken = text.replace("<messageDigest>", "<size>1</size><messageDigest>", 1)
    assert not schema.validate(etree.fromstring(broken.encode("utf-8")))


def test_files_have_each_digest_with_whose_word_it_is() -> None:
    text = rendered(PremisReport(), [full_item()], a_heading())
    originators = values(text, "messageDigestOriginator")
    digests = list(zip(values(text, "messageDigest"), originators, strict=True))
    for listed in SIGNED.values():
        assert (listed, "AWS CloudTrail (signed)") in digests
        assert (listed, "cloudtrail-evidence-archiver") in digests
    assert values(text, "messageDigestAlgorithm").count("SHA-512") == 3
    failed = rendered(PremisReport(), [failed_item()], a_heading())
    assert "AWS CloudTrail (signed)" in values(failed, "messageDigestOriginator"), (
        "the list is signed; the file differs"
    )
    waiting = rendered(PremisReport(), [DOSSIERS["waiting"](0)], a_heading())
    assert set(values(waiting, "messageDigestOriginator")) == {
        "sign file (claimed, not signed)",
        "cloudtrail-evidence-archiver",
    }


def test_the_signature_stands_with_the_sign_file_and_what_it_covers() -> None:
    text = rendered(PremisReport(), [full_item()], a_heading())
    assert [len(one) for one in values(text, "signatureValue")] == [512]
    assert values(text, "signatureProperties") == [
        f"signed: {' '.join(SIGNED.values())}",
        f"public key: MD5 {KEY.key.fingerprint}",
    ]
    assert values(rendered(PremisReport(), [DOSSIERS["bare"](0)], a_heading()), "signatureValue") == []


def test_cloudtrail_is_not_named_as_the_signer_under_an_imported_key() -> None:
    text = rendered(PremisReport(), [DOSSIERS["imported"](0)], a_heading())
    assert values(text, "signer") == ["holder of a key that an operator imported"]
    assert "AWS CloudTrail (signed)" not in values(text, "messageDigestOriginator")
    assert "AWS CloudTrail" not in values(text, "linkingAgentIdentifierValue")
    assert "signed by AWS" not in text
    listed = rendered(PremisReport(), [full_item()], a_heading())
    assert values(listed, "signer") == ["AWS CloudTrail"]
    assert "AWS CloudTrail" in values(listed, "linkingAgentIdentifierValue")


def test_each_custody_event_is_there_with_its_type_and_outcome() -> None:
    item = failed_item()
    events = parsed(rendered(PremisReport(), [item], a_heading())).findall(f"{NAMESPACE}event")
    told = [
        (
            one.findtext(f"{NAMESPACE}eventIdentifier/{NAMESPACE}eventIdentifierValue"),
            one.findtext(f"{NAMESPACE}eventType"),
            one.findtext(f"{NAMESPACE}eventOutcomeInformation/{NAMESPACE}eventOutcome"),
        )
        for one in events
    ]
    assert told == [
        ("3", "capture", None),
        ("3/fixity", "fixity check", "verified"),
        ("3/signature", "digital signature validation", "pass"),
        ("5", "query described", None),
        ("7", "fixity check", "failed"),
        ("7/signature", "digital signature validation", "pass"),
        ("9", "source observed", None),
        ("11", "recovery", None),
        ("13", "fixity check", "verified"),
        ("13/signature", "digital signature validation", "pass"),
        ("15", "source restored", None),
        ("17", "fixity check", "failed"),
        ("17/signature", "digital signature validation", "pass"),
        ("19", "source observed", None),
        ("20", "evidence verified", "unreadable"),
        (f"report {'5' * 32}", "report", None),
    ]
    types = [one.find(f"{NAMESPACE}eventType") for one in events]
    assert {t.get("valueURI", "").rpartition("/")[2] for t in types if t is not None} == {
        "",
        "cap",
        "fix",
        "dig",
        "rec",
    }


def test_links_lead_somewhere() -> None:
    text = rendered(PremisReport(), one_of_each(), a_heading())
    agents = set(values(text, "agentIdentifierValue"))
    assert set(values(text, "linkingAgentIdentifierValue")) <= agents
    objects = set(values(text, "objectIdentifierValue"))
    assert set(values(text, "linkingObjectIdentifierValue")) <= objects
    assert set(values(text, "relatedObjectIdentifierValue")) <= objects
    assert set(values(text, "linkingEventIdentifierValue")) <= {
        one.partition("/")[0] for one in values(text, "eventIdentifierValue")
    }


def test_nothing_that_xml_cannot_carry_or_that_would_be_markup_gets_through() -> None:
    text = rendered(PremisReport(), one_of_each(), hostile_heading())
    assert text.replace("\n", "").isprintable()
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;]]&gt;" in text
    shown = "".join(parsed(text).itertext())
    assert "<script>alert(1)</script>]]><!--" in shown
    assert "\\x1b[2J\\u202e" in shown
    assert HOSTILE not in shown


def test_events_wait_for_the_objects_in_little_memory_and_all_come() -> None:
    renderer = PremisReport()
    count = 600
    size = sum(len(text) for item in many_items(count) for text in renderer.item(item, first=False))
    held = sum(map(len, renderer._blocks))
    tail = "".join(renderer.end())
    assert size > 1_000_000
    assert len(tail) > 2_000_000
    assert held * 20 < len(tail)
    assert tail.count("<eventType authority") + tail.count("<eventType>") == tail.count("</event>")
    assert tail.count("/signature</eventIdentifierValue>") >= 4 * count - count // 7


def test_the_same_dossiers_make_the_same_bytes() -> None:
    assert rendered(PremisReport(), one_of_each(), a_heading()) == rendered(
        PremisReport(), one_of_each(), a_heading()
    )
