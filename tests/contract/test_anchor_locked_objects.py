"""Checkpoints in a bucket with Object Lock: written once, found again under whatever was put on top of them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import timedelta

import pytest
import rfc8785
from botocore.exceptions import ClientError

from archiver.adapters.aws.object_lock import LockedBucket
from archiver.domain.log_records import UnreadHead
from archiver.errors import AnchorError, AnchorForkedError
from tests.support.anchoring import locked_bucket, now, prover, some_log
from tests.support.hostile_http import Answer
from tests.support.made_log import ORIGIN

LOG = some_log(1300)
NOTE = LOG.checkpoint(1234)
KEY = f"some/prefix/{ORIGIN}/checkpoints/x001/234"


@pytest.fixture
def s3(aws):
    client = aws.access.s3()
    client.create_bucket(Bucket="locked-bucket", ObjectLockEnabledForBucket=True)
    return client


@pytest.fixture
def bucket(aws, s3) -> LockedBucket:
    return locked_bucket(aws.access, "locked-bucket")


def anchored(bucket, size=1234, log=LOG):
    return bucket.anchor(size, log.checkpoint(size), prover(log))


@pytest.mark.parametrize("mode", ["governance", "compliance"])
def test_the_object_holds_the_note_under_lock(aws, s3, mode):
    start = now()
    bucket = LockedBucket("locked-bucket", "", ORIGIN, aws.access, mode, timedelta(days=2555), now)
    entry, proof = anchored(bucket)
    told = json.loads(proof)
    key = f"{ORIGIN}/checkpoints/x001/234"
    held = s3.get_object(Bucket="locked-bucket", Key=key, VersionId=told["version_id"])
    assert held["Body"].read() == NOTE.encode()
    assert held["ObjectLockMode"] == told["mode"] == mode.upper()
    assert held["ObjectLockRetainUntilDate"] == entry.valid_until
    assert timedelta(days=2555) - timedelta(minutes=1) < entry.valid_until - start < timedelta(days=2555, minutes=1)
    assert entry.proved_at == held["LastModified"]
    assert proof == rfc8785.dumps(told)
    assert told["sha256"] == hashlib.sha256(NOTE.encode()).hexdigest()
    assert (told["bucket"], told["key"], told["etag"]) == ("locked-bucket", key, held["ETag"])
    assert len(set(told["request_ids"])) == 3


def test_nobody_deletes_what_is_locked(bucket, s3):
    _, proof = anchored(bucket)
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket="locked-bucket", Key=KEY, VersionId=json.loads(proof)["version_id"])


def test_the_same_checkpoint_is_not_written_twice(bucket, s3):
    first, second = json.loads(anchored(bucket)[1]), json.loads(anchored(bucket)[1])
    assert first["version_id"] == second["version_id"]
    assert first["retain_until"] == second["retain_until"]
    assert len(s3.list_object_versions(Bucket="locked-bucket")["Versions"]) == 1


def test_another_checkpoint_in_its_place_is_a_fork(bucket, s3):
    anchored(bucket, log=some_log(1300, "other"))
    with pytest.raises(AnchorForkedError, match="fork") as caught:
        anchored(bucket)
    assert caught.value.exit_status == 1
    assert f"s3://locked-bucket/{KEY}" in str(caught.value)
    assert s3.get_object(Bucket="locked-bucket", Key=KEY)["Body"].read() != NOTE.encode()


def test_what_was_put_on_top_hides_nothing(bucket, s3):
    """A delete marker, and another version: neither needs leave to break the lock."""
    anchored(bucket, 999)
    anchored(bucket)
    s3.delete_object(Bucket="locked-bucket", Key=KEY)
    s3.put_object(Bucket="locked-bucket", Key=KEY.replace("x001/234", "999"), Body=b"nothing\n")
    told = list(bucket.heads())
    assert (1234, NOTE) in told
    assert {note for size, note in told if size == 999} == {LOG.checkpoint(999), "nothing\n"}
    with pytest.raises(AnchorForkedError):
        anchored(bucket, 999)


def test_other_things_in_the_bucket_are_no_heads(bucket, s3):
    for name in ("x", "1234", "x000/234", "x001/234/", "x001/x234", "x001/234.bak", "٠٠١"):
        s3.put_object(Bucket="locked-bucket", Key=KEY.replace("x001/234", name), Body=b"x")
    s3.put_object(Bucket="locked-bucket", Key="some/prefix/another.example/checkpoints/001", Body=b"x")
    assert list(bucket.heads()) == []


def test_what_is_no_text_stops_nothing_else(bucket, s3):
    """Locked for years, for whoever may write there."""
    s3.put_object(Bucket="locked-bucket", Key=KEY.replace("x001/234", "x001/x000/x000/x000/x000/000"), Body=b"\xff\n")
    anchored(bucket)
    assert list(bucket.heads()) == [(10**15, "\ufffd\n"), (1234, NOTE)]


def test_a_number_that_no_log_has_is_no_head(bucket, s3):
    for name in ("x999/" * 6 + "999", "x001/" * 100 + "000"):
        s3.put_object(Bucket="locked-bucket", Key=KEY.replace("x001/234", name), Body=b"x")
    assert list(bucket.heads()) == []


def listing(*sizes: int) -> bytes:
    """What ListObjectVersions answers where there is one version of each of these heads."""
    versions = "".join(
        f"<Version><Key>{KEY.replace('x001/234', index(size))}</Key><VersionId>v</VersionId></Version>"
        for size in sizes
    )
    return f"<ListVersionsResult><IsTruncated>false</IsTruncated>{versions}</ListVersionsResult>".encode()


def test_what_cannot_be_read_is_told_and_stops_nothing_else(aws, hostile):
    """As S3 refuses an object that was stored under a key of somebody's own (SSE-C)."""
    access = replace(aws.access, endpoint_url=hostile.url, attempts=1)
    refused = b"<Error><Code>InvalidRequest</Code><Message>stored using server side encryption</Message></Error>"
    hostile.will(Answer(body=listing(1234, 1300)), Answer(400, refused), Answer(body=NOTE.encode()), Answer())
    error, head = locked_bucket(access, "locked-bucket").heads()
    assert head == (1234, NOTE)
    assert isinstance(error, UnreadHead)
    assert error.size == 1300
    assert index(1300) in error.why
    assert "InvalidRequest" in error.why


