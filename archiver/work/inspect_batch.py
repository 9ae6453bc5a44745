"""Inspection of a few items at a time: what the ledger says of all of them is read at once. Records nothing."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from archiver.domain.limits import MIB
from archiver.domain.records import Outline, WholeItem
from archiver.domain.text import printable
from archiver.domain.verdict import Judgement, Verdict
from archiver.errors import ArchiverError, StoppedError
from archiver.ports import Ledger
from archiver.work.acquired import believed
from archiver.work.inspect import Inspection, Inspector, Round

_log = logging.getLogger(__name__)

SMALL_BYTES: Final = 8 * MIB
"""Bytes of all items of a batch; an item that has more is a batch alone."""

_ITEMS: Final = 64
_ROWS: Final = 2000
"""Rows that are read for a batch; an item that has more is a batch alone."""

_RAMP: Final = 4
"""A batch has no more than this part of what was begun before it: a few items are spread over all threads."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Items to inspect. ``size``: their bytes, by the ledger. ``large``: one item that takes long to read.

    ``until``: none is begun after this moment of the monotonic clock, which all processes share; but the item with
    which a pass begins, in the batch that is ``first``.
    """

    ids: tuple[str, ...]
    size: int
    large: bool = False
    first: bool = False
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """What is to be recorded of an item. ``prefix``: of it, to show. ``size``: bytes that were read.

    ``inspection``: all that was found, where there may be more to do than to record: always, unless it is verified
    and nothing was noticed.
    """

    id: str
    prefix: str
    judgement: Judgement
    key_sha256: str | None
    size: int
    inspection: Inspection | None


@dataclass(frozen=True, slots=True)
class Unread:
    """An item whose rows cannot be read, and why."""

    id: str
    trouble: str


@dataclass(frozen=True, slots=True)
class Broken:
    """An item at which this program itself failed, and how: it stays due, and the others are inspected."""

    id: str
    prefix: str
    trouble: str


Outcome = Judged | Unread | Broken


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a batch: outcomes in its order.

    ``ended``: why some were not begun, ``signal`` or ``max_time``. ``left``: items that another process must inspect.
    """

    outcomes: tuple[Outcome, ...]
    ended: str | None = None
    left: tuple[str, ...] = ()


class LeftError(Exception):
    """An item cannot be inspected with what is at hand in this process."""


def batches(
    outlines: Iterable[Outline], may_begin: Callable[[Outline], bool], until: float | None, most_bytes: int | None
) -> Iterator[Batch]:
    """*outlines* in batches, up to the first item that may not begin: *may_begin* is asked of each once, in order.

    *most_bytes*: of a batch of several items, where that is less than usual.
    """
    most = SMALL_BYTES if most_bytes is None else min(SMALL_BYTES, most_bytes)
    held: list[Outline] = []
    begun = size = rows = 0

    def batch() -> Batch:
        return Batch(tuple(one.id for one in held), size, size > most, begun == len(held), until)

    for one in outlines:
        full = len(held) >= max(1, min(_ITEMS, (begun - len(held)) // _RAMP))
        if held and (full or size + one.size > most or rows + one.rows > _ROWS):
            yield batch()
            held, size, rows = [], 0, 0
        if not may_begin(one):
            break
        held.append(one)
        begun, size, rows = begun + 1, size + one.size, rows + one.rows
    if held:
        yield batch()


def inspect_batch(ledger: Ledger, inspector: Inspector, batch: Batch) -> Answer:
    """Inspects the items of *batch*, one after the other. Raises LedgerError."""
    unread: dict[str, str] = {}
    items = {item.record.evidence.id: item for item in ledger.evidence.whole(batch.ids, unread.__setitem__)}
    outcomes: list[Outcome] = []
    left: list[str] = []
    ended = None
    around = Round()
    for number, item in enumerate(batch.ids):
        ended = _ended(inspector, batch, number)
        if ended:
            break
        if item not in items:
            outcomes.append(Unread(item, unread.get(item, f"ledger: there is no item {item} any more")))
            continue
        try:
            outcomes.append(judged(inspector.inspect(as_believed(ledger, items[item]), around)))
        except LeftError:
            left.append(item)
        except StoppedError:
            ended = "signal"
            break
        except ArchiverError:
            raise
        except Exception as error:
            _log.exception("inspection of %s failed unexpectedly", item)
            trouble = f"unexpected {type(error).__name__}: {printable(str(error), 400)}; it is inspected again"
            outcomes.append(Broken(item, items[item].record.evidence.prefix, trouble))
    return Answer(tuple(outcomes), ended, tuple(left))


def _ended(inspector: Inspector, batch: Batch, number: int) -> str | None:
    """Why item *number* of *batch* is not to be begun any more."""
    if inspector.should_stop():
        return "signal"
    is_late = batch.until is not None and time.monotonic() >= batch.until
    return "max_time" if is_late and not (batch.first and number == 0) else None


def as_believed(ledger: Ledger, item: WholeItem) -> WholeItem:
    """*item*, with the evidence that is to be believed where the ledger disagrees about it."""
    if not item.disagreements:
        return item
    return replace(item, record=believed(ledger, item.record), alone=False)


def judged(inspection: Inspection) -> Judged:
    """The outcome, with all of *inspection*."""
    key = inspection.key.key.sha256 if inspection.key else None
    evidence = inspection.record.evidence
    return Judged(evidence.id, evidence.prefix, inspection.judgement, key, inspection.size, inspection)


def shortened(answer: Answer) -> Answer:
    """*answer* without inspections, where nothing but recording is left to do after an audit."""
    return replace(answer, outcomes=tuple(map(_short, answer.outcomes)))


def _short(outcome: Outcome) -> Outcome:
    if not isinstance(outcome, Judged) or outcome.inspection is None:
        return outcome
    found, judgement = outcome.inspection, outcome.judgement
    to_do = found.altered or found.altered_keys or found.descriptions or found.strays or not found.ledger_agrees
    if to_do or judgement.findings or judgement.verdict is not Verdict.VERIFIED:
        return outcome
    return replace(outcome, inspection=None)
