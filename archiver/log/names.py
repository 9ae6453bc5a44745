"""What the files of the published log are called, and what is named after them: one home for each name.

Paths are relative to the log's folder. Those of tiles and of signed heads are in :mod:`archiver.log.tiles`.
"""

from __future__ import annotations

from typing import Final

CHECKPOINT: Final = "checkpoint"
"""The newest signed head, with cosignatures."""

CHECKPOINTS: Final = "checkpoints"
"""The folder of all signed heads."""

UNFINISHED: Final = ".unfinished"
"""There while a checkpoint is being made."""

VKEYS: Final = "vkeys"
"""The log's verifier keys, oldest first, one a line."""

LOCK: Final = "checkpoint"
"""The ledger's lock that whoever makes a checkpoint holds, or has one vouched for: one process at a time."""


def body_path(sha256: str) -> str:
    """Where the body with this SHA-256 (64 hex) lies, if it is too long to be a leaf."""
    return f"bodies/{sha256}.json"