def test_where_there_is_no_answer_the_others_are_not_asked_in_vain(aws, hostile):
    access = replace(aws.access, endpoint_url=hostile.url, attempts=1)
    hostile.will(Answer(body=listing(1234, 1300)), Answer(body=b"half", stated_length=4000))
    with pytest.raises(AnchorError):
        list(locked_bucket(access, "locked-bucket").heads())
    assert len(hostile.requests) == 2


def test_many_heads_come_by_size_and_not_by_name(bucket, s3):
    for size in (1, 999, 1000, 999_999, 1_000_000, 1_234_567):
        s3.put_object(Bucket="locked-bucket", Key=KEY.replace("x001/234", index(size)), Body=f"{size}".encode())
    assert [size for size, _ in bucket.heads()] == [1_234_567, 1_000_000, 999_999, 1000, 999, 1]


def test_what_is_known_need_not_be_fetched(bucket, s3):
    for size in (7, 999, 1234):
        anchored(bucket, size)
    ours = {size: LOG.checkpoint(size) for size in (7, 999, 1234)}
    assert list(bucket.heads(ours.get)) == []
    del ours[999]
    assert list(bucket.heads(ours.get)) == [(999, LOG.checkpoint(999))]
    ours[7] += "x"
    assert [size for size, _ in bucket.heads(ours.get)] == [999, 7]


def index(size: int) -> str:
    """As tlog-tiles words it, for up to nine digits."""
    groups = f"{size:09d}"
    parts = [groups[i : i + 3] for i in (0, 3, 6)]
    while len(parts) > 1 and parts[0] == "000":
        parts.pop(0)
    return "/".join([*(f"x{part}" for part in parts[:-1]), parts[-1]])


def test_origins_do_not_share_a_folder(aws, s3):
    """A prefix of the other's, and one that tries to climb."""
    for origin in ("example.com/a", "example.com/a/b", "example.com/../x", "..", "a//b"):
        one = LockedBucket("locked-bucket", "", origin, aws.access, "governance", timedelta(days=1), now)
        one.anchor(1234, NOTE, prover(LOG))
        assert len(list(one.heads())) == 1
    keys = {version["Key"] for version in s3.list_object_versions(Bucket="locked-bucket")["Versions"]}
    assert len(keys) == 5
    assert not any("/../" in f"/{key}" or "//" in key for key in keys)


def test_a_bucket_without_object_lock(aws):
    bucket = locked_bucket(aws.access, aws.bucket)
    with pytest.raises(AnchorError, match="ObjectLockConfiguration"):
        anchored(bucket)
    with pytest.raises(AnchorError, match="Object Lock"):
        bucket.probe()


def test_an_object_there_that_is_not_locked(bucket, s3):
    s3.put_object(Bucket="locked-bucket", Key=KEY, Body=NOTE.encode())
    with pytest.raises(AnchorError, match="not locked") as caught:
        anchored(bucket)
    assert not isinstance(caught.value, AnchorForkedError)


def test_a_bucket_that_is_not_there(aws):
    bucket = locked_bucket(aws.access, "no-such-bucket")
    for ask in (lambda: anchored(bucket), bucket.probe, lambda: list(bucket.heads())):
        with pytest.raises(AnchorError, match="no-such-bucket does not exist"):
            ask()


def test_what_the_bucket_says_of_itself(bucket):
    assert "has Object Lock; no checkpoint yet" in bucket.probe()
    anchored(bucket)
    assert "1234 leaves" in bucket.probe()


@pytest.mark.parametrize(
    "change",
    [
        {"bucket": "another-bucket"},
        {"key": "another/key"},
        {"sha256": "0" * 64},
        {"mode": "NONE"},
        {"retain_until": "some day"},
        {"last_modified": "2026-01-01T00:00:00"},
        {"retain_until": None},
        {"more": "1"},
    ],
    ids=str,
)
def test_a_receipt_for_something_else(bucket, change):
    _, proof = anchored(bucket)
    with pytest.raises(AnchorError):
        bucket.read(1234, NOTE, rfc8785.dumps({**json.loads(proof), **change}))
    assert bucket.read(1234, NOTE, rfc8785.dumps(json.loads(proof)))


def test_a_receipt_in_another_spelling(bucket):
    _, proof = anchored(bucket)
    for other in (proof + b"\n", proof.replace(b":", b": ", 1), json.dumps(json.loads(proof), indent=1).encode()):
        with pytest.raises(AnchorError):
            bucket.read(1234, NOTE, other)
