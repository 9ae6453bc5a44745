"""What others vouch for, for ``ledger verify``: each anchor against its proof, and what its keeper holds now."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from archiver.domain.log_records import Anchor, UnreadHead
from archiver.domain.text import printable
from archiver.domain.times import format_optional
from archiver.errors import AnchorError, LedgerError, MediumError, StoppedError, StoreError
from archiver.log.anchors import expired
from archiver.log.tree import root_of
from archiver.log_ports import Anchorer, CustodyLog, PublishedLog
from archiver.ports import ShouldStop
from archiver.work.log_verify_files import Paths
from archiver.work.log_verify_keys import LogKeys
from archiver.work.log_verify_report import Findings, is_forged
from archiver.work.log_verify_rows import read

_TABLE = "anchors"

_TOLD = 5
"""Checkpoints of one keeper that cannot be read and are told one by one."""


class AnchorCheck:
    """Looks at every anchor on record. ``checked``: how many; ``unchecked``: those whose keeper is not configured."""

    def __init__(
        self,
        log: CustodyLog,
        published: PublishedLog | None,
        anchorers: Sequence[Anchorer],
        keys: LogKeys,
        note_at: Callable[[int], str | None],
        findings: Findings,
    ) -> None:
        self.checked = self.unchecked = 0
        self._log = log
        self._published = published
        self._anchorers: Mapping[tuple[str, str], Anchorer] = {(a.method, a.name): a for a in anchorers}
        self._keys = keys
        self._note_at = note_at
        self._findings = findings

    def run(self, paths: Paths, now: datetime, should_stop: ShouldStop) -> None:
        """Looks at every anchor without network; *paths* takes where their proofs lie. Raises StoppedError."""
        try:
            for anchor in self._log.anchors(unread=lambda error: self._findings.unread(error, _TABLE)):
                if should_stop():
                    raise StoppedError("stopped before the anchors were verified")
                self.checked += 1
                with self._findings.section(_TABLE):
                    paths.add(anchor.path)
                    self._check(anchor)
            for late in expired(self._log.anchors(), now):
                detail = (
                    f"the time stamp of {printable(late.name)} on the head of {late.size} leaves proves nothing "
                    f"now: its certificate ended at {format_optional(late.valid_until)}, and no later one covers it"
                )
                self._findings.add("anchor_expired", detail, late.seq, late.path)
        except LedgerError as error:
            self._findings.unread(error, _TABLE)
        if self.unchecked:
            self._findings.notes.append(
                f"{self.unchecked} anchors are of somebody who is not configured: "
                "only the SHA-256 of their proofs was checked"
            )

    def _check(self, anchor: Anchor) -> None:
        anchorer = self._anchorers.get((anchor.method, anchor.name))
        if anchorer is None:
            self.unchecked += 1
        proof = self._proof(anchor)
        if proof is None:
            return
        wrong = None
        if hashlib.sha256(proof).hexdigest() != anchor.sha256:
            wrong = f"its SHA-256 is not the {printable(anchor.sha256, 64)} that was recorded"
        elif anchorer is not None:
            note = self._note_at(anchor.size)
            wrong = "the ledger has no such checkpoint" if note is None else anchorer.check(anchor, note, proof)
        if wrong is not None:
            detail = f"{_shown(anchor.method, anchor.name)} on the checkpoint of {anchor.size} leaves: {wrong}"
            self._findings.add("anchor_invalid", detail, anchor.seq, anchor.path)

    def _proof(self, anchor: Anchor) -> bytes | None:
        """The proof as published; what is wrong with that is told."""
        if self._published is None:
            return None
        try:
            proof = self._published.read(anchor.path)
        except MediumError as error:
            if is_forged(error):
                self._findings.add("anchor_invalid", str(error), anchor.seq, anchor.path)
            else:
                self._findings.unread(error, anchor.path)
            return None
        except StoreError as error:  # a path that none of ours has
            self._findings.add("anchor_missing", str(error), anchor.seq, anchor.path)
            return None
        if proof is None:
            detail = f"the proof of {_shown(anchor.method, anchor.name)} for {anchor.size} leaves is not there"
            self._findings.add("anchor_missing", detail, anchor.seq, anchor.path)
        return proof

    def ask(self, size: int, should_stop: ShouldStop) -> None:
        """Asks everyone which heads they hold, and holds these against the ledger, whose *size* leaves were walked.

        Nothing is locked meanwhile, so newer heads may come to be. Raises StoppedError.
        """
        for anchorer in self._anchorers.values():
            if anchorer.retired:
                continue
            who = _shown(anchorer.method, anchorer.name)
            with self._findings.section(_TABLE):
                try:
                    for held, note in self._held(anchorer, should_stop):
                        self._compare(who, held, note, size)
                except AnchorError as error:
                    self._findings.unasked(f"{who} was not asked: {error}")
                except LedgerError as error:
                    self._findings.unread(error, "merkle_nodes")

    def _held(self, anchorer: Anchorer, should_stop: ShouldStop) -> Iterator[tuple[int, str]]:
        """The heads that *anchorer* holds; what of it cannot be read is told, the first ones in words."""
        unread = 0
        for head in anchorer.heads(self._note_at):
            if should_stop():
                raise StoppedError("stopped before everybody who holds checkpoints was asked")
            if not isinstance(head, UnreadHead):
                yield head
                continue
            unread += 1
            if unread <= _TOLD:
                self._findings.unasked(f"{_shown(anchorer.method, anchorer.name)}: {head.why}")
        if unread > _TOLD:
            self._findings.unasked(f"{_shown(anchorer.method, anchorer.name)}: {unread} such in all")

    def _compare(self, who: str, size: int, note: str, ours: int) -> None:
        head = read(note.encode("utf-8", "replace"), size)
        if isinstance(head, str) or self._keys.signer(head[1]) is None:
            why = head if isinstance(head, str) else "it is not signed with any key of the log"
            self._findings.notes.append(f"a checkpoint of {size} leaves that {who} holds says nothing: {why}")
        elif size > ours and not self._is_grown(size, head[0].root):
            detail = f"{who} holds a signed checkpoint of {size} leaves, and the ledger has {ours} events"
            self._findings.add("ledger_behind", detail, ours, _TABLE)
        elif root_of(size, self._log.hashes) != head[0].root:
            detail = f"{who} holds another signed checkpoint of {size} leaves than the ledger's tree leads to"
            self._findings.add("checkpoint_inconsistent", detail, size - 1, _TABLE)

    def _is_grown(self, size: int, root: bytes) -> bool:
        """True if the ledger has *size* leaves by now, and they lead to *root*."""
        try:
            return self._log.size() >= size and root_of(size, self._log.hashes) == root
        except LedgerError:  # numbers are missing before the last one: nobody recorded these
            return False


def _shown(method: str, name: str) -> str:
    return printable(f"{method} {name}", 200)
