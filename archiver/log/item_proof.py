"""Proof files: all events of one item in a signed head, or one head continuing another. See docs/proof-format.md.

Read from outside they are hostile: what is not of the form is a ValueError, and nothing is believed before
``log.proof_check`` held it against a key that the reader brought.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from archiver.log.lines import hash_of, to_base64
from archiver.log.tree import leaf_hash

ITEM_FORMAT: Final = "cloudtrail-evidence-archiver/item-proof@v1"
CONSISTENCY_FORMAT: Final = "cloudtrail-evidence-archiver/consistency-proof@v1"

PROOF_FILE_BYTES: Final = 256 * 1024 * 1024
"""Largest proof file that is read. An event takes some 4 KiB; one of a delivery of 20,000 files takes 6 MiB."""

_HEX: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


class NoProofFileError(ValueError):
    """It does not even say that it is a proof file."""


@dataclass(frozen=True, slots=True)
class ProvenEvent:
    """One event and its place in the log.

    ``leaf``: what is in the tree, exactly. ``body``: the event's body where the leaf holds only its digest, else
    None. ``proof``: a C2SP tlog-proof, verbatim, which holds the checkpoint too.
    """

    seq: int
    leaf: bytes
    body: bytes | None
    proof: str

    @property
    def told(self) -> bytes:
        """The event's body, wherever it stands."""
        return self.leaf if self.body is None else self.body


@dataclass(frozen=True, slots=True)
class Earlier:
    """A signed head from before, and the consistency proof from it to the one that is proved with."""

    checkpoint: str
    hashes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ItemProof:
    """Every event of *evidence*, and of the keys it was judged with, in the head *checkpoint* (a signed note).

    ``keys``: verifier keys that the log says are its own, oldest first; claims. ``acquired_under``: the first head
    that covered the acquisition, None where it is the same one. ``not_covered``: events of the item that are newer.
    """

    origin: str
    keys: tuple[str, ...]
    checkpoint: str
    evidence: str
    events: tuple[ProvenEvent, ...]
    acquired_under: Earlier | None
    not_covered: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """That the log under the head *checkpoint* continues the one under ``earlier.checkpoint``."""

    origin: str
    keys: tuple[str, ...]
    checkpoint: str
    earlier: Earlier


def encode(proof: ItemProof | ConsistencyProof) -> bytes:
    """*proof* as a file: canonical JSON (RFC 8785) in one line. Raises ValueError for a leaf that is not UTF-8."""
    head: dict[str, Any] = {"origin": proof.origin, "keys": list(proof.keys), "checkpoint": proof.checkpoint}
    if isinstance(proof, ConsistencyProof):
        value = head | {"format": CONSISTENCY_FORMAT, "earlier": _earlier(proof.earlier)}
    else:
        value = head | {
            "format": ITEM_FORMAT,
            "evidence": proof.evidence,
            "events": [_event(event) for event in proof.events],
            "acquired_under": None if proof.acquired_under is None else _earlier(proof.acquired_under),
            "not_covered": list(proof.not_covered),
        }
    # only text, whole numbers and ASCII names: then this is what RFC 8785 asks for
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text.encode("utf-8") + b"\n"


def _event(event: ProvenEvent) -> dict[str, Any]:
    body = None if event.body is None else event.body.decode("utf-8")
    return {
        "seq": event.seq,
        "leaf": event.leaf.decode("utf-8"),
        "leaf_hash": leaf_hash(event.leaf).hex(),
        "body": body,
        "proof": event.proof,
    }


def _earlier(earlier: Earlier) -> dict[str, Any]:
    return {"checkpoint": earlier.checkpoint, "consistency": [to_base64(one) for one in earlier.hashes]}


def decode(data: bytes) -> ItemProof | ConsistencyProof:
    """Reads a proof file; nothing is verified but that each leaf has the hash that stands beside it.

    Raises ValueError, and NoProofFileError for what does not say that it is one.
    """
    if len(data) > PROOF_FILE_BYTES:
        raise NoProofFileError(f"a file of {len(data)} bytes is too long to be a proof")
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise NoProofFileError("not JSON") from error
    form = value.get("format") if isinstance(value, dict) else None
    if form not in (ITEM_FORMAT, CONSISTENCY_FORMAT):
        raise NoProofFileError("not a proof file of a kind that is known here")
    origin, checkpoint = _text(value, "origin"), _text(value, "checkpoint")
    keys = tuple(_is_text(key) for key in _list(value, "keys"))
    if form == CONSISTENCY_FORMAT:
        return ConsistencyProof(origin, keys, checkpoint, _earlier_of(_member(value, "earlier")))
    before = _member(value, "acquired_under")
    return ItemProof(
        origin=origin,
        keys=keys,
        checkpoint=checkpoint,
        evidence=_text(value, "evidence"),
        events=tuple(_event_of(event) for event in _list(value, "events")),
        acquired_under=None if before is None else _earlier_of(before),
        not_covered=tuple(_is_number(seq) for seq in _list(value, "not_covered")),
    )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member that is there twice")
    return members


def _event_of(value: Any) -> ProvenEvent:
    leaf, body = _text(value, "leaf").encode("utf-8"), _member(value, "body")
    told = _text(value, "leaf_hash")
    if _HEX.fullmatch(told) is None or leaf_hash(leaf).hex() != told:
        raise ValueError(f"event {_member(value, 'seq')}: its leaf does not have the hash that stands beside it")
    return ProvenEvent(
        seq=_is_number(_member(value, "seq")),
        leaf=leaf,
        body=None if body is None else _is_text(body).encode("utf-8"),
        proof=_text(value, "proof"),
    )


def _earlier_of(value: Any) -> Earlier:
    hashes = tuple(hash_of(_is_text(one)) for one in _list(value, "consistency"))
    return Earlier(_text(value, "checkpoint"), hashes)


def _member(value: Any, name: str) -> Any:
    if not isinstance(value, Mapping) or name not in value:
        raise ValueError(f"there is no {name}")
    return value[name]


def _text(value: Any, name: str) -> str:
    return _is_text(_member(value, name))


def _list(value: Any, name: str) -> list[Any]:
    found = _member(value, name)
    if not isinstance(found, list):
        raise ValueError(f"{name} is no list")  # noqa: TRY004 - what cannot be read is a ValueError
    return found


def _is_text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("something is no text that should be")  # noqa: TRY004 - what cannot be read is a ValueError
    value.encode("utf-8")  # a UnicodeEncodeError, which is a ValueError, for lone surrogates
    return value


def _is_number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
        raise ValueError("something is no number of an event that should be")
    return value
