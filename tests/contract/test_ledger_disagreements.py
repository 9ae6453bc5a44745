"""A ledger that was edited behind the program's back, by one who owns the database: every edit is told."""

from __future__ import annotations

import json

import pytest

from archiver.adapters.ledger.database import SqlLedger
from archiver.domain.custody import KeyHarvested, SourceObserved
from archiver.domain.keys import KeyProvenance, PublicKey
from archiver.domain.verdict import Finding, Reason
from tests.support.ledgers import DAY, START, LedgerPlace, acquired, item, told, verified

KEY = PublicKey(b"der of a key", "0" * 32, "us-east-1", START, START + 30 * DAY)
EVIDENCE = item(1, file_count=2, key_sha256=KEY.sha256)
OTHER = item(2, key_sha256=KEY.sha256)

# events: 0 migrated, 1 key, 2 acquired, 3 other, 4 audit, 5 observed, 6 audit
EDITS = [
    ("UPDATE evidence SET account = '999999999999'", "evidence.account"),
    ("UPDATE evidence SET caller = NULL", "evidence.caller"),
    ("UPDATE evidence SET revision = 2", "evidence.revision"),
    ("UPDATE evidence SET acquired_at = '2026-01-01T00:00:00.000000Z'", "evidence.acquired_at"),
    ("UPDATE evidence SET acquired_at = 'yesterday'", "evidence.acquired_at"),
    ("UPDATE evidence SET hash_list_sha256 = repeat('b', 64)", "evidence.hash_list_sha256"),
    ("UPDATE evidence SET key_sha256 = NULL", "evidence.key_sha256"),
    ("DELETE FROM evidence", "evidence: no row"),
    ("UPDATE files SET sha256 = repeat('b', 64) WHERE position = 1", "files.sha256 of 'result_1.csv.gz'"),
    ("UPDATE files SET size = size + 1 WHERE position = 2", "files.size of 'result_2.csv.gz'"),
    ("UPDATE files SET path = 'elsewhere' WHERE position = 0", "files.path of 'result_sign.json'"),
    ("UPDATE files SET role = 'unlisted' WHERE position = 1", "files.role of 'result_1.csv.gz'"),
    ("UPDATE files SET listed_sha256 = NULL WHERE position = 1", "files.listed_sha256 of 'result_1.csv.gz'"),
    ("UPDATE files SET last_modified = NULL WHERE position = 1", "files.last_modified of 'result_1.csv.gz'"),
    ("UPDATE files SET request_id = 'x' WHERE position = 1", "files.request_id of 'result_1.csv.gz'"),
    ("DELETE FROM files WHERE position = 2", "files: no row of 'result_2.csv.gz'"),
    ("UPDATE files SET position = 7 WHERE position = 2", "files: a row of 'result_2.csv.gz'"),
    ("UPDATE verifications SET verdict = 'verified' WHERE seq = 4", "verifications.verdict 4"),
    ("UPDATE verifications SET reasons = '[]' WHERE seq = 4", "verifications.reasons 4"),
    ("UPDATE verifications SET checks = 'nonsense' WHERE seq = 4", "verifications.checks 4"),
    ("UPDATE verifications SET occasion = 'key' WHERE seq = 2", "verifications.occasion 2"),
    ("DELETE FROM verifications WHERE seq = 4", "verifications: no row of what event 4 judged"),
    ("UPDATE evidence_state SET verdict = 'verified', reasons = '[]'", "evidence_state.verdict"),
    ("UPDATE evidence_state SET reasons = '[]'", "evidence_state.reasons"),
    ("UPDATE evidence_state SET findings = '[]'", "evidence_state.findings"),
    ("UPDATE evidence_state SET next_audit_at = '2999-01-01T00:00:00.000000Z'", "evidence_state.next_audit_at"),
    ("UPDATE evidence_state SET last_audited_at = NULL", "evidence_state.last_audited_at"),
    ("UPDATE evidence_state SET size = 0", "evidence_state.size"),
    ("UPDATE evidence_state SET acquired_at = next_audit_at", "evidence_state.acquired_at"),
    ("UPDATE evidence_state SET judged_seq = 2", "evidence_state.judged_seq"),
    ("DELETE FROM evidence_state", "evidence_state: there is no row"),
    ("UPDATE custody_events SET at = '2026-01-01T00:00:00.000000Z' WHERE seq = 4", "custody_events.at of event 4"),
    ("UPDATE custody_events SET kind = 'reported' WHERE seq = 4", "custody_events.kind of event 4"),
    ("UPDATE custody_events SET evidence_id = NULL WHERE seq = 4", "custody_events: no event 4"),
    ("UPDATE custody_events SET body = body || ' ' WHERE seq = 4", "body of event 4 is not canonical"),
    ("UPDATE custody_events SET body = '{}' WHERE seq = 2", "0 events evidence_acquired"),
    ("UPDATE custody_events SET body = 'x' WHERE seq = 5", "body of event 5 is not JSON"),
    ("UPDATE custody_events SET body = '[[[' WHERE seq = 2", "body of event 2 is not JSON"),
    ("DELETE FROM custody_events WHERE seq = 2", "0 events evidence_acquired"),
    ("DELETE FROM custody_events WHERE seq = 4", "custody_events: no event 4"),
    ("DELETE FROM custody_events WHERE seq = 6", "custody_events: no event 6"),
    ("DELETE FROM custody_events WHERE seq = 5", "evidence_state.findings"),
    ("UPDATE keys SET der = sha256_of_nothing", "keys.der"),
    ("UPDATE keys SET fingerprint = repeat('0', 32)", "keys.fingerprint"),
    ("DELETE FROM keys", "keys: no row"),
    ("DELETE FROM key_provenance", "key_provenance: no row"),
    ("UPDATE key_provenance SET region = 'eu-west-1'", "key_provenance.region"),
    ("UPDATE key_provenance SET method = 'ListPublicKeys'", "key_provenance.method"),
    ("UPDATE key_provenance SET valid_until = NULL", "key_provenance.valid_until"),
    ("DELETE FROM custody_events WHERE seq = 1", "custody_events: no event 1"),
]


