"""``init`` and ``doctor`` as a new user runs them: as processes, against real files and a real HTTP S3."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from archiver.cli.main import run
from archiver.custody_key import load_public
from archiver.domain.keys import PublicKey
from archiver.log.checkpoint import read_checkpoint
from archiver.log.note import ed25519_key, parse_key, signed_by
from archiver.settings import load_settings
from tests.support.aws import AwsStand
from tests.support.cli import Forked
from tests.support.kms import KEY_ARN, KmsServer

ROOT = Path(__file__).parents[2]
PLAIN = {n: v for n, v in os.environ.items() if not n.startswith(("AWS_", "ARCHIVER_"))} | {
    "PYTHONPATH": str(ROOT),
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


def archiver(
    folder: Path, *arguments: str, environ: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    ran = Forked(arguments, folder, PLAIN | (environ or {})).wait()
    return subprocess.CompletedProcess(arguments, ran.status, ran.stdout, ran.stderr)


def doctor(folder: Path, *, environ: dict[str, str] | None = None) -> tuple[int, dict[Any, dict[str, Any]]]:
    """Exit status, and the checks by ID, or by (source, ID)."""
    done = archiver(folder, "doctor", "--json", environ=environ)
    answer = json.loads(done.stdout)
    assert answer["ok"] == (done.returncode == 0)
    return done.returncode, {(c["source"], c["id"]) if c["source"] else c["id"]: c for c in answer["checks"]}


def made(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}


# --------------------------------------------------------------------------------------------- init


def test_init_makes_everything_that_is_needed(tmp_path: Path) -> None:
    (tmp_path / "in box").mkdir()
    done = archiver(tmp_path, "init", "--source", "s3://my-bucket/a/b", "--source", "in box")
    assert (done.returncode, done.stderr) == (0, "")
    settings = load_settings(tmp_path / "archiver.toml", {})
    assert [(s.name, s.url) for s in settings.sources] == [
        ("my-bucket", "s3://my-bucket/a/b"),
        ("in-box", (tmp_path / "in box").as_uri()),
    ]
    assert settings.archive.path == tmp_path / "evidence"
    assert (tmp_path / "evidence" / "keys").is_dir()
    assert len(load_public(tmp_path / "custody-key")) == 32
    assert stat.S_IMODE((tmp_path / "archiver.toml").stat().st_mode) == 0o600
    with sqlite3.connect(tmp_path / "ledger.db") as ledger:
        kinds = ledger.execute("SELECT kind FROM custody_events ORDER BY seq").fetchall()
        assert kinds == [("ledger_migrated",), ("log_key_adopted",), ("checkpoint_begun",)]
    assert "archiver doctor" in done.stdout
    key = str(ed25519_key(settings.custody.origin, load_public(tmp_path / "custody-key")))
    assert f"(log key: {key})" in done.stdout
    head, note = read_checkpoint((tmp_path / "evidence/log/checkpoint").read_bytes())
    assert (head.origin, head.size) == (settings.custody.origin, 3)
    assert signed_by(note, parse_key(key))


def test_init_refuses_to_overwrite(tmp_path: Path) -> None:
    assert archiver(tmp_path, "init").returncode == 0
    before = made(tmp_path)
    done = archiver(tmp_path, "init", "--source", "s3://another")
    assert done.returncode == 2
    assert "archiver.toml is there already" in done.stderr
    assert made(tmp_path) == before


def test_force_replaces_the_config_alone(tmp_path: Path) -> None:
    assert archiver(tmp_path, "init").returncode == 0
    before = made(tmp_path)
    done = archiver(tmp_path, "init", "--force", "--source", "s3://another")
    assert done.returncode == 0, done.stderr
    after = made(tmp_path)
    assert after["archiver.toml.old"] == before["archiver.toml"]
    assert b"s3://another" in after["archiver.toml"]
    assert {n: after[n] for n in ("ledger.db", "custody-key")} == {n: before[n] for n in ("ledger.db", "custody-key")}


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ("s3://Bad_Bucket", "lower-case"),
        ("nowhere", "no such folder"),
        ("https://bucket", "wanted"),
        ("file://host/x", "wanted"),
        (".", "within one another"),
    ],
)
def test_init_does_nothing_with_a_bad_source(tmp_path: Path, source: str, part: str) -> None:
    done = archiver(tmp_path, "init", "--source", source)
    assert done.returncode == 2
    assert part in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_init_names_sources_apart(tmp_path: Path) -> None:
    for name in ("a/Keys", "b/keys", "c/..x"):
        (tmp_path / name).mkdir(parents=True)
    sources = [f"--source={name}" for name in ("a/Keys", "b/keys", "c/..x")]
    done = archiver(tmp_path, "init", *sources, "--source=s3://bucket/1", "--source=s3://bucket/2")
    assert done.returncode == 0, done.stderr
    names = [source.name for source in load_settings(tmp_path / "archiver.toml", {}).sources]
    assert names == ["keys-2", "keys-3", "x", "bucket", "bucket-2"]


def test_init_goes_where_config_says(tmp_path: Path) -> None:
    done = archiver(tmp_path, "--config", "deep/er/c.toml", "init", environ={"AWS_REGION": "eu-west-1"})
    assert done.returncode == 0, done.stderr
    assert load_settings(tmp_path / "deep/er/c.toml", {}).archive.path == tmp_path / "deep/er/evidence"
    assert "--config" in done.stdout
    done = archiver(tmp_path, "init", "--source", "s3://bucket", environ={"ARCHIVER_CONFIG": "env.toml"})
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "env.toml").exists()


def test_init_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = archiver(tmp_path, "--config", "file/c.toml", "init")
    assert done.returncode == 2
    assert "cannot be written" in done.stderr


def test_an_archive_that_is_lost_is_made_anew_and_its_log_published_on_request(tmp_path: Path) -> None:
    assert archiver(tmp_path, "init").returncode == 0
    whole = {p.relative_to(tmp_path): p.read_bytes() for p in (tmp_path / "evidence").rglob("*") if p.is_file()}
    shutil.rmtree(tmp_path / "evidence")
    done = archiver(tmp_path, "ledger", "upgrade")
    assert done.returncode == 1
    assert "made archive" in done.stdout
    assert "archiver ledger checkpoint --republish" in done.stderr
    done = archiver(tmp_path, "ledger", "checkpoint", "--republish")
    assert done.returncode == 0, done.stderr
    for path in set(whole) - {Path("evidence/log/checkpoint")}:
        assert (tmp_path / path).read_bytes() == whole[path]
    assert archiver(tmp_path, "ledger", "upgrade").returncode == 0


def test_a_key_that_signed_nothing_yet_is_made_anew(tmp_path: Path) -> None:
    assert archiver(tmp_path, "init", environ={"ARCHIVER_CUSTODY__SIGNING_KEY": "credential:none"}).returncode == 0
    done = archiver(tmp_path, "ledger", "upgrade")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(load_public(tmp_path / "custody-key")) == 32
    assert (tmp_path / "evidence/log/checkpoint").exists()


def test_a_key_that_signed_and_is_lost_is_told_of_and_not_made_anew(home, key) -> None:
    home.configure(home.folder_source())
    lost = home.run("status", "--json", status=0).json["ledger"]["key"]
    (home.root / "custody-key").unlink()
    for _ in range(2):
        ran = home.run("ledger", "upgrade", status=3)
        assert lost in ran.stderr
        assert f"rotate-key --to {home.root}/custody-key --lost" in ran.stderr
        assert not (home.root / "custody-key").exists()
    home.run("keys", "import", home.list_keys(key), status=0)
    home.run("ledger", "rotate-key", "--to", home.root / "custody-key", "--lost", status=0)
    assert home.run("ledger", "upgrade", status=0).stderr == ""
    ledger = home.run("status", "--json", status=0).json["ledger"]
    assert ledger["key"] != lost
    assert ledger["checkpoint_size"] == ledger["size"]


# ------------------------------------------------------------------------------------------- doctor


def initialised(folder: Path, *arguments: str) -> None:
    """A new installation in *folder*, made inside this process: it is doctor that is tried here."""
    assert run(["--config", str(folder / "archiver.toml"), "init", *arguments]) == 0


def test_doctor_is_content_with_a_new_installation(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    initialised(tmp_path, "--source", str(tmp_path / "in"))
    status, checks = doctor(tmp_path)
    assert status == 0
    for name in (
        "config",
        "ledger",
        "ledger_write",
        "archive",
        "archive_space",
        "custody_key",
        "log",
        ("in", "list"),
    ):
        assert checks[name]["status"] == "ok", checks[name]
    assert checks["notify"]["status"] == "warn"
    assert list((tmp_path / "evidence" / ".staging").iterdir()) == []


def test_doctor_says_how_to_mend(tmp_path: Path) -> None:
    initialised(tmp_path)
    (tmp_path / "custody-key").chmod(0o644)
    (tmp_path / "ledger.db").unlink()
    (tmp_path / "evidence" / ".staging").rmdir()
    gone = tmp_path / "gone"
    config = tmp_path / "archiver.toml"
    config.write_text(config.read_text() + f'[[sources]]\nname = "gone"\nurl = "{gone.as_uri()}"\n')
    status, checks = doctor(tmp_path)
    assert status == 3
    for name, remedy in {
        "custody_key": "chmod 600",
        "ledger": "archiver ledger rebuild",
        "archive": "archiver ledger upgrade",
        ("gone", "list"): "check the path",
    }.items():
        assert checks[name]["status"] == "fail", checks[name]
        assert remedy in checks[name]["remedy"]
    done = archiver(tmp_path, "doctor")
    assert done.returncode == 3
    assert "chmod 600" in done.stdout


def test_doctor_looks_into_a_folder_source(tmp_path: Path) -> None:
    (tmp_path / "in" / "AWSLogs").mkdir(parents=True)
    initialised(tmp_path, "--source", str(tmp_path / "in"))
    (tmp_path / "in" / "AWSLogs").rename(tmp_path / "real")
    (tmp_path / "in" / "AWSLogs").symlink_to(tmp_path / "real")  # no folder of the source, not looked into
    status, checks = doctor(tmp_path)
    assert (status, checks["in", "list"]["status"]) == (0, "ok")
    assert checks["in", "keys_held"]["status"] == "warn"
    assert checks["in", "keys_held"]["remedy"] == "archiver keys import FILE"


def test_doctor_with_a_config_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "archiver.toml").write_text("[workers]\nthreds = 1")
    done = archiver(tmp_path, "doctor", "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert "did you mean threads?" in done.stderr


def test_doctor_minds_secrets_and_room(tmp_path: Path) -> None:
    initialised(tmp_path)
    config = tmp_path / "archiver.toml"
    config.chmod(0o644)
    environ = {"ARCHIVER_NOTIFY__URLS": "slack://geheim", "ARCHIVER_ARCHIVE__MIN_FREE": "8000PB"}
    status, checks = doctor(tmp_path, environ=environ)
    assert status == 3
    assert checks["config"]["status"] == "warn"
    assert "chmod o=" in checks["config"]["remedy"]
    assert checks["archive_space"]["status"] == "fail"
    assert checks["notify"]["status"] == "ok"
    assert "geheim" not in json.dumps([*checks.values()])
    config.chmod(0o640)  # root's, and for the daemon's group to read: locking that out helps nobody
    assert doctor(tmp_path, environ=environ)[1]["config"]["status"] == "ok"


def test_doctor_with_a_key_from_systemd(tmp_path: Path) -> None:
    initialised(tmp_path)
    environ = {"ARCHIVER_CUSTODY__SIGNING_KEY": "credential:custody-key"}
    assert doctor(tmp_path, environ=environ)[1]["custody_key"]["status"] == "skip"
    inside = environ | {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert doctor(tmp_path, environ=inside)[1]["custody_key"]["status"] == "ok"


def test_doctor_has_a_key_in_kms_sign(tmp_path: Path, kms: KmsServer) -> None:
    initialised(tmp_path)
    environ = {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "ARCHIVER_CUSTODY__SIGNING_KEY": f"awskms:{KEY_ARN}",
        "ARCHIVER_CUSTODY__ENDPOINT_URL": kms.url,
    }
    check = doctor(tmp_path, environ=environ)[1]["custody_key"]
    assert check["status"] == "fail"
    assert "is not the log's key" in check["detail"]
    assert kms.operations() == ["GetPublicKey", "Sign"]
    assert archiver(tmp_path, "ledger", "rotate-key", "--to", f"awskms:{KEY_ARN}", environ=environ).returncode == 2
    config = tmp_path / "archiver.toml"
    config.write_text(config.read_text().replace("[custody]\n", f'[custody]\nendpoint_url = "{kms.url}"\n'))
    mine = {name: value for name, value in environ.items() if not name.startswith("ARCHIVER_")}
    done = archiver(tmp_path, "ledger", "rotate-key", "--to", f"awskms:{KEY_ARN}", environ=mine)
    assert done.returncode == 0, done.stderr
    assert doctor(tmp_path, environ=environ)[1]["custody_key"]["status"] == "ok"


def test_doctor_tells_what_is_wrong_with_the_log(tmp_path: Path) -> None:
    initialised(tmp_path)
    head = tmp_path / "evidence/log/checkpoint"
    (tmp_path / "evidence/log/.unfinished").write_text("3\n")
    assert doctor(tmp_path)[1]["log"]["status"] == "warn"
    (tmp_path / "evidence/log/.unfinished").unlink()
    head.unlink()
    status, checks = doctor(tmp_path)
    assert status == 3
    assert checks["log"]["status"] == "fail"
    assert "--republish" in checks["log"]["remedy"]
    with sqlite3.connect(tmp_path / "ledger.db") as ledger:
        assert ledger.execute("SELECT count(*) FROM custody_events").fetchone() == (3,), "doctor records nothing"


def bucket_config(folder: Path, aws: AwsStand, bucket: str) -> dict[str, str]:
    """An installation whose one source is *bucket* at *aws*; answers the environment for a process."""
    initialised(folder, "--source", f"s3://{bucket}")
    return {
        **aws.environment(),
        "ARCHIVER_SOURCES__0__NAME": "prod",
        "ARCHIVER_SOURCES__0__REGION": "us-east-1",
        "ARCHIVER_SOURCES__0__ENDPOINT_URL": aws.url,
        "ARCHIVER_SOURCES__0__CLOUDTRAIL_ENDPOINT_URL": aws.url,
    }


def test_doctor_asks_a_bare_bucket(tmp_path: Path, aws: AwsStand) -> None:
    environ = bucket_config(tmp_path, aws, aws.bucket)
    status, checks = doctor(tmp_path, environ=environ)
    assert status == 0, checks
    told = {key[1]: check["status"] for key, check in checks.items() if isinstance(key, tuple)}
    assert told["credentials"] == "ok"
    assert told["list"] == "warn"  # empty
    assert told["read"] == "skip"
    assert told["clock"] == "ok"
    assert told["versioning"] == "ok"
    assert told["public_access"] == "warn"
    assert told["object_lock"] == "warn"
    assert told["policy"] == "ok"
    assert told["public_keys"] == "ok"
    assert told["queries"] == "ok"
    assert checks["keys_held"]["status"] == "warn"


def test_doctor_asks_a_well_kept_bucket(tmp_path: Path, aws: AwsStand) -> None:
    s3 = aws.access.s3()
    s3.create_bucket(Bucket="kept", ObjectLockEnabledForBucket=True)
    s3.put_object_lock_configuration(
        Bucket="kept",
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 30}},
        },
    )
    s3.put_public_access_block(
        Bucket="kept",
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        },
    )
    s3.put_bucket_encryption(
        Bucket="kept",
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        },
    )
    s3.put_object(Bucket="kept", Key="x/one", Body=b"1", ChecksumAlgorithm="SHA256")
    now = datetime.now(UTC)
    aws.register_key(PublicKey(b"der", "0" * 32, "us-east-1", now - timedelta(days=1), now + timedelta(days=29)))
    status, checks = doctor(tmp_path, environ=bucket_config(tmp_path, aws, "kept"))
    assert status == 0, checks
    wrong = {key: check for key, check in checks.items() if isinstance(key, tuple) and check["status"] != "ok"}
    assert wrong == {}
    assert checks["prod", "object_lock"]["detail"] == "governance for 30 days"
    assert "lists 1 " in checks["prod", "public_keys"]["detail"]


def test_doctor_of_a_bucket_that_is_not_there(tmp_path: Path, aws: AwsStand) -> None:
    status, checks = doctor(tmp_path, environ=bucket_config(tmp_path, aws, "missing"))
    assert status == 3
    assert checks["prod", "list"]["status"] == "fail"
    assert "does not exist" in checks["prod", "list"]["detail"]
    assert checks["prod", "versioning"]["status"] == "skip"
    assert checks["prod", "public_keys"]["status"] == "ok"


def test_doctor_of_an_endpoint_that_does_not_answer(tmp_path: Path, aws: AwsStand) -> None:
    environ = bucket_config(tmp_path, aws, "bucket") | {
        "ARCHIVER_SOURCES__0__ENDPOINT_URL": "http://127.0.0.1:1",
        "ARCHIVER_SOURCES__0__CLOUDTRAIL_ENDPOINT_URL": "http://127.0.0.1:1",
    }
    status, checks = doctor(tmp_path, environ=environ)
    assert status == 3
    assert checks["prod", "list"]["status"] == "fail"
    assert checks["prod", "public_keys"]["status"] == "fail"
    assert checks["prod", "queries"]["status"] == "warn"
    assert "describe = false" in checks["prod", "queries"]["remedy"]
    assert checks["archive"]["status"] == "ok"


def test_doctor_does_not_ask_about_queries_where_nobody_is_to(tmp_path: Path, aws: AwsStand) -> None:
    environ = bucket_config(tmp_path, aws, aws.bucket) | {"ARCHIVER_SOURCES__0__DESCRIBE": "false"}
    status, checks = doctor(tmp_path, environ=environ)
    assert status == 0
    assert ("prod", "queries") not in checks


def test_doctor_without_credentials(tmp_path: Path, aws: AwsStand) -> None:
    environ = {
        name: value
        for name, value in bucket_config(tmp_path, aws, aws.bucket).items()
        if name not in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    }
    status, checks = doctor(tmp_path, environ=environ)
    assert status == 3
    assert "no AWS credentials" in checks["prod", "list"]["detail"]
