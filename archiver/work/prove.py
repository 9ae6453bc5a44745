"""Proofs for others: all events of one item in a signed head, and one head continuing another.

Whatever is made here was read back and checked, as its reader will, before it is answered.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archiver.domain.custody import EvidenceAcquired
from archiver.domain.log_records import KeyStanding, LogTrust, StoredCheckpoint
from archiver.domain.records import CustodyEvent
from archiver.domain.text import printable
from archiver.errors import LedgerAlteredError, MediumError, UsageError
from archiver.log.checkpoint import Checkpoint, read_checkpoint
from archiver.log.item_proof import ConsistencyProof, Earlier, ItemProof, ProvenEvent, decode, encode
from archiver.log.leaf import leaf_of
from archiver.log.names import CHECKPOINT
from archiver.log.note import Note, parse_key, parse_note, signed_by
from archiver.log.proof import InclusionProof, format_proof
from archiver.log.proof_check import check
from archiver.log.tree import HASH_BYTES, Node, consistency_proof, inclusion_proof, leaf_hash, root_of
from archiver.log_ports import PublishedLog
from archiver.ports import Ledger
from archiver.work.log_state import claimed_keys, verified_head

_CHECKPOINT_REMEDY = "run `archiver ledger checkpoint`"
_VERIFY_REMEDY = "`archiver ledger verify` looks at everything, and says what else is altered"


@dataclass(frozen=True, slots=True)
class _Head:
    """A signed head as it is proved with. ``note``: verbatim, as a file."""

    checkpoint: Checkpoint
    note: str


@dataclass(frozen=True)
class Prover:
    """Makes proofs. ``trusted``: the verifier keys that the configuration names; the ledger's own are claims."""

    ledger: Ledger
    published: PublishedLog
    trusted: Sequence[str]

    def item(self, evidence_id: str, size: int | None = None, before: int | None = None) -> bytes:
        """The proof file of *evidence_id* under the checkpoint of *size* leaves, the newest by default.

        *before*: later events are not named among those that are not covered, so that the file stays the same.

        Raises UnknownEvidenceError, UsageError where there is no such checkpoint or it covers nothing of the item,
        LedgerAlteredError where the ledger cannot prove what it says, LedgerError.
        """
        events = list(self.ledger.evidence.events(evidence_id))
        acquired = next((event for event in events if event.kind == EvidenceAcquired.kind), None)
        if acquired is None:
            self.ledger.evidence.get(evidence_id)
            raise LedgerAlteredError(f"no custody event tells of the acquisition of {evidence_id}", _VERIFY_REMEDY)
        head = self._head(size)
        covered = [event for event in events if event.seq < head.checkpoint.size]
        later = [e for e in events if e.seq >= head.checkpoint.size and (before is None or e.seq < before)]
        if acquired.seq >= head.checkpoint.size:
            raise UsageError(
                f"the checkpoint of {head.checkpoint.size} leaves does not cover the item's acquisition",
                _CHECKPOINT_REMEDY if size is None else "choose a later one with --checkpoint, or leave that out",
            )
        whole = proven_events(self.ledger, covered, head.checkpoint.size)
        first = next(self.ledger.log.checkpoints(after=acquired.seq), None)
        under = None if first is None or first.size >= head.checkpoint.size else self._read(first)
        prover = _Hashed(self.ledger, head, whole, under)
        proof = ItemProof(
            origin=head.checkpoint.origin,
            keys=self._adopted(),
            checkpoint=head.note,
            evidence=evidence_id,
            events=tuple(prover.proven(event) for event in whole),
            acquired_under=None if under is None else prover.earlier(under),
            not_covered=tuple(event.seq for event in later),
        )
        return self._checked(encode(proof), prover)

    def consistency(self, old: int, new: int | None = None) -> bytes:
        """The proof file that the checkpoint of *new* leaves, the newest by default, continues that of *old*.

        Raises UsageError, LedgerAlteredError, LedgerError.
        """
        head, earlier = self._head(new), self._head(old)
        if old > head.checkpoint.size:
            raise UsageError(f"the checkpoint of {old} leaves is the later one", "name the earlier one first")
        prover = _Hashed(self.ledger, head, [], earlier)
        proof = ConsistencyProof(
            origin=head.checkpoint.origin,
            keys=self._adopted(),
            checkpoint=head.note,
            earlier=prover.earlier(earlier),
        )
        return self._checked(encode(proof), prover)

    def _adopted(self) -> tuple[str, ...]:
        """The log's verifier keys, oldest first: the ledger's, if configuration or a proven event vouches for each.

        Raises LedgerAlteredError for another. Where the configuration names none, the ledger's word is taken.
        """
        log, latest = self.ledger.log, self.ledger.log.latest_checkpoint()
        trust = LogTrust(tuple(self.trusted), "" if self.trusted else "none is named")
        head = verified_head(log, latest, trust.keys) if latest else None
        claimed = claimed_keys(log, trust, head if isinstance(head, Checkpoint) else None)
        for one in claimed:
            if one.standing is KeyStanding.NOT_CONFIGURED:
                raise LedgerAlteredError(
                    f"the ledger calls {printable(one.key)} a key of the log, and that is NOT the configured key",
                    "check [custody] signing_key and trusted_keys, then run `archiver ledger verify`",
                )
        return tuple(one.key for one in claimed) or tuple(self.trusted)

    def _checked(self, data: bytes, prover: _Hashed) -> bytes:
        """*data*, if whoever trusts the log's keys would believe it."""
        keys = [parse_key(text) for text in dict.fromkeys([*self.trusted, *self._adopted()])]
        checked = check(decode(data), keys)
        if not checked.holds:
            what = "; ".join(prover.altered() or checked.problems)
            raise LedgerAlteredError(f"nothing was proved, for it would not hold: {what}", _VERIFY_REMEDY)
        return data

    def _head(self, size: int | None) -> _Head:
        """The checkpoint of *size* leaves, held against the configured keys."""
        newest = self.ledger.log.latest_checkpoint()
        if newest is None:
            raise UsageError("there is no checkpoint yet, so nothing can be proved", _CHECKPOINT_REMEDY)
        head = self._read(newest)
        self._check_trusted(head)
        if size is None or size == newest.size:
            return self._with_cosignatures(head)
        found = next(self.ledger.log.checkpoints(after=size - 1), None) if size > 0 else None
        if found is None or found.size != size:
            known = f"; the next one has {found.size}" if found else f"; the newest has {newest.size}"
            raise UsageError(f"there is no checkpoint of {size} leaves{known}")
        return self._read(found)

    def _read(self, stored: StoredCheckpoint) -> _Head:
        try:
            checkpoint, _ = read_checkpoint(stored.note.encode("utf-8"))
        except ValueError as error:
            raise LedgerAlteredError(
                f"the checkpoint of {stored.size} leaves in the ledger cannot be read: {error}", _VERIFY_REMEDY
            ) from error
        if checkpoint.size != stored.size:
            raise LedgerAlteredError(
                f"the checkpoint of {stored.size} leaves in the ledger is one of {checkpoint.size}", _VERIFY_REMEDY
            )
        return _Head(checkpoint, stored.note)

    def _check_trusted(self, head: _Head) -> None:
        """Raises LedgerAlteredError unless a key that the configuration names signed the newest *head*.

        Older ones may be signed with a key that was replaced since; the newest head covers them.
        """
        note = parse_note(head.note.encode("utf-8"))
        if self.trusted and not any(signed_by(note, key) for key in map(parse_key, self.trusted)):
            raise LedgerAlteredError(
                f"the newest checkpoint ({head.checkpoint.size} leaves) is signed by no key that is configured",
                "check [custody] signing_key and trusted_keys, then run `archiver ledger verify`",
            )

    def _with_cosignatures(self, head: _Head) -> _Head:
        """*head* as it is published, where witnesses' cosignatures stand below it too."""
        try:
            data = self.published.read(CHECKPOINT)
            note = None if data is None else parse_note(data)
        except (MediumError, ValueError):  # `ledger verify` tells; the head in the ledger proves all the same
            return head
        own = parse_note(head.note.encode("utf-8"))
        if data is None or note is None or not _holds_all(note, own):
            return head
        return _Head(head.checkpoint, data.decode("utf-8"))


