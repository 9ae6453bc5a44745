"""Sync where sources cannot be had: the others go on, the message says what is wrong, the exit status is 3."""

from __future__ import annotations

import socket

import pytest

from tests.support.cli import environment
from tests.support.hostile_http import Answer


def closed_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def unreachable():
    return f"http://127.0.0.1:{closed_port()}"


def test_an_unreachable_source_stops_no_other(home, key, aws, unreachable):
    aws.register_key(key.public)
    away = {"name": "away", "url": "s3://some-bucket", "region": "eu-west-1", "endpoint_url": unreachable}
    home.configure(away, home.s3_source(aws))
    aws.put_delivery(*home.sample(key))
    answer = home.run("sync", "--json", status=3).json
    assert (answer["archived"], answer["verified"]) == (1, 1)
    (error,) = answer["errors"]
    assert error["source"] == "away"
    assert "s3://some-bucket" in error["error"]
    assert home.kinds().count("source_failed") == 1
    assert home.alerts() == ["source away cannot be read"]
    ran = home.run("sync", status=3)
    assert ran.stderr.startswith("archiver: away: cannot list s3://some-bucket/")
    assert home.kinds().count("source_failed") == 1, "told when it begins, not at each pass"
    assert home.run("sync", "--source", "prod", status=0).stderr == ""


def test_a_source_that_recovers_is_on_record(home, key):
    home.configure(home.folder_source())
    home.tree.rename(home.root / "elsewhere")
    assert home.run("sync", "--json", status=3).json["errors"][0]["source"] == "prod"
    (home.root / "elsewhere").rename(home.tree)
    home.run("sync", "--json", status=0)
    failing = ["source_failed", "alert_raised", "alert_told"]
    assert home.kinds() == ["ledger_migrated", *failing, "source_synced", "source_recovered"]


def test_a_source_that_is_away_for_a_while_deletes_nothing(home, key):
    home.configure(home.folder_source())
    home.run("keys", "import", home.list_keys(key), status=0)
    home.deliver(key)
    home.run("sync", status=0)
    home.tree.rename(home.root / "elsewhere")
    assert home.run("sync", "--json", status=3).json["gone"] == 0
    assert not any("source_deleted" in title for title in home.alerts())


def test_no_such_bucket(home, aws):
    home.configure({**home.s3_source(aws), "url": "s3://no-such-bucket-anywhere"})
    ran = home.run("sync", status=3)
    assert "bucket no-such-bucket-anywhere does not exist" in ran.stderr


def test_missing_credentials(home, aws):
    home.configure(home.s3_source(aws))
    home.environ = {n: v for n, v in environment().items() if not n.startswith(("AWS_ACCESS", "AWS_SECRET"))}
    ran = home.run("sync", status=3)
    assert "no AWS credentials" in ran.stderr
    assert "aws sts get-caller-identity" in ran.stderr


def test_a_profile_that_is_not_there(home, aws):
    home.configure(home.s3_source(aws, profile="nobody"))
    assert "nobody" in home.run("sync", status=3).stderr


def test_wrong_region(home, hostile):
    refusal = (
        b"<Error><Code>AuthorizationHeaderMalformed</Code><Message>the region is wrong</Message>"
        b"<Region>eu-central-1</Region></Error>"
    )
    hostile.will(*[Answer(400, refusal)] * 20)
    source = {"name": "prod", "url": "s3://some-bucket", "region": "us-east-1", "endpoint_url": hostile.url}
    home.configure(source)
    ran = home.run("sync", status=3)
    assert "wrong Region: it is in eu-central-1" in ran.stderr
    assert "set the source's region" in ran.stderr


def test_access_denied_names_the_permission(home, hostile):
    hostile.will(*[Answer(403, b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>")] * 20)
    home.configure({"name": "prod", "url": "s3://some-bucket", "region": "us-east-1", "endpoint_url": hostile.url})
    assert "s3:ListBucket" in home.run("sync", status=3).stderr


def test_keys_that_cannot_be_asked_for_leave_the_delivery_archived(home, key, aws, unreachable):
    home.configure(home.s3_source(aws, cloudtrail_endpoint_url=unreachable))
    aws.put_delivery(*home.sample(key))
    answer = home.run("sync", "--json", status=3).json
    assert answer["items"][0]["reasons"] == ["key_unavailable"]
    assert len(home.archived()) == 2
    assert ["public keys of us-east-1" in error["error"] for error in answer["errors"]] == [True]
    audited = home.run("audit", "--all", "--json", status=3).json
    assert ["public keys of us-east-1" in error["error"] for error in audited["errors"]] == [True]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--source", "prd"), "no source is called 'prd'"),
        (("--since", "yesterday"), "--since 'yesterday' is no date"),
        (("--since", "2026-13-01"), "is no date"),
        (("--since", "2026-01-31xyz"), "is no date"),
        (("--frobnicate",), "No such option"),
        (("extra",), "unexpected extra argument"),
    ],
)
def test_wrong_arguments(home, arguments, complaint):
    home.configure(home.folder_source())
    ran = home.run("sync", *arguments, status=2)
    assert complaint in ran.stderr
    assert ran.stdout == ""


def test_no_source_is_configured(home):
    home.configure()
    assert "no source is configured" in home.run("sync", status=2).stderr


def test_no_ledger_yet(home):
    home.write(home.folder_source())
    ran = home.run("sync", status=2)
    assert "archiver ledger upgrade" in ran.stderr
