"""An archive with ledger, published log and key, for tests of the log's heads; and what anyone can check of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from archiver.adapters.files.durable import Disk
from archiver.adapters.files.log_folder import LogFolder
from archiver.adapters.files.store import FolderStore
from archiver.adapters.ledger.database import SqlLedger, open_ledger
from archiver.custody_key import FileSigner, create
from archiver.domain.custody import DaemonStarted
from archiver.domain.custody_upkeep import SourceSynced
from archiver.last_head import LastHeadFile
from archiver.log.checkpoint import Checkpoint, read_checkpoint
from archiver.log.leaf import body_sha256
from archiver.log.note import parse_key, signed_by
from archiver.log.tiles import WIDTH, checkpoint_path, entries_of, entries_path, nodes_of, tile_path, tiles
from archiver.log.tree import Frontier, Node, completed, leaf_hash, root_of
from archiver.work.checkpoint import Checkpoints
from tests.support.ledgers import ACTOR, START, LedgerPlace, make_ledger
from tests.support.stores import FaultyDisk, Hook, kill_at

ORIGIN = "archive.example/custody"


def ticking() -> Callable[[], datetime]:
    """A clock that goes on by a second at each look."""
    seconds = itertools.count()
    return lambda: START + timedelta(seconds=next(seconds))


@dataclass(frozen=True)
class Stand:
    """*url*: of a ledger that is there. ``key``: the configured key's file."""

    url: str
    archive: Path
    key: Path
    clock: Callable[[], datetime] = field(default_factory=ticking)

    @property
    def log(self) -> LogFolder:
        return LogFolder(self.archive)

    @property
    def files(self) -> list[str]:
        return list(self.log.files())

    def open(self) -> SqlLedger:
        return open_ledger(self.url, ACTOR)

    def signer(self, key: Path | None = None) -> FileSigner:
        return FileSigner(str(key or self.key), ORIGIN, {})

    def vkey(self, key: Path | None = None) -> str:
        return self.signer(key).key

    @property
    def last_head(self) -> LastHeadFile:
        return LastHeadFile(self.key.with_name("last-head"))

    def checkpoints(
        self, ledger: SqlLedger, *, key: Path | None = None, origin: str = ORIGIN, disk: Disk | None = None
    ) -> Checkpoints:
        signer = FileSigner(str(key or self.key), origin, {})
        published = LogFolder(self.archive, disk)
        return Checkpoints(ledger, published, signer, origin, self.clock, memories=[self.last_head])

    def new_key(self, name: str = "new-key") -> Path:
        create(self.archive.parent / name)
        return self.archive.parent / name


def make_stand(url: str, folder: Path) -> Stand:
    """A stand over the ledger at *url*, with archive and key made below *folder*."""
    FolderStore.create(folder / "archive")
    create(folder / "custody-key")
    return Stand(url, folder / "archive", folder / "custody-key")


def stand_with_a_head(folder: Path) -> Stand:
    """A stand over a new SQLite ledger below *folder*, with a head of three leaves."""
    place = LedgerPlace(f"sqlite:///{folder}/ledger/ledger.db")
    make_ledger(place)
    made = make_stand(place.url, folder / "place")
    ledger = made.open()
    made.checkpoints(ledger).make()
    ledger.close()
    return made


def note_events(ledger: SqlLedger, count: int, size: int = 0) -> None:
    """Records *count* events; *size*: bytes that each body has at least."""
    url = "file:///" + "x" * size
    entries = [SourceSynced(at=START, source=f"s{n}", url=url, full_objects=n) for n in range(count)]
    ledger.journal.record(entries)


def note_one(ledger: SqlLedger, pid: int = 1) -> None:
    ledger.journal.record([DaemonStarted(at=START, pid=pid, configuration_sha256="0" * 64)])


