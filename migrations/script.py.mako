"""${message}."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    """Makes the change."""
    ${upgrades if upgrades else "raise NotImplementedError"}


def downgrade() -> None:
    """Refuses: what is append-only is not taken back."""
    raise NotImplementedError("a ledger is not downgraded: restore a backup")
