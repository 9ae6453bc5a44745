"""The account of a package: which entries of the log are about its items, stated in the log itself.

A path in a Merkle tree shows that an entry is there, never that there is no other. So before a package is made, the
log says how many there are (``EventsAccounted``), as the last entry but one under the head that the package rests on:
whoever leaves one out of the package has to leave out that, too, or the head.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any, Final

from archiver.domain.custody import Entry, EvidenceAcquired, KeyHarvested
from archiver.domain.custody_facts import EventsAccounted
from archiver.domain.custody_reading import KINDS, entry_of
from archiver.domain.package import PackageAccount
from archiver.domain.records import Selection
from archiver.errors import LedgerAlteredError
from archiver.log.leaf import leaf_of
from archiver.log.tree import Frontier, inclusion_proof, leaf_hash, root_of
from archiver.log_ports import CustodyLog
from archiver.ports import Clock, Ledger
from archiver.work.dossier_events import is_meant
from archiver.work.export_log import path_file

_OF_ITEMS: Final = frozenset(kind for kind, made in KINDS.items() if made.evidence_id is not Entry.evidence_id)
"""Kinds of entries that are about one item."""

_MARKS: Final = tuple(f'"kind":"{kind}"'.encode() for kind in sorted({*_OF_ITEMS, KeyHarvested.kind}))

_ROUNDS = 5
"""How often it is tried to be the last who writes before a head is signed."""

_BEHIND = 2
"""Entries from an account to the end of its head: itself, and the one that begins the head."""


@dataclass
class _Item:
    """What the log's entries say of one item so far. ``acquired_at``: None until its acquisition was met."""

    numbers: list[int] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    verdict: str | None = None
    acquired_at: datetime | None = None
    is_meant: bool = False


def account_lines(log: CustodyLog, chosen: Selection, before: int) -> Iterator[str]:
    """The account of *chosen*, as of the entries below *before*, in the order of acquisition.

    It is made of the entries' bodies, all of them and nothing else, and these are held against the tree: what columns
    of rows say of an entry decides nothing. Raises LedgerAlteredError where they are not the tree's, LedgerError.
    """
    items, brought = _walked(log, chosen, before)
    met = [(one.acquired_at, item, one) for item, one in items.items() if one.acquired_at and one.is_meant]
    for _, item, one in sorted(met, key=lambda told: told[:2]):
        if chosen.verdict is not None and one.verdict != chosen.verdict.value:
            continue
        every = {*one.numbers, *(number for key in one.keys for number in brought.get(key, ()))}
        numbers = sorted(f"{number}\n" for number in every)
        yield f"{item} {len(numbers)} {hashlib.sha256(''.join(numbers).encode('ascii')).hexdigest()}\n"


def _walked(log: CustodyLog, chosen: Selection, before: int) -> tuple[dict[str, _Item], dict[str, list[int]]]:
    """(what is told of each item, numbers of the entries that brought each key)."""
    items: dict[str, _Item] = defaultdict(_Item)
    brought: dict[str, list[int]] = defaultdict(list)
    tree, number = Frontier(), 0
    for bodies, _ in log.pages(0, before):
        for body in bodies:
            if body is None:
                raise LedgerAlteredError(f"event {number} is not there: what the log says of the items is not known")
            tree.append(leaf_hash(leaf_of(body)))
            if any(mark in body for mark in _MARKS):
                _take(number, body, chosen, items, brought)
            number += 1
    if number != before or tree.root() != root_of(before, log.hashes):
        raise LedgerAlteredError("the ledger's events are not what its tree was made of")
    return items, brought


def _take(
    number: int, data: bytes, chosen: Selection, items: dict[str, _Item], brought: dict[str, list[int]]
) -> None:
    """The entry *number*, if it is about an item or brought a key."""
    try:
        body = json.loads(data)
        kind = body["kind"]
        if kind == KeyHarvested.kind:
            brought[body["sha256"]].append(number)
        elif kind in _OF_ITEMS:
            evidence = body.get("evidence") or {}
            one = items[evidence["id"] if evidence else body["id"]]
            one.numbers.append(number)
            one.keys |= {place["key_sha256"] for place in (body, evidence) if place.get("key_sha256") is not None}
            one.verdict = body["judgement"]["verdict"] if "judgement" in body else one.verdict
            if kind == EvidenceAcquired.kind:
                _acquired(body, chosen, one)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise LedgerAlteredError(f"event {number}: its body cannot be read") from error


def _acquired(body: dict[str, Any], chosen: Selection, one: _Item) -> None:
    entry, _ = entry_of(body)
    if isinstance(entry, EvidenceAcquired):
        one.acquired_at = entry.evidence.acquired_at
        by_id = chosen.ids is not None
        one.is_meant = entry.evidence.id in (chosen.ids or ()) if by_id else is_meant(entry.evidence, chosen)


def state_account(ledger: Ledger, clock: Clock, chosen: Selection, sign: Callable[[], object]) -> int | None:
    """Records the account of *chosen* and has a head signed that ends with it; its size, None where none could be.

    *sign* signs one where it can. Others may write in between: then it is tried again, a few times. Raises
    LedgerError.
    """
    for _ in range(_ROUNDS):
        before = ledger.log.size()
        digest, items = hashlib.sha256(), 0
        try:
            for line in account_lines(ledger.log, chosen, before):
                digest.update(line.encode("ascii"))
                items += 1
        except LedgerAlteredError:  # the package tells of it
            return None
        if not items:
            return None
        entry = EventsAccounted(at=clock(), before=before, items=items, sha256=digest.hexdigest())
        ledger.journal.record([entry])
        sign()
        newest = ledger.log.latest_checkpoint()
        if newest is None or newest.size <= before:
            return None
        signed = next(ledger.log.checkpoints(after=before), None)
        if signed is not None and _stated(ledger.log, signed.size) is not None:
            return signed.size
    return None


def account_under(ledger: Ledger, chosen: Selection, size: int, out: IO[bytes]) -> PackageAccount | None:
    """The account of *chosen* that the head of *size* leaves ends with, its text in *out*; None where there is none.

    Raises LedgerError.
    """
    stated = _stated(ledger.log, size)
    if stated is None:
        return None
    seq, body, sha256 = stated
    digest = hashlib.sha256()
    try:
        for line in account_lines(ledger.log, chosen, seq):
            digest.update(line.encode("ascii"))
            out.write(line.encode("ascii"))
        if digest.hexdigest() != sha256:  # of other items, or the ledger is not what it was
            return None
        path = inclusion_proof(seq, size, ledger.log.hashes)
    except LedgerAlteredError:
        return None
    return PackageAccount(leaf_of(body.encode("utf-8")), path_file(seq, size, path), out)


def _stated(log: CustodyLog, size: int) -> tuple[int, str, str] | None:
    """(number, body, SHA-256) of the account with which the head of *size* leaves ends; None where it does not."""
    for seq, text in log.of_kind(EventsAccounted.kind, max(0, size - _BEHIND)):
        try:
            body = json.loads(text)
            if (seq, body["before"]) == (size - _BEHIND, seq) and isinstance(body["sha256"], str):
                return seq, text, body["sha256"]
        except (ValueError, TypeError, LookupError, RecursionError):
            return None
        break
    return None
