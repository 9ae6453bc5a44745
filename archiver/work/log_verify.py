"""``ledger verify``: the whole log, ledger and published files, held against what was signed. Records nothing.

In this order: which keys and heads there are; what the newest believable head proves of the published tiles; then one
walk over all events, in which leaves, tree, tiles, entries and heads are held against each other, while every row of
the other tables is looked at beside it; then keys, anchors, and files that nothing accounts for. Whatever is found is
told at once, and stops nothing.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final

from archiver.errors import BusyError, LedgerError, MediumError, StoppedError
from archiver.log.checkpoint import Checkpoint
from archiver.log.names import CHECKPOINT, CHECKPOINTS, LOCK, UNFINISHED, VKEYS
from archiver.log.tiles import checkpoint_path
from archiver.log_ports import Anchorer, HeadMemory, PublishedLog, RowCheck, Tell
from archiver.ports import Clock, Ledger, Progress, ShouldStop
from archiver.work.log_verify_anchors import AnchorCheck
from archiver.work.log_verify_causes import Causes
from archiver.work.log_verify_files import ANCHORS, BODIES, BodyCheck, Paths, check_added
from archiver.work.log_verify_heads import HeadCheck
from archiver.work.log_verify_kept import KeptCheck, KeptHead
from archiver.work.log_verify_keys import LogKeys, keys_of
from archiver.work.log_verify_last import check_last
from archiver.work.log_verify_newest import NewestCheck
from archiver.work.log_verify_report import Findings, LogReport, is_in_the_way
from archiver.work.log_verify_rows import TABLE, Heads
from archiver.work.log_verify_tiles import PublishedTiles
from archiver.work.log_verify_tree import RootAt, TreeCheck
from archiver.work.log_verify_unfinished import Unfinished, unfinished

LOCK_SECONDS: Final = 60.0
"""How long somebody who makes a checkpoint is waited for."""

_POLL_SECONDS: Final = 0.2

_TILES: Final = "tile"

_SEARCH_AFTER: Final = 50_000
"""Objects more than before; Python's own number makes the walk a sixth longer."""

_NOTHING: Final[dict[str, Any]] = {
    "size": 0,
    "root": None,
    "events_checked": 0,
    "rows_checked": 0,
    "keys": 0,
    "checkpoints": 0,
    "anchors": 0,
    "anchors_unchecked": 0,
    "heads_held": (),
    "signer_checked": False,
}
"""What is counted where there are no events to go through."""


