"""A proof out of a large ledger: one event, all of an item, and one head continuing another, beside hashing alone."""

from __future__ import annotations

import argparse
import random
import sys
from contextlib import closing
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from archiver.adapters.files.log_folder import LogFolder
from archiver.adapters.files.store import FolderStore
from archiver.adapters.ledger.database import SqlLedger
from archiver.domain.log_records import StoredCheckpoint
from archiver.log.checkpoint import Checkpoint, checkpoint_text
from archiver.log.item_proof import ItemProof, decode
from archiver.log.note import VerifierKey, ed25519_key, format_note, parse_key, signature_line
from archiver.log.proof import parse_proof
from archiver.log.proof_check import check
from archiver.log.tree import inclusion_proof, leaf_hash, node_hash, root_of
from archiver.work.prove import Prover
from benchmarks.common import Figure, Results, main, workplace
from benchmarks.ledgers import entries, evidence, fill, new_ledger

ORIGIN = "bench.example.com/custody"
_MOST_MS = 50
_SAMPLE = 200


def options(parser: argparse.ArgumentParser) -> None:
    """How large."""
    parser.add_argument("--events", type=int, default=1_000_000, help="events in the ledger")
    parser.add_argument("--items", type=int, default=100_000, help="items that they are about")


def run(given: argparse.Namespace) -> Results:
    """Makes the ledger, then measures proofs of items that are chosen at random."""
    results = Results(f"Proofs out of {given.events:,} events on SQLite")
    with workplace(given.dir) as place, closing(new_ledger(place)) as ledger:
        fill(ledger, given.events, entries(given.items))
        key = _sign(ledger, [given.events // 2, given.events])
        FolderStore.create(place / "archive")
        _measure(results, ledger, place / "archive", key, given)
    return results


def _sign(ledger: SqlLedger, sizes: list[int]) -> VerifierKey:
    """Signs heads of *sizes* leaves with a key of the benchmark's own."""
    private = Ed25519PrivateKey.generate()
    key = ed25519_key(ORIGIN, private.public_key().public_bytes_raw())
    for size in sizes:
        text = checkpoint_text(Checkpoint(ORIGIN, size, root_of(size, ledger.log.hashes)))
        note = format_note(text, [signature_line(key, private.sign(text.encode()))])
        ledger.log.add_checkpoint(StoredCheckpoint(size, note))
    return key


def _measure(results: Results, ledger: SqlLedger, archive: Path, key: VerifierKey, given: argparse.Namespace) -> None:
    rng = random.Random(1)
    prover = Prover(ledger, LogFolder(archive), [str(key)])
    seqs = [rng.randrange(given.events) for _ in range(_SAMPLE)]
    items = [evidence(rng.randrange(given.items)).id for _ in range(_SAMPLE)]
    prover.item(items[0])  # connections, prepared statements: start-up
    one = results.timed(
        "audit path of one event, from the ledger",
        _SAMPLE,
        "proofs",
        lambda: [inclusion_proof(seq, given.events, ledger.log.hashes) for seq in seqs],
    )
    proofs: list[bytes] = []
    whole = results.timed(
        "all events of one item, checked, as a file",
        _SAMPLE,
        "proofs",
        lambda: proofs.extend(prover.item(item) for item in items),
    )
    grown = results.timed(
        "one head continues another",
        _SAMPLE,
        "proofs",
        lambda: [prover.consistency(given.events // 2) for _ in seqs],
    )
    results.timed(
        "checking the file, without ledger",
        _SAMPLE,
        "proofs",
        lambda: [check(decode(data), [parse_key(str(key))]) for data in proofs],
    )
    parts = [_hashed(data) for data in proofs]
    alone = results.timed(
        "hashing the same leaves and paths alone", _SAMPLE, "proofs", lambda: [_hashes(part) for part in parts]
    )
    results.ratio("a proof file, beside hashing alone", whole, alone)
    for name, figure in (("one event", one), ("an item", whole), ("two heads", grown)):
        _goal(results, name, figure)
    events = sum(len(proof.events) for proof in map(decode, proofs) if isinstance(proof, ItemProof))
    print(f"  {events / len(proofs):.1f} events a proof file", file=sys.stderr)


def _hashed(data: bytes) -> list[tuple[bytes, tuple[bytes, ...]]]:
    """The leaves and audit paths in a proof file."""
    proof = decode(data)
    assert isinstance(proof, ItemProof)
    return [(event.leaf, parse_proof(event.proof.encode()).hashes) for event in proof.events]


def _hashes(parts: list[tuple[bytes, tuple[bytes, ...]]]) -> bytes:
    """As many hashes as a check needs; their order does not matter for the time."""
    root = b""
    for leaf, path in parts:
        root = leaf_hash(leaf)
        for sibling in path:
            root = node_hash(root, sibling)
    return root


def _goal(results: Results, name: str, figure: Figure) -> None:
    milliseconds = 1000 / figure.rate
    results.goal(f"{name}: ms a proof", milliseconds, "{:.2f}", f"under {_MOST_MS} ms", milliseconds < _MOST_MS)


if __name__ == "__main__":
    main(run, options)
