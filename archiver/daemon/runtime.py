"""The daemon from start to end: one process a ledger, obedient to signals, watched by systemd."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from queue import Empty, SimpleQueue
from typing import Final

import structlog
from structlog.typing import FilteringBoundLogger

from archiver.daemon.checkpoint_job import last_checkpoint
from archiver.daemon.jobs import JOBS, Job
from archiver.daemon.reload import effective
from archiver.daemon.runner import Runner
from archiver.daemon.scheduler import Schedule
from archiver.daemon.sd_notify import notifier
from archiver.daemon.signals import Signals, Wish, leave
from archiver.daemon.status import status_line
from archiver.domain.custody import ConfigurationChanged, DaemonStarted, DaemonStopped
from archiver.domain.records import Alert, Totals
from archiver.domain.times import format_time
from archiver.errors import ArchiverError, BusyError, LeaseLostError, UsageError
from archiver.settings import Settings, changed_sections
from archiver.wiring import App, utc_now

_JOBS_END_SECONDS: Final = 8.0
"""How long running jobs are waited for once the daemon is to end."""

_LOOK_EVERY: Final = timedelta(seconds=5)
_TICK_SECONDS: Final = 2.0
_SCHEDULER_SILENT_SECONDS: Final = 120.0
"""The scheduler's thread does something twelve times a minute: silent for this long, it is dead."""

_CLOCK_BACK_SECONDS: Final = 60.0
_FIGURES_EVERY: Final = 300.0


def serve(app: App, read_settings: Callable[[], Settings], environ: Mapping[str, str]) -> int:
    """Runs the daemon over *app* until a signal ends it; the exit status. Main thread only.

    *read_settings*: reads the configuration anew. Raises BusyError where a daemon of this ledger runs already,
    UsageError or SettingsError for what cannot work, LeaseLostError where the ledger's lock is lost.
    """
    app.messenger()  # a bad address is told now, not with the first alert
    with ExitStack() as held:
        try:
            held.enter_context(app.ledger.locks.hold("daemon", wait=False))
        except BusyError as error:
            raise BusyError(
                f"a daemon runs on ledger {app.ledger.url} already: {error}",
                "Only one daemon works on a ledger; every other command may be used beside it.",
            ) from error
        return Daemon(app, read_settings, environ).run()


