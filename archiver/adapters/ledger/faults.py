"""What databases complain of, said in our words: no password, no SQL, no values."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from archiver.domain.text import printable
from archiver.errors import LedgerError

_DAMAGED = (
    "keep the file: move it aside with its -wal and -shm, then put a backup in its place that is newer than the last"
    " checkpoint, or make the ledger anew: archiver ledger rebuild (docs/runbook.md: The ledger is lost or damaged)"
)
_SQLITE = {
    sqlite3.SQLITE_FULL: ("no room left on the disk", "make room on its disk; what was recorded before stands"),
    sqlite3.SQLITE_BUSY: ("another process has kept it locked for 30 s", "see what else is using it, and try again"),
    sqlite3.SQLITE_READONLY: ("it cannot be written", "check its owner and mode, and those of its folder"),
    sqlite3.SQLITE_CANTOPEN: ("it cannot be opened", "check its owner and mode, and those of its folder"),
    sqlite3.SQLITE_NOTADB: ("it is no SQLite database, or its beginning is damaged", _DAMAGED),
    sqlite3.SQLITE_CORRUPT: ("the file is damaged", _DAMAGED),
    sqlite3.SQLITE_IOERR: ("its disk gave an error", "check the disk"),
}
_POSTGRESQL = {
    "53100": ("no room left on the server's disk", "make room there; what was recorded before stands"),
    "28P01": ("the password is refused", "check the ledger's url"),
    "28000": ("the user is refused", "check the ledger's url and the server's pg_hba.conf"),
    "3D000": ("there is no such database", "create it, or check the ledger's url"),
    "42501": ("the user lacks a permission there", "grant it: the user must own the ledger's tables"),
}


@contextmanager
def translated(shown: str, password: str | None) -> Iterator[None]:
    """Raises LedgerError where the database does not do what is asked; *shown*: its name, without a password."""
    try:
        yield
    except SQLAlchemyError as error:
        raise ledger_error(error, shown, password) from error


def ledger_error(error: SQLAlchemyError, shown: str, password: str | None) -> LedgerError:
    """*error* as ours."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        cause = error.orig
        code = getattr(cause, "sqlite_errorcode", None)
        if code is not None:
            said, remedy = _SQLITE.get(code & 0xFF, ("", ""))
        else:
            said, remedy = _POSTGRESQL.get(getattr(cause, "sqlstate", None) or "", ("", ""))
        return LedgerError(f"ledger {shown}: {_joined(said, _first_line(cause, password))}", remedy)
    if isinstance(error, sa.exc.TimeoutError):
        return LedgerError(f"ledger {shown}: all its connections are in use")
    return LedgerError(f"ledger {shown}: {type(error).__name__}: {_first_line(error, password)}")


def _joined(said: str, detail: str) -> str:
    return f"{said} ({detail})" if said else detail


def _first_line(error: BaseException, password: str | None) -> str:
    """Further lines of a message may quote rows."""
    text = str(error).strip().split("\n")[0]
    return printable(text.replace(password, "***") if password else text, 300)
