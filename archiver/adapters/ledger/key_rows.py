"""The rows of the keys that items were judged with, held against the events that brought them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from archiver.adapters.ledger.bodies import as_json, dig, event_of
from archiver.adapters.ledger.statements import chunks, rows_of
from archiver.adapters.ledger.stored import stored_text
from archiver.adapters.ledger.tables import custody_events, key_provenance, keys
from archiver.domain.custody import KeyHarvested
from archiver.domain.text import printable

_OF_THE_KEY: Final = ("claimed_fingerprint", "region", "valid_from", "valid_until")

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class KeyRows:
    """Rows of ``keys``, ``key_provenance`` and ``custody_events`` of some keys."""

    keys: Mapping[str, Row]
    provenance: Mapping[str, list[Row]]
    events: Mapping[int, Row]

    def troubles(self, sha256: str) -> Iterator[str]:
        """How the rows of the key *sha256* differ from its events, in words."""
        row = self.keys.get(stored_text(sha256))
        if row is None:
            yield f"keys: no row for {printable(sha256, 80)}, with which the item was judged"
            return
        der = row["der"] if isinstance(row["der"], bytes) else b""
        if hashlib.sha256(der).hexdigest() != sha256:
            yield f"keys.der of {sha256}: the bytes there have another SHA-256"
        if hashlib.md5(der, usedforsecurity=False).hexdigest() != row["fingerprint"]:
            yield f"keys.fingerprint of {sha256}: the bytes there have another fingerprint"
        obtained = self.provenance.get(stored_text(sha256), [])
        if not obtained:
            yield f"key_provenance: no row for {sha256}"
        for one in obtained:
            yield from self._provenance(one, der)

    def _provenance(self, row: Row, der: bytes) -> Iterator[str]:
        seq = row["seq"]
        event = self.events.get(seq)
        if event is None:
            yield f"custody_events: no event {seq}, which the row {seq} of key_provenance follows from"
            return
        told = event_of(event)
        yield from told.troubles
        if told.kind != KeyHarvested.kind:
            yield f"custody_events: event {seq} is not the {KeyHarvested.kind} that key_provenance follows from"
            return
        found = as_json(key_provenance, row)
        if dig(told.body, "key", "der") != base64.b64encode(der).decode("ascii"):
            yield f"keys.der of {found['sha256']}: event {seq} says other bytes"
        for column, value in found.items():
            wanted = _wanted(told.body, column, seq)
            if value != wanted:
                yield (
                    f"key_provenance.{column} of row {seq}: the row says {printable(repr(value), 100)}, "
                    f"event {seq} says {printable(repr(wanted), 100)}"
                )


def _wanted(body: Any, column: str, seq: int) -> Any:
    if column == "seq":
        return seq
    if column == "sha256":
        return dig(body, "sha256")
    return dig(body, "key" if column in _OF_THE_KEY else "provenance", column)


def load_keys(connection: Connection, used: Collection[str]) -> KeyRows:
    """The rows of the keys whose SHA-256 are *used*."""
    found: dict[str, Row] = {}
    provenance: dict[str, list[Row]] = {}
    events: dict[int, Row] = {}
    for chunk in chunks(stored_text(sha256) for sha256 in used):
        rows = rows_of(connection, sa.select(keys).where(keys.c.sha256.in_(chunk)))
        found.update((row["sha256"], row) for row in rows)
        statement = sa.select(key_provenance).where(key_provenance.c.sha256.in_(chunk))
        for row in rows_of(connection, statement.order_by(key_provenance.c.seq)):
            provenance.setdefault(row["sha256"], []).append(row)
    for some in chunks(row["seq"] for rows in provenance.values() for row in rows):
        statement = sa.select(custody_events).where(custody_events.c.seq.in_(some))
        events.update((row["seq"], row) for row in rows_of(connection, statement))
    return KeyRows(found, provenance, events)
