"""What is missing in the ledger as a whole is looked for beside an audit: no item waits for it, and it is told."""

from __future__ import annotations

from datetime import timedelta
from threading import Event

import pytest

from archiver.domain.records import Selection
from archiver.errors import LedgerError
from archiver.render.progress import SilentProgress
from archiver.settings import load_settings
from archiver.wiring import open_app
from archiver.work.audit import Budget
from tests.support.cli import archived_home

PATIENCE = 20
LOST = "DELETE FROM custody_events WHERE seq = 1"


@pytest.fixture(scope="module")
def archived(tmp_path_factory):
    """A home whose archive holds two verified deliveries."""
    return archived_home(tmp_path_factory.mktemp("archived"), {}, {})[0]


@pytest.fixture
def app(home, archived):
    """The use cases over it; one item is altered, and so told."""
    archived.restore(home)
    file = next(home.archive.glob("prod/**/result_1.csv.gz"))
    file.parent.chmod(0o755)
    file.chmod(0o644)
    file.write_bytes(b"altered")
    opened = open_app(load_settings(home.config, {}), Event(), SilentProgress())
    yield opened
    opened.close()


def run(app, tell, budget=Budget()):  # noqa: B008 - a frozen value
    return app.audit().run(Selection(), tell, budget, due_first=False)


def test_no_item_waits_for_it(app, monkeypatch):
    count, judged, waited = app.ledger.evidence.gaps, Event(), []

    def slowly():
        waited.append(judged.wait(PATIENCE))
        return count()

    monkeypatch.setattr(app.ledger.evidence, "gaps", slowly)
    record = app.ledger.journal.record

    def recorded(entries, alerts=()):
        record(entries, alerts)
        judged.set()

    monkeypatch.setattr(app.ledger.journal, "record", recorded)
    result = run(app, lambda _item: None)
    assert waited == [True]
    assert (result.audited, result.tally.failed) == (2, 1)


@pytest.mark.parametrize("budget", [Budget(), Budget(max_bytes=1), Budget(max_time=timedelta(microseconds=1))])
def test_it_is_told_however_the_pass_ends(app, home, budget):
    home.ledger.forge(LOST)
    items = []
    result = run(app, items.append, budget)
    told = [check.detail for item in items for check in item.checks if check.detail.startswith("custody_events: ")]
    assert len(told) == 1
    assert result.tally.failed >= 1
    (count,) = home.ledger.query("SELECT count(*) FROM alerts WHERE cause LIKE 'unreadable:ledger:custody_events%'")
    assert count == (1,)


def test_where_it_cannot_be_looked_for_what_was_judged_is_recorded_all_the_same(app, home, monkeypatch):
    def fails():
        raise LedgerError("no connection")

    monkeypatch.setattr(app.ledger.evidence, "gaps", fails)
    with pytest.raises(LedgerError, match="no connection"):
        run(app, lambda _item: None)
    assert "evidence_verified" in home.kinds()
