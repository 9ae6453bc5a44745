"""CloudTrail's account of a query, from ``sync`` to ``show``, ``audit`` and ``ledger rebuild``."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from archiver.demo.deliveries import STATEMENT
from tests.support.cli import Home, recently
from tests.support.hostile_http import Answer

TOLD = {
    "QueryString": f"{STATEMENT} -- for mallory@example.com",
    "QueryStatus": "FINISHED",
    "DeliveryStatus": "SUCCESS",
    "QueryStatistics": {"EventsMatched": 7, "EventsScanned": 70, "CreationTime": 1667574431},
    "EventDataStoreOwnerAccountId": "444455556666",
}


def delivered(home: Home, key, aws, *, register: bool = True, **more) -> str:
    """A delivery in the bucket; answers its query ID."""
    prefix, files = home.sample(key, **more)
    aws.put_delivery(prefix, files)
    query = prefix.rstrip("/").rpartition("/")[2]
    if register:
        aws.demo.register_query(query, TOLD)
    return query


@pytest.fixture
def asking(home: Home, key, aws) -> Home:
    """A home with a bucket as its source, about whose queries CloudTrail is asked."""
    aws.register_key(key.public)
    home.configure(home.s3_source(aws, describe=True))
    return home


def described(home: Home) -> list[dict]:
    told = home.ledger.query("SELECT body FROM custody_events WHERE kind = 'query_described' ORDER BY seq")
    return [json.loads(body) for (body,) in told]


def facts(home: Home, query: str) -> dict[str, dict]:
    shown = home.run("show", query, "--json").json
    return {fact["name"]: fact for fact in shown["facts"]["query"]}


def test_what_cloudtrail_tells_is_recorded_kept_and_shown(asking, key, aws):
    query = delivered(asking, key, aws)
    ran = asking.run("sync", status=0)
    kinds = asking.kinds()
    assert kinds[kinds.index("evidence_acquired") + 1] == "query_described"
    (event,) = described(asking)
    kept = asking.archive / event["path"]
    assert json.loads(kept.read_bytes()) == {"QueryId": query, **TOLD}
    assert kept.parent == asking.archive / "described"
    assert (event["figures"]["events_matched"], event["figures"]["owner"]) == (7, "444455556666")

    found = facts(asking, query)
    assert (found["events_matched"]["value"], found["events_matched"]["label"]) == (7, "observed_from_aws")
    assert (found["owner"]["value"], found["query_status"]["value"]) == ("444455556666", "FINISHED")
    assert found["created_at"]["value"] == "2022-11-04T15:07:11Z"
    assert (found["query_string"]["value"], found["query_string"]["label"]) == (
        TOLD["QueryString"],
        "observed_from_aws",
    )
    assert found["bytes_scanned"]["value"] is None
    assert found["bytes_scanned"]["absent"] == "not_answered"

    bodies = "".join(body for (body,) in asking.ledger.query("SELECT body FROM custody_events"))
    for secret in ("mallory", "SELECT"):
        assert secret not in bodies
        assert secret not in ran.stdout + ran.stderr


def test_it_is_asked_for_when_nothing_is_said_of_it(home, key, aws):
    aws.register_key(key.public)
    source = {name: value for name, value in home.s3_source(aws).items() if name != "describe"}
    home.configure(source)
    delivered(home, key, aws)
    home.run("sync", status=0)
    assert len(described(home)) == 1


def test_postgresql_does_the_same(home, key, aws, new_postgres: Callable[[], str]):
    home.ledger_url = new_postgres()
    aws.register_key(key.public)
    home.configure(home.s3_source(aws, describe=True))
    query = delivered(home, key, aws)
    home.run("sync", status=0)
    assert facts(home, query)["events_matched"]["value"] == 7
    home.run("audit", "--all", status=0)
    assert home.run("ledger", "verify", "--json").json["problems"] == []


def test_a_query_that_cloudtrail_does_not_know_is_told_with_its_refusal(asking, key, aws):
    query = delivered(asking, key, aws, register=False)
    asking.run("sync", status=0)
    (event,) = described(asking)
    assert (event["refusal"], event["path"]) == ("CloudTrail refused: QueryIdNotFoundException", None)
    assert {facts(asking, query)[name]["absent"] for name in ("events_matched", "query_string", "owner")} == {
        "refused"
    }


@pytest.mark.parametrize(("days", "why"), [(8, "too_late"), (9, "too_late")])
def test_an_old_delivery_is_too_late_and_nobody_is_asked(asking, key, aws, days, why):
    query = delivered(asking, key, aws, complete_time=recently(24 * days))
    asking.run("sync", status=0)
    assert described(asking) == []
    found = facts(asking, query)
    assert {found[name]["absent"] for name in ("events_matched", "query_string", "described_at")} == {why}
    assert {found[name]["label"] for name in ("events_matched", "query_string")} == {"observed_from_aws"}


def test_who_wants_nobody_asked_says_so(home, key, aws):
    aws.register_key(key.public)
    home.configure(home.s3_source(aws, describe=False))
    query = delivered(home, key, aws)
    home.run("sync", status=0)
    assert described(home) == []
    assert facts(home, query)["events_matched"]["absent"] == "not_asked"


def test_a_folder_has_nobody_to_ask(home, key):
    home.configure(home.folder_source(describe=True))
    home.run("keys", "import", home.list_keys(key), status=0)
    folder = home.deliver(key)
    home.run("sync", status=0)
    assert described(home) == []
    assert facts(home, folder.name)["events_matched"]["absent"] == "not_s3"


def test_without_permission_all_is_archived_and_it_is_asked_once(home, key, aws, hostile):
    """``AccessDenied`` for the first of many; the others are acquired as if nobody were to be asked."""
    aws.register_key(key.public)
    home.configure(home.s3_source(aws, describe=True, cloudtrail_endpoint_url=hostile.url), workers={"threads": 1})
    home.run("keys", "import", home.list_keys(key), status=0)
    for _ in range(8):
        delivered(home, key, aws)
    denied = {"__type": "AccessDeniedException", "message": f"not for mallory: {STATEMENT}"}
    hostile.will(*[Answer(400, json.dumps(denied).encode())] * 8)
    ran = home.run("sync", "--json", status=0)
    assert (ran.json["archived"], ran.json["errors"]) == (8, [])
    assert 1 <= len(hostile.requests) <= 2, "as many as there are threads"
    assert {event["refusal"] for event in described(home)} == {
        "access denied: it takes cloudtrail:DescribeQuery (AccessDeniedException)"
    }
    assert "mallory" not in ran.stderr + str(described(home))
    assert "is not asked for 10 minutes" in ran.stderr


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda file: (file.chmod(0o600), file.write_bytes(b"{}")), "was put there with SHA-256"),
        (lambda file: file.unlink(), "is not there any more"),
        (
            lambda file: (file.rename(file.with_suffix(".x")), os.symlink(file.with_suffix(".x"), file)),
            "is not there",
        ),
    ],
    ids=["altered", "removed", "a link"],
)
def test_an_audit_finds_what_was_done_to_it(asking, key, aws, harm, said):
    query = delivered(asking, key, aws)
    asking.run("sync", status=0)
    (event,) = described(asking)
    file = asking.archive / event["path"]
    data = file.read_bytes()
    harm(file)
    (found,) = asking.run("audit", "--all", "--json", status=1).json["items"]
    assert found["reasons"] == ["archive_altered"]
    shown = asking.run("show", query, "--json").json
    (check,) = [check for check in shown["verifications"][-1]["checks"] if check["id"] == "archive"]
    assert check["result"] == "fail"
    assert f"{event['path']} {said}" in check["detail"]
    assert facts(asking, query)["query_string"]["absent"] == "not_there"

    ran = asking.run("audit", "--all", "--repair", status=1)
    assert "cannot be had again" in ran.stderr
    assert "described.json" in ran.stderr
    file.unlink(missing_ok=True)
    file.write_bytes(data)
    asking.run("audit", "--all", status=0)


def test_a_rebuilt_ledger_knows_it_and_tells_what_is_missing(asking, key, aws):
    for _ in range(2):
        delivered(asking, key, aws)
    asking.run("sync", status=0)
    asking.run("ledger", "checkpoint", status=0)
    before, files = described(asking), asking.ledger.query("SELECT * FROM files ORDER BY 1, 2")
    assert {row[-1] for row in files} == {""}, "retention: S3 tells of no lock"
    asking.ledger.file.unlink()
    whole = asking.run("ledger", "rebuild", "--dry-run", "--json", status=0).json
    assert (whole["missing"], whole["unknown"]) == ([], [])
    (asking.archive / before[0]["path"]).rename(asking.archive / "described/0000.json")
    asking.run("ledger", "rebuild", "--dry-run", "--json", status=1)
    told = asking.run("ledger", "rebuild", "--json", status=1).json
    assert told["unknown"] == ["described/0000.json"]
    assert [missing["path"] for missing in told["missing"]] == [before[0]["path"]]
    assert described(asking) == before
    assert asking.ledger.query("SELECT * FROM files ORDER BY 1, 2") == files


def test_the_lock_that_s3_tells_of_is_recorded_and_shown(home, key, aws):
    aws.register_key(key.public)
    s3 = aws.access.s3()
    s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    home.configure({**home.s3_source(aws), "url": "s3://locked"})
    prefix, files = home.sample(key)
    until = datetime(2031, 1, 1, tzinfo=UTC)
    for name, data in files.items():
        more = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": until} if "csv" in name else {}
        hold = {"ObjectLockLegalHoldStatus": "ON"} if "csv" in name else {}
        s3.put_object(Bucket="locked", Key=prefix + name, Body=data, ChecksumAlgorithm="SHA256", **more, **hold)
    home.run("sync", status=0)
    assert home.run("ledger", "verify", "--json").json["problems"] == []
    shown = home.run("show", prefix.rstrip("/").rpartition("/")[2], "--json", status=0).json
    told = {
        file["name"]: {fact["name"]: fact for fact in file["facts"]}["retention"] | {"name": ""}
        for file in shown["files"]
    }
    assert told == {
        "result_1.csv.gz": {
            "name": "",
            "value": "GOVERNANCE until 2031-01-01T00:00:00Z; legal hold ON",
            "label": "observed_from_aws",
            "absent": None,
        },
        "result_sign.json": {"name": "", "value": None, "label": "observed_from_aws", "absent": "not_answered"},
    }
