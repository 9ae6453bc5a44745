"""Rows of ``custody_events`` as events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archiver.adapters.ledger.rows import reading
from archiver.adapters.ledger.stored import plain_text, plain_time
from archiver.domain.records import CustodyEvent


def custody_event(row: Mapping[str, Any]) -> CustodyEvent:
    """The event in a row of ``custody_events``."""
    with reading("custody_events", row["seq"]):
        return CustodyEvent(
            seq=row["seq"],
            at=plain_time(row["at"]),
            kind=plain_text(row["kind"]),
            evidence_id=None if row["evidence_id"] is None else plain_text(row["evidence_id"]),
            body=_body(row["body"]),
        )


def _body(stored: object) -> str:
    if not isinstance(stored, str):
        raise TypeError("its body is no text")
    return stored
