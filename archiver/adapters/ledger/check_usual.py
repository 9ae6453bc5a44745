"""The commonest bodies taken apart, and the rows that an acquisition makes, straight from its body's own members."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from archiver.adapters.ledger.check_shapes import Moments, shape_of
from archiver.domain.custody import EvidenceAcquired, EvidenceVerified

Row = tuple[Any, ...]

Match = Callable[[str], re.Match[str] | None]

_NOT_TOLD: Final = (None,)
"""``retention``, where a body has no such member."""

_JUDGED: Final = ("judgement.checks", "judgement.findings", "judgement.reasons", "judgement.verdict")


@cache
def usual() -> tuple[Match, Match]:
    """What finds the parts of a body of the usual shape: of an audit, and of an acquisition.

    Groups of an audit: at, id, checks, findings, reasons, verdict, key_sha256, next_audit_at, occasion; of an
    acquisition: at, evidence, checks, findings, reasons, verdict, listing_digest, next_audit_at.
    """
    audit = shape_of(EvidenceVerified, {"at", "id", *_JUDGED, "key_sha256", "next_audit_at", "occasion"})
    acquisition = shape_of(EvidenceAcquired, {"at", "evidence", *_JUDGED, "listing_digest", "next_audit_at"})
    return audit.fullmatch, acquisition.fullmatch


def rows_told(told: dict[str, Any], moments: Moments) -> tuple[Row, list[Row]]:
    """The rows of ``evidence`` and ``files`` for *told*, which has the shape of evidence: members by their names.

    Raises ValueError for a time that is in no calendar.
    """
    stored, optional = moments.stored, moments.optional
    account, acquired, caller, listed, fingerprint, seen, hashes, item, key, path, *rest = told.values()
    prefix, completed, query, region, revision, source, url = rest
    evidence = (
        *(item, source, url, prefix, path, revision, account, query, region, optional(completed)),
        *(fingerprint, key, hashes, stored(seen), stored(acquired), caller),
    )
    files = []
    for position, file in enumerate(listed):
        claimed, name, origin, place, role, sha256, size = file.values()
        offset, encryption, etag, of, modified, request, request_2, *retention, version = origin.values()
        files.append(
            (
                *(item, position, name, role, place, size, sha256, claimed, of, etag, version),
                *(optional(modified), request, request_2, offset, encryption, *(retention or _NOT_TOLD)),
            )
        )
    return evidence, files
