"""``archiver ledger``: the ledger's own upkeep."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from archiver.cli.context import Cli, pass_cli
from archiver.cli.output import say

_EPILOG = """\b
Examples:
  archiver ledger upgrade       after writing a configuration by hand, and after installing another version
"""


def warn(warning: str) -> None:
    """Says *warning* on stderr, however quiet the command is to be."""
    click.echo(f"archiver: warning: {warning}", err=True)


@click.group("ledger", epilog=_EPILOG)
def command() -> None:
    """Make the ledger, or bring its schema up to this version."""


@command.command("upgrade", short_help="Make what is missing; bring the schema up to date.")
@pass_cli
def upgrade(cli: Cli) -> int:
    """Make what the configuration names and is missing (ledger, archive folder, signing key); upgrade the schema.

    Safe to repeat: what is there and current stays as it is.
    """
    from archiver.actor import current_actor
    from archiver.provision import provision

    made = provision(cli.settings(), current_actor(), datetime.now(UTC), cli.environ, warn)
    for line in made:
        say(f"made {line}")
    if not made:
        say("nothing to do: ledger, archive and signing key are there and current")
    return 0
