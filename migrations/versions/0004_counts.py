"""How many items there are by verdict and day of their last judgement, and their bytes: kept, not counted anew.

A count of a million rows takes longer than all else that ``status`` asks.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from archiver.errors import LedgerError

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def column(name: str, kind: Any, *, key: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, primary_key=key)


def upgrade() -> None:
    """Makes the table, and counts once what is there."""
    op.create_table(
        "evidence_counts",
        column("judged_on", TEXT, key=True),
        column("verdict", TEXT, key=True),
        column("items", NUMBER),
        column("size", NUMBER),
    )
    op.execute(
        "INSERT INTO evidence_counts (judged_on, verdict, items, size)"
        " SELECT substr(coalesce(last_audited_at, acquired_at), 1, 10), verdict, count(*), sum(size)"
        " FROM evidence_state GROUP BY 1, 2"
    )


def downgrade() -> None:
    """Refuses: what is append-only is not taken back."""
    raise LedgerError("a ledger is not downgraded: what is append-only is not taken back", "restore a backup")
