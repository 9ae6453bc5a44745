"""Anchors by way of the command line: configured, asked, checked by doctor, believed for as long as they hold."""

from __future__ import annotations

from typing import Any

import pytest

from archiver.log.note import parse_key, parse_note
from archiver.settings import load_settings
from archiver.wiring_log import signer_of
from tests.support.anchoring import NOWHERE
from tests.support.cli import Home

LOCKED = "locked-bucket"


@pytest.fixture
def everybody(home: Home, tsa, aws, witness_servers) -> Home:
    """A home whose log an authority, a bucket and two witnesses vouch for."""
    aws.access.s3().create_bucket(Bucket=LOCKED, ObjectLockEnabledForBucket=True)
    home.write(home.folder_source())
    home.tree.mkdir(exist_ok=True)
    anchors = f"""
[[anchors.timestamps]]
name = "authority"
url = "{tsa.url}"
ca_file = "{tsa.ca_file}"
[anchors.object_lock]
url = "s3://{LOCKED}/log"
region = "us-east-1"
endpoint_url = "{aws.url}"
"""
    for server in witness_servers.values():
        server.forget()
        anchors += f"""
[[anchors.witnesses]]
key = "{server.key.vkey}"
url = "{server.url}"
monitoring_url = "{server.monitoring_url}"
"""
    home.config.write_text(home.config.read_text() + anchors)
    home.run("ledger", "upgrade", status=0)
    custody = load_settings(home.config, {}).custody
    key = parse_key(signer_of(custody).key)
    for server in witness_servers.values():
        server.logs[key.name] = key.public
    return home


def edit(home: Home, old: str, new: str) -> None:
    text = home.config.read_text()
    assert old in text
    home.config.write_text(text.replace(old, new))


def checks(home: Home, status: int) -> list[dict[str, Any]]:
    wanted = ("anchors", "sign", "timestamp", "anchor_bucket", "witness")
    return [one for one in home.run("doctor", "--json", status=status).json["checks"] if one["id"] in wanted]


def test_doctor_asks_everybody(everybody, tsa):
    found = checks(everybody, 0)
    assert [(one["id"], one["status"]) for one in found] == [
        ("sign", "ok"),
        ("timestamp", "ok"),
        ("anchor_bucket", "ok"),
        ("witness", "ok"),
        ("witness", "ok"),
    ]
    assert "certificate that ends" in found[1]["detail"]
    assert "has Object Lock" in found[2]["detail"]
    assert len(tsa.asked) == 1
    assert not list(everybody.archive.glob("log/anchors/**/*"))


def test_doctor_names_who_is_not_there(everybody, tsa, aws):
    edit(everybody, tsa.url, NOWHERE)
    edit(everybody, f"s3://{LOCKED}/log", f"s3://{aws.bucket}/log")
    bad = checks(everybody, 3)
    assert [one["status"] for one in bad] == ["ok", "fail", "fail", "ok", "ok"]
    assert "authority" in bad[1]["detail"]
    assert "127.0.0.1:9" in bad[1]["detail"]
    assert bad[2]["detail"].endswith(f"s3://{aws.bucket} has no Object Lock")


def test_doctor_warns_where_nobody_vouches(home):
    home.configure()
    (one,) = checks(home, 0)
    assert (one["id"], one["status"]) == ("anchors", "warn")


def test_a_checkpoint_is_vouched_for_and_verified(everybody, tsa):
    made = everybody.run("ledger", "checkpoint", "--json", "--force", status=0).json
    assert [(one["method"], one["error"]) for one in made["anchors"]] == [
        (method, None) for method in ("timestamp", "object_lock", "witness", "witness")
    ]
    proofs = sorted(path.name for path in everybody.archive.glob("log/anchors/**/*") if path.is_file())
    assert [name.partition("-")[0] for name in proofs] == ["object_lock", "timestamp", "witness", "witness"]
    assert len(parse_note((everybody.archive / "log/checkpoint").read_bytes()).signatures) == 3
    again = everybody.run("ledger", "checkpoint", "--json", status=0).json
    assert again["anchors"] == []
    verified = everybody.run("ledger", "verify", "--json", status=0).json
    assert verified["problems"] == []


def test_who_cannot_be_reached_is_told_and_the_others_vouch(everybody, tsa):
    edit(everybody, tsa.url, NOWHERE)
    ran = everybody.run("ledger", "checkpoint", "--json", "--force", status=3)
    assert [one["error"] is None for one in ran.json["anchors"]] == [False, True, True, True]
    assert any("cannot vouch" in title for title in everybody.alerts())


def test_a_changed_proof_is_found(everybody):
    everybody.run("ledger", "checkpoint", "--force", status=0)
    for proof in everybody.archive.glob("log/anchors/**/*.*"):
        proof.chmod(0o600)
        proof.write_bytes(proof.read_bytes() + b"x")
    problems = everybody.run("ledger", "verify", "--json", status=1).json["problems"]
    assert [one["kind"] for one in problems] == ["anchor_invalid"] * 4
