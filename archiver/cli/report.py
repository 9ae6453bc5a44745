"""``archiver report``: a chain-of-custody report about items, in one file."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from archiver.cli.context import Cli, pass_cli
from archiver.cli.ledger_verify_text import line_of
from archiver.cli.log_head import sign_head, sign_head_soon
from archiver.cli.main import EXIT_INTERRUPTED
from archiver.cli.output import counted, human_size, note, warn
from archiver.cli.report_file import Draft, Recorded, check_target, write_report
from archiver.cli.report_formats import (
    FORMATS,
    SigningOptions,
    draft_of,
    format_of,
    request_options,
    signing_options,
)
from archiver.cli.select import Conditions, condition_options
from archiver.domain.text import printable
from archiver.errors import EXIT_INTEGRITY, EXIT_OK, EXIT_UNREACHED, LogForkedError, StoppedError, UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from archiver.domain.records import Selection
    from archiver.domain.summary import Summary
    from archiver.settings import Settings
    from archiver.wiring import App
    from archiver.wiring_report import Reporting, Request
    from archiver.work.survey import SurveyResult

_TOLD: Final = 10
"""Disagreements between ledger and log that are said on stderr."""

_EPILOG: Final = """\b
Examples:
  archiver report 3f2a9c0d11be --out exhibit-a.html --case 2026-117 --exhibit A
  archiver report 3f2a9c0d11be --out exhibit-a.pdf --sign key.p12 --sign-passphrase-file FILE --tsa URL
  archiver report --since 2026-01-01 --until 2026-03-31 --out q1.pdf --language ja
  archiver report --all --verdict failed --format json --out - | jq .summary
  archiver report 3f2a9c0d11be --out again.html --at 4711      as it was under the checkpoint of 4,711 events

ID is an evidence ID, a query ID, or the beginning of either that only one item has.

