"""What S3 tells of an object's lock with the object: Object Lock's mode, until when, and a legal hold.

NULL in every row that is there: of these nobody asked.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from archiver.errors import LedgerError

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Adds the column, which changes no row."""
    op.add_column("files", sa.Column("retention", TEXT, nullable=True))


def downgrade() -> None:
    """Refuses: what is append-only is not taken back."""
    raise LedgerError("a ledger is not downgraded: what is append-only is not taken back", "restore a backup")
