"""Keys and certificates that sign PDFs in tests, and where it is told that none of them was revoked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.support.tsa import Authority, Party, party

PASSPHRASE = b"correct horse"
NAME = "Custodian 山田"


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@dataclass(frozen=True)
class Holder:
    """A signer: certificate and key of any kind."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def key_pem(self, passphrase: bytes | None = None) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption(passphrase))


def encryption(passphrase: bytes | None) -> KeySerializationEncryption:
    return BestAvailableEncryption(passphrase) if passphrase else NoEncryption()


@dataclass
class Pki:
    """A root that issues, and serves its list of revoked certificates over HTTP."""

    url: str
    root: Party
    revoked: list[int] = field(default_factory=list)

    def issue(
        self,
        name: str,
        key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
        *,
        stamps: bool = False,
        **changes: datetime,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        usage = x509.KeyUsage(True, not stamps, False, False, False, False, False, False, False)
        listed = x509.DistributionPoint([x509.UniformResourceIdentifier(self.url)], None, None, None)
        issuer = self.root.key.public_key()
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(self.root.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(changes.get("start", now - timedelta(days=30)))
            .not_valid_after(changes.get("end", now + timedelta(days=300)))
            .add_extension(x509.BasicConstraints(False, None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), critical=False)
            .add_extension(x509.CRLDistributionPoints([listed]), critical=False)
        )
        if stamps:
            purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
            builder = builder.add_extension(purpose, critical=True)
        return builder.sign(self.root.key, hashes.SHA256())

    def signer(self) -> Holder:
        key = ec.generate_private_key(ec.SECP256R1())
        return Holder(self.issue(NAME, key), key)

    def authority(self) -> Authority:
        """A time-stamping one, of which it can be told that it was not revoked."""
        key = ec.generate_private_key(ec.SECP256R1())
        return Authority(self.root, (Party(self.issue("Test Stamps", key, stamps=True), key),))

    def crl(self) -> bytes:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.root.certificate.subject)
            .last_update(now - timedelta(hours=1))
            .next_update(now + timedelta(days=30))
            .add_extension(x509.CRLNumber(1), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.root.key.public_key()), critical=False
            )
        )
        for serial in self.revoked:
            gone = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now - timedelta(days=1))
            builder = builder.add_revoked_certificate(gone.build())
        return builder.sign(self.root.key, hashes.SHA256()).public_bytes(Encoding.DER)


def _root() -> Party:
    now = datetime.now(UTC)
    return party("Test PDF Root", None, now - timedelta(days=400), now + timedelta(days=4000), ca=True)


def pkcs12_of(holder: Holder, above: x509.Certificate, passphrase: bytes | None) -> bytes:
    return pkcs12.serialize_key_and_certificates(
        b"signer", holder.key, holder.certificate, [above], encryption(passphrase)
    )


@pytest.fixture(scope="module")
def pki() -> Iterator[Pki]:
    held: list[Pki] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = held[0].crl()
            self.send_response(200)
            self.send_header("Content-Type", "application/pkix-crl")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    held.append(Pki(f"http://127.0.0.1:{server.server_address[1]}/root.crl", _root()))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield held[0]
    server.shutdown()
    thread.join()
    server.server_close()


def written(folder: Path, name: str, *parts: bytes) -> Path:
    path = folder / name
    path.write_bytes(b"".join(parts))
    return path
