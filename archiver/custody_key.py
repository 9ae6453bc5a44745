"""The custody key in a file: the Ed25519 key that signs the archive's own log. Made once, never overwritten."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping
from functools import cached_property
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
from archiver.errors import SettingsError, SigningError, UsageError
from archiver.log.note import ed25519_key

_CREDENTIAL: Final = "credential:"
_KMS: Final = "awskms:"
LOST: Final = (
    "put the key back from a copy; where it is lost for good: archiver ledger rotate-key --to PLACE --lost (for a log"
    " that was never signed: archiver ledger upgrade makes one)"
)
_CLOSED: Final = (errno.EACCES, errno.EPERM)
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


def kms_arn(signing_key: str) -> str | None:
    """The ARN in ``awskms:ARN``, None for a key in a file."""
    return signing_key.removeprefix(_KMS) if signing_key.startswith(_KMS) else None


def is_file(signing_key: str) -> bool:
    """True for a path: such a key is made where it is missing."""
    return not is_credential(signing_key) and kms_arn(signing_key) is None


def create(path: Path) -> bytes:
    """Makes a new key at *path* (PKCS#8 PEM, mode 0600, fsync'd) and answers its public key, 32 bytes.

    Raises UsageError where something is there already or it cannot be written.
    """
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                hand_over(descriptor, path.parent)
                stream.write(pem)
                stream.flush()
                os.fsync(descriptor)
            sync_folder(path.parent)
        except BaseException:
            path.unlink(missing_ok=True)  # half a key is none
            raise
    except FileExistsError as error:
        raise UsageError(f"{path}: there is a file already; a custody key is never overwritten") from error
    except OSError as error:
        raise UsageError(f"{path}: the custody key cannot be written: {error.strerror}") from error
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def sync_folder(folder: Path) -> None:
    """Brings the names in *folder* to the disk. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def load_public(path: Path) -> bytes:
    """The public key (32 bytes) of the private key at *path*. Raises SettingsError."""
    return _raw(_load(path))


def _raw(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def _load(path: Path) -> Ed25519PrivateKey:
    try:
        # without waiting for somebody to write, where it is a pipe
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise SettingsError(f"{path}: not a file, and so not a custody key", LOST)
            pem = stream.read(_MOST_BYTES)
        key = load_pem_private_key(pem, password=None)
    except OSError as error:
        remedy = "run this as the owner of the key, or as root" if error.errno in _CLOSED else LOST
        raise SettingsError(f"{path}: the custody key cannot be read: {error.strerror}", remedy) from error
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # without the cause: what a parser says may quote what it could not parse
        raise SettingsError(f"{path}: not a private key in PEM without a passphrase", LOST) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingsError(f"{path}: not an Ed25519 key", LOST)
    return key


class FileSigner:
    """``log_ports.Signer`` over a key in a file, which is read once, at the first use."""

    def __init__(self, signing_key: str, origin: str, environ: Mapping[str, str], *, to_sign: bool = False) -> None:
        """*signing_key*: a path or ``credential:NAME``; *origin*: the log's, which is the key's name in its notes.

        *to_sign*: a file that others may read is refused, as ssh does; a credential's mode is systemd's matter.
        """
        self._to_sign = to_sign
        self._place = signing_key
        self._origin = origin
        self._environ = environ

    @property
    def key(self) -> str:
        return str(ed25519_key(self._origin, _raw(self._private)))

    def sign(self, message: bytes) -> bytes:
        return self._private.sign(message)

    @cached_property
    def _private(self) -> Ed25519PrivateKey:
        try:
            path = key_path(self._place, self._environ)
            key = _load(path)
            if self._to_sign and is_file(self._place) and open_to_others(path):
                raise SettingsError(f"{path} can be read or written by others than its owner", f"chmod 600 {path}")
        except SettingsError as error:
            raise SigningError(str(error), error.remedy) from error
        return key


def open_to_others(path: Path) -> bool:
    """True if anyone but its owner may read or write the file at *path*. Raises OSError."""
    return bool(stat.S_IMODE(path.stat().st_mode) & 0o077)
