"""Heads of the log as commands make them: processes over SQLite and PostgreSQL, keys in files and in KMS, kills."""

from __future__ import annotations

import errno
import itertools
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from archiver.adapters.ledger.database import SqlLedger
from archiver.custody_key import create
from archiver.demo.deliveries import SigningKey
from archiver.errors import ArchiverError, StoreFullError
from archiver.log.checkpoint import Checkpoint, read_checkpoint
from archiver.log.note import parse_key, parse_note, signed_by
from archiver.work.checkpoint import Checkpoints
from tests.support.checkpoints import (
    Stand,
    check_published,
    make_job,
    make_stand,
    note_events,
    note_one,
    rotate_job,
    stand_in,
)
from tests.support.cli import Home
from tests.support.kms import KEY_ARN, KmsServer, refusal
from tests.support.ledgers import LedgerPlace, make_ledger
from tests.support.stores import FaultyDisk, Hook, run_to_its_death


def head_of(home: Home) -> Checkpoint:
    return read_checkpoint((home.archive / "log/checkpoint").read_bytes())[0]


def status(home: Home) -> dict[str, Any]:
    ledger = home.run("status", "--json", status=0).json["ledger"]
    assert isinstance(ledger, dict)
    return ledger


def test_every_command_that_records_ends_with_a_head(home: Home, key: SigningKey) -> None:
    home.configure(home.folder_source())
    home.deliver(key)
    sizes = [head_of(home).size]
    commands: Sequence[Sequence[object]] = (
        ("keys", "import", home.list_keys(key)),
        ("sync",),
        ("audit", "--all"),
        ("report", "--all", "--out", home.root / "report.json"),
    )
    for command in commands:
        home.run(*command, status=0)
        sizes.append(head_of(home).size)
        told = status(home)
        assert (told["size"], told["checkpoint_size"]) == (sizes[-1], sizes[-1]), command
    assert sizes == sorted(set(sizes)), "each recorded something"
    for command in (("list",), ("status",), ("keys", "list"), ("doctor",), ("ledger", "upgrade")):
        home.run(*command)
        assert head_of(home).size == sizes[-1], command
    told = status(home)
    assert told["root"] == head_of(home).root.hex()
    assert told["last_checkpoint_at"] is not None
    log = json.loads((home.root / "report.json").read_text())["log"]
    assert log["keys"] == [told["key"]]
    note = parse_note(log["checkpoint"]["note"].encode())
    assert signed_by(note, parse_key(told["key"]))
    assert log["checkpoint"]["size"] == log["size"], "it covers all that the report tells"
    assert sizes[-2] < log["size"] < sizes[-1], "what was read for it is in it, that it was written comes after it"
    printed = home.run("status", status=0).stdout
    assert told["key"] in printed
    assert "nothing since" in printed


def test_a_checkpoint_on_demand(home: Home) -> None:
    home.configure()
    before = head_of(home).size
    told = home.run("ledger", "checkpoint", "--json", status=0).json
    assert (told["made"], told["size"], told["anchors"]) == (False, before, [])
    told = home.run("ledger", "checkpoint", "--force", "--json", status=0).json
    assert (told["made"], told["size"], told["root"]) == (True, before + 1, head_of(home).root.hex())
    assert told["checkpoint"] == (home.archive / "log/checkpoint").read_text()
    said = home.run("ledger", "checkpoint", status=0).stdout
    assert "nothing new since" in said
    assert told["key"] in said
    assert home.run("ledger", "checkpoint", "--force", "--republish").status == 2


def test_without_the_key_commands_do_their_work_and_say_nothing(home: Home, key: SigningKey) -> None:
    home.configure(home.folder_source())
    size = head_of(home).size
    home.deliver(key)
    (home.root / "custody-key").rename(home.root / "elsewhere")
    assert home.run("keys", "import", home.list_keys(key), status=0).stderr == ""
    assert home.run("sync", status=0).stderr == ""
    assert head_of(home).size == size
    ran = home.run("ledger", "checkpoint")
    assert ran.status == 3
    assert "custody-key: the custody key cannot be read" in ran.stderr
    told = status(home)
    assert told["size"] > told["checkpoint_size"] == size
    assert f"{told['size'] - size} events since" in home.run("status").stdout
    (home.root / "elsewhere").rename(home.root / "custody-key")
    home.run("ledger", "checkpoint", status=0)
    assert status(home)["checkpoint_size"] == told["size"] + 1


