"""The key that PDF reports are signed with: an operator's own, from PKCS#12 or PEM. The log's key is another one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12
from cryptography.x509.oid import NameOID

from archiver.domain.text import printable
from archiver.domain.times import format_time
from archiver.errors import UsageError

_MOST_BYTES: Final = 1024 * 1024
_PEM: Final = b"-----BEGIN "

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class SigningKey:
    """A private key, the certificate that names its holder, and the certificates above, as far as they were given."""

    key: PrivateKey
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]

    @property
    def name(self) -> str:
        """Who signs, by the certificate: its common name, else the whole subject."""
        named = self.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(named[0].value) if named else self.certificate.subject.rfc4514_string()

    @property
    def sha256(self) -> str:
        """SHA-256 of the certificate, 64 hex."""
        return hashlib.sha256(self.certificate.public_bytes(Encoding.DER)).hexdigest()


def read_signing_key(
    path: Path, passphrase: bytes | None, now: datetime, certificates: Path | None = None
) -> SigningKey:
    """The key in *path*: PKCS#12, or PEM, whose certificates stand in the same file or in *certificates*.

    The first certificate that fits the key is its holder's. Raises UsageError for whatever stands in the way: files,
    passphrase, form, a key that is neither RSA nor EC, no certificate that fits, one that is not valid at *now* or
    that says it is not for signatures.
    """
    data = _read(path)
    if data.lstrip().startswith(_PEM):
        key = _opened(path, passphrase, lambda: load_pem_private_key(_only_key(path, data), passphrase))
        given = _certificates(certificates or path, data if certificates is None else _read(certificates))
    else:
        held = _opened(path, passphrase, lambda: load_pkcs12(data, passphrase))
        key = held.key
        given = [one.certificate for one in (held.cert, *held.additional_certs) if one is not None]
        if certificates is not None:
            given += _certificates(certificates, _read(certificates))
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise UsageError(f"{path}: PDF signatures need an RSA or an elliptic-curve key")
    return _fitting(key, given, certificates or path, now)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(_MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > _MOST_BYTES:
        raise UsageError(f"{path}: is no key or certificate: more than {_MOST_BYTES} bytes")
    return data


def _opened(path: Path, passphrase: bytes | None, load: Callable[[], Any]) -> Any:
    """What *load* finds in *path*. The library tells a wrong passphrase and a wrong form with the same error."""
    try:
        return load()
    except TypeError as error:  # an encrypted key without a passphrase, or the other way round
        if passphrase is None:
            raise UsageError(f"{path}: the key is encrypted and no passphrase was given") from error
        raise UsageError(f"{path}: a passphrase was given, and the key is not encrypted") from error
    except ValueError as error:
        why = "no passphrase was given, or it" if passphrase is None else "the passphrase is wrong, or the file"
        raise UsageError(f"{path}: {why} is neither PKCS#12 nor a PEM key: {printable(str(error), 200)}") from error


def _only_key(path: Path, data: bytes) -> bytes:
    """The first private key of PEM *data*, which may hold certificates in front of it."""
    start = data.find(b"PRIVATE KEY-----")
    if start < 0:
        raise UsageError(f"{path}: holds no private key")
    return data[data.rfind(_PEM, 0, start) :]


def _certificates(path: Path, data: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError as error:
        raise UsageError(f"{path}: holds no certificates in PEM: {printable(str(error), 200)}") from error


def _fitting(key: PrivateKey, given: list[x509.Certificate], path: Path, now: datetime) -> SigningKey:
    own = _spki(key.public_key())
    mine = next((one for one in given if _spki(one.public_key()) == own), None)
    if mine is None:
        raise UsageError(f"{path}: holds no certificate of the key")
    if not mine.not_valid_before_utc <= now <= mine.not_valid_after_utc:
        start, end = format_time(mine.not_valid_before_utc), format_time(mine.not_valid_after_utc)
        raise UsageError(f"{path}: the key's certificate is valid from {start} to {end}, not now")
    try:
        usage = mine.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        pass
    else:
        if not (usage.digital_signature or usage.content_commitment):
            raise UsageError(f"{path}: the key's certificate says that it is not for signatures (key usage)")
    return SigningKey(key, mine, tuple(one for one in given if one != mine))


def _spki(public: Any) -> bytes:
    form: bytes = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return form
