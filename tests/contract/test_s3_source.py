"""The source port over S3: the same promises kept by two independent servers, over real HTTP."""

from __future__ import annotations

import hashlib
import random
from datetime import UTC, date, datetime, timedelta

import pytest

from archiver.adapters.aws.s3_source import S3Source
from archiver.adapters.aws.session import AwsAccess, Credentials
from archiver.demo.deliveries import delivery_prefix, make_signing_key, sample_delivery
from archiver.domain.delivery import SourceObject
from archiver.domain.folders import deliveries
from archiver.domain.limits import CHUNK_BYTES
from archiver.errors import ObjectChangedError, ObjectGoneError, SourceUnreachableError

QUERY_ID = "0" * 36


def fetched(source, found, offset=0, pinned=None):
    with source.open(found, offset, pinned) as stream:
        return stream.origin, b"".join(stream.chunks())


def only(source) -> SourceObject:
    (found,) = source.objects()
    return found


def test_a_delivery_comes_back_byte_for_byte(s3_stand):
    key = make_signing_key("us-east-1", datetime.now(UTC))
    prefix, files = sample_delivery(
        key, random.Random(1), account="111122223333", complete_time=datetime.now(UTC), files=3
    )
    s3_stand.put_delivery(prefix, files)
    source = s3_stand.source()
    (delivery,) = deliveries(source.objects())
    assert delivery.prefix == prefix
    assert {delivery.name_of(found): fetched(source, found)[1] for found in delivery.objects} == files


def test_keys_are_listed_in_byte_order_whatever_they_hold(s3_stand):
    keys = ["a/b/c", "a/b.txt", "a/b-/x", "A", "z", "é/ü", "日本/x", "a/b c+d%20&<>'\"", "%2e%2e/x", "𝄞"]
    for key in keys:
        s3_stand.put(key, key.encode())
    listed = list(s3_stand.source().objects())
    assert [found.key for found in listed] == sorted(keys, key=str.encode)
    assert [found.size for found in listed] == [len(found.key.encode()) for found in listed]
    assert all(found.last_modified.tzinfo is UTC for found in listed)
    for found in listed:
        assert fetched(s3_stand.source(), found)[1] == found.key.encode()


def test_control_characters_in_keys_survive(aws):
    keys = ["a/\x01x", "a/\x7f", "a/\x1b[31m", "a/\u202egz"]
    for key in keys:
        aws.put(key, key.encode())
    listed = list(aws.source().objects())
    assert sorted(found.key for found in listed) == sorted(keys)
    assert all(fetched(aws.source(), found)[1] == found.key.encode() for found in listed)


def test_a_prefix_is_a_folder_and_bounds_every_listing(s3_stand):
    for key in ("a/b/1", "a/b/c/2", "a/b2/3", "a/4", "5"):
        s3_stand.put(key, b"x")
    source = s3_stand.source("a/b")
    assert source.url == f"s3://{s3_stand.bucket}/a/b/"
    assert [found.key for found in source.objects()] == ["a/b/1", "a/b/c/2"]
    assert [found.key for found in source.objects("a/")] == ["a/b/1", "a/b/c/2"]
    assert [found.key for found in source.objects("a/b/c/")] == ["a/b/c/2"]
    assert list(source.objects("a/b2/")) == []
    assert [found.key for found in s3_stand.source("/a/b/").objects()] == ["a/b/1", "a/b/c/2"]


def test_day_folders_of_every_account_from_a_day_on(s3_stand):
    for account, day in (("111122223333", date(2025, 12, 31)), ("111122223333", date(2026, 11, 4))):
        s3_stand.put(delivery_prefix(account, day, QUERY_ID) + "result_1.csv.gz", b"x")
    s3_stand.put(delivery_prefix("444455556666", date(2026, 11, 5), QUERY_ID) + "result_1.csv.gz", b"x")
    s3_stand.put("AWSLogs/111122223333/CloudTrail/us-east-1/2026/11/04/trail.json.gz", b"x")
    s3_stand.put("AWSLogs/not-an-account/CloudTrail-Lake/Query/2026/11/04/x/y", b"x")
    s3_stand.put("other/2026/11/04/x", b"x")
    first, second = "AWSLogs/111122223333/CloudTrail-Lake/Query/", "AWSLogs/444455556666/CloudTrail-Lake/Query/"
    source = s3_stand.source()
    assert list(source.day_prefixes(date(2026, 11, 5))) == [f"{second}2026/11/05/"]
    assert list(source.day_prefixes(date(2026, 1, 1))) == [f"{first}2026/11/04/", f"{second}2026/11/05/"]
    assert next(source.day_prefixes(date(2020, 1, 1))) == f"{first}2025/12/31/"
    s3_stand.put(f"deeper/{second}2026/11/05/{QUERY_ID}/result_1.csv.gz", b"x")
    restricted = s3_stand.source(accounts=frozenset({"444455556666", "777788889999"}))
    assert list(restricted.day_prefixes(date(2020, 1, 1))) == [f"{second}2026/11/05/"]
    here = f"{second}2026/11/05/{QUERY_ID}/result_1.csv.gz"
    assert [found.key for found in restricted.objects()] == [here, f"deeper/{here}"]
    assert len(list(restricted.objects(first))) == 2, "whoever asks for an account's own folder gets it"
    assert [found.key for found in restricted.objects("AWSLogs/")] == [here]
    assert len(list(restricted.objects(f"{second}2026/11/05/"))) == 1


