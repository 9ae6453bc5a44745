"""S3 that misbehaves: bytes missing, too many, swapped, refused. A server of ours answers from a script."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from functools import cache

import pytest

from archiver.adapters.aws import stream
from archiver.adapters.aws.s3_source import S3Source
from archiver.adapters.aws.session import AwsAccess, Credentials
from archiver.domain.delivery import SourceObject
from archiver.domain.evidence import Origin
from archiver.errors import (
    ObjectChangedError,
    ObjectGoneError,
    SourceDeniedError,
    SourceUnreachableError,
)
from tests.support.hostile_http import Answer, HostileServer
from tests.support.slow_s3 import BUCKET

DATA = b"0123456789"
FOUND = SourceObject("dir/x", len(DATA), "e1")


def source(hostile: HostileServer, attempts: int = 1) -> S3Source:
    return S3Source("src", "bucket", "", access(hostile.url, attempts))


@cache
def access(url: str, attempts: int) -> AwsAccess:
    """Kept, for boto3 takes half a second to read its models."""
    return AwsAccess(
        region="us-east-1", endpoint_url=url, credentials=Credentials("key", "secret"), attempts=attempts
    )


def fetched(where: S3Source, offset: int = 0, pinned: Origin | None = None) -> bytes:
    with where.open(FOUND, offset, pinned) as stream:
        return b"".join(stream.chunks())


def body(data: bytes = DATA, status: int = 200, headers: Mapping[str, str] | None = None, **more) -> Answer:
    return Answer(status, data, {"ETag": '"e1"', **(headers or {})}, **more)


def refusal(status: int, code: str, message: str = "No.", **extra: str) -> Answer:
    more = "".join(f"<{name}>{value}</{name}>" for name, value in extra.items())
    xml = f"<Error><Code>{code}</Code><Message>{message}</Message>{more}</Error>"
    return Answer(status, xml.encode(), {"Content-Type": "application/xml"})


def test_the_request_is_bound_to_what_was_listed(hostile):
    hostile.will(body(DATA[4:], 206, {"Content-Range": "bytes 4-9/10", "x-amz-version-id": "v1"}))
    assert fetched(source(hostile), 4, Origin("dir/x", "e1", version_id="v1")) == DATA[4:]
    (asked,) = hostile.requests
    assert asked.path == "/bucket/dir/x?versionId=v1"
    assert (asked.headers["if-match"], asked.headers["range"]) == ('"e1"', "bytes=4-")
    assert "cloudtrail-evidence-archiver/" in asked.headers["user-agent"]


def test_request_ids_encryption_and_clock_are_recorded(hostile):
    headers = {"x-amz-request-id": "REQ", "x-amz-id-2": "ID2", "x-amz-server-side-encryption": "AES256"}
    hostile.will(body(headers=headers))
    with source(hostile).open(FOUND) as stream:
        origin = stream.origin
    assert (origin.request_id, origin.request_id_2, origin.encryption) == ("REQ", "ID2", "AES256")


def test_compressed_bytes_stay_compressed(hostile):
    data = gzip.compress(b"a,b\n1,2\n", mtime=0)
    found = SourceObject("result_1.csv.gz", len(data), "e1")
    hostile.will(body(data, headers={"Content-Encoding": "gzip"}))
    with source(hostile).open(found) as stream:
        assert b"".join(stream.chunks()) == data
    assert hostile.requests[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("reset", [False, True])
def test_a_body_that_breaks_off_gives_what_came_and_then_an_error(hostile, reset):
    hostile.will(body(DATA[:6], stated_length=len(DATA), reset=reset))
    with source(hostile).open(FOUND) as stream:
        given = []
        with pytest.raises(SourceUnreachableError, match="s3://bucket/dir/x"):
            given.extend(stream.chunks())
    assert b"".join(given) == DATA[:6] or (reset and not given), "a reset may overtake what was sent before it"


def test_what_is_there_is_given_while_the_rest_is_waited_for(slow_s3, monkeypatch):
    """Who takes the chunks looks between them whether to stop: a chunk must not wait for the last of its bytes."""
    monkeypatch.setattr(stream, "GATHER_SECONDS", 0.0)
    data = bytes(range(256)) * 1024
    slow_s3.objects["x"] = data
    slow_s3.hold("x", after=len(data) // 2)
    where = S3Source("src", BUCKET, "", access(slow_s3.url, 1))
    (found,) = where.objects()
    with where.open(found) as opened:
        chunks = opened.chunks()
        came = next(chunks)
        assert len(came) <= len(data) // 2, "the server holds the rest back still"
        slow_s3.release()
        assert came + b"".join(chunks) == data


def test_a_server_that_drips_is_given_up(hostile, monkeypatch):
    monkeypatch.setattr(stream, "MEASURED_SECONDS", 0.1)
    hostile.will(body(pause=0.03), body())
    with pytest.raises(SourceUnreachableError, match=r"s3://bucket/dir/x: only \d bytes came"):
        fetched(source(hostile))
    assert fetched(source(hostile)) == DATA


@pytest.mark.parametrize("data", [DATA + b"x", DATA[:-1]])
def test_another_length_than_listed_is_another_object(hostile, data):
    hostile.will(body(data))
    with pytest.raises(ObjectChangedError, match="listed were 10"):
        fetched(source(hostile))


@pytest.mark.parametrize(("data", "says"), [(DATA + b"x", "more bytes"), (DATA[:-1], "1 bytes short")])
def test_a_body_without_a_length_is_counted(hostile, data, says):
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data)
    hostile.will(body(chunked, headers={"Transfer-Encoding": "chunked"}, no_length=True))
    with pytest.raises(SourceUnreachableError, match=says):
        fetched(source(hostile))


@pytest.mark.parametrize(
    "stated", ["bytes 3-9/10", "bytes 4-9/11", "bytes 4-8/10", "bytes 0-9/10", "nonsense", "bytes 4-9/*"]
)
def test_another_range_than_asked_is_refused(hostile, stated):
    hostile.will(body(DATA[4:], 206, {"Content-Range": stated}))
    with pytest.raises(ObjectChangedError, match="asked from byte 4 of 10"):
        fetched(source(hostile), 4)


def test_a_range_without_a_word_which_is_refused(hostile):
    hostile.will(body(DATA[4:], 206))
    with pytest.raises(ObjectChangedError):
        fetched(source(hostile), 4)


def test_a_server_that_knows_no_ranges_sends_all_and_the_rest_is_taken(hostile):
    hostile.will(body())
    assert fetched(source(hostile), 4) == DATA[4:]


def test_another_object_between_two_ranges_is_noticed(hostile):
    hostile.will(
        Answer(206, DATA[4:], {"ETag": '"e2"', "Content-Range": "bytes 4-9/10"}),
        body(DATA[4:], 206, {"Content-Range": "bytes 4-9/10", "x-amz-version-id": "v2"}),
        refusal(412, "PreconditionFailed"),
    )
    for _ in range(3):
        with pytest.raises(ObjectChangedError):
            fetched(source(hostile), 4, Origin("dir/x", "e1", version_id="v1"))


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (refusal(403, "AccessDenied"), SourceDeniedError, "s3:GetObject"),
        (
            refusal(403, "AccessDenied", "User: arn:x is not authorized to perform: kms:Decrypt on resource: y"),
            SourceDeniedError,
            "it takes kms:Decrypt ",
        ),
        (refusal(403, "ExpiredToken"), SourceUnreachableError, "expired"),
        (refusal(403, "SignatureDoesNotMatch"), SourceUnreachableError, "does not accept the credentials"),
        (refusal(403, "RequestTimeTooSkewed"), SourceUnreachableError, "clock"),
        (refusal(403, "InvalidObjectState"), SourceUnreachableError, "archival"),
        (refusal(404, "NoSuchKey"), ObjectGoneError, "not there"),
        (refusal(404, "NoSuchVersion"), ObjectGoneError, "not there"),
        (refusal(404, "NoSuchBucket"), SourceUnreachableError, "bucket bucket does not exist"),
        (refusal(405, "MethodNotAllowed"), ObjectGoneError, "not there"),
        (refusal(416, "InvalidRange"), ObjectChangedError, "not the object"),
        (refusal(500, "InternalError"), SourceUnreachableError, "InternalError"),
        (Answer(502, b"<html>bad gateway"), SourceUnreachableError, "502"),
        (refusal(400, "Weird\x1b[31m"), SourceUnreachableError, "read s3://"),
    ],
)
def test_every_refusal_becomes_one_of_ours(hostile, answer, error, says):
    hostile.will(answer)
    with pytest.raises(error, match=says) as caught:
        fetched(source(hostile))
    assert "\x1b" not in str(caught.value)


def test_throttling_is_waited_out(hostile):
    hostile.will(refusal(503, "SlowDown"), body())
    assert fetched(source(hostile, attempts=2)) == DATA


def test_throttling_without_end_is_told(hostile):
    hostile.will(*[refusal(503, "SlowDown")] * 2)
    with pytest.raises(SourceUnreachableError, match="slow down"):
        fetched(source(hostile, attempts=2))


def page(keys: list[str], token: str = "") -> Answer:
    entries = "".join(
        f"<Contents><Key>{key}</Key><Size>1</Size><ETag>&quot;e&quot;</ETag>"
        "<LastModified>2026-11-04T15:07:11.000Z</LastModified></Contents>"
        for key in keys
    )
    no_more = "<IsTruncated>false</IsTruncated>"
    more = (
        f"<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>" if token else no_more
    )
    xml = f"<ListBucketResult><EncodingType>url</EncodingType>{entries}{more}</ListBucketResult>"
    return Answer(200, xml.encode(), {"Content-Type": "application/xml"})


def test_every_page_of_a_listing_is_read_and_keys_are_decoded(hostile):
    hostile.will(page(["a", "b%0A%01"], "t1"), page(["c%20%2B"], "t2"), page(["%F0%9D%84%9E"]))
    assert [found.key for found in source(hostile).objects()] == ["a", "b\n\x01", "c +", "𝄞"]
    assert "continuation-token=t2" in hostile.requests[2].path


def test_a_listing_gives_its_first_page_before_it_asks_for_the_next(hostile):
    hostile.will(page(["a"], "t1"))
    assert next(source(hostile).objects()).key == "a"
    assert len(hostile.requests) == 1


def test_a_listing_that_breaks_off_does_not_pass_for_a_whole_one(hostile):
    hostile.will(page(["a"], "t1"), refusal(500, "InternalError"))
    listing = source(hostile).objects()
    assert next(listing).key == "a"
    with pytest.raises(SourceUnreachableError, match="list s3://bucket/"):
        next(listing)


def test_a_listing_that_goes_in_circles_ends(hostile):
    hostile.will(page(["a"], "t1"), page(["b"], "t1"))
    with pytest.raises(SourceUnreachableError, match="token"):
        list(source(hostile).objects())


@pytest.mark.parametrize("data", [b"<html>sign in to the guest network", b"<html></html>", b"{}"])
def test_a_listing_that_is_no_listing_is_told(hostile, data):
    hostile.will(Answer(200, data, {"Content-Type": "text/html"}))
    with pytest.raises(SourceUnreachableError, match="list s3://bucket/"):
        list(source(hostile).objects())


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (refusal(403, "AccessDenied"), SourceDeniedError, "s3:ListBucket on arn:aws:s3:::bucket"),
        (refusal(404, "NoSuchBucket"), SourceUnreachableError, "bucket bucket does not exist"),
        (
            refusal(400, "AuthorizationHeaderMalformed", Region="eu-west-1"),
            SourceUnreachableError,
            "it is in eu-west-1",
        ),
    ],
)
def test_a_refused_listing_names_what_it_takes(hostile, answer, error, says):
    # boto3 asks once more where the bucket is, and repeats the request, when the Region seems wrong.
    hostile.will(answer, answer, answer)
    with pytest.raises(error, match=says) as caught:
        list(source(hostile).objects())
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({}, ""),
        (
            {"mode": "COMPLIANCE", "retain-until-date": "2031-01-01T09:00:00+09:00"},
            "COMPLIANCE until 2031-01-01T00:00:00Z",
        ),
        ({"mode": "GOVERNANCE"}, "GOVERNANCE"),
        ({"legal-hold": "OFF"}, "legal hold OFF"),
        (
            {"retain-until-date": "2031-01-01T00:00:00.000Z", "legal-hold": "ON"},
            "2031-01-01T00:00:00Z; legal hold ON",
        ),
    ],
)
def test_the_lock_is_recorded_as_it_is_told(hostile, headers, told):
    lock = {f"x-amz-object-lock-{name}": value for name, value in headers.items()}
    hostile.will(body(headers=lock))
    with source(hostile).open(FOUND) as stream:
        assert stream.origin.retention == told


def test_whoever_answers_does_not_decide_how_much_of_a_lock_is_kept(hostile):
    lock = {"x-amz-object-lock-mode": "M" * 5000, "x-amz-object-lock-legal-hold": "\xad\x9b"}
    hostile.will(body(headers=lock))
    with source(hostile).open(FOUND) as stream:
        assert len(stream.origin.retention) < 300
        assert stream.origin.retention.isprintable()
