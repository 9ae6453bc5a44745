"""Appending to a staged file in a thread of its own: what is written need not wait for the hash, nor the hash for it.

The order stays, so that what is there is always the beginning of the object, whatever ends this process.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from queue import Queue
from threading import Thread
from typing import Final, Protocol

from archiver.store_ports import StagedFile

WAITING_CHUNKS: Final = 8
"""Most chunks (``limits.CHUNK_BYTES``) that wait to be written; then whoever brings more waits."""


class Append(Protocol):
    """Takes the next bytes of a file. Raises StoreError."""

    def __call__(self, chunk: bytes, /) -> None: ...


@contextmanager
def appending(staged: StagedFile, aside: bool) -> Iterator[Append]:
    """How to append to *staged* while inside; all of it is written at the end, however that comes about.

    *aside*: in a thread of its own. What goes wrong there is raised by the next call, or at the end; nothing that
    comes behind it is written.
    """
    if not aside:
        yield staged.append
        return
    writer = _Writer(staged)
    try:
        yield writer.put
    finally:
        writer.finish()
    writer.check()


class _Writer:
    def __init__(self, staged: StagedFile) -> None:
        self._staged = staged
        self._chunks: Queue[bytes | None] = Queue(WAITING_CHUNKS)
        self._trouble: Exception | None = None
        self._thread = Thread(target=self._run, name="append")
        self._thread.start()

    def _run(self) -> None:
        while (chunk := self._chunks.get()) is not None:
            if self._trouble is None:
                try:
                    self._staged.append(chunk)
                except Exception as error:
                    self._trouble = error

    def put(self, chunk: bytes, /) -> None:
        self.check()
        self._chunks.put(chunk)

    def finish(self) -> None:
        """Waits for what was put."""
        self._chunks.put(None)
        self._thread.join()

    def check(self) -> None:
        if self._trouble is not None:
            raise self._trouble
