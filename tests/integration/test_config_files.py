"""What is shipped beside the program: systemd units, IAM policies, lock files, make targets."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from archiver.adapters.files.durable import Disk
from archiver.cli.main import COMMANDS, EXIT_INTERRUPTED, archiver
from archiver.errors import SettingsError

ROOT = Path(__file__).parents[2]
SYSTEMD = ROOT / "config" / "systemd"
IAM = ROOT / "config" / "iam"
SERVICES = sorted(path.name for path in SYSTEMD.glob("*.service"))
MOST_EXPOSURE = {"archiver.service": 1.2, "archiver-sync.service": 1.2, "archiver-keys.service": 1.2,
                 "archiver-checkpoint.service": 1.2, "archiver-audit.service": 0.5}  # fmt: skip

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def option(unit: str, key: str) -> list[str]:
    return re.findall(rf"(?m)^{key}=(.*)$", (SYSTEMD / unit).read_text())


# ------------------------------------------------------------------------------------------ systemd


def test_every_unit_is_known_here() -> None:
    assert sorted(MOST_EXPOSURE) == SERVICES
    assert sorted(path.stem for path in SYSTEMD.glob("*.timer")) == [
        "archiver-audit",
        "archiver-checkpoint",
        "archiver-keys",
        "archiver-sync",
    ]


@needs_systemd
def test_units_are_valid_without_a_word(tmp_path: Path) -> None:
    """``verify`` exits 0 on unknown keys and only mutters, so anything muttered is a failure."""
    for path in SYSTEMD.iterdir():
        (tmp_path / path.name).write_text(path.read_text().replace("/usr/local/bin/archiver", sys.executable))
    units = sorted(str(path) for path in tmp_path.iterdir())
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_systemd
@pytest.mark.parametrize("unit", SERVICES)
def test_units_are_hardened(unit: str) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(SYSTEMD / unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found[1]) <= MOST_EXPOSURE[unit]


@pytest.mark.thorough
@pytest.mark.parametrize("unit", SERVICES)
def test_units_start_commands_that_the_program_accepts(unit: str, tmp_path: Path) -> None:
    """Run for real, with a configuration whose ledger is missing: that is what is complained about, and only it."""
    config = tmp_path / "archiver.toml"
    config.write_text(
        f'[ledger]\nurl = "sqlite:///{tmp_path}/none.db"\n[archive]\nurl = "file://{tmp_path}/none"\n'
        f'[custody]\nsigning_key = "{tmp_path}/none"\n'
    )
    for start in [*option(unit, "ExecStartPre"), *option(unit, "ExecStart")]:
        program, *arguments = shlex.split(start.removeprefix("-"))
        assert program == "/usr/local/bin/archiver"
        assert arguments[:2] == ["--config", "/etc/archiver/archiver.toml"]
        name, *rest = arguments[2:]
        assert name in COMMANDS
        if rest == ["upgrade"]:  # it would make what is missing
            continue
        done = subprocess.run(
            [sys.executable, "-m", "archiver.cli.main", "--config", str(config), name, *rest],
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in (2, 4), done.stderr
        assert "there is no ledger at" in done.stderr, start


@pytest.mark.parametrize("written", ["50m", "3000", "1h30m"])
def test_a_budget_of_time_is_a_duration_or_seconds(written: str) -> None:
    """What it is refused for here is not the budget, which is looked at first."""
    arguments = ["--config", "/nowhere/archiver.toml", "audit", "--due", "--max-time", written]
    done = CliRunner().invoke(archiver, arguments)
    assert isinstance(done.exception, SettingsError), done.output


@pytest.mark.parametrize("unit", SERVICES)
def test_units_start_from_a_configuration_alone(unit: str) -> None:
    """A failing ExecStartPre would be started again for ever: RestartPreventExitStatus is about ExecStart."""
    made = "-/usr/local/bin/archiver --config /etc/archiver/archiver.toml ledger upgrade"
    assert option(unit, "ExecStartPre") == [made]
    assert option(unit, "EnvironmentFile") == ["-/etc/archiver/environment"]
    if option(unit, "Type") == ["oneshot"]:
        assert option(unit, "SuccessExitStatus") == [str(EXIT_INTERRUPTED)]


@pytest.mark.parametrize("unit", SERVICES)
def test_units_leave_the_boot_id_to_be_read(unit: str) -> None:
    """Without it every staged file counts as one of an earlier boot, and is fetched again."""
    assert option(unit, "ProcSubset") == []
    assert Disk().boot_id()


@pytest.mark.parametrize("unit", SERVICES)
def test_units_can_have_the_logs_key_as_a_credential(unit: str) -> None:
    """Every one of them records something and signs the log's head when it ends."""
    assert "\n#LoadCredential=custody-key:/etc/archiver/custody-key\n" in (SYSTEMD / unit).read_text()