def check_published(archive: Path, keys: Sequence[str], ledger: SqlLedger | None = None) -> list[Checkpoint]:
    """Recomputes everything published from the entries alone, and answers the heads, smallest first.

    *keys*: verifier keys, oldest first; each head must be signed by one. Every file must be one that belongs there,
    and nothing may be missing. With *ledger* its rows must be the same.
    """
    log = LogFolder(archive)
    files = set(log.files())
    head, note = read_checkpoint(log.read("checkpoint") or b"")
    leaves: list[bytes] = []
    seen = {"checkpoint", "vkeys"}
    for index in range(-(-head.size // WIDTH)):
        path = entries_path(index, min(WIDTH, head.size - index * WIDTH))
        leaves += entries_of(log.read(path) or b"")
        seen.add(path)
    assert len(leaves) == head.size
    tree = Frontier()
    nodes: dict[Node, bytes] = {}
    for seq, leaf in enumerate(leaves):
        for level, hash_ in enumerate(tree.append(leaf_hash(leaf))):
            nodes[level, seq >> level] = hash_
    for tile in tiles(head.size):
        path = tile_path(tile.level, tile.index, tile.width)
        assert log.read(path) == b"".join(nodes[node] for node in nodes_of(tile)), path
        seen.add(path)
    for leaf in leaves:
        digest = body_sha256(leaf)
        if digest is not None:
            assert log.read(f"bodies/{digest}.json") is not None
            seen.add(f"bodies/{digest}.json")
    heads = []
    for path in sorted(path for path in files if path.startswith("checkpoints/")):
        one, one_note = read_checkpoint(log.read(path) or b"")
        assert one.root == root_of(one.size, lambda wanted: {node: nodes[node] for node in wanted})
        assert one.origin == ORIGIN
        assert any(signed_by(one_note, parse_key(key)) for key in keys), path
        heads.append(one)
        seen.add(path)
    assert heads[-1] == head
    assert read_checkpoint(log.read(checkpoint_path(head.size)) or b"")[1].text == note.text
    assert log.read("vkeys") == "".join(f"{key}\n" for key in keys).encode()
    partial = {path for path in files - seen if ".p/" in path}
    for path in partial:  # of smaller heads, while the full one is not there
        assert path.partition(".p/")[0] not in files, path
    assert files - seen - partial == set()
    if ledger is not None:
        _check_rows(ledger, head, leaves, heads, keys)
    return heads


def _check_rows(
    ledger: SqlLedger, head: Checkpoint, leaves: list[bytes], heads: list[Checkpoint], keys: Sequence[str]
) -> None:
    tree = Frontier()
    for entry, leaf in zip(ledger.log.entries(0, head.size), leaves, strict=True):
        made = tree.append(leaf_hash(leaf))
        assert entry.hashes == b"".join(made)
        assert len(made) == completed(entry.seq)
    rows = list(ledger.log.checkpoints())
    assert [read_checkpoint(row.note.encode())[0] for row in rows] == heads
    announced = [seq + 1 for seq, _ in ledger.log.of_kind("checkpoint_begun")]
    assert announced == [row.size for row in rows]
    assert list(dict.fromkeys(key.key for key in ledger.log.keys())) == list(keys)  # noqa: SIM118 - a method of ours


class Counted:
    """*inside*, before and after each call of which *disk* calls its hook, as for a system call."""

    def __init__(self, inside: Any, disk: FaultyDisk, *names: str) -> None:
        self._inside = inside
        self._disk = disk
        self._names = names

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inside, name)
        if name not in self._names:
            return found

        def call(*arguments: Any) -> Any:
            self._disk.calls.append(name)
            self._disk.hook(name, len(self._disk.calls))
            answer = found(*arguments)
            self._disk.calls.append(name)
            self._disk.hook(name, len(self._disk.calls))
            return answer

        return call


def counted(stand: Stand, hook: Hook) -> Checkpoints:
    """Of which each step beside those of the disk is one to be killed at, too."""
    disk = FaultyDisk(hook)
    ledger = stand.open()
    parts: Any = SimpleNamespace(
        log=Counted(ledger.log, disk, "add_checkpoint"),
        journal=Counted(ledger.journal, disk, "record"),
        locks=ledger.locks,
    )
    signer: Any = Counted(stand.signer(), disk, "sign")
    return Checkpoints(parts, LogFolder(stand.archive, disk), signer, ORIGIN, stand.clock)


def make_job(folder: Path, at: int) -> None:
    """For :func:`run_to_its_death`: a checkpoint of the stand in *folder*, killed before step *at*."""
    counted(stand_in(folder), kill_at(at)).make()


def rotate_job(folder: Path, new: Path, at: int) -> None:
    """The same with a change of keys."""
    stand = stand_in(folder)
    counted(stand, kill_at(at)).rotate(stand.signer(new), lost=False)


def accept_job(folder: Path, at: int) -> None:
    """The decision to go on without the head signed last, killed before step *at*."""
    stand, disk = stand_in(folder), FaultyDisk(kill_at(at))
    ledger, inside = stand.open(), Counted(stand.last_head, disk, "set_aside")
    parts: Any = SimpleNamespace(log=ledger.log, journal=Counted(ledger.journal, disk, "record"), locks=ledger.locks)
    memories: Any = [inside]
    jobs = Checkpoints(parts, stand.log, stand.signer(), ORIGIN, stand.clock, memories=memories)
    jobs.accept_earlier("killed on the way")


def stand_in(folder: Path) -> Stand:
    return Stand(f"sqlite:///{folder}/ledger.db", folder / "archive", folder / "custody-key")
