"""Makes what the configuration names and is missing: archive folder, ledger, custody key. Nothing is overwritten."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime

from archiver import custody_key
from archiver.adapters.files.store import FolderStore
from archiver.adapters.ledger.upgrade import upgrade
from archiver.adapters.owner import make_folders, missing_folders
from archiver.domain.custody import Actor
from archiver.errors import UsageError
from archiver.settings import Settings


def provision(settings: Settings, actor: Actor, now: datetime, environ: Mapping[str, str]) -> Sequence[str]:
    """What was made or upgraded, one line each; nothing where everything was there and current.

    Raises StoreError, LedgerError, UsageError. What was made before stands; calling again makes the rest.
    """
    return [*_archive(settings), *_ledger(settings, actor, now), *_key(settings, environ)]


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
    if custody_key.is_credential(place):
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
