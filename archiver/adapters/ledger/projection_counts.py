"""What follows from states in ``evidence_counts``: how many items there are, so that nobody need count a million.

By the day on which an item was judged last, so that what is overdue can be added up too. Each row is what its rows of
``evidence_state`` add up to, and there is none for no items.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from archiver.adapters.ledger.row_batch import Key, RowBatch
from archiver.adapters.ledger.rows import Row
from archiver.adapters.ledger.statements import chunks, put
from archiver.adapters.ledger.tables import evidence_counts, evidence_state, judged_at

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


def recount(connection: Connection) -> None:
    """Counts every state anew: what was counted of one before it was forged cannot be told from it any more.

    In halves: SQLite gives up where a sum overflows, and forged rows may say any size.
    """
    state = evidence_state.c
    half = sa.literal_column(str(2**32 - 1), type_=state.size.type)
    sums = sa.func.sum(state.size.op(">>")(sa.literal_column("32"))), sa.func.sum(state.size.op("&")(half))
    day = sa.func.substr(judged_at(evidence_state), sa.literal_column("1"), sa.literal_column(str(DAY_CHARS)))
    place = (day.label("judged_on"), state.verdict)
    found = connection.execute(sa.select(*place, sa.func.count(), *sums).group_by(*place)).all()
    connection.execute(sa.delete(evidence_counts))
    rows = [
        {"judged_on": judged, "verdict": verdict, "items": items, "size": _held((int(high) << 32) + int(low))}
        for judged, verdict, items, high, low in found
        if isinstance(judged, str) and isinstance(verdict, str)
    ]
    put(connection, evidence_counts, rows)


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
