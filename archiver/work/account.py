"""The account of a package: which entries of the log are about its items, stated in the log itself.

A path in a Merkle tree shows that an entry is there, never that there is no other. So before a package is made, the
log says how many there are (``EventsAccounted``), as the last entry but one under the head that the package rests on:
whoever leaves one out of the package has to leave out that, too, or the head.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import IO

from archiver.domain.custody_facts import EventsAccounted
from archiver.domain.package import PackageAccount
from archiver.domain.records import Selection
from archiver.errors import LedgerAlteredError
from archiver.log.leaf import leaf_of
from archiver.log.tree import inclusion_proof
from archiver.log_ports import CustodyLog
from archiver.ports import Clock, Ledger
from archiver.work.dossier import state_after
from archiver.work.export_log import path_file
from archiver.work.history import history_of
from archiver.work.prove import proven_events

_ROUNDS = 5
"""How often it is tried to be the last who writes before a head is signed."""

_BEHIND = 2
"""Entries from an account to the end of its head: itself, and the one that begins the head."""


def account_lines(ledger: Ledger, chosen: Selection, before: int) -> Iterator[str]:
    """The account of *chosen*, as of the entries below *before*. Raises LedgerError, LedgerAlteredError."""
    for record in ledger.evidence.select(replace(chosen, verdict=None), unreadable=_passed_over):
        covered = [event for event in ledger.evidence.events(record.evidence.id) if event.seq < before]
        if not covered:
            continue
        if chosen.verdict is not None:
            state = state_after(history_of(covered)) or record.state
            if state.verdict is not chosen.verdict:
                continue
        numbers = sorted(f"{event.seq}\n" for event in proven_events(ledger, covered, before))
        digest = hashlib.sha256("".join(numbers).encode("ascii")).hexdigest()
        yield f"{record.evidence.id} {len(numbers)} {digest}\n"


def state_account(ledger: Ledger, clock: Clock, chosen: Selection, sign: Callable[[], None]) -> bool:
    """Records the account of *chosen* and has a head signed that ends with it; False where none could be.

    *sign* signs one where it can. Others may write in between: then it is tried again, a few times. Raises
    LedgerError.
    """
    for _ in range(_ROUNDS):
        before = ledger.log.size()
        digest, items = hashlib.sha256(), 0
        try:
            for line in account_lines(ledger, chosen, before):
                digest.update(line.encode("ascii"))
                items += 1
        except LedgerAlteredError:  # the package tells of it
            return False
        if not items:
            return False
        entry = EventsAccounted(at=clock(), before=before, items=items, sha256=digest.hexdigest())
        ledger.journal.record([entry])
        sign()
        newest = ledger.log.latest_checkpoint()
        if newest is None or newest.size <= before:
            return False
        if _stated(ledger.log, newest.size) is not None:
            return True
    return False


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
        for line in account_lines(ledger, chosen, seq):
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


def _passed_over(_evidence_id: str, _why: str) -> None:
    """The package itself tells of what cannot be read."""
