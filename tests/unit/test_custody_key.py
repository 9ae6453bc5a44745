"""The custody key: made once, private, never overwritten, and refused where it is something else."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from archiver.custody_key import create, is_credential, key_path, load_public, open_to_others
from archiver.errors import SettingsError, UsageError


def test_a_new_key_is_private_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "key"
    public = create(path)
    assert len(public) == 32
    assert load_public(path) == public
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().startswith("-----BEGIN PRIVATE KEY-----")
    assert not open_to_others(path)
    assert create(tmp_path / "other") != public


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "key"
    public = create(path)
    with pytest.raises(UsageError, match="never overwritten"):
        create(path)
    assert load_public(path) == public


def test_a_link_is_never_followed_for_writing(tmp_path: Path) -> None:
    (tmp_path / "key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError):
        create(tmp_path / "key")
    assert not (tmp_path / "elsewhere").exists()


def test_no_folder_no_key(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        create(tmp_path / "missing" / "key")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_key_that_others_may_touch_is_noticed(tmp_path: Path, mode: int) -> None:
    create(tmp_path / "key")
    os.chmod(tmp_path / "key", mode)
    assert open_to_others(tmp_path / "key")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "key")
    with pytest.raises(SettingsError, match="not a file"):
        load_public(tmp_path / "key")


def test_what_is_no_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    with pytest.raises(SettingsError, match="cannot be read"):
        load_public(path)
    path.write_text("nonsense")
    with pytest.raises(SettingsError, match="not a private key"):
        load_public(path)
    other = rsa.generate_private_key(65537, 2048)
    path.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(SettingsError, match="Ed25519"):
        load_public(path)


def test_a_credential_lies_where_systemd_says() -> None:
    assert key_path("/a/key", {}) == Path("/a/key")
    assert key_path("credential:k", {"CREDENTIALS_DIRECTORY": "/run/c"}) == Path("/run/c/k")
    assert is_credential("credential:k")
    assert not is_credential("/credential:k")
    with pytest.raises(SettingsError, match="no credentials"):
        key_path("credential:k", {})
