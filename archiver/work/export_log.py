"""What a package says of the custody log: its signed head in the form that openssl reads, and proofs under it."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Sequence
from typing import Final

from archiver.domain.limits import CHUNK_BYTES
from archiver.domain.log_records import LogState
from archiver.domain.package import PackageAccount, PackageHead
from archiver.log.item_proof import ItemProof, ProvenEvent, decode
from archiver.log.note import VerifierKey, parse_key, parse_note, signed_by
from archiver.log.proof import parse_proof

_ED25519_SPKI: Final = bytes.fromhex("302a300506032b6570032100")
"""What stands before the key's 32 bytes in DER (RFC 8410, section 4)."""


def package_head(log: LogState) -> PackageHead | None:
    """The signed head of *log*; None where there is none, or none of the log's keys signed it.

    Keys that the configuration names are tried first, then those that the ledger calls the log's.
    """
    if log.head is None:
        return None
    for text in dict.fromkeys([*log.trust.keys, *(one.key for one in log.claimed)]):
        try:
            key = parse_key(text)
            if signed_by(parse_note(log.head.note.encode("utf-8")), key):
                return PackageHead(log.head.size, log.head.note, text)
        except ValueError:  # `ledger verify` tells of it; here another key may fit
            continue
    return None


def head_files(head: PackageHead) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of what lies in ``data/log``: the note whole, and in the pieces that openssl takes."""
    key = parse_key(head.vkey)
    note = parse_note(head.note.encode("utf-8"))
    signature = next(s.signature for s in note.signatures if (s.name, s.id) == (key.name, key.id))
    yield "checkpoint", head.note.encode("utf-8")
    yield "checkpoint.sig", signature
    yield "checkpoint.text", note.text.encode("utf-8")
    yield "log_key.pem", _pem(key)
    yield "vkey", f"{head.vkey}\n".encode()


def _pem(key: VerifierKey) -> bytes:
    encoded = base64.b64encode(_ED25519_SPKI + key.public)
    return b"-----BEGIN PUBLIC KEY-----\n" + encoded + b"\n-----END PUBLIC KEY-----\n"


def account_files(account: PackageAccount) -> Iterator[tuple[str, int, Iterator[bytes]]]:
    """(name, bytes, the bytes) of what lies in ``data/log`` of the account."""
    yield "accounts.leaf", len(account.leaf), iter([account.leaf])
    yield "accounts.path", len(account.path), iter([account.path])
    size = account.text.seek(0, os.SEEK_END)
    account.text.seek(0)
    yield "accounts.txt", size, iter(lambda: account.text.read(CHUNK_BYTES), b"")


def proof_files(proof: bytes) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of what lies in an item's ``custody``: each leaf and its path, in plain pieces.

    Raises ValueError for what is no proof of an item.
    """
    found = decode(proof)
    if not isinstance(found, ItemProof):
        raise ValueError("not the proof of an item")  # noqa: TRY004 - what cannot be read is a ValueError
    for event in found.events:
        if event.body is not None:
            yield f"{event.seq}.body", event.body
        yield f"{event.seq}.leaf", event.leaf
        yield f"{event.seq}.path", _path(event)


def _path(event: ProvenEvent) -> bytes:
    """Index and size, then the audit path, sibling of the leaf first: one a line."""
    proof = parse_proof(event.proof.encode("utf-8"))
    return path_file(event.seq, int(proof.checkpoint.split("\n", 2)[1]), proof.hashes)


def path_file(seq: int, size: int, hashes: Sequence[bytes]) -> bytes:
    """The audit path of entry *seq* in the tree of *size*, as packages have it."""
    lines = [f"index {seq}", f"size {size}", *(one.hex() for one in hashes)]
    return "".join(f"{line}\n" for line in lines).encode("ascii")
