"""What the signature does not cover, looked at one by one. Findings stand beside a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from archiver.domain.delivery import QueryPath
from archiver.domain.keys import HeldKey, PublicKey
from archiver.domain.sign_file import SignFile
from archiver.domain.text import printable
from archiver.domain.times import format_time
from archiver.domain.verdict import Finding

Noticed = tuple[Finding, str]

HEADER_TOLERANCE: Final = timedelta(hours=2)
"""Most that the signed header's time and the claimed completion may differ: a query runs up to one hour."""

DAY_TOLERANCE: Final = timedelta(days=1)
"""Most days between the path's date and the completion: a query may run past midnight."""

CLOCK_TOLERANCE: Final = timedelta(minutes=5)
"""Most that clocks of different services may differ: that much may an object seem older than its query."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What was observed round a delivery.

    ``path``: what its path claims, None where it is not canonical. ``location``: the path itself, for messages.
    ``execution_time``: from the first file's signed
    header. ``earliest_modified``: oldest LastModified that a bucket gave for a listed file; None for folders,
    where a copy's time means nothing. ``same_hash_list``: where the same hash list is known under another query
    ID. ``history``: findings of the source itself (changed, deleted) that belong to this judgement.
    """

    path: QueryPath | None
    location: str
    execution_time: datetime | None = None
    earliest_modified: datetime | None = None
    same_hash_list: Sequence[str] = ()
    history: Sequence[Noticed] = field(default=())


def findings(
    sign_file: SignFile | None, copies: Sequence[HeldKey], names: Sequence[str], around: Circumstances
) -> list[Noticed]:
    """Everything that is noticed about a delivery whose folder holds *names* beside its sign file.

    *copies*: of the key that it was judged with, in the order of trust; none where there was none.
    """
    noticed = list(around.history)
    if around.path is None:
        shown = printable(around.location, 200)
        noticed.append(
            (
                Finding.PATH_NONSTANDARD,
                f"{shown!r} is not AWSLogs/<account>/CloudTrail-Lake/Query/<year>/<month>/<day>/<query ID>/",
            )
        )
    if sign_file is None:
        return noticed
    noticed += _unlisted(sign_file, names)
    if not sign_file.in_order:
        noticed.append(
            (
                Finding.FILES_OUT_OF_ORDER,
                "listed neither by number nor by name: " + ", ".join(f.name for f in sign_file.files[:20]),
            )
        )
    if around.same_hash_list:
        others = ", ".join(printable(place, 200) for place in around.same_hash_list[:5])
        noticed.append((Finding.REPLAYED_HASH_LIST, f"the same hash list stands under another query ID: {others}"))
    noticed += _keys(sign_file, copies)
    noticed += [(Finding.TIME_INCONSISTENT, detail) for detail in _times(sign_file, around)]
    return noticed


def _unlisted(sign_file: SignFile, names: Sequence[str]) -> list[Noticed]:
    listed = {file.name for file in sign_file.files}
    unlisted = [name for name in names if name not in listed]
    if not unlisted:
        return []
    shown = ", ".join(repr(printable(name, 80)) for name in unlisted[:10])
    more = f" and {len(unlisted) - 10} more" if len(unlisted) > 10 else ""
    return [(Finding.UNLISTED_FILE, f"in the folder, not in the sign file: {shown}{more}")]


def _keys(sign_file: SignFile, copies: Sequence[HeldKey]) -> list[Noticed]:
    """What CloudTrail listed first decides. Where it listed none, no copy outdoes another: any of them is heard."""
    heard = copies[:1] if copies and copies[0].is_listed else copies
    return list(dict.fromkeys(noticed for held in heard for noticed in _key(sign_file, held.key)))


def _key(sign_file: SignFile, key: PublicKey) -> list[Noticed]:
    noticed: list[Noticed] = []
    claims = sign_file.claims
    if key.region is not None and key.region != claims.region:
        noticed.append(
            (Finding.REGION_MISMATCH, f"the key is one of {key.region}, the sign file claims {claims.region}")
        )
    early = key.valid_from is not None and claims.query_complete_time < key.valid_from
    late = key.valid_until is not None and claims.query_complete_time > key.valid_until
    if early or late:
        window = " to ".join(format_time(t) if t else "?" for t in (key.valid_from, key.valid_until))
        noticed.append(
            (
                Finding.KEY_OUTSIDE_WINDOW,
                f"queryCompleteTime {claims.query_complete_text} is "
                f"{'before' if early else 'after'} the key's window, {window}",
            )
        )
    return noticed


def _times(sign_file: SignFile, around: Circumstances) -> list[str]:
    """Each disagreement apart. Later storage is no disagreement: objects are copied and restored."""
    complete, text = sign_file.claims.query_complete_time, sign_file.claims.query_complete_text
    details = []
    header = around.execution_time
    if header is not None and abs(header - complete) > HEADER_TOLERANCE:
        details.append(f"the signed header says {format_time(header)}, queryCompleteTime {text}")
    if around.path is not None and abs(around.path.day - complete.date()) > DAY_TOLERANCE:
        details.append(f"the path says {around.path.day.isoformat()}, queryCompleteTime {text}")
    stored = around.earliest_modified
    if stored is not None and complete - stored > CLOCK_TOLERANCE:
        details.append(f"an object was stored at {format_time(stored)}, before queryCompleteTime {text}")
    return details
