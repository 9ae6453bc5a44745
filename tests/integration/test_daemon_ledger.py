"""The daemon verifies its ledger on a schedule, and alerts to each set of problems once."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemon import Daemon, Site
from tests.support.ledgers import LedgerPlace
from tests.support.tampering import Forger


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    made.prepare()
    yield made
    made.close()


def rounds(daemon: Daemon) -> list[int]:
    """The number of problems of each verification so far."""
    names = ("ledger verified: no problem found", "ledger verify found problems")
    return [line["problems"] for name in names for line in daemon.events(name)]


def told(site: Site) -> list[str]:
    """The texts of the alerts about the ledger."""
    return [text for (text,) in site.query("SELECT text FROM alerts WHERE title LIKE 'ledger verify: %' ORDER BY id")]


@pytest.mark.thorough
def test_a_problem_is_logged_and_alerted_to_once_and_another_one_again(site: Site) -> None:
    site.deliver()
    daemon = site.start().until_ready()
    daemon.until(lambda: site.verdicts() == ["verified"])
    site.write(schedule='ledger_verify_every = "1s"')
    daemon.signal(signal.SIGHUP)
    daemon.until(lambda: rounds(daemon)[:1] == [0])
    forger = Forger(LedgerPlace(site.ledger_url), random.Random(0))
    forger.run(("UPDATE files SET size = size + 1", ()))
    daemon.until(lambda: any(line["table"] == "files" for line in daemon.events("row_altered")))
    daemon.until(lambda: len(told(site)) == 1)
    assert "row_altered" in told(site)[0]
    assert "archiver ledger verify" in told(site)[0]
    before = len(rounds(daemon))
    daemon.until(lambda: len(rounds(daemon)) > before + 1)
    assert len(told(site)) == 1, "the same problems are told once"
    forger.run(("UPDATE keys SET fingerprint = 'other'", ()))
    daemon.until(lambda: len(told(site)) == 2)
    assert daemon.stop() == 0
