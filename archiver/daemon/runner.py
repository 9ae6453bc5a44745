"""Runs jobs, each with the use cases of the moment, and lets no error of one reach another or end the daemon."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import structlog

from archiver.daemon.jobs import Job
from archiver.daemon.pulse import Pulse
from archiver.domain.records import Alert
from archiver.domain.times import format_time
from archiver.errors import ArchiverError, LeaseLostError, StoppedError
from archiver.wiring import App, utc_now

STUCK_AFTER: Final = 1800.0
"""Seconds without a sign of life after which a job counts as stuck: far beyond every timeout of a network or disk."""

_SAME_COMPLAINT_AFTER: Final = 600.0
"""Seconds for which a job's unchanged error is not logged again: some jobs run twice a minute."""


@dataclass(frozen=True, slots=True)
class _Bench:
    """A job's own view of the use cases: its stop flag, its sign of life."""

    app: App
    pulse: Pulse


@dataclass(frozen=True, slots=True)
class _Complaint:
    text: str
    at: float


class Runner:
    """*lost* is told when the lock that makes this the only daemon is gone. Every method is thread-safe."""

    def __init__(self, app: App, lost: Callable[[LeaseLostError], None]) -> None:
        self._lost = lost
        self._app = app
        self._benches: dict[str, _Bench] = {}
        self._running: dict[str, tuple[Job, Pulse]] = {}
        self._complaints: dict[str, _Complaint] = {}
        self._told: set[str] = set()
        self._stopping = False
        self._idle = threading.Condition()
        self.runs_ended = 0

    def change(self, app: App) -> None:
        """From now on jobs begin with *app*; those that run end with what they began with."""
        with self._idle:
            self._app = app
            self._benches.clear()

    def run(self, job: Job) -> None:
        """Does *job* once. Never raises, whatever *job* does."""
        with self._idle:
            if self._stopping:
                return
            bench = self._benches.get(job.name) or self._bench()
            self._benches[job.name] = bench
            bench.pulse.beat()
            self._running[job.name] = (job, bench.pulse)
        try:
            self._work(job, bench.app)
        finally:
            with self._idle:
                del self._running[job.name]
                self.runs_ended += not job.in_background
                self._idle.notify_all()

    def _bench(self) -> _Bench:
        pulse = Pulse()
        return _Bench(replace(self._app, stop=pulse, progress=pulse), pulse)

    def _work(self, job: Job, app: App) -> None:
        log = structlog.get_logger().bind(job=job.name)
        try:
            job.work(app, log)
        except StoppedError:
            log.info("stopped; what was done before stands")
        except LeaseLostError as error:
            self._lost(error)
        except ArchiverError as error:
            if self._is_news(job, str(error)):
                log.error(str(error), remedy=error.remedy, error=type(error).__name__)  # noqa: TRY400 - not a fault
            self._alert_of(job, error, f"{error}\n{error.remedy}")
        except Exception as error:  # a fault of ours: said loudly, and the other jobs go on
            if self._is_news(job, repr(error)):
                log.exception("unexpected error; this is a fault of archiver itself")
            # what it says may quote anything, and an alert is an event, which cannot be erased
            self._alert_of(job, error, f"unexpected {type(error).__name__}\nThe log shows what it says and where.")
        else:
            if self._complaints.pop(job.name, None) is not None:
                log.info("works again")

    def _is_news(self, job: Job, text: str) -> bool:
        last, now = self._complaints.get(job.name), time.monotonic()
        if last is not None and last.text == text and now - last.at < _SAME_COMPLAINT_AFTER:
            return False
        self._complaints[job.name] = _Complaint(text, now)
        return True

    def _alert_of(self, job: Job, error: Exception, text: str) -> None:
        cause = f"daemon:{job.name}:{type(error).__name__}:{format_time(utc_now())[:10]}"
        self.alert(Alert(cause, f"the daemon's job {job.name} failed", text))

    def alert(self, alert: Alert) -> None:
        """Queues *alert*; where the ledger cannot take it, says it at once, and once. Never raises."""
        if alert.cause in self._told:
            return
        try:
            self._app.ledger.journal.record([], [alert])
        except ArchiverError as error:
            log = structlog.get_logger()
            log.warning("an alert could not be recorded; it is sent now", error=str(error), title=alert.title)
            if refused := self._app.messenger().send(alert.title, alert.text):
                log.error("an alert could not be sent", refused=list(refused), title=alert.title)  # noqa: TRY400
                return
        self._told.add(alert.cause)

    def running(self) -> list[str]:
        """Names of the jobs that run, housekeeping left out."""
        with self._idle:
            return [job.name for job, _ in self._running.values() if not job.in_background]

    def stuck(self, after: float = STUCK_AFTER) -> list[str]:
        """Names of the jobs that run and gave no sign of life for *after* seconds."""
        with self._idle:
            return [job.name for job, pulse in self._running.values() if pulse.silence > after]

    def stop(self) -> None:
        """Asks running jobs to end; none begins any more."""
        with self._idle:
            self._stopping = True
            for _, pulse in self._running.values():
                pulse.set()

    def wait(self, seconds: float) -> list[str]:
        """Waits until no job runs, at most *seconds*; names of those that still do."""
        with self._idle:
            self._idle.wait_for(lambda: not self._running, timeout=seconds)
            return list(self._running)
