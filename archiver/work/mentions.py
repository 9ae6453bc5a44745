"""The reports and packages that items were in: events about many items at once, found again item by item."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from archiver.domain.custody import Reported
from archiver.domain.custody_facts import Exported
from archiver.domain.dossier import Happening
from archiver.domain.records import CustodyEvent
from archiver.domain.times import parse_time
from archiver.log_ports import CustodyLog
from archiver.work.history import body_of, happening_of

_KINDS: Final = (Reported.kind, Exported.kind)


class Mentions:
    """Read once, below event *before*. An event on more items than it names (``Reported.ids``) mentions none."""

    def __init__(self, log: CustodyLog, before: int | None) -> None:
        """Raises LedgerError."""
        self._of: dict[str, list[Happening]] = defaultdict(list)
        for kind in _KINDS:
            for seq, body in log.of_kind(kind):
                if before is not None and seq >= before:
                    break
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
