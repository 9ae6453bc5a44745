"""Wiring for the processes that inspect beside the one that audits: what they are given, and what they do."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

from archiver.adapters.files.store import FolderStore
from archiver.adapters.helper_process import HelperProcess, serve
from archiver.domain.custody import Actor
from archiver.domain.keys import HeldKey, KeyProvenance, PublicKey
from archiver.domain.limits import MIB
from archiver.errors import EXIT_UNREACHED, ArchiverError
from archiver.render.progress import SilentProgress
from archiver.work.inspect import Inspector
from archiver.work.inspect_batch import Answer, Batch, LeftError, inspect_batch, shortened
from archiver.work.keys import KeyRing
from archiver.work.throttle import Allowance


def helper(dsn: str, archive: Path, actor: Actor, from_medium: bool, stopping: Event) -> HelperProcess:
    """A process that inspects items of the ledger at *dsn* in *archive*. Raises HelperLostError."""
    given = {"dsn": dsn, "archive": str(archive), "actor": asdict(actor), "from_medium": from_medium}
    return HelperProcess("wiring_audit", given, stopping)


def main(dsn: str, archive: str, actor: dict[str, str], from_medium: bool) -> None:
    """Inspects the batches that it is asked about; what needs more than ledger and archive is left.

    Left too is what would read far more than the ledger says: whoever asks may have to read slowly.
    """
    from archiver.adapters.ledger.database import open_ledger

    try:
        ledger, store = open_ledger(dsn, Actor(**actor), reads_only=True), FolderStore(Path(archive))
    except ArchiverError:  # which whoever asks finds out, too
        sys.exit(EXIT_UNREACHED)
    allowance = Allowance(LeftError)

    def held(fingerprint: str) -> Sequence[HeldKey]:
        found = ledger.keys.by_fingerprint(fingerprint)
        if not found:  # AWS may have it
            raise LeftError
        return found

    inspector = Inspector(
        store=store,
        evidence=ledger.evidence,
        ring=KeyRing(held, _keep_nothing, lambda _region: None, lambda: datetime.now(UTC)),
        should_stop=lambda: False,
        progress=SilentProgress(),
        throttle=allowance,
        from_medium=from_medium,
    )

    def answer(batch: Batch) -> Answer:
        allowance.left = 2 * batch.size + MIB
        return shortened(inspect_batch(ledger, inspector, batch))

    serve(answer)


def _keep_nothing(_listed: Sequence[PublicKey], _provenance: KeyProvenance) -> None:
    """Never called: nobody is asked for keys here."""
