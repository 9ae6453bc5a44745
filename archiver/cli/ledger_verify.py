"""``archiver ledger verify``: the whole log, held against what was signed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from archiver.cli.context import Cli, pass_cli
from archiver.cli.kept_heads import kept_heads
from archiver.cli.ledger_verify_text import LEDGER_LOST, RUNBOOK, json_of, line_of, say_problems, say_report
from archiver.cli.log_head import sign_head
from archiver.cli.main import EXIT_INTERRUPTED
from archiver.cli.output import INTERRUPTED, note, print_json, say
from archiver.errors import (
    EXIT_INTEGRITY,
    EXIT_OK,
    EXIT_STOPPED,
    EXIT_UNREACHED,
    LedgerError,
    LogForkedError,
    StoppedError,
    UsageError,
)

if TYPE_CHECKING:
    from archiver.domain.log_records import Problem
    from archiver.wiring import App
    from archiver.work.log_verify_report import LogReport

_EPILOG: Final = """\b
Examples:
  archiver ledger verify                      everything; those who anchor are asked, too
  archiver ledger verify --offline            without network
  archiver ledger verify --record             and put on record what came of it, as the daemon does
  archiver ledger verify --head report.json   a head that you kept: is today's log its continuation?
  archiver ledger verify --expect 4711:9f2c…  the same with size and root from paper
  archiver ledger verify --vkey example.com/custody+f3be3476+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW

KEY is a verifier key of the log, from a report or from paper: it is trusted besides those of the configuration.
FILE is a checkpoint, a proof of archiver ledger prove, or a report; each head in it is held against the log.

\b
Exit status: 0 everything fits together, 1 something does not (each line says what and where), 3 something could
not be read or asked, 4 the ledger cannot be reached, or did not take what --record is to put there.
"""


@click.command("verify", short_help="Hold ledger, log and signed heads against each other.", epilog=_EPILOG)
@click.option("--vkey", "keys", multiple=True, metavar="KEY", help="Trust this verifier key, too; repeatable.")
@click.option(
    "--head",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A head that you kept, which the log must continue (-: stdin); repeatable.",
)
@click.option("--expect", multiple=True, metavar="SIZE:ROOT", help="The same by its size and root; repeatable.")
@click.option("--offline", is_flag=True, help="Ask nobody: no witness, no bucket, no AWS KMS.")
@click.option("--record", is_flag=True, help="Put on record that the ledger was verified, and what came of it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@pass_cli
def command(
    cli: Cli,
    keys: Sequence[str],
    files: Sequence[Path],
    expect: Sequence[str],
    offline: bool,
    record: bool,
    as_json: bool,
) -> int:
    """Recompute the log and hold all that there is against it; records nothing, unless --record asks for it.

    Every leaf, the tree, each signed head with its signatures and its place after the one before, every published
    file, every anchor, and every row of every table against the events that made it. All that differs is printed:
    first what leads, and below it what follows from that, such as the rows that an altered event speaks against.
    """
    from archiver.wiring_ledger import LedgerLostError, log_verifier, open_to_verify
    from archiver.work.log_verify_report import KEPT

    cli.configure_logs()
    trusted = [_key(key) for key in keys]
    kept = kept_heads(files, expect)
    try:
        app = open_to_verify(cli.settings(), cli.stop, cli.progress())
    except LedgerLostError as error:
        return _lost(error.problem, error.remedy, as_json)
    cli.catch_signals()
    told: list[Problem] = []

    def tell(problem: Problem) -> None:
        """Holds as many as a report does; whatever comes beyond is said at once."""
        if len(told) < KEPT:
            told.append(problem)
        elif not as_json:
            say(line_of(problem))

    try:
        verifier = log_verifier(app, trusted, kept, online=not offline)
        report = verifier.run(not offline, tell)
        recorded = record and _record(app, cli, report)
    except BaseException as error:
        for problem in told:  # there is no report to hold them
            (note if as_json else say)(line_of(problem))
        if isinstance(error, StoppedError):
            note(INTERRUPTED)
            return EXIT_INTERRUPTED
        raise
    finally:
        app.close()
    if as_json:
        print_json(json_of(report) | {"recorded": recorded})
    else:
        say_problems(report.problems)
        say_report(report)
        if recorded:
            say("put on record: archiver status and reports show it")
    if report.failed:
        return EXIT_INTEGRITY
    if recorded != record:
        return EXIT_STOPPED
    return EXIT_UNREACHED if report.unreached else EXIT_OK


def _record(app: App, cli: Cli, report: LogReport) -> bool:
    """True once what *report* says is an event, and a head covers it where one can be signed.

    A ledger that cannot take it was told of, or is told of here; what was found is what the command is about.
    """
    from archiver.wiring import utc_now
    from archiver.work.log_verified import verified_entry

    try:
        app.ledger.journal.record([verified_entry(report, utc_now())])
    except LedgerError as error:
        note(f"archiver: that the ledger was verified could not be recorded: {error}")
        return False
    try:
        sign_head(app, cli)
    except LogForkedError as error:
        note(f"archiver: no checkpoint was signed: {error}")
    return True


def _key(text: str) -> str:
    from archiver.log.note import ED25519, parse_key

    try:
        if parse_key(text.strip()).type != ED25519:
            raise ValueError("a witness's key, not a log's")
    except ValueError as error:
        raise UsageError(f"--vkey: {error}", "It looks like example.com/custody+f3be3476+ARpc2Q…") from error
    return text.strip()


def _lost(problem: Problem, remedy: str, as_json: bool) -> int:
    from archiver.work.log_verify_report import nothing_but

    if as_json:
        print_json(json_of(nothing_but(problem)) | {"recorded": False})
    else:
        say(line_of(problem))
        say(f"what to do: {RUNBOOK}: {LEDGER_LOST}")
    note(f"archiver: {remedy}")
    return EXIT_INTEGRITY
