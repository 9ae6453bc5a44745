"""Fixtures live beside what they start, in tests/support; a module that has some is named here."""

from __future__ import annotations

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
