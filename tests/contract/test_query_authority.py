"""The query authority port over DescribeQuery: real HTTP, the demo's CloudTrail and one that misbehaves."""

from __future__ import annotations

import hashlib
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import pytest

from archiver.adapters.aws import describe
from archiver.adapters.aws.describe import DescribeQuery, figures_of
from archiver.adapters.aws.session import AwsAccess, Credentials
from archiver.domain.custody_facts import QueryFigures
from archiver.domain.limits import DESCRIPTION_BYTES
from tests.support.hostile_http import Answer, HostileServer

QUERY = "0d2a2f7c-3a43-4a3c-9e3a-0f2f2c1f0a01"
TEXT = "SELECT eventTime FROM 3f1a2b4c-5d6e-4f70-8192-a3b4c5d6e7f8 WHERE userName = 'mallory@example.com'"
TOLD = {
    "QueryString": TEXT,
    "QueryStatus": "FINISHED",
    "QueryStatistics": {
        "EventsMatched": 10,
        "EventsScanned": 20_000_000_000,
        "BytesScanned": 30,
        "ExecutionTimeInMillis": 40,
        "CreationTime": 1667574431.25,
    },
    "DeliveryS3Uri": "s3://bucket/lead",
    "DeliveryStatus": "SUCCESS",
    "EventDataStoreOwnerAccountId": "111122223333",
}
FIGURES = QueryFigures(
    query_status="FINISHED",
    delivery_status="SUCCESS",
    delivery_uri="s3://bucket/lead",
    owner="111122223333",
    events_matched=10,
    events_scanned=20_000_000_000,
    bytes_scanned=30,
    milliseconds=40,
    created_at=datetime(2022, 11, 4, 15, 7, 11, 250000, tzinfo=UTC),
    query_string_sha256=hashlib.sha256(TEXT.encode()).hexdigest(),
)
NOTHING = QueryFigures(*[None] * 10)
IDENTITY = Answer(
    200,
    b"<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:sts::1:assumed-role/R/mallory@example.com</Arn>"
    b"</GetCallerIdentityResult></GetCallerIdentityResponse>",
)


@cache
def access(url: str) -> AwsAccess:
    return AwsAccess(
        region="us-east-1",
        endpoint_url=url,
        cloudtrail_endpoint_url=url,
        credentials=Credentials("key", "secret"),
    )


def asked(hostile: HostileServer, *answers: Answer) -> describe.QueryAnswer:
    hostile.will(*answers, IDENTITY)
    return DescribeQuery(access(hostile.url), "us-east-1").describe(QUERY)


def answering(told: object) -> Answer:
    return Answer(200, json.dumps(told).encode(), {"x-amzn-RequestId": "r1"})


def refusal(status: int, kind: str, message: str = f"No: {TEXT}") -> Answer:
    return Answer(status, json.dumps({"__type": kind, "message": message}).encode(), {"x-amzn-RequestId": "r1"})


def test_the_demos_cloudtrail_tells_of_a_query(aws):
    aws.demo.register_query(QUERY, TOLD)
    answer = DescribeQuery(aws.access, "us-east-1").describe(QUERY)
    assert (answer.refusal, answer.figures, answer.endpoint) == ("", FIGURES, aws.url)
    assert json.loads(answer.data) == {"QueryId": QUERY, **TOLD}
    assert answer.caller.startswith("arn:aws:sts::")
    assert answer.request_id
    elsewhere = DescribeQuery(aws.access, "eu-west-1").describe(QUERY)
    assert (elsewhere.data, elsewhere.refusal) == (None, "CloudTrail refused: QueryIdNotFoundException")
    assert elsewhere.is_about_query


def test_the_answer_is_kept_as_it_came(hostile):
    body = json.dumps({"Unknown": {"x": "\u3042"}, "QueryId": QUERY, **TOLD}, indent=3, ensure_ascii=False).encode()
    answer = asked(hostile, Answer(200, body, {"x-amzn-RequestId": "r1"}))
    assert (answer.data, answer.figures, answer.request_id) == (body, FIGURES, "r1")
    assert answer.caller == "arn:aws:sts::1:assumed-role/R"
    (request, _) = hostile.requests
    assert request.headers["x-amz-target"].endswith(".DescribeQuery")
    assert json.loads(request.body) == {"QueryId": QUERY}


def test_without_fields_there_are_no_figures_and_the_answer_stands(hostile):
    answer = asked(hostile, answering({"QueryId": QUERY}))
    assert (answer.refusal, answer.figures) == ("", NOTHING)


def read(told: object) -> QueryFigures:
    return figures_of(json.dumps(told).encode(), QUERY)


@pytest.mark.parametrize("wrong", [None, True, [], {}, -1, 1.5, 2**63, "", "x" * 5000, "\u202e\x1b[31m", "s3://a b"])
def test_a_field_of_another_form_is_left_out_and_takes_no_other_along(wrong):
    names = ("QueryStatus", "DeliveryStatus", "DeliveryS3Uri", "EventDataStoreOwnerAccountId")
    for name in names:
        found = read({"QueryId": QUERY, **TOLD, name: wrong})
        lost = dict(zip(names, ("query_status", "delivery_status", "delivery_uri", "owner"), strict=True))[name]
        assert found == replace(FIGURES, **{lost: None})


