"""Makes what the configuration names and is missing: archive folder, ledger, custody key. Nothing is overwritten."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from archiver import custody_key
from archiver.adapters.files.store import FolderStore
from archiver.adapters.ledger.database import open_ledger
from archiver.adapters.ledger.restore import is_lost
from archiver.adapters.ledger.upgrade import upgrade
from archiver.adapters.owner import make_folders, missing_folders
from archiver.domain.custody import Actor
from archiver.errors import UsageError
from archiver.log.note import ed25519_key
from archiver.lost_ledger import lost_ledger
from archiver.settings import Settings

_KEY_GONE: Final = (
    "this ledger's log is signed with the key {key}, and there is none at {path}: put it back from a copy. No other"
    " was made in its place; where it is lost for good: archiver ledger rotate-key --to {path} --lost"
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
    _check_not_lost(settings)
    return [*_archive(settings), *_ledger(settings, actor, now), *_key(settings, actor, environ, warn)]


def _check_not_lost(settings: Settings) -> None:
    """Raises UsageError where a log is published and its ledger is gone: a new one would be none of that log's."""
    lost = lost_ledger(settings)
    if lost is not None and is_lost(settings.ledger.dsn):
        raise lost


def key_is_gone(settings: Settings, environ: Mapping[str, str]) -> bool:
    """True where the signing key is to be a file, and is not there."""
    place = settings.custody.signing_key
    return custody_key.is_file(place) and not os.path.lexists(custody_key.key_path(place, environ))


def _log_key(settings: Settings, actor: Actor) -> str | None:
    """The verifier key of the log, None where nothing was signed yet."""
    with closing(open_ledger(settings.ledger.dsn, actor)) as ledger:
        keys = ledger.log.keys()
        return keys[-1].key if keys else None


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


def _key(settings: Settings, actor: Actor, environ: Mapping[str, str], warn: Callable[[str], None]) -> list[str]:
    place = settings.custody.signing_key
    if not custody_key.is_file(place):
        return []
    path = custody_key.key_path(place, environ)
    if os.path.lexists(path):
        return []
    used = _log_key(settings, actor)
    if used is not None:
        warn(_KEY_GONE.format(key=used, path=path))
        return []
    return [f"custody key {path} (log key: {make_key(path, settings.custody.origin)})"]


def make_key(path: Path, origin: str) -> str:
    """Makes a key at *path*, and the folders above it; its verifier key in the log *origin*. Raises UsageError."""
    try:
        make_folders(missing_folders(path.parent), 0o750)
    except OSError as error:
        raise UsageError(f"{path.parent}: the custody key's folder cannot be made: {error.strerror}") from error
    return str(ed25519_key(origin, custody_key.create(path)))


@contextmanager
def new_key(path: Path, origin: str, adopted: Callable[[str], bool]) -> Iterator[None]:
    """:func:`make_key` for what is done inside; *adopted* says whether the log has taken the key by then.

    Whatever ends this before, the key and the folders made for it are gone again. Raises UsageError.
    """
    folders = missing_folders(path.parent)
    key = ""
    try:
        key = make_key(path, origin)
        yield
    except BaseException:
        if key and not adopted(key):
            path.unlink(missing_ok=True)
        if not os.path.lexists(path):
            for folder in reversed(folders):
                with suppress(OSError):  # never made, or something lies in it by now
                    folder.rmdir()
        raise
