"""The jobs on a real ledger, archive and source folder, without waiting for a schedule."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from archiver.daemon import jobs
from archiver.daemon.checkpoint_job import checkpoint
from archiver.domain.records import Selection
from archiver.errors import LogForkedError
from archiver.render.progress import SilentProgress
from archiver.settings import load_settings
from archiver.wiring import App, open_app, utc_now
from archiver.work.audit import Budget
from archiver.work.rejudge import rejudge
from tests.support.daemon import Receiver, Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path)
    made.prepare(with_key=False)
    return made


@pytest.fixture
def app(site: Site) -> Iterator[App]:
    opened = open_app(load_settings(site.config, {}), threading.Event(), SilentProgress())
    yield opened
    opened.close()


def done(work: jobs.Work, app: App) -> list[dict[str, Any]]:
    """Does *work*; the log of it."""
    with capture_logs() as logs:
        work(app, structlog.get_logger())
    return [dict(line) for line in logs]


def test_a_sync_says_in_one_line_what_came_of_it_and_in_others_what_is_wrong(site: Site, app: App) -> None:
    site.import_key()
    site.deliver()
    failed = site.deliver(damaged=True)
    item, summary = (line for line in done(jobs.sync, app) if line["log_level"] != "debug")
    assert (item["log_level"], item["event"], item["prefix"]) == ("error", "failed", failed)
    assert "hash_mismatch" in item["why"]
    assert summary["log_level"] == "warning"
    said = ("event", "sources", "discovered", "archived", "verified", "failed", "errors")
    assert {name: summary[name] for name in said} == {
        "event": "synced",
        "sources": "src",
        "discovered": 2,
        "archived": 2,
        "verified": 1,
        "failed": 1,
        "errors": 0,
    }


def test_what_another_process_does_now_is_not_waited_for(site: Site, app: App) -> None:
    site.deliver()
    with app.ledger.locks.hold("sync:src"), app.ledger.locks.hold("audit"):
        assert [line["event"] for line in done(jobs.sync, app)] == ["another process syncs this source"]
        assert [line["event"] for line in done(jobs.audit, app)] == ["another process audits"]
    assert site.verdicts() == []


def test_an_audit_takes_what_is_due_within_its_time(site: Site, app: App) -> None:
    site.import_key()
    for _ in range(3):
        site.deliver()
    done(jobs.sync, app)
    (nothing_due,) = done(jobs.audit, app)
    assert nothing_due["audited"] == 0
    site.query("UPDATE evidence_state SET next_audit_at = '2026-01-01T00:00:00.000000Z'")
    summary = done(jobs.audit, app)[-1]
    assert (summary["event"], summary["audited"], summary["stopped_by"]) == ("audited", 3, None)


def test_keys_that_nobody_can_be_asked_for_are_no_trouble(app: App) -> None:
    assert done(jobs.keys, app) == []


def test_alerts_that_are_refused_are_said_and_stay(site: Site) -> None:
    receiver = Receiver()
    site.write(notify=f'urls = ["{receiver.url}"]')
    receiver.close()
    site.deliver()
    app = open_app(load_settings(site.config, {}), threading.Event(), SilentProgress())
    done(jobs.sync, app)
    (line,) = done(jobs.alerts, app)
    assert (line["log_level"], line["failed"], line["to"]) == ("warning", 1, "urls[0] json://127.0.0.1")
    assert done(jobs.alerts, app) == [], "it waits for its next try"
    assert site.query("SELECT attempts FROM alerts WHERE delivered_at IS NULL") == [(1,)]
    app.close()


def test_items_are_judged_again_as_soon_as_their_key_is_held(site: Site, app: App) -> None:
    site.deliver()
    done(jobs.sync, app)
    assert site.verdicts() == ["indeterminate"]
    events = site.kinds()
    done(jobs.sync, app)
    assert site.kinds() == [*events, "source_synced"], "without a key nothing is judged"
    site.import_key()
    again = done(jobs.sync, app)[-1]
    assert (again["event"], again["verified"]) == ("judged with keys that have come", 1)
    assert site.verdicts() == ["verified"]
    ((body,),) = site.query("SELECT body FROM custody_events WHERE kind = 'evidence_verified'")
    assert json.loads(body)["occasion"] == "key"


def test_an_altered_item_is_not_judged_again_at_every_pass(site: Site, app: App) -> None:
    """Its sign file names another key now: the one that was acquired does not help it."""
    prefix = site.deliver()
    done(jobs.sync, app)
    sign_file = site.archive / "src" / prefix / "result_sign.json"
    document = json.loads(sign_file.read_bytes())
    os.chmod(sign_file, 0o600)
    sign_file.write_text(json.dumps({**document, "publicKeyFingerprint": "0" * 32}))
    app.audit().run(Selection(), lambda _: None, Budget(), due_first=False)
    assert site.verdicts() == ["failed"]
    site.import_key()
    evidence = app.ledger.evidence
    assert [r.evidence.prefix for r in evidence.awaiting_key()] == [prefix]
    assert rejudge(evidence, app.audit(occasion="key"), lambda _: None) is None


def test_a_checkpoint_is_signed_where_something_was_recorded(site: Site, app: App) -> None:
    (line,) = done(checkpoint, app)
    assert (line["event"], line["log_level"]) == ("checkpoint signed", "info")
    assert line["size"] == app.ledger.log.size()
    assert done(checkpoint, app) == []
    site.deliver()
    done(jobs.sync, app)
    with app.ledger.locks.hold("checkpoint"):
        assert [line["event"] for line in done(checkpoint, app)] == ["another process makes a checkpoint"]
    assert [line["event"] for line in done(checkpoint, app)] == ["checkpoint signed"]


def test_a_log_that_forked_is_told_by_the_job(app: App) -> None:
    done(checkpoint, app)
    app.published.remove("checkpoint")
    with pytest.raises(LogForkedError):
        done(checkpoint, app)
    (queued,) = app.ledger.outbox.due(utc_now())
    assert "contradict each other" in queued.alert.title
