"""A package in one file: what tar and zip have in common."""

from __future__ import annotations

import errno
import os
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Self

from archiver.adapters.files.package_folder import hidden_name, packing, sync_folder
from archiver.errors import UsageError


class FilePackage(ABC):
    """A file under a hidden name, until it is published. ``root``: the folder that it unpacks to."""

    def __init__(self, target: Path, root: str) -> None:
        self.target = target
        self._draft = hidden_name(target)
        self.root = root
        self._stream: BinaryIO | None = None

    def __enter__(self) -> Self:
        with packing(self.target):
            self._stream = self._draft.open("xb")
            self.begin(self._stream)
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._stream is not None:
            with suppress(OSError, ValueError):
                self.drop()
            with suppress(OSError):
                self._stream.close()
        self._draft.unlink(missing_ok=True)

    @abstractmethod
    def begin(self, stream: BinaryIO) -> None:
        """Writes what comes first."""

    @abstractmethod
    def end(self) -> None:
        """Writes what comes last."""

    def drop(self) -> None:  # noqa: B027 - not every format holds on to the stream
        """Lets go of what writes into the stream, which is removed; nothing where it has ended."""

    def finish(self) -> None:
        """The end, and every byte on the disk."""
        stream = self._stream
        assert stream is not None  # noqa: S101 - a context manager
        with packing(self.target):
            self.end()
            stream.flush()
            os.fchmod(stream.fileno(), 0o644)
            os.fsync(stream.fileno())
            stream.close()

    def publish(self) -> None:
        """A link refuses where something has come meanwhile; some file systems have no links."""
        with packing(self.target):
            try:
                os.link(self._draft, self.target)
            except FileExistsError as error:
                raise UsageError(f"{self.target} is there now; it was left as it is") from error
            except OSError as error:
                if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
                    raise
                if os.path.lexists(self.target):
                    raise UsageError(f"{self.target} is there now; it was left as it is") from error
                os.rename(self._draft, self.target)
            sync_folder(self.target.parent)
