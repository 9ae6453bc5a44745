"""Which part of a source a pass lists: the window, what is pending, what was asked for, and when all of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest

from archiver.render.progress import SilentProgress
from archiver.settings import load_settings
from archiver.wiring import open_app
from tests.support.cli import archived_home, recently

OLD = 24 * 12
"""Hours: outside of the window."""


@pytest.fixture(scope="module")
def archived(tmp_path_factory):
    """A source that was wholly listed once, with one old and one new delivery; both are archived."""
    made, _folders = archived_home(
        tmp_path_factory.mktemp("archived"), {"complete_time": recently(OLD)}, {}, window="7d"
    )
    return made


@pytest.fixture
def app(home, archived):
    archived.restore(home)
    opened = open_app(load_settings(home.config, {}), Event(), SilentProgress())
    yield opened
    opened.close()


def sync(app, small=0, full_every=timedelta(days=1), **asked):
    """A pass that takes the source for one of more than *small* objects."""
    plans = [replace(plan, full_every=full_every) for plan in app.plans()]
    return replace(app.sync(), small=small).run(plans, lambda _: None, **asked)


def test_a_pass_lists_the_window(app, home, key):
    home.deliver(key, complete_time=recently(OLD))
    home.deliver(key)
    result = sync(app)
    assert (result.discovered, result.archived) == (2, 1)


def test_a_small_source_is_wholly_listed(app, home, key):
    home.deliver(key, complete_time=recently(OLD))
    result = sync(app, small=4)
    assert (result.discovered, result.archived) == (3, 1)


def test_all_is_listed_when_the_last_whole_listing_is_too_old(app, home, key):
    home.deliver(key, complete_time=recently(OLD))
    assert sync(app).discovered == 1
    assert sync(app, full_every=timedelta(microseconds=1)).discovered == 3


def test_all_is_listed_when_asked(app, home, key):
    home.deliver(key, complete_time=recently(OLD))
    assert sync(app, full=True).archived == 1


def test_since_reaches_further_back(app, home, key):
    home.deliver(key, complete_time=recently(OLD))
    assert sync(app, since=(datetime.now(UTC) - timedelta(days=9)).date()).archived == 0
    assert sync(app, since=(datetime.now(UTC) - timedelta(days=13)).date()).archived == 1


def test_what_is_outside_of_the_window_is_not_called_deleted(app, home, key):
    (home.tree / "README").write_text("not empty: an empty folder is a disk that is not mounted")
    for path in home.tree.rglob("result_*"):
        path.unlink()
    assert sync(app).gone == 1, "the one within the window"
    assert sync(app).gone == 0
    assert sync(app, full=True).gone == 1


def test_a_pending_delivery_is_looked_at_though_it_left_the_window(app, home, key):
    folder = home.deliver(key, complete_time=recently(OLD))
    sign_file = folder / "result_sign.json"
    held_back = sign_file.read_bytes()
    sign_file.unlink()
    assert sync(app, full=True).pending == 1
    assert sync(app).pending == 1
    sign_file.write_bytes(held_back)
    result = sync(app)
    assert (result.archived, result.tally.verified, result.pending) == (1, 1, 0)


def test_a_noncanonical_folder_is_found_by_a_whole_listing(app, home, key):
    home.deliver(key).rename(home.tree / "by-hand")
    assert sync(app).archived == 0
    assert sync(app, full=True).archived == 1


def test_a_pass_that_was_stopped_is_not_a_whole_listing(app, home, key):
    before = app.ledger.deliveries.status("prod")
    app.stop.set()
    result = sync(app, full=True)
    assert result.stopped
    assert app.ledger.deliveries.status("prod") == before
