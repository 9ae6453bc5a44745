"""Fixtures live beside what they start, in tests/support; a module that has some is named here."""

from __future__ import annotations

import gc

pytest_plugins = [
    "tests.support.stores",
    "tests.support.ledgers",
    "tests.support.postgres",
    "tests.support.aws",
    "tests.support.hostile_http",
    "tests.support.kms",
    "tests.support.tsa",
    "tests.support.pdf_keys",
    "tests.support.witness",
    "tests.support.anchoring",
    "tests.support.cli",
    "tests.support.slow_s3",
    "tests.support.tampered",
]


def pytest_collection_finish() -> None:
    """What is imported stays: out of the garbage collector's sight, which would look through all of it each time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
