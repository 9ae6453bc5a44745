"""The last thing that a command does which recorded something: it has the log's new head signed and published.

Quietly, for who came for something else: where the key is not at hand the daemon signs later. Those who vouch for
heads are asked by the daemon and by ``ledger checkpoint`` alone; AWS KMS by these, and by ``export`` for its account.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from archiver.cli.context import Cli
from archiver.cli.output import note
from archiver.errors import ArchiverError, BusyError, LogForkedError, SigningError, StoppedError

if TYPE_CHECKING:
    from archiver.settings import Settings
    from archiver.wiring import App


_TRIES: Final = 40
_PAUSE_SECONDS: Final = 0.25


def sign_head(app: App, cli: Cli, *, by_kms: bool = False) -> bool:
    """Makes a checkpoint where something was recorded and the key can be read. Raises LogForkedError alone.

    *by_kms*: AWS KMS is asked, too. False where another process is making one just now.
    """
    if (app.settings.custody.is_kms and not by_kms) or app.stop.is_set():
        return True
    try:
        _ = app.signer().key
    except SigningError:
        return True
    try:
        app.checkpoints().make(wait=False)
    except StoppedError:
        return True
    except BusyError:
        return False
    except LogForkedError:
        raise
    except ArchiverError as error:
        note(f"archiver: no checkpoint was signed: {error}", cli.verbosity)
        if error.remedy:
            note(f"  {error.remedy}", cli.verbosity)
    return True


def sign_head_soon(app: App, cli: Cli, *, by_kms: bool = False) -> None:
    """As :func:`sign_head`, and waits a while for another process that is making one."""
    for _ in range(_TRIES):
        if sign_head(app, cli, by_kms=by_kms) or app.stop.wait(_PAUSE_SECONDS):
            return


def sign_head_of(cli: Cli, settings: Settings) -> None:
    """:func:`sign_head` over the ledger and archive that *settings* name."""
    from archiver.wiring import open_app

    app = open_app(settings, cli.stop, cli.progress())
    try:
        sign_head(app, cli)
    finally:
        app.close()
