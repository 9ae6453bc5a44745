"""A stage: the private folder in which one delivery is put together, and the step with which it appears.

```
.staging/<token>/files/    one file for each staged file, named by hashes
                 synced/   how much of a long file is on the disk for certain
                 boot      during which run of the machine all of this was written
                 plan      which of the files went where in ready/
                 ready/    the delivery's folder as it will be, for the moment before it is renamed into place
```
"""

from __future__ import annotations

import errno
import json
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from archiver.adapters.files.durable import Tree, exists, split
from archiver.adapters.files.group import SmallDelivery
from archiver.adapters.files.held_file import HELD_BYTES, HeldFile
from archiver.adapters.files.placing import same_file, same_folder, stands
from archiver.adapters.files.staged_file import STAGE_MODE, FolderStagedFile, Slots, read_small, write_small
from archiver.adapters.files.trouble import writing
from archiver.adapters.files.walk import NOT_THERE, segments
from archiver.domain.paths import STAGING_FOLDER
from archiver.domain.text import printable
from archiver.errors import StoreConflictError, StoreError

_BOOT: Final = "boot"
_PLAN: Final = "plan"
_READY: Final = "ready"


@dataclass(frozen=True, slots=True)
class _Placing:
    """Which slot goes where: ``inside``: path below the delivery's folder; ``outside``: path in the archive."""

    inside: Mapping[str, str]
    outside: Mapping[str, str]


