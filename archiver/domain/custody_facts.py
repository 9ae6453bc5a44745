"""Custody entries on what else is known of evidence: CloudTrail's account of the query, a whole reading, a package.

The text of a query may name people, so it stays out of the entries: its hash is in them, the text in the archive.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from archiver.domain.custody import Entry
from archiver.domain.survey import FileSurvey


@dataclass(frozen=True, slots=True)
class QueryFigures:
    """What DescribeQuery answered, the query's text apart (AWS CloudTrail API Reference, DescribeQuery).

    ``owner``: account that owns the event data store. Counts in events and bytes; ``milliseconds``: of execution.
    """

    query_status: str | None
    delivery_status: str | None
    delivery_uri: str | None
    owner: str | None
    events_matched: int | None
    events_scanned: int | None
    bytes_scanned: int | None
    milliseconds: int | None
    created_at: datetime | None
    query_string_sha256: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryDescribed(Entry):
    """CloudTrail was asked about the query of an item (cloudtrail:DescribeQuery), which it answers for seven days.

    ``path``: where the whole answer lies in the archive, JSON, ``sha256`` of its bytes; both and ``figures`` None
    where there was none, and ``refusal`` says why. ``endpoint``, ``caller``, ``request_id``: as for keys.
    """

    kind: ClassVar[str] = "query_described"
    id: str
    query_id: str
    path: str | None
    sha256: str | None
    figures: QueryFigures | None
    refusal: str
    endpoint: str
    caller: str | None
    request_id: str | None

    @property
    def evidence_id(self) -> str | None:
        return self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceSurveyed(Entry):
    """Files of an item were read to their end, and had the SHA-256 that they were acquired with."""

    kind: ClassVar[str] = "evidence_surveyed"
    id: str
    files: tuple[FileSurvey, ...]

    @property
    def evidence_id(self) -> str | None:
        return self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported(Entry):
    """A package of *count* items was made. ``manifest_sha256``: of ``tagmanifest-sha256.txt``, which pins it all.

    ``ids``, ``selection``: as of ``Reported``. ``form``: ``folder``, ``tar.zst``, ``zip``. ``size``: of its payload.
    """

    kind: ClassVar[str] = "exported"
    ids: tuple[str, ...]
    count: int
    selection: str
    form: str
    manifest_sha256: str
    files: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsAccounted(Entry):
    """Which entries of the log are about some items, stated before a package of them is made: none can be left out.

    ``items``: how many. ``before``: entries with a smaller number are meant; where nothing came between, it is this
    entry's own number.
    ``sha256``: of the account, a text with a line for each item in the package's order: its ID, how many entries the
    package holds of it and its public keys, and the SHA-256 of their numbers (decimal, each with a newline, sorted
    as bytes).
    """

    kind: ClassVar[str] = "events_accounted"
    before: int
    items: int
    sha256: str
