"""``archiver ledger upgrade``: a configuration written by hand needs nothing else; and ledgers that cannot be had."""

from __future__ import annotations

import socket
import stat
import subprocess
import sys

import pytest

from tests.support.cli import environment, own_mounts, run


def test_a_hand_written_configuration_needs_nothing_else(home, key):
    root = home.root
    (root / "deliveries").mkdir()
    (root / "archiver.toml").write_text(
        f"""
        [ledger]
        url = "sqlite:///{root}/state/deep/ledger.db"
        [archive]
        url = "file://{root}/state/evidence"
        [custody]
        signing_key = "{root}/state/keys/custody-key"
        [[sources]]
        name = "mine"
        url = "file://{root}/deliveries"
        """
    )
    ran = home.run("ledger", "upgrade", status=0)
    assert [line.split()[:2] for line in ran.stdout.splitlines()] == [
        ["made", "archive"],
        ["made", "ledger"],
        ["made", "custody"],
    ]
    assert stat.S_IMODE((root / "state/keys/custody-key").stat().st_mode) == 0o600
    home.deliver(key, root / "deliveries")
    home.run("keys", "import", home.list_keys(key), status=0)
    assert home.run("sync", "--json", status=0).json["verified"] == 1

    before = (root / "state/keys/custody-key").read_bytes()
    ran = home.run("ledger", "upgrade", status=0)
    assert ran.stdout.startswith("nothing to do")
    assert (root / "state/keys/custody-key").read_bytes() == before


def test_postgresql(home, new_postgres):
    home.ledger_url = new_postgres()
    home.configure()
    assert home.kinds() == ["ledger_migrated"]
    assert home.run("ledger", "upgrade", status=0).stdout.startswith("nothing to do")
    assert home.kinds() == ["ledger_migrated"]


def closed_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.mark.parametrize("arguments", [["ledger", "upgrade"], ["sync"], ["audit"], ["keys", "list"]])
def test_an_unreachable_postgresql_is_named_without_its_password(home, arguments):
    home.ledger_url = f"postgresql://keeper:s3cret-word@127.0.0.1:{closed_port()}/custody"
    home.write(home.folder_source())
    ran = home.run("-v", *arguments, status=4)
    assert "s3cret-word" not in ran.stderr + ran.stdout
    assert "keeper" in ran.stderr
    assert "127.0.0.1" in ran.stderr


def test_a_wrong_password_is_not_shown(home, new_postgres):
    home.ledger_url = new_postgres().replace("postgres:@", "nobody:s3cret-word@")
    home.write(home.folder_source())
    ran = home.run("sync")
    assert ran.status in (2, 4), str(ran)
    assert "s3cret-word" not in ran.stderr


@pytest.mark.parametrize(
    "arguments", [["sync"], ["audit"], ["import", "source"], ["keys", "list"], ["ledger", "upgrade"]]
)
def test_a_ledger_of_a_newer_version(home, arguments):
    home.configure(home.folder_source())
    home.ledger.forge("UPDATE alembic_version SET version_num = '9999'")
    ran = home.run(*arguments, status=2)
    assert "9999" in ran.stderr
    assert "newer" in ran.stderr


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 100])
def test_a_file_that_is_no_ledger(home, content):
    home.configure(home.folder_source())
    for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
        (home.root / name).unlink(missing_ok=True)
    home.ledger.file.write_bytes(content)
    ran = home.run("sync")
    assert ran.status in (2, 4), str(ran)
    assert "ledger.db" in ran.stderr


def test_a_folder_in_the_ledgers_place(home):
    home.write(home.folder_source())
    home.ledger.file.mkdir()
    ran = home.run("ledger", "upgrade", status=4)
    assert "ledger.db" in ran.stderr


def test_an_archive_that_cannot_be_made(home):
    (home.root / "file").write_bytes(b"")
    home.write(home.folder_source(), archive={"url": f"file://{home.root}/file/evidence"})
    ran = home.run("ledger", "upgrade", status=4)
    assert str(home.root / "file") in ran.stderr


def test_no_configuration(home):
    ran = run("sync", cwd=home.root, status=2, environ=environment())
    assert "archiver init" in ran.stderr


@pytest.mark.skipif(not own_mounts(), reason="this user cannot mount")
def test_a_read_only_archive(home, key):
    """Mounted read-only, as one does with a failing disk: said, and done by the next pass that can write."""
    home.configure(home.folder_source())
    home.deliver(key)
    script = "mount --bind evidence evidence && mount -o remount,bind,ro evidence && exec "
    ran = subprocess.run(
        [*own_mounts(), "bash", "-c", f"{script} {sys.executable} -m archiver.cli.main sync"],
        cwd=home.root,
        env=home.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 4, ran.stderr
    assert "read-only" in ran.stderr
    assert str(home.archive) in ran.stderr
    assert home.run("sync", "--json", status=3).json["archived"] == 1
