"""What follows from states in ``evidence_counts``: how many items there are, so that nobody need count a million.

By the day on which an item was judged last, so that what is overdue can be added up too. Each row is what its rows of
``evidence_state`` add up to, and there is none for no items.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy.engine import Connection

from archiver.adapters.ledger.row_batch import Key, RowBatch
from archiver.adapters.ledger.rows import Row
from archiver.adapters.ledger.statements import chunks
from archiver.adapters.ledger.tables import evidence_counts

DAY_CHARS: Final = 10
"""Characters of a stored time that are its day."""

LARGEST: Final = 2**63 - 1
"""The largest number that a column can hold."""


def count(connection: Connection, changes: Iterable[tuple[Row | None, Row | None]]) -> None:
    """Takes *changes* of states, each as it was and as it is to stand, into the counts."""
    found: dict[Key, list[int]] = {}
    for before, now in changes:
        for state, sign in ((before, -1), (now, 1)):
            key = None if state is None else _key_of(state)
            if state is not None and key is not None:
                sums = found.setdefault(key, [0, 0])
                sums[0] += sign
                sums[1] += sign * _number(state["size"])
    changed = {key: sums for key, sums in found.items() if sums != [0, 0]}
    rows = RowBatch(evidence_counts)
    for days in chunks({day for day, _ in changed}):
        rows.load(connection, evidence_counts.c.judged_on.in_(days))
    for key, (items, size) in changed.items():
        row = rows.put({"judged_on": key[0], "verdict": key[1], "items": 0, "size": 0})
        row["items"] = _held(_number(row["items"]) + items)
        row["size"] = _held(_number(row["size"]) + size)
        if not row["items"]:
            rows.remove(key)
    rows.write(connection)


def _key_of(state: Row) -> Key | None:
    """Where *state* is counted; None for one that was made unreadable, which nothing was counted for."""
    judged, verdict = state["last_audited_at"] or state["acquired_at"], state["verdict"]
    if not (isinstance(judged, str) and isinstance(verdict, str)):
        return None
    return judged[:DAY_CHARS], verdict


def _number(stored: object) -> int:
    """What was made unreadable counts as nothing: evidence must be recorded all the same."""
    return stored if isinstance(stored, int) else 0


def _held(number: int) -> int:
    """*number* where a column can hold it; only forged rows come to another."""
    return max(0, min(number, LARGEST))
