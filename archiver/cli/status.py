"""``archiver status``: the state of the whole archive, in figures."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import click

from archiver.cli.context import Cli, pass_cli
from archiver.cli.output import counted, human_size, note, print_json, verdict_text
from archiver.domain.log_records import KeyStanding
from archiver.domain.text import printable
from archiver.domain.times import format_optional
from archiver.domain.verdict import Verdict
from archiver.errors import EXIT_OK

if TYPE_CHECKING:
    from archiver.domain.log_records import LogState, LogTrust
    from archiver.settings import Settings
    from archiver.wiring import App

_EPILOG: Final = """\b
Examples:
  archiver status
  archiver status --json | jq .overdue
  archiver status --json | jq -e '.evidence.failed == 0'

Exit status: 0 whatever the figures are, 2 for a wrong configuration, 4 where the ledger cannot be read.
"""


@click.command("status", epilog=_EPILOG)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@pass_cli
def command(cli: Cli, as_json: bool) -> int:
    """Show counts by verdict, bytes, last sync, what is overdue.

    The figures are the ledger's: nothing is read again. Overdue is what has not been judged within [audit]
    reverify_after. The ledger's size is the number of its custody events and root the one of their tree; verified is
    when archiver ledger verify last went through it on record; a checkpoint is the log's signed head, and the log key
    verifies it.
    """
    from archiver import wiring
    from archiver.wiring_log import trust_of

    with closing(wiring.open_app(cli.settings(), cli.stop, cli.progress())) as app:
        status = _status(app, trust_of(cli.settings().custody, cli.environ, ask_kms=False))
    if as_json:
        print_json(status)
    else:
        _print(status, cli.settings())
    if status["custody"]["trouble"]:
        note(f"archiver: {status['custody']['trouble']}", cli.verbosity)
    return EXIT_OK


def _status(app: App, trust: LogTrust) -> dict[str, Any]:
    from archiver import wiring
    from archiver.log.note import parse_key
    from archiver.work.log_state import log_state

    reverify_after = app.settings.audit.reverify_after.total_seconds()
    totals = app.ledger.evidence.totals(wiring.utc_now(), reverify_after)
    alerts = app.ledger.outbox.waiting()
    log = log_state(app.ledger.log, trust)
    own = parse_key(trust.own) if trust.own else None
    return {
        "evidence": {
            verdict.value: totals.by_verdict.get(verdict, 0)
            for verdict in (Verdict.VERIFIED, Verdict.FAILED, Verdict.INDETERMINATE)
        },
        "pending": totals.pending,
        "bytes": totals.size,
        "overdue": totals.overdue,
        "oldest_audit_at": format_optional(totals.oldest_audit_at),
        "last_sync_at": format_optional(totals.last_sync_at),
        "ledger": {
            "url": app.ledger.url,
            "size": log.size,
            "root": log.root,
            "last_checkpoint_at": format_optional(log.head_at),
            "checkpoint_size": log.head.size if log.head else None,
            "key": log.key,
            "claimed_keys": [{"key": one.key, "standing": one.standing.value} for one in log.claimed],
            "checkpoint_trouble": log.head_trouble or None,
            "last_verified_at": format_optional(log.verified.at) if log.verified else None,
            "last_verified_problems": log.verified.problems if log.verified and log.verified.at else None,
            "last_verified_size": log.verified.size if log.verified and log.verified.at else None,
            "last_verified_event": log.verified.seq if log.verified else None,
        },
        "archive": {"url": app.store.url, "free_bytes": app.store.free_bytes()},
        "alerts": {
            "undelivered": alerts.count,
            "oldest": format_optional(alerts.oldest),
            "refused": list(alerts.refused),
        },
        "sources": [_source(app, source.name, source.url) for source in app.settings.sources],
        "custody": {
            "origin": app.settings.custody.origin,
            "key": str(own) if own else None,
            "public_key": own.public.hex() if own else None,
            "trouble": _trouble(app, log),
        },
    }


def _trouble(app: App, log: LogState) -> str | None:
    """What is wrong with the log's key, in words. That AWS KMS is not asked is as it should be."""
    for key in log.strangers:
        return f"the ledger calls {key} the log's key, and that is NOT the configured key"
    newest = log.claimed[-1].key if log.claimed else None
    if log.trust.own and newest and newest not in log.trust.keys:
        return f"[custody] signing_key is {log.trust.own}, and the log's newest key is {newest}"
    if log.trust.unasked:
        return None if app.settings.custody.is_kms else log.trust.unasked
    return None


