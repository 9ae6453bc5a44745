"""When jobs run, what the status line says, and what a reload may change."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from archiver.daemon.jobs import JOBS, Job
from archiver.daemon.reload import effective
from archiver.daemon.scheduler import Schedule, trigger_of
from archiver.daemon.status import status_line
from archiver.domain.records import Totals
from archiver.domain.verdict import Verdict
from archiver.errors import SettingsError
from archiver.settings import Settings
from archiver.settings_values import Cron
from tests.support.daemon import eventually

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SCHEDULE = Settings().schedule


def settings(**sections: object) -> Settings:
    return Settings.model_validate(sections)


def test_a_duration_becomes_an_interval_and_audits_get_a_jitter() -> None:
    trigger = trigger_of(timedelta(hours=1), jitter=0.05)
    assert isinstance(trigger, IntervalTrigger)
    assert (trigger.interval, trigger.jitter) == (timedelta(hours=1), 180)
    assert trigger_of(timedelta(days=30), jitter=0.05).jitter == 300, "never more than five minutes"
    assert trigger_of(timedelta(minutes=5)).jitter is None


def test_a_crontab_means_the_time_zone_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tzlocal.unix._cache_tz", None)  # what it found first it would keep
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    trigger = trigger_of(Cron("30 2 * * *"))
    assert isinstance(trigger, CronTrigger)
    assert trigger.get_next_fire_time(None, NOW) == datetime(2026, 11, 23, 17, 30, tzinfo=UTC)
    monkeypatch.setattr("tzlocal.unix._cache_tz", None)
    monkeypatch.setenv("TZ", "Nowhere/At_All")
    with pytest.raises(SettingsError, match="30 2"):
        trigger_of(Cron("30 2 * * *"))


@pytest.fixture
def begun() -> list[str]:
    return []


@pytest.fixture
def schedule(begun: list[str]) -> Iterator[Schedule]:
    """The daemon's jobs; instead of being done they are written down."""
    made = Schedule(JOBS, lambda job: begun.append(job.name))
    yield made
    made.stop()


def test_keys_and_sync_run_at_once_and_the_audit_soon_after(schedule: Schedule, begun: list[str]) -> None:
    now = datetime.now(UTC)
    schedule.start(SCHEDULE, now)
    eventually(lambda: "sync" in begun)
    assert begun[:2] == ["keys", "sync"]
    assert "audit" not in begun
    audit, sync, keys = (schedule.next_run(name) for name in ("audit", "sync", "keys"))
    assert audit == now + timedelta(seconds=10)
    assert sync == now + timedelta(seconds=1, minutes=5)
    assert keys == now + timedelta(hours=12)


def test_a_job_with_a_crontab_waits_for_it(schedule: Schedule) -> None:
    schedule.start(settings(schedule={"sync_every": "0 3 1 1 *"}).schedule, datetime.now(UTC))
    due = schedule.next_run("sync")
    assert due is not None
    assert (due.month, due.day, due.hour, due.minute) == (1, 1, 3, 0)


def test_a_reload_moves_only_what_has_another_timing(schedule: Schedule) -> None:
    schedule.start(SCHEDULE, datetime.now(UTC) + timedelta(hours=1))
    before = {job.name: schedule.next_run(job.name) for job in JOBS}
    after = settings(schedule={"keys_every": "6h", "audit_every": "0 3 1 1 *"}).schedule
    assert schedule.change(SCHEDULE, after) == ["keys", "audit"]
    keys, audit = schedule.next_run("keys"), schedule.next_run("audit")
    assert keys is not None
    assert audit is not None
    assert timedelta(hours=5) < keys - datetime.now(UTC) <= timedelta(hours=6)
    assert audit.hour == 3
    assert (schedule.next_run("sync"), schedule.next_run("alerts")) == (before["sync"], before["alerts"])


def test_a_clock_that_was_put_back_does_not_stop_the_jobs(schedule: Schedule, begun: list[str]) -> None:
    schedule.start(SCHEDULE, datetime.now(UTC) + timedelta(days=2000))
    schedule.rebase(SCHEDULE, datetime.now(UTC))
    eventually(lambda: {"sync", "keys", "audit", "alerts"} <= set(begun))


def test_a_job_never_overlaps_itself_also_after_a_reload() -> None:
    going_on, begun = threading.Event(), []

    def work(job: Job) -> None:
        begun.append(job.name)
        going_on.wait()

    every = dict.fromkeys(("sync_every", "audit_every", "keys_every"), "1s")
    schedule = Schedule([*JOBS], work)
    try:
        now = datetime.now(UTC)
        schedule.start(settings(schedule=every).schedule, now)
        eventually(lambda: len(begun) == 3 or (len(begun) == 4 and "alerts" in begun))
        schedule.change(settings(schedule=every).schedule, settings(schedule={**every, "sync_every": "2s"}).schedule)
        eventually(lambda: (schedule.next_run("sync") or now) > now + timedelta(seconds=5))
        assert sorted(set(begun)) == sorted(begun)
        assert schedule.silence < 60
    finally:
        going_on.set()
        schedule.stop()


def totals(failed: int = 0, overdue: int = 0, pending: int = 0) -> Totals:
    verdicts = {Verdict.VERIFIED: 1203, Verdict.FAILED: failed, Verdict.INDETERMINATE: 1}
    return Totals(verdicts, pending, 10, overdue, None, None, 5)


def test_the_status_line() -> None:
    assert status_line([], None, None, NOW) == "idle"
    soon = NOW + timedelta(minutes=5)
    assert status_line([], totals(), soon, NOW) == "idle; 1,204 items, 0 failed, next sync 12:05:00Z"
    line = status_line(["sync", "audit"], totals(2, 3, 4), NOW + timedelta(days=2), NOW)
    assert line == (
        "running: sync, audit; 1,206 items, 2 failed, 3 overdue, 4 arriving, next sync 2026-11-25 12:00:00Z"
    )


def test_a_reload_takes_everything_but_ledger_and_archive() -> None:
    before = settings()
    read = settings(audit={"max_time": "5m"}, archive={"min_free": "1GiB"})
    assert effective(before, read) == (read, [])
    moved = settings(
        ledger={"url": "sqlite:////srv/other.db"},
        archive={"url": "file:///srv/other", "min_free": "1GiB"},
        audit={"max_time": "5m"},
    )
    after, kept = effective(before, moved)
    assert kept == ["[ledger] url", "[archive] url"]
    assert after == read


def test_a_source_must_not_lie_in_the_archive_that_stays() -> None:
    before = settings(archive={"url": "file:///srv/evidence"})
    read = settings(
        archive={"url": "file:///srv/new"}, sources=[{"name": "src", "url": "file:///srv/evidence/deliveries"}]
    )
    with pytest.raises(
        SettingsError, match="needs a restart, and until then no source may lie within the archive in use"
    ):
        effective(before, read)
