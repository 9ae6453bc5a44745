"""The custody key: the Ed25519 key with which the archive's own log is signed. Made once, never overwritten."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from archiver.adapters.owner import hand_over
from archiver.errors import SettingsError, UsageError

_CREDENTIAL: Final = "credential:"
_MOST_BYTES: Final = 16 * 1024
"""Largest key file that is read; ours has about 120 bytes."""


def key_path(signing_key: str, environ: Mapping[str, str]) -> Path:
    """The file that ``[custody] signing_key`` means; ``credential:NAME`` lies where systemd says.

    Raises SettingsError for a credential where systemd passed none.
    """
    if not signing_key.startswith(_CREDENTIAL):
        return Path(signing_key)
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        raise SettingsError(
            f"[custody] signing_key is {signing_key!r}, and systemd passed no credentials",
            "add LoadCredential=NAME:/path to the unit, or name a file in the configuration",
        )
    return Path(folder) / signing_key.removeprefix(_CREDENTIAL)


def is_credential(signing_key: str) -> bool:
    """True for ``credential:NAME``: such a key is systemd's to provide, not ours to make."""
    return signing_key.startswith(_CREDENTIAL)


def create(path: Path) -> bytes:
    """Makes a new key at *path* (PKCS#8 PEM, mode 0600, fsync'd) and answers its public key, 32 bytes.

    Raises UsageError where something is there already or it cannot be written.
    """
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            hand_over(descriptor, path.parent)
            stream.write(pem)
            stream.flush()
            os.fsync(descriptor)
        _sync_folder(path.parent)
    except FileExistsError as error:
        raise UsageError(f"{path}: there is a file already; a custody key is never overwritten") from error
    except OSError as error:
        raise UsageError(f"{path}: the custody key cannot be written: {error.strerror}") from error
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def load_public(path: Path) -> bytes:
    """The public key (32 bytes) of the private key at *path*. Raises SettingsError."""
    try:
        with path.open("rb") as stream:
            pem = stream.read(_MOST_BYTES)
        key = load_pem_private_key(pem, password=None)
    except OSError as error:
        raise SettingsError(f"{path}: the custody key cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SettingsError(f"{path}: not a private key in PEM without a passphrase") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingsError(f"{path}: not an Ed25519 key")
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def open_to_others(path: Path) -> bool:
    """True if anyone but its owner may read or write the file at *path*. Raises OSError."""
    return bool(stat.S_IMODE(path.stat().st_mode) & 0o077)