def test_a_fork_ends_every_command_that_records_with_1(home: Home, key: SigningKey) -> None:
    home.configure(home.folder_source())
    home.deliver(key)
    (home.archive / "log/checkpoint").unlink()
    ran = home.run("keys", "import", home.list_keys(key), status=1)
    assert "1 new" in ran.stdout, "it did its work"
    assert "--republish" in ran.stderr
    ran = home.run("sync", "--json", status=1)
    assert ran.json["archived"] == 1
    ran = home.run("report", "--all", "--out", home.root / "report.html", status=1)
    page = (home.root / "report.html").read_text()
    assert "FAILED: the ledger that this report is made of does NOT pass its verification" in page
    assert "All verified" not in page
    assert "not all of them are proved" in ran.stderr
    assert home.run("ledger", "checkpoint").status == 1
    assert home.alerts().count("the ledger and its published log contradict each other") == 1
    home.run("ledger", "checkpoint", "--republish", status=0)
    home.run("audit", "--all", status=0)


def test_a_key_that_is_not_the_logs_is_said_and_changes_no_status(home: Home, key: SigningKey) -> None:
    home.configure(home.folder_source())
    (home.root / "custody-key").unlink()
    create(home.root / "custody-key")
    ran = home.run("keys", "import", home.list_keys(key), status=0)
    assert "no checkpoint was signed" in ran.stderr
    assert "rotate-key" in ran.stderr
    assert home.run("-q", "keys", "import", home.list_keys(key), status=0).stderr == ""


def test_another_key_is_brought_in_and_its_place_told(home: Home) -> None:
    home.configure()
    before = status(home)["key"]
    place = home.root / "keys/second"
    ran = home.run("ledger", "rotate-key", "--to", place, status=0)
    assert f'signing_key = "{place}"' in ran.stdout
    told = home.run("status", "--json", status=0).json
    assert told["ledger"]["key"] == before, "it is what the configuration says"
    assert [one["standing"] for one in told["ledger"]["claimed_keys"]] == ["configured", "adopted"]
    after = told["ledger"]["claimed_keys"][1]["key"]
    assert after != before
    assert after in told["custody"]["trouble"]
    note = parse_note((home.archive / "log/checkpoint").read_bytes())
    assert [signed_by(note, parse_key(one)) for one in (before, after)] == [True, True]
    assert (home.archive / "log/vkeys").read_text() == f"{before}\n{after}\n"
    assert "nothing to do" in home.run("ledger", "rotate-key", "--to", place, status=0).stdout
    assert home.run("ledger", "checkpoint", "--force").status == 3
    configured = {"ARCHIVER_CUSTODY__SIGNING_KEY": str(place)}
    home.environ.update(configured)
    home.run("ledger", "checkpoint", "--force", status=0)
    home.run("ledger", "verify", status=0)
    assert home.run("ledger", "rotate-key", "--to", place).status == 2
    assert home.run("ledger", "rotate-key", "--to", "awskms:nonsense").status == 2


def test_a_key_that_was_lost_is_followed_by_one_that_is_trusted_from_outside(home: Home) -> None:
    home.configure()
    lost = status(home)["key"]
    (home.root / "custody-key").unlink()
    assert home.run("ledger", "rotate-key", "--to", home.root / "second").status == 3
    ran = home.run("ledger", "rotate-key", "--to", home.root / "second", "--lost", status=0)
    assert f'trusted_keys = ["{lost}"]' in ran.stdout
    home.environ["ARCHIVER_CUSTODY__SIGNING_KEY"] = str(home.root / "second")
    assert home.run("ledger", "verify").status == 1
    home.environ["ARCHIVER_CUSTODY__TRUSTED_KEYS"] = lost
    home.run("ledger", "verify", status=0)


def test_the_origin_cannot_be_changed_later(home: Home, key: SigningKey) -> None:
    home.configure(home.folder_source())
    home.environ["ARCHIVER_CUSTODY__ORIGIN"] = "other.example/log"
    ran = home.run("ledger", "checkpoint", "--force")
    assert ran.status == 3
    assert "a log's name cannot be changed" in ran.stderr
    home.run("keys", "import", home.list_keys(key), status=0)


def test_a_key_in_kms_signs_on_demand_alone(home: Home, key: SigningKey, kms: KmsServer) -> None:
    """Commands that are about something else make nobody wait for the network."""
    home.environ |= {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "ARCHIVER_CUSTODY__SIGNING_KEY": f"awskms:{KEY_ARN}",
        "ARCHIVER_CUSTODY__ENDPOINT_URL": kms.url,
    }
    home.configure(home.folder_source())
    home.run("keys", "import", home.list_keys(key), status=0)
    home.run("status", status=0)
    assert kms.asked == []
    assert not (home.archive / "log").exists()
    told = home.run("ledger", "checkpoint", "--json", status=0).json
    assert parse_key(told["key"]).public == kms.public
    assert kms.operations().count("Sign") == 1
    home.run("ledger", "verify", status=0)
    kms.answers = [refusal(400, "AccessDeniedException", "not authorized to perform: kms:GetPublicKey")]
    ran = home.run("ledger", "checkpoint", "--force")
    assert ran.status == 3
    assert "kms:GetPublicKey" in ran.stderr


