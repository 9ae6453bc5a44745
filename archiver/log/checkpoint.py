"""C2SP checkpoints (c2sp.org/tlog-checkpoint): the signed heads of a log."""

from __future__ import annotations

from dataclasses import dataclass

from archiver.log.lines import head_of, to_base64
from archiver.log.note import Note, parse_note


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of the log *origin* with *size* leaves; ``root``: 32 bytes."""

    origin: str
    size: int
    root: bytes


def checkpoint_text(checkpoint: Checkpoint) -> str:
    """The text to sign: three lines. Raises ValueError where one cannot be written."""
    text = f"{checkpoint.origin}\n{checkpoint.size}\n{to_base64(checkpoint.root)}\n"
    if parse_checkpoint(text) != checkpoint:
        raise ValueError("an origin that is not one line")
    return text


def parse_checkpoint(text: str) -> Checkpoint:
    """Reads a note's text; extension lines are skipped. Raises ValueError for what is no checkpoint."""
    return Checkpoint(*head_of(text))


def read_checkpoint(data: bytes) -> tuple[Checkpoint, Note]:
    """Reads a signed checkpoint; nothing is verified. Raises ValueError for what is none."""
    note = parse_note(data)
    return parse_checkpoint(note.text), note