HISTORY = [
    KeyHarvested(
        at=START, key=KEY, sha256=KEY.sha256, provenance=KeyProvenance("import", "keys.json", "operator", START)
    ),
    acquired(EVIDENCE),
    acquired(OTHER),
    verified(EVIDENCE, START + DAY, told([Reason.HASH_MISMATCH], [Finding.GZIP_DAMAGED])),
    SourceObserved(at=START + DAY, id=EVIDENCE.id, finding=Finding.SOURCE_DELETED, detail="gone"),
    verified(EVIDENCE, START + 2 * DAY, told([Reason.ARCHIVE_ALTERED], [Finding.GZIP_DAMAGED])),
]


@pytest.fixture
def audited(ledger: SqlLedger) -> SqlLedger:
    """One item with a history, and another one."""
    ledger.journal.record(HISTORY)
    return ledger


def test_an_untouched_ledger_agrees_with_itself(audited: SqlLedger) -> None:
    assert audited.evidence.disagreements(EVIDENCE.id) == ()
    assert audited.evidence.disagreements_of([EVIDENCE.id, OTHER.id]) == {}
    assert audited.evidence.disagreements_of([]) == {}


@pytest.mark.parametrize(("edit", "expected"), EDITS, ids=[f"{number}" for number in range(len(EDITS))])
def test_every_edit_is_told(audited: SqlLedger, ledger_place: LedgerPlace, edit: str, expected: str) -> None:
    ledger_place.forge(for_one(edit, ledger_place))
    found = audited.evidence.disagreements(EVIDENCE.id)
    assert [text for text in found if expected in text], found
    of_a_key = "key" in expected or "event 1" in expected
    touched = {EVIDENCE.id, OTHER.id} if of_a_key and "evidence." not in expected else {EVIDENCE.id}
    assert set(audited.evidence.disagreements_of([EVIDENCE.id, OTHER.id])) == touched


