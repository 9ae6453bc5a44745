"""How items are shared out in batches, and what becomes of what helpers leave, lose or are too slow for."""

from __future__ import annotations

import threading
from dataclasses import replace
from itertools import pairwise

import pytest

from archiver.domain.records import Outline
from archiver.domain.verdict import Judgement
from archiver.errors import HelperLostError, StoppedError
from archiver.render.progress import SilentProgress
from archiver.work.crew import MOST, Crew
from archiver.work.inspect_batch import SMALL_BYTES, Answer, Batch, Judged, Unread, batches
from archiver.work.throttle import Throttle

NOTHING = Judgement((), (), (), ())


def outcome(item: str) -> Judged:
    return Judged(item, f"prefix of {item}", NOTHING, None, 10, None)


def here(batch: Batch) -> Answer:
    return Answer(tuple(outcome(item) for item in batch.ids))


def there(batch: Batch) -> Answer:
    """What a helper says of it: of larger items."""
    return Answer(tuple(replace(outcome(item), size=11) for item in batch.ids))


class Helper:
    """Answers what it is given; raises it where it is an error."""

    def __init__(self, *answers, ready=True):
        self.answers = list(answers)
        self.ready = ready
        self.asked = []
        self.closed = False

    def is_ready(self):
        return self.ready

    def ask(self, question):
        assert not self.closed
        self.asked.append(question)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self):
        self.closed = True


def crew_of(*helpers, threads=2, inspect=here, per_second=None):
    waiting = list(helpers)

    def start():
        if not waiting:
            raise HelperLostError("no more")
        return waiting.pop(0)

    crew = Crew(inspect, start, threads, SilentProgress(), Throttle(per_second, threading.Event()))
    crew.gather()
    return crew


BATCH = Batch(("a", "b", "c"), 30)


def test_a_helper_answers():
    helper = Helper(there(BATCH))
    assert crew_of(helper).inspect(BATCH) == there(BATCH)
    assert helper.asked == [BATCH]


@pytest.mark.parametrize("batch", [Batch(("a",), 1 << 30, large=True), Batch(("a",), 1, first=True)])
def test_what_is_large_or_first_is_inspected_here(batch):
    helper = Helper()
    assert crew_of(helper).inspect(batch) == here(batch)
    assert not helper.asked


def test_nobody_waits_for_a_helper_that_is_not_ready():
    helper = Helper(there(BATCH), ready=False)
    crew = crew_of(helper)
    assert crew.inspect(BATCH) == here(BATCH)
    helper.ready = True
    assert crew.inspect(BATCH) == there(BATCH)


@pytest.mark.parametrize(
    "answer",
    [
        "something else",
        None,
        Answer(()),
        Answer((outcome("a"), outcome("b"))),
        Answer((outcome("a"), outcome("b"), outcome("b"))),
        Answer((outcome("a"), outcome("b"), outcome("c"), outcome("d"))),
        Answer((outcome("a"), outcome("b")), None, ("d",)),
        Answer((outcome("d"),), "max_time"),
    ],
)
def test_what_is_no_answer_to_what_was_asked_is_inspected_here(answer):
    helper = Helper(answer, there(BATCH))
    crew = crew_of(helper)
    assert crew.inspect(BATCH) == here(BATCH)
    assert crew.inspect(BATCH) == here(BATCH)
    assert len(helper.asked) == 1, "it is not asked again"


def test_an_answer_that_came_to_an_end_tells_of_those_before():
    crew = crew_of(Helper(Answer((outcome("a"),), "max_time")))
    assert crew.inspect(BATCH) == Answer((outcome("a"),), "max_time")


def test_what_a_helper_takes_with_it_when_it_dies_is_inspected_here():
    helper = Helper(HelperLostError("killed"))
    crew = crew_of(helper)
    assert crew.inspect(BATCH) == here(BATCH)
    assert crew.inspect(BATCH) == here(BATCH)
    assert len(helper.asked) == 1, "it is not asked again"
    crew.dismiss()
    assert helper.closed


def test_what_a_helper_leaves_is_inspected_here_and_stands_in_its_place():
    crew = crew_of(Helper(Answer((outcome("a"), Unread("c", "no row")), None, ("b",))))
    assert crew.inspect(BATCH).outcomes == (outcome("a"), outcome("b"), Unread("c", "no row"))


def test_a_stop_leaves_what_a_helper_is_at():
    assert crew_of(Helper(StoppedError("stop"))).inspect(BATCH) == Answer((), "signal")


def test_an_error_while_inspecting_here_is_not_hidden():
    def fails(_batch):
        raise OSError("ours")

    with pytest.raises(OSError, match="ours"):
        crew_of(Helper(HelperLostError("killed")), inspect=fails).inspect(BATCH)


def test_helpers_are_few_and_one_thread_has_none():
    made = [Helper() for _ in range(20)]
    for threads, expected in ((1, 0), (2, 2), (64, MOST)):
        crew = crew_of(*made, threads=threads)
        assert len(crew._all) == expected
        crew.dismiss()
    assert len(crew_of(Helper(), threads=3)._all) == 1, "what cannot be started is done without"


def outlines(*sizes, rows=1):
    return [Outline(str(number), size, rows) for number, size in enumerate(sizes)]


def batched(found, *, may=lambda _: True, most=None):
    return list(batches(found, may, None, most))


def test_batches_grow_and_hold_everything_once_and_in_order():
    made = batched(outlines(*[10] * 1000))
    assert [item for batch in made for item in batch.ids] == [str(number) for number in range(1000)]
    sizes = [len(batch.ids) for batch in made]
    assert sizes[:4] == [1, 1, 1, 1], "a few items are spread over all threads"
    assert max(sizes) == 64
    assert all(before <= after for before, after in pairwise(sizes[:-1]))
    assert [batch.first for batch in made] == [True] + [False] * (len(made) - 1)


def test_large_items_and_those_of_many_rows_are_alone():
    small = [10] * 100
    made = batched(outlines(*small, SMALL_BYTES + 1, 10, 10))
    assert [batch.ids for batch in made if batch.large] == [("100",)]
    made = batched([*outlines(*small), Outline("x", 1, 10**6), *outlines(*small)])
    assert ("x",) in [batch.ids for batch in made]


def test_a_limit_on_speed_makes_batches_small():
    made = batched(outlines(*[10] * 100), most=20)
    assert max(len(batch.ids) for batch in made) == 2
    assert not any(batch.large for batch in made)
    assert all(batch.large for batch in batched(outlines(21, 21), most=20))


def test_nothing_begins_behind_the_first_that_may_not():
    asked = []

    def may(one):
        asked.append(one.id)
        return len(asked) <= 10

    made = batched(outlines(*[10] * 100), may=may)
    assert [item for batch in made for item in batch.ids] == [str(number) for number in range(10)]
    assert asked == [str(number) for number in range(11)], "each is asked for once"


def test_bytes_that_helpers_read_count_before_they_are_read():
    class Waits(threading.Event):
        total = 0.0

        def wait(self, timeout=None):
            self.total += timeout or 0
            return False

    waits = Waits()
    helper = Helper(Answer(()), Answer(()))
    crew = Crew(here, lambda: helper, 2, SilentProgress(), Throttle(100, waits))
    crew.gather()
    crew.inspect(BATCH)
    assert waits.total == pytest.approx(0.3, abs=0.1)
