"""Custody events that the ledger's rows hide or alter, as the log tells them: what a report says in their place.

``ledger verify`` finds them; here each is laid to the item that it is about. One of which nobody has what it said may
have been about any item, so it speaks against all.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from archiver.domain.custody import EvidenceAcquired
from archiver.domain.records import CustodyEvent
from archiver.domain.times import parse_time
from archiver.errors import LedgerError, MediumError
from archiver.log.leaf import leaf_of
from archiver.log.names import body_path
from archiver.log_ports import CustodyLog, PublishedLog
from archiver.work.log_verify_report import KEPT, LogReport

_BEHIND: Final = "ledger_behind"
_OF_ALL: Final = ("checkpoint_inconsistent", "check_failed")
"""Kinds of problems after which nothing that rows say of any item is known to be what was signed."""

_MALFORMED: Final = "event_malformed"
_EVENTS: Final = "custody_events"
_NAMED: Final = 10
"""Numbers that are named one by one."""

_HIDDEN: Final = "custody event {} ({}) is not in the ledger as it was recorded; what it said is told from the log"
_LOST: Final = (
    "custody events that are not in the ledger as they were recorded, and of which nobody has what they said: {}. "
    "Any of them may have been about this item"
)


class Doubted:
    """What *report* found, as far as it is about events below *before* (None: all)."""

    def __init__(
        self, report: LogReport, log: CustodyLog, published: PublishedLog, before: int | None = None
    ) -> None:
        self.against_all: list[str] = []
        self._published, self._before = published, before
        self._of: dict[str, list[CustodyEvent]] = defaultdict(list)
        lost = []
        for seq in sorted({*report.suspects, *_with_other_columns(report)}):
            if not self._counts(seq):
                continue
            leaf = report.suspects[seq] if seq in report.suspects else _body(log, seq)
            if leaf is None or not self._take(seq, leaf):
                lost.append(seq)
        if lost:
            self.against_all.append(_LOST.format(_numbers(lost)))
        if len(report.suspects) >= KEPT or report.problem_count > len(report.problems):
            self.against_all.append("the ledger disagrees with its log in more places than were looked into")
        self.against_all += [
            problem.detail
            for problem in report.problems
            if problem.kind == _BEHIND or (problem.kind in _OF_ALL and self._counts(problem.seq))
        ]

    def of(self, evidence_id: str) -> Sequence[CustodyEvent]:
        """The events about *evidence_id* that rows hide or alter, oldest first."""
        return self._of.get(evidence_id, ())

    def acquisitions(self) -> Iterable[CustodyEvent]:
        """Those among them by which an item was acquired."""
        return [event for events in self._of.values() for event in events if event.kind == EvidenceAcquired.kind]

    def against(self, evidence_id: str) -> list[str]:
        """What speaks against whatever the ledger's rows say of *evidence_id*."""
        return [*(_HIDDEN.format(event.seq, event.kind) for event in self.of(evidence_id)), *self.against_all]

    def _counts(self, seq: int | None) -> bool:
        return seq is None or self._before is None or seq < self._before

    def _take(self, seq: int, leaf: bytes) -> bool:
        """Lays the event of *leaf* to the item that it names, if it names one; False where it cannot be read."""
        try:
            text = leaf.decode("utf-8")
            told = json.loads(text)
            evidence = told.get("evidence")
            item = told.get("id", evidence.get("id") if isinstance(evidence, dict) else None)
            kind, at = str(told["kind"]), parse_time(told["at"])
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
            return False
        if isinstance(item, str):
            self._of[item].append(CustodyEvent(seq, at, kind, item, self._whole(told) or text))
        return True

    def _whole(self, told: dict[str, Any]) -> str | None:
        """The body that is published beside a leaf which holds only its digest; None where it is not to be had."""
        digest = told["body"].get("sha256") if isinstance(told.get("body"), dict) else None
        if not isinstance(digest, str) or len(digest) != 64 or not digest.isalnum():
            return None
        try:
            data = self._published.read(body_path(digest))
        except MediumError:
            return None
        if data is None or hashlib.sha256(data).hexdigest() != digest:
            return None
        return data.decode("utf-8", "surrogatepass")


def _with_other_columns(report: LogReport) -> Iterator[int]:
    """Numbers of events whose columns are not what their bodies say: a search by columns may pass them over."""
    for problem in report.problems:
        if problem.seq is not None and (problem.kind == _MALFORMED or problem.table == _EVENTS):
            yield problem.seq


def _body(log: CustodyLog, seq: int) -> bytes | None:
    """The leaf of an event whose body nothing speaks against: only its columns say something else."""
    try:
        body = next((entry.body for entry in log.entries(seq, seq + 1)), None)
    except LedgerError:
        return None
    return None if body is None else leaf_of(body)


def _numbers(numbers: Sequence[int]) -> str:
    """*numbers*, those that follow each other as a range."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    named = [str(first) if first == last else f"{first} to {last}" for first, last in runs[:_NAMED]]
    return ", ".join([*named, *([f"and {len(runs) - _NAMED} runs more"] if len(runs) > _NAMED else [])])
