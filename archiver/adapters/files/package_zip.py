"""A package as one zip file, ZIP64 where it must be (APPNOTE.TXT 6.3.3)."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from archiver.adapters.files.package_file import FilePackage
from archiver.adapters.files.package_folder import FILE_MODE, PROGRAM_MODE, packing

_OLDEST: Final = datetime(1980, 1, 1, tzinfo=UTC)
"""No zip file has an earlier time."""

_ZIP64_FROM: Final = 2**31 - 1
_PACKED_ALREADY: Final = (".gz", ".zst", ".pdf")
_UNIX: Final = 3
_REGULAR: Final = 0o100000


class ZipPackage(FilePackage):
    """``PackageWriter`` of a ``.zip``: what is compressed already is stored, the rest deflated."""

    def __init__(self, target: Path, root: str, moment: datetime) -> None:
        super().__init__(target, root)
        self._time = max(moment.astimezone(UTC), _OLDEST).timetuple()[:6]

    def begin(self, stream: BinaryIO) -> None:
        """Nothing yet."""
        self._zip = zipfile.ZipFile(stream, "w", allowZip64=True)

    def add(self, path: str, size: int, chunks: Iterable[bytes], executable: bool = False) -> None:
        """One member."""
        member = zipfile.ZipInfo(f"{self.root}/{path}", self._time)
        member.create_system = _UNIX
        member.external_attr = (_REGULAR | (PROGRAM_MODE if executable else FILE_MODE)) << 16
        member.compress_type = zipfile.ZIP_STORED if path.endswith(_PACKED_ALREADY) else zipfile.ZIP_DEFLATED
        written = 0
        with packing(self.target), self._zip.open(member, "w", force_zip64=size >= _ZIP64_FROM) as stream:
            for chunk in chunks:
                written += stream.write(chunk)
        if written != size:
            raise ValueError(f"{path}: {written} bytes, not {size}")

    def drop(self) -> None:
        """Else it would write its end into a stream that is closed."""
        self._zip.close()

    def end(self) -> None:
        """The directory of all members."""
        self._zip.close()
