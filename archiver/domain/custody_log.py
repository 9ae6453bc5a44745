"""Custody entries about the log itself: its keys, its signed heads, what vouches for those elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from archiver.domain.custody import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class LogKeyAdopted(Entry):
    """From here on checkpoints are signed with *key* (a C2SP verifier key, which names the log's origin).

    ``before``: the verifier key that it follows, None for the log's first. ``vouched``: the checkpoint that covers
    this entry is signed with the key before, too; False where that one was lost.
    """

    kind: ClassVar[str] = "log_key_adopted"
    key: str
    before: str | None
    vouched: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointBegun(Entry):
    """The tree that ends with this entry is about to be signed. Its checkpoint follows ``previous_size``'s.

    ``previous_size``: leaves of the checkpoint before, 0 for none; ``previous_root``: its root, 64 hex.
    """

    kind: ClassVar[str] = "checkpoint_begun"
    previous_size: int
    previous_root: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointAnchored(Entry):
    """Somebody off this host vouches for the checkpoint of *size* leaves.

    ``method``: ``timestamp`` (RFC 3161), ``object_lock`` (a locked S3 object) or ``witness`` (a cosignature).
    ``name``: who, as configured. ``path``: where the proof lies below the archive's log folder; ``sha256``: of the
    proof. ``proved_at``: the time that it proves. ``valid_until``: end of the authority's certificate or of the
    object's retention, None where there is none.
    """

    kind: ClassVar[str] = "checkpoint_anchored"
    size: int
    method: str
    name: str
    path: str
    sha256: str
    proved_at: datetime
    valid_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRebuilt(Entry):
    """The ledger was made anew from the published log up to the checkpoint of *size* leaves with *root* (64 hex)."""

    kind: ClassVar[str] = "ledger_rebuilt"
    size: int
    root: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierHeadAccepted(Entry):
    """Somebody decided that the log goes on although it does not lead to the head that was signed last.

    ``lost_size``, ``lost_root``: leaves and root (64 hex) of that head, as it was kept beside the key; None where
    what was kept is no head. ``size``, ``root``: of the newest head of the history that is gone on with, 0 and the
    empty tree's root where it has none. ``reason_sha256``: of the file that holds the operator's reason, beside the
    lost head: a text of somebody's own stays out of the log.
    """

    kind: ClassVar[str] = "earlier_head_accepted"
    lost_size: int | None
    lost_root: str | None
    size: int
    root: str
    reason_sha256: str
