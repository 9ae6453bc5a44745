"""A BagIt bag (RFC 8493) on its way to a writer: every file is hashed as it passes, lists come last.

Paths hold only characters that need no escape in any reader of bags: letters, digits and ``._=+@,-``.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import IO, Final, Self

from archiver.domain.limits import CHUNK_BYTES
from archiver.package_ports import PackageWriter

_SAFE: Final = re.compile(r"[A-Za-z0-9_=+@,-][A-Za-z0-9._=+@,-]*(/[A-Za-z0-9_=+@,-][A-Za-z0-9._=+@,-]*)*", re.ASCII)
_ALGORITHMS: Final = ("sha256", "sha512")
_DECLARATION: Final = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
_SPOOL_BYTES: Final = 1024 * 1024


class Bag:
    """One bag. The lists of its payload grow in nameless files, not in memory. A context manager."""

    def __init__(self, writer: PackageWriter) -> None:
        self._writer = writer
        self._lists = {name: tempfile.SpooledTemporaryFile(_SPOOL_BYTES) for name in _ALGORITHMS}  # noqa: SIM115
        self._tags: dict[str, list[str]] = {name: [] for name in _ALGORITHMS}
        self.files = 0
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in self._lists.values():
            one.close()

    def add(self, path: str, size: int, chunks: Iterable[bytes]) -> str:
        """Adds ``data/`` *path* of *size* bytes; answers the SHA-256 of what was added. Raises as the writer."""
        digests = self._write(f"data/{path}", size, chunks)
        for name, one in self._lists.items():
            one.write(f"{digests[name]}  data/{path}\n".encode("ascii"))
        self.files += 1
        self.size += size
        return digests["sha256"]

    def add_bytes(self, path: str, data: bytes) -> str:
        """As :meth:`add`."""
        return self.add(path, len(data), [data])

    def finish(self, info: Sequence[tuple[str, str]], others: Iterable[tuple[str, bytes, bool]]) -> str:
        """Adds the tag files: *info* as bag-info.txt, *others* (name, bytes, whether a program), and the lists.

        Answers the SHA-256 of ``tagmanifest-sha256.txt``.
        """
        self._tag("bagit.txt", len(_DECLARATION), [_DECLARATION])
        counted = [*info, ("Payload-Oxum", f"{self.size}.{self.files}")]
        text = "".join(f"{name}: {one_line(value)}\n" for name, value in counted if one_line(value)).encode("utf-8")
        self._tag("bag-info.txt", len(text), [text])
        for name, data, program in others:
            self._tag(name, len(data), [data], program)
        for name, one in self._lists.items():
            size = one.tell()
            self._tag(f"manifest-{name}.txt", size, _from_start(one))
        last = ""
        for name in reversed(_ALGORITHMS):
            data = "".join(sorted(self._tags[name], key=lambda line: line.partition("  ")[2])).encode("ascii")
            last = self._write(f"tagmanifest-{name}.txt", len(data), [data])["sha256"]
        return last

    def _tag(self, path: str, size: int, chunks: Iterable[bytes], program: bool = False) -> None:
        digests = self._write(path, size, chunks, program)
        for name in _ALGORITHMS:
            self._tags[name].append(f"{digests[name]}  {path}\n")

    def _write(self, path: str, size: int, chunks: Iterable[bytes], program: bool = False) -> dict[str, str]:
        if not _SAFE.fullmatch(path):
            raise ValueError(f"{path!r} is no path for a package")
        digests = {name: hashlib.new(name) for name in _ALGORITHMS}

        def passing() -> Iterator[bytes]:
            for chunk in chunks:
                for one in digests.values():
                    one.update(chunk)
                yield chunk

        self._writer.add(path, size, passing(), program)
        return {name: one.hexdigest() for name, one in digests.items()}


def one_line(text: str) -> str:
    """*text* as the value of one line of bag-info.txt: no line ends, no control characters, no blanks around."""
    return "".join(c if c.isprintable() else " " for c in text).strip()


def safe_name(number: int, name: str) -> str:
    """A harmless name for file *number* that was delivered as *name*, which it still looks like."""
    return f"{number:06}-{re.sub(r'[^A-Za-z0-9._-]', '_', name, flags=re.ASCII)[:80]}"


def _from_start(spool: IO[bytes]) -> Iterator[bytes]:
    spool.seek(0)
    while chunk := spool.read(CHUNK_BYTES):
        yield chunk
