"""A log held in memory, made with ``archiver.log`` alone: what tests sign, prove and publish without a ledger."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from archiver.log.checkpoint import Checkpoint, checkpoint_text
from archiver.log.note import VerifierKey, ed25519_key, format_note, signature_line
from archiver.log.proof import InclusionProof, format_proof
from archiver.log.tiles import bundle, checkpoint_path, entries_path, nodes_of, tile_path, tiles
from archiver.log.tree import Frontier, Node, inclusion_proof, leaf_hash, root_of

ORIGIN = "archive.example/evidence"


@dataclass(frozen=True)
class MadeLog:
    """``nodes``: the hash of every complete subtree of ``leaves``."""

    leaves: list[bytes]
    nodes: dict[Node, bytes] = field(repr=False)
    origin: str = ORIGIN
    private: Ed25519PrivateKey = field(default_factory=lambda: Ed25519PrivateKey.from_private_bytes(bytes(range(32))))

    @property
    def key(self) -> VerifierKey:
        return ed25519_key(self.origin, self.private.public_key().public_bytes_raw())

    def hashes(self, wanted: Collection[Node]) -> Mapping[Node, bytes]:
        return {node: self.nodes[node] for node in wanted}

    def root(self, size: int) -> bytes:
        return root_of(size, self.hashes)

    def checkpoint(self, size: int) -> str:
        """The signed note of the first *size* leaves."""
        text = checkpoint_text(Checkpoint(self.origin, size, self.root(size)))
        return format_note(text, [signature_line(self.key, self.private.sign(text.encode()))])

    def proof(self, seq: int, size: int, extra: bytes | None = None) -> str:
        """The proof that leaf *seq* is one of the first *size*."""
        path = inclusion_proof(seq, size, self.hashes)
        return format_proof(InclusionProof(seq, tuple(path), self.checkpoint(size), extra))

    def publish(self, folder: Path, *sizes: int) -> Path:
        """Writes checkpoints of *sizes* with their tiles and entries, as the archive's log folder has them."""
        for tile in {tile for size in sizes for tile in tiles(size)}:
            content = b"".join(self.nodes[node] for node in nodes_of(tile))
            _write(folder / tile_path(tile.level, tile.index, tile.width), content)
            if tile.level == 0:
                first = tile.index * 256
                content = bundle(self.leaves[first : first + tile.width])
                _write(folder / entries_path(tile.index, tile.width), content)
        for one in sizes:
            _write(folder / checkpoint_path(one), self.checkpoint(one).encode())
        _write(folder / "checkpoint", self.checkpoint(max(sizes)).encode())
        _write(folder / "vkeys", f"{self.key}\n".encode())
        return folder


def make_log(leaves: Iterable[bytes]) -> MadeLog:
    """The log of *leaves*."""
    kept = list(leaves)
    nodes: dict[Node, bytes] = {}
    tree = Frontier()
    for seq, leaf in enumerate(kept):
        for level, value in enumerate(tree.append(leaf_hash(leaf))):
            nodes[level, seq >> level] = value
    return MadeLog(kept, nodes)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
