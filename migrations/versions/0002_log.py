"""The ledger as a transparency log: the tree over the events, its keys, its signed heads and what vouches for those.

Rows of ``sources``, ``deliveries`` and ``alerts``, which no event made, are laid aside in tables of their own; from
there ``archiver.adapters.ledger.adopt`` records them as events, in the same transaction.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from archiver.errors import LedgerError

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

PRIMARY_KEYS = {"merkle_nodes": "seq", "log_keys": "seq", "checkpoints": "size", "anchors": "seq"}
"""The tables that nobody may change or remove a row of."""

LAID_ASIDE = ("sources", "deliveries", "alerts")


def text(name: str, *parts: Any, null: bool = False, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, TEXT, *parts, nullable=null, **options)


def number(name: str, *parts: Any, null: bool = False, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, NUMBER, *parts, nullable=null, **options)


def event_number(name: str = "seq") -> sa.Column[Any]:
    return number(name, sa.ForeignKey("custody_events.seq"), primary_key=True, autoincrement=False)


def upgrade() -> None:
    """Makes the log's tables and triggers, and lays aside what is to be adopted."""
    for table in LAID_ASIDE:
        op.execute(f"CREATE TABLE unadopted_{table} AS SELECT * FROM {table}")  # noqa: S608 - our own names
    op.execute("DELETE FROM sources")
    op.execute("DELETE FROM deliveries")
    op.drop_table("alerts")
    _alerts()
    _log()
    op.create_index("ix_custody_events_kind", "custody_events", ["kind", "seq"])
    if op.get_bind().dialect.name == "postgresql":
        _postgresql_triggers()
    else:
        _sqlite_triggers()


def downgrade() -> None:
    """Refuses: what is append-only is not taken back."""
    raise LedgerError("a ledger is not downgraded: what is append-only is not taken back", "restore a backup")


def _alerts() -> None:
    """As before, but that an alert's number is that of the event that raised it."""
    op.create_table(
        "alerts",
        event_number("id"),
        text("cause_sha256", unique=True),
        text("cause"),
        text("title"),
        text("text"),
        text("created_at"),
        number("attempts"),
        text("next_try_at"),
        text("refused"),
        text("delivered_at", null=True),
    )
    waiting = sa.text("delivered_at IS NULL")
    op.create_index("ix_alerts_undelivered", "alerts", ["id"], sqlite_where=waiting, postgresql_where=waiting)


def _log() -> None:
    op.create_table("merkle_nodes", event_number(), sa.Column("hashes", sa.LargeBinary(), nullable=False))
    op.create_table(
        "log_keys",
        event_number(),
        text("key"),
        text("before", null=True),
        sa.Column("vouched", sa.Boolean(), nullable=False),
    )
    op.create_table("checkpoints", number("size", primary_key=True, autoincrement=False), text("note"))
    op.create_table(
        "anchors",
        event_number(),
        number("size"),
        text("method"),
        text("name"),
        text("path"),
        text("sha256"),
        text("proved_at"),
        text("valid_until", null=True),
    )
    op.create_index("ix_anchors_size", "anchors", ["size", "seq"])


def _sqlite_triggers() -> None:
    for table, key in PRIMARY_KEYS.items():
        refuse = f"BEGIN SELECT RAISE(ABORT, 'table {table} is append-only'); END"
        for change in ("UPDATE", "DELETE"):
            op.execute(f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} {refuse}")
        there = f"EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key} OR rowid = NEW.rowid)"  # noqa: S608
        op.execute(f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN {there} {refuse}")
    refuse = "BEGIN SELECT RAISE(ABORT, 'rows of table alerts stay, each with its cause'); END"
    there = "EXISTS (SELECT 1 FROM alerts WHERE id = NEW.id OR cause_sha256 = NEW.cause_sha256)"
    moved = "NEW.id IS NOT OLD.id OR NEW.cause_sha256 IS NOT OLD.cause_sha256"
    for name, when in (
        ("no_delete", "BEFORE DELETE ON alerts"),
        ("no_replace", f"BEFORE INSERT ON alerts WHEN {there}"),
        ("no_move", f"BEFORE UPDATE ON alerts WHEN {moved}"),
    ):
        op.execute(f"CREATE TRIGGER alerts_{name} {when} {refuse}")


def _postgresql_triggers() -> None:
    """ALWAYS: they fire in a session that plays the role of a replica, too."""
    for table in PRIMARY_KEYS:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION archiver_append_only()"
        )
        op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_append_only")
    op.execute(
        "CREATE TRIGGER alerts_rows_stay BEFORE DELETE OR TRUNCATE OR UPDATE OF id, cause_sha256"
        " ON alerts FOR EACH STATEMENT EXECUTE FUNCTION archiver_rows_stay()"
    )
    op.execute("ALTER TABLE alerts ENABLE ALWAYS TRIGGER alerts_rows_stay")
