"""The daemon's job that verifies the ledger, as ``ledger verify --record`` does, and alerts to whatever is new."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from structlog.typing import FilteringBoundLogger

from archiver.domain.log_records import Problem
from archiver.domain.records import Alert
from archiver.domain.text import printable
from archiver.wiring import App, utc_now
from archiver.wiring_ledger import log_verifier
from archiver.work.log_verified import verified_entry
from archiver.work.log_verify_report import LogReport

_SHOWN: Final = 20
"""Problems that an alert names, and that are logged; `archiver ledger verify` shows all."""


def ledger(app: App, log: FilteringBoundLogger) -> None:
    """The whole log, held against what was signed; those who anchor are asked, too. What came of it is recorded."""
    report = log_verifier(app).run(online=True)
    for problem in _first(report):
        log.error(problem.kind, seq=problem.seq, table=problem.table, detail=problem.detail)
    for note in report.notes:
        log.warning(note)
    say, what = log.info, "ledger verified: no problem found"
    if report.failed:
        say, what = log.error, "ledger verify found problems"
    elif report.unreached:
        say, what = log.warning, "ledger verified in part: something could not be read or asked"
    say(
        what,
        events=report.events_checked,
        rows=report.rows_checked,
        checkpoints=report.checkpoints,
        anchors=report.anchors,
        problems=report.problem_count,
        seconds=round(report.seconds, 3),
    )
    entry = verified_entry(report, utc_now())
    app.ledger.journal.record([entry], [alert_of(report)] if report.problems else [])


def alert_of(report: LogReport) -> Alert:
    """The alert for the problems of *report*: the same one for the same kinds at the same places."""
    shown = _first(report)
    more = report.problem_count - len(shown)
    return Alert(
        cause=f"ledger:{_digest(report.problems)}",
        title=f"ledger verify: {_count(report.problem_count)}, the first is {shown[0].kind}",
        text="\n".join(
            [
                *(f"{problem.kind}: {_where(problem)}{printable(problem.detail)}" for problem in shown),
                *([f"and {more} more"] if more else []),
                "See: archiver ledger verify, and docs/runbook.md for what each kind means and what to do.",
            ]
        ),
    )


def _first(report: LogReport) -> list[Problem]:
    """The problems to name: those that lead before those that follow from them."""
    return sorted(report.problems, key=lambda problem: problem.because is not None)[:_SHOWN]


def _digest(problems: Sequence[Problem]) -> str:
    places = sorted({f"{problem.kind}\0{problem.seq}\0{problem.table}" for problem in problems})
    return hashlib.sha256("\1".join(places).encode("utf-8", "surrogatepass")).hexdigest()


def _where(problem: Problem) -> str:
    event = "" if problem.seq is None else f"event {problem.seq}"
    where = ", ".join(part for part in (event, problem.table or "") if part)
    return f"{printable(where)}: " if where else ""


def _count(problems: int) -> str:
    return "1 problem" if problems == 1 else f"{problems:,} problems"
