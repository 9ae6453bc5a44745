"""The other files of the published log, for ``ledger verify``: long bodies, and what should not be there at all."""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Final

from archiver.domain.text import printable
from archiver.errors import MediumError
from archiver.log.leaf import body_sha256, leaf_of
from archiver.log_ports import PublishedLog
from archiver.work.log_verify_report import Findings, is_forged

BODIES: Final = "bodies"
ANCHORS: Final = "anchors"

_MARK: Final = b'"body":{"bytes":'
"""In every leaf that tells a body by its hash; nearly no other has it."""


class Paths:
    """Many paths in little room: eight bytes for each."""

    def __init__(self) -> None:
        self._digests = array("Q")
        self._sorted = True

    def add(self, path: str) -> None:
        """Takes *path*."""
        self._digests.append(_digest(path))
        self._sorted = False

    def __contains__(self, path: str) -> bool:
        if not self._sorted:
            self._digests = array("Q", sorted(self._digests))
            self._sorted = True
        at = bisect_left(self._digests, _digest(path))
        return at < len(self._digests) and self._digests[at] == _digest(path)


def _digest(path: str) -> int:
    return int.from_bytes(hashlib.sha256(path.encode("utf-8", "surrogatepass")).digest()[:8], "big")


class BodyCheck:
    """Looks at each body that is published by itself, of the first *size* events; ``paths``: where they all lie."""

    def __init__(self, published: PublishedLog | None, size: int, findings: Findings) -> None:
        self.paths = Paths()
        self._published = published
        self._size = size
        self._findings = findings

    def leaves(self, first: int, leaves: Sequence[bytes | None], joined: bytes) -> None:
        """Looks at the bodies that *leaves* tell by their hashes."""
        if _MARK not in joined:
            return
        for seq, leaf in enumerate(leaves, first):
            digest = _told_by(leaf) if leaf is not None and _MARK in leaf else None
            if leaf is None or digest is None:
                continue
            path = f"{BODIES}/{digest}.json"
            self.paths.add(path)
            if self._published is not None and seq < self._size:
                self._check(self._published, seq, leaf, path)

    def _check(self, published: PublishedLog, seq: int, leaf: bytes, path: str) -> None:
        try:
            body = published.read(path)
        except MediumError as error:
            if is_forged(error):
                self._findings.add("published_altered", str(error), seq, path)
            else:
                self._findings.unread(error, path)
            return
        if body is None:
            self._findings.add("published_missing", f"{path}: the body of event {seq} is not there", seq, path)
        elif leaf_of(body) != leaf:
            self._findings.add("published_altered", f"{path}: it is not the body of event {seq}", seq, path)


def _told_by(leaf: bytes) -> str | None:
    try:
        digest = body_sha256(leaf)
    except ValueError:
        return None
    return digest if digest is not None and len(digest) == 64 else None


def check_added(published: PublishedLog, accounted: Callable[[str], bool], findings: Findings) -> None:
    """Tells every file that is not *accounted* for. Raises MediumError."""
    for path in published.files():
        if not accounted(path):
            findings.add("published_added", f"{printable(path)}: nothing in the log tells of this file", None, path)
