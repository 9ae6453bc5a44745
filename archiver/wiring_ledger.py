"""Wiring for ``ledger verify``: also on a ledger that the other commands refuse, because somebody altered it."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event

from archiver.actor import current_actor
from archiver.adapters.files.log_folder import LogFolder
from archiver.adapters.files.store import FolderStore
from archiver.domain.log_records import Problem
from archiver.errors import LedgerAlteredError, MediumError, SchemaError, SigningError
from archiver.log.checkpoint import read_checkpoint
from archiver.log.names import CHECKPOINT
from archiver.lost_ledger import REBUILD
from archiver.ports import Progress
from archiver.settings import Settings
from archiver.wiring import App, open_app, utc_now
from archiver.work.log_verify import LogVerifier
from archiver.work.log_verify_kept import KeptHead


def open_to_verify(settings: Settings, stop: Event, progress: Progress) -> App:
    """Opens ledger and archive, the ledger also where its schema table is not what its events say.

    Raises LedgerLostError where heads of a ledger were published and there is none; else as ``open_app``.
    """
    try:
        return open_app(settings, stop, progress)
    except SchemaError as error:
        from archiver.adapters.ledger.doubtful import open_doubtful

        actor = current_actor()
        ledger = open_doubtful(settings.ledger.dsn, actor, error)
        if ledger is None:
            lost = _lost(settings)
            if lost is None:
                raise
            raise LedgerLostError(lost) from error
        return App(settings, ledger, FolderStore(settings.archive.path), actor, stop, progress)


class LedgerLostError(LedgerAlteredError):
    """There is no ledger any more. ``problem``: as ``ledger verify`` tells it."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail, f"put the ledger back from a backup, or make it anew: {REBUILD}")
        self.problem = problem


def _lost(settings: Settings) -> Problem | None:
    """The problem that there is no ledger though heads of it were published; None where none were."""
    try:
        data = LogFolder(settings.archive.path).read(CHECKPOINT)
        size = read_checkpoint(data)[0].size if data is not None else 0
    except (MediumError, ValueError):
        return None
    if not size:
        return None
    detail = f"there is no ledger at {settings.ledger.shown_url}, and a head of {size} leaves was published"
    return Problem("ledger_behind", detail, 0, CHECKPOINT)


def log_verifier(
    app: App, keys: Sequence[str] = (), kept: Sequence[KeptHead] = (), *, online: bool = True
) -> LogVerifier:
    """The use case. *keys*: verifier keys to trust besides the configured ones; AWS KMS is asked only *online*.

    *kept*: heads that a reader kept.
    """
    own, distrust = _own_key(app, online)
    return LogVerifier(
        app.ledger,
        app.published,
        list(dict.fromkeys([*app.settings.custody.trusted_keys, *keys])),
        app.anchorers(),
        utc_now,
        app.progress,
        app.stop.is_set,
        own,
        distrust,
        app.memories(),
        kept,
    )


def _own_key(app: App, online: bool) -> tuple[str | None, str]:
    """The verifier key of the configured signer; or None and why it is not to be had."""
    if app.settings.custody.is_kms and not online:
        return None, "the log's key is in AWS KMS, which is not asked offline"
    try:
        return app.signer().key, ""
    except SigningError as error:
        return None, str(error)
