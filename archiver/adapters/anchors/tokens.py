"""What an RFC 3161 response proves: its signature, its certificates at its own time, and what it was made over.

Checked with rfc3161-client. That reads DER strictly; what it cannot read (certificates that are not in DER's order
are the usual case), and what an authority granted with changes, is left to ``openssl ts``. Whether a certificate was
revoked is not looked at: that cannot be told without a network, nor years later.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from archiver.adapters.anchors import openssl
from archiver.adapters.anchors.stamp import Stamp
from archiver.domain.text import printable
from archiver.errors import AnchorError

if TYPE_CHECKING:
    from rfc3161_client import TimeStampResponse

_CA_FILE_BYTES: Final = 4 * 1024 * 1024
_SHA256: Final = x509.ObjectIdentifier("2.16.840.1.101.3.4.2.1")
_GRANTED: Final = 0
_GRANTED_WITH_CHANGES: Final = 1

_CAUSE: Final = re.compile(r'"Verify error: ([^"]{1,200})"')
"""What OpenSSL has against a certificate, inside of what it says of where in its sources it found that."""

_MALFORMED: Final = (
    ValueError,
    TypeError,
    OverflowError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
)
"""What the libraries raise for hostile certificates."""


@dataclass(frozen=True, slots=True)
class Trust:
    """The certificates that an authority's own must lead to, and the file that they stand in."""

    file: Path
    certificates: tuple[x509.Certificate, ...]

    @classmethod
    def read(cls, file: Path) -> Trust:
        """Those in *file* (PEM, one or more). Raises AnchorError."""
        try:
            with file.open("rb") as stream:
                pem = stream.read(_CA_FILE_BYTES)
            found = x509.load_pem_x509_certificates(pem)
        except OSError as error:
            raise AnchorError(f"ca_file {file} cannot be read: {error.strerror}") from error
        except _MALFORMED as error:
            raise AnchorError(f"ca_file {file} holds no certificate in PEM: {printable(str(error), 200)}") from error
        return cls(file, tuple(found))


def check_stamp(response: bytes, digest: bytes, trust: Trust, nonce: int | None) -> Stamp:
    """What *response* proves about *digest* (SHA-256). *nonce*: of the request, None where it is not known any more.

    Raises AnchorError for whatever does not hold.
    """
    import rfc3161_client as rfc3161  # noqa: PLC0415 - an extra

    try:
        decoded = rfc3161.decode_timestamp_response(response)
        if decoded.status == _GRANTED:
            info = decoded.tst_info
            at, stated = info.gen_time, info.nonce
            algorithm = info.message_imprint.hash_algorithm
    except _MALFORMED as error:
        return openssl.check_stamp(response, digest, trust.file, nonce, f"cannot be read: {error}")
    if decoded.status == _GRANTED_WITH_CHANGES:
        return openssl.check_stamp(response, digest, trust.file, nonce, "was granted with changes")
    if decoded.status != _GRANTED:
        said = printable(" ".join(decoded.status_string), 200)
        raise AnchorError(f"the authority gave no time stamp: status {decoded.status} {said}".rstrip())
    if nonce is not None and stated != nonce:
        raise AnchorError("the time stamp has another nonce: it is an answer to something else")
    if algorithm != _SHA256:
        raise AnchorError("the time stamp is not over a SHA-256")
    try:
        rfc3161.VerifierBuilder(roots=list(trust.certificates)).build().verify(decoded, digest)
        ends = _signer(decoded).not_valid_after_utc
    except (rfc3161.VerificationError, *_MALFORMED) as error:
        cause = _CAUSE.search(str(error))
        why = printable(cause[1] if cause else str(error), 300)
        raise AnchorError(f"the time stamp does not hold: {why}") from error
    return Stamp(at.astimezone(UTC).replace(microsecond=0), ends)


def _signer(response: TimeStampResponse) -> x509.Certificate:
    """The certificate whose key signed: exactly one signer, which the verifier has seen to."""
    (signer,) = response.signed_data.signer_infos
    for der in response.signed_data.certificates:
        found = x509.load_der_x509_certificate(der)
        if (found.issuer, found.serial_number) == (signer.issuer, signer.serial_number):
            return found
    raise ValueError("the signer's certificate is not in it")
