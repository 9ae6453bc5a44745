"""Wiring for ``ledger rebuild``: there is no ledger, and so no App, before it ends."""

from __future__ import annotations

from functools import partial
from threading import Event

from archiver.actor import current_actor
from archiver.adapters.files.log_folder import LogFolder
from archiver.adapters.files.store import FolderStore
from archiver.adapters.ledger.restore import check_absent, restoring
from archiver.errors import SigningError
from archiver.last_head import last_head_of
from archiver.ports import Progress
from archiver.settings import Settings
from archiver.wiring import utc_now
from archiver.wiring_log import trusted_keys_of
from archiver.work.rebuild import Rebuild


def rebuilder(settings: Settings, stop: Event, progress: Progress) -> Rebuild:
    """The use case. Raises StoreError where there is no archive, SigningError where no key is to be trusted."""
    url = settings.ledger.dsn
    try:
        trusted = trusted_keys_of(settings.custody)
    except SigningError as error:
        raise SigningError(
            f"nothing says which key the log is to be believed with: {error}",
            "put the signing key back, or enter the log's verifier key (from a report, from paper; log/vkeys only"
            " claims it) under [custody] trusted_keys",
        ) from error
    return Rebuild(
        published=LogFolder(settings.archive.path),
        store=FolderStore(settings.archive.path),
        trusted=trusted,
        check_absent=partial(check_absent, url),
        draft=partial(restoring, url, current_actor(), utc_now()),
        clock=utc_now,
        should_stop=stop.is_set,
        progress=progress,
        memories=[last] if (last := last_head_of(settings.custody)) else [],
    )
