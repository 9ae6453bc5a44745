"""The daemon as a real process: it starts, works, obeys signals, survives, and tells."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from archiver.domain.limits import CHUNK_BYTES, RESUME_FROM_BYTES
from tests.support.daemon import Daemon, Receiver, Site, eventually
from tests.support.slow_s3 import BUCKET, SlowS3, staged_bytes


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.close()


@pytest.fixture
def postgres_site(tmp_path: Path, new_postgres: Callable[[], str]) -> Iterator[Site]:
    made = Site(tmp_path, new_postgres())
    yield made
    made.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def works_from_start_to_end(site: Site) -> None:
    site.prepare()
    site.deliver()
    site.deliver()
    daemon = site.start(WATCHDOG_USEC="3000000").until_ready()
    daemon.until(
        lambda: any(s.startswith("STATUS=idle; 2 items, 0 failed, next sync ") for s in daemon.notify.read())
    )
    assert site.verdicts() == ["verified", "verified"]
    daemon.until(lambda: daemon.notify.count("WATCHDOG=1") > 1)
    assert daemon.stop() == 0
    assert daemon.notify.read()[-1] == "STOPPING=1" or "STOPPING=1" in daemon.notify.messages
    kinds = site.kinds()
    assert (kinds.count("daemon_started"), kinds.count("evidence_acquired"), kinds[-1]) == (1, 2, "daemon_stopped")
    ((last, newest),) = site.query("SELECT max(seq), (SELECT max(size) FROM checkpoints) FROM custody_events")
    assert newest == last + 1, "a head covers the end itself"
    started = json.loads(site.query("SELECT body FROM custody_events WHERE kind = 'daemon_started'")[0][0])
    assert started["pid"] == daemon.process.pid


def test_it_syncs_reports_itself_and_ends_in_good_order(site: Site) -> None:
    works_from_start_to_end(site)


@pytest.mark.thorough
def test_the_same_on_postgresql(postgres_site: Site) -> None:
    works_from_start_to_end(postgres_site)


@pytest.mark.thorough
def test_a_lost_lock_ends_it(postgres_site: Site) -> None:
    """Otherwise a second daemon could begin beside it."""
    postgres_site.prepare()
    daemon = postgres_site.start().until_ready()
    postgres_site.query(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    assert daemon.ended() == 4
    assert "the lock daemon is lost" in daemon.text()


def test_a_second_daemon_is_refused_and_names_the_first(site: Site) -> None:
    site.prepare()
    first = site.start().until_ready()
    second = site.command("run")
    assert second.returncode == 2
    assert "a daemon runs on ledger" in second.stderr
    assert f"process {first.process.pid} on " in second.stderr
    assert site.command("sync").returncode == 0, "every other command runs beside the daemon"
    assert first.stop() == 0
    assert site.kinds().count("daemon_started") == 1


def test_sighup_takes_a_new_schedule_and_keys_that_have_come_count(site: Site) -> None:
    site.prepare(with_key=False)
    site.deliver()
    daemon = site.start().until_ready()
    daemon.until(lambda: site.verdicts() == ["indeterminate"])
    site.import_key()
    site.write(schedule='sync_every = "1s"')
    daemon.signal(signal.SIGHUP)
    daemon.until(lambda: site.verdicts() == ["verified"])
    assert daemon.notify.count("READY=1") == 2
    assert any(m.startswith("RELOADING=1\nMONOTONIC_USEC=") for m in daemon.notify.messages)
    changed = json.loads(site.query("SELECT body FROM custody_events WHERE kind = 'configuration_changed'")[0][0])
    assert changed["changed"] == ["schedule"]
    assert changed["before_sha256"] != changed["after_sha256"]
    assert daemon.stop() == 0


def test_sighup_with_a_configuration_that_cannot_be_used_changes_nothing(site: Site, receiver: Receiver) -> None:
    site.write(notify=f'urls = ["{receiver.url}"]')
    site.prepare()
    daemon = site.start().until_ready()
    site.write(schedule='sync_every = "whenever"')
    daemon.signal(signal.SIGHUP)
    wrong = daemon.until_logged("the new configuration cannot be used; the old one stays")
    assert "sync_every" in wrong["error"]
    daemon.until(lambda: daemon.notify.count("READY=1") == 2)
    site.write(schedule='sync_every = "1s"', notify='urls = ["nonsense://secret-token"]')
    daemon.signal(signal.SIGHUP)
    daemon.until_logged("the new configuration cannot be used; the old one stays", times=2)
    site.write(ledger=f'url = "sqlite:///{site.folder}/other.db"', notify=f'urls = ["{receiver.url}"]')
    daemon.signal(signal.SIGHUP)
    daemon.until_logged("[ledger] url has changed: that needs a restart; the old one stays")
    site.deliver()
    daemon.until(lambda: site.verdicts() == ["verified"])
    daemon.until(lambda: receiver.received)
    assert "the new configuration cannot be used" in receiver.titles()[0]
    assert "secret" not in daemon.text()
    assert daemon.stop() == 0
    assert not (site.folder / "other.db").exists()
    assert site.kinds().count("configuration_changed") == 1


@pytest.mark.thorough
def test_a_full_archive_does_not_end_it(site: Site, receiver: Receiver) -> None:
    site.write(notify=f'urls = ["{receiver.url}"]', schedule='sync_every = "1s"')
    site.prepare()
    site.environ["ARCHIVER_ARCHIVE__MIN_FREE"] = "1000TiB"
    prefix = site.deliver()
    daemon = site.start().until_ready()
    failed = daemon.until(lambda: [line for line in daemon.log() if line.get("error") == "StoreFullError"])[0]
    assert prefix in failed["event"]
    assert failed["level"] == "error"
    daemon.until(lambda: receiver.received)
    assert receiver.titles() == ["the daemon's job sync failed"]
    assert daemon.process.poll() is None
    assert site.verdicts() == []
    assert daemon.stop() == 0
    del site.environ["ARCHIVER_ARCHIVE__MIN_FREE"]
    after = site.start().until_ready()
    after.until(lambda: site.verdicts() == ["verified"])
    assert after.stop() == 0


@pytest.fixture
def stalling(site: Site, slow_s3: SlowS3) -> SlowS3:
    """A bucket with one delivery whose result stalls half-way; *site* is made to read it."""
    prefix, files = site.delivery(results=[os.urandom(RESUME_FROM_BYTES + 1)])
    slow_s3.objects |= {prefix + name: data for name, data in files.items()}
    slow_s3.hold(prefix + "result_1.csv.gz", after=RESUME_FROM_BYTES // 2)
    site.source_lines = f'url = "s3://{BUCKET}"\nregion = "us-east-1"\nendpoint_url = "{slow_s3.url}"\n'
    site.source_lines += f'cloudtrail_endpoint_url = "{slow_s3.url}"'
    site.environ = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    site.write()
    site.prepare()
    return slow_s3


def resumes(site: Site, stalling: SlowS3) -> None:
    stalling.release()
    daemon = site.start().until_ready()
    daemon.until(lambda: site.verdicts() == ["verified"])
    result = next(key for key in stalling.objects if key.endswith("result_1.csv.gz"))
    first, *later = stalling.ranges(result)
    assert first is None
    assert later
    assert all(asked and asked != "bytes=0-" for asked in later), "what had come is not asked for again"
    assert daemon.stop() == 0
    assert site.kinds().count("evidence_acquired") == 1


def until_some_is_kept(daemon: Daemon, site: Site, stalling: SlowS3) -> None:
    """The download stands still and what was sent before is no longer on its way to the disk."""
    daemon.until(stalling.holding.is_set)
    daemon.until(lambda: staged_bytes(site.archive) >= CHUNK_BYTES)


@pytest.mark.thorough
def test_sigterm_ends_it_in_the_midst_of_a_stalled_download(site: Site, stalling: SlowS3) -> None:
    daemon = site.start().until_ready()
    until_some_is_kept(daemon, site, stalling)
    began = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - began < 10, "the contract's bound"
    assert site.kinds()[-1] == "daemon_stopped"
    resumes(site, stalling)


def test_kill_9_in_a_download_loses_nothing(site: Site, stalling: SlowS3) -> None:
    daemon = site.start().until_ready()
    until_some_is_kept(daemon, site, stalling)
    daemon.signal(signal.SIGKILL)
    assert daemon.ended() == -signal.SIGKILL
    resumes(site, stalling)


def test_an_alert_is_delivered_once_by_whoever_comes_first(site: Site, receiver: Receiver) -> None:
    site.write(notify=f'urls = ["{receiver.url}"]')
    site.prepare()
    site.deliver(damaged=True)
    daemon = site.start().until_ready()
    daemon.until(lambda: receiver.received)
    assert "hash_mismatch" in receiver.titles()[0]
    assert site.command("audit", "--all").returncode == 1, "nothing new is found, so nothing is told"
    assert daemon.stop() == 0
    assert receiver.attempts == 1
    assert site.query("SELECT count(*) FROM alerts WHERE delivered_at IS NULL") == [(0,)]


@pytest.mark.thorough
def test_an_alert_waits_until_the_receiver_takes_it(site: Site, receiver: Receiver) -> None:
    receiver.status = 503
    site.write(notify=f'urls = ["{receiver.url}"]')
    site.prepare()
    site.deliver(damaged=True)
    first = site.start().until_ready()
    first.until_logged("alerts not delivered; they are tried again")
    assert first.stop() == 0
    assert receiver.received == []
    ((refused, attempts),) = site.query("SELECT refused, attempts FROM alerts")
    assert (refused, attempts) == ('["urls[0] json://127.0.0.1"]', 1)
    receiver.status = 200
    site.query("UPDATE alerts SET next_try_at = '2026-01-01T00:00:00.000000Z'")  # half a minute has passed
    second = site.start().until_ready()
    second.until(lambda: receiver.received)
    second.until_logged("alerts delivered")
    assert second.stop() == 0
    assert len(receiver.received) == 1
    assert "secret-word" not in first.text() + second.text()


def test_a_bad_address_is_told_at_once(site: Site) -> None:
    site.prepare()
    site.write(notify='urls = ["nonsense://token"]')
    result = site.command("run")
    assert result.returncode == 2
    assert "[notify] urls[0] (nonsense://…)" in result.stderr
    assert "token" not in result.stderr
    assert "daemon_started" not in site.kinds()


@pytest.mark.thorough
def test_signals_at_any_moment_end_it_in_good_order(site: Site) -> None:
    """Several at once, a SIGHUP among them, while the first jobs run."""
    site.prepare()
    site.deliver()
    daemon = site.start().until_ready()
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
        os.kill(daemon.process.pid, number)
    assert daemon.ended() == 0
    assert site.kinds()[-1] == "daemon_stopped"
    again: Daemon = site.start().until_ready()
    eventually(lambda: site.verdicts() == ["verified"], again.text)
    assert again.stop() == 0
