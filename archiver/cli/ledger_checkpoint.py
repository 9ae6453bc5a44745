"""``archiver ledger checkpoint``: the log's newest head, signed, published and vouched for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from archiver.cli.context import Cli, pass_cli
from archiver.cli.output import counted, note, print_json, say
from archiver.cli.pass_output import opened
from archiver.domain.times import format_optional
from archiver.errors import EXIT_INTEGRITY, EXIT_OK, UsageError

if TYPE_CHECKING:
    from archiver.domain.log_records import LogState
    from archiver.wiring import App
    from archiver.work.anchor import AnchorResult
    from archiver.work.checkpoint_accept import AcceptedHead
    from archiver.work.checkpoint_republish import Republished

_EPILOG: Final = """\b
Examples:
  archiver ledger checkpoint              if anything was recorded since the last one
  archiver ledger checkpoint --force      in any case, for instance before a copy leaves the house
  archiver ledger checkpoint --republish  after the archive's log folder was lost or put back from a backup
  archiver ledger checkpoint --accept-earlier "disk lost on 3 May, the backup of 2 May is all there is"
                                          after a restore that ends before the head that was signed last

--accept-earlier is for a later state that is lost for good: look for a copy of it first (docs/runbook.md). REASON
stays in a file beside the signing key, with the lost head; the log gets both heads, and that file's SHA-256.

\b
Exit status: 0 the newest head is signed, published, and vouched for by everybody under [anchors]; 1 ledger and
published log contradict each other, nothing was signed; 2 nothing was done (such as: nothing to accept); 3 the key
could not be used, or one under [anchors] could not be reached; 4 the ledger or the disk could not go on.
"""

_WARNING: Final = """\
What the lost head covered and is not here is not in the log any more. Whoever holds that head or a later one
(a report, a time stamp, a witness, a locked object) will rightly object to what is signed from now on.
"""


@click.command("checkpoint", short_help="Sign and publish the log's newest head.", epilog=_EPILOG)
@click.option("--force", is_flag=True, help="Also where nothing was recorded since the last one.")
@click.option("--republish", is_flag=True, help="Publish anew what is missing of the log's files, from the ledger.")
@click.option(
    "--accept-earlier", "reason", metavar="REASON", help="Go on without the head signed last, which is lost for good."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@pass_cli
def command(cli: Cli, force: bool, republish: bool, reason: str | None, as_json: bool) -> int:
    """Sign and publish the log's newest head, and have it vouched for.

    The ledger's events are the leaves of a Merkle tree. Its head, signed with the key under [custody], goes with the
    tree's files to the archive's log folder, where any tool for C2SP logs can check them, and to everybody under
    [anchors]. The daemon does so every [schedule] checkpoint_every, and commands that record something when they end,
    without [anchors].
    """
    from archiver.wiring import utc_now
    from archiver.wiring_log import trust_of
    from archiver.work.log_state import log_state

    if force + republish + (reason is not None) > 1:
        raise UsageError("--force, --republish and --accept-earlier exclude each other")
    with opened(cli, records=False) as app:
        anchors = app.anchors()
        accepted = _accepted(app, reason, as_json)
        republished = app.checkpoints().republish() if republish else None
        if republished is not None:
            made = republished.made
        else:
            made = app.checkpoints().make(force=force or anchors.due_for_renewal(utc_now()))
        results = anchors.run()
        state = log_state(app.ledger.log, trust_of(app.settings.custody, cli.environ))
        place = app.published.url
    if as_json:
        print_json(_fields(state, results, accepted, republished, made=made is not None))
    else:
        _say_republished(republished)
        _say(state, results, place, made=made is not None)
    return EXIT_INTEGRITY if republished and republished.differing else _status(results)


def _status(results: Sequence[AnchorResult]) -> int:
    statuses = {result.error.exit_status for result in results if result.error is not None}
    return EXIT_INTEGRITY if EXIT_INTEGRITY in statuses else max(statuses, default=EXIT_OK)


def _accepted(app: App, reason: str | None, as_json: bool) -> Sequence[AcceptedHead]:
    """What was gone on without, and said before anything is signed."""
    accepted = [] if reason is None else app.checkpoints().accept_earlier(reason)
    for one in accepted:
        tell = note if as_json else say
        lost = f"{counted(one.lost.size, 'event')}, root {one.lost.root.hex()}" if one.lost else "no head at all"
        tell("THE LOG GOES ON FROM AN EARLIER HEAD")
        tell(f"  lost          {lost}")
        tell(f"  gone on from  {counted(one.size, 'event')}, root {one.root}")
        tell(f"  because       {one.why}")
        tell(f"  kept          {one.kept}, and the reason beside it (.reason): delete neither")
        tell("  recorded      an event earlier_head_accepted, and an alert")
        for line in _WARNING.splitlines():
            tell(f"  {line}")
    return accepted


def _fields(
    state: LogState,
    results: Sequence[AnchorResult],
    accepted: Sequence[AcceptedHead],
    republished: Republished | None,
    *,
    made: bool,
) -> dict[str, Any]:
    return {
        "made": made,
        "size": state.head.size if state.head else 0,
        "root": _root(state),
        "at": format_optional(state.head_at),
        "key": state.key,
        "checkpoint": state.head.note if state.head else None,
        "restored": republished.restored if republished else 0,
        "differing": [
            {"path": one.path, "detail": one.detail} for one in (republished.differing if republished else ())
        ],
        "accepted": [
            {
                "lost_size": one.lost.size if one.lost else None,
                "lost_root": one.lost.root.hex() if one.lost else None,
                "size": one.size,
                "root": one.root,
                "kept": one.kept,
            }
            for one in accepted
        ],
        "anchors": [
            {
                "method": result.method,
                "name": result.name,
                "size": result.size,
                "proved_at": format_optional(result.proved_at),
                "error": None if result.error is None else str(result.error),
            }
            for result in results
        ],
    }


def _root(state: LogState) -> str | None:
    """The root of the newest head, 64 hex."""
    from archiver.log.checkpoint import read_checkpoint

    return read_checkpoint(state.head.note.encode("utf-8"))[0].root.hex() if state.head else None


def _say_republished(republished: Republished | None) -> None:
    if republished is None:
        return
    say(f"put back: {counted(republished.restored, 'file')}")
    for one in republished.differing:
        say(f"DIFFERS, and stays as it is: {one.path}: {one.detail}")
    if republished.differing:
        say("Nothing was signed. Find out whose these are (archiver ledger verify tells what is wrong with each),")
        say("move them out of the log folder, and run this again: then the ledger's come in their place.")


def _say(state: LogState, results: Sequence[AnchorResult], place: str, *, made: bool) -> None:
    if state.head is None:
        return
    done = "signed" if made else "nothing new since"
    say(f"{done}: {counted(state.head.size, 'event')}, root {_root(state)}")
    say(f"key: {state.key or '-'}")
    say(f"published: {place}")
    for result in results:
        who = f"{result.method} {result.name}"
        if result.error is None:
            say(f"{who}: vouches for it since {format_optional(result.proved_at)}")
            continue
        note(f"archiver: {who}: {result.error}")
        if result.error.remedy:
            note(f"  {result.error.remedy}")
