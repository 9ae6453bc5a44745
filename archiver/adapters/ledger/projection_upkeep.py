"""What follows from entries in ``sources``, ``deliveries`` and ``alerts``: the rows that change.

Each row is a function of the entries in their order, however they are batched: the rows that a batch concerns are
read, changed entry by entry, and what is different then is written. That is what lets a ledger be rebuilt from its
events, and its rows be held against them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from archiver.adapters.ledger.deliveries import delivery_key, prefix_digest
from archiver.adapters.ledger.row_batch import Key, RowBatch
from archiver.adapters.ledger.rows import Row, plain_number, reading
from archiver.adapters.ledger.statements import chunks, rows_of
from archiver.adapters.ledger.stored import stored_list, stored_optional, stored_text, stored_time
from archiver.adapters.ledger.tables import alerts, deliveries, evidence, sources
from archiver.domain.custody import (
    DeliverySeen,
    DeliveryVanished,
    Entry,
    EvidenceAcquired,
    SourceFailed,
    SourceObserved,
    SourceRecovered,
    SourceRestored,
)
from archiver.domain.custody_upkeep import AlertRaised, AlertsRefused, AlertTold, DeliveryNoted, SourceSynced
from archiver.domain.verdict import Finding


class Upkeep:
    """One batch of entries on its way into ``sources``, ``deliveries`` and ``alerts``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sources = RowBatch(sources)
        self._deliveries = RowBatch(deliveries)
        self._alerts = RowBatch(alerts)
        self._places: dict[str, Key] = {}
        self._takes: dict[type[Entry], Callable[[int, Any], None]] = {
            DeliverySeen: self._seen,
            DeliveryVanished: self._vanished,
            DeliveryNoted: self._noted,
            EvidenceAcquired: self._acquired,
            SourceObserved: self._observed,
            SourceRestored: self._restored,
            SourceFailed: self._failed,
            SourceRecovered: self._recovered,
            SourceSynced: self._synced,
            AlertRaised: self._raised,
            AlertTold: self._told,
            AlertsRefused: self._put_off,
        }

    def load(self, entries: Sequence[Entry]) -> None:
        """Reads every row that *entries*, all that will be added, may change."""
        names = {
            stored_text(e.source) for e in entries if isinstance(e, SourceFailed | SourceRecovered | SourceSynced)
        }
        for chunk in chunks(names):
            self._sources.load(self._connection, sources.c.name.in_(chunk))
        told = {e.alert for e in entries if isinstance(e, AlertTold)}
        told.update(*(e.alerts for e in entries if isinstance(e, AlertsRefused)))
        for numbers in chunks(told):
            self._alerts.load(self._connection, alerts.c.id.in_(numbers))
        items = {stored_text(e.id) for e in entries if isinstance(e, SourceObserved | SourceRestored)}
        keys = {_place(e.source, e.prefix) for e in entries if isinstance(e, _OF_A_PREFIX)}
        keys |= {_place(e.evidence.source, e.evidence.prefix) for e in entries if isinstance(e, EvidenceAcquired)}
        self._load_places(items)
        self._load_deliveries(keys.union(self._places.values()))

    def _load_places(self, items: Iterable[str]) -> None:
        """Of which deliveries *items* came."""
        columns = (evidence.c.id, evidence.c.source, evidence.c.prefix)
        for chunk in chunks(items):
            for row in rows_of(self._connection, sa.select(*columns).where(evidence.c.id.in_(chunk))):
                self._places[row["id"]] = (row["source"], prefix_digest(row["prefix"]))

    def _load_deliveries(self, keys: Iterable[Key]) -> None:
        by_source: dict[str, list[str]] = {}
        for source, digest in keys:
            by_source.setdefault(source, []).append(digest)
        for source, digests in by_source.items():
            for chunk in chunks(digests):
                of_them = sa.and_(deliveries.c.source == source, deliveries.c.prefix_sha256.in_(chunk))
                self._deliveries.load(self._connection, of_them)

    def add(self, seq: int, entry: Entry) -> None:
        """Takes *entry*, which is custody event *seq*; others than those loaded for are no concern of these tables.

        Raises LedgerError for a delivery's row that was made unreadable.
        """
        take = self._takes.get(type(entry))
        if take is not None:
            take(seq, entry)

    def write(self) -> None:
        """Writes everything that was taken. The events must be there."""
        for rows in (self._sources, self._deliveries, self._alerts):
            rows.write(self._connection)

    def _seen(self, _seq: int, entry: DeliverySeen) -> None:
        self._deliveries.put(
            {
                **delivery_key(entry.source, entry.prefix),
                "prefix": stored_text(entry.prefix),
                "listing_digest": "",
                "first_seen_at": stored_time(entry.at),
                "evidence_id": None,
                "revision": 0,
                "gone": False,
            }
        )

    def _vanished(self, _seq: int, entry: DeliveryVanished) -> None:
        """Only what is pending: an archived delivery stays known."""
        key = _place(entry.source, entry.prefix)
        row = self._deliveries.get(key)
        if row is not None and row["evidence_id"] is None:
            self._deliveries.remove(key)

    def _noted(self, _seq: int, entry: DeliveryNoted) -> None:
        known = {
            "listing_digest": stored_text(entry.listing_digest),
            "first_seen_at": stored_time(entry.first_seen_at),
            "evidence_id": stored_optional(entry.evidence_of),
            "revision": entry.revision,
            "gone": entry.gone,
        }
        key = delivery_key(entry.source, entry.prefix)
        self._deliveries.put({**key, "prefix": stored_text(entry.prefix), **known}).update(known)

    def _acquired(self, _seq: int, entry: EvidenceAcquired) -> None:
        """First sight stays, and an older revision does not take the place of a later one."""
        item = entry.evidence
        known = {
            "listing_digest": stored_text(entry.listing_digest),
            "evidence_id": stored_text(item.id),
            "revision": item.revision,
            "gone": False,
        }
        first = {"prefix": stored_text(item.prefix), "first_seen_at": stored_time(item.first_seen_at)}
        key = delivery_key(item.source, item.prefix)
        self._places[stored_text(item.id)] = _place(item.source, item.prefix)
        row = self._deliveries.put({**key, **first, **known})
        with reading("deliveries", tuple(key.values())):
            if plain_number(row["revision"]) <= item.revision:
                row.update(known)

    def _observed(self, _seq: int, entry: SourceObserved) -> None:
        if entry.finding is Finding.SOURCE_DELETED:
            self._set_gone(entry.id, gone=True)

    def _restored(self, _seq: int, entry: SourceRestored) -> None:
        self._set_gone(entry.id, gone=False)

    def _set_gone(self, evidence_id: str, *, gone: bool) -> None:
        """Where *evidence_id* is what stands for its delivery; an earlier revision says nothing of it any more."""
        item = stored_text(evidence_id)
        row = self._deliveries.get(self._places.get(item, ()))
        if row is not None and row["evidence_id"] == item:
            row["gone"] = gone

    def _failed(self, _seq: int, entry: SourceFailed) -> None:
        """Since when is kept where it is known already."""
        row = self._source(entry.source)
        if row["failing_since"] is None:
            row["failing_since"] = stored_time(entry.at)

    def _recovered(self, _seq: int, entry: SourceRecovered) -> None:
        self._source(entry.source)["failing_since"] = None

    def _synced(self, _seq: int, entry: SourceSynced) -> None:
        row = self._source(entry.source)
        row |= {"url": stored_text(entry.url), "last_sync_at": stored_time(entry.at)}
        if entry.full_objects is not None:
            row |= {"last_full_at": stored_time(entry.at), "last_full_objects": entry.full_objects}

    def _source(self, name: str) -> Row:
        return self._sources.put({"name": stored_text(name), **dict.fromkeys(_OF_A_SOURCE)})

    def _raised(self, seq: int, entry: AlertRaised) -> None:
        moment = stored_time(entry.at)
        self._alerts.put(
            {
                "id": seq,
                "cause_sha256": cause_digest(entry.cause),
                "cause": stored_text(entry.cause),
                "title": stored_text(entry.title),
                "text": stored_text(entry.text),
                "created_at": moment,
                "attempts": 0,
                "next_try_at": moment,
                "refused": stored_list([]),
                "delivered_at": None,
            }
        )

    def _told(self, _seq: int, entry: AlertTold) -> None:
        """An alert that is not there any more is passed over, and what is no number stays: neither may keep the
        others back, and both are told when the rows are held against the events.
        """
        row = self._alerts.get((entry.alert,))
        if row is None:
            return
        if entry.next_try_at is None:
            row["delivered_at"] = stored_time(entry.at)
        else:
            _refuse(row, entry.refused, entry.next_try_at)

    def _put_off(self, _seq: int, entry: AlertsRefused) -> None:
        """As :meth:`_told`, for each."""
        for number in entry.alerts:
            row = self._alerts.get((number,))
            if row is not None:
                _refuse(row, entry.refused, entry.next_try_at)


def _refuse(row: Row, refused: Sequence[str], next_try_at: datetime) -> None:
    if isinstance(row["attempts"], int):
        row["attempts"] += 1
    row |= {"refused": stored_list(refused), "next_try_at": stored_time(next_try_at)}


_OF_A_PREFIX: Final = (DeliverySeen, DeliveryVanished, DeliveryNoted)
_OF_A_SOURCE: Final = ("url", "last_sync_at", "last_full_at", "last_full_objects", "failing_since")


def cause_digest(cause: str) -> str:
    """The SHA-256 by which an alert's cause is found: a cause may be longer than an index entry can be."""
    return hashlib.sha256(stored_text(cause).encode("utf-8")).hexdigest()


def _place(source: str, prefix: str) -> Key:
    return tuple(delivery_key(source, prefix).values())
