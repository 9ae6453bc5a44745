"""What is said of each item after all its events: folded in memory, and from time to time laid into the scratch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from archiver.adapters.ledger.check_scratch import ALL_FINDINGS, BITS, Scratch
from archiver.adapters.ledger.projection import OF_THE_SOURCE
from archiver.domain.verdict import Finding

_MOST_HELD: Final = 40_000

_OF_THE_SOURCE: Final = sum(BITS[value] for value in OF_THE_SOURCE)
_DELETED: Final = BITS[Finding.SOURCE_DELETED.value]

_Acquired = tuple[int, str, int]
_Judged = tuple[int, str, str, str | None, str]

_State = tuple[_Acquired | None, _Judged | None, int, int]
"""What some events of an item say: its acquisition, the last judgement, and of the findings that stood before those
which are kept, and those which are added. Two of them make one, whatever came before the first.
"""


class States:
    """The fold. Times as they stand in columns, sets of findings as bits (``check_scratch.BITS``)."""

    def __init__(self, scratch: Scratch) -> None:
        self._scratch = scratch
        self._held: dict[str, _State] = {}

    def acquired(self, item: str, acquired: _Acquired, judged: _Judged, findings: int) -> None:
        """*acquired*: number of the event, acquired_at, size. *judged*: as for :meth:`judged`."""
        before = self._held.get(item)
        self._held[item] = ((before and before[0]) or acquired, judged, 0, findings)
        self._lay_down()

    def judged(self, item: str, judged: _Judged, findings: int) -> None:
        """*judged*: number of the event, verdict, reasons, last_audited_at (None: at acquisition), next_audit_at.

        What concerns the source stands on.
        """
        before = self._held.get(item)
        if before is None:
            self._held[item] = (None, judged, _OF_THE_SOURCE, findings)
            self._lay_down()
        else:
            self._held[item] = (
                before[0],
                judged,
                before[2] & _OF_THE_SOURCE,
                (before[3] & _OF_THE_SOURCE) | findings,
            )

    def observed(self, item: str, finding: Finding) -> None:
        """*finding* was seen at the source."""
        self._also(item, ALL_FINDINGS, BITS[finding.value])

    def restored(self, item: str) -> None:
        """The source holds again what was deleted there."""
        self._also(item, ALL_FINDINGS & ~_DELETED, 0)

    def _also(self, item: str, kept: int, findings: int) -> None:
        acquired, judged, before, stood = self._held.get(item, (None, None, ALL_FINDINGS, 0))
        self._held[item] = (acquired, judged, before & kept, (stood & kept) | findings)
        self._lay_down()

    def _lay_down(self) -> None:
        if len(self._held) >= _MOST_HELD:
            self.flush()

    def acquired_by(self, items: Sequence[str]) -> dict[str, int]:
        """The events that acquired *items*, of those that any did."""
        found = self._scratch.acquired_by(items)
        for item in items:
            acquired = self._held[item][0] if item in self._held else None
            if acquired is not None:
                found.setdefault(item, acquired[0])
        return found

    def flush(self) -> None:
        """Lays everything into the scratch."""
        nothing = (None, None, None)
        self._scratch.fold_items(
            [
                (item, *(acquired or nothing), *((judged or (None, None, None))[:3]), kept, findings)
                + ((judged[3], judged[4]) if judged else (None, None))
                for item, (acquired, judged, kept, findings) in self._held.items()
            ]
        )
        self._held.clear()
