"""What a report says in one word: the worst of what it tells, of its items and of the ledger that they come from."""

from __future__ import annotations

from archiver.domain.dossier import Heading
from archiver.domain.summary import Summary
from archiver.domain.verdict import Verdict

WORST_FIRST = (Verdict.FAILED, Verdict.INDETERMINATE, Verdict.VERIFIED)


def outcome(heading: Heading, summary: Summary) -> Verdict:
    """Failed where an item is, or where the ledger does not pass its verification, whatever it says of items.

    Verified only where there are items and all of them are.
    """
    if heading.log is not None and heading.log.is_contradicted:
        return Verdict.FAILED
    worst = (verdict for verdict in WORST_FIRST if summary.by_verdict[verdict])
    return next(worst, Verdict.INDETERMINATE)
