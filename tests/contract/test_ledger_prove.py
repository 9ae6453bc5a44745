"""Proofs out of a ledger: whole, believed by whoever has the key, refused where the ledger is not what was signed."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from archiver.adapters.files.log_folder import LogFolder
from archiver.adapters.ledger.database import SqlLedger, open_ledger
from archiver.domain.custody import KeyHarvested
from archiver.domain.custody_log import LogKeyAdopted
from archiver.domain.keys import KeyProvenance, PublicKey
from archiver.domain.log_records import StoredCheckpoint
from archiver.errors import LedgerAlteredError, UnknownEvidenceError, UsageError
from archiver.log.item_proof import ConsistencyProof, ItemProof, decode
from archiver.log.leaf import leaf_of
from archiver.log.note import NoteSignature, ed25519_key, format_note, parse_note
from archiver.log.proof_check import check
from archiver.work.prove import Prover, described
from tests.support.ledgers import ACTOR, DAY, START, acquired, item, verified
from tests.support.made_log import MadeLog, make_log
from tests.support.published import publish

KEY = PublicKey(b"the DER of a key", "f" * 32, "us-east-1")
ITEM = item(1, key_sha256=KEY.sha256)
KEY_OF_LOG = str(make_log([]).key)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
def log(ledger: SqlLedger, archive: Path) -> MadeLog:
    """Events 1 to 7 in a ledger, under heads of 4, 6 and 8 leaves; that of 4 is the first to cover ITEM."""
    provenance = KeyProvenance("ListPublicKeys", "https://cloudtrail", "arn:aws:iam::1:role/r", START)
    ledger.journal.record(
        [
            LogKeyAdopted(at=START, key=KEY_OF_LOG, before=None, vouched=False),
            KeyHarvested(at=START, key=KEY, sha256=KEY.sha256, provenance=provenance),
            acquired(ITEM),
            acquired(item(2)),
            verified(ITEM, START + DAY),
            verified(item(2), START + DAY),
            verified(ITEM, START + 2 * DAY),
        ]
    )
    return publish(ledger, archive, 4, 6)


@pytest.fixture
def prover(ledger: SqlLedger, archive: Path, log: MadeLog) -> Prover:
    return Prover(ledger, LogFolder(archive), [str(log.key)])


def test_all_events_of_an_item_and_of_its_keys_are_proven(prover, log):
    proof = decode(prover.item(ITEM.id))
    assert isinstance(proof, ItemProof)
    assert [event.seq for event in proof.events] == [2, 3, 5, 7]
    assert [json.loads(event.told)["kind"] for event in proof.events] == [
        "key_harvested",
        "evidence_acquired",
        "evidence_verified",
        "evidence_verified",
    ]
    assert proof.keys == (str(log.key),)
    assert proof.not_covered == ()
    assert proof.acquired_under.checkpoint == log.checkpoint(4)
    checked = check(proof, [log.key])
    assert (checked.problems, checked.remarks) == ((), ())


def test_events_that_the_checkpoint_does_not_cover_are_named(prover, log, ledger):
    ledger.journal.record([verified(ITEM, START + 3 * DAY)])
    newest, older = decode(prover.item(ITEM.id)), decode(prover.item(ITEM.id, 6))
    assert [event.seq for event in newest.events] == [2, 3, 5, 7]
    assert newest.not_covered == (8,)
    assert [event.seq for event in older.events] == [2, 3, 5]
    assert older.not_covered == (7, 8)
    assert decode(prover.item(ITEM.id, 4)).acquired_under is None
    assert all(check(proof, [log.key]).holds for proof in (newest, older))


def test_a_long_event_is_proven_with_its_body(ledger, archive):
    ledger.journal.record([acquired(item(1, file_count=400))])
    log = publish(ledger, archive)
    proof = decode(Prover(ledger, LogFolder(archive), [str(log.key)]).item(item(1, file_count=400).id))
    (event,) = proof.events
    assert len(event.body) > 65_535 > len(event.leaf)
    assert check(proof, [log.key]).holds


def test_cosignatures_of_the_published_checkpoint_go_along(prover, log, archive):
    note = parse_note(log.checkpoint(8).encode())
    witness = NoteSignature("witness.example", b"WITN", bytes(72))
    cosigned = format_note(note.text, [*note.signatures, witness])
    (archive / "log/checkpoint").write_text(cosigned)
    assert decode(prover.item(ITEM.id)).checkpoint == cosigned
    (archive / "log/checkpoint").write_text(format_note(note.text, [witness]))
    assert decode(prover.item(ITEM.id)).checkpoint == log.checkpoint(8), "without the log's own it proves nothing"
    (archive / "log/checkpoint").write_text("altered")
    assert decode(prover.item(ITEM.id)).checkpoint == log.checkpoint(8)


@pytest.mark.parametrize(("old", "new"), [(4, None), (4, 6), (6, 8), (8, 8), (8, None)])
def test_one_head_continues_another(prover, log, old, new):
    proof = decode(prover.consistency(old, new))
    assert isinstance(proof, ConsistencyProof)
    assert proof.earlier.checkpoint == log.checkpoint(old)
    assert proof.checkpoint == log.checkpoint(new or 8)
    assert check(proof, [log.key]).holds
    assert described(prover.consistency(old, new))["old_size"] == old


def test_what_cannot_be_proven_is_a_usage_error(prover, ledger):
    with pytest.raises(UnknownEvidenceError):
        prover.item("0" * 32)
    with pytest.raises(UsageError, match="no checkpoint of 5 leaves; the next one has 6"):
        prover.item(ITEM.id, 5)
    with pytest.raises(UsageError, match="no checkpoint of 9 leaves; the newest has 8"):
        prover.consistency(4, 9)
    with pytest.raises(UsageError, match="is the later one"):
        prover.consistency(6, 4)
    ledger.journal.record([acquired(item(3))])
    with pytest.raises(UsageError, match="does not cover the item's acquisition") as told:
        prover.item(item(3).id)
    assert "archiver ledger checkpoint" in told.value.remedy


def test_without_a_checkpoint_nothing_is_proven(ledger, archive):
    ledger.journal.record([acquired(item(1))])
    with pytest.raises(UsageError, match="no checkpoint yet") as told:
        Prover(ledger, LogFolder(archive), []).item(item(1).id)
    assert "archiver ledger checkpoint" in told.value.remedy


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (
            "UPDATE custody_events SET body = replace(body, 'keeper', 'forger') WHERE seq = 5",
            r"event 5 \(evidence_verified\) and its row in table merkle_nodes disagree",
        ),
        (
            "UPDATE custody_events SET body = replace(body, 'keeper', 'forger') WHERE seq = 2",
            r"event 2 \(key_harvested\) and its row",
        ),
        (
            "UPDATE merkle_nodes SET hashes = (SELECT hashes FROM merkle_nodes WHERE seq = 1) WHERE seq = 5",
            r"event 5 \(evidence_verified\) and its row in table merkle_nodes disagree",
        ),
        (
            "UPDATE merkle_nodes SET hashes = (SELECT hashes FROM merkle_nodes WHERE seq = 0) WHERE seq = 4",
            "its leaf and its proof do not lead to the signed root",
        ),
        ("DELETE FROM merkle_nodes WHERE seq = 7", "the row 7 of table merkle_nodes is not there"),
        ("UPDATE checkpoints SET note = replace(note, '8', '9') WHERE size = 8", "the checkpoint of 8 leaves"),
        ("DELETE FROM custody_events WHERE seq = 3", "no custody event tells of the acquisition"),
    ],
)
def test_what_was_altered_is_not_proven(ledger_place, prover, log, archive, ledger, statement, told):
    ledger.close()
    ledger_place.forge(statement)
    with closing(open_ledger(ledger_place.url, ACTOR)) as opened, pytest.raises(LedgerAlteredError, match=told):
        Prover(opened, LogFolder(archive), [str(log.key)]).item(ITEM.id)


def test_a_head_of_another_key_than_the_configured_one_proves_nothing(ledger, archive, log):
    other = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw()
    with pytest.raises(LedgerAlteredError, match="signed by no key that is configured"):
        Prover(ledger, LogFolder(archive), [str(ed25519_key(log.origin, other))]).item(ITEM.id)


def test_an_older_head_of_a_replaced_key_is_believed_because_the_newest_continues_it(ledger, archive, log):
    later = replace(log, private=Ed25519PrivateKey.from_private_bytes(bytes(32)))
    ledger.journal.record([LogKeyAdopted(at=START, key=str(later.key), before=str(log.key), vouched=True)])
    grown = make_log([leaf_of(entry.body) for entry in ledger.log.entries(0, 9)])
    ledger.log.add_checkpoint(StoredCheckpoint(9, replace(grown, private=later.private).checkpoint(9)))
    prover = Prover(ledger, LogFolder(archive), [str(later.key)])
    proof = decode(prover.item(ITEM.id))
    checked = check(proof, [later.key])
    assert checked.holds
    assert "no key that was given signed it" in checked.remarks[0]
    assert decode(prover.item(ITEM.id, 6)).checkpoint == log.checkpoint(6)
