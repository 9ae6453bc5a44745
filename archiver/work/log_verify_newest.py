"""The file of the newest head, for ``ledger verify``: the head itself, and witnesses' cosignatures behind it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from archiver.domain.text import printable
from archiver.errors import AnchorError, MediumError, StoreError
from archiver.log.anchors import WITNESS
from archiver.log.checkpoint import Checkpoint
from archiver.log.names import CHECKPOINT
from archiver.log.tiles import checkpoint_path
from archiver.log_ports import Anchorer, CustodyLog, PublishedLog
from archiver.work.log_verify_heads import HeadCheck
from archiver.work.log_verify_keys import LogKeys
from archiver.work.log_verify_report import Findings
from archiver.work.log_verify_rows import Heads, read
from archiver.work.log_verify_unfinished import Unfinished


@dataclass(frozen=True)
class NewestCheck:
    """Looks at the file when all heads were judged. ``unfinished``: as for ``HeadCheck``."""

    log: CustodyLog
    published: PublishedLog
    anchorers: Sequence[Anchorer]
    heads: Heads
    keys: LogKeys
    judged: HeadCheck
    unfinished: Unfinished | None
    findings: Findings

    def run(self, walked: int) -> None:
        """*walked*: events of the ledger. Raises LedgerError."""
        data = self.heads.file(CHECKPOINT)
        newest = self.judged.newest
        if data is None:
            if newest is not None and not self._may_be_of(0, newest.size) and CHECKPOINT not in self.heads.troubled:
                detail = f"the file of the newest head, which is of {newest.size} leaves, is not there"
                self.findings.add("checkpoint_missing", detail, None, CHECKPOINT)
            return
        head = read(data, None)
        if isinstance(head, str):
            self._altered(head)
        elif self.keys.signer(head[1]) is None:
            self._altered("it is not signed with any key of the log")
        elif newest is None or head[0].size > newest.size:
            self._tell_larger(head[0].size, walked)
        elif head[0].size < newest.size and not self._may_be_of(head[0].size, newest.size):
            detail = f"it is the head of {head[0].size} leaves, and the newest one is of {newest.size}"
            self._altered(detail, head[0].size)
        elif head[0].size == newest.size and head[0] != newest:
            detail = f"it is another head of {newest.size} leaves"
            self.findings.add("checkpoint_inconsistent", detail, newest.size - 1, CHECKPOINT)
        else:
            self._check_lines(data, head[0], newest)

    def _may_be_of(self, size: int, newest: int) -> bool:
        """True where the file of the *newest* head may still hold the one before, of *size* leaves (0: none)."""
        found = self.unfinished
        return found is not None and found.excuses(newest) and found.base in (None, size)

    def _altered(self, detail: str, seq: int | None = None) -> None:
        self.findings.add("checkpoint_altered", detail, seq, CHECKPOINT)

    def _tell_larger(self, size: int, walked: int) -> None:
        """The file of the newest head is larger than every other."""
        if size > walked:
            detail = f"the ledger has {walked} events, and the newest published head is of {size} leaves"
            self.findings.add("ledger_behind", detail, walked, CHECKPOINT)
        elif size != self.judged.vanished:
            detail = f"the checkpoint of {size} leaves is in the file of the newest head, and nowhere else"
            self.findings.add("checkpoint_missing", detail, size - 1, CHECKPOINT)

    def _check_lines(self, data: bytes, head: Checkpoint, newest: Checkpoint) -> None:
        """Holds the bytes of *data* against the head that it is, and looks at what stands behind that."""
        note = self.judged.newest_data if head == newest else self._signed(head.size)
        if note is None:
            return  # what is wrong with that was told
        if not data.startswith(note):
            self._altered(f"it does not begin with the bytes of the checkpoint of {head.size} leaves", head.size)
            return
        lines = data[len(note) :].decode("utf-8").splitlines(keepends=True)
        if not lines:
            return
        known = {line for proof in self._recorded(head.size) for line in proof.splitlines(keepends=True)}
        unknown = [line for line in lines if line not in known and not self._is_cosignature(note, line, head.size)]
        if unknown:
            many = f"{len(unknown)} signature lines are" if len(unknown) > 1 else "a signature line is"
            self._altered(
                f"{many} by no witness that is known here: {printable(unknown[0].rstrip(), 200)}", head.size
            )

    def _signed(self, size: int) -> bytes | None:
        row = self.heads.row(size)
        return self.heads.file(checkpoint_path(size)) if row is None else row.encode("utf-8", "replace")

    def _recorded(self, size: int) -> Iterator[str]:
        """The proofs of witnesses for the head of *size* leaves, as they were recorded."""
        for anchor in self.log.anchors(size):
            if anchor.method != WITNESS:
                continue
            try:
                proof = self.published.read(anchor.path)
            except (MediumError, StoreError):  # the check of anchors tells
                continue
            if proof is not None and hashlib.sha256(proof).hexdigest() == anchor.sha256:
                yield proof.decode("utf-8", "replace")

    def _is_cosignature(self, note: bytes, line: str, size: int) -> bool:
        """True if *line* is the one of a configured witness, and holds."""
        proof = note + line.encode("utf-8")
        for anchorer in self.anchorers:
            if anchorer.method != WITNESS:
                continue
            try:
                anchorer.read(size, note.decode("utf-8"), proof)
            except AnchorError:
                continue
            return True
        return False
