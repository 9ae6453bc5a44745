"""Anchoring: the newest checkpoint is vouched for by everybody off this host who is configured for it.

Each anchor is asked for, its proof published, and then recorded: a proof without an event is adopted by the next run,
and no event is without its proof. Who cannot be reached stops nobody else.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from archiver.domain.custody_log import CheckpointAnchored
from archiver.domain.custody_upkeep import AlertRaised
from archiver.domain.log_records import StoredCheckpoint
from archiver.domain.text import printable
from archiver.domain.times import format_time, parse_time
from archiver.errors import AnchorError, AnchorForkedError, ArchiverError, MediumError, StoreConflictError
from archiver.log.anchors import TIMESTAMP, WITNESS, renewal_due
from archiver.log.names import CHECKPOINT, LOCK
from archiver.log.note import format_note, parse_note
from archiver.log.tree import consistency_proof
from archiver.log_ports import Anchorer, PublishedLog
from archiver.ports import Clock, Ledger

_REMINDED: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class AnchorResult:
    """What came of asking *name* (of *method*). ``proved_at``: the time that is proved; ``error``: why there is none.

    ``size``: leaves of the checkpoint.
    """

    method: str
    name: str
    size: int
    proved_at: datetime | None
    error: ArchiverError | None


@dataclass(frozen=True)
class Anchors:
    """The use case. ``renew_before``: how long before a certificate's end its time stamps are to be renewed."""

    ledger: Ledger
    published: PublishedLog
    anchorers: Sequence[Anchorer]
    clock: Clock
    renew_before: timedelta

    def run(self) -> list[AnchorResult]:
        """Has the newest checkpoint vouched for by everyone who has not yet: one result for each who was asked.

        Raises LedgerError, StoreError and MediumError where our own side fails; what was anchored before stands.
        """
        with self.ledger.locks.hold(LOCK):  # nobody makes a checkpoint meanwhile
            newest = self.ledger.log.latest_checkpoint()
            if newest is None:
                return []
            done = {(anchor.method, anchor.name) for anchor in self.ledger.log.anchors(newest.size)}
            results = [
                self._anchor(anchorer, newest)
                for anchorer in self.anchorers
                if not anchorer.retired and (anchorer.method, anchorer.name) not in done
            ]
            self._publish_cosignatures(newest)
            return results

    def due_for_renewal(self, now: datetime) -> bool:
        """True if a checkpoint should be made and stamped although nothing happened: see ``renewal_due``."""
        if not any(anchorer.method == TIMESTAMP and not anchorer.retired for anchorer in self.anchorers):
            return False
        return renewal_due(self.ledger.log.anchors(), now, self.renew_before)

    def _anchor(self, anchorer: Anchorer, newest: StoredCheckpoint) -> AnchorResult:
        path = anchorer.path(newest.size)
        try:
            proof = self.published.read(path)
            if proof is None:
                entry, proof = anchorer.anchor(newest.size, newest.note, self._prove)
                self.published.put(path, proof)
            else:
                entry = _adopted(anchorer, newest, path, proof)
        except (AnchorError, MediumError, StoreConflictError) as error:
            self._raise_alert(anchorer, newest, error)
            return AnchorResult(anchorer.method, anchorer.name, newest.size, None, error)
        self.ledger.journal.record([entry])
        return AnchorResult(anchorer.method, anchorer.name, newest.size, entry.proved_at, None)

    def _prove(self, old: int, new: int) -> Sequence[bytes]:
        return consistency_proof(old, new, self.ledger.log.hashes)

    def _publish_cosignatures(self, newest: StoredCheckpoint) -> None:
        """The published head gets the lines of all witnesses that cosigned it. Another head there is not touched."""
        current = self.published.read(CHECKPOINT)
        if current is None:
            return
        try:
            head, ours = parse_note(current), parse_note(newest.note.encode("utf-8"))
        except ValueError:  # not a note: for whoever verifies the log to tell
            return
        if head.text != ours.text:
            return
        lines = list(ours.signatures)
        for anchor in self.ledger.log.anchors(newest.size):
            proof = self.published.read(anchor.path) if anchor.method == WITNESS else None
            try:
                cosigned = parse_note(proof) if proof is not None else None
            except ValueError:
                continue
            if cosigned is not None and cosigned.text == ours.text:
                lines += [line for line in cosigned.signatures if line not in lines]
        whole = format_note(ours.text, lines).encode("utf-8")
        if whole != current:
            self.published.replace(CHECKPOINT, whole)

    def _raise_alert(self, anchorer: Anchorer, newest: StoredCheckpoint, error: ArchiverError) -> None:
        """An alert when somebody fails for the first time since the last success, and each day that it goes on."""
        now = self.clock()
        kind = "anchor_forked" if isinstance(error, AnchorForkedError) else "anchor_failed"
        start, size = 0, 0
        for anchor in self.ledger.log.anchors():
            if (anchor.method, anchor.name) == (anchorer.method, anchorer.name):
                start, size = anchor.seq + 1, anchor.size
        first = f"{kind}:{anchorer.method}:{anchorer.name}:{size}"
        since = self._raised_at(first, start)
        if since is None:
            cause, title = first, "cannot vouch for the log"
        elif now - since >= _REMINDED:
            cause, title = f"{first}:{now:%Y-%m-%d}", f"has not vouched for the log since {format_time(since)}"
        else:
            return
        who = f"{anchorer.method} {anchorer.name}"
        if kind == "anchor_forked":
            title = "holds another history of the log"
        text = [
            f"Checkpoint of {newest.size} leaves, {who}: {printable(str(error))}",
            f"The last checkpoint that it vouched for has {size} leaves." if size else "It never vouched for any.",
            *([error.remedy] if error.remedy else []),
            "It is asked again in the next run.",
        ]
        self.ledger.journal.record([AlertRaised(at=now, cause=cause, title=f"{who} {title}", text="\n".join(text))])

    def _raised_at(self, cause: str, start: int) -> datetime | None:
        """When the alert *cause* was raised, by the events from *start* on; None where it was not."""
        for _, body in self.ledger.log.of_kind(AlertRaised.kind, start):
            try:
                told = json.loads(body)
                if told["cause"] == cause:
                    return parse_time(told["at"])
            except (ValueError, KeyError, TypeError, RecursionError):  # for whoever verifies the log to tell
                continue
        return None


def _adopted(anchorer: Anchorer, newest: StoredCheckpoint, path: str, proof: bytes) -> CheckpointAnchored:
    """The entry for a proof that was published by a run that ended before it was recorded. Raises AnchorError."""
    try:
        return anchorer.read(newest.size, newest.note, proof)
    except AnchorError as error:
        raise AnchorError(
            f"{path} in the log folder is recorded by no event, and is no proof: {error}",
            "find out who put it there, and move it away: it is asked for anew then",
        ) from error
