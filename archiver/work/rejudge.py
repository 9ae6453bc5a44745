"""Items that wait for a public key are judged again once the ledger holds it, without waiting to come due."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import chain

from archiver.domain.records import EvidenceRecord
from archiver.domain.verdict import Reason
from archiver.ports import EvidenceIndex, Keys
from archiver.work.audit import Audit, AuditResult
from archiver.work.items import Tell

_REMEMBERED = 1024
"""Fingerprints that are not looked up twice in one pass: many items wait for few keys."""


def rejudge(evidence: EvidenceIndex, keys: Keys, audit: Audit, tell: Tell) -> AuditResult | None:
    """Judges with *audit* (made for the occasion ``key``) what waited for a key that *keys* has now.

    None where there is no such item; then nothing is locked or written. Keys that only AWS has are asked for by
    the audit of an item that waits, which comes due every hour. Raises LedgerError, StoreError.
    """
    ready = _ready(evidence, keys)
    first = next(ready, None)
    return None if first is None else audit.judge(chain([first], ready), tell)


def _ready(evidence: EvidenceIndex, keys: Keys) -> Iterator[EvidenceRecord]:
    @lru_cache(_REMEMBERED)
    def is_held(fingerprint: str) -> bool:
        return bool(keys.by_fingerprint(fingerprint))

    for record in evidence.awaiting_key():
        fingerprint = record.evidence.fingerprint
        # An altered sign file may name another key than the one acquired, and would wait for it for ever.
        if fingerprint and Reason.ARCHIVE_ALTERED not in record.state.reasons and is_held(fingerprint):
            yield record
