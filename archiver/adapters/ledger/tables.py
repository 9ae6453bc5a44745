"""The ledger's tables, as ``migrations/`` makes them; what is in them is told in docs/adr/0002-ledger.md.

``info["form"]`` of a column says how its values stand there (see ``stored``): ``text`` (the default), ``time``,
``list``, or ``as is`` for numbers, flags and bytes.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

SCHEMA_REVISION: Final = "0004"
"""The head of ``migrations/``: read from here so that no command needs alembic, and held equal by a test."""

INDEXED_CHARS: Final = 512
"""Characters of a path that are indexed: PostgreSQL takes 2,704 bytes an index entry, and folders can be deep."""

APPEND_ONLY: Final = (
    "custody_events",
    "evidence",
    "files",
    "verifications",
    "keys",
    "key_provenance",
    "merkle_nodes",
    "log_keys",
    "checkpoints",
    "anchors",
)
"""Tables in which triggers refuse every change and removal."""

ROWS_STAY: Final = ("evidence_state", "alerts")
"""Tables in which triggers refuse removal, and that a row becomes another's."""

metadata = sa.MetaData()

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _text(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, _TEXT, info={"form": "text"}, **({"nullable": False} | options))


def _time(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, _TEXT, info={"form": "time"}, **({"nullable": False} | options))


def _list(name: str) -> sa.Column[Any]:
    return sa.Column(name, _TEXT, info={"form": "list"}, nullable=False)


def _number(name: str, *parts: Any, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, _NUMBER, *parts, info={"form": "as is"}, **({"nullable": False} | options))


def _flag(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean(), info={"form": "as is"}, nullable=False)


def _event() -> sa.Column[Any]:
    """The number of the custody event that a row follows from."""
    return _number("seq", sa.ForeignKey("custody_events.seq"), primary_key=True, autoincrement=False)


def _item(**options: Any) -> sa.Column[Any]:
    return sa.Column(
        "evidence_id", _TEXT, sa.ForeignKey("evidence.id"), info={"form": "text"}, nullable=False, **options
    )


def _where(sqlite: sa.ColumnElement[bool], postgresql: sa.ColumnElement[bool] | None = None) -> dict[str, Any]:
    """``info`` of an index on a part of the rows. Not ``postgresql_where``, which would load SQLAlchemy's whole
    dialect of PostgreSQL: a tenth of the start of every command.
    """
    return {"where": {"sqlite": sqlite, "postgresql": sqlite if postgresql is None else postgresql}}


