"""What came of holding the ledger against its log, in English lines, for formats that have no words of their own."""

from __future__ import annotations

from collections.abc import Iterator

from archiver.domain.log_records import LogState


def held_lines(log: LogState) -> Iterator[tuple[str, str]]:
    """(heading, text) of each disagreement, and of what could not be looked at; none where all is well."""
    if log.held is None:
        return
    what = "THE LEDGER DOES NOT PASS ITS VERIFICATION"
    for one in log.held.problems:
        yield what, f"{one.kind}: {one.detail}"
    if log.held.count > len(log.held.problems):
        yield what, f"and {log.held.count - len(log.held.problems)} problems more"
    for why in log.held.notes:
        yield "not all of the ledger could be looked at", why
