"""``archiver ledger``: the ledger's own upkeep. One file a subcommand."""

from __future__ import annotations

import click

from archiver.cli import ledger_upgrade

_EPILOG = """\b
Examples:
  archiver ledger upgrade       after writing a configuration by hand, and after installing another version
"""


@click.group("ledger", epilog=_EPILOG)
def command() -> None:
    """Make the ledger, or bring its schema up to this version."""


command.add_command(ledger_upgrade.command)
