"""Access to AWS: settings in, clients out. Clients are made once each and are safe to share between threads."""

from __future__ import annotations

import os
import re
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    CredentialProvider,
    CredentialResolver,
    DeferredRefreshableCredentials,
)
from botocore.credentials import Credentials as BotoCredentials
from botocore.exceptions import NoCredentialsError
from botocore.utils import parse_timestamp

from archiver.adapters.aws.errors import Doing, translated
from archiver.adapters.aws.privacy import without_private
from archiver.errors import SourceError
from archiver.version import __version__

if TYPE_CHECKING:
    from mypy_boto3_cloudtrail import CloudTrailClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sts import STSClient

ROLE_SESSION_NAME: Final = "cloudtrail-evidence-archiver"
"""Shows in the account's own CloudTrail as who read the bucket."""

Service = Literal["s3", "cloudtrail", "kms", "sts"]

CONNECT_SECONDS: Final = 5
READ_SECONDS: Final = 10
"""Longest silence of a server: a command that is asked to stop waits no longer for one."""

_ONCE_SECONDS: Final = (3, 5)
"""To connect and to read, for a question that is asked once and is not needed."""

_CALLER_ASKED_AGAIN_SECONDS: Final = 600
_LISTED_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z", re.ASCII)
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Credentials:
    """Fixed credentials. With them nothing of the user's own AWS configuration or environment is read."""

    access_key: str
    secret_key: str = field(repr=False)


def utc_now() -> datetime:
    """The clock that is used where none is injected."""
    return datetime.now(UTC)


