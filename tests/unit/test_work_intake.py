"""Deliveries on their way in, side by side: none waits for others that take long."""

from __future__ import annotations

import threading
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


def test_what_is_fetched_is_archived_though_every_thread_is_busy_with_what_is_long() -> None:
    acquirer: Any = Acquirer()
    ledger: Any = SimpleNamespace(
        deliveries=SimpleNamespace(known=lambda *_: {}), evidence=None, journal=SimpleNamespace(record=print)
    )
    source: Any = SimpleNamespace(name="src", times_are_observed=False)
    result = IntakeResult()
    tools = Tools(ledger, acquirer, lambda: datetime.now(UTC), None, 2)  # type: ignore[arg-type]
    intake = Intake(tools, source, None, result, print)
    with ThreadPoolExecutor(2) as pool:
        intake.take(pool, [delivery(name) for name in ("short", "long-1", "long-2", "long-3")])
        draining = threading.Thread(target=intake.drain, args=(pool,))
        draining.start()
        try:
            assert acquirer.archived.wait(10), "it waits behind what is long"
        finally:
            acquirer.let.set()
            draining.join(30)
    assert not draining.is_alive()
    assert sorted(trouble.prefix for trouble in result.troubles.kept) == ["long-1/", "long-2/", "long-3/", "short/"]
