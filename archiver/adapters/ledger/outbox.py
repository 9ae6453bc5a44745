"""Alerts between their cause and their delivery."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from archiver.adapters.ledger.connection import Database
from archiver.adapters.ledger.rows import plain_number, reading
from archiver.adapters.ledger.statements import rows_of
from archiver.adapters.ledger.stored import plain_list, plain_text, plain_time, stored_time
from archiver.adapters.ledger.tables import alerts
from archiver.domain.custody_upkeep import AlertsRefused, AlertTold
from archiver.domain.records import Alert, QueuedAlert, Undelivered
from archiver.errors import LedgerError
from archiver.ports import Journal

_AT_ONCE: Final = 100

_LONGEST_WAIT: Final = timedelta(days=1)
"""No try is ever put off so long: a later time was not written by this program, or by a clock that stood ahead."""


class SqlOutbox:
    """``ports.Outbox``."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal

    def due(self, now: datetime) -> Sequence[QueuedAlert]:
        """See ``ports.Outbox``."""
        next_try, latest = alerts.c.next_try_at, stored_time(now + _LONGEST_WAIT)
        statement = (
            sa.select(alerts)
            .where(alerts.c.delivered_at.is_(None), sa.or_(next_try <= stored_time(now), next_try > latest))
            .order_by(alerts.c.id)
            .limit(_AT_ONCE)
        )
        with self._database.read() as connection:
            rows = rows_of(connection, statement)
        return [_queued(row, now) for row in rows]

    def waiting(self) -> Undelivered:
        """See ``ports.Outbox``. What was made unreadable is counted, and says no more."""
        waiting = alerts.c.delivered_at.is_(None)
        counts = sa.select(sa.func.count(), sa.func.min(alerts.c.created_at))
        refusals = sa.select(alerts.c.refused).where(waiting).distinct().limit(_AT_ONCE)
        with self._database.read() as connection:
            count, since = connection.execute(counts.where(waiting)).one()
            refused = [row["refused"] for row in rows_of(connection, refusals)]
        oldest, addresses = None, set[str]()
        with suppress(ValueError):
            oldest = None if since is None else plain_time(since)
        for stored in refused:
            with suppress(ValueError):
                addresses.update(_addresses(stored))
        return Undelivered(count, oldest, tuple(sorted(addresses)))

    def delivered(self, alert_id: int, at: datetime) -> None:
        """See ``ports.Outbox``."""
        self._journal.record([AlertTold(at=at, alert=alert_id, refused=(), next_try_at=None)])

    def failed(self, ids: Collection[int], at: datetime, refused: Collection[str], next_try_at: datetime) -> None:
        """See ``ports.Outbox``."""
        told = AlertsRefused(at=at, alerts=tuple(ids), refused=tuple(refused), next_try_at=next_try_at)
        self._journal.record([told])


def _queued(row: Mapping[str, Any], now: datetime) -> QueuedAlert:
    """The alert in *row*; where it was made unreadable, an alert of that: it must not keep the others back."""
    number = int(row["id"])
    try:
        with reading("alerts", number):
            return QueuedAlert(
                number,
                Alert(plain_text(row["cause"]), plain_text(row["title"]), plain_text(row["text"])),
                plain_time(row["created_at"]),
                _attempts(row["attempts"]),
                _addresses(row["refused"]),
            )
    except LedgerError as error:
        title = f"alert {number} was made unreadable in the ledger"
        return QueuedAlert(number, Alert(f"unreadable:alerts:{number}", title, str(error)), now, 0)


def _attempts(stored: object) -> int:
    attempts = plain_number(stored)
    if attempts < 0:
        raise ValueError("fewer tries than none")
    return attempts


def _addresses(stored: str) -> tuple[str, ...]:
    addresses = plain_list(stored)
    if not all(isinstance(address, str) for address in addresses):
        raise ValueError("not a list of addresses")
    return tuple(addresses)