@dataclass
class LogVerifier:
    """The use case. ``configured``: the signer's own verifier key, which the log's newest must be; None where it
    cannot be had, and ``distrust`` says why. ``trusted``: other keys that the world outside vouches for. ``kept``:
    heads that a reader kept, to which the log must lead.
    """

    ledger: Ledger
    published: PublishedLog
    trusted: Sequence[str]
    anchorers: Sequence[Anchorer]
    clock: Clock
    progress: Progress
    should_stop: ShouldStop
    configured: str | None = None
    distrust: str = "no signing key is configured"
    memories: Sequence[HeadMemory] = ()
    kept: Sequence[KeptHead] = ()

    def run(self, online: bool, tell: Tell = lambda _problem: None) -> LogReport:
        """Verifies everything; *tell* hears of each problem at once. *online*: those who anchor are asked, too.

        Raises LedgerError where the ledger cannot be reached, StoppedError.
        """
        began = time.monotonic()
        findings = Findings(tell)
        self.progress.begin("ledger verify")
        causes = Causes(findings)
        with _rare_searches():
            counts = self._all(online, findings, causes)
        return LogReport(
            problems=causes.marked(findings.problems),
            problem_count=findings.count,
            failed=findings.failed,
            unreached=findings.unreached,
            notes=tuple(findings.notes),
            suspects=causes.leaves_of,
            seconds=time.monotonic() - began,
            **counts,
        )

    def _all(self, online: bool, findings: Findings, causes: Causes) -> dict[str, Any]:
        """Everything; answers what the report counts."""
        with ExitStack() as stack:
            with self._undisturbed(findings) as published:
                with findings.section("guards"):
                    self._guards(findings)
                walk = _Walk(self, published, findings, causes)
                try:
                    size = self.ledger.log.size()  # after the heads were read, which others may go on making
                except LedgerError as error:
                    if not findings.failed:
                        raise
                    findings.unread(error)  # a table is gone, and has been told of
                    return _NOTHING
                self.progress.begin("ledger verify", size)
                stack.enter_context(findings.section("rows"))
                rows = self._row_check(stack, size, findings)
                root = walk.run(size)
                anchors = walk.anchors()
                walk.added()
                with findings.section("last head"):
                    check_last(self.memories, self.ledger.log, walk.tree.size, walk.keys, findings)
                held = walk.kept.finish(walk.tree.size, walk.keys, complete=walk.complete)
            if online:  # nobody waits for the lock while others are asked
                anchors.ask(walk.tree.size, self.should_stop)
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
            "heads_held": held,
            "signer_checked": walk.signer_checked,
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
                if is_in_the_way(error):
                    findings.add("published_altered", str(error), None, "log")
                else:
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
        with findings.section("rows"):
            return stack.enter_context(self.ledger.log.check_rows(size))
        return None

    def _finish(self, rows: RowCheck | None, findings: Findings) -> int:
        self.progress.item("rows of the tables", 0)
        with findings.section("rows"):
            return rows.finish(findings) if rows is not None else 0
        return 0

    def _guards(self, findings: Findings) -> None:
        try:
            for problem in self.ledger.log.guards():
                findings(problem)
            for table, number in self.ledger.log.strays():
                if table == TABLE:
                    detail = f"{table} has a row for {number} leaves, and no checkpoint is of fewer than 1"
                    findings.add("checkpoint_added", detail, number - 1, table)
                else:
                    findings.add("event_added", f"event {number}: no log has a number below 0", number)
        except LedgerError as error:
            findings.unread(error)


