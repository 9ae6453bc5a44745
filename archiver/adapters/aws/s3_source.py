"""A source that is an S3 bucket (or a prefix of one), AWS's or a compatible store's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from threading import Semaphore
from typing import TYPE_CHECKING, Any, Final

from archiver.adapters.aws.direct import DirectReader
from archiver.adapters.aws.errors import Doing, translated
from archiver.adapters.aws.layout import Layout
from archiver.adapters.aws.ranges import PARTS_AHEAD, RANGED_FROM_BYTES, RangedStream, RangeIgnoredError
from archiver.adapters.aws.session import AwsAccess, utc_now
from archiver.adapters.aws.stream import S3Stream
from archiver.domain.delivery import SourceObject
from archiver.domain.evidence import Origin
from archiver.domain.limits import RESUME_FROM_BYTES
from archiver.domain.text import printable
from archiver.domain.times import format_optional
from archiver.errors import ObjectChangedError, SourceUnreachableError
from archiver.ports import Clock, ObjectStream

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef

_LIST: Final = "s3:ListBucket"
_READ: Final = "s3:GetObject"
_READ_VERSION: Final = "s3:GetObjectVersion"

_ACCOUNT: Final = re.compile(r"(?:.*/)?AWSLogs/(?P<account>\d{12,16})/CloudTrail-Lake/Query/", re.ASCII | re.DOTALL)


def account_of(key: str) -> str | None:
    """The account whose canonical folder *key* claims to lie in, None outside of these."""
    match = _ACCOUNT.match(key)
    return match["account"] if match else None


class S3Source:
    """Implements :class:`archiver.ports.Source`.

    *prefix* is a folder: ``a/b`` means ``a/b/``. *accounts* restricts the source to these accounts' canonical
    folders, wherever below the prefix; with none given everything counts. Who asks for a prefix inside of another
    account's folder gets it all the same: evidence acquired before *accounts* was narrowed is not gone.
    """

    times_are_observed: Final = True

    def __init__(
        self,
        name: str,
        bucket: str,
        prefix: str,
        access: AwsAccess,
        accounts: frozenset[str] = frozenset(),
        clock: Clock = utc_now,
    ) -> None:
        self._name = name
        self._bucket = bucket
        self._prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""
        self._access = access
        self._clock = clock
        self._accounts = accounts
        self._direct = DirectReader(access)
        self._ahead = Semaphore(PARTS_AHEAD)
        self._layout = Layout(self._prefix, self._subfolders, accounts)

    @property
    def name(self) -> str:
        """The source's name in the configuration."""
        return self._name

    @property
    def url(self) -> str:
        """``s3://bucket/prefix/``."""
        return f"s3://{self._bucket}/{self._prefix}"

    @property
    def region(self) -> str | None:
        """The configured Region."""
        return self._access.region

    def caller(self) -> str | None:
        """See the port."""
        return self._access.caller_arn()

    def day_prefixes(self, since: date) -> Iterator[str]:
        """See the port. Where ``AWSLogs/`` does not start right at the prefix, only whole listings find it."""
        return self._layout.day_folders(since)

    def objects(self, prefix: str = "") -> Iterator[SourceObject]:
        """See the port."""
        if prefix.startswith(self._prefix):
            found = self._below(prefix)
        elif self._prefix.startswith(prefix):
            found = self._below(self._prefix)
        else:
            return
        every = not self._accounts or account_of(prefix) is not None
        for entry in found:
            if every or account_of(entry.key) in self._accounts:
                yield entry

    def _below(self, prefix: str) -> Iterator[SourceObject]:
        for page in self._pages(prefix):
            for entry in page.get("Contents", ()):
                yield SourceObject(
                    key=entry["Key"],
                    size=entry["Size"],
                    etag=entry.get("ETag", "").strip('"'),
                    last_modified=_utc(entry.get("LastModified")),
                )

    def _subfolders(self, folder: str) -> Iterator[str]:
        for page in self._pages(folder, delimiter="/"):
            for entry in page.get("CommonPrefixes", ()):
                yield entry["Prefix"]

    def _pages(self, prefix: str, delimiter: str = "") -> Iterator[ListObjectsV2OutputTypeDef]:
        shown = f"s3://{self._bucket}/{printable(prefix, 300)}"
        doing = Doing(f"list {shown}", f"{_LIST} on arn:aws:s3:::{self._bucket}", self._bucket)
        paginator = self._access.s3().get_paginator("list_objects_v2")
        pages = iter(paginator.paginate(Bucket=self._bucket, Prefix=prefix, Delimiter=delimiter))
        while True:
            with translated(doing):  # not around the yield: what a consumer raises is not ours to translate
                page = next(pages, None)
            if page is None:
                return
            if "IsTruncated" not in page:  # any other XML reads like an empty listing, as if all were deleted
                raise SourceUnreachableError(
                    f"cannot {doing.what}: what answered is no S3", "check the endpoint, and what stands before it"
                )
            yield page

    @contextmanager
    def open(self, found: SourceObject, offset: int = 0, pinned: Origin | None = None) -> Iterator[ObjectStream]:
        """See the port. ``If-Match`` is sent and what comes back is checked too: some stores ignore it.

        What is long and comes slowly is asked for in ranges too (see ``ranges``).
        """
        shown = f"s3://{self._bucket}/{printable(found.key, 300)}"
        if offset > found.size or (pinned is not None and pinned.etag != found.etag):
            raise ObjectChangedError(f"{shown} is not the object any more of which a part was fetched")
        version = pinned.version_id if pinned else None
        permission = f"{_READ_VERSION if version else _READ} on it (and kms:Decrypt where the bucket uses KMS)"
        doing = Doing(f"read {shown}", permission, self._bucket, is_object=True)
        wanted = _Wanted(found, version, version, shown)
        with ExitStack() as opened:
            stream = opened.enter_context(self._answer(wanted, doing, offset))
            if not found.etag or found.size - offset < RANGED_FROM_BYTES:
                yield stream
                return
            bound = replace(wanted, bound_version=stream.origin.version_id)
            ask = partial(self._answer, bound, doing)
            with RangedStream(stream, opened.close, ask, offset, found.size, self._ahead) as ranged:
                yield ranged

    @contextmanager
    def _answer(self, wanted: _Wanted, doing: Doing, offset: int, stop: int | None = None) -> Iterator[S3Stream]:
        """One GET: the bytes from *offset* to before *stop*, None for the end.

        Raises RangeIgnoredError where not only these came, though they have an end.
        """
        found = wanted.found
        # The last byte is asked for where none are left: no server answers an empty range.
        start = min(offset, max(found.size - 1, 0))
        request = _request(self._bucket, wanted, start, stop)
        answer = self._answered(found, request, doing) if stop is None else self._answered_once(request, doing)
        received_at = self._clock()
        with answer["Body"] as body:
            begins, ends = _check(answer, wanted, start, stop or found.size)
            if stop is not None and (begins, ends) != (start, stop):
                raise RangeIgnoredError(f"cannot {doing.what}: a range was asked for and everything came")
            yield S3Stream(body, _origin(found, answer, received_at), offset - begins, ends - offset, doing)

    def _answered(self, found: SourceObject, request: Any, doing: Doing) -> Mapping[str, Any]:
        """What S3 answers to *request*; a plain one for a small object goes the direct way where there is one."""
        if found.size < RESUME_FROM_BYTES and request.keys() <= _PLAIN:
            quick = self._direct.get(found.key, found.etag)
            if quick is not None:
                return quick
        client = self._access.s3()
        with translated(doing), self._direct.learning(found.key):
            answer: Mapping[str, Any] = client.get_object(**request)
        return answer

    def _answered_once(self, request: Any, doing: Doing) -> Mapping[str, Any]:
        """What S3 answers to *request* for a range: where it does not, the object comes in another way."""
        client = self._access.s3_once()
        with translated(doing):
            answer: Mapping[str, Any] = client.get_object(**request)
        return answer


