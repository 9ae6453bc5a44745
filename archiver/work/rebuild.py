"""A ledger made anew from the published log, and what of it could not be: told, not hidden."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final

from archiver.domain.custody import Entry, EvidenceAcquired, KeyHarvested
from archiver.domain.custody_log import CheckpointAnchored, CheckpointBegun, LedgerRebuilt, LogKeyAdopted
from archiver.domain.custody_reading import entry_of
from archiver.domain.log_records import StoredCheckpoint
from archiver.errors import LedgerAlteredError, StoppedError
from archiver.log.leaf import body_sha256
from archiver.log.note import VerifierKey, parse_key
from archiver.log.tiles import WIDTH, checkpoint_path, entries_path
from archiver.log.tree import root_of
from archiver.log_ports import HeadMemory, LedgerDraft, PublishedLog
from archiver.ports import Clock, Progress, ShouldStop
from archiver.store_ports import Store
from archiver.work.published_history import REMEDY, Head, PublishedHistory, head_at, head_sizes, newest_head
from archiver.work.rebuild_archive import Folders
from archiver.work.rebuild_last import LastHead, held_against, last_heads, sizes_of
from archiver.work.rebuild_leftovers import beyond, tidy

_BATCH: Final = 500
"""Events of one transaction."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What was made (or would be), and what was not.

    ``events``: how many, which is the size of the head, with ``root`` (64 hex). ``warnings``: in words.
    ``lost_heads``: sizes of heads that an event announces, or somebody vouched for, and that are not there, or not
    good. ``missing``: (ID, path) of evidence whose folder is not in the archive; ``unknown``: folders in the archive
    that no event tells of; ``set_aside``: what lay in the log folder beyond the head; ``beyond``: up to which event
    tiles and entries go that lay there, 0 where none did. ``listed``: False where the archive could not be listed, so
    that nothing is known of the folders. ``last_heads``: the head signed last, and whether this continues it.
    """

    events: int
    root: str
    head: str
    evidence: int
    keys: int
    anchors: int
    checkpoints: int
    warnings: tuple[str, ...]
    lost_heads: tuple[int, ...]
    missing: tuple[tuple[str, str], ...]
    unknown: tuple[str, ...]
    set_aside: tuple[str, ...]
    beyond: int
    listed: bool
    last_heads: tuple[LastHead, ...] = ()

    @property
    def is_whole(self) -> bool:
        """True where all that the log tells of is there."""
        return not self.lost_heads and not self.missing and not self.beyond and self.continues

    @property
    def continues(self) -> bool:
        """True where the head signed last is continued, or none is kept."""
        return not any(one.trouble for one in self.last_heads)


@dataclass
class _Seen:
    """What the events told, on their way into the ledger."""

    evidence: int = 0
    anchors: int = 0
    keys: set[str] = field(default_factory=set)
    adopted: list[str] = field(default_factory=list)
    announced: set[int] = field(default_factory=set)
    bodies: set[str] = field(default_factory=set)

    def take(self, entry: Entry) -> None:
        match entry:
            case EvidenceAcquired():
                self.evidence += 1
            case KeyHarvested():
                self.keys.add(entry.sha256)
            case CheckpointAnchored():
                self.anchors += 1
            case LogKeyAdopted():
                self.adopted.append(entry.key)
            case CheckpointBegun() if entry.previous_size:
                self.announced.add(entry.previous_size)

    def log_keys(self) -> list[VerifierKey]:
        keys = []
        for text in dict.fromkeys(self.adopted):
            try:
                keys.append(parse_key(text))
            except ValueError:  # it signed nothing that anyone can check; `ledger verify` tells of it
                continue
        return keys


@dataclass(frozen=True)
class Rebuild:
    """Makes the ledger anew. ``check_absent`` raises UsageError where there is one; ``draft`` opens a new one.

    ``trusted``: verifier keys that the configuration names. ``memories``: where the head signed last is kept.
    """

    published: PublishedLog
    store: Store
    trusted: Sequence[str]
    check_absent: Callable[[], None]
    draft: Callable[[], AbstractContextManager[LedgerDraft]]
    clock: Clock
    should_stop: ShouldStop
    progress: Progress
    memories: Sequence[HeadMemory] = ()

    def run(self, *, dry: bool = False) -> Rebuilt:
        """Rebuilds, or with *dry* only reads and checks everything.

        Raises UsageError, BusyError, LedgerAlteredError where the published log is not what its head says, saying
        where, MediumError, LedgerError, StoreError, StoppedError; there is no ledger then.
        """
        self.check_absent()
        warnings: list[str] = []
        trusted = [parse_key(text) for text in self.trusted]
        head = newest_head(self.published, trusted, warnings.append)
        history = PublishedHistory(self.published, head.checkpoint)
        self.progress.begin("check the log")
        kept = last_heads(self.memories)
        last = held_against(kept, head.size, history.check(self._step, sizes_of(kept)))
        folders = Folders(self.store, self._stop)
        listed = folders.list(warnings.append)
        left = beyond(self.published, head.size)
        seen = _Seen()
        if dry:
            for _, entry, _ in self._events(history, seen):
                folders.take(entry)
            heads, lost = self._heads(head, seen, trusted, None)
            aside: Sequence[str] = ()
        else:
            with self.draft() as draft:
                self._replay(draft, history, head, seen, folders)
                heads, lost = self._heads(head, seen, trusted, draft)
                draft.add_checkpoints(heads)
                aside = tidy(self.published, self.store, history, head, heads[-1], seen.bodies, self.clock())
                draft.record(LedgerRebuilt(at=self.clock(), size=head.size, root=head.checkpoint.root.hex()))
                self._stop()
        return Rebuilt(
            events=head.size,
            root=head.checkpoint.root.hex(),
            head=head.path,
            evidence=seen.evidence,
            keys=len(seen.keys),
            anchors=seen.anchors,
            checkpoints=len(heads),
            warnings=tuple(warnings),
            lost_heads=tuple(sorted({*lost, *left.heads})),
            missing=tuple(folders.missing) if listed else (),
            unknown=tuple(folders.unknown()) if listed else (),
            set_aside=tuple(aside),
            beyond=left.events,
            listed=listed,
            last_heads=tuple(last),
        )

    def _stop(self) -> None:
        if self.should_stop():
            raise StoppedError("stopped; there is no new ledger")

    def _step(self, size: int) -> None:
        self.progress.moved(size)
        self._stop()

    def _replay(
        self, draft: LedgerDraft, history: PublishedHistory, head: Head, seen: _Seen, folders: Folders
    ) -> None:
        self.progress.begin("rebuild")
        batch: list[tuple[Entry, str]] = []
        for seq, entry, body in self._events(history, seen):
            folders.take(entry)
            batch.append((entry, body))
            if len(batch) == _BATCH or seq == head.size - 1:
                draft.add(batch)
                batch.clear()
        if draft.root() != head.checkpoint.root:
            raise LedgerAlteredError(
                f"{self.published.url}: its entries were changed while the ledger was made from them", REMEDY
            )

    def _events(self, history: PublishedHistory, seen: _Seen) -> Iterator[tuple[int, Entry, str]]:
        """(seq, entry, body) of every event, oldest first."""
        for first, leaves in history.bundles():
            self._stop()
            for seq, leaf in enumerate(leaves, first):
                body = history.body(seq, leaf)
                if body is not leaf:
                    seen.bodies.add(str(body_sha256(leaf)))
                entry = self._entry(seq, body)
                seen.take(entry)
                self.progress.item(entry.kind)
                yield seq, entry, body.decode("utf-8")
            self.progress.moved(sum(map(len, leaves)))

    def _entry(self, seq: int, body: bytes) -> Entry:
        try:
            return entry_of(json.loads(body))[0]
        except (ValueError, RecursionError) as error:
            raise LedgerAlteredError(
                f"{self.published.url}: {entries_path(seq // WIDTH)}: event {seq} is signed, and none that this"
                f" version records: {error}",
                "a later version of archiver may have written it: install that one",
            ) from error

    def _heads(
        self, head: Head, seen: _Seen, trusted: Sequence[VerifierKey], draft: LedgerDraft | None
    ) -> tuple[list[StoredCheckpoint], list[int]]:
        """The heads up to *head* that are good, smallest first; and sizes of those that should be and are not."""
        keys = list({str(key): key for key in (*trusted, *seen.log_keys())}.values())
        good = {head.size: head.stored(keys)}
        for size in head_sizes(self.published):
            if size >= head.size:
                continue
            self._stop()
            found = head_at(self.published, checkpoint_path(size))
            if not isinstance(found, Head) or not found.signed_with(keys):
                seen.announced.add(size)
            elif draft is None or root_of(size, draft.hashes) == found.checkpoint.root:
                good[size] = found.stored(keys)
            else:
                seen.announced.add(size)
        lost = sorted(size for size in seen.announced - set(good) if size <= head.size)
        return [good[size] for size in sorted(good)], lost
