"""Making a ledger, and bringing an older one to this version's schema. The only room that needs alembic."""

from __future__ import annotations

import os
from contextlib import closing, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.engine import Connection

import archiver
from archiver.adapters.ledger.adopt import adopt, plant_tree
from archiver.adapters.ledger.canonical import canonical
from archiver.adapters.ledger.connection import Place, connect, place_of, take_turn
from archiver.adapters.ledger.database import check_revision, revision_of
from archiver.adapters.ledger.flocks import FileLocks
from archiver.adapters.ledger.journal import append
from archiver.adapters.ledger.tables import SCHEMA_REVISION
from archiver.adapters.owner import hand_over, make_folders, missing_folders
from archiver.domain.custody import Actor, LedgerMigrated
from archiver.errors import LedgerError

_LOCK: Final = "upgrade"
_FIRST_LOG: Final = "0002"
"""The first schema with a log: what an older ledger holds is taken into it."""


@dataclass(frozen=True, slots=True)
class UpgradeResult:
    """Schema revisions; ``before`` is None where there was no ledger."""

    before: str | None
    after: str


def upgrade(url: str, actor: Actor, now: datetime) -> UpgradeResult:
    """Makes the ledger at *url*, or brings it to this version's schema; does nothing where it has it.

    One transaction, which also records what was done: whatever ends it, the ledger is as before or as after.
    A second upgrade at the same time waits for the first. Raises SettingsError, LedgerError, and SchemaError
    for a ledger that is newer than this version.
    """
    place = place_of(url)
    if place.file is not None:
        make_folder(place.file.parent)
    lock = nullcontext() if place.file is None else FileLocks(place.file).hold(_LOCK)
    with lock:
        if place.file is not None:
            make_file(place.file)
        with closing(connect(place)) as database, database.write() as connection:
            return _upgrade(connection, place, actor, now)


def _upgrade(connection: Connection, place: Place, actor: Actor, now: datetime) -> UpgradeResult:
    if place.file is None:
        take_turn(connection, _LOCK)
    before = revision_of(connection)
    if before == SCHEMA_REVISION:
        return UpgradeResult(before, before)
    if before is not None and not (before.isdecimal() and before < SCHEMA_REVISION):
        check_revision(place, before)
    _migrate(connection, place, before)
    older = before is None or before < _FIRST_LOG
    if older:
        plant_tree(connection)
    entry = LedgerMigrated(at=now, before=before, after=SCHEMA_REVISION)
    append(connection, [entry], [canonical(entry, actor)])
    if older:
        adopt(connection, actor, now)
    return UpgradeResult(before, SCHEMA_REVISION)


def _migrate(connection: Connection, place: Place, before: str | None) -> None:
    try:
        command.upgrade(_config(connection), "head")
    except CommandError as error:
        raise LedgerError(f"ledger {place.shown}: its schema {before} cannot be upgraded: {error}") from error


def make_empty(connection: Connection, place: Place, actor: Actor, now: datetime) -> None:
    """Makes every table of a ledger in an empty database, without any event: they are to come from elsewhere."""
    _migrate(connection, place, None)
    adopt(connection, actor, now)


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def migrations_folder() -> Path:
    """Where the migrations lie: inside the package where it was installed, beside it in a source checkout."""
    package = Path(archiver.__file__).parent
    inside = package / "_migrations"
    return inside if inside.is_dir() else package.parent / "migrations"


def make_folder(folder: Path) -> None:
    """Only its owner may enter: a ledger names everything that is investigated."""
    try:
        make_folders(missing_folders(folder), 0o700)
    except OSError as error:
        raise LedgerError(f"ledger folder {folder} cannot be made: {error.strerror}") from error


def make_file(file: Path) -> None:
    """Makes an empty file for a ledger, where there is none. Raises LedgerError."""
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            hand_over(descriptor, file.parent)
        finally:
            os.close(descriptor)
    except FileExistsError:
        return
    except OSError as error:
        raise LedgerError(f"ledger {file} cannot be made: {error.strerror}") from error
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
