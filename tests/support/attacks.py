"""What somebody can do who writes to ledger and published log at once: history told anew, so that all of it fits."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rfc8785

from archiver.domain.custody_log import CheckpointBegun, LogKeyAdopted
from archiver.log.checkpoint import Checkpoint, checkpoint_text
from archiver.log.leaf import leaf_of
from archiver.log.note import format_note, parse_key, signature_line
from archiver.log.tiles import bundle, checkpoint_path, entries_path, nodes_of, tile_path, tiles
from archiver.log.tree import Frontier, Node, leaf_hash, root_of
from tests.support.ledgers import LedgerPlace
from tests.support.log_stand import ORIGIN, MemorySigner
from tests.support.tampering import Forger, overwrite

Change = Callable[[int, dict[str, Any]], None]
"""Takes (seq, body) and changes the body as it likes."""


@dataclass
class Rewriter:
    """Whoever owns the database at *place* and the folder *log* of an archive."""

    place: LedgerPlace
    log: Path
    forger: Forger

    def rewrite(
        self, change: Change, signer: MemorySigner | None, *, publish: bool = True, adopt: bool = False
    ) -> None:
        """Changes bodies, and makes all that follows from them fit again.

        *signer*: signs all heads anew; None leaves them as they are. *publish*: tiles and entries, and heads where
        they are signed, are written anew. *adopt*: the events say that *signer*'s key is the log's.
        """
        sizes = [size for (size,) in self.place.query("SELECT size FROM checkpoints ORDER BY size")]
        bodies = [json.loads(body) for (body,) in self.place.query("SELECT body FROM custody_events ORDER BY seq")]
        tree, nodes, leaves = Frontier(), dict[Node, bytes](), list[bytes]()
        statements: list[tuple[str, Any]] = []
        for seq, body in enumerate(bodies):
            change(seq, body)
            if signer is not None and body["kind"] == CheckpointBegun.kind and body["previous_size"]:
                body["previous_root"] = _root(body["previous_size"], nodes).hex()
            if signer is not None and adopt and body["kind"] == LogKeyAdopted.kind:
                body["key"] = signer.key
                statements.append(("UPDATE log_keys SET key = ? WHERE seq = ?", (signer.key, seq)))
            text = rfc8785.dumps(body).decode()
            leaves.append(leaf_of(text.encode()))
            done = tree.append(leaf_hash(leaves[-1]))
            nodes.update({(level, seq >> level): hash_ for level, hash_ in enumerate(done)})
            statements.append(("UPDATE custody_events SET body = ? WHERE seq = ?", (text, seq)))
            statements.append(("UPDATE merkle_nodes SET hashes = ? WHERE seq = ?", (b"".join(done), seq)))
        notes = {size: _note(size, nodes, signer) for size in sizes} if signer is not None else {}
        statements += [
            ("UPDATE checkpoints SET note = ? WHERE size = ?", (note, size)) for size, note in notes.items()
        ]
        self.forger.run(*statements)
        if publish:
            self._publish(sizes[-1], leaves, nodes, notes)
            if signer is not None and adopt:
                overwrite(self.log / "vkeys", f"{signer.key}\n".encode())

    def _publish(self, size: int, leaves: list[bytes], nodes: dict[Node, bytes], notes: dict[int, str]) -> None:
        shutil.rmtree(self.log / "tile")
        for tile in tiles(size):
            overwrite(
                self.log / tile_path(tile.level, tile.index, tile.width), b"".join(nodes[n] for n in nodes_of(tile))
            )
            if tile.level == 0:
                first = tile.index * 256
                overwrite(self.log / entries_path(tile.index, tile.width), bundle(leaves[first : first + tile.width]))
        for at, note in notes.items():
            overwrite(self.log / checkpoint_path(at), note.encode())
        if notes:
            overwrite(self.log / "checkpoint", notes[size].encode())


def _root(size: int, nodes: dict[Node, bytes]) -> bytes:
    return root_of(size, lambda wanted: {node: nodes[node] for node in wanted})


def _note(size: int, nodes: dict[Node, bytes], signer: MemorySigner) -> str:
    text = checkpoint_text(Checkpoint(ORIGIN, size, _root(size, nodes)))
    return format_note(text, [signature_line(parse_key(signer.key), signer.sign(text.encode()))])
