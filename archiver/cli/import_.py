"""``archiver import``: folders that were fetched by other means."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from archiver.cli.context import Cli, pass_cli
from archiver.cli.pass_output import ItemPrinter, opened
from archiver.cli.places import local_prefix
from archiver.cli.sync import show_intake
from archiver.errors import UsageError

_EPILOG = """\b
Examples:
  aws s3 sync s3://bucket/AWSLogs/…/<query ID>/ ./q && archiver import ./q
  archiver keys import keys.json --region us-east-1  the keys that aws cloudtrail list-public-keys printed
  archiver import /mnt/old-exports --source legacy   every delivery below the folder

\b
Exit status: as of archiver sync. The folders are read, never changed.
"""


@click.command("import", epilog=_EPILOG)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path))
@click.option("--source", default="import", show_default=True, metavar="NAME", help="The source to file it under.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@pass_cli
def command(cli: Cli, paths: Sequence[Path], source: str, as_json: bool) -> int:
    """Archive folders that were fetched by other means.

    PATH is a delivery's folder, or a folder with deliveries below it. What is missing is not waited for. A path with
    AWSLogs/<account>/CloudTrail-Lake/Query/… in it is kept from there on; any other folder is filed under its own
    path, with the finding path_nonstandard.
    """
    _check_name(source)
    prefixes = [local_prefix(path) for path in paths]
    _check_apart(prefixes, cli.settings().archive.path)
    with opened(cli) as app:
        printer = ItemPrinter(as_json, quiet=cli.verbosity < 0)
        result = app.importer(source).run(source, prefixes, printer.tell)
        return show_intake(result, printer, as_json)


def _check_apart(prefixes: Sequence[str], archive: Path) -> None:
    """Copies of the archive in itself would be evidence of nothing. Raises UsageError."""
    ours = archive.resolve()
    for prefix in prefixes:
        folder = Path(f"/{prefix}")
        if ours.is_relative_to(folder) or folder.is_relative_to(ours):
            raise UsageError(
                f"{folder} and the archive {archive} lie within one another",
                "What the archive holds is checked by archiver audit, or by archiver verify.",
            )


def _check_name(name: str) -> None:
    from archiver.settings_values import check_source_name

    try:
        check_source_name(name)
    except ValueError as error:
        raise UsageError(f"--source {name!r}: {error}") from error
