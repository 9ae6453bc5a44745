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


_CHECKS: Final = 4
"""Where a row has its checks, counted from ``occasion``."""


class Judgement(NamedTuple):
    """What was found of an item.

    ``middle``: of the body, from its checks to when it is due; ``ending``: from there on. ``said``: the row from its
    ``occasion`` on, which has the checks. Then what the state says.
    """

    middle: str
    ending: str
    said: Row
    verdict: str
    reasons: str
    findings: int


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
        if known is None or type(at) is not str:
            return False
        middle, ending, said, verdict, reasons, findings = known
        when = at if at[19:] != ".000000Z" else at[:19] + "Z"
        beginning = f'{self._beginning}{when}","id":"{item}","judgement":{{"checks":{said[_CHECKS]}{middle}'
        if not body.startswith(beginning) or not body.endswith(ending) or row != (seq, item, at, *said):
            return False
        due = body[len(beginning) : -len(ending)]
        if _TIMES(at + due) is None or at[:13] not in self._hours or due[:13] not in self._hours:
            return False
        if len(due) == 20:
            due = f"{due[:19]}.000000Z"
        self._states.judged(item, (seq, verdict, reasons, at, due, findings))
        return True

    def learn(self, found: re.Match[str], item: str, row: Row, findings: int) -> None:
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
        said = tuple([self._texts.setdefault(value, value) if isinstance(value, str) else value for value in row[3:]])
        verdict, reasons = said[1], said[2]
        middle, ending = body[found.end(3) : found.start(due)], body[found.end(due) :]
        self._held[item] = Judgement(middle, self._texts.setdefault(ending, ending), said, verdict, reasons, findings)
