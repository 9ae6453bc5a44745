"""Commands that root runs beside a daemon of another user: whatever they make, that user can use."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.support.cli import ROOT, Home, environment, own_mounts

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(
        os.geteuid() != 0 or not shutil.which("setpriv"), reason="only root can be another user, by setpriv"
    ),
]

KEEPER = 54321
"""The daemon's user; no entry in the system's list of users is needed for it to own files."""


def archiver(home, *arguments, user=None):
    """The command line in the folder of *home*, as root or as the user with that number."""
    other = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
    ran = subprocess.run(
        [*other, sys.executable, "-m", "archiver.cli.main", *arguments],
        cwd=home.root,
        env=home.environ
        | {"PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)]), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        umask=0o027,
    )
    if user and ran.returncode in (126, 127):
        pytest.skip("an interpreter in root's home, say: another user cannot run it")
    return ran


@pytest.fixture
def keepers(key):
    """A home with a folder source; its folder is the keeper's, and root has made nothing in it yet.

    Not below ``tmp_path``, which pytest closes to others.
    """
    with tempfile.TemporaryDirectory() as outer:
        Path(outer).chmod(0o755)
        home = Home(Path(outer) / "home")
        home.root.mkdir()
        home.write(home.folder_source())
        home.deliver(key)
        for path in (home.root, *home.root.rglob("*")):
            os.chown(path, KEEPER, KEEPER)
        yield home


def owned_by_others(home):
    """What in the folder of *home* is not the keeper's."""
    facts = {path: path.stat() for path in home.root.rglob("*")}
    return {path.name for path, fact in facts.items() if (fact.st_uid, fact.st_gid) != (KEEPER, KEEPER)}


def test_all_that_root_makes_is_the_keepers(keepers, key):
    listed = keepers.list_keys(key)
    os.chown(listed, KEEPER, KEEPER)
    for arguments in (["ledger", "upgrade"], ["keys", "import", str(listed)], ["sync"], ["audit", "--all"]):
        ran = archiver(keepers, *arguments)
        assert ran.returncode == 0, ran.stderr
    assert owned_by_others(keepers) == set()
    keepers.deliver(key)
    for path in keepers.tree.rglob("*"):
        os.chown(path, KEEPER, KEEPER)
    for arguments in (["ledger", "upgrade"], ["sync"], ["audit", "--all", "--json"]):
        ran = archiver(keepers, *arguments, user=KEEPER)
        assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["verified"] == 2


def test_what_was_there_is_not_given_away(keepers):
    """A user who puts a link to root's file where a lock belongs does not get that file."""
    assert archiver(keepers, "ledger", "upgrade").returncode == 0
    mine = keepers.root.parent / "of-root"
    mine.write_bytes(b"")
    locks = keepers.root / "ledger.db.locks"
    (locks / "upgrade.lock").unlink()
    os.link(mine, locks / "upgrade.lock")
    assert archiver(keepers, "ledger", "upgrade").returncode == 0
    assert mine.stat().st_uid == 0


def checks(home, user=None):
    """Doctor's findings by ID, or by source and ID."""
    answer = json.loads(archiver(home, "doctor", "--json", user=user).stdout)
    return {(found["source"], found["id"]) if found["source"] else found["id"]: found for found in answer["checks"]}


def test_doctor_tells_what_the_daemons_user_cannot_open(keepers):
    assert archiver(keepers, "ledger", "upgrade").returncode == 0
    assert checks(keepers, KEEPER)["ledger_files"]["status"] == "ok"
    assert f"it is {KEEPER}'s" in checks(keepers, KEEPER)["archive"]["detail"]
    os.chown(keepers.root / "ledger.db.locks" / "upgrade.lock", 0, 0)
    as_keeper, as_root = checks(keepers, KEEPER)["ledger_files"], checks(keepers)["ledger_files"]
    assert (as_keeper["status"], as_root["status"]) == ("fail", "warn")
    assert f"{KEEPER} cannot open upgrade.lock" in as_keeper["detail"]
    for found in (as_keeper, as_root):
        assert f"chown -R {KEEPER}:" in found["remedy"]
    os.chown(keepers.archive / "keys", 0, 0)
    assert checks(keepers, KEEPER)["archive"]["status"] == "warn"
    assert "keys" in checks(keepers)["archive"]["detail"]


def test_doctor_fails_a_source_whose_first_folder_is_closed(keepers):
    assert archiver(keepers, "ledger", "upgrade").returncode == 0
    closed = keepers.tree / "AWSLogs"
    closed.chmod(0o700)
    os.chown(closed, 0, 0)
    (found,) = [found for found in checks(keepers, KEEPER).values() if found["id"] == "list"]
    assert found["status"] == "fail"
    assert "AWSLogs cannot be listed" in found["detail"]


@pytest.mark.skipif(not own_mounts(), reason="this user cannot mount")
@pytest.mark.parametrize("made", [True, False])
def test_init_for_the_service(tmp_path, made):
    """In a mount namespace with an /etc and a /var/lib of its own, with the user archiver or before it is made."""
    etc, lib = tmp_path / "etc", tmp_path / "lib"
    etc.mkdir()
    lib.mkdir()
    (etc / "passwd").write_text(
        "root:x:0:0::/root:/bin/sh\n" + f"archiver:x:{KEEPER}:{KEEPER}::/:/bin/false\n" * made
    )
    (etc / "group").write_text("root:x:0:\n" + f"archiver:x:{KEEPER}:\n" * made)
    (etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\n")
    command = (
        f"{sys.executable} -m archiver.cli.main --config /etc/archiver/archiver.toml init --source s3://my-bucket"
    )
    ran = subprocess.run(
        [*own_mounts(), "sh", "-c", f"mount --bind {etc} /etc && mount --bind {lib} /var/lib && exec {command}"],
        env=environment() | {"PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    facts = (etc / "archiver" / "archiver.toml").stat()
    state = {path.stat().st_uid for path in [lib / "archiver", *(lib / "archiver").rglob("*")]}
    if made:
        assert (facts.st_uid, facts.st_gid, facts.st_mode & 0o777) == (0, KEEPER, 0o640)
        assert (state, ran.stderr) == ({KEEPER}, "")
    else:
        assert (facts.st_uid, facts.st_gid, facts.st_mode & 0o777) == (0, 0, 0o644)
        assert state == {0}
        assert "there is no user archiver yet" in ran.stderr
        assert "useradd --system" in ran.stderr
