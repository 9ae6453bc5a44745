"""Custody events held against the log's tree, and the items that they tell of: rows alone decide nothing here.

Whoever alters rows and bodies alike still has to alter the tree, and whoever deletes rows leaves the events.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain

from archiver.domain.custody import EvidenceAcquired
from archiver.domain.custody_reading import entry_of
from archiver.domain.evidence import Evidence
from archiver.domain.records import CustodyEvent, Selection
from archiver.domain.times import parse_time
from archiver.errors import LedgerAlteredError, LedgerError
from archiver.log.leaf import leaf_of
from archiver.log.tree import leaf_hash
from archiver.log_ports import CustodyLog
from archiver.work.seen import Seen

_UNKNOWN = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands for a time that no event that can be read tells."""


def not_in_tree(log: CustodyLog, bodies: Mapping[int, str]) -> list[int]:
    """Those of *bodies*, by event number, that are not the leaf which the tree has. Raises LedgerError."""
    leaves = _leaves(log, bodies)
    return [
        seq
        for seq, body in sorted(bodies.items())
        if leaf_hash(leaf_of(body.encode("utf-8", "surrogatepass"))) != leaves.get(seq)
    ]


def _leaves(log: CustodyLog, bodies: Mapping[int, str]) -> dict[int, bytes]:
    """The tree's leaves of *bodies*; where one is not there, the others all the same."""
    try:
        return {seq: found for (_, seq), found in log.hashes([(0, seq) for seq in bodies]).items()}
    except LedgerAlteredError:
        found = {}
        for seq in bodies:
            try:
                found[seq] = log.hashes([(0, seq)])[0, seq]
            except LedgerAlteredError:
                continue
        return found


def told_altered(seq: int, kind: str) -> str:
    """What a report says of an event that :func:`not_in_tree` names."""
    return f"custody event {seq} ({kind}) is NOT what was recorded: its row in table merkle_nodes has another hash"


def bodies_of(log: CustodyLog, kind: str, before: int | None) -> Iterator[tuple[int, str]]:
    """(number, body) of the events of *kind* below *before*: one that is no text hides no other.

    Raises LedgerError.
    """
    last = -1
    try:
        for seq, body in log.of_kind(kind):
            if before is not None and seq >= before:
                return
            yield seq, body
            last = seq
    except LedgerError:
        mark = f'"kind":"{kind}"'.encode()
        for entry in log.entries(last + 1, log.size() if before is None else before):
            if isinstance(entry.body, bytes) and mark in entry.body:
                yield entry.seq, entry.body.decode("utf-8", "surrogatepass")


def acquired_unseen(
    log: CustodyLog, before: int | None, selection: Selection, seen: Seen, hidden: Iterable[CustodyEvent] = ()
) -> Iterator[CustodyEvent]:
    """The acquisitions below *before* of items that were not *seen*, and that *selection* means by what they say.

    *hidden*: those that rows do not tell of. One that cannot be read to its end may be meant, and is. Raises
    LedgerError.
    """
    told = ((event.seq, event.body) for event in hidden)
    for seq, text in chain(told, bodies_of(log, EvidenceAcquired.kind, before)):
        try:
            body = json.loads(text)
            item, at = body["evidence"]["id"], parse_time(body["at"])
        except (ValueError, TypeError, LookupError, RecursionError):  # of whom it told is not known
            continue
        if not isinstance(item, str) or not seen.add(item):
            continue
        try:
            entry, _ = entry_of(body)
        except (ValueError, RecursionError):
            entry = None
        if not isinstance(entry, EvidenceAcquired) or is_meant(entry.evidence, selection):
            yield CustodyEvent(seq, at, EvidenceAcquired.kind, item, text)


def is_meant(evidence: Evidence, selection: Selection) -> bool:
    """The conditions that a report has, but the verdict, which is not the acquisition's to say."""
    return (
        selection.source in (None, evidence.source)
        and selection.account in (None, evidence.account)
        and (selection.since is None or evidence.acquired_at >= selection.since)
        and (selection.until is None or evidence.acquired_at < selection.until)
    )


def unknown_evidence(item: str) -> Evidence:
    """Of *item* nothing reads, neither rows nor events: it is named all the same."""
    return Evidence(
        id=item,
        source="",
        source_url="",
        prefix="",
        path="",
        revision=1,
        account=None,
        query_id=None,
        region=None,
        query_complete_time=None,
        fingerprint=None,
        key_sha256=None,
        hash_list_sha256=None,
        files=(),
        first_seen_at=_UNKNOWN,
        acquired_at=_UNKNOWN,
        caller=None,
    )
