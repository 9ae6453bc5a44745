"""Where signed heads stand, for ``ledger verify``: rows of the ledger, and files below the archive's log folder."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from archiver.domain.log_records import StoredCheckpoint
from archiver.domain.text import printable
from archiver.errors import LedgerError, MediumError, RowUnreadableError
from archiver.log.checkpoint import Checkpoint, read_checkpoint
from archiver.log.names import CHECKPOINT, CHECKPOINTS
from archiver.log.note import Note
from archiver.log.tiles import checkpoint_path, size_of
from archiver.log_ports import CustodyLog, PublishedLog
from archiver.work.log_verify_keys import LogKeys
from archiver.work.log_verify_report import Findings, is_forged

TABLE: Final = "checkpoints"


@dataclass
class Heads:
    """All signed heads by size. ``sizes``: of those that stand in the table or as files, sorted.

    ``by_table``: False where the table cannot be read; ``unread``: sizes of rows that cannot be. ``troubled``: paths
    of files that cannot be read, which was told.
    """

    log: CustodyLog
    published: PublishedLog | None
    findings: Findings
    sizes: Sequence[int] = ()
    by_table: bool = True
    unread: set[int] = field(default_factory=set)
    troubled: set[str] = field(default_factory=set)
    _rows: Iterator[StoredCheckpoint] | None = None
    _next: StoredCheckpoint | None = None
    _after: int = -1

    def gather(self) -> None:
        """Takes stock."""
        found = array("q")
        if self.published is not None:
            try:
                found.extend(self._listed(self.published))
            except MediumError as error:
                self.findings.blocked(error, CHECKPOINTS)
        found.extend(self._in_table())
        newest = self.file(CHECKPOINT)
        if newest is not None and isinstance(head := read(newest, None), tuple):
            found.append(head[0].size)
        self.sizes = array("q", sorted(set(found)))

    def _listed(self, published: PublishedLog) -> Iterator[int]:
        for path in published.files(CHECKPOINTS):
            size = size_of(path)
            if size is None:
                shown = printable(path)
                self.findings.add("published_added", f"{shown}: no checkpoint is called so", None, path)
            elif size == 0:
                self.findings.add("checkpoint_added", f"{path}: no checkpoint is of no leaves", None, path)
            else:
                yield size

    def _in_table(self) -> Iterator[int]:
        """Sizes of the rows; one that cannot be read is told."""

        def tell(error: RowUnreadableError) -> None:
            seq = None if error.number is None else error.number - 1
            self.findings.add("checkpoint_altered", str(error), seq, TABLE)
            if error.number is not None:
                self.unread.add(error.number)

        try:
            # those of no leaves are strays of the table, and told as such
            yield from (row.size for row in self._readable(0, tell))
        except LedgerError as error:
            self.by_table = False
            self.findings.unread(error, TABLE)

    def _readable(self, after: int, tell: Callable[[RowUnreadableError], None]) -> Iterator[StoredCheckpoint]:
        """Rows of more than *after* leaves; those that cannot be read are passed over. Raises LedgerError."""
        while True:
            try:
                for row in self.log.checkpoints(after):
                    after = row.size
                    yield row
            except RowUnreadableError as error:
                tell(error)
                if error.number is None:  # what is no number stands behind all numbers
                    return
                after = error.number
            else:
                return

    def row(self, size: int) -> str | None:
        """The note in the table. Sizes are best asked for in their order."""
        if not self.by_table or size in self.unread:
            return None
        try:
            if self._rows is None or size <= self._after:
                # what cannot be read was told by gather
                self._rows, self._next = self._readable(size - 1, lambda _error: None), None
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
        """The file at *path*, None where there is none; trouble is told, once."""
        if self.published is None or path in self.troubled:
            return None
        try:
            return self.published.read(path)
        except MediumError as error:
            self.troubled.add(path)
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
        places += [self.file(checkpoint_path(size)), self.file(CHECKPOINT) if size == self.sizes[-1] else None]
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
