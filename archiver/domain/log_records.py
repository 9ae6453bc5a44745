"""What ledger and archive answer about the log: frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final


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
class UnreadHead:
    """A head of *size* leaves that somebody says they hold, and that they did not give. ``why``: in words."""

    size: int
    why: str


_ORDER: Final = (
    *("head_contradicted", "head_ahead", "ledger_behind", "key_replaced", "key_unvouched"),
    *("event_altered", "event_missing", "event_added", "checkpoint_inconsistent", "checkpoint_altered"),
    *("checkpoint_missing", "checkpoint_added", "tree_altered", "event_malformed"),
    *("row_altered", "row_missing", "row_added", "published_altered", "published_missing", "published_added"),
    *("anchor_missing", "anchor_invalid", "anchor_expired", "schema_altered", "guard_missing", "check_failed"),
    "unreadable",
)
"""Kinds, those first whose problems weigh most and explain others."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One disagreement, exactly located. ``kind``: a word for programs (docs/threat-model.md lists them).

    ``seq``: the custody event it is about; ``table``: the table, or the file below the archive's log folder.
    ``because``: the event from whose own problem this one follows, as far as can be told; None for one that leads.
    """

    kind: str
    detail: str
    seq: int | None = None
    table: str | None = None
    because: int | None = None

    @property
    def rank(self) -> int:
        """The smaller, the more it weighs."""
        return _ORDER.index(self.kind) if self.kind in _ORDER else len(_ORDER)


class KeyStanding(StrEnum):
    """What can be said of a key that the ledger calls the log's."""

    CONFIGURED = "configured"
    """The configuration names it, or its signer has it."""
    ADOPTED = "adopted"
    """An event adopted it, and a head proves that event which a configured key signed: an earlier key, mostly."""
    NOT_CONFIGURED = "not_configured"
    """Nothing but a row of a table speaks for it."""
    NOT_COMPARED = "not_compared"
    """The configuration's own key was not to be had, so that nothing speaks against it."""


@dataclass(frozen=True, slots=True)
class ClaimedKey:
    """A verifier key that the ledger calls the log's: as its table has it, so perhaps no key at all."""

    key: str
    standing: KeyStanding


@dataclass(frozen=True, slots=True)
class LogTrust:
    """What the configuration vouches for. ``keys``: verifier keys, the signer's own first if it was to be had.

    ``unasked``: why the signer's own was not, "" where it was.
    """

    keys: tuple[str, ...]
    unasked: str = ""

    @property
    def own(self) -> str | None:
        """The signer's own key."""
        return None if self.unasked or not self.keys else self.keys[0]


@dataclass(frozen=True, slots=True)
class LastVerified:
    """What the newest event ``ledger_verified``, number *seq*, says: when ``ledger verify`` ran, and what came of it.

    ``at`` is None, and the figures 0, where the event cannot be read.
    """

    seq: int
    at: datetime | None = None
    size: int = 0
    problems: int = 0
    failed: bool = False
    not_checked: int = 0


@dataclass(frozen=True, slots=True)
class LedgerHeld:
    """The whole ledger held against its tree, its signed heads and the published log, for one report.

    ``problems``: the first of ``count``, those that follow from no other before the rest. ``notes``: what was not
    checked or could not be read, and why.
    """

    problems: tuple[Problem, ...]
    count: int
    notes: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """True where the ledger is not what it should be."""
        return self.count > 0


@dataclass(frozen=True, slots=True)
class LogState:
    """The log as it stands. ``trust``: the configuration's keys; ``claimed``: what the ledger calls its keys, oldest
    first; ``size``: events; ``root``: of all of them.

    ``root`` is 64 hex, None where the tree in the ledger cannot be read. ``head``: the newest signed head, None
    before the first; ``head_at``: when it was begun, None where that cannot be read. ``head_trouble``: why the head
    is not verified, "" where a configured key signed it and the ledger's tree leads to it, or where there is none;
    ``head_compared``: False where only the configuration's own key, which was not to be had, could have verified it.
    ``head_root``: 64 hex, None without a head that can be read. ``verified``: None where it is on record that the
    ledger never was. ``forked``: how ledger and published log contradict each other, "" where nobody noticed.
    ``held``: what came of holding all of the ledger against its log, None where that was not done.
    """

    trust: LogTrust
    claimed: tuple[ClaimedKey, ...]
    size: int
    root: str | None
    head: StoredCheckpoint | None
    head_at: datetime | None
    head_trouble: str = ""
    head_compared: bool = True
    head_root: str | None = None
    verified: LastVerified | None = None
    forked: str = ""
    held: LedgerHeld | None = None

    @property
    def kept_as(self) -> str | None:
        """``SIZE:ROOT`` of what a reader may hold a later ledger against: the signed head, else all there is."""
        if self.head is not None and self.head_root is not None:
            return f"{self.head.size}:{self.head_root}"
        return f"{self.size}:{self.root}" if self.root is not None else None

    @property
    def key(self) -> str | None:
        """The log's verifier key: the configuration's; where its own was not to be had, what the ledger says."""
        return self.trust.own or (self.claimed[-1].key if self.claimed else None)

    @property
    def origin(self) -> str | None:
        """The log's name, as its key has it; None before the first."""
        return self.key.partition("+")[0] if self.key else None

    @property
    def strangers(self) -> tuple[str, ...]:
        """Keys that the ledger calls the log's and that neither configuration nor history vouches for."""
        return tuple(one.key for one in self.claimed if one.standing is KeyStanding.NOT_CONFIGURED)

    @property
    def is_contradicted(self) -> bool:
        """True where key or head is not what the configuration says the log's is, or the ledger is not the log's."""
        return bool(
            self.forked
            or self.strangers
            or (self.head_trouble and self.head_compared)
            or (self.held is not None and self.held.failed)
        )

    @property
    def is_unverified(self) -> bool:
        """True where nothing contradicts the log, and not all of it could be verified: a part could not be read, or
        nobody could say whether its head is signed with the right key."""
        held = self.held
        unread = held is not None and bool(held.notes)
        return not self.is_contradicted and (unread or self.head is None or bool(self.head_trouble))
