"""What ledger and archive answer: frozen values on which the ports and the use cases agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from archiver.domain.evidence import Evidence, EvidenceState
from archiver.domain.verdict import Verdict


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """One directory entry of a delivery's folder in the archive. ``kind``: file, folder, link or other."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class KnownDelivery:
    """What the ledger knows of the delivery at *prefix*.

    ``listing_digest``: of the listing that was last dealt with. ``evidence_id``: its latest revision, None
    while pending. ``revision``: number of that revision, 0 while pending. ``gone``: reported as deleted already.
    """

    prefix: str
    listing_digest: str
    first_seen_at: datetime
    evidence_id: str | None
    revision: int
    gone: bool = False


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """What is known of a source: time and size of its last complete listing, time of its last pass."""

    last_sync_at: datetime | None
    last_full_at: datetime | None
    last_full_objects: int | None
    failing_since: datetime | None


@dataclass(frozen=True, slots=True)
class EvidenceRecord:
    """One item: what never changes, and what is said of it now."""

    evidence: Evidence
    state: EvidenceState


@dataclass(frozen=True, slots=True)
class Outline:
    """An item that is to be read: ``size``, the bytes of its files, and ``rows``, those of files and events, by the
    ledger's rows of now. For sharing out alone: whoever altered a row may have made both up."""

    id: str
    size: int
    rows: int


@dataclass(frozen=True, slots=True)
class WholeItem:
    """All that an audit asks the ledger about one item, as it stood at one moment.

    ``disagreements``: within the ledger, about it. ``described``: its events of CloudTrail's accounts of the query.
    ``alone``: no other item has the hash list that its row has.
    """

    record: EvidenceRecord
    disagreements: Sequence[str]
    described: Sequence[CustodyEvent]
    alone: bool


@dataclass(frozen=True, slots=True)
class Selection:
    """Which items: every condition that is not None must hold. ``since``/``until``: acquired_at, half open.

    ``id_range``: from the first ID up to but without the second. ``due_at``: next_audit_at at or before it, or
    last judged after it, by a clock that stood ahead, or last judged at or before ``judged_before``, whatever
    next_audit_at says. ``judged_before`` alone is no condition.
    """

    ids: Sequence[str] | None = None
    verdict: Verdict | None = None
    source: str | None = None
    account: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    id_range: tuple[str, str] | None = None
    due_at: datetime | None = None
    judged_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class CustodyEvent:
    """One recorded entry. ``seq`` counts from 0 without gaps; ``body``: canonical JSON (RFC 8785)."""

    seq: int
    at: datetime
    kind: str
    evidence_id: str | None
    body: str


@dataclass(frozen=True, slots=True)
class Totals:
    """Figures for ``status``. ``overdue``: items not judged within their time; ``events``: ledger size."""

    by_verdict: Mapping[Verdict, int]
    pending: int
    size: int
    overdue: int
    oldest_audit_at: datetime | None
    last_sync_at: datetime | None
    events: int


@dataclass(frozen=True, slots=True)
class Alert:
    """Something a person must hear of, once. ``cause`` names it; the same cause is not queued twice."""

    cause: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class QueuedAlert:
    """An alert that is not delivered yet. ``id``: its number; ``attempts``: tries so far.

    ``refused``: the addresses that did not take it at the last try; the others have it. Empty: nobody has it.
    """

    id: int
    alert: Alert
    created_at: datetime
    attempts: int
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Undelivered:
    """The alerts that are not delivered yet: how many, since when the oldest waits (None: not known), and the
    addresses that did not take one at its last try."""

    count: int
    oldest: datetime | None
    refused: tuple[str, ...] = ()