Exit status: 0 the report is written, whatever the verdicts on record in it; 1 it is, and says that the ledger does
not pass its verification, or that a file is not what was acquired, which no audit has told yet; 2 nothing was done
(nothing selected, the file is there already); 3 it is written, and a file, a part of the ledger or the log's key was
not to be had; 4 the ledger or the disk could not go on; 130 interrupted, and nothing is left behind.
"""


@click.command("report", epilog=_EPILOG)
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "everything", is_flag=True, help="Everything that is archived.")
@condition_options
@click.option("--format", "form", type=click.Choice(FORMATS), help="Default: as --out ends, else html.")
@click.option("--out", required=True, metavar="FILE", help="Where the report goes; - is stdout.")
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@request_options("report", "Of HTML and PDF.")
@click.option(
    "--survey",
    type=click.Choice(("auto", "always", "never")),
    default="auto",
    show_default=True,
    help="Read the files: are they what was acquired? And once what is in them (SHA-512, rows, times); auto: 8 GiB.",
)
@signing_options
@pass_cli
def command(
    cli: Cli,
    ids: Sequence[str],
    everything: bool,
    conditions: Conditions,
    form: str | None,
    out: str,
    force: bool,
    language: str,
    case: str,
    exhibit: str,
    purpose: str,
    requester: str,
    at: int | None,
    survey: str,
    signing: SigningOptions,
) -> int:
    """Write a chain-of-custody report.

    It holds all that is on record about the items, each value with whose word it is: signed by AWS, observed from an
    AWS API, claimed, recorded here, or stated by the operator; the checks, custody, proofs, and the openssl commands
    that repeat it. HTML is one page that needs nothing else; PDF is PDF/A-3b with the JSON attached; JSON, CASE and
    PREMIS are for programs. It is made of the events below one signed head, so the same head and options give the
    same bytes (the time of writing apart, which SOURCE_DATE_EPOCH sets). First the whole ledger is verified, and the
    files are read: what is not what was signed or acquired makes the report FAILED. Other checks are those on record:
    for fresh ones run archiver audit first. FILE appears whole or not at all, and its SHA-256 is put on record.
    """
    from archiver import wiring
    from archiver.wiring_report import Request, moment_of

    check_choice(ids, everything, conditions)
    target = None if out == "-" else Path(out).absolute()
    form = format_of(form, out)
    now = moment_of(cli.environ)
    key = signing.key(form, now)
    settings = cli.settings()
    check_target(target, force, settings.archive.path, _own_files(settings, cli, signing))
    cli.catch_signals()
    asked = Request(case, exhibit, purpose, requester, language)
    try:
        with closing(wiring.open_app(settings, cli.stop, cli.progress())) as app:
            chosen = conditions.selection([app.ledger.evidence.resolve(text) for text in ids] if ids else None)
            check_head(app, at)
            seen = survey_first(app, cli, chosen, survey, recording=at is None)
            reporting = reporting_of(app, cli, asked, now, at)
            reporting.seen = seen
            folder = target.parent if target else None
            signed = (signing, key) if key else None
            draft = draft_of(form, language, folder, reporting.log.head_at, cli.stop.is_set, signed)
            summary = report_on(app, draft, reporting, chosen, target, force)
            _wrote(target, summary, cli)
            sign_head(app, cli)
    except StoppedError as error:
        note(f"archiver: {error}")
        return EXIT_INTERRUPTED
    if summary.disagreeing or summary.altered or reporting.log.is_contradicted:
        return EXIT_INTEGRITY
    return EXIT_UNREACHED if summary.unread or reporting.log.is_unverified else EXIT_OK


def _own_files(settings: Settings, cli: Cli, signing: SigningOptions) -> list[Path]:
    """What a report never replaces, whatever is forced: ledger, keys, configuration."""
    from archiver.settings_input import find_config

    custody = settings.custody
    given = [custody.last_head, signing.sign, signing.sign_cert, signing.sign_passphrase_file, signing.sign_trust]
    own = [Path(place) for place in (custody.signing_key, *given) if place and ":" not in place.partition("/")[0]]
    return [*own, *filter(None, (settings.ledger.sqlite_path, find_config(cli.config, cli.environ)))]


def check_head(app: App, at: int | None) -> None:
    """Raises UsageError where there is no checkpoint of *at* events: before anything is read for it."""
    from archiver.work.log_state import head_at

    if at is not None:
        head_at(app.ledger.log, at)


def survey_first(
    app: App, cli: Cli, chosen: Selection, how: str, *, again: bool = True, recording: bool = True
) -> SurveyResult | None:
    """Reads the files, and puts on record what is in those that were never read to their end; None for *how* never.

    *how*: ``auto``, ``always`` or ``never``; *again*, *recording*: see ``Survey``.
    """
    from archiver.wiring_report import SURVEY_BYTES, survey

    if how == "never":
        return None
    done = survey(app, chosen, SURVEY_BYTES if how == "auto" else None, again=again, recording=recording)
    for trouble in done.troubles[:_TOLD]:
        warn(trouble)
    if len(done.troubles) > _TOLD:
        warn(f"and {len(done.troubles) - _TOLD:,} files more")
    if done.troubles:
        warn("to put that on record: archiver audit")
    if done.read:
        note(f"read {counted(done.read, 'item')} to the end, {human_size(done.size)}", cli.verbosity)
    if done.left and again:
        most = human_size(SURVEY_BYTES)
        note(f"{counted(done.left, 'item')} NOT read, for all have more than {most}: --survey always reads them")
    return done


def reporting_of(app: App, cli: Cli, asked: Request, now: datetime, at: int | None) -> Reporting:
    """A report as of the checkpoint of *at* events, or of a new one; what speaks against the log is said here too.

    Where none can be signed now, and the newest does not cover what there is, it is a report of all events.
    """
    from archiver.wiring_log import trust_of
    from archiver.wiring_report import Reporting, hold
    from archiver.work.log_state import log_state, newest_head

    trust = trust_of(app.settings.custody, cli.environ)
    size, forked = app.ledger.log.size(), ""
    if at is None:
        try:
            sign_head_soon(app, cli)
        except LogForkedError as error:  # the report is written all the same, and says so
            forked = str(error)
        newest, _ = newest_head(app.ledger.log)
        at = newest.size if newest and size <= newest.size <= app.ledger.log.size() else None
    if at is None:
        warn(f"no head could be signed now: the report is of all {size} events, and not all of them are proved")
    log = log_state(app.ledger.log, trust, at)
    if forked:
        warn(f"ledger and published log contradict each other: {forked}")
        log = replace(log, forked=forked)
    for key in log.strangers:
        warn(f"the ledger names a key of the log that is NOT the configured key: {printable(key)}")
    if log.trust.unasked:
        warn(f"the log's key could not be compared with the configured one: {log.trust.unasked}")
    if log.head_trouble:
        warn(f"the newest checkpoint is NOT verified: {log.head_trouble}")
    before = size if at is None else at
    held, doubted = hold(app, log, before)
    for problem in held.problems[:_TOLD]:
        warn(f"the ledger does NOT pass its verification: {line_of(problem)}")
    if held.count > _TOLD:
        warn(f"and {held.count - _TOLD:,} more: run archiver ledger verify")
    for why in held.notes[:_TOLD]:
        warn(f"not all of the ledger could be verified: {why}")
    return Reporting(app, replace(log, held=held), asked, now, before, doubted)


def _wrote(target: Path | None, summary: Summary, cli: Cli) -> None:
    if summary.altered:
        failed = counted(summary.altered, "item")
        warn(f"{failed} FAILED: the archive does not hold what is on record, as the report says")
    if target is not None:
        note(f"wrote {target}: {counted(summary.items, 'item')}, {human_size(target.stat().st_size)}", cli.verbosity)


def report_on(
    app: App, draft: Draft, reporting: Reporting, chosen: Selection, target: Path | None, force: bool = False
) -> Summary:
    """Writes the report on what is *chosen* to *target* and puts it on record. Raises UsageError."""
    heading = reporting.heading(chosen)
    recorded = _recorder(app, draft.name, heading.selection)
    return write_report(draft, heading, reporting.items(chosen), target, recorded, force)


def check_choice(ids: Sequence[str], everything: bool, conditions: Conditions) -> None:
    """IDs, or --all, or a time; the other conditions narrow --all and a time. Raises UsageError."""
    if sum([bool(ids), everything, conditions.timed]) > 1:
        raise UsageError("IDs, --all and --since/--until exclude each other")
    if ids and conditions.of_a_kind:
        raise UsageError("--verdict, --source and --account go with --all or --since/--until, not with IDs")
    if not (ids or everything or conditions.timed):
        raise UsageError("nothing is selected", "Name IDs, or give --all, or --since D and --until D.")


def _recorder(app: App, form: str, selection: str) -> Recorded:
    """Makes the custody entry that the report was written."""
    from archiver.domain.custody import Reported
    from archiver.wiring import utc_now

    def record(summary: Summary, sha256: str) -> None:
        entry = Reported(
            at=utc_now(),
            ids=summary.reported_ids,
            count=summary.items,
            selection=selection,
            format=form,
            sha256=sha256,
        )
        app.ledger.journal.record([entry])

    return record
