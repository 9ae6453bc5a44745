"""What became of deliveries that were archived: changed, or deleted at their source. What is archived stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from archiver.domain.custody import DeliveryVanished, SourceObserved, SourceRestored
from archiver.domain.delivery import Delivery
from archiver.domain.evidence import Evidence, FileRole, Origin
from archiver.domain.folders import deliveries
from archiver.domain.records import Alert, KnownDelivery
from archiver.domain.sign_file import RESULT_NAME, SIGN_FILE_NAME
from archiver.domain.text import printable
from archiver.domain.times import format_time
from archiver.domain.verdict import Finding
from archiver.ports import Clock, Deliveries, EvidenceIndex, Journal, Source
from archiver.work.acquire import is_replay
from archiver.work.alerts import source_alert

_MAYBE: Final = 10_000
"""Deliveries missing from a listing that are looked up again at a time."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How a listing differs from what was acquired, by file name. ``added``: files that no one listed before."""

    changed: tuple[str, ...]
    removed: tuple[str, ...]
    added: tuple[str, ...]

    @property
    def content(self) -> bool:
        """True where a sign or result file came or changed: a new revision has to be fetched."""
        return bool(self.changed)

    def __str__(self) -> str:
        parts = (("changed", self.changed), ("no longer there", self.removed), ("added", self.added))
        return "; ".join(
            f"{what}: {', '.join(printable(n, 80) for n in names[:10])}" for what, names in parts if names
        )


def difference(evidence: Evidence, delivery: Delivery) -> Difference:
    """*delivery* as listed now against *evidence* as acquired: by size, ETag and time, which only hint at content.

    A new result or sign file counts as changed: it may belong to what the signature covers.
    """
    held = {f.name: f for f in evidence.files}
    now = {delivery.name_of(o): o for o in delivery.objects}
    changed: list[str] = []
    added: list[str] = []
    for name, found in now.items():
        before = held.get(name)
        unlisted = name != SIGN_FILE_NAME and RESULT_NAME.fullmatch(name) is None
        if before is None:
            (added if unlisted else changed).append(name)
        elif (before.size, *_stamp(before.origin)) != (found.size, found.etag, found.last_modified):
            (added if before.role is FileRole.UNLISTED else changed).append(name)
    return Difference(tuple(changed), tuple(n for n in held if n not in now), tuple(added))


def _stamp(origin: Origin) -> tuple[object, ...]:
    return (origin.etag, origin.last_modified)


@dataclass(frozen=True)
class Watch:
    """Records what a source no longer holds, each once, with an alert."""

    ledger_deliveries: Deliveries
    evidence: EvidenceIndex
    journal: Journal
    clock: Clock

    def observed(self, source: Source, known: KnownDelivery, finding: Finding, detail: str) -> None:
        """The latest revision of *known* is not what the source holds now; nothing had to be fetched.

        *known* carries the digest of the new listing.
        """
        assert known.evidence_id is not None, "only archived deliveries are watched"  # noqa: S101
        self._record(known.evidence_id, finding, detail, alert=True)
        self.ledger_deliveries.note(source.name, [known])

    def superseded(self, evidence_id: str, revision: int) -> None:
        """A later revision was acquired; its own alert tells of it."""
        detail = f"the source holds other bytes now: revision {revision}"
        self._record(evidence_id, Finding.SOURCE_CHANGED, detail, alert=False)

    def replayed(self, evidence: Evidence) -> None:
        """Marks the items that *evidence* repeats: the order of arrival does not tell which of them is the copy.

        The alert of *evidence* names them all.
        """
        assert evidence.hash_list_sha256 is not None, "what has no hash list repeats none"  # noqa: S101
        detail = f"the same hash list stands under another query ID: {evidence.source}/{printable(evidence.prefix)}"
        for other, query, place in self.evidence.same_hash_list(evidence.hash_list_sha256):
            if other == evidence.id or not is_replay(query, place, evidence.query_id, evidence.prefix):
                continue
            if Finding.REPLAYED_HASH_LIST not in self.evidence.get(other).state.findings:
                self._record(other, Finding.REPLAYED_HASH_LIST, detail, alert=False)

    def returned(self, known: KnownDelivery) -> None:
        """What was reported as deleted is at its source again, as it was."""
        assert known.evidence_id is not None, "only archived deliveries are reported as deleted"  # noqa: S101
        self.journal.record([SourceRestored(at=self.clock(), id=known.evidence_id)])

    def missing(self, source: Source, candidates: Iterable[KnownDelivery]) -> int:
        """Those of *candidates* that a look at their own prefix does not find either; how many that were.

        Raises SourceError.
        """
        gone = 0
        for known in candidates:
            if not self._came_from(source, known):
                continue
            if any(d.prefix == known.prefix for d in deliveries(source.objects(known.prefix))):
                continue
            gone += 1
            self._gone(source, known)
        return gone

    def _came_from(self, source: Source, known: KnownDelivery) -> bool:
        """False for what was imported, or acquired while the source pointed elsewhere: it cannot be missed here."""
        if known.evidence_id is None:
            return True
        return self.evidence.get(known.evidence_id).evidence.source_url == source.url

    def _gone(self, source: Source, known: KnownDelivery) -> None:
        now = self.clock()
        if known.evidence_id is None:
            alert = Alert(
                cause=f"vanished:{source.name}:{known.prefix}",
                title="a delivery vanished before it was whole",
                text=f"Source {source.name}, {printable(known.prefix)}: first seen "
                f"{format_time(known.first_seen_at)}, never whole, not there any more. Nothing could be archived.",
            )
            self.journal.record([DeliveryVanished(at=now, source=source.name, prefix=known.prefix)], [alert])
        else:
            detail = f"{source.url} does not list {printable(known.prefix)} any more"
            self._record(known.evidence_id, Finding.SOURCE_DELETED, detail, alert=True)

    def _record(self, evidence_id: str, finding: Finding, detail: str, *, alert: bool) -> None:
        now = self.clock()
        evidence = self.evidence.get(evidence_id).evidence
        entry = SourceObserved(at=now, id=evidence_id, finding=finding, detail=detail)
        self.journal.record([entry], [source_alert(evidence, finding, detail, now)] if alert else [])


class Roll:
    """Calls the roll: which archived deliveries below a prefix a listing did not show. Memory stays flat.

    Both sides come in key order, so one walk along both suffices; a nested folder ends before the one round it,
    so what is passed over is only *maybe* missing until the listing has ended.
    """

    def __init__(self, known: Iterator[KnownDelivery]) -> None:
        self._known = known
        self._next = next(known, None)
        self._maybe: dict[str, KnownDelivery] = {}

    def present(self, prefix: str) -> None:
        """The listing shows the delivery at *prefix*."""
        while self._next is not None and _order(self._next.prefix) <= _order(prefix):
            if self._next.prefix != prefix and len(self._maybe) < _MAYBE:
                self._maybe[self._next.prefix] = self._next
            self._next = next(self._known, None)
        self._maybe.pop(prefix, None)

    def absent(self) -> Iterator[KnownDelivery]:
        """Once the listing has ended: those that it did not show."""
        yield from list(self._maybe.values())
        while self._next is not None:
            yield self._next
            self._next = next(self._known, None)


def _order(prefix: str) -> bytes:
    return prefix.encode("utf-8", "surrogateescape")
