"""Makes what the configuration names and is missing: archive folder, ledger, custody key. Nothing is overwritten."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from typing import Final

from archiver import custody_key
from archiver.adapters.files.store import FolderStore
from archiver.adapters.ledger.database import open_ledger
from archiver.adapters.ledger.upgrade import upgrade
from archiver.adapters.owner import make_folders, missing_folders
from archiver.domain.custody import Actor, LedgerMigrated
from archiver.errors import UsageError
from archiver.settings import Settings

_KEY_REPLACED: Final = (
    "a new signing key was made for an archive that has a history. If it had another key before, whatever was signed "
    "with that one no longer proves itself against this one: put the old key back from a backup, or keep its public "
    "key and tell those who rely on it of the change"
)


def provision(
    settings: Settings,
    actor: Actor,
    now: datetime,
    environ: Mapping[str, str],
    warn: Callable[[str], None] = lambda _warning: None,
) -> Sequence[str]:
    """What was made or upgraded, one line each; nothing where everything was there and current.

    *warn* hears of what was made and should not have been missing. Raises StoreError, LedgerError, UsageError.
    What was made before stands; calling again makes the rest.
    """
    lines = [*_archive(settings), *_ledger(settings, actor, now)]
    key = _key(settings, environ)
    if key and _has_history(settings, actor):
        warn(_KEY_REPLACED)
    return [*lines, *key]


def _has_history(settings: Settings, actor: Actor) -> bool:
    """True where the ledger holds more than its own making and upgrades."""
    with closing(open_ledger(settings.ledger.dsn, actor)) as ledger:
        return any(event.kind != LedgerMigrated.kind for event in ledger.evidence.events())


def _archive(settings: Settings) -> list[str]:
    path = settings.archive.path
    there = path.is_dir()
    FolderStore.create(path)
    return [] if there else [f"archive {path}"]


def _ledger(settings: Settings, actor: Actor, now: datetime) -> list[str]:
    result = upgrade(settings.ledger.dsn, actor, now)
    if result.before == result.after:
        return []
    if result.before is None:
        return [f"ledger {settings.ledger.shown_url} (schema {result.after})"]
    return [f"ledger {settings.ledger.shown_url}: schema {result.before} is now {result.after}"]


def _key(settings: Settings, environ: Mapping[str, str]) -> list[str]:
    place = settings.custody.signing_key
    if not custody_key.is_file(place):
        return []
    path = custody_key.key_path(place, environ)
    if os.path.lexists(path):
        return []
    try:
        make_folders(missing_folders(path.parent), 0o750)
    except OSError as error:
        raise UsageError(f"{path.parent}: the custody key's folder cannot be made: {error.strerror}") from error
    public = custody_key.create(path)
    return [f"custody key {path} (public: {public.hex()})"]
