"""The edges of packages: where one is written, and what else goes into it. Each docstring is the contract."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol, Self

from archiver.domain.dossier import ItemDossier


class PackageSource(Protocol):
    """What a package is made of: the archive, as far as one needs it (``store_ports.Store``)."""

    def size(self, path: str) -> int:
        """Bytes of the file at *path* as it lies there now. Raises as :meth:`open`."""
        ...

    def open(self, path: str, from_medium: bool) -> AbstractContextManager[BinaryIO]:
        """See ``store_ports.Store.open``."""
        ...


class PackageWriter(Protocol):
    """Writes one package. What it writes stands under a hidden name until :meth:`publish`.

    As a context manager it removes everything on leaving, unless it was published.
    """

    def __enter__(self) -> Self: ...
    def __exit__(self, *exception: object) -> None: ...

    def add(self, path: str, size: int, chunks: Iterable[bytes], executable: bool = False) -> None:
        """Adds the file *path* (relative, ``/``, harmless) of *size* bytes, which *chunks* are exactly.

        Each path once. Raises UsageError where it cannot be written, StoreFullError, StoreError.
        """
        ...

    def finish(self) -> None:
        """Ends writing: every byte is on the disk. Raises as :meth:`add`."""
        ...

    def publish(self) -> None:
        """Gives the finished package its name. Raises UsageError where something has come there meanwhile."""
        ...


class PackageExtra(Protocol):
    """What makes further files out of the items as they pass: a report, say."""

    def take(self, item: ItemDossier) -> None:
        """The next item."""
        ...

    def files(self) -> Iterator[tuple[str, int, Iterable[bytes]]]:
        """After the last item: (name below ``data/report/``, bytes, the bytes)."""
        ...
