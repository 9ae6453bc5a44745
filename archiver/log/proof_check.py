"""Whether a proof file holds, by nothing but its bytes and keys that the reader brought: no ledger, no archive.

What is looked at, in this order: the head's signature; each event's path to the head; bodies against the leaves that
tell only their digest; that the events are the item's, its acquisition among them, and the keys'; the earlier head.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from archiver.domain.custody import EvidenceAcquired, KeyHarvested
from archiver.domain.text import printable
from archiver.log.checkpoint import Checkpoint, read_checkpoint
from archiver.log.item_proof import ConsistencyProof, Earlier, ItemProof, ProvenEvent
from archiver.log.leaf import body_sha256, leaf_of
from archiver.log.note import ED25519, Note, VerifierKey, cosigned_at, signed_by
from archiver.log.proof import parse_proof
from archiver.log.tree import is_consistent, leaf_hash, root_from_inclusion

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Event:
    """What an event in a proof tells of itself; claims of the log, proven to be in it. ``at``: RFC 3339.

    ``verdict`` and ``reasons``: of the judgement that it records, None and none where it records none.
    """

    seq: int
    at: str
    kind: str
    verdict: str | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Checked:
    """What came out. ``problems``: why it does not hold, in words; it holds where there are none.

    ``remarks``: what was not looked at, and why. ``signers``: keys of the log among those given that signed the head.
    ``cosigned``: witnesses among those given, and when they saw it. ``events``: in the order of the file, keys' too.
    """

    problems: tuple[str, ...]
    remarks: tuple[str, ...]
    checkpoint: Checkpoint | None
    signers: tuple[str, ...]
    cosigned: tuple[tuple[str, datetime], ...]
    events: tuple[Event, ...]

    @property
    def holds(self) -> bool:
        """True where everything that can be checked with the keys given is as it should be."""
        return not self.problems


def check(proof: ItemProof | ConsistencyProof, keys: Sequence[VerifierKey]) -> Checked:
    """Holds *proof* against *keys*: verifier keys of the log, and of witnesses if any. Raises nothing."""
    try:
        head, note = read_checkpoint(proof.checkpoint.encode("utf-8"))
    except ValueError as error:
        return Checked((f"the checkpoint cannot be read: {error}",), (), None, (), (), ())
    problems, remarks = list(_misnamed(head, proof.origin)), list[str]()
    signers, wrong = _signers(note, head, keys)
    problems += wrong
    if not signers and not wrong:
        problems.append(f"the checkpoint of {head.size} leaves: {_stranger(note)}{_older(proof.keys, keys)}")
    cosigned = tuple(_cosigned(note, keys, problems.append))
    events: list[Event] = []
    if isinstance(proof, ConsistencyProof):
        _continued(proof.earlier, head, keys, problems.append, problems.append)
    else:
        for event in proof.events:
            problems.extend(f"event {event.seq}: {trouble}" for trouble in _misplaced(event, proof.checkpoint, head))
        events = _item(proof, problems.append)
        if proof.acquired_under is not None:
            _continued(proof.acquired_under, head, keys, problems.append, remarks.append)
    return Checked(tuple(problems), tuple(remarks), head, tuple(signers), cosigned, tuple(events))


def _misnamed(head: Checkpoint, origin: str) -> Iterator[str]:
    if head.origin != origin:
        yield f"the checkpoint is one of {printable(head.origin, 100)}, not of {printable(origin, 100)}"


def _signers(note: Note, head: Checkpoint, keys: Sequence[VerifierKey]) -> tuple[list[str], list[str]]:
    """Which of *keys* signed *note*, and what is wrong with those that did not hold.

    Only keys of the log count: a witness's, or one of another name than the log's origin, signs nothing here.
    """
    found, wrong = [], []
    for key in keys:
        if key.type != ED25519 or key.name != head.origin:
            continue
        signed = signed_by(note, key)
        if signed is False:
            wrong.append(f"the signature by {key} on the checkpoint of {head.size} leaves is wrong")
        elif signed:
            found.append(str(key))
    return found, wrong


def _stranger(note: Note) -> str:
    by = ", ".join(sorted({f"{one.name}+{one.id.hex()}" for one in note.signatures}))
    return f"no key that was given signed it; it is signed as {printable(by, 300)}"


def _older(told: Sequence[str], keys: Sequence[VerifierKey]) -> str:
    """Where one of *keys* is one that the file calls the log's (*told*, oldest first): which one to ask for."""
    held = [number for number, key in enumerate(told) if key in {str(one) for one in keys}]
    if not held or held[-1] == len(told) - 1:
        return ""
    newest = printable(told[-1], 300)
    return f"; by the file's own word the key given is an older one of the log, and the newest is {newest}"


def _cosigned(note: Note, keys: Sequence[VerifierKey], tell: Tell) -> Iterator[tuple[str, datetime]]:
    for key in keys:
        if key.type == ED25519:
            continue
        try:
            seen = cosigned_at(note, key)
        except ValueError as error:
            tell(str(error))
            continue
        if seen is not None:
            yield key.name, seen


