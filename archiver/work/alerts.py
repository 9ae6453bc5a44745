"""Alerts: raised in the transaction that records their cause, delivered later, retried until they are.

An alert is raised when an item shows a reason or finding that it did not show before: one message a cause.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from archiver.domain.evidence import Evidence
from archiver.domain.records import Alert, QueuedAlert
from archiver.domain.text import printable
from archiver.domain.times import format_time
from archiver.domain.verdict import Judgement
from archiver.ports import Clock, Messenger, Outbox

_TOGETHER: Final = 20
"""Alerts that go into one message: a deleted bucket must not become ten thousand messages."""

_LONGEST_WAIT: Final = timedelta(hours=1)


def alert_for(
    evidence: Evidence, judged: Judgement, before: Collection[str], occasion: str, at: datetime
) -> list[Alert]:
    """The alert for what *judged* shows and *before* (reasons and findings) did not; none where nothing is new."""
    new = [code for code in (*judged.reasons, *judged.findings) if code not in before]
    if not new:
        return []
    details = [f"{c.id}: {c.detail}" for c in judged.checks if c.result in ("fail", "unknown")]
    when = "" if occasion == "acquisition" else f":{format_time(at)}"
    return [
        Alert(
            cause=f"{occasion}:{evidence.id}{when}",
            title=f"{judged.verdict}: {', '.join(new)} ({evidence.query_id or evidence.id})",
            text="\n".join(
                [
                    f"Evidence {evidence.id}, source {evidence.source}, {printable(evidence.prefix)}",
                    f"Judged {judged.verdict} on {occasion} at {format_time(at)}.",
                    *details,
                    f"See: archiver show {evidence.id}",
                ]
            ),
        )
    ]


def source_alert(evidence: Evidence, finding: str, detail: str, at: datetime) -> Alert:
    """The alert that the source no longer holds what was acquired."""
    return Alert(
        cause=f"source:{evidence.id}:{finding}:{format_time(at)}",
        title=f"{finding} ({evidence.query_id or evidence.id})",
        text=f"Evidence {evidence.id}, source {evidence.source}, {printable(evidence.prefix)}\n{detail}\n"
        f"What was archived stands. See: archiver show {evidence.id}",
    )


def stray_alert(evidence: Evidence, strays: Sequence[str]) -> Alert:
    """The alert that something lies in an item's folder that was never acquired: once for the same things."""
    shown = "\n".join(printable(stray) for stray in strays[:20])
    identity = hashlib.sha256("\0".join(strays).encode("utf-8", "surrogateescape")).hexdigest()
    return Alert(
        cause=f"stray:{evidence.id}:{identity}",
        title=f"stray in the archive ({evidence.query_id or evidence.id})",
        text=f"Evidence {evidence.id}, {printable(evidence.path)}: not acquired, and there now:\n{shown}",
    )


def deliver(outbox: Outbox, messenger: Messenger, clock: Clock) -> tuple[int, int]:
    """Sends what is due, several alerts a message; (delivered, failed).

    What an address refused is tried again there, ever later, and not repeated to those that took it. A round of tries
    that failed is one entry in the ledger for all that wait for the same addresses: a dead address must not fill it.
    """
    delivered = failed = 0
    while queued := outbox.due(clock()):
        put_off: dict[tuple[str, ...], list[QueuedAlert]] = {}
        for part in _together(queued):
            refused = messenger.send(*_message(part), only=part[0].refused)
            if refused:
                put_off.setdefault(tuple(refused), []).extend(part)
                continue
            now = clock()
            for waiting in part:
                delivered += 1
                outbox.delivered(waiting.id, now)
        for addresses, several in put_off.items():
            failed += len(several)
            now = clock()
            again = _next_try(now, max(waiting.attempts for waiting in several))
            outbox.failed([waiting.id for waiting in several], now, addresses, again)
    return delivered, failed


def _together(queued: Sequence[QueuedAlert]) -> Iterator[Sequence[QueuedAlert]]:
    """*queued* in parts that go into one message each: as many as fit, and to the same addresses."""
    by_addresses: dict[tuple[str, ...], list[QueuedAlert]] = {}
    for waiting in queued:
        by_addresses.setdefault(waiting.refused, []).append(waiting)
    for same in by_addresses.values():
        for start in range(0, len(same), _TOGETHER):
            yield same[start : start + _TOGETHER]


def _message(queued: Sequence[QueuedAlert]) -> tuple[str, str]:
    if len(queued) == 1:
        return queued[0].alert.title, queued[0].alert.text
    text = "\n\n".join(f"{q.alert.title}\n{q.alert.text}" for q in queued)
    return f"{len(queued)} alerts: {queued[0].alert.title}, …", text


def _next_try(now: datetime, attempts: int) -> datetime:
    """When to try again: later each time; in the end at each full hour, so that all that waits goes in one round."""
    wait = timedelta(seconds=30 * (1 << min(attempts, 10)))
    if wait < _LONGEST_WAIT:
        return now + wait
    return (now + _LONGEST_WAIT).replace(minute=0, second=0, microsecond=0)
