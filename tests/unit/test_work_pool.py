"""Threads, budgets of bytes a second, and troubles: the small parts that passes are made of."""

from __future__ import annotations

import threading

import pytest

from archiver.domain.verdict import Verdict
from archiver.work.items import Tally, Trouble, Troubles
from archiver.work.pool import in_order
from archiver.work.throttle import Throttle


def test_results_come_in_order_and_few_are_on_the_way():
    taken = 0

    def items():
        nonlocal taken
        for number in range(500):
            taken = number + 1
            yield number

    for done, (number, future) in enumerate(in_order(3, lambda n: n * n, items(), "t")):
        assert (number, future.result()) == (done, done * done)
        assert taken - done <= 12, "four a thread"


def test_an_error_is_in_its_future_and_stops_no_other():
    def work(number):
        if number == 2:
            raise ValueError("two")
        return number

    outcomes = [future.exception() or future.result() for _, future in in_order(2, work, range(4), "t")]
    assert [str(outcome) for outcome in outcomes] == ["0", "1", "two", "3"]


def test_what_has_begun_is_waited_for_when_nobody_wants_more():
    begun, ended = [], []
    hold = threading.Event()

    def work(number):
        begun.append(number)
        hold.wait(10)
        ended.append(number)

    results = in_order(1, work, range(100), "t")
    threading.Timer(0.05, hold.set).start()
    next(results)
    results.close()
    assert begun == ended
    assert len(begun) <= 4


def test_an_error_while_listing_waits_for_what_has_begun():
    ended = []

    def items():
        yield 1
        yield 2
        raise OSError("listing")

    with pytest.raises(OSError, match="listing"):
        list(in_order(2, ended.append, items(), "t"))
    assert set(ended) <= {1, 2}


class Waits:
    """Stands in for the event that a throttle waits on: adds up what was waited."""

    def __init__(self):
        self.total = 0.0

    def wait(self, seconds):
        self.total = max(self.total, seconds)
        return False


def test_a_throttle_asks_for_as_much_time_as_the_rate_wants():
    waits = Waits()
    throttle = Throttle(1_000_000, waits)
    for _ in range(10):
        throttle.passed(500_000)
    assert 4.5 <= waits.total <= 5.0, "5 MB at 1 MB a second"


def test_no_limit_never_waits():
    waits = Waits()
    Throttle(None, waits).passed(10**12)
    assert waits.total == 0


def test_a_throttle_ends_with_the_work():
    stopping = threading.Event()
    stopping.set()
    Throttle(1, stopping).passed(10**9)


def test_troubles_beyond_the_most_are_counted_only():
    troubles, others = Troubles(most=3), Troubles(most=2)
    for number in range(5):
        others.add(Trouble("s", str(number), "m"))
    troubles.add(Trouble("s", "", "m"))
    troubles.extend(others)
    assert (len(troubles.kept), troubles.total) == (3, 6)


def test_a_tally_counts_by_verdict():
    tally = Tally()
    for verdict in (Verdict.VERIFIED, Verdict.VERIFIED, Verdict.FAILED, Verdict.INDETERMINATE):
        tally.count(verdict, 2)
    assert (tally.verified, tally.failed, tally.indeterminate, tally.size) == (2, 1, 1, 8)
