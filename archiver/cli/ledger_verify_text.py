"""How ``ledger verify`` tells what it found: as text, causes first, and as JSON."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from archiver.cli.output import counted, say

if TYPE_CHECKING:
    from archiver.domain.log_records import Problem
    from archiver.work.log_verify_report import LogReport

RUNBOOK: Final = "docs/runbook.md"

NAMES_PROBLEMS: Final = "Ledger verify names problems"
LEDGER_LOST: Final = "The ledger is lost or damaged"
LOG_LOST: Final = "The log folder of the archive is lost, or an older copy of it was put back"
NOT_CONTINUED: Final = "The head signed last"
"""How sections of the runbook begin."""


def line_of(problem: Problem) -> str:
    """One problem: kind, where, what."""
    return f"{problem.kind:24}{_where(problem):32}  {problem.detail}"


def _where(problem: Problem) -> str:
    event = "" if problem.seq is None else f"event {problem.seq}"
    return ", ".join(part for part in (event, problem.table or "") if part)


def json_of(report: LogReport) -> dict[str, Any]:
    """The fields of *report* that are printed as JSON."""
    fields = asdict(report)
    del fields["failed"], fields["unreached"], fields["suspects"]
    return fields | {"causes": report.causes, "seconds": round(report.seconds, 3)}


def say_problems(problems: Sequence[Problem]) -> None:
    """Each of *problems* on a line: those that lead, and indented below each what follows from it."""
    following: dict[int, list[Problem]] = defaultdict(list)
    leading = []
    for problem in sorted(problems, key=lambda problem: problem.rank):
        if problem.because is None:
            leading.append(problem)
        else:
            following[problem.because].append(problem)
    for problem in leading:
        say(line_of(problem))
        if problem.seq is None or problem.kind.startswith(("row_", "tree_", "published_", "anchor_")):
            continue
        followers = following.pop(problem.seq, ())
        if followers:
            follow = "follows" if len(followers) == 1 else "follow"
            say(f"  {counted(len(followers), 'problem')} that {follow} from it, as far as can be told:")
        for follower in followers:
            say(f"  {line_of(follower)}")
    for followers in following.values():  # what they follow from is beyond those that are held
        for problem in followers:
            say(line_of(problem))


def say_report(report: LogReport) -> None:
    """Everything that is to be said behind the problems."""
    for line in report.notes:
        say(f"note: {line}")
    for head in report.heads_held:
        says = {True: "the log continues it", False: "THE LOG DOES NOT CONTINUE IT", None: "not held against the log"}
        say(f"kept head of {counted(head.size, 'event')}, {head.place}: {says[head.holds]}")
    looked_at = ", ".join(
        (
            counted(report.events_checked, "event"),
            counted(report.rows_checked, "row"),
            counted(report.checkpoints, "checkpoint"),
            counted(report.keys, "key"),
            counted(report.anchors, "anchor"),
        )
    )
    say(f"{_headline(report)}: {looked_at} ({report.seconds:.1f} s)")
    say(f"log of {report.size} events, root {report.root or 'not known'}")
    for section in sections(report.problems):
        say(f"what to do: {RUNBOOK}: {section}")


def _headline(report: LogReport) -> str:
    if report.problem_count:
        follow = len(report.problems) - report.causes
        ones = f" ({counted(report.causes, 'cause')}, {follow:,} that follow)" if follow else ""
        found = f"{counted(report.problem_count, 'problem')}{ones}"
    else:
        found = "no problem found"
    if not report.signer_checked:
        return f"{found}; who signed was not checked"
    return f"{found}; not everything was checked, see the notes" if report.unreached else found


def sections(problems: Sequence[Problem]) -> list[str]:
    """The sections of the runbook that fit *problems*, the most fitting first."""
    return list(dict.fromkeys([*_special(problems), NAMES_PROBLEMS])) if problems else []


def _special(problems: Sequence[Problem]) -> Iterator[str]:
    kinds = {problem.kind for problem in problems if problem.because is None}
    if kinds & {"ledger_behind", "checkpoint_inconsistent"}:
        yield NOT_CONTINUED
    if kinds <= {"published_missing", "checkpoint_missing", "anchor_missing"}:
        yield LOG_LOST