def _holds_all(note: Note, own: Note) -> bool:
    return note.text == own.text and set(own.signatures) <= set(note.signatures)


def _keys_of(events: Sequence[CustodyEvent]) -> set[str]:
    """The SHA-256 of each public key that *events* say the item was judged with."""
    found = set()
    for event in events:
        try:
            body = json.loads(event.body)
        except (ValueError, RecursionError) as error:
            raise LedgerAlteredError(f"event {event.seq}: its body cannot be read", _VERIFY_REMEDY) from error
        for place in (body, body.get("evidence")) if isinstance(body, dict) else ():
            sha256 = place.get("key_sha256") if isinstance(place, dict) else None
            if isinstance(sha256, str):
                found.add(sha256)
    return found


def proven_events(ledger: Ledger, covered: Sequence[CustodyEvent], size: int) -> list[CustodyEvent]:
    """Everything below *size* that the proof of an item holds whose events *covered* are: its keys' events, too.

    Raises LedgerAlteredError for a body that cannot be read, LedgerError.
    """
    keys = ledger.keys.events(_keys_of(covered))
    wanted = sorted({event.seq: event for event in (*keys, *covered)}.items())
    return [event for seq, event in wanted if seq < size]


class _Hashed:
    """The hashes that the proofs of some events need, read at once."""

    def __init__(self, ledger: Ledger, head: _Head, events: Sequence[CustodyEvent], earlier: _Head | None) -> None:
        self._head, self._events = head, events
        self._leaves = {event.seq: leaf_of(event.body.encode("utf-8")) for event in events}
        wanted: set[Node] = {(0, event.seq) for event in events}

        def note(nodes: Collection[Node]) -> Mapping[Node, bytes]:
            wanted.update(nodes)
            return dict.fromkeys(nodes, bytes(HASH_BYTES))

        root_of(head.checkpoint.size, note)
        for event in events:
            inclusion_proof(event.seq, head.checkpoint.size, note)
        if earlier is not None:
            consistency_proof(earlier.checkpoint.size, head.checkpoint.size, note)
        self._found = ledger.log.hashes(wanted)

    def _hashes(self, nodes: Collection[Node]) -> Mapping[Node, bytes]:
        return {node: self._found[node] for node in nodes}

    def proven(self, event: CustodyEvent) -> ProvenEvent:
        """*event* with its proof, whether it holds or not."""
        leaf, body = self._leaves[event.seq], event.body.encode("utf-8")
        path = inclusion_proof(event.seq, self._head.checkpoint.size, self._hashes)
        proof = InclusionProof(event.seq, tuple(path), self._head.note)
        return ProvenEvent(event.seq, leaf, None if leaf == body else body, format_proof(proof))

    def earlier(self, before: _Head) -> Earlier:
        """*before* with the proof that the head continues it, whether it holds or not."""
        size = self._head.checkpoint.size
        return Earlier(before.note, tuple(consistency_proof(before.checkpoint.size, size, self._hashes)))

    def altered(self) -> list[str]:
        """What in the ledger is not as it was signed, as closely as these hashes tell."""
        told = [
            f"event {event.seq} ({printable(event.kind, 40)}) and its row in table merkle_nodes disagree"
            for event in self._events
            if leaf_hash(self._leaves[event.seq]) != self._found[(0, event.seq)]
        ]
        head = self._head.checkpoint
        if root_of(head.size, self._hashes) != head.root:
            told.append(f"the tree in the ledger is not the one that was signed with {head.size} leaves")
        return told


def described(data: bytes) -> dict[str, Any]:
    """What the proof file *data* is about, for people and scripts: its head, and how many events."""
    proof = decode(data)
    head, _ = read_checkpoint(proof.checkpoint.encode("utf-8"))
    about: dict[str, Any] = {
        "origin": head.origin,
        "size": head.size,
        "root": head.root.hex(),
        "keys": list(proof.keys),
        "bytes": len(data),
    }
    if isinstance(proof, ItemProof):
        events = {"events": [event.seq for event in proof.events], "not_covered": list(proof.not_covered)}
        return {"evidence": proof.evidence, **about, **events}
    before, _ = read_checkpoint(proof.earlier.checkpoint.encode("utf-8"))
    return {**about, "old_size": before.size, "old_root": before.root.hex()}
