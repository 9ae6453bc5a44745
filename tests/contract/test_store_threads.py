"""Deliveries that lie within one another, placed by several threads at once: each gets a folder, none is lost."""

from __future__ import annotations

import threading
from pathlib import Path

from archiver.adapters.files.store import FolderStore
from tests.support.stores import FaultyDisk, fill, tree


class MeetingDisk(FaultyDisk):
    """Right before the first delivery gets its name, *meanwhile* runs in another thread until it would make *at*.

    It goes on once the name is given. Where it cannot come that far, nobody waits for long.
    """

    def __init__(self, at, meanwhile):
        super().__init__()
        self.at = at
        self.thread = threading.Thread(target=meanwhile)
        self.arrived, self.named = threading.Event(), threading.Event()

    def rename(self, name, folder, new_name, new_folder):
        if new_name == "A":
            self.thread.start()
            self.arrived.wait(0.3)
        super().rename(name, folder, new_name, new_folder)
        if new_name == "A":
            self.named.set()

    def mkdir(self, name, folder, mode=0o755):
        if name == self.at:
            self.arrived.set()
            assert self.named.wait(10)
        super().mkdir(name, folder, mode)


def test_a_folder_that_was_just_made_for_a_delivery_below_is_not_taken_away(tmp_path: Path):
    FolderStore.create(tmp_path)
    outcomes = []

    def place_below():
        try:
            outcomes.append(below.publish({"data": "prod/A/B/C/file"}, "prod/A/B/C"))
        except Exception as error:  # told by the assertion
            outcomes.append(error)

    disk = MeetingDisk("B", place_below)
    store = FolderStore(tmp_path, disk)
    above, below = store.stage("aa"), store.stage("bb")
    fill(above, {"data": b"above"})
    fill(below, {"data": b"below"})

    assert above.publish({"data": "prod/A/file"}, "prod/A")

    disk.thread.join(10)
    assert outcomes == [True]
    assert tree(tmp_path / "prod") == {"A/B/C/file": b"below", "A/file": b"above"}
