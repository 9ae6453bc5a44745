"""Packages of evidence: what is put into them, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO

from archiver.domain.verdict import Verdict


@dataclass(frozen=True, slots=True)
class PackageHead:
    """The signed head that a package is made of. ``note``: the C2SP signed note, verbatim; ``vkey``: the key that
    signed it. ``size``: entries of the log that it covers."""

    size: int
    note: str
    vkey: str


@dataclass(frozen=True, slots=True)
class PackageAccount:
    """Which entries of the log there are, for the package: ``leaf`` and ``path`` of the entry that says so, and the
    ``text`` that it pins, a line an item (``custody_facts.EventsAccounted``)."""

    leaf: bytes
    path: bytes
    text: IO[bytes]


@dataclass(frozen=True, slots=True)
class PackageAbout:
    """What stands on a package. ``moment``: every time in it. ``id``: 32 hex; ``selection``: how items were chosen.

    ``case``, ``exhibit``, ``purpose``, ``requester``: the requester's words, "" where not given. ``doubts``: why
    the ledger does not pass its verification, ``unlooked``: what of it could not be looked at; each a line of words.
    """

    moment: datetime
    version: str
    selection: str
    id: str = ""
    case: str = ""
    exhibit: str = ""
    purpose: str = ""
    requester: str = ""
    doubts: tuple[str, ...] = ()
    unlooked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Differing:
    """A file that is not in the package as it was acquired. ``path``: in the package; ``why``: in words.

    ``unread``: the medium gave an error, so that nobody knows what the file holds.
    """

    evidence: str
    path: str
    why: str
    unread: bool = False


@dataclass(frozen=True, slots=True)
class Packaged:
    """A package that is written. ``items`` by verdict; ``files`` and ``size`` of its payload.

    ``manifest_sha256``: of ``tagmanifest-sha256.txt``. ``differing``: at most some hundred; ``differs``: how many.
    ``unproved``: items without a proof from the log; ``altered``: those of them whose ledger contradicts its log.
    ``troubled``: items about which the archive beside their files (the key, say) is not what is on record.
    """

    by_verdict: dict[Verdict, int]
    ids: tuple[str, ...]
    files: int
    size: int
    manifest_sha256: str
    differing: Sequence[Differing]
    differs: int
    unread: int
    unproved: int
    altered: int = 0
    troubled: int = 0

    @property
    def items(self) -> int:
        """How many there are."""
        return sum(self.by_verdict.values())
