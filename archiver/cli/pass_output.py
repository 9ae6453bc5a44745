"""What sync, import and audit have in common on the command line: items as they come, troubles, exit status."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from archiver.cli.context import Cli
from archiver.cli.log_head import sign_head
from archiver.cli.main import EXIT_INTERRUPTED
from archiver.cli.output import answer, counted, note, say_verdict
from archiver.domain.limits import MIB
from archiver.errors import EXIT_INTEGRITY, EXIT_OK, EXIT_UNREACHED
from archiver.work.items import Item, Tally, Trouble, Troubles

if TYPE_CHECKING:
    from archiver.wiring import App

_IN_MEMORY: Final = 4 * MIB
"""Items of a ``--json`` answer that are kept in memory; more go to a temporary file."""


@contextmanager
def opened(cli: Cli, records: bool = True) -> Iterator[App]:
    """The use cases on the configured ledger and archive.

    When the command ends, the log's head is signed (unless it *records* nothing), and what is to be told is told.
    Raises LogForkedError then, where ledger and published log contradict each other.
    """
    from archiver.wiring import open_app

    cli.configure_logs()
    app = open_app(cli.settings(), cli.stop, cli.progress())
    cli.catch_signals()
    try:
        yield app
        try:
            if records:
                sign_head(app, cli)
        finally:
            _send_alerts(app)
    finally:
        app.close()


def _send_alerts(app: App) -> None:
    _, failed = app.send_alerts()
    if failed:
        to = ", ".join(app.ledger.outbox.waiting().refused)
        note(f"archiver: {counted(failed, 'alert')} could not be delivered to {to}; they are tried again")


class ItemPrinter:
    """Takes items as they are judged: prints lines at once, or keeps them for one JSON object."""

    def __init__(self, as_json: bool, quiet: bool) -> None:
        self._as_json = as_json
        self._quiet = quiet
        self._spool = tempfile.SpooledTemporaryFile(_IN_MEMORY, "w+", encoding="utf-8")  # noqa: SIM115 - lives as long
        self._empty = True

    def tell(self, item: Item) -> None:
        """One more item."""
        if self._as_json:
            self._spool.write(("" if self._empty else ",") + json.dumps(_fields(item)))
            self._empty = False
        elif not self._quiet or item.reasons:
            say_verdict(item.verdict.value, item.id[:12], item.source, item.prefix, *item.reasons, *item.findings)

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Ends the JSON answer: *summary* with the items in it."""
        answer(json.dumps(dict(summary))[:-1] + ', "items": [', nl=False)
        self._spool.seek(0)
        while part := self._spool.read(MIB):
            answer(part, nl=False)
        answer("]}")


def _fields(item: Item) -> dict[str, Any]:
    return {
        "id": item.id,
        "source": item.source,
        "query_id": item.query_id,
        "prefix": item.prefix,
        "verdict": item.verdict,
        "reasons": list(item.reasons),
        "findings": list(item.findings),
        "checks": [{"id": c.id, "result": c.result, "detail": c.detail} for c in item.checks],
    }


def troubles_json(troubles: Troubles) -> list[dict[str, str]]:
    """For ``errors``."""
    return [{"source": t.source, "prefix": t.prefix, "error": t.message, "remedy": t.remedy} for t in troubles.kept]


def show_troubles(troubles: Troubles, as_json: bool) -> None:
    """What could not be reached or read, on stderr; in a JSON answer it stands already."""
    if as_json:
        return
    for trouble in troubles.kept:
        note(f"archiver: {_where(trouble)}{trouble.message}")
        if trouble.remedy:
            note(f"  {trouble.remedy}")
    if troubles.total > len(troubles.kept):
        note(f"archiver: and {troubles.total - len(troubles.kept)} more like these")


def _where(trouble: Trouble) -> str:
    parts = [part for part in (trouble.source, trouble.prefix) if part]
    return f"{' '.join(parts)}: " if parts else ""


def exit_status(tally: Tally, troubles: Troubles, stopped: bool) -> int:
    """Failure before everything else; then an interruption; then what could not be judged or reached."""
    if tally.failed:
        return EXIT_INTEGRITY
    if stopped:
        return EXIT_INTERRUPTED
    return EXIT_UNREACHED if tally.indeterminate or troubles.total else EXIT_OK


def joined(parts: Iterable[tuple[int, str]]) -> str:
    """``3 archived, 1 failed``: the counts that are not zero."""
    return ", ".join(f"{count:,} {what}" for count, what in parts if count)
