"""The head that was signed last, held against the history that a ledger is to be rebuilt from."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from archiver.errors import SigningError
from archiver.log.checkpoint import Checkpoint, read_checkpoint
from archiver.log_ports import HeadMemory

REMEDY: Final = (
    "look for a copy of <archive>/log/ that reaches that head, and rebuild from it; where it is lost for good:"
    " archiver ledger checkpoint --accept-earlier REASON, after the rebuild (nothing is signed before)"
)


@dataclass(frozen=True, slots=True)
class LastHead:
    """What is kept of the head signed last, at *place*. ``head``: None where it is none, or cannot be read.

    ``trouble``: why the history does not continue it, in words; "" where it does.
    """

    place: str
    head: Checkpoint | None
    trouble: str = ""


def last_heads(memories: Sequence[HeadMemory]) -> list[LastHead]:
    """What *memories* keep; nothing of those that keep none."""
    kept = []
    for memory in memories:
        try:
            note = memory.last()
        except SigningError as error:
            kept.append(LastHead(memory.place, None, str(error)))
            continue
        if note is None:
            continue
        try:
            kept.append(LastHead(memory.place, read_checkpoint(note.encode("utf-8", "replace"))[0]))
        except ValueError as error:
            kept.append(LastHead(memory.place, None, f"{memory.place}: no checkpoint: {error}"))
    return kept


def sizes_of(kept: Collection[LastHead]) -> frozenset[int]:
    """The leaves of each head that can be read."""
    return frozenset(one.head.size for one in kept if one.head is not None)


def held_against(kept: Sequence[LastHead], size: int, roots: Mapping[int, bytes]) -> list[LastHead]:
    """*kept*, each with what is wrong with it for a history of *size* leaves; *roots*: of its first so many."""
    return [one if one.head is None else _held(one.place, one.head, size, roots) for one in kept]


def _held(place: str, head: Checkpoint, size: int, roots: Mapping[int, bytes]) -> LastHead:
    trouble = ""
    if head.size > size:
        trouble = (
            f"the published log ends at {size} leaves, {head.size - size} fewer than the head that was signed last"
            f" ({head.size} leaves, {place})"
        )
    elif roots.get(head.size) != head.root:
        trouble = f"the published log does not lead to the head of {head.size} leaves that was signed last ({place})"
    return LastHead(place, head, trouble)
