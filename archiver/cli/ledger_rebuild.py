"""``archiver ledger rebuild``: a lost ledger made anew from the archive and its published log."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import click

from archiver.cli.context import Cli, pass_cli
from archiver.cli.main import EXIT_INTERRUPTED
from archiver.cli.output import counted, note, print_json, say
from archiver.errors import EXIT_INTEGRITY, EXIT_OK, StoppedError

if TYPE_CHECKING:
    from archiver.work.rebuild import Rebuilt

_SHOWN: Final = 20
"""Items of one kind that are listed for people; --json has all."""

_EPILOG: Final = """\b
Examples:
  archiver ledger rebuild --dry-run       read and check everything, write nothing
  archiver ledger rebuild                 then: archiver ledger verify && archiver audit --all
  archiver ledger rebuild --json | jq .unknown

The ledger that [ledger] url names must not be there: move a damaged one away first. docs/runbook.md has the steps.

Exit status: 0 the ledger is rebuilt; 1 it is not, for the published log is not what was signed (it says where), or
it is and heads, events or evidence that the log tells of are not there, or it does not reach the head that was
signed last (--dry-run says so before); 2 nothing was done (there is a ledger, or no
log); 4 it could not go on, and there is no new ledger.
"""


@click.command("rebuild", short_help="Make a lost ledger anew from archive and published log.", epilog=_EPILOG)
@click.option("--dry-run", is_flag=True, help="Read and check everything; write nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@pass_cli
def command(cli: Cli, dry_run: bool, as_json: bool) -> int:
    """Make a ledger that was lost anew, from nothing but the archive and the log that is published in it.

    Takes the newest published checkpoint that is signed with the log's key, holds every entry and tile against it,
    and replays the events: every row is as it was. What came after that checkpoint is lost. What else could not be
    rebuilt is listed: archived folders that no event tells of (the next sync or import takes them in), evidence and
    checkpoints that are gone. A ledger that is there is never touched.
    """
    from archiver.cli.log_head import sign_head_of
    from archiver.wiring_rebuild import rebuilder

    settings = cli.settings()
    cli.catch_signals()
    began = time.monotonic()
    try:
        rebuilt = rebuilder(settings, cli.stop, cli.progress()).run(dry=dry_run)
    except StoppedError:
        note("archiver: interrupted; there is no new ledger")
        return EXIT_INTERRUPTED
    if as_json:
        print_json(_fields(rebuilt, dry_run, settings.ledger.shown_url, time.monotonic() - began))
    else:
        _say(rebuilt, dry_run, settings.ledger.shown_url)
    if not dry_run:  # last, for a head that contradicts what is remembered ends the command
        sign_head_of(cli, settings)
    return EXIT_OK if rebuilt.is_whole else EXIT_INTEGRITY


def _fields(rebuilt: Rebuilt, dry_run: bool, url: str, seconds: float) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "ledger": url,
        "size": rebuilt.events,
        "root": rebuilt.root,
        "head": rebuilt.head,
        "evidence": rebuilt.evidence,
        "keys": rebuilt.keys,
        "checkpoints": rebuilt.checkpoints,
        "anchors": rebuilt.anchors,
        "warnings": list(rebuilt.warnings),
        "lost_heads": list(rebuilt.lost_heads),
        "missing": [{"id": item, "path": path} for item, path in rebuilt.missing],
        "unknown": list(rebuilt.unknown),
        "folders_compared": rebuilt.listed,
        "set_aside": list(rebuilt.set_aside),
        "last_heads": [
            {
                "place": one.place,
                "size": one.head.size if one.head else None,
                "root": one.head.root.hex() if one.head else None,
                "trouble": one.trouble or None,
            }
            for one in rebuilt.last_heads
        ],
        "beyond": {"first": rebuilt.events, "last": rebuilt.beyond - 1} if rebuilt.beyond else None,
        "seconds": round(seconds, 3),
    }


def _say(rebuilt: Rebuilt, dry_run: bool, url: str) -> None:
    from archiver.work.rebuild_last import REMEDY

    what = ", ".join(
        (
            counted(rebuilt.events, "event"),
            counted(rebuilt.evidence, "item"),
            counted(rebuilt.keys, "key"),
            counted(rebuilt.checkpoints, "checkpoint"),
            counted(rebuilt.anchors, "anchor"),
        )
    )
    say(f"{'can be rebuilt' if dry_run else 'rebuilt'}: {url}: {what}")
    say(f"  head  {rebuilt.events} leaves, root {rebuilt.root} ({rebuilt.head})")
    if rebuilt.beyond:
        say(f"  NOT in the ledger: events {rebuilt.events} to {rebuilt.beyond - 1}. The log folder had entries or")
        say("    tiles of them, and no signed checkpoint: one was never finished, or somebody took it away")
    for one in rebuilt.last_heads:
        if one.trouble:
            say(f"  SHORTER OR OTHER THAN WHAT WAS SIGNED: {one.trouble}")
            say(f"    {REMEDY}")
    for warning in rebuilt.warnings:
        say(f"  warning: {warning}")
    _list("checkpoints that the log tells of and that are not there, or not good", map(str, rebuilt.lost_heads))
    _list("evidence that the log tells of and whose folder is not there", (" ".join(one) for one in rebuilt.missing))
    _list("folders that no event tells of; the next sync or import takes them in", rebuilt.unknown)
    _list("set aside, for no signed checkpoint covers it", rebuilt.set_aside)
    say("What happened after that checkpoint is not in the log, and so not in the ledger.")


def _list(title: str, items: Any) -> None:
    lines = list(items)
    if not lines:
        return
    say(f"  {title}: {len(lines):,}")
    for line in lines[:_SHOWN]:
        say(f"    {line}")
    if len(lines) > _SHOWN:
        say(f"    … and {len(lines) - _SHOWN:,} more (--json lists them all)")
