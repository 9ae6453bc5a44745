"""``ledger verify`` on a ledger with a published log: events a second, beside hashing the same leaves alone."""

from __future__ import annotations

import argparse
from contextlib import closing
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from archiver.adapters.files.log_folder import LogFolder
from archiver.adapters.files.store import FolderStore
from archiver.adapters.ledger.database import SqlLedger
from archiver.log.leaf import leaf_of
from archiver.log.note import ed25519_key
from archiver.log.tree import Frontier, leaf_hash
from archiver.render.progress import SilentProgress
from archiver.work.checkpoint import Checkpoints
from archiver.work.log_verify import LogVerifier
from benchmarks.common import Results, main, workplace
from benchmarks.ledgers import entries, fill, new_ledger

_LEAST = 100_000
"""Events a second that are wanted."""

_HEADS = 10
ORIGIN = "bench.example.com/custody"


class Signer:
    """``log_ports.Signer`` with a key of the benchmark's own."""

    def __init__(self) -> None:
        self._private = Ed25519PrivateKey.generate()
        self.key = str(ed25519_key(ORIGIN, self._private.public_key().public_bytes_raw()))

    def sign(self, message: bytes) -> bytes:
        """Ed25519."""
        return self._private.sign(message)


def options(parser: argparse.ArgumentParser) -> None:
    """How large."""
    parser.add_argument("--events", type=int, default=1_000_000, help="events in the ledger")
    parser.add_argument("--items", type=int, default=20_000, help="items that they are about")
    parser.add_argument("--rounds", type=int, default=3, help="times that it is verified; the quickest counts")


def run(given: argparse.Namespace) -> Results:
    """Makes ledger and log, verifies, then hashes the same leaves."""
    results = Results(f"Verifying {given.events:,} events on SQLite with their published log")
    with workplace(given.dir) as place, closing(new_ledger(place)) as ledger:
        FolderStore.create(place / "archive")
        published, signer = LogFolder(place / "archive"), Signer()
        checkpoints = Checkpoints(ledger, published, signer, ORIGIN, lambda: datetime.now(UTC))
        history = entries(given.items)
        for part in range(1, _HEADS + 1):
            fill(ledger, given.events * part // _HEADS, history)
            checkpoints.make()
        size = ledger.log.size()
        verifier = LogVerifier(
            ledger, published, [signer.key], [], lambda: datetime.now(UTC), SilentProgress(), lambda: False
        )
        whole = results.best("ledger verify", size, "events", lambda: _clean(verifier), given.rounds)
        bodies = [entry.body or b"" for entry in ledger.log.entries(0, size)]
        results.timed("reading bodies and hashes alone", size, "events", lambda: _read(ledger, size))
        hashed = results.timed("hashing leaves and tree alone", size, "events", lambda: _grow(bodies))
    results.ratio("ledger verify, beside hashing alone", whole, hashed)
    results.goal("events a second", whole.rate, "{:,.0f}", f"at least {_LEAST:,}", whole.rate >= _LEAST)
    return results


def _clean(verifier: LogVerifier) -> None:
    report = verifier.run(online=False)
    if report.problem_count:
        raise SystemExit(f"{report.problem_count} problems, the first: {report.problems[0]}")


def _read(ledger: SqlLedger, size: int) -> None:
    for _ in ledger.log.entries(0, size):
        pass


def _grow(bodies: list[bytes]) -> None:
    tree = Frontier()
    for body in bodies:
        tree.append(leaf_hash(leaf_of(body)))


if __name__ == "__main__":
    main(run, options)
