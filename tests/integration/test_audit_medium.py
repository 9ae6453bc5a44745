"""Audit over a medium that gives errors, or other bytes once: what was not read is not called altered."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from threading import Event
from types import SimpleNamespace

import pytest

from archiver.adapters.files.store import FolderStore
from archiver.demo.deliveries import delivery_prefix, make_delivery, make_result, sample_query_id
from archiver.domain.due import RETRY_INDETERMINATE
from archiver.domain.limits import MIB
from archiver.domain.records import Selection
from archiver.errors import MediumError
from archiver.render.progress import SilentProgress
from archiver.settings import load_settings
from archiver.wiring import open_app
from archiver.work.audit import Budget
from tests.support.cli import ACCOUNT, recently
from tests.support.stores import FaultyDisk, fail


class UnlistableStore(FolderStore):
    """Gives an error for the entries of any delivery's folder."""

    def entries(self, folder):
        if folder.startswith("prod/"):
            raise MediumError(f"{folder}: Input/output error")
        return super().entries(folder)

    @contextmanager
    def folder(self, path, from_medium):
        with super().folder(path, from_medium) as inside:
            yield SimpleNamespace(open=inside.open, entries=lambda: self.entries(path))


class FlippingDisk(FaultyDisk):
    """Flips a bit of what the first read gives, as a bad cable does."""

    def read_into(self, fd, buffer):
        count = super().read_into(fd, buffer)
        if self.calls.count("read_into") == 1:
            buffer[0] ^= 1
        return count


class ScratchedDisk(FaultyDisk):
    """Cannot read beyond 4 MiB of any file."""

    def read_into(self, fd, buffer):
        if os.lseek(fd, 0, os.SEEK_CUR) >= 4 * MIB:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().read_into(fd, buffer)


class StoppingDisk(FaultyDisk):
    """Asks for the end of all work in the middle of a long file."""

    def __init__(self, stop: Event) -> None:
        super().__init__()
        self.stop = stop

    def read_into(self, fd, buffer):
        if os.lseek(fd, 0, os.SEEK_CUR) >= 4 * MIB:
            self.stop.set()
        return super().read_into(fd, buffer)


@pytest.fixture
def app(home, key):
    """One verified delivery; the use cases over them."""
    yield from opened_with(home, key, home.deliver)


@pytest.fixture
def long_app(home, key):
    """The same with a result of 16 MiB."""
    yield from opened_with(home, key, lambda key: deliver_long(home, key))


def deliver_long(home, key):
    complete = recently()
    folder = home.tree / delivery_prefix(ACCOUNT, complete.date(), sample_query_id(home.rng))
    folder.mkdir(parents=True)
    result = make_result([], execution_time=complete) + home.rng.randbytes(16 * MIB)
    for name, data in make_delivery(key, complete_time=complete, results=[result]).items():
        (folder / name).write_bytes(data)


def opened_with(home, key, deliver):
    home.configure(home.folder_source(), workers={"threads": 1})
    home.run("keys", "import", home.list_keys(key), status=0)
    deliver(key)
    home.run("sync", status=0)
    opened = open_app(load_settings(home.config, {}), Event(), SilentProgress())
    yield opened
    opened.close()


def audit(app):
    items = []
    result = app.audit().run(Selection(), items.append, Budget(), due_first=False)
    return result, items


def test_a_read_error_is_indeterminate(app, home):
    result, (item,) = audit(replace(app, store=FolderStore(home.archive, FaultyDisk(fail("read_into", errno.EIO)))))
    assert (item.verdict, item.reasons) == ("indeterminate", ("read_error",))
    assert result.tally.indeterminate == 1
    assert os.strerror(errno.EIO) in " ".join(check.detail for check in item.checks)


def test_a_folder_that_cannot_be_listed_is_indeterminate_and_ends_no_pass(app, home):
    result, (item,) = audit(replace(app, store=UnlistableStore(home.archive)))
    assert (item.verdict, item.reasons) == ("indeterminate", ("read_error",))
    assert result.audited == 1


def test_a_deviation_is_read_again_before_it_counts(app, home):
    disk = FlippingDisk()
    result, items = audit(replace(app, store=FolderStore(home.archive, disk)))
    assert items == []
    assert result.tally.verified == 1
    assert disk.calls.count("read_into") > 2


def test_an_item_that_could_not_be_read_is_due_again_soon(app, home):
    audit(replace(app, store=FolderStore(home.archive, FaultyDisk(fail("read_into", errno.EIO)))))
    ((audited, due),) = home.ledger.query("SELECT last_audited_at, next_audit_at FROM evidence_state")
    assert datetime.fromisoformat(due) - datetime.fromisoformat(audited) == RETRY_INDETERMINATE


def test_a_long_file_that_cannot_be_read_in_the_middle_is_indeterminate(long_app, home):
    result, (item,) = audit(replace(long_app, store=FolderStore(home.archive, ScratchedDisk())))
    assert (item.verdict, item.reasons) == ("indeterminate", ("read_error",))
    assert result.tally.indeterminate == 1


def test_a_long_file_is_read_no_further_once_work_is_to_stop(long_app, home):
    disk = StoppingDisk(long_app.stop)
    result, items = audit(replace(long_app, store=FolderStore(home.archive, disk)))
    assert (result.audited, result.stopped_by, items) == (0, "signal", [])
    assert disk.calls.count("read_into") < 8
