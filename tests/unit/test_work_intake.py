"""Deliveries on their way in, side by side: none waits for others that take long."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from archiver.domain.delivery import Delivery, SourceObject
from archiver.errors import SourceError
from archiver.work.intake import Intake, IntakeResult, Tools


class Acquirer:
    """Fetches what is called short at once, and what is called long once it is let; archives nothing."""

    def __init__(self) -> None:
        self.let, self.archived = threading.Event(), threading.Event()

    def fetch(self, task: Any) -> Any:
        if "long" in task.delivery.prefix:
            assert self.let.wait(30)
        return SimpleNamespace(task=task)

    def archive(self, fetched: list[Any]) -> list[Exception]:
        if any("short" in one.task.delivery.prefix for one in fetched):
            self.archived.set()
        return [SourceError(f"{one.task.delivery.prefix} was here") for one in fetched]


def delivery(name: str) -> Delivery:
    return Delivery(f"{name}/", (SourceObject(f"{name}/result_sign.json", 2, "e"),))


def ready(acquirer: Any, threads: int = 8) -> tuple[Intake, IntakeResult, Any]:
    ledger: Any = SimpleNamespace(
        deliveries=SimpleNamespace(known=lambda *_: {}), evidence=None, journal=SimpleNamespace(record=print)
    )
    result = IntakeResult()
    tools = Tools(ledger, acquirer, lambda: datetime.now(UTC), None, threads)  # type: ignore[arg-type]
    source: Any = SimpleNamespace(name="src", times_are_observed=False)
    return Intake(tools, source.name, None, result, print), result, source


def test_what_is_fetched_is_archived_though_every_thread_is_busy_with_what_is_long() -> None:
    acquirer: Any = Acquirer()
    intake, result, source = ready(acquirer, threads=2)
    with ThreadPoolExecutor(2) as pool:
        intake.take(pool, source, [delivery(name) for name in ("short", "long-1", "long-2", "long-3")])
        draining = threading.Thread(target=intake.drain, args=(pool,))
        draining.start()
        try:
            assert acquirer.archived.wait(10), "it waits behind what is long"
        finally:
            acquirer.let.set()
            draining.join(30)
    assert not draining.is_alive()
    assert sorted(trouble.prefix for trouble in result.troubles.kept) == ["long-1/", "long-2/", "long-3/", "short/"]


class Counting(Acquirer):
    """Tells how many are on the way at most, and which prefixes were so twice at once."""

    def __init__(self) -> None:
        super().__init__()
        self.lock, self.begun, self.most, self.twice = threading.Lock(), list[str](), 0, list[str]()

    def fetch(self, task: Any) -> Any:
        with self.lock:
            if task.delivery.prefix in self.begun:
                self.twice.append(task.delivery.prefix)
            self.begun.append(task.delivery.prefix)
            self.most = max(self.most, len(self.begun))
        return SimpleNamespace(task=task)

    def archive(self, fetched: list[Any]) -> list[Exception]:
        time.sleep(0.01)
        with self.lock:
            for one in fetched:
                self.begun.remove(one.task.delivery.prefix)
        return super().archive(fetched)


def test_two_copies_of_a_delivery_are_never_on_the_way_at_once() -> None:
    """They share the place in which a delivery is put together, and the second is a revision of the first."""
    acquirer = Counting()
    intake, result, source = ready(acquirer)
    some = [delivery(f"q{number}") for number in range(100)]
    with ThreadPoolExecutor(8) as pool:
        for first in range(0, 100, 10):
            intake.take(pool, source, some[first : first + 10])
            intake.take(pool, source, some[first : first + 10])
        intake.take(pool, source, some)
        intake.drain(pool)
    assert acquirer.twice == []
    assert result.discovered == 300
    assert acquirer.begun == []


def test_large_sign_files_are_few_on_the_way() -> None:
    acquirer = Counting()
    intake, result, source = ready(acquirer)
    large = [Delivery(f"q{n}/", (SourceObject(f"q{n}/result_sign.json", 3 << 20, "e"),)) for n in range(30)]
    with ThreadPoolExecutor(8) as pool:
        intake.take(pool, source, [*large, Delivery("huge/", (SourceObject("huge/result_sign.json", 1 << 40, "e"),))])
        intake.drain(pool)
    assert result.discovered == 31
    assert result.troubles.total == 31
    assert acquirer.most == 2
