"""``archiver list``: archived evidence, one line each, as long as the list may be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import click

from archiver.cli.context import Cli, pass_cli
from archiver.cli.output import human_size, note, print_json, say, verdict_text
from archiver.cli.select import Conditions, codes_of, condition_options
from archiver.domain.text import printable
from archiver.domain.times import format_time
from archiver.domain.verdict import Finding, Reason
from archiver.errors import EXIT_INTEGRITY, EXIT_OK
from archiver.render.json_item import evidence_json

if TYPE_CHECKING:
    from archiver.domain.records import EvidenceRecord

_PAGE: Final = 200
"""Lines whose columns are aligned to each other: the list is never held as a whole."""

_SHORT_ID: Final = 12
_CODES: Final = tuple(sorted(code.value for code in (*Reason, *Finding)))

_EPILOG: Final = """\b
Examples:
  archiver list --verdict failed
  archiver list --since 2026-01-01 --until 2026-01-31 --account 111122223333
  archiver list --json | jq -r 'select(.bytes > 1e9) | .id'

Exit status: 0 also where nothing is listed, 1 where the ledger's rows of an item were made unreadable (the others
are listed), 2 for a wrong option or configuration, 4 where the ledger cannot be read.
"""


@click.command("list", epilog=_EPILOG)
@condition_options
@click.option(
    "--code",
    metavar="C",
    type=click.Choice(_CODES),
    help="Only items with this reason or finding, e.g. hash_mismatch.",
)
@click.option("--limit", metavar="N", type=click.IntRange(min=1), help="At most N items (default: all).")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines: one object an item.")
@pass_cli
def command(
    cli: Cli,
    conditions: Conditions,
    code: str | None,
    limit: int | None,
    as_json: bool,
) -> int:
    """List archived evidence, one line each.

    Oldest first, by the time of archiving. Every condition that is given must hold. The ID is cut to its first 12
    digits, which every command takes; behind the verdict's reasons stand findings, marked with +. This reads the
    ledger's index as it stands and judges nothing: the verdicts are those of the last audit, and a row that somebody
    altered is shown as it is. archiver audit and archiver ledger verify judge that.
    """
    from archiver import wiring

    unreadable: list[str] = []

    def tell(evidence_id: str, trouble: str) -> None:
        unreadable.append(evidence_id)
        note(f"{evidence_id} cannot be listed: {trouble}")

    with closing(wiring.open_app(cli.settings(), cli.stop, cli.progress())) as app:
        found = app.ledger.evidence.select(conditions.selection(), unreadable=tell)
        records = islice(_with_code(found, code), limit)
        count = _print_lines(records) if as_json else _print_pages(records)
    if not count and not unreadable:
        note("no evidence is archived that meets this", cli.verbosity)
    return EXIT_INTEGRITY if unreadable else EXIT_OK


def _with_code(records: Iterator[EvidenceRecord], code: str | None) -> Iterator[EvidenceRecord]:
    return (r for r in records if code is None or code in r.state.reasons or code in r.state.findings)


def _print_lines(records: Iterator[EvidenceRecord]) -> int:
    count = 0
    for record in records:
        print_json(_line(record))
        count += 1
    return count


def _line(record: EvidenceRecord) -> dict[str, Any]:
    return {**evidence_json(record.evidence, record.state), "files": len(record.evidence.files)}


def _print_pages(records: Iterator[EvidenceRecord]) -> int:
    """One head, then pages; the widths of a page hold for it, and most columns are as wide in all of them."""
    count = 0
    while page := list(islice(records, _PAGE)):
        width = max(6, *(len(record.evidence.source) for record in page))
        if not count:
            say(
                _row(
                    "ID", "VERDICT".ljust(13), "SIZE", "QUERY COMPLETE", "QUERY", "SOURCE", width, "REASONS +FINDINGS"
                )
            )
        for record in page:
            click.echo(_text(record, width))
        count += len(page)
    return count


def _text(record: EvidenceRecord, width: int) -> str:
    evidence, state = record.evidence, record.state
    verdict = state.verdict.value
    complete = evidence.query_complete_time
    name = evidence.query_id or evidence.prefix.rstrip("/").rpartition("/")[2]
    revision = f" @r{evidence.revision}" if evidence.revision > 1 else ""
    return _row(
        evidence.id[:_SHORT_ID],
        verdict_text(verdict) + " " * (13 - len(verdict)),
        human_size(evidence.size),
        format_time(complete.replace(microsecond=0)) if complete else "-",
        printable(name, 36) or "-",
        printable(evidence.source),
        width,
        printable(codes_of(state.reasons, state.findings) + revision),
    )


def _row(item: str, verdict: str, size: str, complete: str, query: str, source: str, width: int, codes: str) -> str:
    return f"{item:12}  {verdict}  {size:>10}  {complete:20}  {query:36}  {source:{width}}  {codes}".rstrip()
