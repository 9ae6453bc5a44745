"""Makes the log's signed heads and publishes them with the tree's files. docs/adr/0009 has the order of the steps.

Whatever ends a run, the next one does the rest: the event ``checkpoint_begun`` says which head was to be signed, and
Ed25519 signs the same text with the same bytes. Nothing is signed unless ledger and published log tell one history.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Final

from archiver.domain.custody_log import CheckpointAnchored, CheckpointBegun, LogKeyAdopted
from archiver.domain.log_records import AdoptedKey, StoredCheckpoint
from archiver.domain.records import Alert
from archiver.errors import LedgerError, LogForkedError, SigningError, UsageError
from archiver.log.checkpoint import Checkpoint, checkpoint_text
from archiver.log.names import CHECKPOINT, LOCK, UNFINISHED, VKEYS
from archiver.log.note import format_note, parse_key, signature_line
from archiver.log.tiles import checkpoint_path, superseded
from archiver.log.tree import EMPTY_ROOT
from archiver.log_ports import HeadMemory, PublishedLog, Signer
from archiver.ports import Clock, Ledger, ShouldStop
from archiver.work.checkpoint_accept import AcceptedHead, accept
from archiver.work.checkpoint_files import check_growth, is_older_list, publish_growth, put, vkeys_file
from archiver.work.checkpoint_heads import (
    MISSING,
    REMEDY,
    State,
    begun_after,
    check_heads,
    check_memories,
    check_tree,
    key_at,
    lost_heads,
    state_of,
)
from archiver.work.checkpoint_republish import Republished, Republisher, names_of

_MOST_OF_AN_ALERT: Final = 4000
_ABOUT_THE_LOG: Final = (CheckpointBegun.kind, CheckpointAnchored.kind)
"""Events that serve the log alone: they call for no head of their own."""

_ROTATE: Final = "bring a new key in with: archiver ledger rotate-key --to PLACE; or name the log's own key again"


class Checkpoints:
    """The heads of one ledger's log, published in one place, signed with one key. *origin*: the log's name."""

    def __init__(
        self,
        ledger: Ledger,
        published: PublishedLog,
        signer: Signer,
        origin: str,
        clock: Clock,
        should_stop: ShouldStop = lambda: False,
        memories: Sequence[HeadMemory] = (),
    ) -> None:
        """*memories*: where the last head is kept that was signed; nothing is signed that does not continue it."""
        self._ledger = ledger
        self._log = ledger.log
        self._published = published
        self._signer = signer
        self._origin = origin
        self._clock = clock
        self._should_stop = should_stop
        self._memories = memories

    def make(self, *, force: bool = False, wait: bool = True) -> StoredCheckpoint | None:
        """Signs and publishes the ledger's tree as it is now; None where nothing calls for it.

        First it finishes what an interrupted run began. *force*: also where nothing has happened. Raises
        LogForkedError (which it alerts to), SigningError, StoreError, MediumError, LedgerError, StoppedError; and
        BusyError where another process makes one and *wait* is False.
        """
        with self._held(wait):
            return self._made(force)

    def rotate(self, to: Signer, *, lost: bool) -> StoredCheckpoint | None:
        """From now on the log's key is *to*: its adoption is recorded, and a head covers it.

        That head is signed with the key before, too, unless that one is *lost*. Asked again it finishes what was
        interrupted; None where *to* is the log's key already. Raises as :meth:`make`.
        """
        with self._held():
            signers = [to] if lost else [self._signer, to]
            state, finished = self._settled(signers, leave=lost)
            new, newest = to.key, self._newest(state)
            if new == newest.key and newest.seq < state.base:
                return finished
            if new != newest.key and new in {key.key for key in state.keys}:
                raise SigningError(f"{new} was this log's key before", "take a new one: a key is adopted once")
            if not lost and self._signer.key != newest.key:
                raise self._not_the_key(newest)
            before = newest.before if new == newest.key else newest.key
            return self._next(
                state, signers, LogKeyAdopted(at=self._clock(), key=new, before=before, vouched=not lost)
            )

    def check_rotation(self, to: Signer | None, *, lost: bool) -> None:
        """Raises what :meth:`rotate` would, before anything is made for it; UsageError where a key is not *lost*.

        *to*: None where the key is still to be made.
        """
        with self._held():
            state, _ = self._looked_at(self._memories)
            newest = self._newest(state)
            if to is not None and to.key == newest.key:  # to be finished, if anything is left of it
                return
            if not lost and self._signer.key != newest.key:
                raise self._not_the_key(newest)
            if lost and self._is_at_hand() and self._signer.key == newest.key:
                raise UsageError(
                    f"the log's key {newest.key} is there and can be read: it is not lost",
                    "have it vouch for the new one: the same command without --lost",
                )
            root = state.row.checkpoint.root if state.row else EMPTY_ROOT
            check_growth(self._log, state.row_size, root, self._log.size(), self._should_stop)

    def accept_earlier(self, reason: str) -> Sequence[AcceptedHead]:
        """Goes on without the head that was signed last, to which nothing that is left leads; for *reason*.

        That is recorded, and the lost head is kept aside; signing is for :meth:`make`, or for :meth:`rotate` where
        the key is lost too. Raises UsageError where nothing is wrong, and as :meth:`make` where something else is.
        """
        with self._held():
            lost = lost_heads(self._log, self._memories)
            state, _ = self._looked_at(())
            if state.keys and self._is_at_hand() and self._signer.key != self._newest(state).key:
                raise self._not_the_key(self._newest(state))
            if lost:
                root = state.row.checkpoint.root if state.row else EMPTY_ROOT
                check_growth(self._log, state.row_size, root, self._log.size(), self._should_stop)
            return accept(lost, state.row, reason, self._ledger.journal, self._clock())

    def republish(self) -> Republished:
        """Publishes anew what is missing of the log's files, from the ledger, and finishes what was announced.

        What is there and differs stays, and is told and alerted to; nothing is signed then. A published head that the
        ledger lacks is a LogForkedError. Proofs of anchors are not in the ledger: they do not come back. Raises as
        :meth:`make`.
        """
        with self._held():
            found = state_of(self._log, self._published)
            newest = found.published if found.published_size >= found.row_size else found.row
            state = replace(found, published=newest, unfinished=None)
            check_heads(state, self._published.url)
            for head in (found.row, found.published):
                check_tree(self._log, head)
            check_memories(self._log, self._memories)
            job = Republisher(self._log, self._published, self._should_stop)
            if state.row:
                job.run(state.row_size)
                if found.published_size < found.row_size:
                    self._published.replace(CHECKPOINT, state.row.stored.note.encode("utf-8"))
                    job.restored += 1
                    self._clear(found.published_size, found.row_size)
            if job.differing:
                self._alert("log_differs", "files of the published log are not the ledger's", names_of(job.differing))
                return Republished(job.restored, tuple(job.differing))
            self._published.replace(UNFINISHED, f"{state.row_size}\n".encode())
            return Republished(job.restored, (), self._made(force=False))

    def _alert(self, kind: str, title: str, lines: Iterable[str]) -> None:
        """Tells a person, once a cause."""
        text = "\n".join(lines)
        cause = f"{kind}:{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()}"
        self._ledger.journal.record([], [Alert(cause, title, text[:_MOST_OF_AN_ALERT])])

    @contextmanager
    def _held(self, wait: bool = True) -> Iterator[None]:
        """The lock; and whoever forks the log is told of, once a cause."""
        with self._ledger.locks.hold(LOCK, wait):
            try:
                yield
            except LogForkedError as error:
                text = f"{error}\n{error.remedy}\nNothing is signed before this is settled."
                alert = Alert(f"log_forked:{error}", "the ledger and its published log contradict each other", text)
                with suppress(LedgerError):  # the disagreement is what is to be told
                    self._ledger.journal.record([], [alert])
                raise

    def _made(self, force: bool) -> StoredCheckpoint | None:
        state, finished = self._settled([self._signer])
        if state.keys and self._signer.key != self._newest(state).key:
            raise self._not_the_key(self._newest(state))
        if not force and not self._is_called_for(state.base):
            return finished
        first = None
        if not state.keys:
            first = LogKeyAdopted(at=self._clock(), key=self._signer.key, before=None, vouched=False)
        return self._next(state, [self._signer], first)

    def _is_called_for(self, base: int) -> bool:
        """True where events beyond *base* are about anything else than the log."""
        new = self._log.size() - base
        return new > sum(1 for kind in _ABOUT_THE_LOG for _ in self._log.of_kind(kind, base))

    def _newest(self, state: State) -> AdoptedKey:
        """The log's key, if it is called as the configuration calls the log."""
        if not state.keys:
            raise SigningError("the log has no key yet", "make its first checkpoint: archiver ledger checkpoint")
        newest = state.keys[-1]
        name = newest.key.partition("+")[0]
        if name != self._origin:
            raise SigningError(
                f"[custody] origin is {self._origin!r}, and the log is called {name!r} since its first key",
                f"set origin back to {name!r}: a log's name cannot be changed",
            )
        return newest

    def _not_the_key(self, newest: AdoptedKey) -> SigningError:
        return SigningError(
            f"[custody] signing_key is {self._signer.key}, and the log's key is {newest.key}", _ROTATE
        )

    def _is_at_hand(self) -> bool:
        """True if the key can be read."""
        try:
            return bool(self._signer.key)
        except SigningError:
            return False

    def _looked_at(self, memories: Sequence[HeadMemory]) -> tuple[State, int | None]:
        """How things stand, and the leaves of a head that was announced after the newest one.

        Raises LogForkedError where ledger, published log and *memories* tell different histories.
        """
        state = state_of(self._log, self._published)
        check_heads(state, self._published.url)
        for one in (state.row, state.published):
            check_tree(self._log, one)
        check_memories(self._log, memories)
        announced = begun_after(self._log, state.row_size)
        if state.unfinished is None and announced is not None:
            raise LogForkedError(
                f"event {announced - 1} announced a head of {announced} leaves, and there is none", MISSING
            )
        return state, announced

    def _settled(self, signers: Sequence[Signer], *, leave: bool = False) -> tuple[State, StoredCheckpoint | None]:
        """How things stand once what an earlier run began is done; and the head that this made.

        *leave*: a head that was announced and not signed stays unsigned, for its key is lost.
        """
        state, announced = self._looked_at(self._memories)
        if state.unfinished is None:
            return state, None
        head = state.row.stored if state.row and state.row_size > state.base else None
        if head is None and announced is not None and not leave:
            head = self._signed(state, announced, signers)
        if head is not None:
            self._finish(state, head)
        elif not leave:
            self._published.remove(UNFINISHED)
        return state_of(self._log, self._published), head

    def _next(self, state: State, signers: Sequence[Signer], adopted: LogKeyAdopted | None) -> StoredCheckpoint:
        """One more head. Everything is looked at before anything is written."""
        root = state.row.checkpoint.root if state.row else EMPTY_ROOT
        for signer in signers:
            _ = signer.key
        check_growth(self._log, state.base, root, self._log.size(), self._should_stop)
        self._published.replace(UNFINISHED, f"{state.base}\n".encode())
        begun = CheckpointBegun(at=self._clock(), previous_size=state.base, previous_root=root.hex())
        self._ledger.journal.record([begun] if adopted is None else [adopted, begun])
        size = begun_after(self._log, state.base)
        if size is None:
            raise LedgerError("the ledger has not kept what was recorded", "archiver doctor")
        stored = self._signed(state, size, signers)
        self._finish(state, stored)
        return stored

    def _signed(self, state: State, size: int, signers: Sequence[Signer]) -> StoredCheckpoint:
        """The head of *size* leaves, signed and in the ledger; the tree's files are published before."""
        keys = self._log.keys()
        own = [_signer_of(key, signers) for key in _to_sign(keys, state.base, size)]
        root = state.row.checkpoint.root if state.row else EMPTY_ROOT
        new_root = publish_growth(self._log, self._published, state.base, root, size, self._should_stop)
        if any(key.seq >= state.base for key in keys):
            self._publish_keys()
        text = checkpoint_text(Checkpoint(self._origin, size, new_root))
        lines = [signature_line(parse_key(signer.key), signer.sign(text.encode("utf-8"))) for signer in own]
        stored = StoredCheckpoint(size, format_note(text, lines))
        for memory in self._memories:
            memory.remember(stored.note)
        self._log.add_checkpoint(stored)
        return stored

    def _finish(self, state: State, head: StoredCheckpoint) -> None:
        """Publishes *head*, whose tree is published, and clears away what is not needed any more."""
        note = head.note.encode("utf-8")
        put(self._published, checkpoint_path(head.size), note)
        if state.published_size != head.size:
            self._published.replace(CHECKPOINT, note)
        self._clear(state.base, head.size)
        self._published.remove(UNFINISHED)

    def _clear(self, old: int, new: int) -> None:
        """Removes the partial tiles that full ones stand for by now."""
        paths = frozenset(superseded(old, new))
        for folder in sorted({path.rpartition("/")[0] for path in paths}):
            for path in list(self._published.files(folder)):
                if path in paths:
                    self._published.remove(path)

    def _publish_keys(self) -> None:
        """The list of the log's keys. One that is not ours is kept aside: it may be evidence."""
        adopted = self._log.keys()
        wanted = vkeys_file([key.key for key in adopted])
        there = self._published.read(VKEYS)
        if there is not None and not is_older_list(there, wanted):
            kept = self._published.keep_aside(VKEYS, self._clock())
            told = f"{VKEYS}: not the list that was published there. It is kept as {kept}, and replaced."
            self._alert("log_keys_altered", "the published list of the log's keys was altered", [told])
        if there != wanted:
            self._published.replace(VKEYS, wanted)


def _to_sign(keys: Sequence[AdoptedKey], base: int, size: int) -> list[str]:
    """The verifier keys whose signatures the head of *size* leaves needs that follows the one of *base* leaves."""
    adopted = {key.key: key for key in keys if base <= key.seq < size}
    vouching = [key.before for key in adopted.values() if key.vouched and key.before]
    own = key_at(keys, size)
    if own is None:
        raise LogForkedError("the ledger has no key for the head that was begun", REMEDY)
    return list(dict.fromkeys([*vouching, own]))


def _signer_of(key: str, signers: Sequence[Signer]) -> Signer:
    for signer in signers:
        if signer.key == key:
            return signer
    given = ", ".join(signer.key for signer in signers)
    raise SigningError(
        f"the checkpoint that was begun takes a signature of {key}, and the key at hand is {given}",
        "if a change of keys was interrupted, repeat it with the key before configured: archiver ledger rotate-key",
    )
