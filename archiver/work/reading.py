"""Hash, size and head of a file while its bytes pass by: what every reader of files here has in common."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from archiver.domain.limits import GZIP_PROBE_BYTES, SIGN_FILE_BYTES
from archiver.domain.sign_file import RESULT_NAME, SIGN_FILE_NAME
from archiver.verify.contents import Contents, look_at


@dataclass(frozen=True, slots=True)
class Read:
    """A file that was read to its end. ``head``: a sign file's bytes, up to one more than its limit; else empty.

    ``contents``: what the head of a result file shows, None for other files.
    """

    size: int
    sha256: str
    head: bytes
    contents: Contents | None


class Reading:
    """Takes a file's bytes as they come."""

    def __init__(self, name: str) -> None:
        self._is_sign_file = name == SIGN_FILE_NAME
        self._is_result = RESULT_NAME.fullmatch(name) is not None
        self._keep = SIGN_FILE_BYTES + 1 if self._is_sign_file else GZIP_PROBE_BYTES if self._is_result else 0
        self._hash = hashlib.sha256()
        self._size = 0
        self._head = bytearray()

    def take(self, chunk: bytes | memoryview) -> None:
        """The next bytes; what is kept of them is a copy."""
        self._hash.update(chunk)
        self._size += len(chunk)
        if len(self._head) < self._keep:
            self._head += chunk[: self._keep - len(self._head)]

    def done(self) -> Read:
        """The end."""
        head = bytes(self._head)
        contents = look_at(head, whole=len(head) == self._size) if self._is_result else None
        return Read(self._size, self._hash.hexdigest(), head if self._is_sign_file else b"", contents)
