"""Alerts between their cause and their delivery."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from archiver.adapters.ledger.connection import Database
from archiver.adapters.ledger.rows import reading
from archiver.adapters.ledger.statements import rows_of
from archiver.adapters.ledger.stored import plain_list, plain_text, plain_time, stored_list, stored_time
from archiver.adapters.ledger.tables import alerts
from archiver.domain.records import Alert, QueuedAlert

_AT_ONCE: Final = 100


class SqlOutbox:
    """``ports.Outbox``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self, now: datetime) -> Sequence[QueuedAlert]:
        """See ``ports.Outbox``."""
        statement = (
            sa.select(alerts)
            .where(alerts.c.delivered_at.is_(None), alerts.c.next_try_at <= stored_time(now))
            .order_by(alerts.c.id)
            .limit(_AT_ONCE)
        )
        with self._database.read() as connection:
            rows = rows_of(connection, statement)
        queued = []
        for row in rows:
            with reading("alerts", row["id"]):
                alert = Alert(plain_text(row["cause"]), plain_text(row["title"]), plain_text(row["text"]))
                refused = tuple(plain_list(row["refused"]))
                queued.append(QueuedAlert(row["id"], alert, plain_time(row["created_at"]), row["attempts"], refused))
        return queued

    def delivered(self, alert_id: int, at: datetime) -> None:
        """See ``ports.Outbox``."""
        self._set(alert_id, delivered_at=stored_time(at))

    def failed(self, alert_id: int, refused: Collection[str], next_try_at: datetime) -> None:
        """See ``ports.Outbox``."""
        self._set(
            alert_id,
            attempts=alerts.c.attempts + 1,
            refused=stored_list(list(refused)),
            next_try_at=stored_time(next_try_at),
        )

    def _set(self, alert_id: int, **values: Any) -> None:
        with self._database.write() as connection:
            connection.execute(sa.update(alerts).where(alerts.c.id == alert_id).values(**values))