_PLAIN: Final = frozenset({"Bucket", "Key", "IfMatch"})


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The object that every answer must be about.

    ``asked_version`` is sent, which takes a permission of its own; ``bound_version`` is what every answer must have.
    """

    found: SourceObject
    asked_version: str | None
    bound_version: str | None
    shown: str


def _request(bucket: str, wanted: _Wanted, start: int, stop: int | None) -> Any:
    request = {"Bucket": bucket, "Key": wanted.found.key}
    if wanted.found.etag:
        request["IfMatch"] = f'"{wanted.found.etag}"'
    if wanted.asked_version is not None:
        request["VersionId"] = wanted.asked_version
    if start or stop is not None:
        request["Range"] = f"bytes={start}-{'' if stop is None else stop - 1}"
    return request


def _check(answer: Mapping[str, Any], wanted: _Wanted, start: int, stop: int) -> tuple[int, int]:
    """That *answer* is about the object that was listed; answers the offsets at which its body begins and ends."""
    found, shown, version = wanted.found, wanted.shown, wanted.bound_version
    etag, got_version = answer.get("ETag", "").strip('"'), answer.get("VersionId")
    if found.etag and etag != found.etag:
        raise ObjectChangedError(f"{shown} has ETag {printable(etag, 80)}, listed was {printable(found.etag, 80)}")
    if version is not None and got_version != version:
        raise ObjectChangedError(f"{shown} has version {printable(str(got_version), 80)}, asked was {version}")
    begins, ends, stated = 0, found.size, answer.get("ContentRange")
    # rclone sends part of an object with status 200 and a Content-Range, so the status alone tells nothing.
    if stated is not None or answer["ResponseMetadata"]["HTTPStatusCode"] == 206:
        begins, ends = start, stop
        if stated != f"bytes {start}-{stop - 1}/{found.size}":
            asked = f"asked from byte {start} of {found.size}" + (f" to before {stop}" if stop < found.size else "")
            raise ObjectChangedError(f"{shown}: {asked}, got {printable(repr(stated), 80)}")
    size = answer.get("ContentLength")
    if size is not None and size != ends - begins:
        raise ObjectChangedError(f"{shown} has {begins + size + found.size - ends} bytes, listed were {found.size}")
    return begins, ends


def _origin(found: SourceObject, answer: Mapping[str, Any], received_at: datetime) -> Origin:
    about = answer["ResponseMetadata"]
    how = (answer.get("ServerSideEncryption"), answer.get("SSEKMSKeyId"), answer.get("SSECustomerAlgorithm"))
    return Origin(
        key=found.key,
        etag=found.etag,
        version_id=answer.get("VersionId"),
        last_modified=_utc(answer.get("LastModified")),
        request_id=_short(about.get("RequestId")),
        request_id_2=_short(about.get("HostId")),
        clock_offset_ms=_clock_offset(about.get("HTTPHeaders", {}).get("date"), received_at),
        encryption=_short(" ".join(part for part in how if part)),
        retention=_retention(answer),
    )


def _retention(answer: Mapping[str, Any]) -> str:
    """Object Lock as S3 tells of it to whoever may know (s3:GetObjectRetention, s3:GetObjectLegalHold)."""
    mode, hold = answer.get("ObjectLockMode"), answer.get("ObjectLockLegalHoldStatus")
    until = _utc(answer.get("ObjectLockRetainUntilDate"))
    lock = " until ".join(part for part in (mode, format_optional(until)) if part)
    return printable("; ".join(part for part in (lock, f"legal hold {hold}" if hold else "") if part), 200)


def _utc(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC) if moment else None


def _short(text: str | None) -> str | None:
    return printable(text, 300) if text else None


def _clock_offset(stated: str | None, received_at: datetime) -> int | None:
    """The store's clock minus ours, in ms; its ``Date`` header knows whole seconds only."""
    try:
        theirs = parsedate_to_datetime(stated or "")
    except ValueError:
        return None
    if theirs.tzinfo is None:
        return None
    return round((theirs - received_at).total_seconds() * 1000)
