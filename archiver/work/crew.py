"""Other processes that inspect beside this one, where there is so much to do that they are worth starting.

Python runs one thread at a time: what reads and judges thousands of small items needs processes. These only look:
whatever is recorded, repaired or asked of AWS is so here, and so is what they leave, or take with them when they die.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

from archiver.audit_ports import Helper
from archiver.errors import HelperLostError, StoppedError
from archiver.ports import Progress
from archiver.work.inspect_batch import Answer, Batch, Judged
from archiver.work.throttle import Throttle

WORTH_IT: Final = 4000
"""Items that take as long as the processes need to start."""

MOST: Final = 3
"""Each takes some 40 MB, and what is recorded is recorded by one process."""


@dataclass
class Crew:
    """Inspects batches: with a helper that is free, else here. Safe from several threads.

    ``here``: inspects in this process. ``start``: makes a helper.
    """

    here: Callable[[Batch], Answer]
    start: Callable[[], Helper]
    threads: int
    progress: Progress
    throttle: Throttle
    _free: list[Helper] = field(default_factory=list)
    _all: list[Helper] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def gather(self) -> None:
        """Starts the helpers; they are there for batches once they are ready. One thread alone needs none."""
        if self.threads < 2:
            return
        try:
            for _ in range(min(self.threads, MOST)):
                helper = self.start()
                self._all.append(helper)
                self._free.append(helper)
        except HelperLostError:  # then it is done with those that there are, and here
            return

    def dismiss(self) -> None:
        """Ends the helpers, whatever they are at."""
        with self._lock:
            all_, self._all, self._free = self._all, [], []
        for helper in all_:
            helper.close()

    def inspect(self, batch: Batch) -> Answer:
        """What ``here`` would answer to *batch*."""
        helper = None if batch.large or batch.first else self._taken()
        if helper is None:
            return self.here(batch)
        try:
            self.throttle.passed(batch.size)
            answer = helper.ask(batch)
        except StoppedError:
            return Answer((), "signal")
        except HelperLostError:  # killed, or its medium or ledger failed: what it was at is found out here
            return self.here(batch)
        if not _answers(answer, batch):
            return self.here(batch)
        with self._lock:
            self._free.append(helper)
        return self._whole(batch, answer)

    def _taken(self) -> Helper | None:
        """A helper that is free and ready. One that cannot be asked any more is not taken again."""
        busy: list[Helper] = []
        found = None
        while found is None:
            with self._lock:
                if not self._free:
                    break
                helper = self._free.pop(0)
            with suppress(HelperLostError, StoppedError):
                if helper.is_ready():
                    found = helper
                else:
                    busy.append(helper)
        with self._lock:
            self._free += busy
        return found

    def _whole(self, batch: Batch, answer: Answer) -> Answer:
        """*answer*, with what was left to this process."""
        for outcome in answer.outcomes:
            if isinstance(outcome, Judged):
                self.progress.moved(outcome.size)
                self.progress.item(outcome.prefix)
        if not answer.left:
            return answer
        rest = self.here(replace(batch, ids=answer.left))
        place = {item: number for number, item in enumerate(batch.ids)}
        outcomes = sorted((*answer.outcomes, *rest.outcomes), key=lambda outcome: place[outcome.id])
        return Answer(tuple(outcomes), rest.ended or answer.ended)


def _answers(answer: object, batch: Batch) -> bool:
    """True where it is one to *batch*: of each of its items, unless it came to an end before."""
    if not isinstance(answer, Answer):
        return False
    told = [*(outcome.id for outcome in answer.outcomes), *answer.left]
    if answer.ended is not None:
        return len(told) == len(set(told)) and set(told) <= set(batch.ids)
    return sorted(told) == sorted(batch.ids)
