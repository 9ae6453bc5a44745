"""Whatever a job does, the others and the daemon go on, and somebody hears of it. On a real ledger."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs
from structlog.typing import FilteringBoundLogger

from archiver.daemon.jobs import Job, Work
from archiver.daemon.pulse import Pulse
from archiver.daemon.runner import Runner
from archiver.errors import LeaseLostError, LedgerError, StoppedError, StoreFullError
from archiver.provision import provision
from archiver.render.progress import SilentProgress
from archiver.settings import Settings
from archiver.wiring import App, open_app
from tests.support.daemon import eventually
from tests.support.ledgers import ACTOR


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    settings = Settings.model_validate(
        {
            "ledger": {"url": f"sqlite:///{tmp_path}/ledger.db"},
            "archive": {"url": f"file://{tmp_path}/evidence"},
            "custody": {"signing_key": f"{tmp_path}/custody-key"},
        }
    )
    provision(settings, ACTOR, datetime.now(UTC), {})
    opened = open_app(settings, threading.Event(), SilentProgress())
    yield opened
    opened.close()


def job(work: Work, name: str = "sync", in_background: bool = False) -> Job:
    return Job(name, work, lambda _: timedelta(1), timedelta(0), in_background=in_background)


def raising(error: Exception) -> Work:
    def work(_app: App, _log: FilteringBoundLogger) -> None:
        raise error

    return work


def never(error: LeaseLostError) -> None:
    raise AssertionError(error)


def queued(app: App) -> list[tuple[str, str]]:
    return [(q.alert.title, q.alert.text) for q in app.ledger.outbox.due(datetime.now(UTC) + timedelta(days=1))]


def test_an_error_is_logged_and_queued_once(app: App) -> None:
    runner = Runner(app, never)
    full = job(raising(StoreFullError("no room", "make some")))
    with capture_logs() as logs:
        runner.run(full)
        runner.run(full)
    assert [(line["log_level"], line["event"], line["remedy"]) for line in logs] == [
        ("error", "no room", "make some")
    ]
    assert queued(app) == [("the daemon's job sync failed", "no room\nmake some")]


def test_a_fault_of_ours_is_logged_with_its_traceback_and_queued(app: App) -> None:
    runner = Runner(app, never)
    with capture_logs() as logs:
        runner.run(job(raising(ZeroDivisionError("never divide"))))
    assert logs[0]["log_level"] == "error"
    assert logs[0]["exc_info"]
    ((_, text),) = queued(app)
    assert "unexpected ZeroDivisionError" in text
    assert "never divide" not in text, "what it says may quote a secret, and events are kept for ever"


def test_a_job_that_works_again_says_so(app: App) -> None:
    runner = Runner(app, never)
    errors: list[Exception] = [LedgerError("away"), LedgerError("still away")]

    def work(_app: App, _log: FilteringBoundLogger) -> None:
        if errors:
            raise errors.pop(0)

    with capture_logs() as logs:
        for _ in range(4):
            runner.run(job(work))
    assert [line["event"] for line in logs] == ["away", "still away", "works again"]


def test_an_alert_that_the_ledger_cannot_take_is_sent_at_once_and_once(
    app: App, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    runner = Runner(app, never)
    (tmp_path / "ledger.db").rename(tmp_path / "gone.db")
    app.ledger.close()  # the connections that are open would still see it
    with capture_logs() as logs:
        runner.run(job(raising(LedgerError("unreachable"))))
        runner.run(job(raising(LedgerError("unreachable"))))
    told = [*(line["event"] for line in logs), *caplog.messages]
    assert sum("the daemon's job sync failed" in event for event in told) == 1, told
    assert told[0] == "unreachable"


def test_a_lost_lock_is_passed_on(app: App) -> None:
    lost: list[LeaseLostError] = []
    error = LeaseLostError("gone")
    Runner(app, lost.append).run(job(raising(error)))
    assert lost == [error]
    assert queued(app) == []


def test_stopping_ends_what_runs_and_lets_nothing_begin(app: App) -> None:
    runner = Runner(app, never)
    begun: list[str] = []

    def work(own: App, _log: FilteringBoundLogger) -> None:
        begun.append("job")
        while not own.stop.wait(0.01):
            pass
        raise StoppedError("stopped")

    thread = threading.Thread(target=runner.run, args=[job(work)])
    thread.start()
    eventually(lambda: runner.running() == ["sync"])
    assert runner.wait(0.01) == ["sync"]
    runner.stop()
    assert runner.wait(30) == []
    thread.join()
    runner.run(job(work))
    assert begun == ["job"]
    assert not app.stop.is_set(), "each job has a flag of its own"
    assert queued(app) == []


def test_a_job_that_gives_no_sign_of_life_is_stuck(app: App) -> None:
    runner = Runner(app, never)
    going_on = threading.Event()
    pulses: list[Pulse] = []

    def work(own: App, _log: FilteringBoundLogger) -> None:
        assert isinstance(own.stop, Pulse)
        pulses.append(own.stop)
        going_on.wait()

    thread = threading.Thread(target=runner.run, args=[job(work, in_background=True)])
    thread.start()
    eventually(lambda: runner.stuck(after=0.05) == ["sync"])
    assert runner.running() == [], "housekeeping is not shown"
    for sign in (pulses[0].is_set, lambda: pulses[0].moved(1), lambda: pulses[0].item("x")):
        sign()
        assert runner.stuck(after=5) == []
    going_on.set()
    thread.join()
    assert runner.stuck(after=0) == []


def test_later_runs_get_the_new_use_cases_and_sources_are_shared_between_jobs(app: App) -> None:
    runner = Runner(app, never)
    seen: list[App] = []
    note = job(lambda own, _: seen.append(own))
    runner.run(note)
    runner.run(note)
    other = app.settings.model_copy(update={"sources": ()})
    runner.change(App(other, app.ledger, app.store, app.actor, app.stop, app.progress))
    runner.run(note)
    assert seen[0] is seen[1]
    assert seen[0].accesses is app.accesses
    assert seen[2].settings is other


def test_the_log_says_which_job(app: App) -> None:
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
        Runner(app, never).run(job(lambda _, log: log.info("here"), name="audit"))
    assert logs[0]["job"] == "audit"
