"""The newest signed heads, as ledger and published log have them, and whether both tell one history."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from archiver.domain.custody_log import CheckpointBegun
from archiver.domain.log_records import AdoptedKey, LogEntry, StoredCheckpoint
from archiver.errors import LedgerAlteredError, LogForkedError
from archiver.log.checkpoint import Checkpoint, read_checkpoint
from archiver.log.names import CHECKPOINT, UNFINISHED
from archiver.log.note import Note, parse_key, signed_by
from archiver.log.tree import HASH_BYTES, Hashes, Node, completed, root_of
from archiver.log_ports import CustodyLog, HeadMemory, PublishedLog

REMEDY: Final = "find out what happened: archiver ledger verify"
MISSING: Final = (
    f"{REMEDY}; where the folder was lost or put back from a backup: archiver ledger checkpoint --republish"
)
EARLIER: Final = (
    "look for a copy of ledger or log that reaches that head, and put it back (docs/runbook.md: The head signed last)"
    "; where it is lost for good: archiver ledger checkpoint --accept-earlier REASON"
)
_NUMBER: Final = re.compile(rb"(0|[1-9][0-9]{0,17})\n", re.ASCII)


@dataclass(frozen=True, slots=True)
class Head:
    """A signed head. ``note``: as the ledger keeps it, with the log's own signatures alone."""

    checkpoint: Checkpoint
    note: Note
    stored: StoredCheckpoint

    @property
    def size(self) -> int:
        """In leaves."""
        return self.checkpoint.size


@dataclass(frozen=True, slots=True)
class State:
    """What there is before anything is done. ``row``: the ledger's newest head; ``published``: that of the files.

    ``unfinished``: leaves of the head before the one that a run began and did not end, None where none did.
    """

    keys: Sequence[AdoptedKey]
    row: Head | None
    published: Head | None
    unfinished: int | None

    @property
    def base(self) -> int:
        """Leaves of the newest head that is published with all that belongs to it; 0 for none."""
        return self.row_size if self.unfinished is None else self.unfinished

    @property
    def row_size(self) -> int:
        """Leaves of the ledger's newest head, 0 for none."""
        return self.row.size if self.row else 0

    @property
    def published_size(self) -> int:
        """Leaves of the newest published head, 0 for none."""
        return self.published.size if self.published else 0


def state_of(log: CustodyLog, published: PublishedLog) -> State:
    """What ledger and files have, not checked yet. Raises LogForkedError for what cannot be read, MediumError."""
    latest = log.latest_checkpoint()
    row = _read(latest.note.encode("utf-8"), "ledger, table checkpoints") if latest else None
    if latest and row and latest.size != row.size:
        raise LogForkedError(f"ledger: the row {latest.size} of table checkpoints is of {row.size} leaves", REMEDY)
    data = published.read(CHECKPOINT)
    file = _read(data, f"{published.url}/{CHECKPOINT}") if data is not None else None
    return State(log.keys(), row, file, _unfinished(published))


def _read(data: bytes, where: str) -> Head:
    try:
        checkpoint, note = read_checkpoint(data)
    except ValueError as error:
        raise LogForkedError(f"{where}: no checkpoint: {error}", REMEDY) from error
    return Head(checkpoint, note, StoredCheckpoint(checkpoint.size, data.decode("utf-8")))


def key_at(keys: Sequence[AdoptedKey], size: int) -> str | None:
    """The verifier key that signs heads of *size* leaves, None before the first."""
    own = [key.key for key in keys if key.seq < size]
    return own[-1] if own else None


def _unfinished(published: PublishedLog) -> int | None:
    data = published.read(UNFINISHED)
    if data is None:
        return None
    match = _NUMBER.fullmatch(data)
    if match is None:
        raise LogForkedError(f"{published.url}/{UNFINISHED}: not what was written there", REMEDY)
    return int(match[1])


