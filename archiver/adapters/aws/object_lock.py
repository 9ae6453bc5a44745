"""Checkpoints in an S3 bucket with Object Lock: what nobody can change or delete before the retention ends.

Under a locked object nothing changes, but a new version or a delete marker can be put on top of it. So objects are
read by version, and listed with all versions. The proof is our receipt of what S3 answered; the object itself is the
evidence, and :meth:`LockedBucket.heads` reads it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from archiver.adapters.aws.errors import Doing, error_code, translated
from archiver.adapters.aws.session import AwsAccess
from archiver.domain.custody_log import CheckpointAnchored
from archiver.domain.log_records import Anchor, UnreadHead
from archiver.domain.paths import safe_segment
from archiver.domain.text import printable
from archiver.domain.times import format_time, parse_time
from archiver.errors import AnchorError, AnchorForkedError, ObjectChangedError, SourceError
from archiver.log.anchors import OBJECT_LOCK, disagreement, file_name, proof_path
from archiver.log.note import NOTE_BYTES
from archiver.log.tiles import index_path, number_of
from archiver.log_ports import Known
from archiver.ports import Clock

Mode = Literal["governance", "compliance"]

_RECEIPT_FIELDS: Final = frozenset(
    {"bucket", "etag", "key", "last_modified", "mode", "request_ids", "retain_until", "sha256", "version_id"}
)


@dataclass(frozen=True, slots=True)
class _Locked:
    """One version of an object, as S3 shows it. ``requests``: the IDs of the requests that told."""

    body: bytes
    version: str
    facts: Mapping[str, Any]
    requests: tuple[str, ...]


class LockedBucket:
    """``log_ports.Anchorer`` for *bucket*. *prefix*: "" or ending in ``/``; *origin*: of the log."""

    def __init__(
        self,
        bucket: str,
        prefix: str,
        origin: str,
        access: AwsAccess,
        mode: Mode,
        retain_for: timedelta,
        clock: Clock,
    ) -> None:
        """Nothing is asked yet."""
        self._bucket = bucket
        self._folder = f"{prefix}{'/'.join(map(safe_segment, origin.split('/')))}/checkpoints/"
        self._access = access
        self._mode = mode
        self._retain_for = retain_for
        self._clock = clock

    @property
    def method(self) -> str:
        return OBJECT_LOCK

    @property
    def name(self) -> str:
        return file_name(self._bucket)

    @property
    def retired(self) -> bool:
        return False

    def path(self, size: int) -> str:
        return proof_path(OBJECT_LOCK, self.name, size, "json")

    def anchor(
        self,
        size: int,
        note: str,
        prove: Callable[[int, int], Sequence[bytes]],  # noqa: ARG002 - the port's
    ) -> tuple[CheckpointAnchored, bytes]:
        data = note.encode("utf-8")
        key = self._folder + index_path(size)
        with _as_anchor_errors():
            version, request = self._put(key, data)
            found = self._get(key, version)
        if found.body != data:
            raise AnchorForkedError(
                f"{self._shown(key)} holds another checkpoint of {size} leaves than the ledger does: a fork",
                "look at both, and run archiver ledger verify",
            )
        proof = self._receipt(key, found, [*request, *found.requests])
        return self.read(size, note, proof), proof

    def read(self, size: int, note: str, proof: bytes) -> CheckpointAnchored:
        told = self._told(proof)
        if (told["bucket"], told["key"]) != (self._bucket, self._folder + index_path(size)):
            raise AnchorError(f"the receipt is for another object: s3://{told['bucket']}/{told['key']}")
        if told["sha256"] != hashlib.sha256(note.encode("utf-8")).hexdigest():
            raise AnchorError("the receipt is for another checkpoint")
        try:
            at, until = parse_time(told["last_modified"]), parse_time(told["retain_until"])
        except ValueError as error:
            raise AnchorError(f"the receipt tells no time: {error}") from error
        return CheckpointAnchored(
            at=self._clock(),
            size=size,
            method=OBJECT_LOCK,
            name=self.name,
            path=self.path(size),
            sha256=hashlib.sha256(proof).hexdigest(),
            proved_at=at,
            valid_until=until,
        )

    def check(self, anchor: Anchor, note: str, proof: bytes) -> str | None:
        try:
            told = self.read(anchor.size, note, proof)
        except AnchorError as error:
            return printable(str(error))
        return disagreement(anchor, told)

    def heads(self, known: Known = lambda _size: None) -> Iterator[tuple[int, str] | UnreadHead]:
        """Every version of every checkpoint, those under a delete marker too, largest first.

        What S3 answers with an error is told in its place; what is no text comes as one that no key signed. Left out
        are those that S3 lists with the MD5 of what is known, as it does where it encrypts without KMS.
        """
        found: list[tuple[int, str, str]] = []
        with _as_anchor_errors():
            for version in self._versions():
                size = self._size(version["Key"])
                if size is not None and not _is_known(version, known(size)):
                    found.append((size, version["Key"], version["VersionId"]))
        for size, key, version_id in sorted(found, key=lambda one: one[0], reverse=True):
            try:
                data = self._get(key, version_id).body
            except SourceError as error:
                if not error_code(error):  # no answer: the others would get none, either
                    raise AnchorError(str(error), error.remedy) from error
                yield UnreadHead(size, str(error))
            else:
                yield size, data.decode("utf-8", "replace")

    def probe(self) -> str:
        if not self._has_object_lock():
            raise AnchorError(
                f"s3://{self._bucket} has no Object Lock", "enable it: aws s3api put-object-lock-configuration …"
            )
        with _as_anchor_errors():
            sizes = [self._size(version["Key"]) for version in self._versions()]
            newest = max((size for size in sizes if size is not None), default=None)
        held = "no checkpoint yet" if newest is None else f"the newest checkpoint there is of {newest} leaves"
        return f"s3://{self._bucket} has Object Lock; {held}"

    def _has_object_lock(self) -> bool:
        """Raises AnchorError."""
        doing = self._doing("ask for the Object Lock of", "s3:GetBucketObjectLockConfiguration")
        try:
            with translated(doing):
                answer = self._access.s3().get_object_lock_configuration(Bucket=self._bucket)
        except SourceError as error:
            if error_code(error) == "ObjectLockConfigurationNotFoundError":
                return False
            raise AnchorError(str(error), error.remedy) from error
        return answer.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") == "Enabled"

    def _put(self, key: str, data: bytes) -> tuple[str | None, list[str]]:
        """The version that was written and the request's ID; None where an object is there already."""
        doing = self._doing("write", "s3:PutObject and s3:PutObjectRetention", key)
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode("ascii")
        try:
            with translated(doing):
                answer = self._access.s3().put_object(
                    Bucket=self._bucket,
                    Key=key,
                    Body=data,
                    ContentType="text/plain; charset=utf-8",
                    ChecksumAlgorithm="SHA256",  # S3 wants it named for objects with a retention
                    ChecksumSHA256=digest,
                    IfNoneMatch="*",
                    ObjectLockMode="COMPLIANCE" if self._mode == "compliance" else "GOVERNANCE",
                    ObjectLockRetainUntilDate=(self._clock() + self._retain_for).replace(microsecond=0),
                )
        except ObjectChangedError:  # there is one: of an earlier run, or somebody else's
            return None, []
        return answer.get("VersionId"), [_request_id(answer)]

    def _get(self, key: str, version: str | None) -> _Locked:
        """The object's bytes and lock, of *version* or of the current one. Raises SourceError."""
        asked: Any = {"Bucket": self._bucket, "Key": key} | ({"VersionId": version} if version else {})
        reading = self._doing("read", "s3:GetObject and s3:GetObjectVersion", key)
        with translated(reading):
            answer = self._access.s3().get_object(**asked)
        with translated(reading):
            body = answer["Body"].read(NOTE_BYTES + 1)
        if len(body) <= NOTE_BYTES:
            with translated(reading):
                answer["Body"].read(1)  # only at its end does the library tell of a body that was cut
        asked["VersionId"] = found = answer.get("VersionId", "null")  # as S3 calls what is in no version
        with translated(self._doing("look at", "s3:GetObject and s3:GetObjectRetention", key)):
            facts = self._access.s3().head_object(**asked)
        return _Locked(body, found, facts, (_request_id(answer), _request_id(facts)))

    def _receipt(self, key: str, found: _Locked, requests: list[str]) -> bytes:
        """What S3 answered, as canonical JSON (RFC 8785). Raises AnchorError where the object is not locked."""
        mode, written = found.facts.get("ObjectLockMode"), found.facts.get("LastModified")
        until = found.facts.get("ObjectLockRetainUntilDate")
        if not mode or not isinstance(until, datetime) or not isinstance(written, datetime):
            raise AnchorError(
                f"{self._shown(key)} is not locked, or its lock cannot be seen",
                "the bucket needs Object Lock, and the caller s3:GetObjectRetention to see it",
            )
        told = {
            "bucket": self._bucket,
            "etag": found.facts.get("ETag", ""),
            "key": key,
            "last_modified": format_time(written),
            "mode": mode,
            "request_ids": [request for request in requests if request],
            "retain_until": format_time(until),
            "sha256": hashlib.sha256(found.body).hexdigest(),
            "version_id": found.version,
        }
        return _canonical(told)

    def _told(self, proof: bytes) -> dict[str, str]:
        """The receipt's texts. Raises AnchorError for what :meth:`_receipt` did not make."""
        try:
            told = json.loads(proof)
        except (ValueError, RecursionError) as error:
            raise AnchorError("the receipt is not JSON") from error
        if not isinstance(told, dict) or set(told) != _RECEIPT_FIELDS or _canonical(told) != proof:
            raise AnchorError("the receipt is not as this program writes it")
        texts = {name: value for name, value in told.items() if isinstance(value, str)}
        if set(texts) | {"request_ids"} != _RECEIPT_FIELDS or told["mode"] not in ("GOVERNANCE", "COMPLIANCE"):
            raise AnchorError("the receipt is not as this program writes it")
        return texts

    def _versions(self) -> Iterator[Mapping[str, Any]]:
        """All that lies below the folder, every version of it. Raises SourceError."""
        pages = self._access.s3().get_paginator("list_object_versions")
        iterator = iter(pages.paginate(Bucket=self._bucket, Prefix=self._folder))
        doing = self._doing("list the versions in", "s3:ListBucketVersions")
        while True:
            with translated(doing):
                page = next(iterator, None)
            if page is None:
                return
            yield from page.get("Versions", ())

    def _size(self, key: str) -> int | None:
        """The size of the checkpoint that lies at *key*, None for anything else."""
        index = key.removeprefix(self._folder)
        return number_of(index)

    def _doing(self, what: str, permission: str, key: str = "") -> Doing:
        place = f"arn:aws:s3:::{self._bucket}" + ("/*" if key else "")
        return Doing(f"{what} {self._shown(key)}", f"{permission} on {place}", self._bucket, is_object=bool(key))

    def _shown(self, key: str) -> str:
        return printable(f"s3://{self._bucket}/{key}", 300)


@contextmanager
def _as_anchor_errors() -> Iterator[None]:
    """Turns a SourceError inside into an AnchorError."""
    try:
        yield
    except SourceError as error:
        raise AnchorError(str(error), error.remedy) from error


def _canonical(told: Mapping[str, object]) -> bytes:
    """RFC 8785, for objects of texts whose names are ASCII."""
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode("utf-8")


def _is_known(version: Mapping[str, Any], note: str | None) -> bool:
    """True where S3 lists *version* as an object that holds *note*; no more than that: heads are compared by root."""
    if note is None:
        return False
    digest = hashlib.md5(note.encode("utf-8"), usedforsecurity=False).hexdigest()
    return bool(version.get("ETag") == f'"{digest}"')


def _request_id(answer: Mapping[str, Any]) -> str:
    return str(answer["ResponseMetadata"].get("RequestId", ""))
