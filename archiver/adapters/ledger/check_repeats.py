"""Judgements that are found again: an item that is audited once more mostly gets the judgement that it had.

Then body and row say what the last ones said, which were looked at, and only their times are new. To see this takes a
third of the time that reading the body takes.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from archiver.adapters.ledger.check_shapes import STORED_TIME, TIME, Moments

Row = tuple[Any, ...]

_MOST_HELD: Final = 50_000
_TEXTS_HELD: Final = 4096

_TIMES: Final = re.compile(STORED_TIME + TIME, re.ASCII).fullmatch


class Judgement(NamedTuple):
    """What was found of an item: the body from its time to the next audit's and from there on, and the row.

    ``middle`` and ``ending`` of the body, ``said`` of the row from its ``occasion`` on; then what the state says.
    """

    middle: str
    ending: str
    said: Row
    verdict: str
    reasons: str
    findings: int


class Repeats:
    """The last judgements of items, as many as there is room for."""

    def __init__(self, moments: Moments) -> None:
        self._moments = moments
        self._beginning = "{"
        self._held: dict[str, Judgement] = {}
        self._texts: dict[str, str] = {}

    def again(self, event: Row, row: Row) -> tuple[Judgement, str] | None:
        """The judgement that *event* tells again and *row* of ``verifications`` says, and when it is due next.

        None where it may be another.
        """
        seq, at, _, item, body = event
        known = self._held.get(item)
        if known is None or type(at) is not str:
            return None
        middle, ending, said, *_ = known
        beginning = self._beginning + (at if at[19:] != ".000000Z" else at[:19] + "Z") + middle
        if not body.startswith(beginning) or not body.endswith(ending) or row != (seq, item, at, *said):
            return None
        due = body[len(beginning) : -len(ending)]
        if _TIMES(at + due) is None:
            return None
        try:
            self._moments.stored(at)
            return known, self._moments.stored(due)
        except ValueError:
            return None

    def learn(self, found: re.Match[str], item: str, row: Row, findings: int) -> None:
        """Takes what was read of *item*: *found*, whose first and last but one groups are times, and *row*."""
        body = found.string
        self._beginning = body[: found.start(1)]
        due = found.lastindex - 1 if found.lastindex else 0
        if len(self._held) >= _MOST_HELD:
            self._held.clear()
        if len(self._texts) >= _TEXTS_HELD:
            self._texts.clear()
        said = tuple([self._texts.setdefault(value, value) if isinstance(value, str) else value for value in row[3:]])
        verdict, reasons = said[1], said[2]
        middle, ending = body[found.end(1) : found.start(due)], body[found.end(due) :]
        self._held[item] = Judgement(middle, self._texts.setdefault(ending, ending), said, verdict, reasons, findings)
