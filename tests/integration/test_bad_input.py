"""Configurations, files and places that are wrong: named, with the right status, and nothing is done or lost."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest

from tests.support.cli import files_below, run

COMMANDS = [["sync"], ["audit"], ["import", "source"], ["keys", "list"], ["keys", "fetch"], ["ledger", "upgrade"]]
"""Everything that reads the whole configuration."""


def only(server):
    """Ends of a source that asks nobody else."""
    return {"endpoint_url": server.url, "cloudtrail_endpoint_url": server.url}


@pytest.mark.parametrize("arguments", [*COMMANDS, ["verify", "source"]], ids=" ".join)
@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ("[ledger]\nurl = 'sqlite:////x/y.db'\nulr = 1\n", "ulr"),
        ("[ledgre]\n", "ledgre"),
        ("[ledger\n", "archiver.toml"),
        ("[[sources]]\nname = 'a'\n", "url"),
        ("[ledger]\nurl = 'mysql://x'\n", "url"),
        ("\x00", "archiver.toml"),
    ],
    ids=["unknown key", "unknown section", "not TOML", "missing key", "bad value", "binary"],
)
def test_a_configuration_that_cannot_be_used(home, arguments, config, complaint):
    home.tree.mkdir()
    home.config.write_text(config)
    before = files_below(home.root)
    ran = home.run(*arguments, status=2)
    assert complaint in ran.stderr
    assert ran.stdout == ""
    assert files_below(home.root) == before, "nothing was done"


def test_a_variable_that_names_no_key(home):
    home.configure(home.folder_source())
    home.environ["ARCHIVER_LEDGER__ULR"] = "sqlite:////x/y.db"
    assert "ARCHIVER_LEDGER__ULR" in home.run("sync", status=2).stderr


def test_a_configuration_that_is_not_there(home):
    ran = home.run("--config", "nowhere.toml", "sync", status=2)
    assert "nowhere.toml" in ran.stderr
    home.environ["ARCHIVER_CONFIG"] = str(home.root)
    assert str(home.root) in home.run("sync", status=2).stderr


def test_a_command_that_is_not_there(home):
    assert "Did you mean 'sync'?" in home.run("sycn", status=2).stderr


def test_a_variable_in_place_of_the_files_value(home, key):
    home.write(home.folder_source())
    home.deliver(key)
    home.environ["ARCHIVER_ARCHIVE__URL"] = (home.root / "other").as_uri()
    home.run("ledger", "upgrade", status=0)
    assert home.run("sync", "--json", status=3).json["archived"] == 1
    assert files_below(home.root / "other" / "prod")
    assert home.archived() == {}


@pytest.mark.parametrize("place", ["source/prod", "source"])
def test_an_archive_inside_of_a_source(home, place):
    home.write(home.folder_source(), archive={"url": (home.root / place).as_uri()})
    assert "lie within one another" in home.run("ledger", "upgrade", status=2).stderr


def test_one_bad_delivery_stops_no_other(home, key):
    """Unreadable by its mode where modes count, and by its kind elsewhere: a folder called like a file."""
    home.configure(home.folder_source(grace="0s"))
    home.run("keys", "import", home.list_keys(key), status=0)
    good = [home.deliver(key) for _ in range(3)]
    bad = home.deliver(key)
    (bad / "result_1.csv.gz").unlink()
    (bad / "result_1.csv.gz").mkdir()
    (home.tree / "AWSLogs" / "result_sign.json").mkdir()
    answer = home.run("sync", "--json", status=1).json
    assert answer["verified"] == len(good)
    assert [item["reasons"] for item in answer["items"] if item["reasons"]] == [["file_missing"]]


def test_an_answer_that_nobody_can_take(home, key):
    """stdout on a full device: said on stderr, and what was done stands."""
    home.configure(home.folder_source())
    home.deliver(key)
    with open("/dev/full", "w") as full:
        process = home.start("sync", "--json", stdout=full)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 4, err
    assert "no room" in err
    assert len(home.archived()) == 2
    assert home.kinds()[-3:] == ["evidence_acquired", "alert_raised", "source_synced"]


def test_a_reader_that_goes_away_ends_the_answer_and_not_the_work(home, key):
    home.configure(home.folder_source())
    for _ in range(3):
        home.deliver(key)
    pipe = subprocess.Popen(
        [sys.executable, "-m", "archiver.cli.main", "sync"],
        cwd=home.root,
        env=home.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    pipe.stdout.close()
    err = pipe.stderr.read()
    pipe.stderr.close()
    assert pipe.wait(30) not in (1, 2), err
    assert "Traceback" not in err
    home.run("sync", "--json")
    assert home.ledger.query("SELECT count(*) FROM evidence") == [(3,)]


@pytest.mark.parametrize(("times", "status"), [(1, 130), (3, -signal.SIGINT)])
def test_interrupts(home, key, slow_s3, times, status):
    """One ends the work in good order; whoever presses on need not wait for a server that says nothing more."""
    home.configure({"name": "prod", "url": "s3://slow-bucket", "region": "us-east-1", **only(slow_s3)})
    prefix, files = home.sample(key)
    for name, data in files.items():
        slow_s3.objects[prefix + name] = data
    slow_s3.hold(prefix + "result_sign.json", after=0)
    process = home.start("sync")
    assert slow_s3.holding.wait(30)
    for _ in range(times):
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
    if times == 1:
        slow_s3.release()
    _, err = process.communicate(timeout=10)
    assert process.returncode == status, err
    assert "Traceback" not in err
    slow_s3.release()
    assert home.run("sync", "--json", status=3).json["archived"] == 1


def test_an_interrupted_answer_says_so(home, key, slow_s3):
    home.configure({"name": "prod", "url": "s3://slow-bucket", "region": "us-east-1", **only(slow_s3)})
    prefix, files = home.sample(key)
    for name, data in files.items():
        slow_s3.objects[prefix + name] = data
    for command, stopped in (("sync", "signal"), ("verify", None)):
        slow_s3.hold(prefix + "result_sign.json", after=0)
        rest = (
            [f"s3://slow-bucket/{prefix}", "--endpoint-url", slow_s3.url, "--offline"] if command == "verify" else []
        )
        process = home.start(command, "--json", *rest)
        assert slow_s3.holding.wait(30)
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        slow_s3.release()
        out, err = process.communicate(timeout=10)
        assert process.returncode == 130, err
        assert "archiver: interrupted; what was done before stands\n" in err
        if stopped:
            assert json.loads(out)["stopped_by"] == stopped
    assert home.run("sync", "--json").json["stopped_by"] is None


def test_a_sync_that_hangs_is_broken_off_and_the_next_goes_on(home, key, slow_s3):
    home.configure({"name": "prod", "url": "s3://slow-bucket", "region": "us-east-1", **only(slow_s3)})
    prefix, files = home.sample(key)
    for name, data in files.items():
        slow_s3.objects[prefix + name] = data
    slow_s3.hold(prefix + "result_sign.json", after=0)
    soon = "from archiver.cli import context, main; context.ENDING_SECONDS = 0.5; main.main()"
    command = [sys.executable, "-c", soon, "sync"]
    process = subprocess.Popen(command, cwd=home.root, env=home.environ, text=True, stderr=subprocess.PIPE)
    assert slow_s3.holding.wait(30)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 143, err
    assert "broken off" in err
    slow_s3.release()
    assert home.run("sync", "--json", status=3).json["archived"] == 1


def test_a_place_that_is_no_folder(home, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    home.configure({"name": "prod", "url": (tmp_path / "file").as_uri()})
    ran = home.run("sync")
    assert ran.status in (2, 3), str(ran)
    assert "is a file" in ran.stderr
    assert run("verify", tmp_path / "file", "--offline", cwd=tmp_path, status=2).stdout == ""
