"""Heads that a reader kept, for ``ledger verify``: the log as it is now must lead to each of them.

Whoever owns ledger, archive and key can write another history and sign it. What they cannot change is a head that
lies in somebody else's drawer: on a report, on paper, in a time-stamped file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archiver.domain.text import printable
from archiver.log.note import Note
from archiver.log.tree import EMPTY_ROOT
from archiver.work.log_verify_keys import LogKeys
from archiver.work.log_verify_report import Findings, HeldHead
from archiver.work.log_verify_tree import RootAt


@dataclass(frozen=True, slots=True)
class KeptHead:
    """A head of *size* leaves with *root* (32 bytes), as it was kept. ``place``: where, for people.

    ``origin`` and ``note``: of a signed one; None where size and root are all there is.
    """

    size: int
    root: bytes
    place: str
    origin: str | None = None
    note: Note | None = None


class KeptCheck:
    """Watches the tree as it is walked, and judges the heads that were *kept* at its end."""

    def __init__(self, kept: Sequence[KeptHead], findings: Findings) -> None:
        self._kept = sorted(kept, key=lambda head: head.size)
        self._sizes = frozenset(head.size for head in kept)
        self._findings = findings
        self._roots: dict[int, bytes | None] = {0: EMPTY_ROOT}
        self._rewritten: int | None = None

    def judge(self, first: int, last: int, root_at: RootAt, rewritten: int | None) -> None:
        """See ``log_verify_tree.Watcher``."""
        if rewritten is not None and self._rewritten is None:
            self._rewritten = rewritten
        self._roots.update((size, root_at(size)) for size in self._sizes if first <= size <= last)

    def finish(self, walked: int, keys: LogKeys, *, complete: bool) -> tuple[HeldHead, ...]:
        """Tells every kept head that the *walked* leaves do not lead to; what came of each, smallest first.

        *complete*: these are all leaves that there are.
        """
        held, agreed = [], 0
        for head in self._kept:
            known = complete or head.size <= walked
            holds = self._holds(head, walked, keys, agreed) if known else None
            if holds is None:
                self._tell_unknown(head)
            agreed = head.size if holds else agreed
            held.append(HeldHead(printable(head.place), head.size, head.root.hex(), holds))
        return tuple(held)

    def _holds(self, head: KeptHead, walked: int, keys: LogKeys, agreed: int) -> bool | None:
        """None where nobody can tell. *agreed*: leaves of the kept head before that holds."""
        name = keys.keys[-1].key.name if keys.keys else None
        if head.origin is not None and name not in (None, head.origin):
            origin = printable(head.origin, 100)
            self._tell("head_contradicted", head, f"it is one of the log {origin!r}, and this log is {name!r}", None)
            return False
        if head.size > walked:
            self._tell("head_ahead", head, f"the ledger has {walked} events", walked)
            return False
        root = self._roots.get(head.size)
        if root is None:
            return None
        if root != head.root:
            detail = f"the log leads to another root there: they part at event {agreed} or later"
            self._tell("head_contradicted", head, f"{detail}; {_signed(head, keys)}", agreed)
            return False
        if self._rewritten is not None and self._rewritten < head.size:
            detail = f"the published log leads to it, and the ledger's own tree parts at event {self._rewritten}"
            self._tell("head_contradicted", head, detail, self._rewritten)
            return False
        if head.note is not None and keys.signer(head.note) is None:
            self._findings.notes.append(
                f"{printable(head.place)}: no key of the log signed the head of {head.size} leaves; "
                "it was held by its size and root alone"
            )
        return True

    def _tell_unknown(self, head: KeptHead) -> None:
        what = f"{printable(head.place)}: the head of {head.size} leaves was not held against the log"
        self._findings.unasked(f"{what}, whose root at that size cannot be recomputed")

    def _tell(self, kind: str, head: KeptHead, detail: str, seq: int | None) -> None:
        place = printable(head.place)
        self._findings.add(kind, f"{place}: the head that was kept has {head.size} leaves, and {detail}", seq, place)


def _signed(head: KeptHead, keys: LogKeys) -> str:
    """What the signature on *head* says of who made it."""
    if head.note is None:
        return "it was given without a signature"
    key = keys.signer(head.note)
    return "no key of the log signed it" if key is None else f"{printable(str(key), 300)} signed it"
