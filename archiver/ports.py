"""The edges: what the use cases in ``work`` ask of the world. Each docstring is the contract.

Adapters turn the errors of their libraries into ours (``archiver.errors``) with ``raise … from``. One contract
suite a port runs over every implementation.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from typing import Protocol

from archiver.audit_ports import AuditIndex, Unreadable
from archiver.domain.custody import Entry
from archiver.domain.delivery import SourceObject
from archiver.domain.evidence import Origin
from archiver.domain.keys import HeldKey, KeyProvenance, PublicKey
from archiver.domain.records import (
    Alert,
    CustodyEvent,
    EvidenceRecord,
    KnownDelivery,
    QueuedAlert,
    Selection,
    SourceStatus,
    Totals,
    Undelivered,
)
from archiver.log_ports import CustodyLog

Clock = Callable[[], datetime]
"""The current time, aware, UTC."""

ShouldStop = Callable[[], bool]
"""True once work is to end; asked between chunks and items."""


class ObjectStream(Protocol):
    """One object while it is read. ``origin`` is complete before the first chunk."""

    @property
    def origin(self) -> Origin: ...

    def chunks(self) -> Iterator[bytes]:
        """The bytes from the offset asked for to the end, at most ``limits.CHUNK_BYTES`` a piece, raw.

        An empty piece means that the source is waited for still: time to look whether to stop.
        Raises SourceError where they stop short of or go beyond the object's size.
        """
        ...


class Source(Protocol):
    """A place where deliveries arrive. Safe to use from several threads at once."""

    @property
    def name(self) -> str: ...

    @property
    def url(self) -> str: ...

    @property
    def region(self) -> str | None: ...

    @property
    def times_are_observed(self) -> bool:
        """True where LastModified is the store's own observation (S3), False where anyone can set it."""
        ...

    def caller(self) -> str | None:
        """Who reads (an AWS ARN, no session's name in it), None where nobody. Never raises; asked once, cached."""
        ...

    def day_prefixes(self, since: date) -> Iterator[str]:
        """The canonical day folders (ending in ``/``) from *since* on that exist, of every account.

        Raises SourceError.
        """
        ...

    def objects(self, prefix: str = "") -> Iterator[SourceObject]:
        """Every object below *prefix*, in key order (UTF-8 bytes), each folder's contiguous; flat memory.

        Keys are whole (below the bucket, the source's own prefix included); *prefix* is such a key. Links and
        specials are listed with their kind and never followed. Raises SourceError, in mid-listing too.
        """
        ...

    def open(
        self, found: SourceObject, offset: int = 0, pinned: Origin | None = None
    ) -> AbstractContextManager[ObjectStream]:
        """*found* as it was listed, from *offset*; *pinned*: exactly the version fetched before.

        Raises ObjectChangedError where it is not what was listed or pinned, ObjectGoneError where it is not
        there, SourceDeniedError, SourceUnreachableError, MediumError.
        """
        ...


class KeyAuthority(Protocol):
    """Answers which public keys a Region used (``cloudtrail:ListPublicKeys``). Safe from several threads."""

    @property
    def region(self) -> str: ...

    def list_keys(self, start: datetime, end: datetime) -> tuple[Sequence[PublicKey], KeyProvenance]:
        """All pages of keys whose window meets *start* to *end*, as listed: not checked. Raises SourceError."""
        ...


class Deliveries(Protocol):
    """Which deliveries of which source were seen, and how far each has come."""

    def known(self, source: str, prefixes: Sequence[str]) -> Mapping[str, KnownDelivery]:
        """The known ones among *prefixes* (any number)."""
        ...

    def pending(self, source: str) -> Iterator[KnownDelivery]:
        """Those still arriving."""
        ...

    def archived_below(self, source: str, prefix: str) -> Iterator[KnownDelivery]:
        """Archived ones whose prefix starts with *prefix*, in byte order of prefix, not those gone."""
        ...

    def note(self, source: str, known: Sequence[KnownDelivery]) -> None:
        """What is known now, recorded as DeliveryNoted where it is news. Atomic."""
        ...

    def status(self, source: str) -> SourceStatus:
        """All None for a source that was never synced."""
        ...

    def note_pass(self, source: str, url: str, at: datetime, full_objects: int | None) -> None:
        """A pass over *source* ended: SourceSynced. *full_objects*: objects listed, where it listed all."""
        ...


