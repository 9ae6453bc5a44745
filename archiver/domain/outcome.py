"""What a report says in one word: the worst of what it tells, of its items and of the ledger that they come from."""

from __future__ import annotations

from archiver.domain.dossier import Heading
from archiver.domain.summary import Summary
from archiver.domain.verdict import Verdict

WORST_FIRST = (Verdict.FAILED, Verdict.INDETERMINATE, Verdict.VERIFIED)


def outcome(heading: Heading, summary: Summary) -> Verdict:
    """Failed where an item is, or where the ledger does not pass its verification, whatever it says of items.

    Verified only where there are items, all of them are, and the ledger and its signed head could be verified.
    """
    log = heading.log
    if log is not None and log.is_contradicted:
        return Verdict.FAILED
    if log is not None and log.is_unverified and not summary.by_verdict[Verdict.FAILED]:
        return Verdict.INDETERMINATE
    worst = (verdict for verdict in WORST_FIRST if summary.by_verdict[verdict])
    return next(worst, Verdict.INDETERMINATE)


def headline(heading: Heading, summary: Summary) -> str:
    """The name of the words that say :func:`outcome` in one line. There must be items."""
    worst = outcome(heading, summary)
    if worst is Verdict.VERIFIED:
        return "result.verified" if summary.read == summary.items else "result.verified_unread"
    if summary.by_verdict[worst]:
        return f"result.{worst}"
    return "result.contradicted" if worst is Verdict.FAILED else "result.unverified"