def test_the_daemon_unit_keeps_its_promises() -> None:
    for key, value in {
        "Type": "notify",
        "NotifyAccess": "main",
        "ExecReload": "kill -HUP $MAINPID",
        "Restart": "on-failure",
        "RestartPreventExitStatus": "2",
        "StateDirectory": "archiver",
        "TimeoutStopSec": "15",
        "IOSchedulingClass": "idle",
        "MemoryDenyWriteExecute": "yes",
        "UMask": "0027",
    }.items():
        assert option("archiver.service", key) == [value], key
    assert option("archiver.service", "WatchdogSec")


def test_the_audit_unit_has_no_network() -> None:
    assert option("archiver-audit.service", "PrivateNetwork") == ["yes"]
    assert option("archiver-audit.service", "IPAddressDeny") == ["any"]


# ---------------------------------------------------------------------------------------------- IAM


def actions(name: str) -> set[str]:
    document = json.loads((IAM / name).read_text())
    assert document["Version"] == "2012-10-17"
    found: set[str] = set()
    for statement in document["Statement"]:
        assert statement["Effect"] == "Allow"
        listed = statement["Action"]
        found |= {listed} if isinstance(listed, str) else set(listed)
    return found


def test_the_daemon_may_read_and_nothing_else() -> None:
    assert actions("daemon-policy.json") == {
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:ListBucket",
        "kms:Decrypt",
        "cloudtrail:ListPublicKeys",
        # for reports
        "cloudtrail:DescribeQuery",
        "s3:GetObjectLegalHold",
        "s3:GetObjectRetention",
        # for doctor
        "s3:GetBucketObjectLockConfiguration",
        "s3:GetBucketPolicyStatus",
        "s3:GetBucketPublicAccessBlock",
        "s3:GetBucketVersioning",
        "s3:GetEncryptionConfiguration",
    }


def test_only_the_keys_are_asked_for_anywhere() -> None:
    for statement in json.loads((IAM / "daemon-policy.json").read_text())["Statement"]:
        assert (statement["Resource"] == "*") == (statement["Action"] == "cloudtrail:ListPublicKeys")


def test_the_log_key_signs_and_nothing_else() -> None:
    assert actions("log-key-policy.json") == {"kms:GetPublicKey", "kms:Sign"}
    (statement,) = json.loads((IAM / "log-key-policy.json").read_text())["Statement"]
    assert statement["Resource"] != "*"


def test_roles_are_assumed_with_an_external_id() -> None:
    assert actions("daemon-assume-role-policy.json") == {"sts:AssumeRole"}
    assert actions("source-account-role-trust.json") == {"sts:AssumeRole"}
    (statement,) = json.loads((IAM / "source-account-role-trust.json").read_text())["Statement"]
    assert statement["Condition"] == {"StringEquals": {"sts:ExternalId": "EXTERNAL_ID"}}


def test_every_policy_is_explained() -> None:
    told = (IAM / "README.md").read_text()
    for path in IAM.glob("*.json"):
        actions(path.name)
        assert f"`{path.name}`" in told


# --------------------------------------------------------------------------------------- lock files

LOCKS = ("demo.txt", "dev.txt", "runtime.txt")


def locked(name: str) -> dict[str, str]:
    """Package -> version, each checked to have at least one hash."""
    text = (ROOT / "requirements" / name).read_text().replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        match = re.match(r"([A-Za-z0-9._-]+)(?:\[[a-z0-9,_-]+\])?==(\S+)", line)
        assert match, line
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", line), line
        found[match[1].lower().replace("_", "-")] = match[2]
    return found


def wanted(*extras: str) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = project["dependencies"] + [line for extra in extras for line in project["optional-dependencies"][extra]]
    return {re.split(r"[\[<>=~! ]", line)[0].lower().replace("_", "-") for line in lines}


@pytest.mark.parametrize("name", LOCKS)
def test_lock_files_name_no_host(name: str) -> None:
    assert not re.search(r"https?:|file:|--(extra-)?index|--find-links", (ROOT / "requirements" / name).read_text())


def test_lock_files_hold_what_the_project_asks_for() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert wanted(*extras) | {"hatchling"} <= locked("dev.txt").keys()
    assert wanted("demo") | {"hatchling"} <= locked("demo.txt").keys()
    assert wanted("postgres", "notify") | {"hatchling"} <= locked("runtime.txt").keys()


def test_lock_files_agree() -> None:
    everything = locked("dev.txt")
    for name in ("demo.txt", "runtime.txt"):
        for package, version in locked(name).items():
            assert everything[package] == version


# --------------------------------------------------------------------------------------------- make

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@needs_make
def test_make_refuses_an_old_python_in_words(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")  # what the version check ends with on anything before 3.11
    old.chmod(0o755)
    command = ["make", "-C", str(ROOT), "demo", f"PYTHON={old}", f"VENV={tmp_path / 'venv'}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "needs Python 3.11 or later" in done.stderr
    assert not (tmp_path / "venv").exists()


@needs_make
def test_make_says_what_it_can_do() -> None:
    done = subprocess.run(["make", "-C", str(ROOT)], capture_output=True, text=True, check=True)
    assert "make demo" in done.stdout
    assert "make test" in done.stdout
