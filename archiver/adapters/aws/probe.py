"""What ``archiver doctor`` asks of AWS about one bucket: may we read it, and would it keep evidence well?

Each question is asked once and apart, so that each missing permission is named. What only the bucket's safety
depends on is a warning; what a run depends on is a failure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

from archiver.adapters.aws.cloudtrail import CloudTrailKeys
from archiver.adapters.aws.describe import PERMISSION, DescribeQuery
from archiver.adapters.aws.errors import Doing, error_code, translated
from archiver.adapters.aws.session import AwsAccess
from archiver.domain.delivery import parse_query_path
from archiver.domain.health import Health, HealthCheck
from archiver.domain.text import printable
from archiver.errors import SourceDeniedError, SourceError
from archiver.ports import Clock

_KEYS_BACK: Final = timedelta(days=30)
_NO_QUERY: Final = "00000000-0000-0000-0000-000000000000"
"""A query that nobody ran: may one ask, CloudTrail says that it does not know it."""

_TELLS_NOTHING: Final = frozenset({"NotImplemented", "MethodNotAllowed", "NotSupported", "501", "405"})
"""A compatible store that does not know the question."""


@dataclass(frozen=True, slots=True)
class BucketProbe:
    """One source that is a bucket. ``prefix``: "" or ending in ``/``. ``region``: whose keys are asked for.

    ``describe``: CloudTrail is to be asked about queries.
    """

    name: str
    bucket: str
    prefix: str
    region: str | None
    access: AwsAccess
    clock: Clock
    describe: bool = True

    def checks(self) -> Iterator[HealthCheck]:
        """Every check of this source, the one on which the others depend first."""
        yield self._credentials()
        listed, answer = self._list()
        yield listed
        if answer is None:
            yield from self._skipped("read", "versioning", "encryption", "public_access", "object_lock", "policy")
        else:
            yield self._clock_offset(answer)
            yield self._read(answer)
            yield from self._bucket()
        yield self._keys()
        if self.describe and self.region is not None:
            yield self._query(self.region, answer)

    def _check(self, check_id: str, status: Health, detail: str, remedy: str = "") -> HealthCheck:
        return HealthCheck(check_id, status, detail, remedy, self.name)

    def _failed(self, check_id: str, error: SourceError, status: Health = Health.FAIL) -> HealthCheck:
        return self._check(check_id, status, str(error), error.remedy)

    def _skipped(self, *ids: str) -> Iterator[HealthCheck]:
        for check_id in ids:
            yield self._check(check_id, Health.SKIP, "the bucket cannot be listed")

    def _credentials(self) -> HealthCheck:
        try:
            with translated(Doing("ask who the caller is", "sts:GetCallerIdentity")):
                arn = self.access.sts().get_caller_identity()["Arn"]
        except SourceError as error:
            # a compatible store need not have STS: there the listing shows whether the credentials work
            status = Health.WARN if self.access.endpoint_url else Health.FAIL
            return self._failed("credentials", error, status)
        return self._check("credentials", Health.OK, printable(arn))

    def _list(self) -> tuple[HealthCheck, Mapping[str, Any] | None]:
        place = f"s3://{self.bucket}/{self.prefix}"
        doing = Doing(f"list {place}", f"s3:ListBucket on arn:aws:s3:::{self.bucket}", self.bucket)
        try:
            with translated(doing):
                answer = self.access.s3().list_objects_v2(Bucket=self.bucket, Prefix=self.prefix, MaxKeys=100)
        except SourceError as error:
            return self._failed("list", error), None
        if not answer.get("KeyCount", len(answer.get("Contents", ()))):
            remedy = "check bucket and prefix; it may also be that nothing was delivered yet"
            return self._check("list", Health.WARN, f"{place} is empty", remedy), answer
        return self._check("list", Health.OK, f"{place} can be listed"), answer

    def _clock_offset(self, answer: Mapping[str, Any]) -> HealthCheck:
        """AWS refuses requests that are 15 minutes off; evidence times should be far better than that."""
        stated = answer["ResponseMetadata"].get("HTTPHeaders", {}).get("date", "")
        try:
            theirs = parsedate_to_datetime(stated)
        except ValueError:
            return self._check("clock", Health.SKIP, "the store does not tell the time")
        seconds = (theirs.replace(tzinfo=theirs.tzinfo or UTC) - self.clock()).total_seconds()
        off = f"this machine's clock and the store's differ by {abs(seconds):.0f} s"
        if abs(seconds) > 300:
            return self._check("clock", Health.FAIL, off, "set the clock: timedatectl set-ntp true")
        if abs(seconds) > 5:
            return self._check("clock", Health.WARN, off, "set the clock: timedatectl set-ntp true")
        return self._check("clock", Health.OK, off)

    def _read(self, answer: Mapping[str, Any]) -> HealthCheck:
        """One byte of one object: also shows whether the KMS key may be used."""
        key = next((o["Key"] for o in answer.get("Contents", ()) if o["Size"] > 0), None)
        if key is None:
            return self._check("read", Health.SKIP, "there is no object to try")
        shown = f"s3://{self.bucket}/{printable(key, 200)}"
        permission = f"s3:GetObject on arn:aws:s3:::{self.bucket}/* (and kms:Decrypt where the bucket uses KMS)"
        try:
            with translated(Doing(f"read {shown}", permission, self.bucket, is_object=True)):
                body = self.access.s3().get_object(Bucket=self.bucket, Key=key, Range="bytes=0-0")["Body"]
                try:
                    body.read(1)
                finally:
                    body.close()
        except SourceError as error:
            return self._failed("read", error)
        return self._check("read", Health.OK, f"{shown} can be read")

    def _bucket(self) -> Iterator[HealthCheck]:
        s3 = self.access.s3()
        yield self._ask("versioning", "s3:GetBucketVersioning", s3.get_bucket_versioning, _versioning)
        yield self._ask(
            "encryption", "s3:GetEncryptionConfiguration", s3.get_bucket_encryption, _encryption,
            {"ServerSideEncryptionConfigurationNotFoundError": ("no default encryption is set", _ENCRYPT)},
        )  # fmt: skip
        yield self._ask(
            "public_access", "s3:GetBucketPublicAccessBlock", s3.get_public_access_block, _public_access,
            {"NoSuchPublicAccessBlockConfiguration": ("public access is not blocked on the bucket", _BLOCK)},
        )  # fmt: skip
        yield self._ask(
            "object_lock", "s3:GetBucketObjectLockConfiguration", s3.get_object_lock_configuration, _object_lock,
            {"ObjectLockConfigurationNotFoundError": ("no Object Lock: deliveries can be deleted", _LOCK)},
        )  # fmt: skip
        yield self._ask(
            "policy", "s3:GetBucketPolicyStatus", s3.get_bucket_policy_status, _policy,
            {"NoSuchBucketPolicy": ("", "")},
        )  # fmt: skip

    def _ask(
        self,
        check_id: str,
        permission: str,
        question: Callable[..., Mapping[str, Any]],
        judge: _Judge,
        absent: Mapping[str, tuple[str, str]] | None = None,
    ) -> HealthCheck:
        """One *question* about the bucket; *absent*: what error codes mean that are no errors."""
        doing = Doing(f"ask for the {check_id.replace('_', ' ')} of s3://{self.bucket}", permission, self.bucket)
        try:
            with translated(doing):
                status, detail, remedy = judge(question(Bucket=self.bucket))
        except SourceError as error:
            code = error_code(error)
            if absent is not None and code in absent:
                detail, remedy = absent[code]
                status = Health.WARN if detail else Health.OK
                return self._check(check_id, status, detail or "nothing is set, which is private", remedy)
            if code in _TELLS_NOTHING:
                return self._check(check_id, Health.SKIP, "the store does not tell")
            if isinstance(error, SourceDeniedError):
                detail = f"cannot look: {permission} is not allowed"
                return self._check(check_id, Health.WARN, detail, f"allow {permission}; only doctor needs it")
            return self._failed(check_id, error, Health.WARN)
        return self._check(check_id, status, detail, remedy)

    def _keys(self) -> HealthCheck:
        region = self.region
        if region is None:
            return self._check("public_keys", Health.WARN, "no region is set", "set the source's region")
        now = self.clock()
        try:
            keys, _ = CloudTrailKeys(self.access, region, self.clock).list_keys(now - _KEYS_BACK, now)
        except SourceError as error:
            return self._failed("public_keys", error)
        return self._check("public_keys", Health.OK, f"CloudTrail in {region} lists {len(keys)} for the last 30 days")

    def _query(self, region: str, listed: Mapping[str, Any] | None) -> HealthCheck:
        """Asks about a query that was delivered, where one is listed; that it is too old now is an answer, too."""
        folders = (o["Key"].rpartition("/")[0] + "/" for o in (listed or {}).get("Contents", ()))
        paths = (path for folder in folders if (path := parse_query_path(folder)) is not None)
        query_id = next((path.query_id for path in paths), _NO_QUERY)
        answer = DescribeQuery(self.access, region).describe(query_id)
        if answer.refusal and not answer.is_about_query:
            remedy = f"allow {PERMISSION}, or set describe = false; only reports tell what it answers"
            return self._check("queries", Health.WARN, answer.refusal, remedy)
        return self._check("queries", Health.OK, f"CloudTrail in {region} may be asked about queries")


_Judge = Callable[[Mapping[str, Any]], tuple[Health, str, str]]

_VERSION: Final = "aws s3api put-bucket-versioning …: what is overwritten or deleted can be found again"
_ENCRYPT: Final = "set default encryption (SSE-S3 or SSE-KMS) on the bucket"
_BLOCK: Final = "aws s3api put-public-access-block …, all four settings"
_LOCK: Final = "consider S3 Object Lock with a default retention on the bucket"


def _versioning(answer: Mapping[str, Any]) -> tuple[Health, str, str]:
    state = answer.get("Status", "never enabled")
    if state == "Enabled":
        return Health.OK, "enabled", ""
    return Health.WARN, f"versioning is {printable(state, 40).lower()}", _VERSION


def _encryption(answer: Mapping[str, Any]) -> tuple[Health, str, str]:
    rules = answer.get("ServerSideEncryptionConfiguration", {}).get("Rules", ())
    kinds = [rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm") for rule in rules]
    named = ", ".join(printable(kind, 40) for kind in kinds if kind)
    return (Health.OK, named, "") if named else (Health.WARN, "no default encryption is set", _ENCRYPT)


def _public_access(answer: Mapping[str, Any]) -> tuple[Health, str, str]:
    flags = answer.get("PublicAccessBlockConfiguration", {})
    wanted = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    missing = [flag for flag in wanted if not flags.get(flag)]
    return (Health.WARN, f"not set: {', '.join(missing)}", _BLOCK) if missing else (Health.OK, "blocked", "")


def _object_lock(answer: Mapping[str, Any]) -> tuple[Health, str, str]:
    retention = answer.get("ObjectLockConfiguration", {}).get("Rule", {}).get("DefaultRetention", {})
    if not retention:
        return Health.WARN, "Object Lock is enabled without a default retention", _LOCK
    term = f"{retention['Days']} days" if "Days" in retention else f"{retention.get('Years', '?')} years"
    return Health.OK, f"{printable(retention.get('Mode', '?'), 20).lower()} for {term}", ""


def _policy(answer: Mapping[str, Any]) -> tuple[Health, str, str]:
    if answer.get("PolicyStatus", {}).get("IsPublic"):
        return Health.FAIL, "the bucket's policy makes it public", "take the public grant out of the bucket's policy"
    return Health.OK, "not public", ""