class Daemon:
    """One run of the daemon."""

    def __init__(self, app: App, read_settings: Callable[[], Settings], environ: Mapping[str, str]) -> None:
        self._app = app
        self._read_settings = read_settings
        self._notifier = notifier(environ)
        self._log: FilteringBoundLogger = structlog.get_logger()
        self._wishes: SimpleQueue[Wish | LeaseLostError] = SimpleQueue()
        self._runner = Runner(app, self._wishes.put)
        watch = Job("watch", self._look, lambda _: _LOOK_EVERY, timedelta(0), in_background=True)
        self._schedule = Schedule([*JOBS, watch], self._runner.run)
        self._totals: Totals | None = None
        self._counted = (-1, 0.0)
        self._shown = ""
        self._complained: list[str] = []
        self._clock_offset = time.time() - time.monotonic()

    def run(self) -> int:
        """Until SIGTERM or SIGINT: 0. Raises LeaseLostError."""
        with Signals(self._wishes.put):
            self._start()
            try:
                self._loop()
            except LeaseLostError as error:
                self._end(error)
                raise
            except BaseException:
                self._runner.stop()
                self._schedule.stop()
                raise
            self._end(None)
            return 0

    def _start(self) -> None:
        settings = self._app.settings
        started = DaemonStarted(at=utc_now(), pid=os.getpid(), configuration_sha256=settings.fingerprint())
        self._app.ledger.journal.record([started])
        self._schedule.start(settings.schedule, utc_now())
        names = ", ".join(s.name for s in settings.sources)
        self._log.info(
            "started", pid=os.getpid(), ledger=self._app.ledger.url, archive=settings.archive.url, sources=names
        )
        if not names:
            self._log.warning("no source is configured: what is archived is audited, nothing is fetched")
        self._notifier.ready()

    def _loop(self) -> None:
        watchdog = self._notifier.watchdog
        pace = _TICK_SECONDS if watchdog is None else min(_TICK_SECONDS, watchdog / 3)
        while True:
            self._tick()
            try:
                wish = self._wishes.get(timeout=pace)
            except Empty:
                continue
            if isinstance(wish, LeaseLostError):
                raise wish
            if wish is Wish.STOP:
                return
            self._reload()

    def _tick(self) -> None:
        """A sign of life, if there is life; the status line, if it is another one."""
        self._follow_clock()
        stuck = self._runner.stuck()
        if self._schedule.silence > _SCHEDULER_SILENT_SECONDS:
            stuck.append("the scheduler")
        if not stuck:
            self._notifier.alive()
        if stuck != self._complained:
            self._complained = stuck
            if stuck:
                self._log.critical("stuck; the watchdog, if there is one, ends this process", jobs=", ".join(stuck))
        line = status_line(self._runner.running(), self._totals, self._schedule.next_run("sync"), utc_now())
        if line != self._shown:
            self._shown = line
            self._notifier.status(line)

    def _follow_clock(self) -> None:
        """A clock that was put back would leave every job waiting until it has caught up."""
        offset = time.time() - time.monotonic()
        if offset < self._clock_offset - _CLOCK_BACK_SECONDS:
            self._log.warning("the clock was put back", seconds=round(self._clock_offset - offset))
            self._schedule.rebase(self._app.settings.schedule, utc_now())
        self._clock_offset = offset

    def _look(self, app: App, _log: FilteringBoundLogger) -> None:
        """A job: is the lock still ours, and how do things stand? Not in the main thread: the ledger may hang."""
        app.ledger.locks.check()
        ended, counted_at = self._counted
        if self._runner.runs_ended != ended or time.monotonic() - counted_at > _FIGURES_EVERY:
            self._counted = (self._runner.runs_ended, time.monotonic())
            self._totals = app.ledger.evidence.totals(utc_now(), app.settings.audit.reverify_after.total_seconds())

    def _reload(self) -> None:
        self._notifier.reloading()
        try:
            self._change(self._read_settings())
        except UsageError as error:
            self._log.error("the new configuration cannot be used; the old one stays", error=str(error))
            cause = f"configuration:{format_time(utc_now())[:16]}:{error}"
            text = f"{error}\n{error.remedy}\nThe daemon goes on with the configuration it had."
            self._runner.alert(Alert(cause, "the new configuration cannot be used", text))
        except ArchiverError as error:
            self._log.error("not reloaded; the old configuration stays", error=str(error))
        self._notifier.ready()

    def _change(self, read: Settings) -> None:
        """Raises UsageError where *read* cannot work, LedgerError; then everything is as it was."""
        before = self._app.settings
        after, kept = effective(before, read)
        for key in kept:
            self._log.warning(f"{key} has changed: that needs a restart; the old one stays")
        changed = changed_sections(before, after)
        if not changed:
            self._log.info("reloaded; nothing has changed")
            return
        app = replace(self._app, settings=after, accesses={})
        app.messenger()
        entry = ConfigurationChanged(
            at=utc_now(),
            before_sha256=before.fingerprint(),
            after_sha256=after.fingerprint(),
            changed=tuple(changed),
        )
        app.ledger.journal.record([entry])
        self._schedule.change(before.schedule, after.schedule)
        self._app = app
        self._runner.change(app)
        self._log.info("reloaded", changed=", ".join(changed))

    def _end(self, lost: LeaseLostError | None) -> None:
        """Everything in good order within ``_JOBS_END_SECONDS``; where that cannot be, the process ends here."""
        self._notifier.stopping()
        running = self._runner.running()
        self._log.info("stopping", waits_for=", ".join(running))
        self._runner.stop()
        hanging = self._runner.wait(_JOBS_END_SECONDS)
        self._schedule.stop()
        if lost is None:
            self._record_end()
        if hanging:
            self._log.warning(
                "stopped; jobs that hang are broken off, what they had done stands", jobs=", ".join(hanging)
            )
            if lost is not None:
                sys.stderr.write(f"archiver: {lost}\n")
            leave(0 if lost is None else lost.exit_status)
        if lost is None:
            self._log.info("stopped")

    def _record_end(self) -> None:
        try:
            self._app.ledger.journal.record([DaemonStopped(at=utc_now(), pid=os.getpid())])
        except ArchiverError as error:
            self._log.error("the end could not be recorded", error=str(error))
            return
        try:
            last_checkpoint(self._app, self._log)
        except ArchiverError as error:
            self._log.error("no checkpoint covers the end", error=str(error), remedy=error.remedy)
