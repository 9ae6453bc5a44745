"""The log's key in AWS KMS: an asymmetric key that never leaves it, asked for one signature a checkpoint.

Source: AWS KMS API Reference, "GetPublicKey" and "Sign"; Developer Guide, "Key spec reference"
(``ECC_NIST_EDWARDS25519``, whose ``ED25519_SHA_512`` is the Ed25519 of RFC 8032 over the raw message).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from archiver.adapters.aws.errors import Doing, translated
from archiver.adapters.aws.session import AwsAccess
from archiver.domain.text import printable
from archiver.errors import SigningError, SourceError
from archiver.log.note import ed25519_key

_KEY_SPEC: Final = "ECC_NIST_EDWARDS25519"
_ALGORITHM: Final = "ED25519_SHA_512"
_MESSAGE_BYTES: Final = 4096
"""Most that KMS signs raw; a checkpoint's text has a few hundred."""

_REMEDY: Final = "look at the key: aws kms describe-key; it is to be an enabled Ed25519 key for SIGN_VERIFY"


class KmsSigner:
    """``log_ports.Signer`` over a KMS key. Its public half is asked for once."""

    def __init__(self, arn: str, origin: str, access: AwsAccess) -> None:
        """*arn*: of the key or of an alias; *origin*: of the log, which is the key's name in its notes."""
        self._arn = arn
        self._origin = origin
        self._access = access

    @property
    def key(self) -> str:
        return str(ed25519_key(self._origin, self._public.public_bytes(Encoding.Raw, PublicFormat.Raw)))

    def sign(self, message: bytes) -> bytes:
        if len(message) > _MESSAGE_BYTES:
            raise SigningError(f"{self._arn}: {len(message)} bytes to sign, and KMS takes {_MESSAGE_BYTES} at most")
        public = self._public
        with _asked(f"sign with {self._arn}", "kms:Sign"):
            answer = self._access.kms().sign(
                KeyId=self._arn, Message=message, MessageType="RAW", SigningAlgorithm=_ALGORITHM
            )
            signature = bytes(answer["Signature"])
        try:
            public.verify(signature, message)
        except InvalidSignature:
            raise SigningError(
                f"{self._arn}: what KMS signed does not hold against the key's own public half",
                "if an alias was moved to another key meanwhile: archiver ledger rotate-key; else check the endpoint",
            ) from None
        return signature

    @cached_property
    def _public(self) -> Ed25519PublicKey:
        with _asked(f"read the public half of {self._arn}", "kms:GetPublicKey"):
            answer = self._access.kms().get_public_key(KeyId=self._arn)
            spec, usage, der = str(answer.get("KeySpec")), str(answer.get("KeyUsage")), bytes(answer["PublicKey"])
        if (spec, usage) != (_KEY_SPEC, "SIGN_VERIFY"):
            shown = f"{printable(spec, 40)} for {printable(usage, 40)}"
            raise SigningError(f"{self._arn} is a key of {shown}, not {_KEY_SPEC} for SIGN_VERIFY", _REMEDY)
        try:
            public = load_der_public_key(der)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise SigningError(f"{self._arn}: what KMS gave as its public half is no key", _REMEDY) from error
        if not isinstance(public, Ed25519PublicKey):
            raise SigningError(f"{self._arn}: what KMS gave as its public half is no Ed25519 key", _REMEDY)
        return public


@contextmanager
def _asked(what: str, permission: str) -> Iterator[None]:
    """Turns whatever comes of one request inside into SigningError."""
    try:
        with translated(Doing(what, permission)):
            yield
    except SourceError as error:
        raise SigningError(str(error), error.remedy or _REMEDY) from error
