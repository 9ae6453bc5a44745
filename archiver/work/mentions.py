"""The reports and packages that items were in: events about many items at once, found again item by item."""

from __future__ import annotations

from collections import defaultdict
from itertools import islice
from typing import Final

from archiver.domain.custody import Reported
from archiver.domain.custody_facts import Exported
from archiver.domain.dossier import Happening
from archiver.domain.records import CustodyEvent
from archiver.domain.times import parse_time
from archiver.log_ports import CustodyLog
from archiver.work.dossier_events import bodies_of, not_in_tree
from archiver.work.history import body_of, happening_of

_KINDS: Final = (Reported.kind, Exported.kind)

_BATCH: Final = 100
"""Events that are held against the tree together; one has up to 35 KB."""


class Mentions:
    """Read once, below event *before*. An event on more items than it names (``Reported.ids``) mentions none.

    ``altered``: numbers of those that are not what the log's tree was made of.
    """

    def __init__(self, log: CustodyLog, before: int | None) -> None:
        """Raises LedgerError."""
        self._of: dict[str, list[Happening]] = defaultdict(list)
        self.altered: set[int] = set()
        for kind in _KINDS:
            told = bodies_of(log, kind, before)
            while batch := dict(islice(told, _BATCH)):
                self.altered.update(not_in_tree(log, batch))
                for seq, body in batch.items():
                    self._take(kind, seq, body)

    def _take(self, kind: str, seq: int, body: str) -> None:
        """What cannot be read mentions nothing; ``ledger verify`` tells why."""
        try:
            told = body_of(body)
            ids = [str(item) for item in told["ids"]]
            happening = happening_of(CustodyEvent(seq, parse_time(told["at"]), kind, None, body), told)
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
            return
        for item in ids:
            self._of[item].append(happening)

    def of(self, evidence_id: str) -> list[Happening]:
        """Oldest first."""
        return sorted(self._of.get(evidence_id, ()), key=lambda one: one.seq)