def check_heads(state: State, where: str) -> None:
    """Raises LogForkedError where ledger and published log (at *where*) have not the same newest head, well signed.

    While a checkpoint is unfinished, the published head may be the one before the ledger's.
    """
    row, file = state.row_size, state.published_size
    told = f"{where}: the newest published head has {file} leaves, and the ledger's {row or 'none'}"
    if not file:
        told = f"{where}: no head is published, and the ledger's newest has {row} leaves"
    if file > row:
        raise LogForkedError(f"{told}: the ledger was put back to an earlier state, or is not this archive's", REMEDY)
    if row < state.base or (file < row and file != state.base):
        raise LogForkedError(f"{told}: published files were removed or put back to an earlier state", MISSING)
    if state.row and state.published and file == row and state.row.note.text != state.published.note.text:
        raise LogForkedError(f"{where}: the head of {row} leaves is another one than the ledger's", REMEDY)
    for head in (state.row, state.published):
        if head is not None:
            _check_signature(state.keys, head)


def _check_signature(keys: Sequence[AdoptedKey], head: Head) -> None:
    own = key_at(keys, head.size)
    if own is None:
        raise LogForkedError(f"the ledger has no key for the head of {head.size} leaves", REMEDY)
    if not _holds(head.note, own):
        raise LogForkedError(f"the head of {head.size} leaves is not signed by the log's key {own}", REMEDY)


def _holds(note: Note, key: str) -> bool:
    try:
        return signed_by(note, parse_key(key)) is True
    except ValueError:  # what stands in the table is no key
        return False


def check_tree(log: CustodyLog, head: Head | None) -> None:
    """Raises LogForkedError unless *head* (if there is one) is a prefix of the tree in the ledger; LedgerError."""
    if head is None:
        return
    size = head.size
    if log.size() < size:
        raise LogForkedError(
            f"the ledger has fewer events than the {size} of the newest signed head: it was put back to an earlier"
            " state, or its last events were removed",
            REMEDY,
        )
    if root_of(size, hashes_of(log)) != head.checkpoint.root:
        raise LogForkedError(f"the tree of the ledger's first {size} events is not the one that was signed", REMEDY)


@dataclass(frozen=True, slots=True)
class LostHead:
    """The head signed last, as *memory* keeps it, that the ledger does not lead to; ``why``: in words.

    ``head``: None where what is kept is no head.
    """

    memory: HeadMemory
    head: Checkpoint | None
    why: str


def lost_heads(log: CustodyLog, memories: Sequence[HeadMemory]) -> list[LostHead]:
    """The heads signed last that the ledger's tree does not continue.

    Raises SigningError where what is kept cannot be read, LogForkedError where the tree cannot, LedgerError.
    """
    lost = []
    for memory in memories:
        note = memory.last()
        if note is None:
            continue
        try:
            head, _ = read_checkpoint(note.encode("utf-8", "replace"))
        except ValueError as error:
            lost.append(LostHead(memory, None, f"{memory.place}: no checkpoint: {error}"))
            continue
        size = log.size()
        if size < head.size:
            why = (
                f"the head signed last has {head.size} leaves, and the ledger has {size} events: ledger and archive"
                " were put back to an earlier state, or are others than that key's"
            )
        elif root_of(head.size, hashes_of(log)) != head.root:
            why = f"the head of {head.size} leaves that was signed last is of another history"
        else:
            continue
        lost.append(LostHead(memory, head, f"{memory.place}: {why}"))
    return lost


def check_memories(log: CustodyLog, memories: Sequence[HeadMemory]) -> None:
    """Raises LogForkedError unless the ledger's tree continues the head that was signed last; SigningError."""
    for lost in lost_heads(log, memories):
        raise LogForkedError(lost.why, EARLIER)


def hashes_of(log: CustodyLog) -> Hashes:
    """The hashes in the ledger's tree; a row that is not there is a LogForkedError that names it."""

    def hashes(nodes: Collection[Node]) -> Mapping[Node, bytes]:
        try:
            return log.hashes(nodes)
        except LedgerAlteredError:
            for level, index in sorted(nodes):
                _check_row(log, ((index + 1) << level) - 1)
            raise

    return hashes


def _check_row(log: CustodyLog, seq: int) -> None:
    entry: LogEntry = next(iter(log.entries(seq, seq + 1)))
    if entry.hashes is None or len(entry.hashes) != HASH_BYTES * completed(seq):
        raise LogForkedError(f"event {seq}: its row in table merkle_nodes is not there or not as it was", REMEDY)


def begun_after(log: CustodyLog, size: int) -> int | None:
    """Leaves of the head that was announced last and follows the one of *size* leaves, None for none."""
    announced = [seq for seq, _ in log.of_kind(CheckpointBegun.kind, size)]
    return announced[-1] + 1 if announced else None
