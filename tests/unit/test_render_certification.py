"""The draft of a certification says that AWS CloudTrail signed only where CloudTrail itself listed the key."""

from __future__ import annotations

from archiver.domain.dossier import ItemDossier
from archiver.render.certification import certification
from tests.support.dossiers import a_heading, failed_item, full_item, imported_item, summary_of, waiting_item

_SHOWN = "signed the ordered list"
_IDENTICAL = "the one that AWS CloudTrail signed when it delivered the file"


def draft(*items: ItemDossier) -> str:
    rules = certification(a_heading(), summary_of(items))
    return " ".join(paragraph for rule in rules for paragraph in rule.statement)


def test_where_every_key_was_listed_cloudtrail_signed() -> None:
    said = draft(full_item(), failed_item(1), waiting_item(2))
    assert _SHOWN in said
    assert _IDENTICAL in said
    assert "NOT shown who signed" not in said
    assert "from where AWS CloudTrail Lake had delivered them" in said


def test_where_every_key_was_imported_it_is_not_said_at_all() -> None:
    said = draft(imported_item(), waiting_item(1))
    for claim in (_SHOWN, _IDENTICAL, "AWS CloudTrail Lake ran", "AWS CloudTrail Lake had delivered"):
        assert claim not in said
    assert said.count("For 1 item in the report, no copy of the public key came from AWS CloudTrail") == 2
    assert said.count("this certification does not say that AWS CloudTrail did") == 2


def test_where_some_were_they_are_excepted() -> None:
    said = draft(full_item(), imported_item(1), imported_item(2))
    assert "For the items whose key AWS CloudTrail listed (1): AWS CloudTrail Lake ran" in said
    assert said.count("For 2 items in the report, no copy") == 2
    assert _IDENTICAL not in said


def test_one_is_counted_as_one() -> None:
    said = draft(full_item())
    assert "Of 1 item in the report, 1 was verified, 0 failed" in said
    assert "1 items" not in said
    assert "of the 1 item in report" in said
