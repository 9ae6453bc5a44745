"""What ``sources``, ``deliveries`` and ``alerts`` should say: made anew in the scratch as the journal makes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import orjson

from archiver.adapters.ledger.check_reader import Reader
from archiver.adapters.ledger.check_scratch import Scratch
from archiver.adapters.ledger.check_states import States
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
from archiver.domain.custody_upkeep import AlertRaised, AlertTold, DeliveryNoted, SourceSynced

_AT_ONCE: Final = 1000

_OF_A_PREFIX: Final = (DeliverySeen, DeliveryVanished, DeliveryNoted)
_OF_THE_SOURCE: Final = (SourceObserved, SourceRestored)
_OTHERS: Final = (SourceFailed, SourceRecovered, SourceSynced, AlertRaised, AlertTold)
_TAKEN: Final = (*_OF_A_PREFIX, *_OF_THE_SOURCE, *_OTHERS)


class Archived(NamedTuple):
    """A delivery that was archived by event *seq*, in the form of columns. ``body``: of the event."""

    seq: int
    source: str
    prefix: str
    listing_digest: str
    first_seen_at: str
    item: str
    revision: int
    body: str


class UpkeepFold:
    """Entries on their way into the scratch. They are taken in order, many at once."""

    def __init__(self, reader: Reader, scratch: Scratch, states: States) -> None:
        self._reader = reader
        self._scratch = scratch
        self._states = states
        self._archived: list[Archived] = []
        self._entries: list[tuple[int, Entry]] = []

    def archived(self, delivery: Archived) -> None:
        """Takes an acquisition."""
        self._archived.append(delivery)
        if len(self._archived) >= _AT_ONCE:
            self.flush()

    def take(self, seq: int, entry: Entry) -> None:
        """Takes any other entry; most are no concern of these tables."""
        if isinstance(entry, _TAKEN):
            self._entries.append((seq, entry))
            if len(self._entries) >= _AT_ONCE:
                self.flush()

    def flush(self) -> None:
        """Brings the scratch up to date. Most acquisitions meet no other entry, and need not go the long way."""
        self._place_items()
        named = [entry for _, entry in self._entries if isinstance(entry, _OF_A_PREFIX)]
        touched = {(stored_text(entry.source), stored_text(entry.prefix)) for entry in named}
        items = {stored_text(e.id) for _, e in self._entries if isinstance(e, _OF_THE_SOURCE)}
        touched |= {(one.source, one.prefix) for one in self._archived if one.item in items}
        met = [one for one in self._archived if (one.source, one.prefix) in touched]
        self._scratch.put_acquired(
            [
                (one.source, prefix_digest(one.prefix), *one[2:7])
                for one in self._archived
                if (one.source, one.prefix) not in touched
            ]
        )
        self._apply(sorted([*self._entries, *((one.seq, _entry(one.body)) for one in met)], key=lambda pair: pair[0]))
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
        if not wanted:
            return
        acquired = self._states.acquired_by(wanted)
        for item, body in self._bodies(acquired):
            entry = _entry(body)
            if isinstance(entry, EvidenceAcquired):
                place = entry.evidence
                self._scratch.put_place(item, stored_text(place.source), stored_text(place.prefix))

    def _bodies(self, acquired: dict[str, int]) -> Iterable[tuple[str, Any]]:
        sql = f"SELECT body FROM {custody_events.name} WHERE seq = ?"  # noqa: S608 - our own name
        for item, seq in acquired.items():
            for (body,) in self._reader.all(sql, (seq,)):
                yield item, body


def _entry(body: str) -> Entry:
    """The entry that was read from *body* before."""
    return entry_of(orjson.loads(body))[0]
