"""When an item is to be audited again: a pure decision, spread so that the load never comes in waves."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Final

from archiver.domain.verdict import Verdict

_EARLIEST: Final = 0.70
_LATEST: Final = 0.95
"""An item comes due somewhere in this part of ``reverify_after``, which leaves time to get round to it."""

RETRY_INDETERMINATE: Final = timedelta(hours=6)
"""What could not be judged is read again soon: a medium may answer. Keys are looked for at every sync besides."""


def next_audit(evidence_id: str, judged_at: datetime, verdict: Verdict, reverify_after: timedelta) -> datetime:
    """When the item that was judged at *judged_at* is due, at latest ``judged_at + reverify_after``.

    The same for the same arguments; spread evenly over items and, as *judged_at* enters it, over passes.
    """
    if verdict is Verdict.INDETERMINATE:
        return judged_at + min(RETRY_INDETERMINATE, reverify_after)
    seed = hashlib.sha256(f"{evidence_id} {judged_at.isoformat()}".encode()).digest()
    part = _EARLIEST + (_LATEST - _EARLIEST) * int.from_bytes(seed[:8], "big") / 2**64
    return judged_at + reverify_after * part


def sample_range(number: int, parts: int) -> tuple[str, str]:
    """The IDs of sample *number* of *parts* (1 to *parts*): from the first, up to but without the second.

    IDs are uniformly spread hex, so equal ranges are equal shares, and *parts* passes cover everything.
    Raises ``ValueError`` where *number* is not within 1 to *parts*.
    """
    if not 1 <= number <= parts:
        raise ValueError(f"sample {number}/{parts} does not exist: choose 1/{parts} to {parts}/{parts}")
    start, end = ((2**128 * n) // parts for n in (number - 1, number))
    return f"{start:032x}", "g" if end >= 2**128 else f"{end:032x}"
