"""What ledger and archive answer about the log: frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One leaf as the ledger has it: ``body`` as stored in ``custody_events``, ``hashes`` as in ``merkle_nodes``.

    ``body`` is None where there is no such event, ``hashes`` where there is no such row; both as they stand there,
    not checked: ``hashes`` should be ``32 * tree.completed(seq)`` bytes, leaf first.
    """

    seq: int
    body: bytes | None
    hashes: bytes | None


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """A head that was signed. ``note``: the C2SP signed note, verbatim, with the log's own signatures alone."""

    size: int
    note: str


@dataclass(frozen=True, slots=True)
class AdoptedKey:
    """A key of the log as the ledger has it: see ``domain.custody_log.LogKeyAdopted``."""

    seq: int
    key: str
    before: str | None
    vouched: bool


@dataclass(frozen=True, slots=True)
class Anchor:
    """Somebody else's word for a checkpoint: see ``domain.custody_log.CheckpointAnchored``; ``seq``: its entry."""

    seq: int
    size: int
    method: str
    name: str
    path: str
    sha256: str
    proved_at: datetime
    valid_until: datetime | None


@dataclass(frozen=True, slots=True)
class Problem:
    """One disagreement, exactly located. ``kind``: a word for programs (docs/threat-model.md lists them).

    ``seq``: the custody event it is about; ``table``: the table, or the file below the archive's log folder.
    """

    kind: str
    detail: str
    seq: int | None = None
    table: str | None = None


@dataclass(frozen=True, slots=True)
class LogState:
    """The log as it stands. ``keys``: its verifier keys, oldest first; ``size``: events; ``root``: of all of them.

    ``root`` is 64 hex, None where the tree in the ledger cannot be read. ``head``: the newest signed head, None
    before the first; ``head_at``: when it was begun, None where that cannot be read.
    """

    keys: tuple[str, ...]
    size: int
    root: str | None
    head: StoredCheckpoint | None
    head_at: datetime | None

    @property
    def origin(self) -> str | None:
        """The log's name, as its keys have it; None before the first."""
        return self.keys[-1].partition("+")[0] if self.keys else None

    @property
    def since(self) -> int:
        """Events that the newest head does not cover."""
        return self.size - (self.head.size if self.head else 0)
