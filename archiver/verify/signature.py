"""The one cryptographic question: did the holder of this key sign these bytes?

RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, section 8.2.2), as AWS CloudTrail User Guide, "Validate saved query
results", prescribes. Key: PKCS#1 ``RSAPublicKey`` DER.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from archiver.domain.limits import PUBLIC_KEY_BYTES, RSA_BITS

_KEYS_KEPT: Final = 64
"""Keys that are not parsed anew: a Region uses a dozen a year, and thousands of deliveries are signed with each."""


class KeyUnusableError(ValueError):
    """The DER is not a PKCS#1 RSA public key of an accepted size."""


@lru_cache(_KEYS_KEPT)
def load_key(der: bytes) -> rsa.RSAPublicKey:
    """The RSA key in PKCS#1 *der*.

    Raises :class:`KeyUnusableError` for anything else: SubjectPublicKeyInfo too, for its MD5 would be another
    fingerprint, and non-canonical encodings, for the same key must have one name only.
    """
    if len(der) > PUBLIC_KEY_BYTES:
        raise KeyUnusableError(f"{len(der)} bytes; a public key has at most {PUBLIC_KEY_BYTES}")
    try:
        key = load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyUnusableError("not the DER of an RSA public key") from error
    if not isinstance(key, rsa.RSAPublicKey):
        raise KeyUnusableError("not an RSA key")
    if key.key_size not in RSA_BITS:
        raise KeyUnusableError(f"an RSA key of {key.key_size} bits")
    if key.public_bytes(Encoding.DER, PublicFormat.PKCS1) != der:
        raise KeyUnusableError("not canonical PKCS#1 DER")
    return key


def signature_holds(der: bytes, signature: bytes, signed: bytes) -> bool:
    """True if *signature* over *signed* was made with the key *der*. Raises :class:`KeyUnusableError`."""
    try:
        load_key(der).verify(signature, signed, padding.PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def pem_pkcs1(der: bytes) -> bytes:
    """The key as ``BEGIN RSA PUBLIC KEY`` (PKCS#1), which ``openssl rsa -RSAPublicKey_in`` reads.

    Raises :class:`KeyUnusableError`.
    """
    return load_key(der).public_bytes(Encoding.PEM, PublicFormat.PKCS1)


def pem_x509(der: bytes) -> bytes:
    """The key as ``BEGIN PUBLIC KEY`` (SubjectPublicKeyInfo), which openssl reads. Raises as above."""
    return load_key(der).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
