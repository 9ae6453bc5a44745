"""A ledger with a published log, at work: histories are recorded, heads signed, and all of it verified."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from archiver.adapters.files.log_folder import LogFolder
from archiver.adapters.files.store import FolderStore
from archiver.adapters.ledger.database import SqlLedger, open_ledger
from archiver.domain.custody import Entry
from archiver.domain.custody_log import (
    CheckpointAnchored,
    CheckpointBegun,
    EarlierHeadAccepted,
    LedgerRebuilt,
    LogKeyAdopted,
)
from archiver.domain.log_records import Problem, StoredCheckpoint
from archiver.log.note import ed25519_key
from archiver.log.tiles import index_path
from archiver.log_ports import Anchorer
from archiver.render.progress import SilentProgress
from archiver.work.checkpoint import Checkpoints
from archiver.work.log_verify import LogVerifier
from archiver.work.log_verify_report import LogReport
from tests.support.histories import Mix, history
from tests.support.ledgers import ACTOR, START, LedgerPlace, make_ledger

ORIGIN = "example.com/custody"
_OF_THE_LOG = (LogKeyAdopted, CheckpointBegun, CheckpointAnchored, EarlierHeadAccepted, LedgerRebuilt)


class MemorySigner:
    """``log_ports.Signer`` with a key made of *seed*."""

    def __init__(self, seed: int = 1, origin: str = ORIGIN) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(seed.to_bytes(32, "big"))
        self.key = str(ed25519_key(origin, self._private.public_key().public_bytes_raw()))

    def sign(self, message: bytes) -> bytes:
        return self._private.sign(message)


@dataclass
class LogStand:
    """``folder``: holds the archive, and the ledger where that is SQLite."""

    folder: Path
    place: LedgerPlace
    signer: MemorySigner = field(default_factory=MemorySigner)
    _ledger: SqlLedger | None = None

    @property
    def archive(self) -> Path:
        return self.folder / "archive"

    @property
    def log(self) -> Path:
        """The published log's folder."""
        return self.archive / "log"

    @property
    def ledger(self) -> SqlLedger:
        if self._ledger is None:
            self._ledger = open_ledger(self.place.url, ACTOR)
        return self._ledger

    @property
    def published(self) -> LogFolder:
        return LogFolder(self.archive)

    def make(self) -> LogStand:
        """An empty ledger and archive."""
        make_ledger(self.place)
        FolderStore.create(self.archive)
        return self

    def close(self) -> None:
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None

    def record(self, events: int, seed: int = 1, batch: int = 50) -> None:
        """A history of *events* events, none of which is about the log itself."""
        entries = told(seed, events, self.ledger.log.size())
        for start in range(0, len(entries), batch):
            self.ledger.journal.record(entries[start : start + batch])

    def checkpoints(self, signer: MemorySigner | None = None) -> Checkpoints:
        return Checkpoints(self.ledger, self.published, signer or self.signer, ORIGIN, lambda: datetime.now(UTC))

    def sign(self) -> StoredCheckpoint:
        """A signed head of all there is."""
        made = self.checkpoints().make(force=True)
        assert made is not None
        return made

    def anchor(self, name: str = "somebody") -> None:
        """The newest head is vouched for by *name*, whom nobody has configured."""
        newest = self.ledger.log.latest_checkpoint()
        assert newest is not None
        anchor_by(self.ledger, self.published, newest.size, name)

    def verify(
        self,
        trusted: Sequence[str] | None = None,
        anchorers: Sequence[Anchorer] = (),
        online: bool = False,
        configured: str | None = None,
    ) -> LogReport:
        """By the stand's own signer, unless it is said who is trusted or *configured*."""
        verifier = LogVerifier(
            self.ledger,
            self.published,
            [] if trusted is None else trusted,
            anchorers,
            lambda: datetime.now(UTC),
            SilentProgress(),
            lambda: False,
            self.signer.key if trusted is None else configured,
        )
        return verifier.run(online)


def anchor_by(ledger: SqlLedger, published: LogFolder, size: int, name: str, proof: bytes | None = None) -> None:
    """Publishes and records an anchor of the head of *size* leaves that nobody can check but by its SHA-256."""
    path, proof = f"anchors/{index_path(size)}/witness-{name}.txt", proof or f"{name} saw {size} leaves".encode()
    published.put(path, proof)
    entry = CheckpointAnchored(
        at=START,
        size=size,
        method="witness",
        name=name,
        path=path,
        sha256=hashlib.sha256(proof).hexdigest(),
        proved_at=START,
        valid_until=None,
    )
    ledger.journal.record([entry])


def told(seed: int, events: int, first: int) -> list[Entry]:
    """Entries of a history that begins behind *first* events; those about the log itself are the log's to make."""
    kinds = {name: weight for name, weight in Mix.of_all().weights.items() if name not in _LEFT_OUT}
    # the one entry that is left out stands second in every history
    entries = history(seed, events + 1, first - 1, Mix(kinds))
    return [entry for entry in entries if not isinstance(entry, _OF_THE_LOG)]


_LEFT_OUT: Collection[str] = ("key_adopted", "begun", "anchored", "rebuilt")


def shown(problems: Sequence[Problem]) -> Iterator[str]:
    """One line each."""
    return (f"{one.kind} seq={one.seq} table={one.table}: {one.detail}" for one in problems)
