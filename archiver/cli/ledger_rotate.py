"""``archiver ledger rotate-key``: another key signs the log from now on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import click

from archiver.cli.context import Cli, pass_cli
from archiver.cli.output import counted, say
from archiver.cli.pass_output import opened
from archiver.errors import EXIT_OK, UsageError

_EPILOG: Final = """\b
Examples:
  archiver ledger rotate-key --to /var/lib/archiver/custody-key-2
  archiver ledger rotate-key --to awskms:arn:aws:kms:eu-central-1:111122223333:alias/custody
  archiver ledger rotate-key --to /var/lib/archiver/custody-key-2 --lost
                                          the key before is gone: nothing vouches for the new one

PLACE is written as [custody] signing_key is. A file that is not there is made. Interrupted, the command is repeated.
"""


@click.command("rotate-key", short_help="Have another key sign the log from now on.", epilog=_EPILOG)
@click.option("--to", "place", required=True, metavar="PLACE", help="A path, credential:NAME or awskms:ARN.")
@click.option("--lost", is_flag=True, help="The key before is lost and cannot vouch for the new one.")
@pass_cli
def command(cli: Cli, place: str, lost: bool) -> int:
    """Have another key sign the log from now on.

    The change is an event, and the checkpoint that covers it is signed with both keys, so that whoever trusts the one
    can trust the other. Older checkpoints stay as they are, and good. Afterwards put PLACE into the configuration:
    until then nothing is signed any more.
    """
    place = _checked(place)
    if cli.settings().custody.signing_key == place and not lost:
        raise UsageError(f"--to {place} is the configured key", "name another place: the key there is to be followed")
    with opened(cli, records=False) as app:
        _make(place, app.settings.custody.origin)
        before = app.ledger.log.keys()
        made = app.checkpoints(place).rotate(app.signer(place), lost=lost)
        newest = app.ledger.log.keys()[-1].key
    if made is None:
        say(f"nothing to do: {newest} is the log's key already")
    else:
        say(f"the log's key is now {newest}")
        say(f"signed: {counted(made.size, 'event')}")
    say("Next:")
    say(f'  put into the configuration, under [custody]:  signing_key = "{place}"')
    if lost and before:
        trusted = dict.fromkeys([*cli.settings().custody.trusted_keys, before[-1].key])
        listed = ", ".join(f'"{key}"' for key in trusted)
        say(f"  and, for the heads that it signed:            trusted_keys = [{listed}]")
    say("  then, where the daemon runs:                  systemctl reload archiver")
    return EXIT_OK


def _checked(place: str) -> str:
    from archiver.settings_values import check_signing_key

    given = place if place.startswith(("credential:", "awskms:")) else os.path.abspath(place)
    try:
        return check_signing_key(given)
    except ValueError as error:
        raise UsageError(f"--to: {error}") from error


def _make(place: str, origin: str) -> None:
    """The key at *place*, if that is a path and nothing is there."""
    from archiver import custody_key
    from archiver.provision import make_key

    if custody_key.is_file(place) and not os.path.lexists(place):
        make_key(Path(place), origin)
        say(f"made custody key {place}")
