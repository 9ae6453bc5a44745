"""Where credentials come from, who they are, and what is said where there are none."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from archiver.adapters.aws.cloudtrail import CloudTrailKeys
from archiver.adapters.aws.s3_source import S3Source
from archiver.adapters.aws.session import AwsAccess, Credentials
from archiver.errors import SourceDeniedError, SourceUnreachableError
from tests.support.hostile_http import Answer

EMPTY = Answer(200, b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")
ASSUMED = Answer(
    200,
    b"<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>role-key</AccessKeyId>"
    b"<SecretAccessKey>s</SecretAccessKey><SessionToken>role-token</SessionToken>"
    b"<Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>",
)
IDENTITY = Answer(
    200,
    b"<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::1:user/x</Arn>"
    b"</GetCallerIdentityResult></GetCallerIdentityResponse>",
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No credentials but what the test puts into this folder's ``config``."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return tmp_path


def listed(access: AwsAccess) -> list[object]:
    return list(S3Source("src", "bucket", "", access).objects())


def test_no_credentials_at_all_says_what_to_do(home, hostile):
    with pytest.raises(SourceUnreachableError, match="no AWS credentials") as caught:
        listed(AwsAccess(region="us-east-1", endpoint_url=hostile.url))
    assert "aws sts get-caller-identity" in caught.value.remedy
    with pytest.raises(SourceUnreachableError, match="no AWS credentials"):
        listed(AwsAccess(region="us-east-1", endpoint_url=hostile.url, role_arn="arn:aws:iam::1:role/reader"))
    assert hostile.requests == []


def test_a_profile_that_does_not_exist_is_named(home, hostile):
    with pytest.raises(SourceUnreachableError, match="audit-team") as caught:
        listed(AwsAccess(profile="audit-team", region="us-east-1", endpoint_url=hostile.url))
    assert "list-profiles" in caught.value.remedy


def test_a_configuration_file_of_nonsense_is_told(home, hostile):
    (home / "config").write_text("[[[")
    with pytest.raises(SourceUnreachableError, match="config"):
        listed(AwsAccess(region="us-east-1", endpoint_url=hostile.url))


def test_an_endpoint_that_is_no_url_is_told(home):
    access = AwsAccess(region="us-east-1", endpoint_url="not a url", credentials=Credentials("a", "b"))
    with pytest.raises(SourceUnreachableError, match="not a url"):
        listed(access)


def test_a_profile_gives_credentials_and_region(home, hostile):
    (home / "config").write_text(
        "[profile audit]\nregion = eu-west-3\naws_access_key_id = profile-key\naws_secret_access_key = s\n"
    )
    hostile.will(EMPTY)
    listed(AwsAccess(profile="audit", endpoint_url=hostile.url))
    assert "Credential=profile-key/" in hostile.requests[0].headers["authorization"]
    assert "/eu-west-3/s3/" in hostile.requests[0].headers["authorization"]


def test_a_role_is_assumed_with_the_external_id_once(home, hostile):
    hostile.will(ASSUMED, EMPTY, EMPTY)
    access = AwsAccess(
        region="us-east-1",
        endpoint_url=hostile.url,
        role_arn="arn:aws:iam::123456789012:role/reader",
        external_id="shared-word",
        credentials=Credentials("own-key", "s"),
    )
    for _ in range(2):
        listed(access)
    assume, *lists = hostile.requests
    asked = parse_qs(assume.body.decode())
    assert (asked["Action"], asked["ExternalId"]) == (["AssumeRole"], ["shared-word"])
    assert asked["RoleArn"] == ["arn:aws:iam::123456789012:role/reader"]
    assert "Credential=own-key/" in assume.headers["authorization"]
    assert ["Credential=role-key/" in request.headers["authorization"] for request in lists] == [True, True]
    assert lists[0].headers["x-amz-security-token"] == "role-token"


def test_a_role_that_may_not_be_assumed_is_told(home, hostile):
    hostile.will(
        Answer(403, b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>No.</Message></Error></ErrorResponse>")
    )
    access = AwsAccess(
        region="us-east-1",
        endpoint_url=hostile.url,
        role_arn="arn:aws:iam::1:role/reader",
        credentials=Credentials("a", "b"),
    )
    with pytest.raises(SourceDeniedError, match="sts:AssumeRole") as caught:
        listed(access)
    assert "external ID" in caught.value.remedy


def test_fixed_credentials_leave_the_users_configuration_alone(home, hostile, monkeypatch):
    (home / "config").write_text("[[[")
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "of-the-user")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    hostile.will(EMPTY)
    listed(AwsAccess(region="us-east-1", endpoint_url=hostile.url, credentials=Credentials("fixed-key", "b")))
    (asked,) = hostile.requests
    assert "Credential=fixed-key/" in asked.headers["authorization"]
    assert "x-amz-security-token" not in asked.headers


def test_the_caller_is_asked_for_once(hostile):
    hostile.will(IDENTITY)
    access = AwsAccess(region="us-east-1", endpoint_url=hostile.url, credentials=Credentials("a", "b"))
    assert [access.caller_arn(), access.caller_arn()] == ["arn:aws:iam::1:user/x"] * 2
    assert len(hostile.requests) == 1


@pytest.mark.parametrize("answer", [Answer(403, b"<Error/>"), Answer(200, b"nonsense"), Answer(200, b"<a></a>")])
def test_a_caller_that_cannot_be_known_is_none_and_not_asked_again_at_once(hostile, answer):
    hostile.will(answer)
    access = AwsAccess(region="us-east-1", endpoint_url=hostile.url, credentials=Credentials("a", "b"), attempts=1)
    assert [access.caller_arn(), access.caller_arn()] == [None, None]
    assert len(hostile.requests) == 1


def test_a_region_nobody_named_is_told(home, hostile):
    access = AwsAccess(cloudtrail_endpoint_url=hostile.url, credentials=Credentials("a", "b"))
    now = datetime.now(UTC)
    with pytest.raises(SourceUnreachableError, match="no Region"):
        CloudTrailKeys(access, "").list_keys(now, now)


def test_secrets_are_not_shown():
    assert "hidden" not in repr(AwsAccess(credentials=Credentials("a", "hidden")))
