"""``archiver ledger rotate-key``: another key signs the log from now on."""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path
from typing import Final

import click

from archiver.cli.context import Cli, pass_cli
from archiver.cli.output import counted, print_json, say
from archiver.cli.pass_output import opened
from archiver.errors import EXIT_OK, UsageError

_EPILOG: Final = """\b
Examples:
  archiver ledger rotate-key --to /var/lib/archiver/custody-key-2
  archiver ledger rotate-key --to awskms:arn:aws:kms:eu-central-1:111122223333:alias/custody
  archiver ledger rotate-key --to /var/lib/archiver/custody-key-2 --lost
                                          the key before is gone: nothing vouches for the new one

PLACE is written as [custody] signing_key is. A file that is not there is made. Interrupted, the command is repeated.
A key that is only missing is put back from a copy first: --lost is for one that is gone for good.

\b
Exit status: 0 the new key signs from now on, or did already; 1 ledger and published log contradict each other; 2
nothing was done (--lost for a key that is there, a wrong PLACE); 3 a key could not be used; 4 the ledger or the disk
could not go on. Unless the log adopted it, no new key is left at PLACE then.
"""


@click.command("rotate-key", short_help="Have another key sign the log from now on.", epilog=_EPILOG)
@click.option("--to", "place", required=True, metavar="PLACE", help="A path, credential:NAME or awskms:ARN.")
@click.option("--lost", is_flag=True, help="The key before is lost and cannot vouch for the new one.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@pass_cli
def command(cli: Cli, place: str, lost: bool, as_json: bool) -> int:
    """Have another key sign the log from now on.

    The change is an event, and the checkpoint that covers it is signed with both keys, so that whoever trusts the one
    can trust the other. Older checkpoints stay as they are, and good. Afterwards put PLACE into the configuration:
    until then nothing is signed any more.
    """
    from archiver.provision import new_key

    place = _checked(place)
    if cli.settings().custody.signing_key == place and not lost:
        raise UsageError(f"--to {place} is the configured key", "name another place: the key there is to be followed")
    with opened(cli, records=False) as app:
        before = app.ledger.log.keys()
        to = app.signer(place, to_sign=True)
        jobs = app.checkpoints(place)
        new = _is_to_be_made(place)

        def adopted(key: str) -> bool:
            return any(one.key == key for one in app.ledger.log.keys())  # noqa: SIM118 - a method of ours

        jobs.check_rotation(None if new else to, lost=lost)
        with new_key(Path(place), app.settings.custody.origin, adopted) if new else nullcontext():
            made = jobs.rotate(to, lost=lost)
        newest = app.ledger.log.keys()[-1].key
    trusted = [*cli.settings().custody.trusted_keys, before[-1].key] if lost and before else []
    if as_json:
        size = made.size if made else None
        told = {"key": newest, "made": made is not None, "size": size, "key_made": new, "signing_key": place}
        print_json({**told, "trusted_keys": list(dict.fromkeys(trusted))})
        return EXIT_OK
    if new:
        say(f"made custody key {place}")
    if made is None:
        say(f"nothing to do: {newest} is the log's key already")
    else:
        say(f"the log's key is now {newest}")
        say(f"signed: {counted(made.size, 'event')}")
    say("Next:")
    say(f'  put into the configuration, under [custody]:  signing_key = "{place}"')
    if trusted:
        listed = ", ".join(f'"{key}"' for key in dict.fromkeys(trusted))
        say(f"  and, for the heads that it signed:            trusted_keys = [{listed}]")
    say("  then, where the daemon runs:                  systemctl reload archiver")
    say("  keep a copy of the new key where neither this host nor its archive is")
    return EXIT_OK


def _checked(place: str) -> str:
    from archiver.settings_values import check_signing_key

    given = place if place.startswith(("credential:", "awskms:")) else os.path.abspath(place)
    try:
        return check_signing_key(given)
    except ValueError as error:
        raise UsageError(f"--to: {error}") from error


def _is_to_be_made(place: str) -> bool:
    from archiver import custody_key

    return custody_key.is_file(place) and not os.path.lexists(place)
