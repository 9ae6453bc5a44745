"""The first ledger: events, what follows from them, and the triggers that keep history as it was written."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from archiver.errors import LedgerError

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

PRIMARY_KEYS = {
    "custody_events": ("seq",),
    "evidence": ("id",),
    "files": ("evidence_id", "position"),
    "verifications": ("seq",),
    "keys": ("sha256",),
    "key_provenance": ("seq",),
}
"""The tables that nobody may change or remove a row of."""


def text(name: str, *parts: Any, null: bool = False, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, TEXT, *parts, nullable=null, **options)


def number(name: str, *parts: Any, null: bool = False, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, NUMBER, *parts, nullable=null, **options)


def event_number() -> sa.Column[Any]:
    return number("seq", sa.ForeignKey("custody_events.seq"), primary_key=True, autoincrement=False)


def item(**options: Any) -> sa.Column[Any]:
    return text("evidence_id", sa.ForeignKey("evidence.id"), **options)


def upgrade() -> None:
    """Makes every table, index and trigger."""
    _history()
    _evidence()
    _keys()
    _current()
    _alerts()
    _triggers()


def downgrade() -> None:
    """Refuses: what is append-only is not taken back."""
    raise LedgerError("a ledger is not downgraded: what is append-only is not taken back", "restore a backup")


def _history() -> None:
    op.create_table(
        "custody_events",
        number("seq", primary_key=True, autoincrement=False),
        text("at"),
        text("kind"),
        text("evidence_id", null=True),
        text("body"),
    )
    op.create_index("ix_custody_events_evidence_id", "custody_events", ["evidence_id", "seq"])


def _evidence() -> None:
    op.create_table(
        "evidence",
        text("id", primary_key=True),
        text("source"),
        text("source_url"),
        text("prefix"),
        text("path"),
        number("revision"),
        text("account", null=True),
        text("query_id", null=True),
        text("region", null=True),
        text("query_complete_time", null=True),
        text("fingerprint", null=True),
        text("key_sha256", null=True),
        text("hash_list_sha256", null=True),
        text("first_seen_at"),
        text("acquired_at"),
        text("caller", null=True),
    )
    op.create_index("ix_evidence_source", "evidence", ["source", "acquired_at", "id"])
    op.create_index("ix_evidence_account", "evidence", ["account", "acquired_at", "id"])
    op.create_index("ix_evidence_query_id", "evidence", ["query_id"])
    op.create_index("ix_evidence_hash_list_sha256", "evidence", ["hash_list_sha256"])
    op.create_index("ix_evidence_path", "evidence", [sa.text("substr(path, 1, 512)")])
    op.create_table(
        "files",
        item(primary_key=True),
        number("position", primary_key=True, autoincrement=False),
        text("name"),
        text("role"),
        text("path"),
        number("size"),
        text("sha256"),
        text("listed_sha256", null=True),
        text("key"),
        text("etag"),
        text("version_id", null=True),
        text("last_modified", null=True),
        text("request_id", null=True),
        text("request_id_2", null=True),
        number("clock_offset_ms", null=True),
        text("encryption", null=True),
    )
    op.create_table(
        "verifications",
        event_number(),
        item(),
        text("at"),
        text("occasion"),
        text("verdict"),
        text("reasons"),
        text("findings"),
        text("checks"),
        text("key_sha256", null=True),
    )
    op.create_index("ix_verifications_evidence_id", "verifications", ["evidence_id", "seq"])


def _keys() -> None:
    op.create_table(
        "keys",
        text("sha256", primary_key=True),
        text("fingerprint"),
        sa.Column("der", sa.LargeBinary(), nullable=False),
    )
    op.create_index("ix_keys_fingerprint", "keys", ["fingerprint"])
    op.create_table(
        "key_provenance",
        event_number(),
        text("sha256", sa.ForeignKey("keys.sha256")),
        text("claimed_fingerprint"),
        text("region", null=True),
        text("valid_from", null=True),
        text("valid_until", null=True),
        text("method"),
        text("endpoint"),
        text("caller", null=True),
        text("obtained_at"),
        text("request_id", null=True),
    )
    op.create_index("ix_key_provenance_sha256", "key_provenance", ["sha256", "seq"])


def _current() -> None:
    op.create_table(
        "evidence_state",
        item(primary_key=True),
        number("judged_seq", sa.ForeignKey("verifications.seq")),
        text("verdict"),
        text("reasons"),
        text("findings"),
        text("last_audited_at", null=True),
        text("next_audit_at"),
        sa.Column("awaiting_key", sa.Boolean(), nullable=False),
        text("acquired_at"),
        number("size"),
    )
    op.create_index("ix_evidence_state_next_audit_at", "evidence_state", ["next_audit_at", "evidence_id"])
    op.create_index("ix_evidence_state_acquired_at", "evidence_state", ["acquired_at", "evidence_id"])
    op.create_index("ix_evidence_state_verdict", "evidence_state", ["verdict", "acquired_at", "evidence_id", "size"])
    judged_at = sa.text("coalesce(last_audited_at, acquired_at)")
    op.create_index("ix_evidence_state_judged_at", "evidence_state", [judged_at, "evidence_id"])
    _partial("ix_evidence_state_awaiting_key", "evidence_state", ["acquired_at", "evidence_id"], "awaiting_key")
    op.create_table(
        "deliveries",
        text("source", primary_key=True),
        text("prefix_sha256", primary_key=True),
        text("prefix"),
        text("listing_digest"),
        text("first_seen_at"),
        text("evidence_id", null=True),
        number("revision"),
        sa.Column("gone", sa.Boolean(), nullable=False),
    )
    head = ["source", sa.text("substr(prefix, 1, 512)")]
    op.create_index("ix_deliveries_prefix", "deliveries", head)
    _partial("ix_deliveries_pending", "deliveries", head, "evidence_id IS NULL")
    op.create_table(
        "sources",
        text("name", primary_key=True),
        text("url", null=True),
        text("last_sync_at", null=True),
        text("last_full_at", null=True),
        number("last_full_objects", null=True),
        text("failing_since", null=True),
    )


def _alerts() -> None:
    op.create_table(
        "alerts",
        number("id", sa.Identity(), primary_key=True),
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
    _partial("ix_alerts_undelivered", "alerts", ["id"], "delivered_at IS NULL")


def _partial(name: str, table: str, columns: list[Any], condition: str) -> None:
    """SQLite has no booleans, and takes the index only where a query's condition reads the same."""
    on_sqlite = f"{condition} = 1" if condition == "awaiting_key" else condition
    op.create_index(name, table, columns, sqlite_where=sa.text(on_sqlite), postgresql_where=sa.text(condition))