class _Walk:
    """One verification on its way. *published*: None where it is not looked at.

    ``complete``: the walk came to its end; ``signer_checked``: see ``LogReport``.
    """

    def __init__(
        self, verifier: LogVerifier, published: PublishedLog | None, findings: Findings, causes: Causes
    ) -> None:
        self._verifier = verifier
        self._log = verifier.ledger.log
        self._findings = findings
        self._causes = causes
        self._paths = Paths()
        self._published = published
        self.keys = LogKeys((), ())
        with findings.section("keys"):
            self.keys = keys_of(self._log, published, verifier.trusted, verifier.configured, findings)
        self._heads = rows = Heads(self._log, published, findings)
        self._head: Checkpoint | None = None
        with findings.section("heads"):
            rows.gather()
            newest = rows.newest(self.keys)
            self._head = newest[0] if newest else None
        self._unfinished: Unfinished | None = None
        with findings.section("heads"):
            self._unfinished = unfinished(self._log, published, rows, self.keys, findings)
        if published is not None and self._head is not None and next(published.files(), None) is None:
            detail = f"nothing is there, though a head of {self._head.size} leaves was signed and published"
            findings.add("published_missing", f"{published.url}: {detail}", None, "log")
            self._published = rows.published = published = None
        self._tiles = PublishedTiles(published, self._head.size if self._head else 0, findings)
        self._bodies = BodyCheck(published, self._head.size if self._head else 0, findings)
        self.heads = HeadCheck(rows, self.keys, self._unfinished, findings)
        self.kept = KeptCheck(verifier.kept, findings)
        self.complete = self.signer_checked = False
        self.tree = TreeCheck(self._tiles, (self._head.size, self._head.root) if self._head else None, self, findings)

    def run(self, size: int) -> bytes | None:
        """Walks over all events; the root of the tree, None where it is not known. Raises StoppedError."""
        if self._published is not None:
            with self._findings.section("published files"):
                self._take_stock(self._published, size)
        self.complete = self._walk(size)
        if self.complete:
            with self._findings.section("heads"):
                self.heads.finish(self.tree.size)
                self._check_newest()
            with self._findings.section("published files"):
                self._tiles.finish(self.heads.announced)
        with self._findings.section("keys"):
            self._judge_keys()
        return self.tree.root()

    def _take_stock(self, published: PublishedLog, size: int) -> None:
        try:
            most = self._unfinished.size if self._unfinished else None
            self._tiles.list(published.files(_TILES), self._heads.sizes, min(size, most or 0))
        except MediumError as error:
            self._findings.blocked(error, _TILES)
        self._prove()

    def _walk(self, size: int) -> bool:
        """True if the walk came to its end."""
        with self._findings.section("events"):
            try:
                self.tree.run(self._log.pages(0, size), self._verifier.progress, self._verifier.should_stop)
            except LedgerError as error:
                self._findings.unread(error, "custody_events")
                return False
            if self.tree.far:
                detail = f"event {size - 1}: a number far beyond the log's {self.tree.size} events"
                self._findings.add("event_added", detail, size - 1)
            return True
        return False

    def _check_newest(self) -> None:
        if self._published is not None:
            NewestCheck(
                self._log,
                self._published,
                self._verifier.anchorers,
                self._heads,
                self.keys,
                self.heads,
                self._unfinished,
                self._findings,
            ).run(self.tree.size)

    def _judge_keys(self) -> None:
        keys, findings = self.keys, self._findings
        if keys.configured is None and not keys.trusted:
            findings.unasked(f"who signed the log was not checked: {self._verifier.distrust}")
        else:
            self.signer_checked = True
            if keys.configured is None:
                findings.notes.append(
                    "the log's newest key was held against those that are trusted, not against the configured one: "
                    f"{self._verifier.distrust}"
                )
            keys.judge(bool(self._heads.sizes), findings)
        keys.check_list(self._head.size if self._head else 0, findings)
        if self._published is not None and self._head is not None and not keys.is_listed:
            findings.add("published_missing", f"{VKEYS}: the list of the log's keys is not there", None, VKEYS)

    def leaves(self, first: int, leaves: Sequence[bytes | None], joined: bytes) -> None:
        """See ``log_verify_tree.Watcher``."""
        with self._findings.section("heads"):
            self.heads.leaves(first, leaves, joined)
        with self._findings.section("published files"):
            self._bodies.leaves(first, leaves, joined)
        self._causes.leaves(first, leaves)
        self._verifier.progress.item("", len(leaves))

    def judge(self, first: int, last: int, root_at: RootAt, rewritten: int | None) -> None:
        """See ``log_verify_tree.Watcher``."""
        with self._findings.section("heads"):
            self.heads.judge(first, last, root_at, rewritten)
        self.kept.judge(first, last, root_at, rewritten)

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

    def anchors(self) -> AnchorCheck:
        """Looks at what others vouch for. Raises StoppedError."""
        verifier = self._verifier
        check = AnchorCheck(self._log, self._published, verifier.anchorers, self.keys, self._note_at, self._findings)
        with self._findings.section("anchors"):
            check.run(self._paths, verifier.clock(), verifier.should_stop)
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

        def accounted(path: str) -> bool:
            folder = path.partition("/")[0]
            return (
                folder in (_TILES, CHECKPOINTS)  # looked at before
                or path in (CHECKPOINT, VKEYS, UNFINISHED)
                or path in self._paths
                or path in self._bodies.paths
                or (behind and folder in (ANCHORS, BODIES))  # of events that this ledger has not
            )

        with self._findings.section("added files"):
            for anchorer in self._verifier.anchorers:  # who publishes the proof first, and records it then
                self._paths.add(anchorer.path(newest))
            check_added(self._published, accounted, self._findings)


@contextmanager
def _rare_searches() -> Iterator[None]:
    """Inside, Python seldom looks for what goes in circles: among millions of bodies nothing does."""
    before = gc.get_threshold()
    gc.set_threshold(_SEARCH_AFTER, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
