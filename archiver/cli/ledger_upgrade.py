"""``archiver ledger upgrade``: everything that the configuration names, made ready."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import click

from archiver.cli.context import Cli, pass_cli
from archiver.cli.log_head import sign_head_of
from archiver.cli.output import print_json, say, warn
from archiver.errors import EXIT_OK, EXIT_UNREACHED

_EPILOG: Final = """\b
Examples:
  archiver ledger upgrade          after writing a configuration by hand, and after installing another version
  archiver ledger upgrade --json

\b
Exit status: 0 all is there and current; 2 nothing was done (a newer ledger, or one that was lost and has a published
log: archiver ledger rebuild); 3 the key that signs the log is missing, and none was made in its place; 4 the ledger
or the disk could not go on.
"""


@click.command("upgrade", short_help="Make what is missing; bring the schema up to date.", epilog=_EPILOG)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@pass_cli
def command(cli: Cli, as_json: bool) -> int:
    """Make what the configuration names and is missing (ledger, archive folder, signing key); upgrade the schema.

    Safe to repeat: what is there and current stays as it is.
    """
    from archiver.actor import current_actor
    from archiver.provision import key_is_gone, provision

    made = provision(cli.settings(), current_actor(), datetime.now(UTC), cli.environ, warn)
    gone = key_is_gone(cli.settings(), cli.environ)
    for line in made if not as_json else ():
        say(f"made {line}")
    sign_head_of(cli, cli.settings())
    if as_json:
        print_json({"made": list(made), "signing_key": "missing" if gone else "there"})
    elif gone:
        say(f"{'the rest is' if made else 'ledger and archive are'} there and current; the signing key is MISSING")
    elif not made:
        say("nothing to do: ledger, archive and signing key are there and current")
    return EXIT_UNREACHED if gone else EXIT_OK
