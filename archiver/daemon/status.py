"""The line that ``systemctl status`` shows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from archiver.domain.records import Totals
from archiver.domain.verdict import Verdict


def status_line(running: Sequence[str], totals: Totals | None, next_sync: datetime | None, now: datetime) -> str:
    """Such as ``idle; 1,204 items, 0 failed, next sync 12:05:00Z``; *totals* is None until first looked up."""
    parts = []
    if totals is not None:
        parts.append(f"{sum(totals.by_verdict.values()):,} items")
        parts.append(f"{totals.by_verdict.get(Verdict.FAILED, 0):,} failed")
        if totals.overdue:
            parts.append(f"{totals.overdue:,} overdue")
        if totals.pending:
            parts.append(f"{totals.pending:,} arriving")
    if next_sync is not None:
        form = "%H:%M:%SZ" if next_sync - now < timedelta(days=1) else "%Y-%m-%d %H:%M:%SZ"
        parts.append(f"next sync {next_sync.astimezone(UTC).strftime(form)}")
    doing = f"running: {', '.join(running)}" if running else "idle"
    return "; ".join([doing, ", ".join(parts)]) if parts else doing
