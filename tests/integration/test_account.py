"""The account of a package: what the log says of how many entries it has, against whoever leaves one out."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from archiver.domain.custody import DaemonStopped
from archiver.domain.records import Selection
from archiver.wiring import App
from archiver.work.account import account_under, state_account
from tests.support.filled import Place, fill
from tests.support.packages import check
from tests.support.stores import tree


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return fill(tmp_path)


@pytest.fixture
def app(place: Place) -> Iterator[App]:
    app = place.app()
    yield app
    app.close()


def now() -> datetime:
    return datetime.now(UTC)


def accounts(app: App) -> list[dict[str, object]]:
    return [json.loads(body) for _, body in app.ledger.log.of_kind("events_accounted")]


def test_it_is_stated_again_where_somebody_else_wrote_in_between(app: App) -> None:
    others = iter([True, True, False])

    def sign() -> None:
        if next(others):
            app.ledger.journal.record([DaemonStopped(at=now(), pid=1)])
        app.checkpoints().make()

    assert state_account(app.ledger, now, Selection(), sign)
    assert len(accounts(app)) == 3
    newest = app.ledger.log.latest_checkpoint()
    assert newest is not None
    assert accounts(app)[-1]["before"] == newest.size - 2
    with tempfile.TemporaryFile() as text:
        assert account_under(app.ledger, Selection(), newest.size, text) is not None
        assert account_under(app.ledger, Selection(source="other"), newest.size, text) is None, "of other items"
        assert account_under(app.ledger, Selection(), newest.size - 1, text) is None, "of another head"


def test_who_always_writes_in_between_leaves_the_package_without_it(app: App) -> None:
    def sign() -> None:
        app.ledger.journal.record([DaemonStopped(at=now(), pid=1)])
        app.checkpoints().make()

    assert not state_account(app.ledger, now, Selection(), sign)
    newest = app.ledger.log.latest_checkpoint()
    assert newest is not None
    with tempfile.TemporaryFile() as text:
        assert account_under(app.ledger, Selection(), newest.size, text) is None


def test_where_no_head_is_signed_or_nothing_chosen_it_is_not_said_again_and_again(app: App) -> None:
    assert not state_account(app.ledger, now, Selection(), lambda: None)
    assert len(accounts(app)) == 1
    assert not state_account(app.ledger, now, Selection(source="other"), lambda: None)
    assert len(accounts(app)) == 1


def test_a_selection_by_verdict_is_accounted_for_as_of_its_head(place: Place, tmp_path: Path) -> None:
    """What is verified no longer was so then: an export of that head has the same items, and the same bytes."""
    first, again = tmp_path / "first", tmp_path / "again"
    place.run("export", "--all", "--verdict", "verified", "--out", str(first))
    size = int((first / "data/log/checkpoint").read_text().split("\n")[1])
    file = next(place.folder.glob("archive/prod/**/result_2.csv.gz"))
    kept = file.read_bytes()
    file.chmod(0o644)
    file.write_bytes(b"other")
    place.run("audit", "--all", status=1)
    file.write_bytes(kept)
    place.run("export", "--all", "--verdict", "verified", "--at", str(size), "--out", str(again))
    assert tree(first) == tree(again)
    done = check(again)
    assert (done.status, done.failed) == (0, [])
    assert any("its entries here" in line for line in done.passed)