def for_one(edit: str, place: LedgerPlace) -> str:
    """*edit* in the database's own words, and of the one item where it is of one."""
    table = edit.split()[1] if edit.startswith("UPDATE") else edit.split()[2]
    if place.is_sqlite:
        for letter, times in (("b", 64), ("0", 32)):
            edit = edit.replace(f"repeat('{letter}', {times})", f"'{letter * times}'")
    edit = edit.replace("sha256_of_nothing", "x'00'" if place.is_sqlite else r"'\x00'")
    column = {"evidence": "id", "files": "evidence_id", "evidence_state": "evidence_id"}.get(table)
    if column is None:
        return edit
    return edit + (" AND " if " WHERE " in edit else " WHERE ") + f"{column} = '{EVIDENCE.id}'"


def test_a_consistent_forgery_of_one_body_is_told_by_the_rows(audited: SqlLedger, ledger_place: LedgerPlace) -> None:
    """A canonical body that says something else: its columns still match it, the projections do not."""
    ((body,),) = ledger_place.query("SELECT body FROM custody_events WHERE seq = 2")
    forged = json.loads(body)
    forged["evidence"]["caller"] = "arn:aws:iam::1:role/other"
    text = json.dumps(forged, separators=(",", ":"), sort_keys=True)
    ledger_place.forge(f"UPDATE custody_events SET body = '{text}' WHERE seq = 2")
    (found,) = audited.evidence.disagreements(EVIDENCE.id)
    assert found.startswith("evidence.caller: the row says 'arn:aws:iam::111122223333:role/reader', event 2 says")


def test_a_second_acquisition_of_one_item_is_told(audited: SqlLedger, ledger_place: LedgerPlace) -> None:
    ledger_place.forge(
        "INSERT INTO custody_events SELECT 99, at, kind, evidence_id, body FROM custody_events WHERE seq = 2"
    )
    assert "2 events evidence_acquired" in audited.evidence.disagreements(EVIDENCE.id)[0]


def test_an_item_that_nothing_is_known_of_disagrees(audited: SqlLedger) -> None:
    assert audited.evidence.disagreements("0" * 32) != ()


def test_hostile_contents_are_told_printably_and_not_without_end(
    audited: SqlLedger, ledger_place: LedgerPlace
) -> None:
    many = item(3, file_count=60)
    audited.journal.record([acquired(many)])
    ledger_place.forge(
        f"UPDATE files SET etag = '\x1b[2J', sha256 = 'x', size = 9 WHERE evidence_id = '{many.id}'",
    )
    found = audited.evidence.disagreements(many.id)
    assert len(found) == 21
    assert found[-1] == f"and {61 * 3 - 20} more"
    assert "\x1b" not in "".join(found)


def test_an_item_that_cannot_be_read_names_its_row(audited: SqlLedger, ledger_place: LedgerPlace) -> None:
    ledger_place.forge(f"UPDATE evidence_state SET verdict = 'fine' WHERE evidence_id = '{EVIDENCE.id}'")
    with pytest.raises(Exception, match=f"row {EVIDENCE.id} of table evidence_state cannot be read"):
        audited.evidence.get(EVIDENCE.id)
    assert "evidence_state.verdict" in audited.evidence.disagreements(EVIDENCE.id)[0]


def test_after_the_last_events_were_removed_the_ledger_goes_on_and_the_gap_stays(
    audited: SqlLedger, ledger_place: LedgerPlace
) -> None:
    ledger_place.forge("DELETE FROM custody_events WHERE seq >= 4")
    audited.journal.record([verified(OTHER, START + 3 * DAY)])
    assert [event.seq for event in audited.evidence.events()] == [0, 1, 2, 3, 7]
    assert audited.evidence.disagreements(OTHER.id) == ()
    assert any("no event 6" in text for text in audited.evidence.disagreements(EVIDENCE.id))
