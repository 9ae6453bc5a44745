"""What a part of the events says of items, keys and the daily round, laid down for whoever puts the parts together.

A file of JSON, one array a line: a word, and what it is about. Written once, then read as often as is wanted.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import IO, Any, Final, NamedTuple

import orjson

Row = tuple[Any, ...]

_AT_ONCE: Final = 500

STATES: Final = "states"
ARCHIVED: Final = "archived"
ENTRY: Final = "entry"
KEY: Final = "key"
_END: Final = "end"


class Archived(NamedTuple):
    """A delivery that was archived by event *seq*, in the form of columns."""

    seq: int
    source: str
    prefix: str
    listing_digest: str
    first_seen_at: str
    item: str
    revision: int


@dataclass
class Looked:
    """What was looked at: rows of all kinds, items, and how many rows of ``evidence`` and ``files`` these have.

    ``revision``: of the schema, as the last migration among the events left it.
    """

    rows: int = 0
    items: int = 0
    evidence: int = 0
    files: int = 0
    revision: str | None = None


class Spool:
    """One part, in *file*."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._archived: list[Row] = []

    def states(self, rows: Sequence[Row]) -> None:
        """What is said of items, as ``Scratch.fold_items`` takes it."""
        for start in range(0, len(rows), _AT_ONCE):
            self._line(STATES, rows[start : start + _AT_ONCE])

    def archived(self, delivery: Archived) -> None:
        """A delivery that was archived."""
        self._archived.append(tuple(delivery))
        if len(self._archived) >= _AT_ONCE:
            self._lay_down()

    def entry(self, seq: int) -> None:
        """An event that concerns sources, deliveries or alerts; its body is read again."""
        self._lay_down()
        self._line(ENTRY, seq)

    def key(self, sha256: str, fingerprint: str | None, der: bytes) -> None:
        """A key that was harvested."""
        self._line(KEY, (sha256, fingerprint, base64.b64encode(der).decode("ascii")))

    def end(self, looked: Looked) -> None:
        """All was laid down."""
        self._lay_down()
        self._line(_END, asdict(looked))
        self._file.flush()

    def _lay_down(self) -> None:
        if self._archived:
            self._line(ARCHIVED, self._archived)
            self._archived = []

    def _line(self, word: str, value: Any) -> None:
        self._file.write(orjson.dumps([word, value]) + b"\n")

    def told(self, *words: str) -> Iterator[tuple[str, Any]]:
        """What was laid down under *words*, in its order."""
        self._file.seek(0)
        for line in self._file:
            word, value = orjson.loads(line)
            if word in words:
                yield word, value

    def looked(self) -> Looked:
        """What the end says. Raises ValueError for a part that did not come to its end."""
        for _, value in self.told(_END):
            return Looked(**value)
        raise ValueError("a part of the check did not come to its end")