class FolderStage:
    """``store_ports.Stage``. One thread publishes or discards; several may fill different files."""

    def __init__(self, tree: Tree, token: str) -> None:
        """The stage *token*, as an earlier run left it. Raises StoreFullError, StoreError."""
        self._tree = tree
        self._disk = tree.disk
        self._token = token
        self._path = f"{STAGING_FOLDER}/{token}"
        self._held: dict[str, bytes] = {}
        self._is_done = False

    @cached_property
    def _slots(self) -> Slots:
        """What is on the disk, as an earlier run left it; nothing is before the first file has to be."""
        with writing(self._tree.where(self._path)), self._tree.made(self._path, STAGE_MODE, lasting=False) as stage:
            self._take_back(stage)
            slots = Slots(self._tree, self._path)
            boot = self._disk.boot_id().encode("ascii")
            if not boot or read_small(stage, _BOOT) != boot:
                slots.cut_back()
                write_small(self._tree, stage, _BOOT, boot, lasting=False)
            return slots

    @contextmanager
    def file(self, name: str, pin: str | None) -> Iterator[FolderStagedFile | HeldFile]:
        self._held.pop(name, None)
        if pin is not None:
            staged = self._opened(name, pin)
            try:
                yield staged
            finally:
                staged.close()
            return
        room = HELD_BYTES - sum(map(len, self._held.values()))
        held = HeldFile(room, lambda: self._opened(name, uuid.uuid4().hex))
        try:
            yield held
        finally:
            held.close()
        if held.data is not None:
            self._held[name] = held.data

    def _opened(self, name: str, pin: str) -> FolderStagedFile:
        where = f"{self._tree.where(self._path)}: {printable(name, 80)}"
        with writing(where):
            fd = self._slots.open(name, pin)
        return FolderStagedFile(self._slots, self._disk, self._slots.slot(name, pin), fd, where)

    def small(self, places: Mapping[str, str], folder: str) -> SmallDelivery | None:
        """The delivery as it can be put into the archive together with others; None where it has to go alone."""
        if self._is_done or not places or places.keys() - self._held.keys():
            return None
        files: dict[str, bytes] = {}
        for name, path in places.items():
            above, slash, below = path.rpartition("/")
            if not slash or above != folder or below in files or not _is_path(path):
                return None
            files[below] = self._held[name]
        return SmallDelivery(self._token, folder, files)

    def is_placed(self) -> None:
        """What :meth:`small` gave is in the archive: nothing is left to be published."""
        self._is_done = True
        self._held.clear()

    def _spill(self) -> None:
        """Brings what is held to the staging folder. Raises StoreError."""
        for name in list(self._held):
            staged = self._opened(name, uuid.uuid4().hex)
            try:
                staged.append(self._held[name])
            finally:
                staged.close()
            del self._held[name]

    def publish(self, places: Mapping[str, str], folder: str) -> bool:
        if not self._is_done:
            self._spill()
        with writing(self._tree.where(folder)):
            if self._is_done or not stands(self._tree, self._path):
                raise StoreError(f"{self._tree.where(self._path)}: this stage was published or discarded already")
            with self._tree.folder(self._path) as stage:
                self._take_back(stage)
            placing = self._placing(places, folder)
            there = stands(self._tree, folder)
            missing = self._missing_outside(placing)
            if missing is None or (there and not self._same_folder(folder, placing)):
                return False
            if not there:
                self._seal(placing.inside.values())
            self._seal(missing.values())
            self._place_outside(missing)
            if there:
                with self._tree.made(split(folder)[0]) as above:
                    self._disk.fsync_folder(above)
            else:
                self._place_folder(folder, placing.inside)
        self.discard()
        return True

    def discard(self) -> None:
        self._is_done = True
        self._held.clear()
        with writing(self._tree.where(self._path)), self._tree.folder(STAGING_FOLDER) as staging:
            self._disk.remove_tree(self._token, staging)

    def put_over(self, name: str, path: str) -> None:
        """Moves staged file *name* to *path*, replacing a file that is there, in one step. Raises OSError.

        For repairs only, which have kept what is replaced.
        """
        self._spill()
        slot = self._slot_of(name)
        self._seal([slot])
        above, target = split(path)
        with self._tree.folder(self._slots.folder) as files, self._tree.made(above) as folder:
            self._disk.rename(slot, files, target, folder)
            self._disk.fsync_folder(folder)

    def _slot_of(self, name: str) -> str:
        slot = self._slots.find(name)
        if slot is None:
            raise StoreError(f"{self._tree.where(self._path)}: nothing called {printable(name, 80)!r} was staged")
        return slot

    def _placing(self, places: Mapping[str, str], folder: str) -> _Placing:
        """*places* checked and by slot. Raises StoreError, FileNotFoundError for what is no path."""
        above = f"{'/'.join(segments(folder))}/"
        inside: dict[str, str] = {}
        outside: dict[str, str] = {}
        for name, path in places.items():
            parts = segments(path)
            if above == "/" or parts[:1] == (STAGING_FOLDER,) or not parts:
                raise StoreError(f"{self._tree.where(path)}: nothing can be archived here")
            where, key = (inside, path[len(above) :]) if path.startswith(above) else (outside, path)
            if key in where:
                raise StoreError(f"{self._tree.where(path)}: two files of one delivery would have this path")
            where[key] = self._slot_of(name)
        return _Placing(inside, outside)

    def _missing_outside(self, placing: _Placing) -> dict[str, str] | None:
        """Those of the outside places that are free, None where other bytes stand at one of them."""
        missing = {}
        with self._tree.folder(self._slots.folder) as files:
            for path, slot in placing.outside.items():
                if not stands(self._tree, path):
                    missing[path] = slot
                elif not same_file(self._tree, path, files, slot):
                    return None
        return missing

    def _same_folder(self, folder: str, placing: _Placing) -> bool:
        with self._tree.folder(self._slots.folder) as files:
            return same_folder(self._tree, folder, placing.inside, files)

    def _seal(self, slots: Iterable[str]) -> None:
        """Read-only and on the disk, each; a file of which that fails is forgotten (see ``Slots.sync``)."""
        with self._tree.folder(self._slots.folder) as files:
            for slot in slots:
                fd = os.open(slot, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=files)
                try:
                    self._disk.seal(fd)
                except OSError:
                    self._slots.forget(slot)
                    raise
                finally:
                    os.close(fd)

    def _place_outside(self, missing: Mapping[str, str]) -> None:
        with self._tree.folder(self._slots.folder) as files:
            for path, slot in missing.items():
                above, name = split(path)
                with self._tree.made(above) as folder:
                    self._disk.move_new(slot, files, name, folder)
            for above in sorted({split(path)[0] for path in missing}):
                with self._tree.made(above) as folder:
                    self._disk.fsync_folder(folder)

    def _place_folder(self, folder: str, inside: Mapping[str, str]) -> None:
        """Everything that can fail for want of room or rights comes before the one rename."""
        above, name = split(folder)
        with self._tree.folder(self._path) as stage:
            self._make_ready(stage, inside)
            # A folder that another thread has just made for a delivery below is empty still, and a rename would
            # take it away from under that thread: so folders are made and named by one thread at a time.
            with self._tree.placing, self._tree.made(above) as outer:
                if exists(name, outer):
                    raise StoreConflictError(f"{self._tree.where(folder)} appeared while it was being placed")
                try:
                    self._disk.rename(_READY, stage, name, outer)
                except OSError as error:
                    if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                        raise StoreConflictError(f"{self._tree.where(folder)} appeared at the last moment") from error
                    raise
            with self._tree.folder(above) as outer:
                self._disk.fsync_folder(outer)

    def _make_ready(self, stage: int, inside: Mapping[str, str]) -> None:
        """Moves the files into ``ready/``; the plan says how to move them back where a run ends in here.

        The plan is not fsync'd: where a power failure takes it, what is in ``ready/`` is fetched once more.
        """
        write_small(self._tree, stage, _PLAN, json.dumps(dict(inside)).encode("ascii"), lasting=False)
        ready = f"{self._path}/{_READY}"
        with self._tree.made(ready, lasting=False), self._tree.folder(self._slots.folder) as files:
            for path, slot in inside.items():
                above, name = split(f"{ready}/{path}")
                with self._tree.made(above, lasting=False) as folder:
                    self._disk.rename(slot, files, name, folder)
            for above in sorted({ready, *(split(f"{ready}/{path}")[0] for path in inside)}):
                with self._tree.folder(above) as folder:
                    self._disk.fsync_folder(folder)

    def _take_back(self, stage: int) -> None:
        """Undoes :meth:`_make_ready` of a run that ended in the middle of it."""
        if exists(_READY, stage):
            with self._tree.made(f"{self._path}/files", STAGE_MODE, lasting=False) as files:
                for path, slot in _read_plan(read_small(stage, _PLAN)).items():
                    self._move_back(f"{self._path}/{_READY}/{path}", slot, files)
            self._disk.remove_tree(_READY, stage)
        with suppress(FileNotFoundError):
            self._disk.unlink(_PLAN, stage)

    def _move_back(self, path: str, slot: str, files: int) -> None:
        above, name = split(path)
        try:
            with self._tree.folder(above) as folder:
                self._disk.rename(name, folder, slot, files)
        except OSError as error:
            if error.errno not in NOT_THERE:  # what was not moved yet is where it was
                raise


def _is_path(path: str) -> bool:
    try:
        return segments(path)[:1] != (STAGING_FOLDER,)
    except FileNotFoundError:
        return False


def _read_plan(data: bytes) -> dict[str, str]:
    """Path in ``ready/`` -> slot; empty for a plan that did not reach the disk, whose files are fetched anew."""
    try:
        plan = json.loads(data)
    except ValueError:
        return {}
    return {str(path): str(slot) for path, slot in plan.items()} if isinstance(plan, dict) else {}
