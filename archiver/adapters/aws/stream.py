"""The bytes of one S3 object as they come: never waited for in vain, never more or fewer than were listed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final, Protocol

from archiver.adapters.aws.errors import Doing, translated
from archiver.domain.evidence import Origin
from archiver.domain.limits import CHUNK_BYTES, KIB
from archiver.errors import SourceError, SourceUnreachableError

GATHER_SECONDS: Final = 1.0
"""Longest that a chunk is filled: TLS gives 16 KiB at a time, too little for each to be hashed and written alone."""

LEAST_BYTES_PER_SECOND: Final = KIB
"""A server that gives less over ``MEASURED_SECONDS`` is given up: at one byte a second no time-out ever strikes."""

MEASURED_SECONDS: Final = 60.0
"""Time spent waiting for the server, not for whoever takes the chunks."""


class Body(Protocol):
    """What is used of ``urllib3.response.HTTPResponse``."""

    def read1(self, amt: int, /) -> bytes:
        """What is there, at most *amt* bytes, after waiting for the first; none at the end. Encodings stay."""
        ...


class S3Stream:
    """Implements :class:`archiver.ports.ObjectStream`: drops *skip* bytes, then gives *wanted*, no more, no less."""

    def __init__(self, body: Body, origin: Origin, skip: int, wanted: int, doing: Doing) -> None:
        self._body = body
        self._origin = origin
        self._skip = skip
        self._wanted = wanted
        self._doing = doing
        self._trouble: SourceError | None = None
        self._waited = 0.0
        self._came = 0

    @property
    def origin(self) -> Origin:
        """See the port."""
        return self._origin

    def chunks(self) -> Iterator[bytes]:
        """See the port. Bytes as they are stored: a ``Content-Encoding`` is not undone.

        A chunk comes once it is full or ``GATHER_SECONDS`` have passed, so that whoever takes it can look whether
        to stop; what came before an error comes before the error is raised.
        """
        left = self._wanted
        while chunk := self._gathered():
            if self._skip:
                dropped = min(self._skip, len(chunk))
                self._skip -= dropped
                chunk = chunk[dropped:]
            left -= len(chunk)
            if left < 0:
                raise SourceUnreachableError(f"cannot {self._doing.what}: more bytes came than were listed")
            if chunk:
                yield chunk
        if left or self._skip:
            raise SourceUnreachableError(f"cannot {self._doing.what}: it ended {left} bytes short")

    def _gathered(self) -> bytes:
        """The next chunk, nothing at the end. Raises SourceError."""
        if self._trouble is not None:
            raise self._trouble
        pieces: list[bytes] = []
        size, began = 0, time.monotonic()
        while size < CHUNK_BYTES:
            try:
                piece = self._read(CHUNK_BYTES - size)
            except SourceError as error:
                if not pieces:
                    raise
                self._trouble = error
                break
            if not piece:
                break
            pieces.append(piece)
            size += len(piece)
            if time.monotonic() - began > GATHER_SECONDS:
                break
        return b"".join(pieces)

    def _read(self, most: int) -> bytes:
        began = time.monotonic()
        with translated(self._doing):
            piece = self._body.read1(most)
        self._waited += time.monotonic() - began
        self._came += len(piece)
        if self._waited >= MEASURED_SECONDS:
            if self._came < LEAST_BYTES_PER_SECOND * self._waited:
                raise SourceUnreachableError(
                    f"cannot {self._doing.what}: only {self._came} bytes came in {self._waited:.0f} s",
                    "look at the network, and at what stands before the endpoint",
                )
            self._waited, self._came = 0.0, 0
        return piece
