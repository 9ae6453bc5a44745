"""C2SP proofs of inclusion in one file (c2sp.org/tlog-proof): an entry's place, its audit path, and a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from archiver.domain.text import printable
from archiver.log.checkpoint import read_checkpoint
from archiver.log.lines import from_base64, from_decimal, hash_of, to_base64

PROOF_BYTES: Final = 16 * 1024 * 1024
"""Longest proof that is read: the extra data may carry an event of thousands of files."""

HASHES: Final = 63
"""Longest audit path: no tree has 2**63 leaves or more."""

_FIRST: Final = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """``hashes``: the audit path, sibling of the leaf first. ``checkpoint``: the signed note, verbatim.

    ``extra``: whatever else was put there; nothing vouches for it.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: str
    extra: bytes | None = None


def format_proof(proof: InclusionProof) -> str:
    """*proof* as text. Raises ValueError for one that :func:`parse_proof` would not take."""
    lines = [_FIRST]
    if proof.extra is not None:
        lines.append(f"extra {to_base64(proof.extra)}")
    lines.append(f"index {proof.index}")
    lines += [to_base64(one) for one in proof.hashes]
    text = "\n".join(lines) + f"\n\n{proof.checkpoint}"
    if parse_proof(text.encode("utf-8")) != proof:
        raise ValueError("a proof that would be read as another one")
    return text


def parse_proof(data: bytes) -> InclusionProof:
    """Reads a proof; nothing is verified. Raises ValueError for what is none."""
    if len(data) > PROOF_BYTES:
        raise ValueError(f"a proof of {len(data)} bytes is too long")
    try:
        head, parted, checkpoint = data.decode("utf-8").partition("\n\n")
    except UnicodeDecodeError as error:
        raise ValueError("a proof that is not UTF-8") from error
    first, *lines = head.split("\n")
    if first != _FIRST or not parted:
        raise ValueError(f"not a proof: {printable(first, 80)}")
    extra = from_base64(lines.pop(0)[len("extra ") :]) if lines and lines[0].startswith("extra ") else None
    if not lines or not lines[0].startswith("index "):
        raise ValueError("a proof without index")
    index, *path = lines
    if len(path) > HASHES:
        raise ValueError(f"a proof with more than {HASHES} hashes")
    read_checkpoint(checkpoint.encode("utf-8"))
    return InclusionProof(from_decimal(index[len("index ") :]), tuple(map(hash_of, path)), checkpoint, extra)
