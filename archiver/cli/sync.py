"""``archiver sync``: one pass over the sources."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import click

from archiver.cli.context import Cli, pass_cli
from archiver.cli.output import INTERRUPTED, human_size, note, say
from archiver.cli.pass_output import ItemPrinter, exit_status, joined, opened, show_troubles, troubles_json
from archiver.cli.select import parse_moment
from archiver.domain.text import printable
from archiver.errors import UsageError
from archiver.work.intake import IntakeResult

_EPILOG = """\b
Examples:
  archiver sync                          every source: new and changed deliveries
  archiver sync --source prod --full     list the whole source, not only the trailing days
  archiver sync --since 2026-01-31       list again from that day on (UTC)

\b
Exit status: 0 all that was judged is verified (deliveries still arriving are waited for), 1 some evidence failed
(it is archived all the same), 3 a source, a delivery or a key could not be had, 4 the archive is full or the ledger
is lost. Evidence that was archived by an earlier pass is not judged again: that is `archiver audit`.
"""


@click.command("sync", epilog=_EPILOG)
@click.option("--source", "sources", multiple=True, metavar="NAME", help="Only this source; repeatable.")
@click.option("--since", metavar="DATE", help="List the days from DATE (2026-01-31, UTC) on again.")
@click.option("--full", is_flag=True, help="List everything. Small sources are wholly listed at each pass anyway.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@pass_cli
def command(cli: Cli, sources: Sequence[str], since: str | None, full: bool, as_json: bool) -> int:
    """Fetch, judge and archive what is new at the sources: one pass.

    Each new delivery is fetched once, verified, archived and recorded. Failed ones are archived too. What changed at
    its source becomes a new revision; what vanished there is reported and stays archived.
    """
    from archiver.work.rejudge import rejudge

    first = _day(since)
    with opened(cli) as app:
        plans = app.plans(sources)
        if not plans:
            raise UsageError("no source is configured", "Add [[sources]] to the configuration: name, url, region.")
        printer = ItemPrinter(as_json, quiet=cli.verbosity < 0)
        result = app.sync().run(plans, printer.tell, first, full)
        again = None
        if not result.stopped:
            again = rejudge(app.ledger.evidence, app.audit(occasion="key"), printer.tell)
        if again is not None:
            result.stopped = again.stopped_by is not None
            result.troubles.extend(again.troubles)
            result.tally.add(again.tally)
        return show_intake(result, printer, as_json)


def show_intake(result: IntakeResult, printer: ItemPrinter, as_json: bool) -> int:
    """Prints what a sync or an import did; answers the exit status."""
    tally = result.tally
    if as_json:
        printer.finish(
            {
                "discovered": result.discovered,
                "archived": result.archived,
                "unchanged": result.unchanged,
                "pending": result.pending,
                "gone": result.gone,
                "verified": tally.verified,
                "failed": tally.failed,
                "indeterminate": tally.indeterminate,
                "bytes": tally.size,
                "seconds": round(result.seconds, 3),
                "stopped_by": "signal" if result.stopped else None,
                "errors": troubles_json(result.troubles),
            }
        )
    else:
        counts = joined(
            [
                (result.unchanged, "unchanged"),
                (result.pending, "still arriving"),
                (result.gone, "gone from their source"),
                (tally.verified, "verified"),
                (tally.failed, "failed"),
                (tally.indeterminate, "indeterminate"),
                (result.troubles.total, "error" if result.troubles.total == 1 else "errors"),
            ]
        )
        say(
            f"{result.archived:,} of {result.discovered:,} deliveries archived"
            f" ({human_size(tally.size)}, {result.seconds:.1f} s)" + (f": {counts}" if counts else "")
        )
    show_troubles(result.troubles, as_json)
    if result.stopped:
        note(INTERRUPTED)
    return exit_status(tally, result.troubles, result.stopped)


def _day(text: str | None) -> date | None:
    """The UTC day of *text*, a day or a time. Raises UsageError."""
    if text is None:
        return None
    try:
        return parse_moment(text, end=False).date()
    except ValueError as error:
        raise UsageError(f"--since {printable(text, 60)!r} is no date: {error}") from error
