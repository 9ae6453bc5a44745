"""The daemon's jobs, as values: what each does with the use cases of the moment, and when it is due.

A job reads as the command of the same name does, and says in one line of log what came of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from structlog.typing import FilteringBoundLogger

from archiver.daemon.checkpoint_job import checkpoint
from archiver.daemon.verify_job import ledger
from archiver.domain.records import Selection
from archiver.domain.verdict import Verdict
from archiver.errors import BusyError
from archiver.settings import ScheduleSettings
from archiver.settings_values import Cron
from archiver.wiring import App, utc_now
from archiver.work.audit import AuditResult, Budget
from archiver.work.intake import IntakeResult
from archiver.work.items import Item, Tally, Tell, Troubles
from archiver.work.keys import harvest
from archiver.work.rejudge import rejudge

Work = Callable[[App, FilteringBoundLogger], None]
"""Does a job once. Raises any ArchiverError; the runner deals with it."""


@dataclass(frozen=True, slots=True)
class Job:
    """``timing``: what the schedule says of it. ``first_after``: the start, for a job with an interval.

    ``jitter``: part of its interval by which a run may come later. ``in_background``: housekeeping that nobody
    wants to read about.
    """

    name: str
    work: Work
    timing: Callable[[ScheduleSettings], timedelta | Cron]
    first_after: timedelta
    jitter: float = 0.0
    in_background: bool = False


def sync(app: App, log: FilteringBoundLogger) -> None:
    """Every source, several at once; then items whose key has come."""
    free = [plan for plan in app.plans() if _is_free(app, f"sync:{plan.source.name}")]
    for name in set(app.sources) - {plan.source.name for plan in free}:
        log.info("another process syncs this source", source=name)
    if free:
        result = app.sync().run(free, _teller(log))
        _log_troubles(log, result.troubles)
        names = ",".join(plan.source.name for plan in free)
        _summary(log, "synced", result.tally, result.troubles, sources=names, **_intake_counts(result))
    if not app.stop.is_set() and _is_free(app, "audit"):
        again = rejudge(app.ledger.evidence, app.audit(occasion="key"), _teller(log))
        if again is not None:
            _summary(log, "judged with keys that have come", again.tally, again.troubles, **_audit_counts(again))


def audit(app: App, log: FilteringBoundLogger) -> None:
    """What is due, the longest due first, within ``[audit] max_time``."""
    if not _is_free(app, "audit"):
        log.info("another process audits")
        return
    budget = Budget(max_time=app.settings.audit.max_time)
    now = utc_now()
    due = Selection(due_at=now, judged_before=now - app.settings.audit.reverify_after)
    result = app.audit().run(due, _teller(log), budget, due_first=True)
    _log_troubles(log, result.troubles)
    _summary(log, "audited", result.tally, result.troubles, **_audit_counts(result))


def keys(app: App, log: FilteringBoundLogger) -> None:
    """Every key that AWS still lists, of every Region that a source names."""
    for asked in harvest(app.keeper, app.authorities(), utc_now, app.ledger.journal):
        if asked.admission is None:
            log.warning("keys not harvested", region=asked.region, error=str(asked.error))
            continue
        admission = asked.admission
        tell = log.warning if admission.rejected else log.info
        rejected = len(admission.rejected)
        tell("keys harvested", region=asked.region, new=admission.new, known=admission.known, rejected=rejected)


def alerts(app: App, log: FilteringBoundLogger) -> None:
    """What is queued and due to be told."""
    delivered, failed = app.send_alerts()
    if failed:
        to = ", ".join(app.ledger.outbox.waiting().refused)
        log.warning("alerts not delivered; they are tried again", failed=failed, delivered=delivered, to=to)
    elif delivered:
        log.info("alerts delivered", delivered=delivered)


ALERTS_EVERY: Final = timedelta(seconds=30)

JOBS: Final = (
    Job("keys", keys, lambda s: s.keys_every, timedelta(0)),
    Job("sync", sync, lambda s: s.sync_every, timedelta(seconds=1)),
    Job("audit", audit, lambda s: s.audit_every, timedelta(seconds=10), jitter=0.05),
    Job("checkpoint", checkpoint, lambda s: s.checkpoint_every, timedelta(seconds=30)),
    Job("ledger", ledger, lambda s: s.ledger_verify_every, timedelta(minutes=5), jitter=0.05),
    Job("alerts", alerts, lambda _: ALERTS_EVERY, timedelta(seconds=3), in_background=True),
)
"""Keys come first: a first sync that finds them need not ask for each."""


def _is_free(app: App, lock: str) -> bool:
    """False where somebody else does this very thing now: what they do need not be done again after them."""
    try:
        with app.ledger.locks.hold(lock, wait=False):
            return True
    except BusyError:
        return False


def _teller(log: FilteringBoundLogger) -> Tell:
    def tell(item: Item) -> None:
        say = {Verdict.FAILED: log.error, Verdict.INDETERMINATE: log.warning}.get(
            item.verdict, log.warning if item.findings else log.debug
        )
        codes = ",".join((*item.reasons, *item.findings))
        say(item.verdict.value, id=item.id, source=item.source, prefix=item.prefix, why=codes)

    return tell


def _log_troubles(log: FilteringBoundLogger, troubles: Troubles) -> None:
    for trouble in troubles.kept:
        log.warning(trouble.message, source=trouble.source, prefix=trouble.prefix, remedy=trouble.remedy)


def _summary(log: FilteringBoundLogger, event: str, tally: Tally, troubles: Troubles, **counts: Any) -> None:
    say = log.warning if tally.failed or troubles.total else log.info
    say(
        event,
        **counts,
        verified=tally.verified,
        failed=tally.failed,
        indeterminate=tally.indeterminate,
        bytes=tally.size,
        errors=troubles.total,
    )


def _intake_counts(result: IntakeResult) -> dict[str, Any]:
    return {
        "discovered": result.discovered,
        "archived": result.archived,
        "unchanged": result.unchanged,
        "pending": result.pending,
        "gone": result.gone,
        "seconds": round(result.seconds, 3),
    }


def _audit_counts(result: AuditResult) -> dict[str, Any]:
    return {"audited": result.audited, "stopped_by": result.stopped_by, "seconds": round(result.seconds, 3)}
