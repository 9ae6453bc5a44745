"""Items that wait for a public key are judged again as soon as it can be had, without waiting to come due."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import chain
from typing import Final

from archiver.domain.records import EvidenceRecord
from archiver.domain.verdict import Reason
from archiver.ports import EvidenceIndex
from archiver.work.audit import Audit, AuditResult
from archiver.work.items import Tell

_REMEMBERED: Final = 1024
"""Fingerprints that are not looked up twice in one pass: many items wait for few keys."""

_QUESTIONS: Final = 100
"""Fingerprints that AWS is asked for in one pass; claims can name any number of them."""


def rejudge(evidence: EvidenceIndex, audit: Audit, tell: Tell) -> AuditResult | None:
    """Judges with *audit* (made for the occasion ``key``) what waited for a key that can be had now.

    None where there is no such item; then nothing is locked or written. Raises LedgerError, StoreError.
    """
    ready = _ready(evidence, audit)
    first = next(ready, None)
    return None if first is None else audit.judge(chain([first], ready), tell)


def _ready(evidence: EvidenceIndex, audit: Audit) -> Iterator[EvidenceRecord]:
    ring = audit.inspector.ring
    asked: set[str] = set()

    @lru_cache(_REMEMBERED)
    def is_held(fingerprint: str) -> bool:
        return bool(ring.held(fingerprint))

    for record in evidence.awaiting_key():
        item, fingerprint = record.evidence, record.evidence.fingerprint
        # An altered sign file may name another key than the one acquired, and would wait for it for ever.
        if fingerprint is None or Reason.ARCHIVE_ALTERED in record.state.reasons:
            continue
        if is_held(fingerprint):
            yield record
        elif fingerprint not in asked and len(asked) < _QUESTIONS and item.query_complete_time is not None:
            asked.add(fingerprint)
            if ring.seek(fingerprint, (audit.region_of(item.source), item.region), item.query_complete_time):
                is_held.cache_clear()
                yield record