def test_streaming_from_an_offset_gives_the_rest(s3_stand):
    data = random.Random(5).randbytes(2 * CHUNK_BYTES + 12345)
    s3_stand.put("big", data)
    source, found = s3_stand.source(), only(s3_stand.source())
    with source.open(found) as stream:
        sizes = [len(chunk) for chunk in stream.chunks()]
    assert sum(sizes) == len(data)
    assert max(sizes) <= CHUNK_BYTES
    origin, whole = fetched(source, found)
    assert hashlib.sha256(whole).digest() == hashlib.sha256(data).digest()
    for offset in (1, CHUNK_BYTES, len(data) - 1, len(data)):
        assert fetched(source, found, offset, origin)[1] == data[offset:]


def test_an_empty_object_is_read(s3_stand):
    s3_stand.put("empty", b"")
    assert fetched(s3_stand.source(), only(s3_stand.source()))[1] == b""


def test_where_an_object_came_from_is_recorded(s3_stand):
    s3_stand.put("x", b"data")
    source, found = s3_stand.source(), only(s3_stand.source())
    before = datetime.now(UTC)
    origin, _ = fetched(source, found)
    assert (origin.key, origin.etag) == ("x", hashlib.md5(b"data", usedforsecurity=False).hexdigest())
    assert origin.request_id
    assert origin.last_modified - before < timedelta(seconds=2)
    assert -5000 < origin.clock_offset_ms < 5000
    assert source.times_are_observed


@pytest.mark.parametrize("offset", [0, 2])
def test_an_object_that_was_replaced_is_noticed(s3_stand, offset):
    s3_stand.put("x", b"one thing")
    source, found = s3_stand.source(), only(s3_stand.source())
    s3_stand.put("x", b"other one")
    with pytest.raises(ObjectChangedError, match=f"s3://{s3_stand.bucket}/x"):
        fetched(source, found, offset)


def test_a_part_of_another_object_is_not_resumed(s3_stand):
    s3_stand.put("x", b"one thing")
    source = s3_stand.source()
    origin, _ = fetched(source, only(source))
    s3_stand.put("x", b"other one")
    with pytest.raises(ObjectChangedError):
        fetched(source, only(source), 3, origin)
    with pytest.raises(ObjectChangedError):
        fetched(source, only(source), 10)


def test_an_object_that_is_gone_is_told(s3_stand):
    s3_stand.put("x", b"data")
    source, found = s3_stand.source(), only(s3_stand.source())
    s3_stand.delete("x")
    with pytest.raises(ObjectGoneError, match="not there any more"):
        fetched(source, found)


def test_the_version_that_was_begun_is_the_one_that_is_resumed(aws):
    aws.put("x", b"the same bytes")
    source = aws.source()
    first, _ = fetched(source, only(source))
    aws.put("x", b"the same bytes")
    again, found = only(source), only(source)
    second, _ = fetched(source, again)
    assert first.version_id != second.version_id
    resumed, rest = fetched(source, found, 4, first)
    assert (resumed.version_id, rest) == (first.version_id, b"same bytes")
    aws.access.s3().delete_object(Bucket=aws.bucket, Key="x", VersionId=first.version_id)
    with pytest.raises(ObjectGoneError):
        fetched(source, found, 4, first)


def test_encryption_is_recorded(aws):
    aws.put("x", b"data", ServerSideEncryption="aws:kms", SSEKMSKeyId="11111111-2222-3333-4444-555555555555")
    origin, _ = fetched(aws.source(), only(aws.source()))
    assert origin.encryption.startswith("aws:kms ")
    assert "11111111-2222-3333-4444-555555555555" in origin.encryption


def test_a_bucket_that_does_not_exist_is_named(s3_stand):
    source = S3Source("src", "no-such-bucket", "", s3_stand.access)
    with pytest.raises(SourceUnreachableError, match="bucket no-such-bucket does not exist"):
        list(source.objects())


def test_nobody_there_is_told():
    access = AwsAccess(
        region="us-east-1", endpoint_url="http://127.0.0.1:1", attempts=1, credentials=Credentials("a", "b")
    )
    with pytest.raises(SourceUnreachableError, match="list s3://bucket/") as caught:
        list(S3Source("src", "bucket", "", access).objects())
    assert caught.value.remedy
