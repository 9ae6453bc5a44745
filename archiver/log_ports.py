"""The edges of the transparency log: what ``work`` asks of ledger, archive, key and the world outside.

The same rules hold as in ``ports``: each docstring is the contract, one contract suite a port.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from archiver.domain.custody import Entry
from archiver.domain.custody_log import CheckpointAnchored
from archiver.domain.log_records import AdoptedKey, Anchor, LogEntry, Problem, StoredCheckpoint, UnreadHead
from archiver.errors import RowUnreadableError

LogPage = tuple[list[bytes | None], list[bytes | None]]
"""``LogEntry.body`` and ``LogEntry.hashes`` of numbers in a row: two lists of one length."""

Tell = Callable[[Problem], None]
"""Takes each disagreement as it is found."""

Unread = Callable[[RowUnreadableError], None]
"""Takes what there is to say of each row that cannot be read."""

Known = Callable[[int], str | None]
"""Answers the note of our own checkpoint of so many leaves, None where there is none."""


class RowCheck(Protocol):
    """Rows being held against the events that made them, beside whatever else goes on."""

    def finish(self, tell: Tell) -> int:
        """Waits for the end, tells every disagreement, and answers how many rows were looked at.

        Raises LedgerError where rows could not be read; what had been found is told before.
        """
        ...


class CustodyLog(Protocol):
    """The log in the ledger: the tree over all custody events, and the heads that were signed of it."""

    def size(self) -> int:
        """Leaves, which is the number of custody events. By whichever table goes further, if one was cut."""
        ...

    def hashes(self, nodes: Collection[tuple[int, int]]) -> Mapping[tuple[int, int], bytes]:
        """The hash of each complete subtree (``log.tree.Node``), as stored.

        Raises LedgerAlteredError where one is not, LedgerError.
        """
        ...

    def entries(self, start: int, end: int) -> Iterator[LogEntry]:
        """Every number from *start* up to *end*, whether its rows are there or not; flat memory."""
        ...

    def pages(self, start: int, end: int) -> Iterator[LogPage]:
        """The same as :meth:`entries`, as many at once as is quick to read."""
        ...

    def strays(self) -> Sequence[tuple[str, int]]:
        """(table, number) of events and tree rows that no log has, below 0, and of heads of no leaves, below 1."""
        ...

    def of_kind(self, kind: str, start: int = 0) -> Iterator[tuple[int, str]]:
        """(seq, body) of the events of *kind* from *start* on, oldest first."""
        ...

    def keys(self) -> Sequence[AdoptedKey]:
        """The log's keys, oldest first, as the table has them."""
        ...

    def checkpoints(self, after: int = -1) -> Iterator[StoredCheckpoint]:
        """The signed heads of more than *after* leaves, smallest first.

        Raises RowUnreadableError at a row that cannot be read: the next ones come when asked for after that.
        """
        ...

    def latest_checkpoint(self) -> StoredCheckpoint | None:
        """The largest signed head, None before the first."""
        ...

    def add_checkpoint(self, checkpoint: StoredCheckpoint) -> None:
        """Stores a signed head; the same again is fine, another of that size raises LedgerError."""
        ...

    def anchors(self, size: int | None = None, unread: Unread = lambda _error: None) -> Iterator[Anchor]:
        """The anchors of the checkpoint of *size* leaves, or all, oldest first.

        A row that cannot be read is passed over, and *unread* told of it: it hides no later one.
        """
        ...

    def guards(self) -> Sequence[Problem]:
        """Triggers that keep history append-only and are not as the schema made them (kind ``guard_missing``).

        Also tables, indexes and foreign triggers that are not as it made them (``schema_altered``).
        """
        ...

    def check_rows(self, size: int) -> AbstractContextManager[RowCheck]:
        """Holds every row of every table against the custody events, and tells each disagreement.

        Against those below *size* and any that were recorded since: what changes in tables speaks of these too.
        Looked at: each event's own columns and form (JSON, canonical), and every table but ``merkle_nodes``,
        ``checkpoints`` and the bodies' hashes, which are the tree's to tell. Work begins on entering, in other
        processes where that helps.
        """
        ...


class LedgerDraft(Protocol):
    """A ledger being made anew, out of sight: nobody takes it for one before it is whole."""

    def add(self, events: Sequence[tuple[Entry, str]]) -> None:
        """Writes the next events, each with the body that it was recorded with, and all that follows from them.

        Raises LedgerError.
        """
        ...

    def record(self, entry: Entry) -> None:
        """Adds one more event, of now. Raises LedgerError."""
        ...

    def root(self) -> bytes:
        """The root of the tree over all events so far."""
        ...

    def hashes(self, nodes: Collection[tuple[int, int]]) -> Mapping[tuple[int, int], bytes]:
        """As :meth:`CustodyLog.hashes`."""
        ...

    def add_checkpoints(self, heads: Sequence[StoredCheckpoint]) -> None:
        """Stores signed heads, each of another size. Raises LedgerError."""
        ...


