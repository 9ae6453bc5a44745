"""The key authority port over ListPublicKeys: real HTTP, the demo's CloudTrail and one that misbehaves."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest

from archiver.adapters.aws.cloudtrail import CloudTrailKeys
from archiver.adapters.aws.session import AwsAccess, Credentials
from archiver.demo.deliveries import SigningKey, make_signing_key
from archiver.errors import SourceDeniedError, SourceUnreachableError
from tests.support.hostile_http import Answer, HostileServer

NOW = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture(scope="module")
def keys() -> list[SigningKey]:
    """Seven keys, one after another, the last one valid now."""
    return [make_signing_key("us-east-1", NOW - timedelta(days=29 * back + 3)) for back in range(6, -1, -1)]


@cache
def access(url: str) -> AwsAccess:
    return AwsAccess(
        region="us-east-1",
        endpoint_url=url,
        cloudtrail_endpoint_url=url,
        credentials=Credentials("key", "secret"),
        attempts=2,
    )


def authority(hostile: HostileServer, region: str = "us-east-1") -> CloudTrailKeys:
    return CloudTrailKeys(access(hostile.url), region, clock=lambda: NOW)


def listing(*entries: object, token: str | None = None, request_id: str = "r1") -> Answer:
    document = {"PublicKeyList": list(entries)} | ({"NextToken": token} if token else {})
    return Answer(200, json.dumps(document).encode(), {"x-amzn-RequestId": request_id})


def refusal(status: int, kind: str, message: str = "No.") -> Answer:
    return Answer(status, json.dumps({"__type": kind, "message": message}).encode())


def entry(key: SigningKey, **changes: object) -> dict[str, object]:
    made = {
        "Value": base64.b64encode(key.public.der).decode(),
        "Fingerprint": key.public.fingerprint,
        "ValidityStartTime": key.public.valid_from.timestamp(),
        "ValidityEndTime": key.public.valid_until.timestamp(),
        **changes,
    }
    return {field: value for field, value in made.items() if value is not None}


IDENTITY = Answer(
    200,
    b"<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::1:user/x</Arn>"
    b"</GetCallerIdentityResult></GetCallerIdentityResponse>",
)


def test_all_pages_of_a_range_come_with_provenance(aws, keys):
    for key in keys:
        aws.register_key(key.public)
    asked = CloudTrailKeys(aws.access, "us-east-1", clock=lambda: NOW)
    found, provenance = asked.list_keys(NOW - timedelta(days=365), NOW)
    assert list(found) == [key.public for key in keys]
    assert (provenance.method, provenance.endpoint, provenance.obtained_at) == ("ListPublicKeys", aws.url, NOW)
    assert provenance.caller.startswith("arn:aws:sts::")
    assert len(provenance.request_id.split()) == 4
    assert asked.region == "us-east-1"


def test_only_keys_whose_window_meets_the_range(aws, keys):
    for key in keys:
        aws.register_key(key.public)
    asked = CloudTrailKeys(aws.access, "us-east-1")
    first = keys[0].public
    assert list(asked.list_keys(first.valid_from, first.valid_from)[0]) == [first]
    assert list(asked.list_keys(NOW, NOW + timedelta(days=1))[0]) == [keys[-1].public]
    assert list(asked.list_keys(NOW - timedelta(days=900), NOW - timedelta(days=800))[0]) == []


def test_each_region_has_its_own_keys(aws):
    there, here = make_signing_key("eu-west-1", NOW), make_signing_key("us-east-1", NOW)
    for key in (there, here):
        aws.register_key(key.public)
    for key in (there, here):
        found, _ = CloudTrailKeys(aws.access, key.region).list_keys(NOW, NOW)
        assert list(found) == [key.public]


def test_without_a_start_the_demo_answers_the_current_key_only_as_aws_does(aws):
    now = datetime.now(UTC)
    current, old = make_signing_key("us-east-1", now), make_signing_key("us-east-1", now - timedelta(days=90))
    for key in (old, current):
        aws.register_key(key.public)
    answer = aws.access.cloudtrail("us-east-1").list_public_keys()
    assert [key["Fingerprint"] for key in answer["PublicKeyList"]] == [current.public.fingerprint]


def test_the_range_is_asked_for_and_tokens_are_followed(hostile, keys):
    hostile.will(listing(entry(keys[0]), token="t1"), listing(entry(keys[1]), request_id="r2"), IDENTITY)
    start = NOW.replace(microsecond=0)
    found, provenance = authority(hostile).list_keys(start, start + timedelta(days=1))
    assert [key.claimed_fingerprint for key in found] == [key.public.fingerprint for key in keys[:2]]
    asked = [json.loads(request.body) for request in hostile.requests[:2]]
    assert [request.get("NextToken") for request in asked] == [None, "t1"]
    assert all(request["StartTime"] == start.timestamp() for request in asked)
    assert all(request["EndTime"] == start.timestamp() + 86400 for request in asked)
    assert (provenance.request_id, provenance.caller) == ("r1 r2", "arn:aws:iam::1:user/x")


def test_what_is_listed_is_not_checked_here(hostile, keys):
    other = "0" * 32
    hostile.will(listing(entry(keys[0], Fingerprint=other, ValidityStartTime=None)))
    (found,), _ = authority(hostile).list_keys(NOW, NOW)
    assert (found.claimed_fingerprint, found.fingerprint) == (other, keys[0].public.fingerprint)
    assert (found.valid_from, found.valid_until) == (None, keys[0].public.valid_until)


def test_a_malformed_entry_does_not_take_the_others_along(hostile, keys, caplog):
    bad = [
        entry(keys[0], Value=None),
        entry(keys[0], Fingerprint=None),
        entry(keys[0], Value=base64.b64encode(b"x" * 5000).decode()),
        {},
    ]
    hostile.will(listing(*bad[:2], entry(keys[1]), *bad[2:]))
    found, _ = authority(hostile).list_keys(NOW, NOW)
    assert [key.der for key in found] == [keys[1].public.der]
    assert len(caplog.records) == 4


def test_pages_that_go_in_circles_end(hostile, keys):
    hostile.will(*[listing(entry(keys[0]), token=token) for token in ("t1", "t2", "t1")])
    with pytest.raises(SourceUnreachableError, match="do not end"):
        authority(hostile).list_keys(NOW, NOW)


def test_an_error_on_a_later_page_is_an_error(hostile, keys):
    hostile.will(listing(entry(keys[0]), token="t1"), refusal(400, "InvalidTokenException"))
    with pytest.raises(SourceUnreachableError, match="InvalidTokenException"):
        authority(hostile).list_keys(NOW, NOW)


def test_denied_names_the_permission(hostile):
    hostile.will(refusal(400, "AccessDeniedException"))
    with pytest.raises(SourceDeniedError, match="cloudtrail:ListPublicKeys") as caught:
        authority(hostile, "eu-west-1").list_keys(NOW, NOW)
    assert "eu-west-1" in str(caught.value)


def test_throttling_is_waited_out(hostile, keys):
    hostile.will(refusal(400, "ThrottlingException"), listing(entry(keys[0])))
    found, _ = authority(hostile).list_keys(NOW, NOW)
    assert len(found) == 1


@pytest.mark.parametrize("value", ["A", 7])
def test_an_answer_that_makes_no_sense_is_an_error_of_ours(hostile, keys, value):
    hostile.will(listing(entry(keys[0], Value=value)))
    with pytest.raises(SourceUnreachableError, match="public keys in us-east-1"):
        authority(hostile).list_keys(NOW, NOW)