def head_of(column: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    """The indexed part of a path. Literal numbers: SQLite uses no index for an expression with parameters."""
    return sa.func.substr(column, sa.literal_column("1"), sa.literal_column(str(INDEXED_CHARS)), type_=_TEXT)


def judged_at(state: sa.FromClause) -> sa.ColumnElement[str]:
    """When an item was last judged: at its acquisition or by the last audit."""
    return sa.func.coalesce(state.c.last_audited_at, state.c.acquired_at, type_=_TEXT)


custody_events = sa.Table(
    "custody_events",
    metadata,
    _number("seq", primary_key=True, autoincrement=False),
    _time("at"),
    _text("kind"),
    _text("evidence_id", nullable=True),
    sa.Column("body", _TEXT, info={"form": "as is"}, nullable=False),
)
sa.Index("ix_custody_events_evidence_id", custody_events.c.evidence_id, custody_events.c.seq)
sa.Index("ix_custody_events_kind", custody_events.c.kind, custody_events.c.seq)

merkle_nodes = sa.Table(
    "merkle_nodes",
    metadata,
    _event(),
    sa.Column("hashes", sa.LargeBinary(), info={"form": "as is"}, nullable=False),
)
"""``hashes``: of the complete subtrees that leaf ``seq`` completes, leaf first, 32 bytes each (docs/adr/0009)."""

evidence = sa.Table(
    "evidence",
    metadata,
    _text("id", primary_key=True),
    _text("source"),
    _text("source_url"),
    _text("prefix"),
    _text("path"),
    _number("revision"),
    _text("account", nullable=True),
    _text("query_id", nullable=True),
    _text("region", nullable=True),
    _time("query_complete_time", nullable=True),
    _text("fingerprint", nullable=True),
    _text("key_sha256", nullable=True),
    _text("hash_list_sha256", nullable=True),
    _time("first_seen_at"),
    _time("acquired_at"),
    _text("caller", nullable=True),
)
sa.Index("ix_evidence_source", evidence.c.source, evidence.c.acquired_at, evidence.c.id)
sa.Index("ix_evidence_account", evidence.c.account, evidence.c.acquired_at, evidence.c.id)
sa.Index("ix_evidence_query_id", evidence.c.query_id)
sa.Index("ix_evidence_hash_list_sha256", evidence.c.hash_list_sha256)
sa.Index("ix_evidence_path", head_of(evidence.c.path))

files = sa.Table(
    "files",
    metadata,
    _item(primary_key=True),
    _number("position", primary_key=True, autoincrement=False),
    _text("name"),
    _text("role"),
    _text("path"),
    _number("size"),
    _text("sha256"),
    _text("listed_sha256", nullable=True),
    _text("key"),
    _text("etag"),
    _text("version_id", nullable=True),
    _time("last_modified", nullable=True),
    _text("request_id", nullable=True),
    _text("request_id_2", nullable=True),
    _number("clock_offset_ms", nullable=True),
    _text("encryption", nullable=True),
    _text("retention", nullable=True),
)

verifications = sa.Table(
    "verifications",
    metadata,
    _event(),
    _item(),
    _time("at"),
    _text("occasion"),
    _text("verdict"),
    _list("reasons"),
    _list("findings"),
    _list("checks"),
    _text("key_sha256", nullable=True),
)
sa.Index("ix_verifications_evidence_id", verifications.c.evidence_id, verifications.c.seq)

keys = sa.Table(
    "keys",
    metadata,
    _text("sha256", primary_key=True),
    _text("fingerprint"),
    sa.Column("der", sa.LargeBinary(), info={"form": "as is"}, nullable=False),
)
sa.Index("ix_keys_fingerprint", keys.c.fingerprint)

key_provenance = sa.Table(
    "key_provenance",
    metadata,
    _event(),
    sa.Column("sha256", _TEXT, sa.ForeignKey("keys.sha256"), info={"form": "text"}, nullable=False),
    _text("claimed_fingerprint"),
    _text("region", nullable=True),
    _time("valid_from", nullable=True),
    _time("valid_until", nullable=True),
    _text("method"),
    _text("endpoint"),
    _text("caller", nullable=True),
    _time("obtained_at"),
    _text("request_id", nullable=True),
)
sa.Index("ix_key_provenance_sha256", key_provenance.c.sha256, key_provenance.c.seq)

evidence_state = sa.Table(
    "evidence_state",
    metadata,
    _item(primary_key=True),
    _number("judged_seq", sa.ForeignKey("verifications.seq")),
    _text("verdict"),
    _list("reasons"),
    _list("findings"),
    _time("last_audited_at", nullable=True),
    _time("next_audit_at"),
    _flag("awaiting_key"),
    _time("acquired_at"),
    _number("size"),
)
sa.Index("ix_evidence_state_next_audit_at", evidence_state.c.next_audit_at, evidence_state.c.evidence_id)
sa.Index("ix_evidence_state_acquired_at", evidence_state.c.acquired_at, evidence_state.c.evidence_id)
sa.Index(
    "ix_evidence_state_verdict",
    evidence_state.c.verdict,
    evidence_state.c.acquired_at,
    evidence_state.c.evidence_id,
    evidence_state.c.size,
)
sa.Index("ix_evidence_state_judged_at", judged_at(evidence_state), evidence_state.c.evidence_id)
sa.Index(
    "ix_evidence_state_awaiting_key",
    evidence_state.c.acquired_at,
    evidence_state.c.evidence_id,
    info=_where(evidence_state.c.awaiting_key == sa.literal_column("1"), evidence_state.c.awaiting_key),
)

evidence_counts = sa.Table(
    "evidence_counts",
    metadata,
    _text("judged_on", primary_key=True),
    _text("verdict", primary_key=True),
    _number("items"),
    _number("size"),
)
"""What ``evidence_state`` adds up to, by verdict and by the day (UTC) on which items were judged last."""

deliveries = sa.Table(
    "deliveries",
    metadata,
    _text("source", primary_key=True),
    _text("prefix_sha256", primary_key=True),
    _text("prefix"),
    _text("listing_digest"),
    _time("first_seen_at"),
    _text("evidence_id", nullable=True),
    _number("revision"),
    _flag("gone"),
)
sa.Index("ix_deliveries_prefix", deliveries.c.source, head_of(deliveries.c.prefix))
sa.Index(
    "ix_deliveries_pending",
    deliveries.c.source,
    head_of(deliveries.c.prefix),
    info=_where(deliveries.c.evidence_id.is_(None)),
)

sources = sa.Table(
    "sources",
    metadata,
    _text("name", primary_key=True),
    _text("url", nullable=True),
    _time("last_sync_at", nullable=True),
    _time("last_full_at", nullable=True),
    _number("last_full_objects", nullable=True),
    _time("failing_since", nullable=True),
)

alerts = sa.Table(
    "alerts",
    metadata,
    _number("id", sa.ForeignKey("custody_events.seq"), primary_key=True, autoincrement=False),
    _text("cause_sha256", unique=True),
    _text("cause"),
    _text("title"),
    _text("text"),
    _time("created_at"),
    _number("attempts"),
    _time("next_try_at"),
    _text("refused"),
    _time("delivered_at", nullable=True),
)
sa.Index("ix_alerts_undelivered", alerts.c.id, info=_where(alerts.c.delivered_at.is_(None)))

log_keys = sa.Table(
    "log_keys",
    metadata,
    _event(),
    _text("key"),
    _text("before", nullable=True),
    _flag("vouched"),
)

checkpoints = sa.Table(
    "checkpoints",
    metadata,
    _number("size", primary_key=True, autoincrement=False),
    _text("note"),
)

anchors = sa.Table(
    "anchors",
    metadata,
    _event(),
    _number("size"),
    _text("method"),
    _text("name"),
    _text("path"),
    _text("sha256"),
    _time("proved_at"),
    _time("valid_until", nullable=True),
)
sa.Index("ix_anchors_size", anchors.c.size, anchors.c.seq)
