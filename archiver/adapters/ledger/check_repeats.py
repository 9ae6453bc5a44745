"""Judgements that are found again: an item that is audited once more mostly gets the judgement that it had.

Then body and row say what the last ones said, which were looked at, and only their times are new. To see this takes a
third of the time that reading the body takes.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from archiver.adapters.ledger.check_shapes import STORED_TIME, TIME, Moments
from archiver.adapters.ledger.check_states import States

Row = tuple[Any, ...]

_MOST_HELD: Final = 30_000
_TEXTS_HELD: Final = 4096

_TIMES: Final = re.compile(STORED_TIME + TIME, re.ASCII).fullmatch

_COLUMNS: Final = 9
"""Of ``verifications``."""


class Judgement(NamedTuple):
    """What was found of an item: of the body what stands between its time and its ID's judgement (``named``), from
    the checks to when it is due (``middle``), and from there on (``ending``); the row's columns from ``occasion`` on;
    and ``bits``, the findings for the state.
    """

    named: str
    middle: str
    ending: str
    occasion: Any
    verdict: str
    reasons: str
    findings: Any
    checks: str
    key: Any
    bits: int


class Repeats:
    """The last judgements of items, as many as there is room for."""

    def __init__(self, moments: Moments, states: States) -> None:
        self._hours = moments.hours
        self._states = states
        self._beginning = "{"
        self._held: dict[str, Judgement] = {}
        self._texts: dict[str, str] = {}

    def again(self, event: Row, row: Row) -> bool:
        """True if *event* tells the last judgement again, and *row* of ``verifications`` says so; it is taken then.

        False where either may be another, or times are of an hour that was not met before.
        """
        seq, at, _, item, body = event
        known = self._held.get(item)
        if known is None or type(at) is not str or len(row) != _COLUMNS:
            return False
        named, middle, ending, occasion, verdict, reasons, findings, checks, key, bits = known
        if row != (seq, item, at, occasion, verdict, reasons, findings, checks, key):
            return False
        when = at if at[19:] != ".000000Z" else at[:19] + "Z"
        # piece by piece: to put them together first takes longer than to compare them
        place = len(self._beginning)
        if not (body.startswith(self._beginning) and body.startswith(when, place)):
            return False
        place += len(when)
        if not body.startswith(named, place):
            return False
        place += len(named)
        if not body.startswith(checks, place):
            return False
        place += len(checks)
        if not (body.startswith(middle, place) and body.endswith(ending)):
            return False
        due = body[place + len(middle) : -len(ending)]
        if _TIMES(at + due) is None or at[:13] not in self._hours or due[:13] not in self._hours:
            return False
        if len(due) == 20:
            due = f"{due[:19]}.000000Z"
        self._states.judged(item, (seq, verdict, reasons, at, due, bits))
        return True

    def learn(self, found: re.Match[str], item: str, row: Row, bits: int) -> None:
        """Takes what was read of *item*: *found*, whose groups begin with time, item and checks and end with when it
        is due and the occasion, and *row*, which says the same.
        """
        body = found.string
        self._beginning = body[: found.start(1)]
        due = found.lastindex - 1 if found.lastindex else 0
        if len(self._held) >= _MOST_HELD:
            self._held.clear()
        if len(self._texts) >= _TEXTS_HELD:
            self._texts.clear()
        occasion, verdict, reasons, findings, checks, key = map(self._once, row[3:])
        named, middle = body[found.end(1) : found.start(3)], body[found.end(3) : found.start(due)]
        ending = self._once(body[found.end(due) :])
        self._held[item] = Judgement(named, middle, ending, occasion, verdict, reasons, findings, checks, key, bits)

    def _once(self, value: Any) -> Any:
        """*value*: texts that many judgements share are held once."""
        return self._texts.setdefault(value, value) if isinstance(value, str) else value
