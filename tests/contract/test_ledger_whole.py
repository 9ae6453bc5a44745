"""What an audit reads of many items at once is what the same items say one by one, on both databases."""

from __future__ import annotations

import pytest

from archiver.adapters.ledger.database import SqlLedger
from archiver.domain.custody import KeyHarvested, SourceObserved, SourceRestored
from archiver.domain.keys import KeyProvenance, PublicKey
from archiver.domain.records import Outline, Selection, WholeItem
from archiver.domain.verdict import Finding, Reason
from tests.contract.test_ledger_disagreements import EDITS, HISTORY, OTHER, for_one
from tests.contract.test_ledger_disagreements import EVIDENCE as ONE
from tests.support.ledgers import DAY, START, LedgerPlace, acquired, item, told, verified

Troubles = dict[str, str]


@pytest.fixture
def audited(ledger: SqlLedger) -> SqlLedger:
    """One item with a history, and another one."""
    ledger.journal.record(HISTORY)
    return ledger


def whole(ledger: SqlLedger, *ids: str) -> tuple[dict[str, WholeItem], Troubles]:
    troubles: Troubles = {}
    found = ledger.evidence.whole(ids, troubles.__setitem__)
    return {one.record.evidence.id: one for one in found}, troubles


def test_whole_items_are_the_records_in_the_order_asked_for(audited: SqlLedger) -> None:
    found = audited.evidence.whole([OTHER.id, ONE.id], pytest.fail)
    assert [one.record for one in found] == [audited.evidence.get(OTHER.id), audited.evidence.get(ONE.id)]
    assert [one.disagreements for one in found] == [(), ()]
    assert audited.evidence.whole([], pytest.fail) == []


def test_an_item_that_is_not_there_is_told(ledger: SqlLedger) -> None:
    found, troubles = whole(ledger, "0" * 32)
    assert not found
    assert "no row" in troubles["0" * 32]


@pytest.mark.parametrize(("edit", "expected"), EDITS, ids=[f"{number}" for number in range(len(EDITS))])
def test_every_edit_is_told_as_it_is_of_one_item(
    audited: SqlLedger, ledger_place: LedgerPlace, edit: str, expected: str
) -> None:
    """Or the item cannot be read at all, which is told too."""
    ledger_place.forge(for_one(edit, ledger_place))
    found, troubles = whole(audited, ONE.id, OTHER.id)
    for one in (ONE, OTHER):
        alone = audited.evidence.disagreements(one.id)
        assert one.id in troubles or list(found[one.id].disagreements) == list(alone)
    assert ONE.id in troubles or any(expected in text for text in found[ONE.id].disagreements)


def test_a_number_that_is_not_kept_as_a_whole_one_is_told(
    sqlite_ledger: SqlLedger, sqlite_place: LedgerPlace
) -> None:
    """To Python 1.0 is 1; to whoever reads the ledger it is not. PostgreSQL's columns hold nothing else."""
    sqlite_ledger.journal.record(HISTORY)
    with sqlite_place.raw() as connection:
        (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'evidence_state'").fetchone()
        changed = sql.replace("size INTEGER", "size NUMBER_OF BLOB")
        assert changed != sql
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET sql = ? WHERE name = 'evidence_state'", (changed,))
    sqlite_place.forge("UPDATE evidence_state SET size = size * 1.0")
    sqlite_ledger.close()
    found, troubles = whole(sqlite_ledger, ONE.id)
    assert ONE.id in troubles or any("evidence_state.size" in text for text in found[ONE.id].disagreements)


def test_findings_of_the_source_stand_as_the_state_says(ledger: SqlLedger) -> None:
    one = item(3)
    key = PublicKey(b"der", "0" * 32, "us-east-1", START, START + 30 * DAY)
    provenance = KeyProvenance("import", "keys.json", "operator", START)
    ledger.journal.record(
        [
            KeyHarvested(at=START, key=key, sha256=key.sha256, provenance=provenance),
            acquired(one),
            SourceObserved(at=START + DAY, id=one.id, finding=Finding.SOURCE_DELETED, detail="gone"),
            verified(one, START + DAY, told([Reason.KEY_UNAVAILABLE], [Finding.GZIP_DAMAGED])),
        ]
    )
    assert whole(ledger, one.id)[0][one.id].disagreements == ()
    ledger.journal.record([SourceRestored(at=START + DAY, id=one.id)])
    found = whole(ledger, one.id)[0][one.id]
    assert found.disagreements == ()
    assert found.record.state.findings == (Finding.GZIP_DAMAGED,)


def test_an_item_with_the_hash_list_of_another_is_not_alone(ledger: SqlLedger, ledger_place: LedgerPlace) -> None:
    one, two, three = (item(number) for number in (1, 2, 3))
    ledger.journal.record([acquired(each) for each in (one, two, three)])
    same = f"(SELECT hash_list_sha256 FROM evidence WHERE id = '{two.id}')"
    ledger_place.forge(
        f"UPDATE evidence SET hash_list_sha256 = id WHERE id IN ('{one.id}', '{two.id}')",
        f"UPDATE evidence SET hash_list_sha256 = {same} WHERE id = '{three.id}'",
    )
    found, _ = whole(ledger, one.id, two.id, three.id)
    assert [found[each.id].alone for each in (one, two, three)] == [True, False, False]


@pytest.mark.parametrize("due_first", [False, True])
def test_outlines_go_as_records_do(audited: SqlLedger, due_first: bool) -> None:
    outlines = list(audited.evidence.outlines(Selection(), due_first))
    assert [one.id for one in outlines] == [
        record.evidence.id for record in audited.evidence.select(Selection(), due_first)
    ]
    by_id = {one.id: one for one in outlines}
    assert by_id[ONE.id] == Outline(ONE.id, ONE.size, len(ONE.files) + 4)
    assert [one.id for one in audited.evidence.outlines(Selection(ids=[OTHER.id]))] == [OTHER.id]


def test_what_cannot_be_visited_is_told(sqlite_ledger: SqlLedger, sqlite_place: LedgerPlace) -> None:
    one, two = item(1), item(2)
    sqlite_ledger.journal.record([acquired(one), acquired(two)])
    sqlite_place.forge(
        f"UPDATE evidence SET id = CAST(x'ff' AS TEXT) WHERE id = '{one.id}'",
        f"UPDATE evidence_state SET evidence_id = CAST(x'ff' AS TEXT), size = 'much' WHERE evidence_id = '{one.id}'",
    )
    troubles: Troubles = {}
    assert [each.id for each in sqlite_ledger.evidence.outlines(Selection(), False, troubles.__setitem__)] == [two.id]
    assert len(troubles) == 1
