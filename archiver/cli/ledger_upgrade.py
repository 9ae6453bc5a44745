"""``archiver ledger upgrade``: everything that the configuration names, made ready."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from archiver.cli.context import Cli, pass_cli
from archiver.cli.log_head import sign_head_of
from archiver.cli.output import say, warn


@click.command("upgrade", short_help="Make what is missing; bring the schema up to date.")
@pass_cli
def command(cli: Cli) -> int:
    """Make what the configuration names and is missing (ledger, archive folder, signing key); upgrade the schema.

    Safe to repeat: what is there and current stays as it is.
    """
    from archiver.actor import current_actor
    from archiver.provision import provision

    made = provision(cli.settings(), current_actor(), datetime.now(UTC), cli.environ, warn)
    for line in made:
        say(f"made {line}")
    sign_head_of(cli, cli.settings())
    if not made:
        say("nothing to do: ledger, archive and signing key are there and current")
    return 0
