"""What ``sources``, ``deliveries`` and ``alerts`` should say: made anew in the scratch as the journal makes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import orjson

from archiver.adapters.ledger.check_reader import Reader
from archiver.adapters.ledger.check_scratch import Scratch
from archiver.adapters.ledger.check_spool import Archived
from archiver.adapters.ledger.deliveries import prefix_digest
from archiver.adapters.ledger.projection_upkeep import Upkeep
from archiver.adapters.ledger.stored import stored_text
from archiver.adapters.ledger.tables import custody_events
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
from archiver.domain.custody_reading import entry_of
from archiver.domain.custody_upkeep import AlertRaised, AlertsRefused, AlertTold, DeliveryNoted, SourceSynced

_AT_ONCE: Final = 1000

_OF_A_PREFIX: Final = (DeliverySeen, DeliveryVanished, DeliveryNoted)
_OF_THE_SOURCE: Final = (SourceObserved, SourceRestored)
_OTHERS: Final = (SourceFailed, SourceRecovered, SourceSynced, AlertRaised, AlertTold, AlertsRefused)

CONCERNED: Final = (*_OF_A_PREFIX, *_OF_THE_SOURCE, *_OTHERS)
"""Entries that these tables follow from, besides acquisitions."""

_BODY: Final = f"SELECT body FROM {custody_events.name} WHERE seq = ?"  # noqa: S608 - our own name


class UpkeepFold:
    """Entries on their way into the scratch. They are taken in order, many at once."""

    def __init__(self, reader: Reader, scratch: Scratch) -> None:
        self._reader = reader
        self._scratch = scratch
        self._archived: list[Archived] = []
        self._entries: list[tuple[int, Entry]] = []

    def archived(self, deliveries: Iterable[Archived]) -> None:
        """Takes acquisitions."""
        self._archived.extend(deliveries)
        if len(self._archived) >= _AT_ONCE:
            self.flush()

    def take(self, seq: int) -> None:
        """Takes the entry of event *seq*, one of those concerned."""
        self._entries.append((seq, self._entry(seq)))
        if len(self._entries) >= _AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Brings the scratch up to date. Most acquisitions meet no other entry, and need not go the long way."""
        self._place_items()
        named = [entry for _, entry in self._entries if isinstance(entry, _OF_A_PREFIX)]
        touched = {(stored_text(entry.source), stored_text(entry.prefix)) for entry in named}
        items = {stored_text(e.id) for _, e in self._entries if isinstance(e, _OF_THE_SOURCE)}
        touched |= {(one.source, one.prefix) for one in self._archived if one.item in items}
        met = [one.seq for one in self._archived if (one.source, one.prefix) in touched]
        self._scratch.put_acquired(
            [
                (one.source, prefix_digest(one.prefix), *one[2:])
                for one in self._archived
                if (one.source, one.prefix) not in touched
            ]
        )
        self._apply(sorted([*self._entries, *((seq, self._entry(seq)) for seq in met)], key=lambda pair: pair[0]))
        self._archived.clear()
        self._entries.clear()

    def _apply(self, entries: list[tuple[int, Entry]]) -> None:
        if not entries:
            return
        upkeep = Upkeep(self._scratch.connection)
        upkeep.load([entry for _, entry in entries])
        for seq, entry in entries:
            upkeep.add(seq, entry)
        upkeep.write()

    def _place_items(self) -> None:
        """Of which deliveries the items are that entries about the source name: as their acquisitions say."""
        wanted = sorted({stored_text(e.id) for _, e in self._entries if isinstance(e, _OF_THE_SOURCE)})
        for item, seq in self._scratch.acquired_by(wanted).items():
            entry = self._entry(seq)
            if isinstance(entry, EvidenceAcquired):
                place = entry.evidence
                self._scratch.put_place(item, stored_text(place.source), stored_text(place.prefix))

    def _entry(self, seq: int) -> Entry:
        """The entry of event *seq*, which was read before."""
        ((body,),) = self._reader.all(_BODY, (seq,))
        return entry_of(orjson.loads(body))[0]
