"""The last thing that a command does which recorded something: it has the log's new head signed and published.

Quietly, for who came for something else: where the key is not at hand the daemon signs later. AWS KMS and those who
vouch for heads are asked by the daemon and by ``ledger checkpoint`` alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archiver.cli.context import Cli
from archiver.cli.output import note
from archiver.errors import ArchiverError, BusyError, LogForkedError, SigningError, StoppedError

if TYPE_CHECKING:
    from archiver.settings import Settings
    from archiver.wiring import App


def sign_head(app: App, cli: Cli, *, by_kms: bool = False) -> None:
    """Makes a checkpoint where something was recorded and the key can be read. Raises LogForkedError alone.

    *by_kms*: AWS KMS is asked, too.
    """
    if (app.settings.custody.is_kms and not by_kms) or app.stop.is_set():
        return
    try:
        _ = app.signer().key
    except SigningError:
        return
    try:
        app.checkpoints().make(wait=False)
    except (BusyError, StoppedError):
        return
    except LogForkedError:
        raise
    except ArchiverError as error:
        note(f"archiver: no checkpoint was signed: {error}", cli.verbosity)
        if error.remedy:
            note(f"  {error.remedy}", cli.verbosity)


def sign_head_of(cli: Cli, settings: Settings) -> None:
    """:func:`sign_head` over the ledger and archive that *settings* name."""
    from archiver.wiring import open_app

    app = open_app(settings, cli.stop, cli.progress())
    try:
        sign_head(app, cli)
    finally:
        app.close()
