"""An S3 and a CloudTrail on this machine: moto's server, taught ``ListPublicKeys`` and ``DescribeQuery``."""

from __future__ import annotations

import base64
import importlib.util
import json
import logging
import threading
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Self

from archiver.adapters.aws.session import AwsAccess, Credentials
from archiver.domain.keys import PublicKey
from archiver.errors import UsageError

CREDENTIALS: Final = Credentials("demo-access-key", "demo-secret-key")
"""The server takes any; whatever the user's environment holds is neither read nor sent."""

REGION: Final = "us-east-1"

_REMEDY: Final = "make demo installs it; by hand: pip install --require-hashes -r requirements/demo.txt"

_running = threading.Lock()
"""moto keeps its state in module globals, so one server a process is all there can be."""


def check_installed() -> None:
    """Raises UsageError where the server's package is missing; loads nothing."""
    if importlib.util.find_spec("moto") is None:
        raise UsageError("the demo needs moto, which is not installed", _REMEDY)


class DemoAws:
    """A context manager: inside it ``url`` answers as S3, STS and CloudTrail, on a free port of 127.0.0.1.

    It starts empty. *page_size*: keys in one page of ``ListPublicKeys``; few, so that following pages is
    exercised wherever this is used. Raises UsageError where moto is not installed or another server runs.
    """

    def __init__(self, page_size: int = 2) -> None:
        self._page_size = page_size
        self._keys: list[PublicKey] = []
        self._queries: dict[tuple[str, str], Mapping[str, object]] = {}
        self._server: Any = None
        self._log_level = logging.NOTSET
        self._access = AwsAccess()
        self.url = ""

    def __enter__(self) -> Self:
        try:
            from moto.cloudtrail.responses import CloudTrailResponse  # noqa: PLC0415 - only the demo needs it
            from moto.server import ThreadedMotoServer  # noqa: PLC0415
        except ImportError as error:
            raise UsageError(f"the demo needs {error.name}, which is not installed", _REMEDY) from error
        if not _running.acquire(blocking=False):
            raise UsageError("another demo server runs in this process")
        log = logging.getLogger("werkzeug")
        self._log_level = log.level
        log.setLevel(logging.ERROR)
        self._teach(CloudTrailResponse)
        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.url = f"http://{host}:{port}"
        self._access = AwsAccess(
            region=REGION, endpoint_url=self.url, cloudtrail_endpoint_url=self.url, credentials=CREDENTIALS
        )
        self.reset()
        return self

    def __exit__(self, *_: object) -> None:
        self.reset()
        self._server.stop()
        logging.getLogger("werkzeug").setLevel(self._log_level)
        _running.release()

    def reset(self) -> None:
        """Forgets every bucket, key and query."""
        self._keys.clear()
        self._queries.clear()
        request = urllib.request.Request(f"{self.url}/moto-api/reset", method="POST")  # noqa: S310 - our own server
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30).close()

    def access(self) -> AwsAccess:
        """Access to this server, always the same; apart from the user's own AWS configuration."""
        return self._access

    def create_bucket(self, bucket: str, versioned: bool = True) -> None:
        """A new bucket in ``us-east-1``."""
        s3 = self._access.s3()
        s3.create_bucket(Bucket=bucket)
        if versioned:
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})

    def put_delivery(self, bucket: str, prefix: str, files: Mapping[str, bytes]) -> None:
        """Stores *files* (name -> bytes) in folder *prefix*, in their order: the sign file comes last."""
        s3 = self._access.s3()
        for name, data in files.items():
            s3.put_object(Bucket=bucket, Key=prefix + name, Body=data)

    def register_key(self, key: PublicKey) -> None:
        """From now on CloudTrail of ``key.region`` lists *key*."""
        self._keys.append(key)

    def register_query(self, query_id: str, answer: Mapping[str, object], region: str = REGION) -> None:
        """From now on CloudTrail of *region* answers DescribeQuery with *answer*: AWS's names, times in s."""
        self._queries[region, query_id] = {"QueryId": query_id, **answer}

    def _teach(self, responses: Any) -> None:
        """moto has neither question: it calls the method of that name where there is one."""

        def list_public_keys(request: Any) -> str:
            return self._list_public_keys(request)

        def describe_query(request: Any) -> str:
            return self._describe_query(request)

        responses.list_public_keys = list_public_keys
        responses.describe_query = describe_query

    def _describe_query(self, request: Any) -> str:
        """``DescribeQuery``: of a query that nobody registered CloudTrail knows nothing, as of old ones."""
        from moto.core.exceptions import JsonRESTError  # noqa: PLC0415 - moto is there: it is asking

        query_id = json.loads(request.body or "{}").get("QueryId")
        answer = self._queries.get((request.region, query_id))
        if answer is None:
            raise JsonRESTError("QueryIdNotFoundException", "The query ID does not exist or does not map to a query.")
        return json.dumps(answer)

    def _list_public_keys(self, request: Any) -> str:
        """``ListPublicKeys``: keys whose window meets the times given; without a start, the ones valid now."""
        asked: dict[str, Any] = json.loads(request.body or "{}")
        now = datetime.now(UTC).timestamp()
        start = asked.get("StartTime", now)
        end = asked.get("EndTime", now if "StartTime" not in asked else float("inf"))
        met = [key for key in self._keys if key.region == request.region and _meets(key, start, end)]
        first = int(asked.get("NextToken", "0"))
        answer: dict[str, Any] = {"PublicKeyList": [_entry(key) for key in met[first : first + self._page_size]]}
        if first + self._page_size < len(met):
            answer["NextToken"] = str(first + self._page_size)
        return json.dumps(answer)


def _meets(key: PublicKey, start: float, end: float) -> bool:
    starts_in_time = key.valid_from is None or key.valid_from.timestamp() <= end
    return starts_in_time and (key.valid_until is None or key.valid_until.timestamp() >= start)


def _entry(key: PublicKey) -> dict[str, object]:
    entry: dict[str, object] = {
        "Value": base64.b64encode(key.der).decode("ascii"),
        "Fingerprint": key.claimed_fingerprint,
    }
    if key.valid_from is not None:
        entry["ValidityStartTime"] = key.valid_from.timestamp()
    if key.valid_until is not None:
        entry["ValidityEndTime"] = key.valid_until.timestamp()
    return entry
