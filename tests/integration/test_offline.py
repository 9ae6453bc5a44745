"""Verification, import and audit need no network: proved by taking the network away."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from tests.support.cli import ROOT, environment

GUARD = """
import sys

def guard(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.bind"):
        import os
        os.write(2, f"network: {event} {arguments}\\n".encode())
        os._exit(99)

sys.addaudithook(guard)
if sys.argv[1] == "--try":
    import socket
    socket.create_connection(("127.0.0.1", 9))
from archiver.cli.main import main
main()
"""


def guarded(home, *arguments, prefix=()):
    """The command with a hook that ends it at the first touch of the network, whatever library does it."""
    command = [*prefix, sys.executable, "-c", GUARD, *map(str, arguments)]
    environ = {**environment(), "AWS_ACCESS_KEY_ID": "x", "AWS_REGION": "us-east-1"}
    return subprocess.run(
        command, cwd=home.root, env=environ, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture
def folder(home, key):
    home.list_keys(key)
    return home.deliver(key)


def test_the_guard_guards(home):
    assert guarded(home, "--try").returncode == 99


def test_verify_with_keys_makes_no_network_call(home, folder):
    ran = guarded(home, "verify", folder, "--keys", "keys.json")
    assert (ran.returncode, ran.stdout.split()[0]) == (0, "verified"), ran.stderr


def test_a_key_that_is_not_in_the_file_is_not_asked_for(home, folder):
    (home.root / "none.json").write_text("[]")
    ran = guarded(home, "verify", folder, "--keys", "none.json")
    assert (ran.returncode, "key_unavailable" in ran.stdout) == (3, True), ran.stderr


def test_verify_offline_with_the_ledgers_keys_makes_no_network_call(home, folder):
    home.configure(home.folder_source())
    home.run("keys", "import", "keys.json", status=0)
    ran = guarded(home, "verify", folder, "--offline")
    assert (ran.returncode, ran.stdout.split()[0]) == (0, "verified"), ran.stderr


@pytest.mark.thorough
def test_the_whole_job_over_folders_makes_no_network_call(home, folder):
    home.configure(home.folder_source())
    for arguments in (
        ("keys", "import", "keys.json"),
        ("sync",),
        ("import", folder),
        ("audit", "--all"),
        ("keys", "list"),
        ("keys", "export", "-"),
        ("ledger", "upgrade"),
    ):
        ran = guarded(home, *arguments)
        assert ran.returncode == 0, (arguments, ran.stdout, ran.stderr)


def unshare():
    found = shutil.which("unshare")
    if found is None:
        return ()
    for prefix in ((found, "-n"), (found, "-rn")):
        if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0:
            return prefix
    return ()


@pytest.mark.skipif(not unshare(), reason="no network namespaces for this user")
def test_verify_in_an_empty_network_namespace(home, folder):
    command = [*unshare(), sys.executable, "-m", "archiver.cli.main", "verify", str(folder), "--keys", "keys.json"]
    ran = subprocess.run(
        command, cwd=home.root, env=environment(PYTHONPATH=str(ROOT)), capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout.split()[0]) == (0, "verified"), ran.stderr
