"""A ledger that is gone although its log is published: what to say of it, wherever that is met."""

from __future__ import annotations

from typing import Final

from archiver.adapters.files.log_folder import LogFolder
from archiver.errors import MediumError, NoLedgerError
from archiver.log.names import CHECKPOINT, CHECKPOINTS
from archiver.settings import Settings

REBUILD: Final = "archiver ledger rebuild (docs/runbook.md: The ledger is lost or damaged)"


def lost_ledger(settings: Settings) -> NoLedgerError | None:
    """The error to raise where there is no ledger; None where no log is published either: then it was never made."""
    published = LogFolder(settings.archive.path)
    try:
        if published.read(CHECKPOINT) is None and next(published.files(CHECKPOINTS), None) is None:
            return None
    except MediumError:  # no archive yet, or one that others will tell of
        return None
    return NoLedgerError(
        f"there is no ledger at {settings.ledger.shown_url}, and its log is published in {settings.archive.path}",
        f"It was lost, or is not where the configuration says: bring it back with: {REBUILD}",
    )
