"""``archiver report``: a chain-of-custody report about items, in one file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from archiver.cli.context import Cli, pass_cli
from archiver.cli.log_head import sign_head
from archiver.cli.output import counted, human_size, note, warn
from archiver.cli.report_file import Recorded, Renderer, check_target, write_report
from archiver.cli.select import Conditions, condition_options
from archiver.domain.text import printable
from archiver.errors import EXIT_INTEGRITY, EXIT_OK, LogForkedError, UsageError

if TYPE_CHECKING:
    from archiver.domain.dossier import ItemDossier, Summary
    from archiver.domain.log_records import LogState
    from archiver.domain.records import Selection
    from archiver.wiring import App

_FORMATS: Final = ("html", "json")

_EPILOG: Final = """\b
Examples:
  archiver report 3f2a9c0d11be --out exhibit-a.html --case 2026-117 --exhibit A
  archiver report --since 2026-01-01 --until 2026-03-31 --out q1.html
  archiver report --all --verdict failed --format json --out - | jq .summary

ID is an evidence ID, a query ID, or the beginning of either that only one item has.

Exit status: 0 the report is written, whatever the verdicts in it; 1 it is, and the ledger and its published log
contradict each other, or the ledger's key or newest checkpoint is not the configured key's (the report says so);
2 nothing was done (nothing selected, the file is there already); 4 the ledger or the disk could not go on.
"""


@click.command("report", epilog=_EPILOG)
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "everything", is_flag=True, help="Everything that is archived.")
@condition_options
@click.option("--format", "form", type=click.Choice(_FORMATS), help="Default: as --out ends, else html.")
@click.option("--out", required=True, metavar="FILE", help="Where the report goes; - is stdout.")
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@click.option("--case", default="", metavar="TEXT", help="Case number or name, shown in the report.")
@click.option("--exhibit", default="", metavar="TEXT", help="Exhibit, shown in the report.")
@click.option("--purpose", default="", metavar="TEXT", help="What the report is for, shown in it.")
@pass_cli
def command(
    cli: Cli,
    ids: Sequence[str],
    everything: bool,
    conditions: Conditions,
    form: str | None,
    out: str,
    force: bool,
    case: str,
    exhibit: str,
    purpose: str,
) -> int:
    """Write a chain-of-custody report.

    It holds all that is on record about the items: what CloudTrail signed, what is merely claimed, each file and its
    hashes, the key and how it was obtained, every judgement with its checks, custody, the openssl commands that
    repeat the check, and the log's verifier key and newest checkpoint. HTML is one page that needs nothing else; JSON
    holds the same, whole. Nothing is read again: for fresh verdicts run archiver audit first. FILE appears whole or
    not at all, and its SHA-256 is put on record.
    """
    from archiver import wiring

    _check_choice(ids, everything, conditions)
    target = None if out == "-" else Path(out).absolute()
    renderer = _renderer(form, out)
    settings = cli.settings()
    check_target(target, force, settings.archive.path)
    with closing(wiring.open_app(settings, cli.stop, cli.progress())) as app:
        with suppress(LogForkedError):  # the report is written all the same, and the end tells
            sign_head(app, cli)
        chosen = conditions.selection([app.ledger.evidence.resolve(text) for text in ids] if ids else None)
        words = _named(chosen.ids) if chosen.ids else conditions.words()
        log = _log(app, cli)
        summary = report_on(
            app,
            renderer,
            chosen,
            target,
            words=words,
            log=log,
            case=case,
            exhibit=exhibit,
            purpose=purpose,
            force=force,
        )
        _wrote(target, summary, cli)
        sign_head(app, cli)
    return EXIT_INTEGRITY if log.is_contradicted else EXIT_OK


def _log(app: App, cli: Cli) -> LogState:
    """The log as the report shows it; what speaks against it is said here too."""
    from archiver.wiring_log import trust_of
    from archiver.work.log_state import log_state

    log = log_state(app.ledger.log, trust_of(app.settings.custody, cli.environ))
    for key in log.strangers:
        warn(f"the ledger names a key of the log that is NOT the configured key: {printable(key)}")
    if log.trust.unasked:
        warn(f"the log's key could not be compared with the configured one: {log.trust.unasked}")
    if log.head_trouble:
        warn(f"the newest checkpoint is NOT verified: {log.head_trouble}")
    return log


def _wrote(target: Path | None, summary: Summary, cli: Cli) -> None:
    if target is not None:
        note(f"wrote {target}: {counted(summary.items, 'item')}, {human_size(target.stat().st_size)}", cli.verbosity)


def report_on(
    app: App,
    renderer: Renderer,
    chosen: Selection,
    target: Path | None,
    *,
    words: str,
    log: LogState,
    case: str = "",
    exhibit: str = "",
    purpose: str = "",
    force: bool = False,
) -> Summary:
    """Writes the report on what is *chosen* (in *words*) to *target* and puts it on record. Raises UsageError."""
    from archiver import wiring
    from archiver.domain.dossier import Heading
    from archiver.work.dossier import Dossiers

    heading = Heading(
        generated_at=wiring.utc_now(),
        actor=app.actor,
        ledger_url=app.ledger.url,
        archive_url=app.store.url,
        selection=words,
        case=case,
        exhibit=exhibit,
        purpose=purpose,
        log=log,
    )
    items = _watched(app, Dossiers(app.ledger, str(app.settings.archive.path)).items(chosen))
    return write_report(renderer, heading, items, target, _recorder(app, renderer.name, words), force)


def _check_choice(ids: Sequence[str], everything: bool, conditions: Conditions) -> None:
    """IDs, or --all, or a time; the other conditions narrow --all and a time. Raises UsageError."""
    if sum([bool(ids), everything, conditions.timed]) > 1:
        raise UsageError("IDs, --all and --since/--until exclude each other")
    if ids and conditions.of_a_kind:
        raise UsageError("--verdict, --source and --account go with --all or --since/--until, not with IDs")
    if not (ids or everything or conditions.timed):
        raise UsageError("nothing is selected", "Name IDs, or give --all, or --since D and --until D.")


def _named(ids: Sequence[str]) -> str:
    count = len(set(ids))
    return "one item, by its ID" if count == 1 else f"{count} items, by their IDs"


def _renderer(form: str | None, out: str) -> Renderer:
    from archiver.render.html_report import HtmlReport
    from archiver.render.json_report import JsonReport

    suffix = Path(out).suffix.lower()
    if form is None and suffix == ".json":
        form = "json"
    if form is None and suffix not in ("", ".html", ".htm", ".xhtml"):
        raise UsageError(f"--out {out}: {suffix} is no format of reports", "Choose with --format html or json.")
    return JsonReport() if form == "json" else HtmlReport()


def _watched(app: App, items: Iterator[ItemDossier]) -> Iterator[ItemDossier]:
    app.progress.begin("report")
    for item in items:
        yield item
        app.progress.item(item.evidence.prefix)


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