def _source(app: App, name: str, url: str) -> dict[str, Any]:
    status = app.ledger.deliveries.status(name)
    return {
        "name": name,
        "url": url,
        "last_sync_at": format_optional(status.last_sync_at),
        "last_full_at": format_optional(status.last_full_at),
        "last_full_objects": status.last_full_objects,
        "failing_since": format_optional(status.failing_since),
    }


def _print(status: dict[str, Any], settings: Settings) -> None:
    counts = [(verdict, count) for verdict, count in status["evidence"].items() if count]
    shown = ", ".join(f"{count} {verdict_text(verdict)}" for verdict, count in counts)
    _shown_row("evidence", shown or "none yet", f"{human_size(status['bytes'])} archived")
    if status["pending"]:
        _row("pending", f"{status['pending']} still arriving")
    days = settings.audit.reverify_after.total_seconds() / 86_400
    _row("overdue", f"{status['overdue']} not judged within {days:g} days" if status["overdue"] else "none")
    _row("oldest audit", status["oldest_audit_at"] or "-")
    _row("last sync", status["last_sync_at"] or "never")
    _row("ledger", status["ledger"]["url"], counted(status["ledger"]["size"], "custody event"))
    _log_rows(status["ledger"])
    _row("archive", status["archive"]["url"], f"{human_size(status['archive']['free_bytes'])} free")
    _alerts_row(status["alerts"])
    for source in status["sources"]:
        failing = f"FAILING since {source['failing_since']}" if source["failing_since"] else ""
        synced = f"last sync {source['last_sync_at']}" if source["last_sync_at"] else "never synced"
        _row("source", f"{source['name']}: {source['url']}", failing or synced)


def _log_rows(ledger: dict[str, Any]) -> None:
    _row("root", ledger["root"] or "cannot be read: archiver ledger verify")
    _verified_row(ledger)
    covered = ledger["checkpoint_size"]
    if covered is None:
        _row("checkpoint", "none signed yet")
    else:
        since = ledger["size"] - covered
        lag = f"{counted(since, 'event')} since" if since else "nothing since"
        _row("checkpoint", f"{counted(covered, 'event')}, {ledger['last_checkpoint_at'] or 'no readable time'}", lag)
    if ledger["checkpoint_trouble"]:
        _row("", f"NOT verified: {ledger['checkpoint_trouble']}")
    standings = {one["key"]: KeyStanding(one["standing"]) for one in ledger["claimed_keys"]}
    alone = standings.get(ledger["key"]) is KeyStanding.NOT_COMPARED
    doubt = ["by the ledger's word alone, NOT compared with the configured key"] if alone else []
    _row("log key", ledger["key"] or "none", *doubt)
    for key, standing in standings.items():
        if standing is KeyStanding.NOT_CONFIGURED:
            _row("", f"the ledger names {key}, which is NOT the configured key")


def _verified_row(ledger: dict[str, Any]) -> None:
    """When the ledger was verified last, by its own word."""
    if ledger["last_verified_event"] is None:
        _row("verified", "never (no ledger verify is on record)")
    elif ledger["last_verified_at"] is None:
        _row("verified", f"event {ledger['last_verified_event']} tells, and CANNOT BE READ: archiver ledger verify")
    else:
        problems = ledger["last_verified_problems"]
        found = f"{counted(problems, 'problem').upper()} FOUND" if problems else "no problem found"
        of = f"in the first {counted(ledger['last_verified_size'], 'event')}"
        _row("verified", f"{ledger['last_verified_at']}, {found} {of}")


def _alerts_row(alerts: dict[str, Any]) -> None:
    if not alerts["undelivered"]:
        _row("alerts", "all delivered")
        return
    since = f"the oldest of {alerts['oldest']}" if alerts["oldest"] else "the oldest of no readable time"
    to = f"refused by {', '.join(alerts['refused'])}" if alerts["refused"] else "not tried yet"
    _row("alerts", f"{alerts['undelivered']} NOT DELIVERED", since, to)


def _row(name: str, *values: str) -> None:
    """One figure, made printable: what the ledger's tables hold may be anybody's."""
    _shown_row(name, *(printable(value, 2000) for value in values))


def _shown_row(name: str, *values: str) -> None:
    """One figure of which nothing is from outside: verdicts come in colour."""
    click.echo(f"{name:13} " + "; ".join(values))
