"""Deliveries that lie within one another, placed by several threads at once: each gets a folder, none is lost."""

from __future__ import annotations

import threading
from pathlib import Path

from archiver.adapters.files.store import FolderStore
from archiver.errors import StoreConflictError
from tests.support.stores import FaultyDisk, fill, tree


class MeetingDisk(FaultyDisk):
    """Before the folder *at* is made, *meanwhile* runs in another thread, for as long as it can run at all."""

    def __init__(self, at, meanwhile):
        super().__init__()
        self.at, self.meanwhile, self.thread = at, meanwhile, None

    def mkdir(self, name, folder, mode=0o755):
        if name == self.at and self.thread is None:
            self.thread = threading.Thread(target=self.meanwhile)
            self.thread.start()
            self.thread.join(0.3)
        super().mkdir(name, folder, mode)


def test_a_folder_that_was_just_made_for_a_delivery_below_is_not_taken_away(tmp_path: Path):
    FolderStore.create(tmp_path)
    outcomes = []

    def place_above():
        try:
            outcomes.append(above.publish({"data": "prod/A/file"}, "prod/A"))
        except StoreConflictError as error:
            outcomes.append(error)

    disk = MeetingDisk("B", place_above)
    store = FolderStore(tmp_path, disk)
    above, below = store.stage("aa"), store.stage("bb")
    fill(above, {"data": b"above"})
    fill(below, {"data": b"below"})

    assert below.publish({"data": "prod/A/B/C/file"}, "prod/A/B/C")

    disk.thread.join(10)
    (outcome,) = outcomes
    assert outcome is False or isinstance(outcome, StoreConflictError), "the name is taken: another one is chosen"
    assert tree(tmp_path / "prod") == {"A/B/C/file": b"below"}
    assert above.publish({"data": "prod/A@r2/file"}, "prod/A@r2")
