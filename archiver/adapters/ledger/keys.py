"""The harvested public keys, put together from every time that one was obtained."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from archiver.adapters.ledger.connection import Database
from archiver.adapters.ledger.events import custody_event
from archiver.adapters.ledger.rows import key_of, provenance_of, reading
from archiver.adapters.ledger.statements import chunks, rows_of
from archiver.adapters.ledger.stored import plain_text, plain_time, stored_text
from archiver.adapters.ledger.tables import custody_events, key_provenance, keys
from archiver.domain.keys import HeldKey, PublicKey, by_trust
from archiver.domain.records import CustodyEvent

_LISTED = sa.select(keys.c.der, key_provenance).join(keys, keys.c.sha256 == key_provenance.c.sha256)


class SqlKeys:
    """``ports.Keys``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def by_fingerprint(self, fingerprint: str) -> Sequence[HeldKey]:
        """See ``ports.Keys``."""
        return self._held(_LISTED.where(keys.c.fingerprint == stored_text(fingerprint)))

    def all(self) -> Iterator[HeldKey]:
        """See ``ports.Keys``. A Region uses a dozen keys a year, so that all of them are few."""
        return iter(self._held(_LISTED))

    def regions(self) -> Mapping[str, datetime]:
        """See ``ports.Keys``."""
        region, last = key_provenance.c.region, sa.func.max(key_provenance.c.valid_until)
        statement = sa.select(region, last.label("last")).where(region.is_not(None)).group_by(region)
        with self._database.read() as connection:
            rows = rows_of(connection, statement.having(last.is_not(None)))
        with reading("key_provenance", "of a Region"):
            return {plain_text(row["region"]): plain_time(row["last"]) for row in rows}

    def events(self, sha256s: Collection[str]) -> Sequence[CustodyEvent]:
        """See ``ports.Keys``."""
        found = []
        with self._database.read() as connection:
            for chunk in chunks(map(stored_text, sha256s)):
                seqs = sa.select(key_provenance.c.seq).where(key_provenance.c.sha256.in_(chunk))
                found += rows_of(connection, sa.select(custody_events).where(custody_events.c.seq.in_(seqs)))
        return sorted(map(custody_event, found), key=lambda event: event.seq)

    def _held(self, statement: sa.Select[Any]) -> list[HeldKey]:
        with self._database.read() as connection:
            rows = rows_of(connection, statement.order_by(key_provenance.c.seq))
        by_sha256: dict[str, list[HeldKey]] = {}
        for row in rows:
            obtained = HeldKey(key_of(row), (provenance_of(row),))
            by_sha256.setdefault(row["sha256"], []).append(obtained)
        held = [whole for copies in by_sha256.values() for whole in _joined(copies)]
        return sorted(by_trust(held), key=_order)


def _order(held: HeldKey) -> tuple[bool, str, str]:
    """Copies of one key that have the same start stay in the order of trust."""
    start = held.key.valid_from
    return start is None, "" if start is None else start.isoformat(), held.key.sha256


def _joined(copies: Sequence[HeldKey]) -> list[HeldKey]:
    """*copies* of one key as one, unless they contradict each other.

    An imported file says nothing of the Region and perhaps nothing of the window; the listing that does says
    the same and more, so both are one key with two provenances. Where Region or window differ, both stand; and
    where an import says more than a listing, so that nothing is believed as listed that was not.
    """
    distinct: list[HeldKey] = []
    for copy in sorted(copies, key=lambda c: (not c.is_listed, -_facts(c.key))):
        fitting = next((i for i, one in enumerate(distinct) if _says_no_more(copy.key, one.key)), None)
        if fitting is None:
            distinct.append(copy)
        else:
            fuller = distinct[fitting]
            distinct[fitting] = replace(fuller, provenance=fuller.provenance + copy.provenance)
    return [replace(one, provenance=tuple(sorted(one.provenance, key=lambda p: p.obtained_at))) for one in distinct]


def _facts(key: PublicKey) -> int:
    return sum(fact is not None for fact in (key.region, key.valid_from, key.valid_until))


def _says_no_more(key: PublicKey, fuller: PublicKey) -> bool:
    pairs = (
        (key.region, fuller.region),
        (key.valid_from, fuller.valid_from),
        (key.valid_until, fuller.valid_until),
    )
    same_name = key.claimed_fingerprint == fuller.claimed_fingerprint
    return same_name and all(fact is None or fact == known for fact, known in pairs)