def _misplaced(event: ProvenEvent, checkpoint: str, head: Checkpoint) -> Iterator[str]:
    """Why *event* is not proven to be leaf ``seq`` under *head*."""
    try:
        proof = parse_proof(event.proof.encode("utf-8"))
        if proof.index != event.seq:
            yield f"its proof is one of leaf {proof.index}"
        if proof.checkpoint != checkpoint:
            yield "its proof is one in another checkpoint"
        root = root_from_inclusion(leaf_hash(event.leaf), event.seq, head.size, proof.hashes)
    except ValueError as error:
        yield str(error)
        return
    if root != head.root:
        yield "its leaf and its proof do not lead to the signed root: one of both was altered"


def _item(proof: ItemProof, tell: Tell) -> list[Event]:
    """What the events tell, each held against what the file is about; *tell* hears of what does not belong."""
    events, wanted, held, acquired = [], set[str](), set[str](), False
    numbers = [event.seq for event in proof.events]
    if sorted(set(numbers)) != numbers:
        tell("the events are not in order, or one is there twice")
    for event in proof.events:
        try:
            body = _body(event)
        except ValueError as error:
            tell(f"event {event.seq}: {error}")
            continue
        kind = body.get("kind")
        events.append(Event(event.seq, str(body.get("at")), str(kind), *_judged(body)))
        if kind == KeyHarvested.kind:
            held.add(_key_of(body))
            continue
        if _about(body) != proof.evidence:
            tell(f"event {event.seq} is not about {printable(proof.evidence, 80)}")
        acquired = acquired or kind == EvidenceAcquired.kind
        evidence = body.get("evidence")
        judged_with = evidence.get("key_sha256") if isinstance(evidence, dict) else body.get("key_sha256")
        if isinstance(judged_with, str):
            wanted.add(judged_with)
    if not acquired:
        tell("there is no event of the item's acquisition")
    for sha256 in sorted(wanted - held):
        tell(f"there is no event of the public key {printable(sha256, 64)}, with which the item was judged")
    for sha256 in sorted(held - wanted):
        tell(f"there is an event of a public key {printable(sha256, 64)} that the item was not judged with")
    return events


def _body(event: ProvenEvent) -> dict[str, Any]:
    """The body of *event*, which its leaf decides. Raises ValueError."""
    digest = body_sha256(event.leaf)
    if digest is None and event.body is not None:
        raise ValueError("a body beside a leaf that holds it")
    if digest is not None:
        if event.body is None:
            raise ValueError("its leaf holds a digest, and the body is not there")
        if hashlib.sha256(event.body).hexdigest() != digest or leaf_of(event.body) != event.leaf:
            raise ValueError("its body is not the one that its leaf tells the digest of")
    try:
        body = json.loads(event.told)
    except RecursionError as error:
        raise ValueError("its body is nested too deeply") from error
    if not isinstance(body, dict):
        raise ValueError("its body is no JSON object")  # noqa: TRY004 - what cannot be read is a ValueError
    return body


def _about(body: dict[str, Any]) -> object:
    evidence = body.get("evidence")
    if body.get("kind") == EvidenceAcquired.kind:
        return evidence.get("id") if isinstance(evidence, dict) else None
    return body.get("id")


def _judged(body: Mapping[str, Any]) -> tuple[str | None, tuple[str, ...]]:
    """The verdict that *body* records, and its reasons."""
    judgement = body.get("judgement")
    if not isinstance(judgement, dict):
        return None, ()
    reasons = judgement.get("reasons")
    return str(judgement.get("verdict")), tuple(map(str, reasons)) if isinstance(reasons, list) else ()


def _key_of(body: dict[str, Any]) -> str:
    """The SHA-256 of the key that was harvested, by the key itself."""
    key = body.get("key")
    der = key.get("der") if isinstance(key, dict) else None
    try:
        return hashlib.sha256(base64.b64decode(str(der), validate=True)).hexdigest()
    except ValueError:
        return "that cannot be read"


def _continued(earlier: Earlier, head: Checkpoint, keys: Sequence[VerifierKey], tell: Tell, unsigned: Tell) -> None:
    """Holds the *earlier* head against *head*; *unsigned* hears where it is signed by none of *keys*.

    Of an item's proof that is no more than a remark: the log's key may have been replaced since.
    """
    try:
        before, note = read_checkpoint(earlier.checkpoint.encode("utf-8"))
    except ValueError as error:
        tell(f"the earlier checkpoint cannot be read: {error}")
        return
    what = f"the earlier checkpoint of {before.size} leaves"
    for trouble in _misnamed(before, head.origin):
        tell(f"{what}: {trouble}")
    if not is_consistent(before.size, before.root, head.size, head.root, earlier.hashes):
        tell(f"the checkpoint of {head.size} leaves does not continue {what}")
    signers, wrong = _signers(note, before, keys)
    for trouble in wrong:
        tell(f"{what}: {trouble}")
    if not signers and not wrong:
        unsigned(f"{what}: {_stranger(note)}")
