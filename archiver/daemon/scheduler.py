"""When jobs run: APScheduler with its jobs in memory, built from the settings. Items' due times are in the ledger."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfoNotFoundError

from apscheduler.events import EVENT_JOB_MAX_INSTANCES, EVENT_JOB_SUBMITTED
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from archiver.daemon.jobs import Job
from archiver.errors import SettingsError
from archiver.settings import ScheduleSettings
from archiver.settings_values import Cron

_MOST_JITTER: Final = 300.0
"""Seconds."""

_SOON: Final = timedelta(seconds=1)


class Schedule:
    """Calls *run* with each of *jobs* when it is due, each in a thread of its own and never twice at a time.

    A run that comes due while the one before is going on is left out; runs that were missed are made up for once.
    """

    def __init__(self, jobs: Sequence[Job], run: Callable[[Job], None]) -> None:
        # A pass that takes longer than its interval is no reason to warn; errors still are.
        logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)
        self._jobs = jobs
        self._run = run
        self._beat_at = time.monotonic()
        self._scheduler: Any = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(len(jobs), {"thread_name_prefix": "job"})},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        self._scheduler.add_listener(self._beat, EVENT_JOB_SUBMITTED | EVENT_JOB_MAX_INSTANCES)

    def start(self, settings: ScheduleSettings, now: datetime) -> None:
        """Begins. Jobs with an interval run first soon after *now*, those with a crontab when that says so.

        Raises SettingsError where the system's time zone is unknown and a crontab needs it.
        """
        for job in self._jobs:
            timing = job.timing(settings)
            first = {} if isinstance(timing, Cron) else {"next_run_time": now + job.first_after}
            self._scheduler.add_job(self._run, trigger_of(timing, job.jitter), args=[job], id=job.name, **first)
        self._beat_at = time.monotonic()
        self._scheduler.start()

    def change(self, before: ScheduleSettings, after: ScheduleSettings) -> list[str]:
        """Jobs whose timing differs get the new one; their names. Raises SettingsError before any is changed."""
        changed = [job for job in self._jobs if job.timing(before) != job.timing(after)]
        triggers = [trigger_of(job.timing(after), job.jitter) for job in changed]
        for job, trigger in zip(changed, triggers, strict=True):
            self._scheduler.reschedule_job(job.name, trigger=trigger)
        return [job.name for job in changed]

    def rebase(self, settings: ScheduleSettings, now: datetime) -> None:
        """The clock was put back to *now*: jobs with an interval run soon, instead of at a time far ahead."""
        for job in self._jobs:
            trigger = trigger_of(job.timing(settings), job.jitter)
            self._scheduler.reschedule_job(job.name, trigger=trigger)
            if isinstance(trigger, IntervalTrigger):
                self._scheduler.modify_job(job.name, next_run_time=now + _SOON)

    def next_run(self, name: str) -> datetime | None:
        """When job *name* is due next."""
        job = self._scheduler.get_job(name)
        return None if job is None else job.next_run_time

    @property
    def silence(self) -> float:
        """Seconds since the scheduler's thread last did something."""
        return time.monotonic() - self._beat_at

    def stop(self) -> None:
        """No job begins any more. Does not wait for those that run: they are to be stopped first."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def _beat(self, _event: object) -> None:
        self._beat_at = time.monotonic()


def trigger_of(timing: timedelta | Cron, jitter: float = 0.0) -> IntervalTrigger | CronTrigger:
    """*timing* as APScheduler has it; crontabs mean the system's time zone. Raises SettingsError."""
    if isinstance(timing, Cron):
        try:
            return CronTrigger.from_crontab(timing.cron)
        except (ValueError, ZoneInfoNotFoundError) as error:
            raise SettingsError(
                f"[schedule] cron = {timing.cron!r}: {error}", "Check TZ and /etc/localtime."
            ) from error
    seconds = timing.total_seconds()
    return IntervalTrigger(seconds=seconds, timezone=UTC, jitter=min(_MOST_JITTER, seconds * jitter) or None)
