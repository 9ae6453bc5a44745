"""Where signed heads stand, for ``ledger verify``: rows of the ledger, and files below the archive's log folder."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from archiver.domain.log_records import StoredCheckpoint
from archiver.errors import LedgerError, MediumError
from archiver.log.checkpoint import Checkpoint, read_checkpoint
from archiver.log.note import Note
from archiver.log.tiles import checkpoint_path
from archiver.log_ports import CustodyLog, PublishedLog
from archiver.work.log_verify_keys import LogKeys
from archiver.work.log_verify_report import Findings, is_forged

TABLE: Final = "checkpoints"
FOLDER: Final = "checkpoints"
NEWEST: Final = "checkpoint"

_BEYOND: Final = 2**62
"""More leaves than any log has: asking for what comes after it only shows whether the table can be read."""


@dataclass
class Heads:
    """All signed heads by size. ``sizes``: of those that stand in the table or as files, sorted.

    ``by_table``: False where the table cannot be read; ``unread``: sizes of rows that cannot be.
    """

    log: CustodyLog
    published: PublishedLog | None
    findings: Findings
    sizes: Sequence[int] = ()
    by_table: bool = True
    unread: set[int] = field(default_factory=set)
    _rows: Iterator[StoredCheckpoint] | None = None
    _next: StoredCheckpoint | None = None
    _after: int = -1

    def gather(self) -> None:
        """Takes stock. Raises MediumError where the folder of heads cannot be listed."""
        files = array("q", () if self.published is None else self._listed(self.published))
        held = sorted(files)
        found = array("q", files)
        found.extend(self._in_table(held))
        newest = self.file(NEWEST)
        if newest is not None and isinstance(head := read(newest, None), tuple):
            found.append(head[0].size)
        self.sizes = array("q", sorted(set(found)))

    def _listed(self, published: PublishedLog) -> Iterator[int]:
        for path in published.files(FOLDER):
            size = _size_of(path)
            if size is None:
                self.findings.add("published_added", f"{path}: no checkpoint is called so", None, path)
            else:
                yield size

    def _in_table(self, files: Sequence[int]) -> Iterator[int]:
        """Sizes of the rows. After one that cannot be read it goes on behind the next size that a file has."""
        after = -1
        while True:
            try:
                for row in self.log.checkpoints(after):
                    after = row.size
                    yield row.size
            except LedgerError as error:
                try:
                    next(self.log.checkpoints(_BEYOND), None)
                except LedgerError:
                    self.by_table = False
                    self.findings.unread(error, TABLE)
                    return
                following = [size for size in files if size > after]
                seq = following[0] - 1 if following else None
                self.findings.add("checkpoint_altered", str(error), seq, TABLE)
                if not following:
                    return
                after = following[0]
                self.unread.add(after)
            else:
                return

    def row(self, size: int) -> str | None:
        """The note in the table. Sizes are best asked for in their order."""
        if not self.by_table or size in self.unread:
            return None
        try:
            if self._rows is None or size <= self._after or any(self._after < one < size for one in self.unread):
                self._rows, self._next = self.log.checkpoints(size - 1), None
            while self._next is None or self._next.size < size:
                self._next = next(self._rows, None)
                if self._next is None:
                    self._rows = None
                    return None
        except LedgerError:  # told by gather
            self._rows = None
            return None
        self._after = self._next.size - 1
        return self._next.note if self._next.size == size else None

    def file(self, path: str) -> bytes | None:
        """The file at *path*, None where there is none; trouble is told."""
        if self.published is None:
            return None
        try:
            return self.published.read(path)
        except MediumError as error:
            if is_forged(error):
                self.findings.add("checkpoint_altered", str(error), None, path)
            else:
                self.findings.unread(error, path)
            return None

    def newest(self, keys: LogKeys) -> tuple[Checkpoint, Note] | None:
        """The largest head that some key of the log signed, wherever it stands."""
        for size in reversed(self.sizes):
            found = self.signed(size, keys)
            if found is not None:
                return found
        return None

    def signed(self, size: int, keys: LogKeys) -> tuple[Checkpoint, Note] | None:
        """The head of *size* leaves, by whichever place has it with a signature by some key of the log."""
        row = self.row(size)
        places = [None if row is None else row.encode("utf-8", "replace")]
        places += [self.file(checkpoint_path(size)), self.file(NEWEST) if size == self.sizes[-1] else None]
        for data in places:
            head = read(data, size) if data is not None else ""
            if isinstance(head, tuple) and keys.signer(head[1]) is not None:
                return head
        return None


def read(data: bytes, size: int | None) -> tuple[Checkpoint, Note] | str:
    """The head that *data* is, or why it is none of *size* leaves (None: of any)."""
    try:
        checkpoint, note = read_checkpoint(data)
    except ValueError as error:
        return f"it is no checkpoint: {error}"
    if size is not None and checkpoint.size != size:
        return f"it is the one of {checkpoint.size} leaves"
    return checkpoint, note


def _size_of(path: str) -> int | None:
    digits = path.removeprefix(f"{FOLDER}/").replace("x", "").replace("/", "")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 21):
        return None
    size = int(digits)
    return size if size < 2**63 and checkpoint_path(size) == path else None
