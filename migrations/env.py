"""Runs the migrations on the connection that ``archiver.adapters.ledger.upgrade`` passes, in its transaction."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    transactional_ddl=True,  # on SQLite too: the transaction is begun by hand
)
with context.begin_transaction():
    context.run_migrations()