# ----------------------------------------------------------------------------- kills, and two at once


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a stand whose ledger has 250 events under a head, and 20 more, one of them long."""
    folder = tmp_path_factory.mktemp("grown")
    place = LedgerPlace(f"sqlite:///{folder}/ledger.db")
    make_ledger(place)
    stand = make_stand(place.url, folder)
    ledger = stand.open()
    note_events(ledger, 250)
    stand.checkpoints(ledger).make()
    note_events(ledger, 20)
    note_events(ledger, 1, 70_000)
    ledger.close()
    return folder


def copied(grown: Path, to: Path) -> Stand:
    shutil.copytree(grown, to)
    return stand_in(to)


@pytest.mark.thorough
@pytest.mark.parametrize("first", [1, 2], ids=["odd", "even"])
def test_killed_before_any_step_the_next_run_finishes(grown: Path, tmp_path: Path, first: int) -> None:
    """The tree grows over the end of a tile: full ones come, partial ones go, a body lies beside."""
    found = set()
    for at in itertools.count(first, 2):
        stand = copied(grown, tmp_path / str(at))
        killed = run_to_its_death(make_job, stand.archive.parent, at)
        ledger = stand.open()
        found.add(
            ((stand.archive / "log/.unfinished").exists(), ledger.log.size(), _latest(ledger), head_size(stand))
        )
        stand.checkpoints(ledger).make()
        heads = check_published(stand.archive, [stand.vkey()], ledger)
        assert [head.size for head in heads] == [253, 275], at
        assert stand.checkpoints(ledger).make() is None
        ledger.close()
        if not killed:
            break
    assert at > 40
    assert len(found) >= 6, "each state in between was met"


def _latest(ledger: SqlLedger) -> int:
    latest = ledger.log.latest_checkpoint()
    return latest.size if latest else 0


def head_size(stand: Stand) -> int:
    return read_checkpoint((stand.archive / "log/checkpoint").read_bytes())[0].size


@pytest.mark.thorough
def test_a_change_of_keys_killed_before_any_step_is_finished_by_repeating_it(grown: Path, tmp_path: Path) -> None:
    for at in itertools.count(1, 4):
        stand = copied(grown, tmp_path / str(at))
        new = stand.new_key()
        killed = run_to_its_death(rotate_job, stand.archive.parent, new, at)
        ledger = stand.open()
        stand.checkpoints(ledger).rotate(stand.signer(new), lost=False)
        heads = check_published(stand.archive, [stand.vkey(), stand.vkey(new)], ledger)
        last = parse_note((stand.archive / f"log/checkpoints/{heads[-1].size}").read_bytes())
        assert len(last.signatures) == 2, at
        note_one(ledger)
        assert stand.checkpoints(ledger, key=new).make() is not None
        ledger.close()
        if not killed:
            break
    assert at > 10


@pytest.mark.thorough
def test_a_disk_that_is_full_at_any_step_leaves_a_log_that_goes_on(grown: Path, tmp_path: Path) -> None:
    for at in itertools.count(1, 3):
        stand = copied(grown, tmp_path / str(at))
        ledger = stand.open()
        disk = FaultyDisk(full_at(at))
        met = tried(stand.checkpoints(ledger, disk=disk))
        assert met in (None, StoreFullError), at
        stand.checkpoints(ledger).make()
        check_published(stand.archive, [stand.vkey()], ledger)
        ledger.close()
        if at > len(disk.calls):
            break
    assert at > 40


def full_at(number: int) -> Hook:
    """A hook that finds no room for what is written at call *number*."""

    def hook(call: str, so_far: int) -> None:
        if so_far == number and call not in ("read_into", "unlink", "rmdir"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return hook


def tried(checkpoints: Checkpoints) -> type[ArchiverError] | None:
    """The kind of error that making a head ends with, None where it succeeds."""
    try:
        checkpoints.make()
    except ArchiverError as error:
        return type(error)
    return None


@pytest.mark.thorough
def test_processes_that_make_heads_at_once_make_one_log(home: Home, key: SigningKey) -> None:
    home.configure(home.folder_source())
    force = ("ledger", "checkpoint", "--force")
    for process in [home.start(*command) for command in (force, ("keys", "import", home.list_keys(key)), force)]:
        _, told = process.communicate(timeout=60)
        assert process.returncode == 0, told
    kinds = [str(kind) for (kind,) in home.ledger.query("SELECT kind FROM custody_events")]
    assert kinds.count("log_key_adopted") == 1
    assert kinds.count("checkpoint_begun") >= 2  # the import may leave its own to whoever is making one
    home.run("ledger", "checkpoint", status=0)
    told = status(home)
    assert told["checkpoint_size"] == told["size"] >= 6
    home.run("ledger", "verify", status=0)
