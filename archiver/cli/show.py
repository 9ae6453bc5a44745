"""``archiver show``: one item whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Final

import click

from archiver.cli.context import Cli, pass_cli
from archiver.cli.output import human_size, print_json, print_table, say, verdict_text
from archiver.cli.select import codes_of
from archiver.domain.facts import Absent, Fact, Label
from archiver.domain.times import format_optional, format_time
from archiver.errors import EXIT_OK

if TYPE_CHECKING:
    from archiver.domain.dossier import FileAccount, Fixity, ItemDossier, Judged

_SILENT: Final = (Absent.NONE, Absent.NOT_S3, Absent.NOT_ASKED, Absent.NOT_READ, Absent.NOT_ANSWERED)
"""Reasons for which a value is left out here: they say nothing of the item, and ``--json`` tells them all."""

_EPILOG: Final = """\b
Examples:
  archiver show 3f2a9c0d11be
  archiver show 6c460c7e-cc7e-5a86-bacc-1f7fda255c55 --json
  archiver show 3f2a --json | jq .verifications[-1].checks
  archiver show 3f2a --json | jq '.facts.query[] | select(.name == "sql_text")'

ID is an evidence ID, a query ID, or the beginning of either that only one item has.

Exit status: 0 whatever the verdict is, 2 where no item or several have the ID, 4 where the ledger cannot be read.
"""


@click.command("show", epilog=_EPILOG)
@click.argument("item_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@pass_cli
def command(cli: Cli, item_id: str, as_json: bool) -> int:
    """Show one item whole: files, key, checks, custody history.

    Each value stands under whose word it is: signed by AWS, observed from an AWS API, claimed and not signed, stated
    by the operator, or recorded here. Every judgement on record is shown with each of its checks, and every custody
    event. The ledger's rows are held against its events; of the archive's files only the sign file and the header of
    the first result are read (archiver audit --id ID reads them all).
    """
    from archiver import wiring
    from archiver.work.dossier import Dossiers

    with closing(wiring.open_app(cli.settings(), cli.stop, cli.progress())) as app:
        dossiers = Dossiers(app.ledger, app.store, str(app.settings.archive.path), wiring.utc_now())
        item = dossiers.item(app.ledger.evidence.resolve(item_id))
    if as_json:
        from archiver.render.json_item import item_json

        print_json(item_json(item))
    else:
        _print(item)
    return EXIT_OK


def _print(item: ItemDossier) -> None:
    _standing(item)
    for label in Label:
        _facts(item, label)
    _files(item)
    _key(item)
    _judgements(item)
    _fixity(item.fixity)
    _custody(item)
    _recheck(item)


def _head(title: str) -> None:
    say()
    click.echo(click.style(title, bold=True))


def _field(name: str, value: object) -> None:
    say(f"  {name:31} {'-' if value is None or value == '' else value}")


def _standing(item: ItemDossier) -> None:
    from archiver.render.words.en import WORDS

    state = item.state
    click.echo(f"{item.evidence.id}  {verdict_text(state.verdict.value)}")
    for reason in state.reasons:
        say(f"  {reason}: {WORDS.reasons[reason]}")
    for finding in state.findings:
        say(f"  +{finding}: {WORDS.findings[finding]}")
    for disagreement in item.disagreements:
        say(f"  THE LEDGER DISAGREES WITH ITSELF: {disagreement}")
    for trouble in item.archive_troubles:
        say(f"  {trouble}")


def _facts(item: ItemDossier, label: Label) -> None:
    """What of the item stands under *label*; the signed hashes are the first that AWS signed."""
    from archiver.render.words.en import WORDS

    facts = [one for one in (*item.source, *item.query, *item.acquisition) if one.label is label]
    if label is not item.signed_label and all(one.absent in _SILENT for one in facts):
        return
    words = WORDS.labels[label]
    _head(words[:1].upper() + words[1:])
    if label is item.signed_label:
        _field("signature", WORDS.signatures[item.signature.value] if item.signature else "was never judged")
        for number, sha256 in enumerate(item.signed_hashes, 1):
            _field(f"hash {number}", sha256)
    if label is Label.RECORDED:
        _field("Size", f"{human_size(item.evidence.size)} in {len(item.evidence.files)} files")
    if label is Label.CLAIMED:
        _field("Key fingerprint", item.evidence.fingerprint)
    _shown(facts)


def _shown(facts: Iterable[Fact], indent: str = "") -> None:
    """The values, then what there is none of, by the reason."""
    from archiver.render.words.en import WORDS

    missing: dict[Absent, list[str]] = {}
    for one in facts:
        name = WORDS.facts[one.name]
        if one.absent is None:
            value = WORDS.values.get(f"{one.name}.{one.value}", one.value)
            _field(indent + name, format_time(value) if isinstance(value, datetime) else value)
        elif one.absent not in _SILENT:
            missing.setdefault(one.absent, []).append(name)
    for absent, names in missing.items():
        say(f"  {indent}- {', '.join(names)}: {WORDS.absences[absent]}")


def _files(item: ItemDossier) -> None:
    from archiver.render.words.en import WORDS

    _head("Files, as acquired")
    for file in item.files:
        size = "" if file.size is None else f", {file.size} bytes"
        say(f"  {file.name}: {WORDS.standings[file.standing]}{size}")
        _file(file)


def _file(file: FileAccount) -> None:
    if file.sha256 is not None:
        _field("  SHA-256", file.sha256)
    if file.listed_sha256 not in (None, file.sha256):
        _field("  listed SHA-256", file.listed_sha256)
    if file.path is not None:
        _field("  Archived at", file.path)
        _shown(file.facts, "  ")


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
    from archiver.render.words.en import WORDS

    _head("Judgements, oldest first")
    for one in item.judged:
        codes = codes_of(one.reasons, one.findings)
        say(f"  {format_time(one.at)}  {one.occasion}: {one.verdict.value.upper()}{f'  {codes}' if codes else ''}")
        for check in one.checks:
            result = "finding" if check.id in WORDS.findings else check.result.value
            say(f"    {result:8} {check.id}: {check.detail}")


def _fixity(fixity: Fixity) -> None:
    _head("Fixity")
    _field("judged", f"{fixity.count} times" if fixity.count != 1 else "once")
    _field("last verified", _when(fixity.last_good))
    if fixity.first_bad:
        _field("first bad since", _when(fixity.first_bad))
    _field("next audit", format_time(fixity.due_at) + (" (OVERDUE)" if fixity.overdue else ""))


def _when(one: Judged | None) -> str:
    return "never" if one is None else f"{format_time(one.at)} (event {one.seq})"


def _custody(item: ItemDossier) -> None:
    from archiver.render.words.en import WORDS

    _head("Custody events")
    rows: list[Sequence[object]] = [
        (e.seq, format_time(e.at), f"{e.actor.user}@{e.actor.host}" if e.actor else None, e.kind, WORDS.sentence(e))
        for e in item.history
    ]
    print_table(("SEQ", "AT", "WHO", "EVENT", "WHAT"), rows)
    for event in item.history:
        for one in event.hashes:
            if one.before is not None and one.before != one.after:
                after = one.after or "not there or not readable"
                say(f"  event {event.seq}: {one.file} WAS {one.before}, THEN {after}")


def _recheck(item: ItemDossier) -> None:
    if not item.steps:
        return
    _head("To repeat the check by hand")
    for number, step in enumerate(item.steps, 1):
        say(f"  # {number}. {step.title}" + (f"; expected: {step.expected}" if step.expected else ""))
        for line in step.commands:
            say(f"  {line}")
