"""GetObject of many small objects: signed by botocore, sent without what its clients do round each request.

A client spends a millisecond of processor time on a request; this spends a fifth of it. How the bucket is reached
(endpoint, addressing, Region) is not worked out here: it is read off the first request that the client itself has
sent with success. Whatever does not go quite as it should (a status, a connection, a header that makes no sense)
is answered with None, and the caller asks the client, which knows of retries, redirects and reasons.

Source of the headers: Amazon S3 API Reference, GetObject.
"""

from __future__ import annotations

import re
import select
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, Final, Self
from urllib.parse import quote, urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError
from botocore.httpsession import get_cert_path
from botocore.utils import get_environ_proxies

from archiver.adapters.aws.session import CONNECT_SECONDS, READ_SECONDS, AwsAccess
from archiver.domain.times import parse_time

_SCOPE: Final = re.compile(r"AWS4-HMAC-SHA256 Credential=[^/]+/\d{8}/([a-z0-9-]+)/s3/aws4_request,", re.ASCII)
_WHOLE, _PART = 200, 206


@dataclass(frozen=True, slots=True)
class Way:
    """How a bucket is reached: *base* is the URL before the key; *region*: for which requests are signed.

    ``credentials`` renew themselves where they expire.
    """

    base: str
    region: str
    agent: str
    credentials: Credentials


class Body:
    """What is used of a response's body. Its connection is kept if *reusable*, and if it was read to its end."""

    def __init__(
        self, response: HTTPResponse, connection: HTTPConnection, length: int | None, reusable: bool
    ) -> None:
        self._response = response
        self._connection = connection
        self._left = length
        self._reusable = reusable

    def read1(self, amt: int, /) -> bytes:
        """See ``stream.Body``."""
        try:
            data = self._response.read1(amt)
        except HTTPException as error:
            raise ConnectionResetError(f"{type(error).__name__}: {error}") from error
        if self._left is not None:
            self._left -= len(data)
            if self._left == 0:  # Python 3.11 does not see the end itself, and would open another connection
                self._response.close()
        return data

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """What is left of an object would be read as the next answer: whoever stored the object could forge one.

        So would what a server sends behind one that has ended: see ``_is_unsettled``.
        """
        if not self._reusable or not self._response.isclosed():
            self._connection.close()


class DirectReader:
    """Reads objects of one bucket. Safe from several threads: each has a connection of its own."""

    def __init__(self, access: AwsAccess) -> None:
        self._access = access
        self._way: Way | None = None
        self._tls: ssl.SSLContext | None = None
        self._here = threading.local()
        self._lock = threading.Lock()
        self._is_learning = False

    @contextmanager
    def learning(self, key: str) -> Iterator[None]:
        """Inside, the client gets the object *key*; where it does with success, the way to it is known."""
        if self._way is not None:
            yield
            return
        with self._lock:
            if not self._is_learning:
                self._access.s3().meta.events.register("before-send.s3.GetObject", self._sent)
                self._is_learning = True
        self._here.sent = None
        yield
        if self._here.sent is not None:
            self._way = self._read_off(self._here.sent, key)

    def _sent(self, request: AWSPreparedRequest, **_: object) -> None:
        self._here.sent = request

    def _read_off(self, request: AWSPreparedRequest, key: str) -> Way | None:
        """None where requests are signed in another way, or not at all, or go by way of a proxy."""
        url, headers = str(request.url), {name: _text(value) for name, value in request.headers.items()}
        scope, end = _SCOPE.match(headers.get("Authorization", "")), _quoted(key)
        credentials = self._access.signing_credentials()
        if credentials is None or scope is None or not url.endswith("/" + end) or get_environ_proxies(url):
            return None
        if urlsplit(url).scheme == "https":
            bundle = self._access.ca_bundle()
            self._tls = ssl.create_default_context(cafile=bundle or get_cert_path(True))
        return Way(url.removesuffix(end), scope[1], headers.get("User-Agent", ""), credentials)

    def get(self, key: str, if_match: str) -> Mapping[str, Any] | None:
        """The answer for *key* as boto3 would give it, as far as it is used here; None: ask boto3."""
        way = self._way
        if way is None:
            return None
        connection = None
        try:
            request = _signed(way, key, if_match)
            connection = self._connection(way)
            connection.request("GET", urlsplit(way.base).path + _quoted(key), headers=dict(request.headers.items()))
            response = connection.getresponse()
            if response.status in (_WHOLE, _PART):
                return _answer(response, connection)
        except (OSError, HTTPException, ValueError, BotoCoreError, ClientError):
            pass
        if connection is not None:
            connection.close()
        return None

    def _connection(self, way: Way) -> HTTPConnection:
        connection: HTTPConnection | None = getattr(self._here, "connection", None)
        if connection is None:
            place = urlsplit(way.base)
            host = place.hostname or ""
            if self._tls is None:
                connection = HTTPConnection(host, place.port, timeout=CONNECT_SECONDS)
            else:
                connection = HTTPSConnection(host, place.port, timeout=CONNECT_SECONDS, context=self._tls)
            self._here.connection = connection
        if connection.sock is not None and _is_unsettled(connection.sock):
            connection.close()
        if connection.sock is None:
            connection.connect()
            connected: Any = connection.sock
            connected.settimeout(READ_SECONDS)
        return connection


