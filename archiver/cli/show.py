"""``archiver show``: one item whole."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Final

import click

from archiver.cli.context import Cli, pass_cli
from archiver.cli.output import human_size, print_json, print_table, say, verdict_text
from archiver.cli.select import codes_of
from archiver.domain.times import format_optional, format_time
from archiver.errors import EXIT_OK

if TYPE_CHECKING:
    from archiver.domain.dossier import ItemDossier

_EPILOG: Final = """\b
Examples:
  archiver show 3f2a9c0d11be
  archiver show 6c460c7e-cc7e-5a86-bacc-1f7fda255c55 --json
  archiver show 3f2a --json | jq .verifications[-1].checks

ID is an evidence ID, a query ID, or the beginning of either that only one item has.

Exit status: 0 whatever the verdict is, 2 where no item or several have the ID, 4 where the ledger cannot be read.
"""


@click.command("show", epilog=_EPILOG)
@click.argument("item_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@pass_cli
def command(cli: Cli, item_id: str, as_json: bool) -> int:
    """Show one item whole: files, key, checks, custody history.

    What CloudTrail signed, what the sign file and the path merely claim, and what this archive observed are shown
    apart. Every judgement on record is shown with each of its checks, and every custody event. The ledger's rows
    are held against its events; the archive's files are not read again (archiver audit --id ID does that).
    """
    from archiver import wiring
    from archiver.work.dossier import Dossiers

    with closing(wiring.open_app(cli.settings(), cli.stop, cli.progress())) as app:
        dossiers = Dossiers(app.ledger, str(app.settings.archive.path))
        item = dossiers.item(app.ledger.evidence.resolve(item_id))
    if as_json:
        from archiver.render.json_report import item_json

        print_json(item_json(item))
    else:
        _print(item)
    return EXIT_OK


def _print(item: ItemDossier) -> None:
    _standing(item)
    _observed(item)
    _signed(item)
    _claims(item)
    _files(item)
    _key(item)
    _judgements(item)
    _custody(item)
    _recheck(item)


def _head(title: str) -> None:
    say()
    click.echo(click.style(title, bold=True))


def _field(name: str, value: object) -> None:
    say(f"  {name:16} {'-' if value is None or value == '' else value}")


def _standing(item: ItemDossier) -> None:
    from archiver.render.statements import FINDINGS, REASONS

    state = item.state
    click.echo(f"{item.evidence.id}  {verdict_text(state.verdict.value)}")
    for reason in state.reasons:
        say(f"  {reason}: {REASONS[reason]}")
    for finding in state.findings:
        say(f"  +{finding}: {FINDINGS[finding]}")
    for disagreement in item.disagreements:
        say(f"  THE LEDGER DISAGREES WITH ITSELF: {disagreement}")


def _observed(item: ItemDossier) -> None:
    evidence, state = item.evidence, item.state
    _head("Observed by this archive")
    _field("source", f"{evidence.source}, {evidence.source_url}")
    _field("found at", evidence.prefix)
    _field("archived at", evidence.path)
    _field("revision", evidence.revision)
    _field("size", f"{human_size(evidence.size)} in {len(evidence.files)} files")
    _field("first seen", format_time(evidence.first_seen_at))
    _field("acquired", format_time(evidence.acquired_at) + (f" by {evidence.caller}" if evidence.caller else ""))
    _field("last audited", format_optional(state.last_audited_at) or "not since it was acquired")
    _field("next audit", format_time(state.next_audit_at))


def _signed(item: ItemDossier) -> None:
    from archiver.render.statements import SIGNATURES

    _head("Signed by CloudTrail: the ordered list of hashes, and nothing else")
    _field("signature", SIGNATURES[item.signature.value] if item.signature else "was never judged")
    for number, sha256 in enumerate(item.signed_hashes, 1):
        _field(f"hash {number}", sha256)


def _claims(item: ItemDossier) -> None:
    evidence = item.evidence
    _head("Claimed, not signed")
    _field("account", f"{evidence.account} (path)" if evidence.account else None)
    _field("query ID", f"{evidence.query_id} (path)" if evidence.query_id else None)
    _field("Region", f"{evidence.region} (sign file)" if evidence.region else None)
    complete = format_optional(evidence.query_complete_time)
    _field("query complete", f"{complete} (sign file)" if complete else None)
    _field("key fingerprint", f"{evidence.fingerprint} (sign file)" if evidence.fingerprint else None)


def _files(item: ItemDossier) -> None:
    from archiver.render.statements import STANDINGS

    _head("Files, as acquired")
    for file in item.files:
        size = "" if file.size is None else f", {file.size} bytes"
        say(f"  {file.name}: {STANDINGS[file.standing]}{size}")
        if file.sha256 is not None:
            _field("  SHA-256", file.sha256)
        if file.listed_sha256 not in (None, file.sha256):
            _field("  listed SHA-256", file.listed_sha256)
        if file.path is not None:
            _field("  archived at", file.path)
        if file.origin is not None:
            _origin_fields(item, file.origin.version_id, file.origin.request_id)


def _origin_fields(item: ItemDossier, version_id: str | None, request_id: str | None) -> None:
    if item.evidence.source_url.startswith("s3://"):
        _field("  version ID", version_id)
        _field("  request ID", request_id)


def _key(item: ItemDossier) -> None:
    _head("Public key")
    if not item.keys:
        say("  none: no key that it could be judged with is on record")
        return
    _field("fingerprint", f"{item.keys[0].key.fingerprint} (MD5: a name)")
    _field("SHA-256", item.keys[0].key.sha256)
    _field("archived at", item.key_folder)
    for held in item.keys:
        _field("Region", held.key.region or "not known")
        window = [format_optional(moment) or "not known" for moment in (held.key.valid_from, held.key.valid_until)]
        _field("window", " to ".join(window))
        for one in held.provenance:
            by = f" by {one.caller}" if one.caller else ""
            _field("obtained", f"{format_time(one.obtained_at)}{by}, {one.method} ({one.endpoint})")


def _judgements(item: ItemDossier) -> None:
    from archiver.render.statements import FINDINGS

    _head("Judgements, oldest first")
    for one in item.judged:
        codes = codes_of(one.reasons, one.findings)
        say(f"  {format_time(one.at)}  {one.occasion}: {one.verdict.value.upper()}{f'  {codes}' if codes else ''}")
        for check in one.checks:
            result = "finding" if check.id in FINDINGS else check.result.value
            say(f"    {result:8} {check.id}: {check.detail}")


def _custody(item: ItemDossier) -> None:
    _head("Custody events")
    rows: list[Sequence[object]] = [
        (e.seq, format_time(e.at), f"{e.actor.user}@{e.actor.host}" if e.actor else None, e.kind, e.says)
        for e in item.history
    ]
    print_table(("SEQ", "AT", "WHO", "EVENT", "WHAT"), rows)


def _recheck(item: ItemDossier) -> None:
    if not item.steps:
        return
    _head("To repeat the check by hand")
    for number, step in enumerate(item.steps, 1):
        say(f"  # {number}. {step.title}" + (f"; expected: {step.expected}" if step.expected else ""))
        for line in step.commands:
            say(f"  {line}")