class PublishedLog(Protocol):
    """The archive's log folder: static files, for anyone's tools. Paths are relative to it, with ``/``."""

    @property
    def url(self) -> str: ...

    def read(self, path: str) -> bytes | None:
        """The file at *path*, at most ``limits.LOG_FILE_BYTES``; None where nothing is there.

        A link is never followed. Raises MediumError, for a larger file and for what is no file too.
        """
        ...

    def put(self, path: str, data: bytes) -> None:
        """Writes a file once, fsync'd with its folders. The same bytes again are fine; StoreConflictError for others.

        Raises StoreFullError, StoreError.
        """
        ...

    def replace(self, path: str, data: bytes) -> None:
        """Puts *data* at *path* whatever stood there: whole or not at all, fsync'd. Raises as :meth:`put`."""
        ...

    def keep_aside(self, path: str, at: datetime) -> str:
        """Copies the file at *path* out of the log, below ``set-aside`` in the archive; answers where to, in it.

        Raises MediumError, StoreError.
        """
        ...

    def remove(self, path: str) -> None:
        """Takes the file at *path* away, where it is there. Raises StoreError.

        Only for what other files tell too: a partial tile beside the full one.
        """
        ...

    def files(self, folder: str = "") -> Iterator[str]:
        """Paths of everything that is no folder below *folder*, sorted within each folder. Raises MediumError.

        A folder that is nested deeper than any of a log's comes as what is no folder: nobody looks into it.
        """
        ...


class Signer(Protocol):
    """The log's private key, wherever it is kept. Making one asks nothing; the first use may."""

    @property
    def key(self) -> str:
        """The C2SP verifier key (Ed25519). Raises SigningError where it cannot be had."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The Ed25519 signature (RFC 8032) over *message*, 64 bytes. Raises SigningError."""
        ...


class HeadMemory(Protocol):
    """The last head that was signed, remembered where neither ledger nor archive is."""

    @property
    def place(self) -> str:
        """Where, for people."""
        ...

    def last(self) -> str | None:
        """The signed note, not checked; None before the first. Raises SigningError."""
        ...

    def remember(self, note: str) -> None:
        """Puts *note* in the place of the one before: whole, and on the disk. Raises SigningError."""
        ...

    def set_aside(self, reason: bytes, at: datetime) -> str:
        """Keeps what is remembered under a name with the time *at*, and *reason* beside it; answers where.

        Then nothing is remembered, and nothing was deleted. Raises SigningError.
        """
        ...


class Anchorer(Protocol):
    """Somebody off this host who vouches for checkpoints: a time-stamping authority, a bucket, a witness."""

    @property
    def method(self) -> str: ...

    @property
    def name(self) -> str:
        """Who, without blanks: part of a file name."""
        ...

    @property
    def retired(self) -> bool:
        """True for one that is asked no more, and known for what it vouched for before."""
        ...

    def path(self, size: int) -> str:
        """Where the proof for the checkpoint of *size* leaves lies, below the archive's log folder."""
        ...

    def anchor(
        self, size: int, note: str, prove: Callable[[int, int], Sequence[bytes]]
    ) -> tuple[CheckpointAnchored, bytes]:
        """Has the checkpoint *note* of *size* leaves vouched for; the entry to record, and the proof to publish.

        The proof was checked as :meth:`check` does. *prove* makes a consistency proof between two sizes. Raises
        AnchorError.
        """
        ...

    def read(self, size: int, note: str, proof: bytes) -> CheckpointAnchored:
        """The entry for *proof*, which was obtained before. Without network.

        Raises AnchorError where it does not show that *note* was vouched for.
        """
        ...

    def check(self, anchor: Anchor, note: str, proof: bytes) -> str | None:
        """What is wrong with *proof* as an anchor of *note*, in words; None where it holds. Without network."""
        ...

    def heads(self, known: Known = lambda _size: None) -> Iterator[tuple[int, str] | UnreadHead]:
        """(size, note) of the log's checkpoints that they hold and tell, newest first: what a rollback cannot undo.

        In the place of one that is there and cannot be read stands why, and the others follow.
        Of those that are *known*, byte for byte, any may be left out: years of them need not be fetched. Empty where
        they tell none. Raises AnchorError where they cannot be asked.
        """
        ...

    def probe(self) -> str:
        """Asks them something that leaves no trace, and says in words what came. Raises AnchorError."""
        ...
