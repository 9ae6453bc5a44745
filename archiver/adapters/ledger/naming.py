"""Which evidence a person means by an ID, a query ID, or the beginning of either."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from archiver.adapters.ledger.statements import rows_of, within
from archiver.adapters.ledger.stored import plain_text, stored_text
from archiver.adapters.ledger.tables import evidence
from archiver.domain.text import printable
from archiver.errors import UnknownEvidenceError

_MOST_LOOKED_AT: Final = 500
_MOST_SHOWN: Final = 10

_NAMES: Final = sa.select(
    evidence.c.id, evidence.c.query_id, evidence.c.source, evidence.c.prefix, evidence.c.revision
)


def resolve(connection: Connection, text: str) -> str:
    """The one evidence ID that *text* means, see ``ports.EvidenceIndex``. Raises UnknownEvidenceError."""
    given = stored_text(text.strip().lower())
    if not given:
        raise UnknownEvidenceError("an empty ID means no evidence", "archiver list shows the IDs")
    if connection.scalar(sa.select(evidence.c.id).where(evidence.c.id == given)) is not None:
        return plain_text(given)
    by_query = _latest(rows_of(connection, _NAMES.where(evidence.c.query_id == given)))
    if not by_query:
        by_id = rows_of(connection, _NAMES.where(*within(evidence.c.id, given)).limit(_MOST_LOOKED_AT))
        begun = _NAMES.where(*within(evidence.c.query_id, given)).limit(_MOST_LOOKED_AT)
        by_query = {row["id"]: row for row in by_id} | _latest(rows_of(connection, begun))
    if len(by_query) == 1:
        return plain_text(next(iter(by_query)))
    raise _trouble(printable(text, 80), list(by_query.values()))


def _latest(rows: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Of each delivery among *rows* the latest revision, by ID."""
    latest: dict[tuple[str, str], Mapping[str, Any]] = {}
    for row in sorted(rows, key=lambda row: row["revision"]):
        latest[row["source"], row["prefix"]] = row
    return {row["id"]: row for row in latest.values()}


def _trouble(given: str, rows: Sequence[Mapping[str, Any]]) -> UnknownEvidenceError:
    if not rows:
        return UnknownEvidenceError(f"no evidence is called {given!r}", "archiver list shows the IDs")
    shown = ", ".join(_shown(row) for row in sorted(rows, key=lambda row: str(row["id"]))[:_MOST_SHOWN])
    count = f"{len(rows)} or more" if len(rows) >= _MOST_LOOKED_AT else str(len(rows))
    more = f" and {len(rows) - _MOST_SHOWN} more" if len(rows) > _MOST_SHOWN else ""
    return UnknownEvidenceError(
        f"{given!r} may mean {count} items: {shown}{more}", "give more of the ID, or the evidence ID itself"
    )


def _shown(row: Mapping[str, Any]) -> str:
    query = f", query {printable(plain_text(row['query_id']), 40)}" if row["query_id"] else ""
    return f"{printable(row['id'], 40)} ({printable(plain_text(row['source']), 40)}{query})"
