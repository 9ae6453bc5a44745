"""Deliveries as a source shows them: objects, folders of objects, and what a folder's path claims.

Source: AWS CloudTrail User Guide, "Find your CloudTrail Lake saved query results". A path is a claim: whoever
can write to the bucket can choose it.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property
from typing import Final

from archiver.domain.sign_file import RESULT_NAME, SIGN_FILE_NAME
from archiver.domain.times import format_optional

_CANONICAL = re.compile(
    r"(?:.*/)?AWSLogs/(?P<account>\d{12,16})/CloudTrail-Lake/Query/"
    r"(?P<year>\d{4})/(?P<month>\d{2})/(?P<day>\d{2})/(?P<query_id>[a-f0-9-]{36})/",
    re.ASCII | re.DOTALL,
)
_QUERY_ID: Final = re.compile(r"[a-f0-9-]{36}", re.ASCII)


class ObjectKind(StrEnum):
    """What an entry of a source is. Links and specials occur in folders only, and are never followed."""

    FILE = "file"
    LINK = "link"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class SourceObject:
    """One object as listed.

    ``key``: its key below the bucket, or its path below the source folder with ``/``. ``size``: bytes.
    ``etag``: as listed, without quotes; for a file its modification and change time in ns and its inode. Neither is
    a content hash.
    """

    key: str
    size: int
    etag: str
    last_modified: datetime | None = None
    kind: ObjectKind = ObjectKind.FILE


@dataclass(frozen=True, slots=True)
class QueryPath:
    """What a canonical path claims: account (12 to 16 digits), query ID (36 of ``[a-f0-9-]``), UTC day."""

    account: str
    query_id: str
    day: date


def parse_query_path(prefix: str) -> QueryPath | None:
    """What *prefix* (a folder's key, ending in ``/``) claims, or None where it is not canonical.

    Anchored on the last ``AWSLogs/``, for an optional prefix may have several segments, even that one.
    """
    match = _CANONICAL.fullmatch(prefix)
    if match is None:
        return None
    try:
        day = date(int(match["year"]), int(match["month"]), int(match["day"]))
    except ValueError:
        return None
    return QueryPath(match["account"], match["query_id"], day)


@dataclass(frozen=True)
class Delivery:
    """One folder as listed: everything that lies in it, in key order.

    ``prefix`` ends in ``/`` ("" is the root). ``overflow`` counts objects beyond
    ``limits.FOLDER_OBJECTS`` that were seen and not kept.
    """

    prefix: str
    objects: tuple[SourceObject, ...]
    overflow: int = 0

    def name_of(self, found: SourceObject) -> str:
        """The object's name inside the folder."""
        return found.key[len(self.prefix) :]

    @cached_property
    def sign_object(self) -> SourceObject | None:
        """The sign file, if it is there."""
        return next((o for o in self.objects if self.name_of(o) == SIGN_FILE_NAME), None)

    @cached_property
    def path(self) -> QueryPath | None:
        """What the path claims, None where it is not canonical."""
        return parse_query_path(self.prefix)

    @property
    def account(self) -> str | None:
        """The account that the path claims."""
        return self.path.account if self.path else None

    @property
    def query_id(self) -> str | None:
        """The query ID that the path claims: also where only the folder's own name looks like one."""
        name = self.prefix.removesuffix("/").rpartition("/")[2]
        return name if _QUERY_ID.fullmatch(name) else None

    @property
    def size(self) -> int:
        """Bytes of all objects."""
        return sum(o.size for o in self.objects)

    @property
    def newest(self) -> datetime | None:
        """When the last of its objects arrived, as listed."""
        return max((o.last_modified for o in self.objects if o.last_modified), default=None)

    @cached_property
    def listing_digest(self) -> str:
        """SHA-256 over the listing (keys, sizes, ETags, times): equal means nothing was touched.

        The parts are length-prefixed: no key makes two listings look like one.
        """
        digest = hashlib.sha256()
        for o in self.objects:
            for part in (o.key, str(o.size), o.etag, format_optional(o.last_modified) or "", o.kind.value):
                data = part.encode("utf-8", "surrogatepass")
                digest.update(len(data).to_bytes(8, "big") + data)
        digest.update(str(self.overflow).encode("ascii"))
        return digest.hexdigest()

    @property
    def looks_like_results(self) -> bool:
        """True for a canonical folder that holds a result file: a delivery even without a sign file."""
        return self.path is not None and any(RESULT_NAME.fullmatch(self.name_of(o)) for o in self.objects)
