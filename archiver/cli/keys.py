"""``archiver keys``: the harvested public keys."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from archiver.cli.context import Cli, pass_cli
from archiver.cli.output import counted, note, print_json, print_table, say
from archiver.cli.pass_output import opened
from archiver.cli.places import check_region
from archiver.domain.custody import to_json
from archiver.domain.keys import HeldKey
from archiver.domain.times import format_optional
from archiver.errors import EXIT_INTEGRITY, EXIT_OK, EXIT_UNREACHED, UsageError
from archiver.work.keys import Admission, Harvest

_EPILOG = """\b
Examples:
  archiver keys fetch                       ask ListPublicKeys of every Region that a source names
  aws cloudtrail list-public-keys --start-time 2022-11-03T00:00:00Z --end-time 2022-11-05T00:00:00Z > keys.json
  archiver keys import keys.json --region us-east-1
                                            for an archive without AWS; the Region that was asked
  archiver keys export keys.json            all that are held, in the same form
"""


@click.group("keys", epilog=_EPILOG)
def command() -> None:
    """List, fetch, import or export the harvested public keys.

    A key that is not harvested while AWS lists it may never be had again; the daemon harvests on a schedule.
    """


@command.command("list", short_help="Show the keys that are held.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@pass_cli
def list_keys(cli: Cli, as_json: bool) -> int:
    """Show the keys that are held: fingerprint, Region, window, SHA-256, how obtained."""
    with opened(cli, records=False) as app:
        held = list(app.ledger.keys.all())
    if as_json:
        print_json({"keys": [_fields(key) for key in held]})
        return EXIT_OK
    head = ["FINGERPRINT", "REGION", "VALID FROM", "VALID UNTIL", "SHA-256", "OBTAINED BY"]
    rows = [
        [
            h.key.fingerprint,
            h.key.region,
            format_optional(h.key.valid_from),
            format_optional(h.key.valid_until),
            h.key.sha256[:16],
            ", ".join(dict.fromkeys(p.method for p in h.provenance)),
        ]
        for h in held
    ]
    if rows:
        print_table(head, rows)
    else:
        note("no key is held: archiver keys fetch asks AWS for them", cli.verbosity)
    return EXIT_OK


@command.command("fetch", short_help="Ask AWS for every key that it lists.")
@click.option("--region", "regions", multiple=True, metavar="R", help="Only this Region; repeatable.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@pass_cli
def fetch(cli: Cli, regions: Sequence[str], as_json: bool) -> int:
    """Ask ListPublicKeys for every key that it still lists, and keep them."""
    from archiver.wiring import utc_now
    from archiver.work.keys import harvest

    for region in regions:
        check_region(region)
    with opened(cli) as app:
        authorities = app.authorities(regions)
        answering = {authority.region for authority in authorities}
        unanswered = [region for region in regions if region not in answering]
        if unanswered or not authorities:
            raise UsageError(
                f"no source with access to AWS{' in ' if unanswered else ''}{', '.join(unanswered)} is configured, "
                "so there is nobody to ask",
                "A source with a cloudtrail_endpoint_url answers for its own region only.",
            )
        return _harvested(harvest(app.keeper, authorities, utc_now, app.ledger.journal), as_json)


def _harvested(harvests: Sequence[Harvest], as_json: bool) -> int:
    """Prints what came; answers the exit status."""
    status = EXIT_OK
    answer = []
    for done in harvests:
        if done.admission is None:
            status = status or EXIT_UNREACHED
            answer.append({"region": done.region, "new": 0, "known": 0, "rejected": [], "error": str(done.error)})
            note(f"archiver: {done.region}: {done.error}")
            if done.error is not None and done.error.remedy:
                note(f"  {done.error.remedy}")
            continue
        if done.admission.rejected:
            status = EXIT_INTEGRITY
        answer.append({"region": done.region, **_admitted(done.admission), "error": None})
        if not as_json:
            _say_admitted(done.region, done.admission)
    if as_json:
        print_json({"regions": answer})
    return status


@command.command("import", short_help="Keep the keys that a file lists.")
@click.argument("file", metavar="FILE")
@click.option("--region", metavar="R", help="Region whose keys FILE lists, where it does not say so itself.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@pass_cli
def import_keys(cli: Cli, file: str, region: str | None, as_json: bool) -> int:
    """Keep the keys in FILE ("-": stdin), an answer of aws cloudtrail list-public-keys: object or bare list.

    Their provenance says that you imported them: that they are CloudTrail's is then your word, not AWS's. So is
    --region; without it a sign file that claims another Region is not noticed.
    """
    from archiver.key_files import read_key_list

    check_region(region)
    listed, provenance = read_key_list(file, region)
    with opened(cli) as app:
        admission = app.keeper.admit(listed, provenance)
        if as_json:
            print_json(_admitted(admission))
        else:
            _say_admitted(file, admission)
    return EXIT_INTEGRITY if admission.rejected else EXIT_OK


@command.command("export", short_help="Write all keys to a file.")
@click.argument("file", metavar="FILE")
@pass_cli
def export_keys(cli: Cli, file: str) -> int:
    """Write all keys that are held to FILE ("-": stdout), in the form that import and verify --keys read."""
    from archiver.key_files import key_list_bytes

    with opened(cli, records=False) as app:
        held = [h.key for h in app.ledger.keys.all()]
    data = key_list_bytes(held)
    if file == "-":
        click.echo(data.decode("utf-8"), nl=False)
        return EXIT_OK
    try:
        with Path(file).open("xb") as stream:
            stream.write(data)
    except FileExistsError as error:
        raise UsageError(f"{file} is there already; nothing was written") from error
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}") from error
    say(f"{counted(len(held), 'key')} written to {file}")
    return EXIT_OK


def _fields(held: HeldKey) -> dict[str, Any]:
    key = held.key
    return {
        "fingerprint": key.fingerprint,
        "sha256": key.sha256,
        "region": key.region,
        "valid_from": format_optional(key.valid_from),
        "valid_until": format_optional(key.valid_until),
        "provenance": to_json(held.provenance),
    }


def _admitted(admission: Admission) -> dict[str, Any]:
    rejected = [{"fingerprint": fingerprint, "why": why} for fingerprint, why in admission.rejected]
    return {"new": admission.new, "known": admission.known, "rejected": rejected}


def _say_admitted(where: str, admission: Admission) -> None:
    say(f"{where}: {admission.new} new, {admission.known} held already, {len(admission.rejected)} rejected")
    for fingerprint, why in admission.rejected:
        note(f"archiver: {fingerprint} rejected: {why}")