def _triggers() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _postgresql_triggers()
        return
    for table, keys in PRIMARY_KEYS.items():
        refuse = f"BEGIN SELECT RAISE(ABORT, 'table {table} is append-only'); END"
        for change in ("UPDATE", "DELETE"):
            op.execute(f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} {refuse}")
        # INSERT OR REPLACE removes the row that is in its way without asking the DELETE trigger
        same = " AND ".join(f"{key} = NEW.{key}" for key in keys)
        there = f"EXISTS (SELECT 1 FROM {table} WHERE ({same}) OR rowid = NEW.rowid)"  # noqa: S608 - our own names
        op.execute(f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN {there} {refuse}")
    _sqlite_kept_rows()


def _sqlite_kept_rows() -> None:
    """What is said of an item may change; that something is said of it may not, nor of which item."""
    refuse = "BEGIN SELECT RAISE(ABORT, 'rows of table evidence_state stay, each with its item'); END"
    there = "EXISTS (SELECT 1 FROM evidence_state WHERE evidence_id = NEW.evidence_id OR rowid = NEW.rowid)"
    moved = "NEW.evidence_id IS NOT OLD.evidence_id OR NEW.rowid IS NOT OLD.rowid"
    for name, when in (
        ("no_delete", "BEFORE DELETE ON evidence_state"),
        ("no_replace", f"BEFORE INSERT ON evidence_state WHEN {there}"),
        ("no_move", f"BEFORE UPDATE ON evidence_state WHEN {moved}"),
    ):
        op.execute(f"CREATE TRIGGER evidence_state_{name} {when} {refuse}")


def _postgresql_triggers() -> None:
    """ALWAYS: they fire in a session that plays the role of a replica, too."""
    op.execute(
        "CREATE FUNCTION archiver_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$"
    )
    for table in PRIMARY_KEYS:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION archiver_append_only()"
        )
        op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_append_only")
    op.execute(
        "CREATE FUNCTION archiver_rows_stay() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION 'rows of table % stay, each with its item', TG_TABLE_NAME"
        " USING ERRCODE = 'restrict_violation'; END $$"
    )
    op.execute(
        "CREATE TRIGGER evidence_state_rows_stay BEFORE DELETE OR TRUNCATE OR UPDATE OF evidence_id"
        " ON evidence_state FOR EACH STATEMENT EXECUTE FUNCTION archiver_rows_stay()"
    )
    op.execute("ALTER TABLE evidence_state ENABLE ALWAYS TRIGGER evidence_state_rows_stay")