@pytest.mark.parametrize("wrong", [None, True, [], {}, -1, 1.5, 2**63, 10**400, "7", "NaN"])
def test_a_count_of_another_form_is_left_out(wrong):
    statistics = dict.fromkeys(TOLD["QueryStatistics"], wrong) | {"CreationTime": 0}
    found = read({"QueryId": QUERY, "QueryStatistics": statistics})
    assert found == replace(NOTHING, created_at=datetime(1970, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("wrong", [None, True, [], {}, 1e300, -1e300, 10**400, "2022-11-04T15:07:11Z"])
def test_a_time_of_another_form_is_left_out(wrong):
    found = read({"QueryId": QUERY, "QueryStatistics": {"EventsMatched": 7, "CreationTime": wrong}})
    assert found == replace(NOTHING, events_matched=7)


@pytest.mark.parametrize("statistics", [None, [], "x", 7])
def test_statistics_of_another_form_are_none(statistics):
    assert read({"QueryId": QUERY, "QueryStatistics": statistics, "QueryString": 7}) == NOTHING


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"<html>sign in</html>",
        b'{"QueryId": "' + QUERY.encode() + b'", "QueryStatus": NaN}',
        b'{"QueryId": "' + QUERY.encode() + b'"',
        b"[" * 100_000,
        b"\xff\xfe",
        json.dumps({**TOLD, "QueryId": QUERY.replace("0a01", "0a02")}).encode(),
        json.dumps({**TOLD, "QueryId": [QUERY]}).encode(),
        json.dumps(TOLD).encode(),
    ],
)
def test_what_is_no_answer_about_this_query_is_none(body):
    with pytest.raises(ValueError, match=r"^the answer is ") as caught:
        figures_of(body, QUERY)
    assert TEXT not in str(caught.value)


def test_what_is_no_answer_about_this_query_is_not_kept(hostile):
    answer = asked(hostile, answering({**TOLD, "QueryId": QUERY.replace("0a01", "0a02")}))
    assert (answer.data, answer.figures, answer.is_about_query, answer.request_id) == (None, None, True, "r1")
    assert answer.refusal == "the answer is about another query, or says not about which"


def test_an_answer_without_end_is_given_up(hostile):
    filler = b" " * DESCRIPTION_BYTES
    body = json.dumps({"QueryId": QUERY}).encode() + filler
    answer = asked(hostile, Answer(200, body))
    assert (answer.data, answer.refusal) == (None, "the answer does not end")
    assert not answer.is_about_query
    hostile.forget()
    answer = asked(hostile, Answer(400, json.dumps({"__type": "QueryIdNotFoundException"}).encode() + filler))
    assert (answer.data, answer.refusal) == (None, "the answer does not end")


def test_an_answer_that_drips_is_given_up(hostile, monkeypatch):
    monkeypatch.setattr(describe, "LONGEST_SECONDS", 0.0)
    answer = asked(hostile, answering({"QueryId": QUERY}))
    assert (answer.data, answer.refusal, answer.is_about_query) == (None, "the answer does not end", False)


@pytest.mark.parametrize(
    ("answer", "told", "is_about_query"),
    [
        (refusal(400, "QueryIdNotFoundException"), "CloudTrail refused: QueryIdNotFoundException", True),
        (
            refusal(400, "InactiveEventDataStoreException"),
            "CloudTrail refused: InactiveEventDataStoreException",
            True,
        ),
        (
            refusal(400, "AccessDeniedException"),
            "access denied: it takes cloudtrail:DescribeQuery (AccessDeniedException)",
            False,
        ),
        (refusal(400, "ThrottlingException"), "CloudTrail refused: ThrottlingException", False),
        (refusal(400, "UnrecognizedClientException"), "CloudTrail refused: UnrecognizedClientException", False),
        (refusal(500, "InternalError"), "CloudTrail refused: InternalError", False),
        (refusal(400, TEXT), "CloudTrail refused: a code of no form", False),
        (Answer(200, b"{", stated_length=50, reset=True), "CloudTrail could not be asked: ", False),
    ],
)
def test_a_refusal_is_told_in_codes_and_asked_for_once(hostile, answer, told, is_about_query):
    found = asked(hostile, answer)
    assert found.refusal.startswith(told)
    assert TEXT not in found.refusal
    assert "mallory" not in found.refusal
    assert (found.data, found.figures, found.is_about_query) == (None, None, is_about_query)
    targets = [request.headers.get("x-amz-target", "") for request in hostile.requests]
    assert len([target for target in targets if target.endswith("DescribeQuery")]) == 1
    if answer.status >= 400:
        assert found.request_id == "r1"


def test_threads_share_one_client_and_each_asks_once(hostile):
    hostile.will(IDENTITY)
    shared = access(hostile.url)
    shared.caller_arn()
    hostile.forget()
    hostile.will(*[answering({"QueryId": QUERY, **TOLD})] * 8)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: DescribeQuery(shared, "us-east-1").describe(QUERY), range(8)))
    assert [answer.figures for answer in answers] == [FIGURES] * 8
    assert len(hostile.requests) == 8


def test_who_is_not_there_is_told(hostile):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody answers
        nowhere = AwsAccess(
            region="us-east-1",
            endpoint_url=hostile.url,
            cloudtrail_endpoint_url=f"http://127.0.0.1:{taken.getsockname()[1]}",
            credentials=Credentials("key", "secret"),
        )
        hostile.will(IDENTITY)
        answer = DescribeQuery(nowhere, "us-east-1").describe(QUERY)
    assert answer.refusal == "CloudTrail could not be asked: EndpointConnectionError"
    assert not answer.is_about_query


def test_a_question_has_one_try_and_little_time():
    client = access("http://127.0.0.1:1").cloudtrail_once("us-east-1")
    config = client.meta.config
    assert (config.connect_timeout, config.read_timeout, config.retries["total_max_attempts"]) == (3, 5, 1)
    patient = access("http://127.0.0.1:1").cloudtrail("us-east-1")
    assert patient is not client
    assert patient.meta.config.retries["total_max_attempts"] == 5
