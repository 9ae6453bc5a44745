"""The mark of a checkpoint that is being made, for ``ledger verify``: is it one that an interrupted run left?

It excuses what is not there yet. Whoever takes a signed head away could plant it, so it excuses no more than the one
head that was announced last, and nothing where it does not say what a run would have written.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from archiver.domain.custody_log import CheckpointBegun
from archiver.domain.text import printable
from archiver.errors import MediumError
from archiver.log.names import UNFINISHED
from archiver.log_ports import CustodyLog, PublishedLog
from archiver.work.log_verify_keys import LogKeys
from archiver.work.log_verify_report import Findings
from archiver.work.log_verify_rows import Heads

_NUMBER: Final = re.compile(rb"(0|[1-9][0-9]{0,17})\n", re.ASCII)


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A checkpoint that was interrupted. ``base``: leaves of the head that it continues, None where nobody can tell.

    ``size``: leaves of the head that it announced, None where it had not come to that.
    """

    base: int | None
    size: int | None

    def excuses(self, size: int) -> bool:
        """True if the head of *size* leaves need not be everywhere yet."""
        return self.base is None or size == self.size


class _PlantedError(Exception):
    """No run left that mark; the message says why."""


def unfinished(
    log: CustodyLog, published: PublishedLog | None, heads: Heads, keys: LogKeys, findings: Findings
) -> Unfinished | None:
    """What was interrupted, None where nothing was; a mark that no run left is told. Raises LedgerError.

    *heads*: gathered.
    """
    if published is None:
        return Unfinished(None, None)
    try:
        data = published.read(UNFINISHED)
    except MediumError as error:
        findings.add("published_altered", printable(str(error)), None, UNFINISHED)
        return None
    if data is None:
        return None
    try:
        found = _told_by(data, log, heads, keys)
    except _PlantedError as error:
        detail = f"{UNFINISHED}: no interrupted checkpoint left this: {error}"
        findings.add("published_altered", detail, None, UNFINISHED)
        return None
    begun = "had not got beyond its mark" if found.size is None else f"announced the head of {found.size} leaves"
    findings.notes.append(f"an interrupted checkpoint, which {begun}: the next one finishes it")
    return found


def _told_by(data: bytes, log: CustodyLog, heads: Heads, keys: LogKeys) -> Unfinished:
    match = _NUMBER.fullmatch(data)
    if match is None:
        raise _PlantedError(f"it holds {printable(repr(data[:40]), 80)}, and no number of leaves")
    base = int(match[1])
    if base and heads.signed(base, keys) is None:
        raise _PlantedError(f"it names a head of {base} leaves, and there is none")
    size = _announced(log, base)
    for other in heads.sizes:
        if other > base and other != size and heads.signed(other, keys) is not None:
            raise _PlantedError(f"it names the head of {base} leaves as the newest, and there is one of {other}")
    if size is not None and next(log.anchors(size), None) is not None:
        raise _PlantedError(f"the head of {size} leaves was finished, for somebody vouched for it")
    return Unfinished(base, size)


def _announced(log: CustodyLog, base: int) -> int | None:
    """Leaves of the head that was announced last after the one of *base* leaves; None where none was."""
    size = None
    for seq, body in log.of_kind(CheckpointBegun.kind, base):
        size, before = seq + 1, _previous(body)
        if before not in (None, base):
            raise _PlantedError(f"event {seq} continued the head of {before} leaves, and not that of {base}")
    return size


def _previous(body: str) -> int | None:
    """The size of the head before, as an announcement has it; None where it cannot be read, which others tell."""
    try:
        said: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    size = said.get("previous_size") if isinstance(said, dict) else None
    return size if type(size) is int else None