class _Cache:
    """What an access has made so far. Making sessions and clients is not thread-safe: under ``lock``.

    ``caller_lock`` is another one, so that nobody waits for STS who only wants a client.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.session: boto3.Session | None = None
        self.clients: dict[tuple[str, str | None, bool], Any] = {}
        self.caller_lock = threading.Lock()
        self.caller: str | None = None
        self.caller_asked_at: float | None = None


@dataclass(frozen=True)
class AwsAccess:
    """How AWS is reached for one source, or for one key. Nothing is looked up or asked before the first client is.

    ``profile``: of the AWS CLI's configuration. ``role_arn``: assumed with ``external_id``, renewed by itself
    before it expires. ``endpoint_url``: of S3 and STS, ``cloudtrail_endpoint_url``: of CloudTrail,
    ``kms_endpoint_url``: of KMS; None is AWS's own. ``credentials``: in place of those of the environment.
    ``connections``: kept open, at least as many as threads use the clients. ``attempts``: of one request, with
    growing pauses, before it counts as failed.
    """

    profile: str | None = None
    role_arn: str | None = None
    external_id: str | None = None
    region: str | None = None
    endpoint_url: str | None = None
    cloudtrail_endpoint_url: str | None = None
    kms_endpoint_url: str | None = None
    credentials: Credentials | None = None
    connections: int = 32
    attempts: int = 5
    _cache: _Cache = field(default_factory=_Cache, init=False, repr=False, compare=False)

    def s3(self) -> S3Client:
        """The S3 client. Raises SourceError, as the next ones do, where no client can be made."""
        client: S3Client = self._client("s3", self.region, self.endpoint_url)
        return client

    def s3_once(self) -> S3Client:
        """As :meth:`s3`, one try a request: for whoever goes on in another way where it fails."""
        client: S3Client = self._client("s3", self.region, self.endpoint_url, once=True)
        return client

    def cloudtrail(self, region: str | None) -> CloudTrailClient:
        """The CloudTrail client of *region*."""
        client: CloudTrailClient = self._client("cloudtrail", region or self.region, self.cloudtrail_endpoint_url)
        return client

    def cloudtrail_once(self, region: str) -> CloudTrailClient:
        """As :meth:`cloudtrail`, for what nobody waits for: one try a request, and short time-outs."""
        client: CloudTrailClient = self._client("cloudtrail", region, self.cloudtrail_endpoint_url, once=True)
        return client

    def kms(self) -> KMSClient:
        """The KMS client."""
        client: KMSClient = self._client("kms", self.region, self.kms_endpoint_url)
        return client

    def sts(self) -> STSClient:
        """The STS client."""
        client: STSClient = self._client("sts", self.region, self.endpoint_url)
        return client

    def signing_credentials(self) -> BotoCredentials | None:
        """What requests are signed with; renewed by themselves where they expire."""
        session = self._cache.session
        found: BotoCredentials | None = session.get_credentials() if session else None
        return found

    def ca_bundle(self) -> str | None:
        """The file of certificate authorities that AWS_CA_BUNDLE or the profile names."""
        session = self._cache.session
        found: str | None = session._session.get_config_variable("ca_bundle") if session else None
        return found

    def caller_arn(self) -> str | None:
        """Who reads: the caller's ARN, of a role without the session's name, None where STS does not tell.

        Never raises. An answer is kept; after none, STS is asked again ten minutes later at the earliest.
        """
        cache = self._cache
        with cache.caller_lock:
            asked_at = cache.caller_asked_at
            if cache.caller is not None or (
                asked_at is not None and time.monotonic() - asked_at < _CALLER_ASKED_AGAIN_SECONDS
            ):
                return cache.caller
            cache.caller_asked_at = time.monotonic()
            try:
                with translated(Doing("ask who the caller is", "sts:GetCallerIdentity")):
                    arn = self.sts().get_caller_identity().get("Arn")
            except SourceError:
                return None
            cache.caller = without_private(arn) if arn else None
            return cache.caller

    def _client(self, service: Service, region: str | None, endpoint_url: str | None, *, once: bool = False) -> Any:
        with self._cache.lock, translated(Doing(f"make a client for {service}", "")):
            session = self._cache.session
            if session is None:
                session = self._cache.session = boto3.Session(botocore_session=self._session())
            client = self._cache.clients.get((service, region, once))
            if client is None:
                config = self._config(service, endpoint_url, once=once)
                client = session.client(service, region_name=region, endpoint_url=endpoint_url, config=config)
                self._cache.clients[service, region, once] = client
            return client

    def _session(self) -> botocore.session.Session:
        return self._plain() if self.role_arn is None else self._assuming(self.role_arn)

    def _plain(self) -> botocore.session.Session:
        fixed = self.credentials
        if fixed is None:
            session = botocore.session.Session(profile=self.profile)
        else:
            apart: Any = dict.fromkeys(("profile", "ca_bundle"), (None, None, None, None))
            apart |= dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
            apart |= {"ignore_configured_endpoint_urls": (None, None, True, None)}
            session = botocore.session.Session(session_vars=apart)
            resolver = CredentialResolver([_Ready(BotoCredentials(fixed.access_key, fixed.secret_key))])
            session.register_component("credential_provider", resolver)
        if self.region is not None:
            session.set_config_variable("region", self.region)
        session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_moment)
        return session

    def _assuming(self, role_arn: str) -> botocore.session.Session:
        """A session with the role's credentials, which are fetched at the first request and renewed in time."""
        base = self._plain()
        own = base.get_credentials()
        if own is None:
            raise NoCredentialsError
        extra = {"RoleSessionName": ROLE_SESSION_NAME}
        if self.external_id is not None:
            extra["ExternalId"] = self.external_id
        sts = partial(
            base.create_client, endpoint_url=self.endpoint_url, config=self._config("sts", self.endpoint_url)
        )
        fetcher = AssumeRoleCredentialFetcher(sts, own, role_arn, extra_args=extra)
        role = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")
        session = self._plain()
        session.register_component("credential_provider", CredentialResolver([_Ready(role)]))
        return session

    def _config(self, service: Service, endpoint_url: str | None, *, once: bool = False) -> Config:
        own = endpoint_url is not None
        attempts = 1 if once else min(2, self.attempts) if service == "sts" else self.attempts
        short = once and service == "cloudtrail"
        connecting, reading = _ONCE_SECONDS if short else (CONNECT_SECONDS, READ_SECONDS)
        loopback = own and urlsplit(endpoint_url).hostname in _LOOPBACK
        return Config(
            retries={"mode": "standard", "total_max_attempts": attempts},
            connect_timeout=connecting,
            read_timeout=reading,
            max_pool_connections=self.connections,
            # S3-compatible stores send checksums of their own making; the evidence's own hash is what counts.
            response_checksum_validation="when_required",
            request_checksum_calculation="when_required",
            user_agent_extra=f"cloudtrail-evidence-archiver/{__version__}",
            s3={"addressing_style": "path"} if own else None,
            proxies={} if loopback else None,
        )


def _moment(value: Any) -> datetime:
    """As botocore reads times, but quickly where S3 lists them: two thirds of a listing's cost were dateutil's."""
    if isinstance(value, str) and _LISTED_TIME.fullmatch(value):
        return datetime.fromisoformat(value)
    moment: datetime = parse_timestamp(value)
    return moment


class _Ready(CredentialProvider):
    """Gives credentials that exist already."""

    METHOD = "ready"

    def __init__(self, credentials: BotoCredentials) -> None:
        super().__init__()
        self._credentials = credentials

    def load(self) -> BotoCredentials:
        return self._credentials
