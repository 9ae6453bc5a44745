"""Which of very many items were met, in little memory."""

from __future__ import annotations

import hashlib


class Seen:
    """IDs that were met; 16 bytes of each are kept."""

    def __init__(self) -> None:
        self._digests: set[bytes] = set()

    def add(self, item: str) -> bool:
        """True where *item* was not met before."""
        before = len(self._digests)
        self._digests.add(_digest(item))
        return len(self._digests) > before

    def __contains__(self, item: str) -> bool:
        return _digest(item) in self._digests


def _digest(item: str) -> bytes:
    return hashlib.blake2b(item.encode("utf-8", "surrogatepass"), digest_size=16).digest()