class EvidenceIndex(AuditIndex, Protocol):
    """Reading what is archived. Every iterator reads in pages: memory does not grow with the ledger."""

    def get(self, evidence_id: str) -> EvidenceRecord:
        """Raises UnknownEvidenceError, and LedgerError for an item that is there and cannot be read."""
        ...

    def resolve(self, text: str) -> str:
        """The one evidence ID that *text* means: an ID, a query ID, or a prefix of either.

        Of several revisions of one delivery a query ID means the latest. Raises UnknownEvidenceError, saying
        whether there is none or which there are.
        """
        ...

    def select(
        self, selection: Selection, oldest_due_first: bool = False, unreadable: Unreadable | None = None
    ) -> Iterator[EvidenceRecord]:
        """Items by acquired_at (or by next_audit_at), then ID. Items may be recorded while iterating.

        What cannot be read, or of ``ids`` lacks a row, goes to *unreadable*; without it LedgerError is raised.
        """
        ...

    def awaiting_key(self) -> Iterator[EvidenceRecord]:
        """Items whose reasons hold ``key_unavailable``."""
        ...

    def held(self, evidence_ids: Sequence[str]) -> Collection[str]:
        """Those of *evidence_ids* of which there is a custody event."""
        ...

    def same_hash_lists(self, hash_lists: Sequence[str]) -> Mapping[str, Sequence[tuple[str, str | None, str]]]:
        """:meth:`same_hash_list` of many: only those that any item has."""
        ...

    def same_hash_list(self, hash_list_sha256: str) -> Sequence[tuple[str, str | None, str]]:
        """(evidence ID, query ID, source and prefix to show) of the items with this hash list, at most 50."""
        ...

    def events(self, evidence_id: str | None = None) -> Iterator[CustodyEvent]:
        """Custody events, oldest first: of one item, or all."""
        ...

    def disagreements(self, evidence_id: str) -> Sequence[str]:
        """Every way in which the item's rows differ from the bodies of its custody events; empty: none.

        In words that name table and column. Looked at: its evidence, files and verifications rows, what is said
        of it now, the row of each key it was judged with (which must be on record), and the events themselves:
        one that is missing, one whose columns are not its body's, one whose body is not canonical.
        """
        ...

    def disagreements_of(self, evidence_ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """:meth:`disagreements` of many items in few queries: only those that have any."""
        ...

    def gaps(self) -> Sequence[str]:
        """What is missing in the ledger as a whole, in words; empty where as many are there as were recorded.

        Only counts: rows that were removed together with their events are for the log to tell. Goes through whole
        tables: with a million items a second, and many from a cold disk.
        """
        ...

    def has_below(self, folder: str) -> bool:
        """True if some item's ``path`` lies inside the archive folder *folder*."""
        ...

    def totals(self, now: datetime, reverify_after_seconds: float) -> Totals:
        """One consistent look."""
        ...


class Keys(Protocol):
    """The harvested public keys."""

    def by_fingerprint(self, fingerprint: str) -> Sequence[HeldKey]:
        """Those whose recomputed fingerprint it is."""
        ...

    def all(self) -> Iterator[HeldKey]:
        """By valid_from, then SHA-256."""
        ...

    def regions(self) -> Mapping[str, datetime]:
        """Region -> end of the last window that is held for it."""
        ...

    def events(self, sha256s: Collection[str]) -> Sequence[CustodyEvent]:
        """The custody events that brought the keys with these SHA-256, oldest first."""
        ...


class Outbox(Protocol):
    """Alerts between their cause and their delivery: recorded with the cause, gone only when delivered."""

    def due(self, now: datetime) -> Sequence[QueuedAlert]:
        """The undelivered ones due for a try, oldest first, at most 100; an unreadable one as an alert of that."""
        ...

    def waiting(self) -> Undelivered:
        """All that is undelivered, whether it is due or not."""
        ...

    def delivered(self, alert_id: int, at: datetime) -> None: ...

    def failed(self, ids: Collection[int], at: datetime, refused: Collection[str], next_try_at: datetime) -> None:
        """The addresses *refused* did not take these: one AlertsRefused for all, there or not."""
        ...


class Journal(Protocol):
    """The one way in which history is written."""

    def record(self, entries: Sequence[Entry], alerts: Sequence[Alert] = ()) -> None:
        """Records *entries* in order, what follows from them, and *alerts*: all or nothing, durable on return.

        Alerts are entries too, AlertRaised, behind the others. Passed over is what is on record already, whoever
        recorded it: EvidenceAcquired for the same ID, AlertRaised for the same cause, KeyHarvested for the same
        key and provenance (method, endpoint, caller; not the time). Raises LedgerError.
        """
        ...


class Locks(Protocol):
    """Who does what. A lock dies with its process, however that ends."""

    def hold(self, job: str, wait: bool = True) -> AbstractContextManager[None]:
        """Holds the lock *job* (``daemon``, ``sync:<source>``, ``audit`` …) while inside.

        Waits for another process to end it, or raises BusyError naming it where *wait* is False.
        """
        ...

    def check(self) -> None:
        """Raises LeaseLostError where a lock that is held here is held no more."""
        ...


class Ledger(Protocol):
    """The ledger, whole. Usable from several threads."""

    @property
    def url(self) -> str:
        """Without a password."""
        ...

    @property
    def deliveries(self) -> Deliveries: ...
    @property
    def evidence(self) -> EvidenceIndex: ...
    @property
    def keys(self) -> Keys: ...
    @property
    def journal(self) -> Journal: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def locks(self) -> Locks: ...
    @property
    def log(self) -> CustodyLog: ...

    def close(self) -> None: ...


class Messenger(Protocol):
    """Delivers alerts to people."""

    def send(self, title: str, text: str, only: Collection[str] = ()) -> Collection[str]:
        """Sends to every address, or to those that *only* names; answers the ones that did not take it.

        Addresses are named without secrets. A name in *only* that there is no address for any more is ignored.
        """
        ...


class Progress(Protocol):
    """Shows long work to a person; never on stdout."""

    def begin(self, what: str, total: int = 0) -> None: ...
    def item(self, label: str, count: int = 1) -> None: ...
    def moved(self, size: int) -> None: ...
