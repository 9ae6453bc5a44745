"""What is said of each item after all its events: folded in memory, and from time to time laid down."""

from __future__ import annotations

from typing import Final

from archiver.adapters.ledger.check_scratch import ALL_FINDINGS, BITS
from archiver.adapters.ledger.check_spool import Spool
from archiver.domain.standing import OF_THE_SOURCE
from archiver.domain.verdict import Finding

_MOST_HELD: Final = 30_000

_OF_THE_SOURCE: Final = sum(BITS[value] for value in OF_THE_SOURCE)
_DELETED: Final = BITS[Finding.SOURCE_DELETED.value]

Acquired = tuple[int, str, int]
"""Number of the event, acquired_at, size."""

Judged = tuple[int, str, str, str | None, str, int]
"""Number of the event, verdict, reasons, last_audited_at (None: at acquisition), next_audit_at, findings."""


class States:
    """The fold. Times as they stand in columns, sets of findings as bits (``check_scratch.BITS``).

    What is held says what came of the item's events since it was last laid down; of the findings that stood before,
    which are kept, and which are added.
    """

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._acquired: dict[str, Acquired] = {}
        self._judged: dict[str, Judged] = {}
        self._standing: dict[str, tuple[int, int]] = {}
        """Of items that anything was seen of at the source: kept, added. Of others: what concerns the source, and
        what the last judgement found.
        """

    def acquired(self, item: str, acquired: Acquired, judged: Judged) -> None:
        """An item that was acquired."""
        self._acquired.setdefault(item, acquired)
        self.judged(item, judged)

    def judged(self, item: str, judged: Judged) -> None:
        """An item that was judged. What concerns the source stands on."""
        found = judged[5]
        if found & _OF_THE_SOURCE or item in self._standing:
            kept, added = self._standing.get(item, (_OF_THE_SOURCE, 0))
            self._standing[item] = (kept & _OF_THE_SOURCE, (added & _OF_THE_SOURCE) | found)
        self._judged[item] = judged
        if len(self._judged) >= _MOST_HELD:
            self.flush()

    def observed(self, item: str, finding: Finding) -> None:
        """*finding* was seen at the source."""
        kept, added = self._stood(item)
        self._stand(item, kept, added | BITS[finding.value])

    def restored(self, item: str) -> None:
        """The source holds again what was deleted there."""
        kept, added = self._stood(item)
        self._stand(item, kept & ~_DELETED, added & ~_DELETED)

    def _stand(self, item: str, kept: int, added: int) -> None:
        self._standing[item] = (kept, added)
        if len(self._standing) >= _MOST_HELD:
            self.flush()

    def _stood(self, item: str) -> tuple[int, int]:
        judged = self._judged.get(item)
        return self._standing.get(item) or ((ALL_FINDINGS, 0) if judged is None else (_OF_THE_SOURCE, judged[5]))

    def flush(self) -> None:
        """Lays everything down."""
        nothing = (None,) * 5
        items = self._judged.keys() | self._standing.keys()
        self._spool.states(
            [
                (
                    item,
                    *self._acquired.get(item, nothing[:3]),
                    *self._judged.get(item, nothing)[:5],
                    *self._stood(item),
                )
                for item in items
            ]
        )
        for held in (self._acquired, self._judged, self._standing):
            held.clear()
