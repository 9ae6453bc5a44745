"""``archiver audit``: archived evidence read and judged again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from archiver.cli.context import Cli, pass_cli
from archiver.cli.output import human_size, say
from archiver.cli.pass_output import ItemPrinter, exit_status, joined, opened, show_troubles, troubles_json
from archiver.errors import UsageError

if TYPE_CHECKING:
    from archiver.domain.records import Selection
    from archiver.wiring import App
    from archiver.work.audit import AuditResult, Budget

_EPILOG = """\b
Examples:
  archiver audit                             what is due, the longest due first
  archiver audit --all --max-time 4h         everything, for four hours at most
  archiver audit --sample 3/12               the third twelfth of everything: twelve runs cover all
  archiver audit --id 3f2a --repair          one item; damaged files are fetched again from its source

\b
Exit status: 0 all that was judged is verified (after repair), 1 an integrity failure, 3 something could not be
judged, 4 the ledger is lost. A budget that ran out is no error: what is left stays due.
"""


@click.command("audit", epilog=_EPILOG)
@click.option("--due", is_flag=True, help="What is due by [audit] reverify_after. The default.")
@click.option("--all", "everything", is_flag=True, help="Everything, in order of acquisition.")
@click.option("--id", "ids", multiple=True, metavar="ID", help="This item (ID, query ID or a prefix); repeatable.")
@click.option("--sample", metavar="N/T", help="Sample N of T equal parts of everything.")
@click.option("--max-bytes", metavar="SIZE", help="Begin no item after this much was read, e.g. 500GB.")
@click.option("--max-time", metavar="TIME", help="Begin no item after this long, e.g. 50m; or seconds.")
@click.option("--repair", is_flag=True, help="Fetch damaged files again, where the source still proves itself.")
@click.option("--allow-cache", is_flag=True, help="Accept cached pages; faster, but says less about the medium.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@pass_cli
def command(
    cli: Cli,
    due: bool,
    everything: bool,
    ids: Sequence[str],
    sample: str | None,
    max_bytes: str | None,
    max_time: str | None,
    repair: bool,
    allow_cache: bool,
    as_json: bool,
) -> int:
    """Read archived evidence again and judge it anew: one pass.

    Checks the ledger's own agreement, the key, the signature and every byte, read from the medium: cached pages are
    dropped first. Each judgement is recorded as it is made, so an interrupted pass loses nothing.
    """
    if sum([due, everything, bool(ids), sample is not None]) > 1:
        raise UsageError("--due, --all, --id and --sample exclude each other")
    budget = _budget(max_bytes, max_time)
    with opened(cli) as app:
        selection, due_first = _selection(app, everything, ids, sample)
        audit = app.audit(from_medium=not allow_cache, repair=repair)
        printer = ItemPrinter(as_json, quiet=False)
        result = audit.run(selection, printer.tell, budget, due_first=due_first)
        _show(result, printer, as_json)
        return exit_status(result.tally, result.troubles, result.stopped_by == "signal")


def _selection(app: App, everything: bool, ids: Sequence[str], sample: str | None) -> tuple[Selection, bool]:
    from archiver.domain.due import sample_range
    from archiver.domain.records import Selection
    from archiver.wiring import utc_now

    if ids:
        return Selection(ids=[app.ledger.evidence.resolve(text) for text in ids]), False
    if sample is not None:
        number, slash, parts = sample.partition("/")
        if not slash or not number.isdecimal() or not parts.isdecimal():
            raise UsageError(f"--sample {sample!r} is not N/T", "Write --sample 3/12 for the third of twelve parts.")
        try:
            return Selection(id_range=sample_range(int(number), int(parts))), False
        except (ValueError, ZeroDivisionError) as error:
            raise UsageError(f"--sample {sample}: {error}") from error
    if everything:
        return Selection(), False
    with app.ledger.locks.hold("audit"):  # what another audit judges until it ends is not judged ahead of the clock
        now = utc_now()
    return Selection(due_at=now, judged_before=now - app.settings.audit.reverify_after), True


def _budget(max_bytes: str | None, max_time: str | None) -> Budget:
    from archiver.settings_values import parse_positive_duration, parse_size
    from archiver.work.audit import Budget

    try:
        size = None if max_bytes is None else parse_size(max_bytes)
    except ValueError as error:
        raise UsageError(f"--max-bytes {max_bytes}: {error}") from error
    if max_time is not None and max_time.isdecimal():
        max_time += "s"
    try:
        return Budget(size, None if max_time is None else parse_positive_duration(max_time))
    except ValueError as error:
        raise UsageError(f"--max-time {max_time}: {error}") from error


def _show(result: AuditResult, printer: ItemPrinter, as_json: bool) -> None:
    tally = result.tally
    if as_json:
        printer.finish(
            {
                "audited": result.audited,
                "verified": tally.verified,
                "failed": tally.failed,
                "indeterminate": tally.indeterminate,
                "repaired": len(result.repaired),
                "repaired_ids": result.repaired,
                "with_findings": result.with_findings,
                "bytes": tally.size,
                "seconds": round(result.seconds, 3),
                "stopped_by": result.stopped_by,
                "errors": troubles_json(result.troubles),
            }
        )
    else:
        counts = joined(
            [
                (tally.verified, "verified"),
                (tally.failed, "failed"),
                (tally.indeterminate, "indeterminate"),
                (len(result.repaired), "repaired"),
                (result.with_findings, "with findings"),
            ]
        )
        for repaired in result.repaired:
            say(f"repaired  {repaired}: see archiver show {repaired[:12]}")
        say(
            f"{result.audited:,} audited ({human_size(tally.size)}, {result.seconds:.1f} s)"
            + (f": {counts}" if counts else "")
            + (f"; ended by {result.stopped_by}, the rest stays due" if result.stopped_by else "")
        )
    show_troubles(result.troubles, as_json)
