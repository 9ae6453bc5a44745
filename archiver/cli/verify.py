"""``archiver verify``: folders and buckets judged where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archiver.cli.context import Cli, pass_cli
from archiver.cli.main import EXIT_INTERRUPTED
from archiver.cli.output import INTERRUPTED, note, print_json, say, say_verdict
from archiver.cli.places import check_region, local_prefix, s3_prefix
from archiver.domain.verdict import Verdict
from archiver.errors import (
    EXIT_INTEGRITY,
    EXIT_OK,
    EXIT_UNREACHED,
    ArchiverError,
    MediumError,
    SettingsError,
    SourceError,
    UsageError,
)

if TYPE_CHECKING:
    from archiver.ports import Ledger, Source
    from archiver.wiring_verify import Access
    from archiver.work.verify import Verified, Verifier

_EPILOG = """\b
Examples:
  archiver verify ./export --keys keys.json --region us-east-1
                                                offline; keys.json from aws cloudtrail list-public-keys there
  archiver verify s3://bucket/AWSLogs/          every delivery below, keys from the ledger or ListPublicKeys
  archiver verify --json /mnt/evidence | jq .   one JSON object a delivery

\b
Exit status: 0 every delivery is verified, 1 at least one failed, 2 a path is wrong, 3 something could not be judged:
no key, not reachable, not delivered yet, or no delivery found.
"""


@click.command("verify", epilog=_EPILOG)
@click.argument("places", nargs=-1, required=True, metavar="PATH-or-s3-URL...")
@click.option("--keys", "key_file", metavar="FILE", help="Use only the keys in FILE, and no network.")
@click.option("--region", metavar="R", help="Region whose keys FILE lists; without --keys: the one to ask first.")
@click.option("--endpoint-url", metavar="U", help="Endpoint of S3.")
@click.option("--cloudtrail-endpoint-url", metavar="U", help="Endpoint of CloudTrail.")
@click.option("--offline", is_flag=True, help="Use only keys that are on hand (--keys or the ledger's).")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines: one object a delivery.")
@pass_cli
def command(
    cli: Cli,
    places: Sequence[str],
    key_file: str | None,
    region: str | None,
    endpoint_url: str | None,
    cloudtrail_endpoint_url: str | None,
    offline: bool,
    as_json: bool,
) -> int:
    """Judge folders where they lie; records nothing.

    Each place is a delivery's folder or a folder above deliveries. Keys come from --keys alone, else from the ledger
    if there is one, else from ListPublicKeys. The list that AWS prints does not say which Region it is of: give
    --region, so that a sign file which claims another one is noticed (region_mismatch).
    """
    from archiver.wiring_verify import verifier_of, verify_ring

    access = _access(region, endpoint_url, cloudtrail_endpoint_url)
    wanted = [_place(place, access) for place in places]
    with ExitStack() as stack:
        ledger = None if key_file else _ledger(cli, stack)
        ring = verify_ring(ledger, key_file, region, None if offline or key_file else access)
        cli.catch_signals()
        verifier = verifier_of(ring, ledger, cli.stop, cli.progress())
        statuses = {_one(verifier, place, source, prefix, as_json) for place, source, prefix in wanted}
        for where, error in ring.troubles.items():
            note(f"archiver: public keys of {where}: {error}")
            if error.remedy:
                note(f"  {error.remedy}")
    if cli.stop.is_set():
        note(INTERRUPTED)
        return EXIT_INTERRUPTED
    return next((s for s in (EXIT_INTEGRITY, EXIT_UNREACHED) if s in statuses), EXIT_OK)


def _access(region: str | None, endpoint_url: str | None, cloudtrail_url: str | None) -> Access:
    from archiver.settings_values import check_endpoint_url
    from archiver.wiring_verify import Access

    check_region(region)
    for url in (endpoint_url, cloudtrail_url):
        try:
            if url is not None:
                check_endpoint_url(url)
        except ValueError as error:
            raise UsageError(f"{url}: {error}") from error
    return Access(region, endpoint_url, cloudtrail_url)


def _place(place: str, access: Access) -> tuple[str, Source, str]:
    """(*place*, its source, the prefix to judge). Raises UsageError before anything is judged."""
    if place.startswith("s3://"):
        bucket, prefix = s3_prefix(place)
        return place, access.bucket(bucket), prefix
    from archiver.wiring_verify import local_root

    return place, local_root(), local_prefix(Path(place.removeprefix("file://")))


def _ledger(cli: Cli, stack: ExitStack) -> Ledger | None:
    """The configured ledger for its keys; None where none is configured, or it cannot be had (which is said)."""
    from archiver.settings_input import find_config
    from archiver.wiring_verify import readable_ledger

    try:
        find_config(cli.config, cli.environ)
    except SettingsError:
        return None
    settings = cli.settings()
    try:
        ledger = readable_ledger(settings)
    except ArchiverError as error:
        note(f"archiver: going on without the ledger's keys: {error}", cli.verbosity)
        return None
    stack.callback(ledger.close)
    return ledger


def _one(verifier: Verifier, place: str, source: Source, prefix: str, as_json: bool) -> int:
    """Judges one place and prints each answer as it comes; answers its part of the exit status."""
    verdicts = set()
    try:
        for verified in verifier.run(source, prefix):
            verdicts.add(verified.verdict)
            if as_json:
                print_json(_fields(verified))
            else:
                _say(verified)
    except (SourceError, MediumError) as error:
        note(f"archiver: {place}: {error}")
        if error.remedy:
            note(f"  {error.remedy}")
        verdicts.add(Verdict.INDETERMINATE)
    if not verdicts:
        note(f"archiver: {place}: no delivery found: no result_sign.json and no result_N.csv.gz there or below")
        return EXIT_UNREACHED
    if Verdict.FAILED in verdicts:
        return EXIT_INTEGRITY
    return EXIT_OK if verdicts == {Verdict.VERIFIED} else EXIT_UNREACHED


def _fields(verified: Verified) -> dict[str, Any]:
    from archiver.domain.times import format_time

    claims = verified.sign_file.claims if verified.sign_file else None
    return {
        "path": verified.path,
        "verdict": verified.verdict,
        "reasons": list(verified.judgement.reasons),
        "findings": list(verified.judgement.findings),
        "checks": [{"id": c.id, "result": c.result, "detail": c.detail} for c in verified.judgement.checks],
        "files": [
            {
                "name": f.name,
                "size": f.size,
                "sha256": f.sha256,
                "signed_sha256": f.signed_sha256,
                "listed_sha256": f.listed_sha256,
            }
            for f in verified.judgement.files
        ],
        "fingerprint": claims.fingerprint if claims else None,
        "query_complete_time": format_time(claims.query_complete_time) if claims else None,
        "region": claims.region if claims else None,
    }


def _say(verified: Verified) -> None:
    codes = " ".join([*verified.judgement.reasons, *verified.judgement.findings])
    say_verdict(verified.verdict.value, verified.path, codes)
    for check in verified.judgement.checks:
        if check.result in ("fail", "unknown"):
            say(f"    {check.id}: {check.detail}")
