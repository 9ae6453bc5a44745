"""A package as one tar file, compressed with zstandard while it is written (RFC 8878)."""

from __future__ import annotations

import tarfile
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from archiver.adapters.files.chunk_reader import ChunkReader
from archiver.adapters.files.package_file import FilePackage
from archiver.adapters.files.package_folder import FILE_MODE, PROGRAM_MODE, packing
from archiver.errors import UsageError

if TYPE_CHECKING:
    from zstandard import ZstdCompressionWriter

_LEVEL: Final = 3
"""Results are gzip already; the rest is small."""


class TarPackage(FilePackage):
    """``PackageWriter`` of a ``.tar.zst``. One thread: more of them would give other bytes."""

    def __init__(self, target: Path, root: str, moment: datetime) -> None:
        """Raises UsageError where the package zstandard is not installed."""
        super().__init__(target, root)
        try:
            import zstandard  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise UsageError(
                "a .tar.zst needs the package zstandard, which is not installed",
                "pip install 'cloudtrail-evidence-archiver[report]', or choose --format folder or zip.",
            ) from error
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL, threads=0, write_checksum=True)
        self._time = int(moment.timestamp())

    def begin(self, stream: BinaryIO) -> None:
        """Nothing but what zstandard and tar need."""
        self._packed: ZstdCompressionWriter = self._compressor.stream_writer(stream, closefd=False)
        self._tar = tarfile.open(mode="w|", fileobj=self._packed, format=tarfile.PAX_FORMAT)  # noqa: SIM115

    def add(self, path: str, size: int, chunks: Iterable[bytes], executable: bool = False) -> None:
        """One member."""
        member = tarfile.TarInfo(f"{self.root}/{path}")
        member.size, member.mtime = size, self._time
        member.mode = PROGRAM_MODE if executable else FILE_MODE
        with packing(self.target):
            self._tar.addfile(member, ChunkReader(path, size, chunks))

    def end(self) -> None:
        """Tar's two empty blocks, then zstandard's last frame."""
        self._tar.close()
        self._packed.close()  # type: ignore[no-untyped-call]
