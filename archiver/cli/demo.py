"""``archiver demo``: the whole job, with nothing needed."""

from __future__ import annotations

import shlex
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archiver.cli.context import Cli, pass_cli
from archiver.cli.output import counted, say, say_verdict, started_as
from archiver.errors import ArchiverError, UsageError

if TYPE_CHECKING:
    from archiver.demo.scenario import Stocked
    from archiver.demo.server import DemoAws
    from archiver.domain.records import EvidenceRecord
    from archiver.settings import Settings
    from archiver.wiring import App
    from archiver.work.items import Item

_EPILOG = """\b
Examples:
  archiver demo                       in a new folder below the system's temporary one
  archiver demo --dir ./demo          in a folder of yours, which must be empty or new

\b
Exit status: 0 the demonstration went as it should, 2 the folder cannot be used, 4 it did not, 130 interrupted.
"""


class DemoFailedError(ArchiverError):
    """The demonstration did not show what it is there to show."""


@click.command("demo", epilog=_EPILOG)
@click.option("--dir", "folder", type=click.Path(path_type=Path), metavar="DIR", help="Where to put everything.")
@pass_cli
def command(cli: Cli, folder: Path | None) -> int:
    """Show the whole job on an embedded default, with no AWS account and no network beyond this machine.

    A local S3 and CloudTrail serve deliveries in the real format, signed by a demonstration key. They are synced,
    verified, archived, recorded and audited; then one archived file is damaged on purpose, caught and repaired,
    and a report is written. Takes a few seconds; everything stays in the folder for you to look at.
    """
    from archiver.demo.scenario import stock
    from archiver.demo.server import DemoAws, check_installed

    check_installed()
    base = _folder(folder)
    cli.configure_logs()
    cli.catch_signals()
    with ExitStack() as stack:
        _step(1, "Starting a local S3 and CloudTrail, and filling a bucket")
        aws = stack.enter_context(DemoAws())
        _, stocked = stock(aws, datetime.now(UTC))
        say(f"   {aws.url}  s3://{_bucket()}: {len(stocked.honest)} honest deliveries, 1 tampered with, 1 crafted,")
        say("   1 served twice under another query ID, 1 still arriving")
        app = _app(cli, base, aws, stack)
        _harvest_and_sync(app)
        _audit(app, base, stocked)
        _go_on(app)
        _sign(app)
        _report(app, base)
        _alerts(app)
        _sign_again(app)
    _next(base)
    return 0


def _go_on(app: App) -> None:
    """Raises Abort, the frame's word for an interruption, where one was asked for."""
    if app.stop.is_set():
        raise click.Abort


def _step(number: int, text: str) -> None:
    say()
    say(f"{number}. {text}")


def _bucket() -> str:
    from archiver.demo.scenario import BUCKET

    return BUCKET


