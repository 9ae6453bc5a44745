"""``ledger verify``: the whole log, ledger and published files, held against what was signed. Records nothing.

In this order: which keys and heads there are; what the newest believable head proves of the published tiles; then one
walk over all events, in which leaves, tree, tiles, entries and heads are held against each other, while every row of
the other tables is looked at beside it; then keys, anchors, and files that nothing accounts for. Whatever is found is
told at once, and stops nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final

from archiver.domain.text import printable
from archiver.errors import BusyError, LedgerError, MediumError, StoppedError
from archiver.log.checkpoint import Checkpoint
from archiver.log.tiles import checkpoint_path, index_path
from archiver.log_ports import Anchorer, PublishedLog, RowCheck, Tell
from archiver.ports import Clock, Ledger, Progress, ShouldStop
from archiver.work.log_verify_anchors import AnchorCheck
from archiver.work.log_verify_files import ANCHORS, BODIES, UNFINISHED, BodyCheck, Paths, check_added
from archiver.work.log_verify_heads import HeadCheck
from archiver.work.log_verify_keys import VKEYS, LogKeys, keys_of
from archiver.work.log_verify_report import Findings, LogReport
from archiver.work.log_verify_rows import FOLDER, NEWEST, Heads
from archiver.work.log_verify_tiles import PublishedTiles
from archiver.work.log_verify_tree import RootAt, TreeCheck

LOCK: Final = "checkpoint"
"""Held meanwhile, so that no checkpoint is half made when it is looked at."""

LOCK_SECONDS: Final = 60.0
"""How long somebody who makes a checkpoint is waited for."""

_POLL_SECONDS: Final = 0.2

_TILES: Final = "tile"

_NOTHING: Final[dict[str, Any]] = {
    "size": 0,
    "root": None,
    "events_checked": 0,
    "rows_checked": 0,
    "keys": 0,
    "checkpoints": 0,
    "anchors": 0,
    "anchors_unchecked": 0,
}
"""What is counted where there are no events to go through."""


@dataclass
class LogVerifier:
    """The use case. ``trusted``: verifier keys that the world outside vouches for, the configured signer's too.

    ``distrust``: why there are none, where there are none.
    """

    ledger: Ledger
    published: PublishedLog
    trusted: Sequence[str]
    anchorers: Sequence[Anchorer]
    clock: Clock
    progress: Progress
    should_stop: ShouldStop
    distrust: str = ""

    def run(self, online: bool, tell: Tell = lambda _problem: None) -> LogReport:
        """Verifies everything; *tell* hears of each problem at once. *online*: those who anchor are asked, too.

        Raises LedgerError where the ledger cannot be reached, StoppedError.
        """
        began = time.monotonic()
        findings = Findings(tell)
        self.progress.begin("ledger verify")
        with self._undisturbed(findings) as published:
            counts = self._all(published, online, findings)
        return LogReport(
            problems=tuple(findings.problems),
            problem_count=findings.count,
            failed=findings.failed,
            unreached=findings.unreached,
            notes=tuple(findings.notes),
            seconds=time.monotonic() - began,
            **counts,
        )

    def _all(self, published: PublishedLog | None, online: bool, findings: Findings) -> dict[str, Any]:
        """Everything; answers what the report counts."""
        self._guards(findings)
        walk = _Walk(self, published, findings)
        try:
            size = self.ledger.log.size()  # after the heads were read, which others may go on making
        except LedgerError as error:
            if not findings.failed:
                raise
            findings.unread(error)  # a table is gone, and has been told of
            return _NOTHING
        with ExitStack() as stack:
            rows = self._row_check(stack, size, findings)
            root = walk.run(size)
            anchors = walk.anchors(online)
            walk.added()
            looked_at = self._finish(rows, findings)
        return {
            "size": walk.tree.size,
            "root": None if root is None else root.hex(),
            "events_checked": walk.tree.checked,
            "rows_checked": looked_at + walk.tree.rows + walk.heads.checked,
            "keys": len(walk.keys.keys),
            "checkpoints": walk.heads.checked,
            "anchors": anchors.checked,
            "anchors_unchecked": anchors.unchecked,
        }

    @contextmanager
    def _undisturbed(self, findings: Findings) -> Iterator[PublishedLog | None]:
        """The published log while nobody writes it; None where somebody does for too long, or it cannot be read."""
        with ExitStack() as stack:
            if not self._take(stack):
                findings.unasked("the published log was not checked: another process makes a checkpoint")
                yield None
                return
            try:
                next(self.published.files(), None)
            except MediumError as error:
                findings.unread(error, self.published.url)
                yield None
                return
            yield self.published

    def _take(self, stack: ExitStack) -> bool:
        until = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                stack.enter_context(self.ledger.locks.hold(LOCK, wait=False))
            except BusyError:
                if self.should_stop():
                    raise StoppedError("stopped before the ledger was verified") from None
                if time.monotonic() > until:
                    return False
                time.sleep(_POLL_SECONDS)
            else:
                return True

    def _row_check(self, stack: ExitStack, size: int, findings: Findings) -> RowCheck | None:
        try:
            return stack.enter_context(self.ledger.log.check_rows(size))
        except LedgerError as error:
            findings.unread(error)
            return None

    def _finish(self, rows: RowCheck | None, findings: Findings) -> int:
        try:
            return rows.finish(findings) if rows is not None else 0
        except LedgerError as error:
            findings.unread(error)
            return 0

    def _guards(self, findings: Findings) -> None:
        try:
            for problem in self.ledger.log.guards():
                findings(problem)
            for seq in self.ledger.log.strays():
                findings.add("event_added", f"event {seq}: no log has a number below 0", seq)
        except LedgerError as error:
            findings.unread(error)


class _Walk:
    """One verification on its way. *published*: None where it is not looked at."""

    def __init__(self, verifier: LogVerifier, published: PublishedLog | None, findings: Findings) -> None:
        self._verifier = verifier
        self._log = verifier.ledger.log
        self._findings = findings
        self._paths = Paths()
        self._published = published
        self._unfinished = self._is_unfinished()
        self.keys: LogKeys = keys_of(self._log, published, verifier.trusted, findings)
        rows = Heads(self._log, published, findings)
        try:
            rows.gather()
        except MediumError as error:
            findings.unread(error, FOLDER)
        self._heads = rows
        newest = rows.newest(self.keys)
        self._head: Checkpoint | None = newest[0] if newest else None
        if published is not None and self._head is not None and next(published.files(), None) is None:
            detail = f"nothing is there, though a head of {self._head.size} leaves was signed and published"
            findings.add("published_missing", f"{published.url}: {detail}", None, "log")
            self._published = rows.published = published = None
        self._tiles = PublishedTiles(published, self._head.size if self._head else 0, findings)
        self._bodies = BodyCheck(published, self._head.size if self._head else 0, findings)
        self.heads = HeadCheck(rows, self.keys, self._unfinished, findings)
        self.tree = TreeCheck(self._tiles, (self._head.size, self._head.root) if self._head else None, self, findings)

    def run(self, size: int) -> bytes | None:
        """Walks over all events; the root of the tree, None where it is not known. Raises StoppedError."""
        if self._published is not None:
            try:
                most = size if self._unfinished else 0
                self._tiles.list(self._published.files(_TILES), self._heads.sizes, most)
            except MediumError as error:
                self._findings.unread(error, _TILES)
            self._prove()
        try:
            self.tree.run(self._log.entries(0, size), self._verifier.progress, self._verifier.should_stop)
        except LedgerError as error:
            self._findings.unread(error, "custody_events")
        else:
            if self.tree.far:
                detail = f"event {size - 1}: a number far beyond the log's {self.tree.size} events"
                self._findings.add("event_added", detail, size - 1)
            self.heads.finish(self.tree.size)
        self._tiles.finish(self.heads.announced)
        if self.keys.trusted:
            self.keys.judge(self._findings)
        else:
            why = self._verifier.distrust or "no verifier key is configured or trusted"
            self._findings.unasked(f"who signed the log was not checked: {why}")
        self.keys.check_list(self._head.size if self._head else 0, self._findings)
        if self._published is not None and self._head is not None and self.keys.listed is None:
            self._findings.add("published_missing", f"{VKEYS}: the list of the log's keys is not there", None, VKEYS)
        return self.tree.root()

    def leaves(self, first: int, leaves: Sequence[bytes | None], joined: bytes) -> None:
        """See ``log_verify_tree.Watcher``."""
        self.heads.leaves(first, leaves, joined)
        self._bodies.leaves(first, leaves, joined)

    def judge(self, first: int, last: int, root_at: RootAt, rewritten: int | None) -> None:
        """See ``log_verify_tree.Watcher``."""
        self.heads.judge(first, last, root_at, rewritten)

    def _prove(self) -> None:
        """Finds the largest head to which the published tiles lead: what lies below is proven."""
        if self._head is None or self._tiles.prove(self._head.size, self._head.root):
            return
        sizes = self._heads.sizes
        low, high = 0, len(sizes)
        while low < high:  # whoever proves one head proves all before it
            middle = (low + high) // 2
            found = self._heads.signed(sizes[middle], self.keys)
            if found is not None and self._tiles.prove(found[0].size, found[0].root):
                low = middle + 1
            else:
                high = middle

    def anchors(self, online: bool) -> AnchorCheck:
        """Looks at what others vouch for. Raises StoppedError."""
        verifier = self._verifier
        check = AnchorCheck(self._log, self._published, verifier.anchorers, self.keys, self._note_at, self._findings)
        check.run(self._paths, verifier.clock(), verifier.should_stop)
        if online:
            check.ask(self.tree.size, verifier.should_stop)
        return check

    def _note_at(self, size: int) -> str | None:
        row = self._heads.row(size)
        file = self._heads.file(checkpoint_path(size)) if row is None else None
        return row if file is None else file.decode("utf-8", "replace")

    def added(self) -> None:
        """Tells files that nothing accounts for."""
        if self._published is None:
            return
        newest = self._head.size if self._head else 0
        behind = newest > self.tree.size
        # whoever anchors publishes the proof first, and records it then
        fresh = f"{ANCHORS}/{index_path(newest)}/"

        def accounted(path: str) -> bool:
            folder = path.partition("/")[0]
            return (
                folder in (_TILES, FOLDER)  # looked at before
                or path in (NEWEST, VKEYS, UNFINISHED)
                or path in self._paths
                or path in self._bodies.paths
                or path.startswith(fresh)
                or (behind and folder in (ANCHORS, BODIES))  # of events that this ledger has not
            )

        try:
            check_added(self._published, accounted, self._findings)
        except MediumError as error:
            self._findings.unread(error, self._published.url)

    def _is_unfinished(self) -> bool:
        """True where a run left word that it did not end, or where nobody can tell."""
        try:
            return self._published is None or self._published.read(UNFINISHED) is not None
        except MediumError as error:
            self._findings.add("published_altered", printable(str(error)), None, UNFINISHED)
            return False
