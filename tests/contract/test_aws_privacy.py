"""What is kept of AWS's answers names no person behind a session and holds no password: events cannot be erased."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from archiver.adapters.aws.cloudtrail import CloudTrailKeys
from archiver.adapters.aws.errors import Doing, translated
from archiver.adapters.aws.privacy import message_to_keep, without_private
from archiver.adapters.aws.s3_source import S3Source
from archiver.adapters.aws.session import AwsAccess, Credentials
from archiver.errors import SourceDeniedError, SourceError, SourceUnreachableError
from tests.support.hostile_http import Answer, HostileServer

NOW = datetime(2026, 11, 4, tzinfo=UTC)


def access(hostile: HostileServer, **changes: str) -> AwsAccess:
    given = {"endpoint_url": hostile.url, "cloudtrail_endpoint_url": hostile.url} | changes
    return AwsAccess(region="us-east-1", credentials=Credentials("a", "b"), attempts=1, **given)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("arn:aws:iam::1:user/keeper", "arn:aws:iam::1:user/keeper"),
        ("arn:aws:sts::1:assumed-role/Reader/alice@example.com", "arn:aws:sts::1:assumed-role/Reader"),
        (
            "arn:aws-cn:sts::1:assumed-role/A.b_c=d,e+f-g/a.l_i=c,e+x-y@z",
            "arn:aws-cn:sts::1:assumed-role/A.b_c=d,e+f-g",
        ),
        ("arn:aws:sts::1:federated-user/alice@example.com", "arn:aws:sts::1:federated-user"),
        ("arn:aws:iam::1:root", "arn:aws:iam::1:root"),
    ],
)
def test_the_caller_is_kept_without_who_the_session_belongs_to(hostile, said, kept):
    answer = f"<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>{said}</Arn></GetCallerIdentityResult>"
    hostile.will(Answer(200, f"{answer}</GetCallerIdentityResponse>".encode()))
    source = S3Source("src", "bucket", "", access(hostile))
    assert [source.caller(), source.caller()] == [kept, kept]


def test_a_refusal_is_told_without_who_the_session_belongs_to(hostile):
    message = (
        "User: arn:aws:sts::1:assumed-role/Reader/alice@example.com is not authorized to perform: s3:ListBucket"
        " on resource: arn:aws:s3:::bucket"
    )
    hostile.will(Answer(403, f"<Error><Code>AccessDenied</Code><Message>{message}</Message></Error>".encode()))
    with pytest.raises(SourceDeniedError) as caught:
        list(S3Source("src", "bucket", "", access(hostile)).objects())
    told = str(caught.value)
    assert "arn:aws:sts::1:assumed-role/Reader is not authorized to perform: s3:ListBucket on resource" in told
    assert "alice" not in told


def test_a_token_that_a_refusal_quotes_is_not_kept(hostile):
    message = "The signature does not match.\\n\\nThe Canonical String was\\nx-amz-security-token:SECRET"
    body = f'{{"__type": "InvalidSignatureException", "message": "{message}"}}'
    hostile.will(Answer(400, body.encode(), {"Content-Type": "application/x-amz-json-1.1"}))
    with pytest.raises(SourceUnreachableError, match=r"The signature does not match\.") as caught:
        CloudTrailKeys(access(hostile), "us-east-1").list_keys(NOW, NOW)
    assert "SECRET" not in str(caught.value)


def test_an_endpoint_is_kept_without_user_and_password(hostile):
    """The environment may name one, which the configuration would refuse."""
    inside = hostile.url.replace("://", "://keeper:hunter2@")
    hostile.will(Answer(200, b'{"PublicKeyList": []}', {"Content-Type": "application/x-amz-json-1.1"}))
    _, provenance = CloudTrailKeys(access(hostile, cloudtrail_endpoint_url=inside), "us-east-1").list_keys(NOW, NOW)
    assert provenance.endpoint == hostile.url


def test_a_server_that_is_not_there_is_named_without_user_and_password(hostile):
    nowhere = "http://keeper:hunter2@127.0.0.1:1"
    with pytest.raises(SourceUnreachableError, match=r"http://127\.0\.0\.1:1/") as caught:
        list(S3Source("src", "bucket", "", access(hostile, endpoint_url=nowhere)).objects())
    assert "hunter2" not in str(caught.value)


def test_any_error_of_the_library_is_told_without_them():
    with pytest.raises(SourceError) as caught, translated(Doing("ask", "")):
        raise OSError("postgresql://keeper:p@ss@host/x, then arn:aws:sts::1:assumed-role/R/alice\nand more")
    assert str(caught.value) == "cannot ask: postgresql://host/x, then arn:aws:sts::1:assumed-role/R"


def test_long_messages_cost_no_time_and_other_text_stays():
    assert len(message_to_keep("a.-+:" * 1_000_000)) < 400
    assert len(message_to_keep("://" * 1_000_000)) < 400
    for text in ("s3://bucket/a@b/c", "https://host/path@x?y=z@", "me@example.com", ":assumed-role", "é://ü"):
        assert without_private(text) == text
