"""Many items through a few threads, in order, with only a few on the way at a time: memory stays flat."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_In = TypeVar("_In")
_Out = TypeVar("_Out")


def in_order(
    threads: int, work: Callable[[_In], _Out], items: Iterable[_In], name: str
) -> Iterator[tuple[_In, Future[_Out]]]:
    """Each of *items* with the finished future of ``work(item)``, in the order of *items*.

    What has begun when the caller stops iterating is waited for; what has not is not begun.
    """
    running: deque[tuple[_In, Future[_Out]]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix=name) as pool:
        try:
            for item in items:
                running.append((item, pool.submit(work, item)))
                if len(running) >= 4 * threads:
                    yield _finished(running)
            while running:
                yield _finished(running)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _finished(running: deque[tuple[_In, Future[_Out]]]) -> tuple[_In, Future[_Out]]:
    item, future = running.popleft()
    future.exception()  # waits
    return item, future
