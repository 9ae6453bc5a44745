"""The archive as it lies satisfies openssl, by the article's own steps and by the README's, this program aside."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest

from tests.support.cli import ROOT

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


def sh(script, cwd):
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=cwd, capture_output=True, text=True, check=True
    ).stdout


@pytest.fixture
def folder(home, key):
    """The archived folder of a delivery of three files."""
    home.configure(home.folder_source())
    home.run("keys", "import", home.list_keys(key), status=0)
    delivered = home.deliver(key, files=3)
    home.run("sync", status=0)
    return home.archive / "prod" / delivered.relative_to(home.tree)


@pytest.mark.skipif(shutil.which("xxd") is None, reason="xxd is not installed")
def test_the_articles_steps(home, folder, tmp_path):
    """Download, hash, key in PKCS#1, key in X.509, signature, hash list, verify."""
    sign_file = json.loads((folder / "result_sign.json").read_bytes())
    for file in sign_file["files"]:
        said = sh(f"openssl dgst -sha256 {file['fileName']}", folder)
        assert said.split()[-1] == file["fileHashValue"]
    (keys,) = (home.archive / "keys").glob(f"{sign_file['publicKeyFingerprint']}-*")
    work = tmp_path / "work"
    work.mkdir()
    said = sh(
        f"""
        cp {keys}/public_key_pkcs1.pem .
        openssl rsa -RSAPublicKey_in -in public_key_pkcs1.pem -pubout -out public_key_x509.pem
        printf {sign_file["hashSignature"]} > signature
        xxd -r -p signature signature.bin
        printf "{" ".join(file["fileHashValue"] for file in sign_file["files"])}" >> hash_list_file
        openssl dgst -sha256 -verify public_key_x509.pem -signature signature.bin hash_list_file
        """,
        work,
    )
    assert "Verified OK" in said
    assert (work / "public_key_x509.pem").read_text() == (keys / "public_key_x509.pem").read_text()
    said = sh(f"openssl dgst -md5 {keys}/public_key.der", work)
    assert said.split()[-1] == sign_file["publicKeyFingerprint"]


def test_the_readmes_steps(home, folder, tmp_path):
    """The commands of "Without this program", their placeholders filled in."""
    sign_file = json.loads((folder / "result_sign.json").read_bytes())
    hashes = " ".join(file["fileHashValue"] for file in sign_file["files"])
    block = re.search(r"## Without this program.*?```console\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    commands = [line[2:].split("  #")[0].rstrip() for line in block[1].splitlines() if line.startswith("$ ")]
    assert commands[0].startswith("cd evidence/prod/AWSLogs/")
    script = "\n".join(commands[1:])
    filled = {
        "/tmp/": f"{tmp_path}/",
        "<hash 1> <hash 2> …": hashes,
        "<hashSignature>": sign_file["hashSignature"],
        "<archive>": str(home.archive),
        "<fingerprint>-…": f"{sign_file['publicKeyFingerprint']}-*",
    }
    assert "xxd" not in script  # which is not on every Debian: openssl and coreutils are enough
    for placeholder, value in filled.items():
        assert placeholder in script
        script = script.replace(placeholder, value)
    said = sh(script, folder)
    assert said.split()[0] == sign_file["files"][0]["fileHashValue"]
    assert said.splitlines()[-1] == "Verified OK"
