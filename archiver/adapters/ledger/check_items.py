"""The rows of ``evidence`` and ``files``, which are there for good from an item's acquisition on."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from archiver.adapters.ledger.check_reader import Reader
from archiver.adapters.ledger.check_scratch import Scratch
from archiver.adapters.ledger.check_spool import Looked
from archiver.adapters.ledger.check_told import added, altered, missing
from archiver.adapters.ledger.tables import evidence, files
from archiver.domain.log_records import Problem
from archiver.domain.text import printable
from archiver.log_ports import Tell

Row = tuple[Any, ...]

_ITEMS_AT_ONCE: Final = 400
_FILES_AT_ONCE: Final = 20_000


class Acquired(NamedTuple):
    """What event *seq* acquired, in the form of columns."""

    seq: int
    evidence: Row
    files: list[Row]


class ItemCheck:
    """Acquired items on their way to be looked up, many at once; *looked* counts them and their rows."""

    def __init__(self, reader: Reader, looked: Looked, tell: Tell) -> None:
        self._reader = reader
        self._looked = looked
        self._tell = tell
        self._held: list[Acquired] = []
        self._files = 0

    def hold(self, item: Acquired) -> None:
        """Takes an item."""
        self._held.append(item)
        self._files += len(item.files)
        if len(self._held) >= _ITEMS_AT_ONCE or self._files >= _FILES_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Tells how the rows of all items that were taken differ."""
        ids = [one.evidence[0] for one in self._held]
        rows: dict[str, list[Row]] = {}
        self._looked.items += len(ids)
        for row in self._reader.among(evidence, "id", ids):
            self._looked.evidence += 1
            rows.setdefault(row[0], []).append(row)
        of_files: dict[str, list[Row]] = {}
        for row in self._reader.among(files, "evidence_id", ids):
            self._looked.files += 1
            of_files.setdefault(row[0], []).append(row)
        for one in self._held:
            item = one.evidence[0]
            if rows.get(item) != [one.evidence]:
                self._evidence(one, rows.get(item, []))
            if of_files.get(item, []) != one.files:
                self._files_of(one, of_files.get(item, []))
        self._held.clear()
        self._files = 0

    def _evidence(self, one: Acquired, found: list[Row]) -> None:
        if self._reader.is_broken(evidence):
            return
        if not found:
            self._tell(missing(evidence, one.evidence, one.seq))
        elif one.evidence != found[0]:
            self._tell(altered(evidence, one.evidence, found[0], one.seq))
        for row in found[1:]:
            self._tell(added(evidence, row, "a second row of that name"))

    def _files_of(self, one: Acquired, found: list[Row]) -> None:
        if self._reader.is_broken(files):
            return
        left = list(found)
        for expected in one.files:
            row = next((row for row in left if row[1] == expected[1]), None)
            if row is None:
                self._tell(missing(files, expected, one.seq))
                continue
            left.remove(row)
            if expected != row:
                self._tell(altered(files, expected, row, one.seq))
        for row in left:
            self._tell(added(files, row, f"event {one.seq} did not acquire it"))


def tell_strays(reader: Reader, scratch: Scratch, looked: Looked, tell: Tell) -> None:
    """Tells the rows of ``evidence`` and ``files`` that are of no item which was acquired.

    Where each item was looked up once, and as many rows were found as there are, there are no others.
    """
    there = (scratch.acquired(), reader.count(evidence), reader.count(files))
    if there == (looked.items, looked.evidence, looked.files):
        return
    for page in reader.each(evidence, [column.name for column in evidence.columns]):
        known = scratch.acquired_by([row[0] for row in page if isinstance(row[0], str)])
        for row in page:
            if row[0] not in known:
                tell(added(evidence, row))
    for page in reader.each(files, ["evidence_id", "position"]):
        known = scratch.acquired_by(sorted({row[0] for row in page if isinstance(row[0], str)}))
        for item, position in page:
            if item not in known:
                detail = f"files {item!r}, {position!r}: no event acquired such an item"
                tell(Problem("row_added", printable(detail, 300), table=files.name))
