"""Where in a bucket the day folders of deliveries are, found level by level. Pure: listing a level is handed in.

Source: AWS CloudTrail User Guide, "Find your CloudTrail Lake saved query results":
``[prefix/]AWSLogs/<account>/CloudTrail-Lake/Query/<year>/<month>/<day>/<query ID>/``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

Subfolders = Callable[[str], Iterable[str]]
"""The folders right below a folder's key, whole keys ending in ``/``, in key order."""

_LEVELS: Final = tuple(
    re.compile(form, re.ASCII)
    for form in ("AWSLogs", r"\d{12,16}", "CloudTrail-Lake", "Query", r"\d{4}", r"\d{2}", r"\d{2}")
)
_ACCOUNT: Final = 1
_YEAR: Final = 4
_FIXED: Final = {0: "AWSLogs", 2: "CloudTrail-Lake", 3: "Query"}


@dataclass(frozen=True, slots=True)
class Layout:
    """The canonical folders at or below *prefix*: a source's own prefix, "" or ending in ``/``.

    ``accounts``: these accounts' only, where there are any. A prefix may point inside the canonical path; where it
    leaves that path or ends inside a delivery it is a day folder of its own, whatever the day.
    """

    prefix: str
    subfolders: Subfolders
    accounts: frozenset[str] = frozenset()

    def day_folders(self, since: date) -> Iterator[str]:
        """The day folders from *since* on, in key order for each account."""
        known, off_path = self._known()
        if not self._wanted(known):
            return
        if off_path:
            yield self.prefix
            return
        yield from self._below(self.prefix, known, (since.year, since.month, since.day))

    def _known(self) -> tuple[tuple[str, ...], bool]:
        """The levels that the prefix spells out, and whether it goes on beside or beyond them."""
        segments = self.prefix.split("/")[:-1]
        starts = [at for at, segment in enumerate(segments) if segment == "AWSLogs"]
        if not starts:
            return (), False
        claimed = segments[starts[-1] :]
        known: list[str] = []
        for form, segment in zip(_LEVELS, claimed, strict=False):
            if form.fullmatch(segment) is None:
                break
            known.append(segment)
        return tuple(known), len(known) < len(claimed)

    def _wanted(self, known: tuple[str, ...]) -> bool:
        return not self.accounts or len(known) <= _ACCOUNT or known[_ACCOUNT] in self.accounts

    def _below(self, folder: str, known: tuple[str, ...], since: tuple[int, int, int]) -> Iterator[str]:
        """Day folders at or below *folder* that are not before *since*."""
        level = len(known)
        day = tuple(int(part) for part in known[_YEAR:])
        if day < since[: len(day)]:
            return
        if level == len(_LEVELS):
            yield folder
            return
        for name in self._names(folder, level):
            yield from self._below(f"{folder}{name}/", (*known, name), since)

    def _names(self, folder: str, level: int) -> Collection[str]:
        if level in _FIXED:
            return (_FIXED[level],)
        if level == _ACCOUNT and self.accounts:
            return sorted(self.accounts)
        names = (below[len(folder) :].rstrip("/") for below in self.subfolders(folder))
        return [name for name in names if _LEVELS[level].fullmatch(name)]