def _is_unsettled(sock: socket.socket) -> bool:
    """Whether anything came behind the last answer: its end, or bytes that would be read as the next answer."""
    watched = select.poll()
    watched.register(sock, select.POLLIN)
    return bool(watched.poll(0)) or (isinstance(sock, ssl.SSLSocket) and sock.pending() > 0)


def _signed(way: Way, key: str, if_match: str) -> AWSRequest:
    request = AWSRequest("GET", way.base + _quoted(key), {"User-Agent": way.agent})
    if if_match:
        request.headers["If-Match"] = f'"{if_match}"'
    S3SigV4Auth(way.credentials.get_frozen_credentials(), "s3", way.region).add_auth(request)
    return request


def _answer(response: HTTPResponse, connection: HTTPConnection) -> Mapping[str, Any]:
    """Raises ValueError for a number or a time that is none."""
    headers = {name.lower(): value for name, value in response.getheaders()}
    length = int(headers["content-length"]) if "content-length" in headers else None
    found = {name: headers[header] for name, header in _HEADERS.items() if header in headers}
    answer: dict[str, Any] = {
        **found,
        "Body": Body(response, connection, length, _is_reusable(response)),
        "ResponseMetadata": {
            "HTTPStatusCode": response.status,
            "HTTPHeaders": headers,
            "RequestId": headers.get("x-amzn-requestid") or headers.get("x-amz-request-id"),
            "HostId": headers.get("x-amz-id-2"),
        },
    }
    if length is not None:
        answer["ContentLength"] = length
    if "last-modified" in headers:
        answer["LastModified"] = parsedate_to_datetime(headers["last-modified"])
    if "x-amz-object-lock-retain-until-date" in headers:
        answer["ObjectLockRetainUntilDate"] = parse_time(headers["x-amz-object-lock-retain-until-date"])
    return answer


def _is_reusable(response: HTTPResponse) -> bool:
    """Whether there is one way only to tell where *response* ends: a proxy in between may have taken another."""
    lengths = response.headers.get_all("Content-Length", [])
    closing = any("close" in value.lower() for value in response.headers.get_all("Connection", []))
    return len(lengths) == 1 and "Transfer-Encoding" not in response.headers and not closing


_HEADERS: Final = {
    "ETag": "etag",
    "VersionId": "x-amz-version-id",
    "ContentRange": "content-range",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
    "SSECustomerAlgorithm": "x-amz-server-side-encryption-customer-algorithm",
    "ObjectLockMode": "x-amz-object-lock-mode",
    "ObjectLockLegalHoldStatus": "x-amz-object-lock-legal-hold",
}


def _quoted(key: str) -> str:
    """As botocore writes a key into a URL."""
    return quote(key, safe="/~")


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
