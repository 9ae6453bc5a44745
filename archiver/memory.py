"""Memory that was needed for a moment goes back to the system.

The C library raises the size from which blocks are given back one by one each time that one is (mallopt(3),
``M_MMAP_THRESHOLD``), and keeps the others in a heap for each thread: chunks of a megabyte that sixty threads have
freed would stay with the process.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress
from typing import Final

from archiver.domain.limits import KIB

_M_MMAP_THRESHOLD: Final = -3
_LARGE_BYTES: Final = 256 * KIB


def give_back_large_blocks() -> None:
    """From now on, in this process. Nothing happens where the C library has no ``mallopt``, as musl."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
