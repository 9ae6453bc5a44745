"""The ledger through SQLAlchemy, on SQLite and PostgreSQL."""
