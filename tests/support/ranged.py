"""A network on which ranges come sooner than the first answer goes on, for tests of ``adapters.aws.ranges``."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Final

from archiver.adapters.aws.stream import S3Stream
from archiver.domain.evidence import Origin

_LONGEST_SECONDS: Final = 10


def ranges_under_way() -> list[threading.Thread]:
    """The threads that ask for ranges."""
    return [thread for thread in threading.enumerate() if thread.name == "range"]


class Held:
    """The stream *inner*, each chunk of which waits for all ranges that were asked for."""

    def __init__(self, inner: S3Stream) -> None:
        self._inner = inner

    @property
    def origin(self) -> Origin:
        return self._inner.origin

    def chunks(self) -> Iterator[bytes]:
        for chunk in self._inner.chunks():
            until = time.monotonic() + _LONGEST_SECONDS
            while ranges_under_way() and time.monotonic() < until:
                time.sleep(0.001)
            yield chunk
