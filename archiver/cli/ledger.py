"""``archiver ledger``: the ledger's own upkeep. One file a subcommand."""

from __future__ import annotations

import click

from archiver.cli import (
    ledger_check,
    ledger_checkpoint,
    ledger_prove,
    ledger_rebuild,
    ledger_rotate,
    ledger_upgrade,
    ledger_verify,
)

_EPILOG = """\b
Examples:
  archiver ledger upgrade       after writing a configuration by hand, and after installing another version
  archiver ledger verify        hold ledger, log and signed heads against each other
  archiver ledger checkpoint    sign and publish the log's newest head
  archiver ledger prove ID --out proof.json
  archiver ledger check proof.json --vkey KEY
  archiver ledger rebuild       after the ledger was lost
"""


@click.group("ledger", epilog=_EPILOG)
def command() -> None:
    """Make the ledger, sign its log, verify it, prove from it, and make it anew."""


command.add_command(ledger_verify.command)
command.add_command(ledger_checkpoint.command)
command.add_command(ledger_prove.command)
command.add_command(ledger_check.command)
command.add_command(ledger_rebuild.command)
command.add_command(ledger_rotate.command)
command.add_command(ledger_upgrade.command)
