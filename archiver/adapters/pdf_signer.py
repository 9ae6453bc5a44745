"""PAdES signatures on PDF reports (ETSI EN 319 142-1), with RFC 3161 time stamps. pyhanko does it (extra ``sign``).

A signature is an incremental update: the report's bytes stay as they were, in front. Its field is invisible, for a
visible one would need fonts and pages of its own in a file that was laid out already; the report itself names who is
to sign it.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from archiver.adapters.anchors import web
from archiver.adapters.pdf_key import SigningKey
from archiver.domain.limits import ANCHOR_ANSWER_BYTES
from archiver.domain.text import printable
from archiver.errors import AnchorError, SigningError, UsageError

if TYPE_CHECKING:
    from pyhanko.sign.signers import PdfSignatureMetadata, SimpleSigner
    from pyhanko.sign.timestamps import TimeStamper

FIELD: Final = "ReportSignature"
_DIGEST: Final = "sha256"


@dataclass(frozen=True)
class SignedPdf:
    """``level``: ``B-B`` (no time stamp), ``B-T``, or ``B-LT`` (with what tells that nothing was revoked).

    ``shortfall``: why it is no better, in words; "" for B-LT.
    """

    data: bytes
    level: str
    shortfall: str


def check_installed() -> None:
    """Raises UsageError where pyhanko is not installed."""
    if find_spec("pyhanko") is None:
        raise UsageError(
            "signing reports needs pyhanko, which is not installed",
            "Install the extra: pip install 'cloudtrail-evidence-archiver[sign]'",
        )


def read_authorities(path: Path) -> tuple[x509.Certificate, ...]:
    """The certificates in PEM file *path*, which a signer's or a time stamp's lead up to. Raises UsageError."""
    try:
        return tuple(x509.load_pem_x509_certificates(path.read_bytes()))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path}: holds no certificates in PEM: {printable(str(error), 200)}") from error


def sign_pdf(
    pdf: bytes,
    key: SigningKey,
    tsa_url: str | None = None,
    *,
    reason: str = "",
    authorities: Sequence[x509.Certificate] | None = None,
) -> SignedPdf:
    """*pdf* with a signature by *key*, checked before it is handed out; *pdf* itself stays its beginning.

    *tsa_url*: an RFC 3161 authority; without one a reader has only the signer's word for the time. *authorities*:
    trusted roots, for B-LT: revocation data of signer and authority is then asked for, where their certificates say
    it is to be had, and where it is not the level is B-T. Raises UsageError, AnchorError where the authority does not
    answer or what it answers is no time stamp, SigningError for anything else that stands in the way.
    """
    check_installed()
    for name in ("pyhanko", "pyhanko_certvalidator"):  # they log tracebacks of what is told here in words
        logging.getLogger(name).setLevel(logging.CRITICAL)
    from pyhanko.sign.fields import SigSeedSubFilter  # noqa: PLC0415 - an extra
    from pyhanko.sign.signers import PdfSignatureMetadata  # noqa: PLC0415

    plain = PdfSignatureMetadata(
        field_name=FIELD,
        md_algorithm=_DIGEST,
        subfilter=SigSeedSubFilter.PADES,
        name=key.name,
        reason=reason or None,
    )
    whole = (
        pdf if pdf.endswith(b"\n") else pdf + b"\n"
    )  # the update's first object begins a line (ISO 19005-3, 6.1.9)
    if tsa_url is None:
        return SignedPdf(_signed(whole, key, plain, None), "B-B", "no time-stamping authority was given")
    stamper = _stamper(tsa_url)
    if not authorities:
        return SignedPdf(_signed(whole, key, plain, stamper), "B-T", "no trusted roots were given to look further")
    lasting = replace(plain, embed_validation_info=True, validation_context=_context(key, authorities))
    try:
        return SignedPdf(_signed(whole, key, lasting, stamper), "B-LT", "")
    except _NotLastingError as error:
        return SignedPdf(_signed(whole, key, plain, stamper), "B-T", str(error))


class _NotLastingError(Exception):
    """Signer or authority cannot be validated down to revocation data."""


def _signed(pdf: bytes, key: SigningKey, meta: PdfSignatureMetadata, stamper: TimeStamper | None) -> bytes:
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter  # noqa: PLC0415 - an extra
    from pyhanko.pdf_utils.misc import PdfError  # noqa: PLC0415
    from pyhanko.sign.fields import SigFieldSpec  # noqa: PLC0415
    from pyhanko.sign.general import SigningError as PyhankoSigningError  # noqa: PLC0415
    from pyhanko.sign.signers import PdfSigner  # noqa: PLC0415
    from pyhanko.sign.timestamps import TimestampRequestError  # noqa: PLC0415
    from pyhanko_certvalidator.errors import PathError, ValidationError  # noqa: PLC0415

    try:
        signs = PdfSigner(meta, _signer(key), timestamper=stamper, new_field_spec=SigFieldSpec(FIELD))
        made: io.BytesIO = signs.sign_pdf(IncrementalPdfFileWriter(io.BytesIO(pdf)))
        data = made.getvalue()
        _check(data, pdf, stamped=stamper is not None)
    except TimestampRequestError as error:
        raise AnchorError(f"the time-stamping authority gives no time stamp: {_said(error)}") from error
    except (PathError, ValidationError) as error:
        raise _NotLastingError(_said(error)) from error
    except (PyhankoSigningError, PdfError) as error:
        if meta.embed_validation_info:
            raise _NotLastingError(_said(error)) from error
        raise SigningError(f"the report could not be signed: {_said(error)}") from error
    return data


def _signer(key: SigningKey) -> SimpleSigner:
    from asn1crypto import keys  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra
    from pyhanko.sign.signers import SimpleSigner  # noqa: PLC0415
    from pyhanko_certvalidator.registry import SimpleCertificateStore  # noqa: PLC0415

    above = SimpleCertificateStore()  # type: ignore[no-untyped-call]
    above.register_multiple([_asn1(one) for one in key.chain])
    secret = key.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return SimpleSigner(
        signing_cert=_asn1(key.certificate),
        signing_key=keys.PrivateKeyInfo.load(secret),
        cert_registry=above,
    )


def _asn1(certificate: x509.Certificate) -> Any:
    """The same certificate as pyhanko takes it."""
    from asn1crypto.x509 import Certificate  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra

    return Certificate.load(certificate.public_bytes(Encoding.DER))


def _check(data: bytes, pdf: bytes, *, stamped: bool) -> None:
    """Reads back what was signed. Raises SigningError, AnchorError."""
    from pyhanko.pdf_utils.reader import PdfFileReader  # noqa: PLC0415 - an extra
    from pyhanko.sign.validation import validate_pdf_signature  # noqa: PLC0415
    from pyhanko_certvalidator import ValidationContext  # noqa: PLC0415

    signature = PdfFileReader(io.BytesIO(data)).embedded_signatures[0]
    unjudged = ValidationContext(trust_roots=[], allow_fetching=False)  # whom to trust is the reader's to say
    status = validate_pdf_signature(signature, unjudged, unjudged)
    if not (data.startswith(pdf) and status.intact and status.valid):
        raise SigningError("the signature that was made does not hold")
    stamp = status.timestamp_validity
    if stamped and not (stamp is not None and stamp.intact and stamp.valid):
        raise AnchorError("what the time-stamping authority answered is no time stamp that holds")


def _context(key: SigningKey, authorities: Sequence[x509.Certificate]) -> Any:
    """Where signer and authority must lead, with revocation data for each certificate below the root."""
    from pyhanko_certvalidator import ValidationContext  # noqa: PLC0415 - an extra

    return ValidationContext(
        trust_roots=[_asn1(one) for one in authorities],
        other_certs=[_asn1(one) for one in key.chain],
        allow_fetching=True,
        revocation_mode="require",
    )


def _stamper(url: str) -> TimeStamper:
    """Asks the authority at *url* as anchors are asked for: bounded in time and bytes, no redirects, proxies."""
    from asn1crypto import tsp  # noqa: PLC0415 - an extra
    from pyhanko.sign.timestamps import TimeStamper, TimestampRequestError  # noqa: PLC0415

    class Stamper(TimeStamper):
        async def async_request_tsa_response(self, req: Any) -> Any:
            answer = web.post(url, req.dump(), "application/timestamp-query", ANCHOR_ANSWER_BYTES)
            if answer.status != 200:
                raise web.failed(answer, url)
            try:
                answers = _answers(req, tsp.TimeStampResp.load(answer.body, strict=True))
            except (ValueError, TypeError, KeyError, AttributeError) as error:  # what asn1crypto finds on its way
                raise TimestampRequestError("the answer is no RFC 3161 response") from error
            if not answers:
                raise TimestampRequestError("the answer is for another request")
            return tsp.TimeStampResp.load(answer.body)  # one that was looked into is slow to write out again

    return Stamper()  # type: ignore[no-untyped-call]


def _answers(request: Any, response: Any) -> bool:
    """True if *response* (RFC 3161, section 2.4.2) is about what *request* asked, or refuses it."""
    if response["status"]["status"].native not in ("granted", "granted_with_mods"):
        return True  # pyhanko tells why
    told = response["time_stamp_token"]["content"]["encap_content_info"]["content"].parsed
    asked = request["message_imprint"].native
    return bool(told["message_imprint"].native == asked and told["nonce"].native == request["nonce"].native)


def _said(error: BaseException) -> str:
    """*error* with what it came from: the library says why one level down."""
    told = " ".join(str(error).split()) or type(error).__name__
    cause = error.__cause__
    return printable(told if cause is None else f"{told.rstrip('.')}: {_said(cause)}", 500)
