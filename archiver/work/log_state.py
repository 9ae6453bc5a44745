"""The log in a few figures, for ``status`` and reports: its keys and newest head, held against the configuration's.

Everything else is as the ledger has it, and not verified.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from archiver.domain.custody_log import CheckpointBegun, LogKeyAdopted
from archiver.domain.log_records import AdoptedKey, ClaimedKey, KeyStanding, LogState, LogTrust, StoredCheckpoint
from archiver.domain.times import parse_time
from archiver.errors import LedgerAlteredError, RowUnreadableError, UsageError
from archiver.log.checkpoint import Checkpoint, read_checkpoint
from archiver.log.leaf import leaf_of
from archiver.log.note import parse_key, signed_by
from archiver.log.tree import inclusion_proof, leaf_hash, root_from_inclusion, root_of
from archiver.log_ports import CustodyLog
from archiver.work.log_verified import last_verified

_RUNBOOK: Final = "docs/runbook.md: The ledger is lost or damaged"
_UNSIGNED: Final = "no key that the configuration names has signed it"


def log_state(log: CustodyLog, trust: LogTrust, at: int | None = None) -> LogState:
    """How the log stands now, for one who believes *trust*; *at*: how it stood when it had so many leaves.

    Raises LedgerError, UsageError where there is no signed head of *at* leaves.
    """
    size = log.size() if at is None else at
    try:
        root = root_of(size, log.hashes).hex()
    except LedgerAlteredError:  # for `ledger verify` to tell where
        root = None
    newest, trouble = newest_head(log)
    proven = verified_head(log, newest, trust.keys) if newest else None
    by = proven if isinstance(proven, Checkpoint) else None
    every: tuple[ClaimedKey, ...] = ()
    claimed: tuple[ClaimedKey, ...] = ()
    try:
        every = claimed_keys(log, trust, by)
        claimed = every if at is None else claimed_keys(log, trust, by, at)
    except RowUnreadableError as error:
        trouble = "; ".join(part for part in (trouble, f"{error} (what to do: {_RUNBOOK})") if part)
    head, verified = newest, proven
    if at is not None:
        head = head_at(log, at)
        adopted = [one.key for one in every if one.standing is KeyStanding.ADOPTED]  # earlier keys
        verified = verified_head(log, head, (*trust.keys, *adopted))
    trouble = "; ".join(part for part in (verified if isinstance(verified, str) else "", trouble) if part)
    return LogState(
        trust=trust,
        claimed=claimed,
        size=size,
        root=root,
        head=head,
        head_at=_begun_at(log, head) if head else None,
        head_trouble=trouble,
        head_compared=not (trust.unasked and verified == _UNSIGNED),
        head_root=_root_of(head) if head else None,
        verified=last_verified(log, at),
    )


def newest_head(log: CustodyLog) -> tuple[StoredCheckpoint | None, str]:
    """The newest head, and why there is none where its row cannot be read."""
    try:
        return log.latest_checkpoint(), ""
    except RowUnreadableError as error:
        return None, f"{error} (what to do: {_RUNBOOK})"


def head_at(log: CustodyLog, size: int) -> StoredCheckpoint:
    """The signed head of *size* leaves. Raises UsageError where there is none, LedgerError."""
    found = next(log.checkpoints(after=size - 1), None) if size > 0 else None
    if found is None or found.size != size:
        raise UsageError(f"there is no checkpoint of {size} leaves", "archiver status names the newest one.")
    return found


def _root_of(head: StoredCheckpoint) -> str | None:
    try:
        return read_checkpoint(head.note.encode("utf-8", "replace"))[0].root.hex()
    except ValueError:  # head_trouble says so
        return None


def verified_head(log: CustodyLog, head: StoredCheckpoint, trusted: Sequence[str]) -> Checkpoint | str:
    """What *head* says, if a key of *trusted* signed it and the ledger's tree leads to it; else why not, in words.

    Raises LedgerError.
    """
    try:
        checkpoint, note = read_checkpoint(head.note.encode("utf-8", "replace"))
    except ValueError as error:
        return f"it cannot be read: {error}"
    if checkpoint.size != head.size:
        return f"it stands in the place of one of {head.size} leaves"
    try:
        leads = checkpoint.size <= log.size() and root_of(checkpoint.size, log.hashes) == checkpoint.root
    except LedgerAlteredError as error:
        return f"the ledger's tree cannot be read: {error}"
    if not leads:
        return "the ledger's tree does not lead to it"
    own = [key for key in map(parse_key, trusted) if key.name == checkpoint.origin]
    signed = [signed_by(note, key) for key in own]
    return checkpoint if True in signed and False not in signed else _UNSIGNED


def claimed_keys(
    log: CustodyLog, trust: LogTrust, head: Checkpoint | None, before: int | None = None
) -> tuple[ClaimedKey, ...]:
    """The keys that the ledger calls the log's, oldest first, each with what speaks for it.

    *head*: the newest one, where it is verified. *before*: only those of events with a smaller number. Raises
    LedgerError.
    """
    adopted = [one for one in log.keys() if before is None or one.seq < before]  # noqa: SIM118 - no mapping
    return tuple(ClaimedKey(one.key, _standing(log, one, trust, head)) for one in adopted)


def _standing(log: CustodyLog, one: AdoptedKey, trust: LogTrust, head: Checkpoint | None) -> KeyStanding:
    if one.key in trust.keys:
        return KeyStanding.CONFIGURED
    if head is not None and _is_proven(log, one, head):
        return KeyStanding.ADOPTED
    return KeyStanding.NOT_COMPARED if trust.unasked else KeyStanding.NOT_CONFIGURED


def _is_proven(log: CustodyLog, one: AdoptedKey, head: Checkpoint) -> bool:
    """True if *head* proves an event that says what the row *one* does."""
    if not 0 <= one.seq < head.size:
        return False
    for seq, body in log.of_kind(LogKeyAdopted.kind, one.seq):
        if seq != one.seq:
            break
        try:
            if json.loads(body)["key"] != one.key:
                return False
            path = inclusion_proof(seq, head.size, log.hashes)
            return root_from_inclusion(leaf_hash(leaf_of(body.encode("utf-8"))), seq, head.size, path) == head.root
        except (ValueError, TypeError, LookupError, RecursionError, LedgerAlteredError):
            return False
    return False


def _begun_at(log: CustodyLog, head: StoredCheckpoint) -> datetime | None:
    """The time of the event that announced *head*, its last leaf."""
    for seq, body in log.of_kind(CheckpointBegun.kind, head.size - 1):
        if seq == head.size - 1:
            try:
                return parse_time(json.loads(body)["at"])
            except (ValueError, TypeError, LookupError, RecursionError):
                return None
        break
    return None
