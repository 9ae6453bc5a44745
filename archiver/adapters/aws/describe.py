"""CloudTrail's own account of one query, as long as it gives one: ``cloudtrail:DescribeQuery``.

Source: AWS CloudTrail API Reference, DescribeQuery. The answer is kept as it came. What is read out of it is checked
field by field: one that is not as documented is left out, and the others stand.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from botocore.exceptions import ClientError

from archiver.adapters.aws.errors import Doing, error_code, translated
from archiver.adapters.aws.privacy import without_private
from archiver.adapters.aws.session import AwsAccess
from archiver.domain.custody_facts import QueryFigures
from archiver.domain.limits import DESCRIPTION_BYTES, KIB
from archiver.domain.text import printable
from archiver.errors import SourceDeniedError, SourceError, SourceUnreachableError
from archiver.query_ports import QueryAnswer

PERMISSION: Final = "cloudtrail:DescribeQuery"

LONGEST_SECONDS: Final = 10.0
"""An answer takes no longer, however it drips."""

ABOUT_THE_QUERY: Final = frozenset(
    {
        "EventDataStoreARNInvalidException",
        "EventDataStoreNotFoundException",
        "InactiveEventDataStoreException",
        "InvalidParameterException",
        "QueryIdNotFoundException",
    }
)
"""Refusals that say something of one query only."""

_registering = threading.Lock()

_EVENT: Final = "cloudtrail.DescribeQuery"
_ANSWER: Final = "Answer"
_CODE: Final = re.compile(r"[A-Za-z0-9.]{1,80}", re.ASCII)
_STATUS: Final = re.compile(r"[A-Z_]{1,60}", re.ASCII)
_ACCOUNT: Final = re.compile(r"\d{12,16}", re.ASCII)
_PLACE: Final = re.compile(r"s3://[^\s]{1,1100}", re.ASCII)


class _EndlessError(SourceUnreachableError):
    """More came, or for longer, than an answer can have."""


class DescribeQuery:
    """Implements :class:`archiver.query_ports.QueryAuthority` for *region*."""

    def __init__(self, access: AwsAccess, region: str) -> None:
        self._access = access
        self._region = region

    def describe(self, query_id: str) -> QueryAnswer:
        """See the port."""
        endpoint = ""
        try:
            client: Any = self._access.cloudtrail_once(self._region)
            endpoint = without_private(client.meta.endpoint_url)
            answer = self._ask(client, query_id)
            data: bytes = answer[_ANSWER]
            figures = figures_of(data, query_id)
        except (SourceError, RecursionError) as error:
            code = error_code(error) if isinstance(error, SourceError) else ""
            return self._refused(endpoint, _told(error, code), _request_id(error.__cause__), code in ABOUT_THE_QUERY)
        except ValueError as error:
            return self._refused(endpoint, str(error), _short(answer["ResponseMetadata"].get("RequestId")), True)
        request_id = _short(answer["ResponseMetadata"].get("RequestId"))
        return QueryAnswer(data, figures, "", True, endpoint, self._access.caller_arn(), request_id)

    def _ask(self, client: Any, query_id: str) -> Mapping[str, Any]:
        """One request. botocore is given nothing to parse: one wrong field would cost it all the others."""
        events, sending = client.meta.events, _bounded(client._endpoint.http_session)
        with _registering:  # the client is shared, and takes each of them once
            events.register(f"before-send.{_EVENT}", sending, unique_id="archiver-bounded")
            events.register(f"before-parse.{_EVENT}", _as_it_came, unique_id="archiver-as-it-came")
        with translated(Doing(f"ask CloudTrail in {self._region} about query {query_id}", PERMISSION)):
            answer: Mapping[str, Any] = client.describe_query(QueryId=query_id)
        return answer

    def _refused(self, endpoint: str, refusal: str, request_id: str | None, is_about_query: bool) -> QueryAnswer:
        caller = self._access.caller_arn() if endpoint else None
        return QueryAnswer(None, None, refusal, is_about_query, endpoint, caller, request_id)


def _bounded(http: Any) -> Callable[..., Any]:
    """Sends a request by the client's own *http* session, and reads no more than an answer can have."""

    def send(request: Any, **_: object) -> Any:
        request.stream_output = True
        answer = http.send(request)
        try:
            answer._content = _read(answer.raw)
        except BaseException:
            answer.raw.close()
            raise
        return answer

    return send


def _read(raw: Any) -> bytes:
    began, pieces, size = time.monotonic(), list[bytes](), 0
    while piece := raw.read1(64 * KIB):
        pieces.append(piece)
        size += len(piece)
        if size > DESCRIPTION_BYTES or time.monotonic() - began > LONGEST_SECONDS:
            raise _EndlessError("the answer does not end")
    return b"".join(pieces)


def _as_it_came(response_dict: Any, customized_response_dict: Any, **_: object) -> None:
    if response_dict["status_code"] < 300:
        customized_response_dict[_ANSWER] = response_dict["body"]
        response_dict["body"] = b"{}"


def _told(error: Exception, code: str) -> str:
    """Why there is no answer, by codes and names only."""
    shown = code if _CODE.fullmatch(code) else "a code of no form"
    if isinstance(error, SourceDeniedError):
        return f"access denied: it takes {PERMISSION} ({shown})"
    if code:
        return f"CloudTrail refused: {shown}"
    if isinstance(error, _EndlessError):
        return str(error)
    return f"CloudTrail could not be asked: {type(error.__cause__ or error).__name__}"


def _request_id(cause: BaseException | None) -> str | None:
    if not isinstance(cause, ClientError):
        return None
    about: Mapping[str, Any] = cause.response.get("ResponseMetadata", {})
    return _short(about.get("RequestId"))


def _short(text: object) -> str | None:
    return printable(text, 100) if isinstance(text, str) and text else None


def figures_of(data: bytes, query_id: str) -> QueryFigures:
    """What *data*, an answer about *query_id*, says. Raises ValueError, in words without anything of it."""
    try:
        answer = json.loads(data, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise ValueError("the answer is no JSON") from None
    if not isinstance(answer, dict):
        raise ValueError("the answer is no JSON object")  # noqa: TRY004 - what is wrong is what came
    if answer.get("QueryId") != query_id:
        raise ValueError("the answer is about another query, or says not about which")
    told = answer.get("QueryStatistics")
    statistics: Mapping[str, object] = told if isinstance(told, dict) else {}
    text = answer.get("QueryString")
    return QueryFigures(
        query_status=_text(answer.get("QueryStatus"), _STATUS),
        delivery_status=_text(answer.get("DeliveryStatus"), _STATUS),
        delivery_uri=_text(answer.get("DeliveryS3Uri"), _PLACE),
        owner=_text(answer.get("EventDataStoreOwnerAccountId"), _ACCOUNT),
        events_matched=_count(statistics.get("EventsMatched")),
        events_scanned=_count(statistics.get("EventsScanned")),
        bytes_scanned=_count(statistics.get("BytesScanned")),
        milliseconds=_count(statistics.get("ExecutionTimeInMillis")),
        created_at=_moment(statistics.get("CreationTime")),
        query_string_sha256=hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        if isinstance(text, str)
        else None,
    )


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _text(value: object, form: re.Pattern[str]) -> str | None:
    return printable(value, 1200) if isinstance(value, str) and form.fullmatch(value) else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63 else None


def _moment(value: object) -> datetime | None:
    """Seconds since 1970, as AWS's JSON has times."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