def _folder(folder: Path | None) -> Path:
    if folder is None:
        return Path(tempfile.mkdtemp(prefix="archiver-demo-"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UsageError(f"{folder} is not empty; nothing was done", "Name a new folder with --dir.")
    except OSError as error:
        raise UsageError(f"{folder} cannot be used: {error.strerror}") from error
    return folder.resolve()


def _app(cli: Cli, base: Path, aws: DemoAws, stack: ExitStack) -> App:
    from archiver.actor import current_actor
    from archiver.demo.scenario import SOURCE
    from archiver.provision import provision
    from archiver.wiring import open_app

    settings = _settings(base, aws.url)
    _step(2, "Making configuration, ledger, archive and signing key")
    for line in provision(settings, current_actor(), datetime.now(UTC), {}):
        say(f"   made {line}")
    app = open_app(settings, cli.stop, cli.progress())
    stack.callback(app.close)
    app.accesses[SOURCE] = aws.access()
    return app


def _settings(base: Path, url: str) -> Settings:
    from archiver.demo.scenario import SOURCE
    from archiver.demo.server import REGION
    from archiver.settings import parse_settings
    from archiver.settings_sample import SampleSource, sample_config

    file = base / "archiver.toml"
    text = sample_config([SampleSource(SOURCE, f"s3://{_bucket()}", REGION)], base)
    text = text.replace(
        f'region = "{REGION}"\n',
        f'region = "{REGION}"\nendpoint_url = "{url}"\ncloudtrail_endpoint_url = "{url}"\n',
        1,
    )
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    return parse_settings(text, file, {})


def _harvest_and_sync(app: App) -> None:
    from archiver.wiring import utc_now
    from archiver.work.keys import harvest

    _step(3, "Harvesting public keys, then syncing: fetch, verify, archive, record")
    for done in harvest(app.keeper, app.authorities(), utc_now, app.ledger.journal):
        _go_on(app)
        if done.admission is None or not done.admission.new:
            raise DemoFailedError(f"no key was harvested: {done.error}")
        say(f"   ListPublicKeys, {done.region}: {counted(done.admission.new, 'key')}")
    result = app.sync().run(app.plans(), _line)
    _go_on(app)
    for trouble in result.troubles.kept:
        say(f"   {trouble.prefix}: {trouble.message}")
    say(f"   {result.archived} archived, {result.pending} still arriving (waited for), in {result.seconds:.1f} s")
    if (result.tally.verified, result.tally.failed, result.pending) != (6, 2, 1):
        raise DemoFailedError("the sync did not judge the deliveries as they are")


def _line(item: Item) -> None:
    codes = " ".join([*item.reasons, *item.findings])
    say_verdict(item.verdict.value, f"query {item.query_id}", codes, indent="   ")


def _audit(app: App, base: Path, stocked: Stocked) -> None:
    from archiver.demo.scenario import damage
    from archiver.domain.records import Selection
    from archiver.work.audit import Budget

    record = _record(app, stocked.honest[1])
    _step(4, "Auditing everything: each byte is read again from the medium")
    result = app.audit().run(Selection(), lambda _: None, Budget(), due_first=False)
    _go_on(app)
    say(f"   {result.audited} audited: {result.tally.verified} verified, {result.tally.failed} failed as before")
    file = base / "evidence" / record.evidence.files[1].path
    _step(5, f"Damaging one archived file on purpose: {damage(file)}")
    say(f"   {file.relative_to(base)}")
    one = Selection(ids=[record.evidence.id])
    result = app.audit().run(one, _line, Budget(), due_first=False)
    _go_on(app)
    if result.tally.failed != 1:
        raise DemoFailedError("the audit did not catch the damage")
    say("   caught")
    _step(6, "Repairing it: fetched again from the source, proved, the damaged bytes set aside")
    result = app.audit(repair=True).run(one, _line, Budget(), due_first=False)
    _go_on(app)
    if len(result.repaired) != 1 or result.tally.verified != 1:
        raise DemoFailedError("the repair did not mend the damage")
    say("   repaired, audited again, verified")


def _record(app: App, prefix: str) -> EvidenceRecord:
    from archiver.demo.scenario import SOURCE

    known = app.ledger.deliveries.known(SOURCE, [prefix])[prefix]
    if known.evidence_id is None:
        raise DemoFailedError(f"{prefix} was not archived")
    return app.ledger.evidence.get(known.evidence_id)


def _sign(app: App) -> None:
    _step(7, "Signing the ledger's head: every custody event is a leaf of its tree, published as plain files")
    made = app.checkpoints().make()
    if made is None:
        raise DemoFailedError("no head was signed")
    say(f"   {counted(made.size, 'event')}, published in {app.published.url}")
    say(f"   verifier key {app.signer().key}")


def _sign_again(app: App) -> None:
    made = app.checkpoints().make()
    if made is not None:
        say(f"   with these and the report on record the ledger has {counted(made.size, 'event')}, under a new head")


def _report(app: App, base: Path) -> None:
    from archiver.cli.report import report_on
    from archiver.cli.report_file import TextDraft
    from archiver.domain.records import Selection
    from archiver.render.html_report import HtmlReport
    from archiver.render.words.languages import WORDS
    from archiver.wiring import utc_now
    from archiver.wiring_log import trust_of
    from archiver.wiring_report import SURVEY_BYTES, Reporting, Request, hold, survey
    from archiver.work.log_state import log_state

    _step(
        8,
        "The chain-of-custody report: every file read, a head signed, the ledger verified, all told as of it",
    )
    target = base / "report.html"
    seen = survey(app, Selection(), SURVEY_BYTES)
    app.checkpoints().make()
    size = app.ledger.log.size()
    log = log_state(app.ledger.log, trust_of(app.settings.custody), size)
    held, doubted = hold(app, log, size)
    request = Request(purpose="demonstration")
    reporting = Reporting(app, replace(log, held=held), request, utc_now(), size, doubted, seen)
    summary = report_on(app, TextDraft(HtmlReport(WORDS["en"], log.head_at)), reporting, Selection(), target)
    say(f"   {target}: {counted(summary.items, 'item')}")


def _alerts(app: App) -> None:
    from archiver.wiring import utc_now

    _step(9, "Alerts: one a cause, to wherever [notify] urls says. With an address there, these had gone out:")
    for queued in app.ledger.outbox.due(utc_now()):
        say(f"   {queued.alert.title}")
        app.ledger.outbox.delivered(queued.id, utc_now())


def _next(base: Path) -> None:
    config = base / "archiver.toml"
    program = started_as(sys.argv[0])
    say()
    say("Next, without any server:")
    for command_line, what in (
        ("list", "what is archived, and how it was judged"),
        ("show <ID>", "one item whole: files, key, checks, custody history"),
        ("status", "the counts"),
        ("audit --all", "read everything again"),
        ("ledger verify", "recompute the log, and hold every row against its events"),
    ):
        say(f"  {program} --config {shlex.quote(str(config))} {command_line:<13} {what}")
    say(f"  {base / 'report.html'}  the report, for a browser")
    say(f"  {base / 'evidence'}  the archive: files as delivered, public keys, damaged bytes set aside")
