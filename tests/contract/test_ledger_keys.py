"""Copies of one key that contradict each other, over SQLite and PostgreSQL: what CloudTrail listed stays apart."""

from __future__ import annotations

from datetime import timedelta

from archiver.adapters.ledger.database import SqlLedger
from archiver.domain.custody import KeyHarvested
from archiver.domain.keys import KeyProvenance, PublicKey
from tests.support.ledgers import DAY, START


def key(der: bytes = b"der", region: str = "us-east-1", window: bool = True) -> PublicKey:
    fingerprint = PublicKey(der, "").fingerprint
    return PublicKey(der, fingerprint, region, START if window else None, START + 30 * DAY if window else None)


def harvested(given: PublicKey, method: str, hour: int) -> KeyHarvested:
    provenance = KeyProvenance(
        method, "https://cloudtrail.eu-west-1.amazonaws.com", "caller", START + timedelta(hours=hour)
    )
    return KeyHarvested(at=START, key=given, sha256=given.sha256, provenance=provenance)


def test_an_import_that_says_other_or_more_than_a_listing_is_never_taken_for_listed(ledger: SqlLedger) -> None:
    lying, more, vague = key(region="eu-west-1"), key(b"vague"), key(b"vague", window=False)
    ledger.journal.record([harvested(given, "import", 0) for given in (lying, more)])
    ledger.journal.record([harvested(given, "ListPublicKeys", 1) for given in (key(), vague)])
    of_one = ledger.keys.by_fingerprint(key().fingerprint)
    assert [(held.key, held.is_listed) for held in of_one] == [(key(), True), (lying, False)]
    of_other = {held.key: held.is_listed for held in ledger.keys.by_fingerprint(vague.fingerprint)}
    assert of_other == {vague: True, more: False}
