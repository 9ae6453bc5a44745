"""Time-stamping authorities (RFC 3161) on 127.0.0.1: certificates of their own, answers by ``openssl ts -reply``.

``tsa``: a server over an :class:`Authority`. With ``tsa.at = <time>`` it stamps at that time instead of now; openssl
cannot, so those answers are put together here, byte by byte. ``tsa.mangle`` changes what is sent.
"""

from __future__ import annotations

import hashlib
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from rfc3161_client._rust import parse_timestamp_request

YEAR = timedelta(days=365)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@dataclass(frozen=True)
class Party:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)


def party(
    name: str, issuer: Party | None, start: datetime, end: datetime, ca: bool, usage: str | None = None
) -> Party:
    """A new certificate; *issuer* None: by itself. *usage*: ``timestamp`` or ``mail``."""
    key = ec.generate_private_key(ec.SECP256R1())
    signing = issuer.key if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(issuer.certificate.subject if issuer else _name(name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
    )
    builder = builder.add_extension(_key_usage(signs_certificates=ca), critical=True)
    if usage:
        purpose = ExtendedKeyUsageOID.TIME_STAMPING if usage == "timestamp" else ExtendedKeyUsageOID.EMAIL_PROTECTION
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=True)
    return Party(builder.sign(signing, hashes.SHA256()), key)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=not signs_certificates,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


@dataclass(frozen=True)
class Authority:
    """A root, and the certificates from the stamping one up to it, without the root."""

    root: Party
    chain: tuple[Party, ...]

    @property
    def stamping(self) -> Party:
        return self.chain[0]


def authority(
    start: datetime | None = None, end: datetime | None = None, *, between: bool = False, usage: str = "timestamp"
) -> Authority:
    """A new one whose stamping certificate runs from *start* to *end*; *between*: with a CA below the root."""
    now = datetime.now(UTC)
    start, end = start or now - timedelta(days=30), end or now + YEAR
    root = party("Test Root", None, start - YEAR, end + 20 * YEAR, ca=True)
    above = [party("Test CA", root, start - YEAR, end + 10 * YEAR, ca=True)] if between else []
    stamping = party("Test Time-Stamping Authority", above[0] if above else root, start, end, ca=False, usage=usage)
    return Authority(root, (stamping, *above))


class TsaServer:
    """Runs inside ``with``. ``sends_root``: openssl sends the root too, in an order that strict DER does not have."""

    def __init__(self, held: Authority, folder: Path) -> None:
        self.held = held
        self.at: datetime | None = None
        self.mangle: Callable[[bytes], bytes] = lambda answer: answer
        self.asked: list[bytes] = []
        self.sends_root = False
        self._folder = folder
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.headers["Content-Type"] == "application/timestamp-query"
                outer.asked.append(request)
                answer = outer.mangle(outer.answer(request))
                self.send_response(200)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/tsa"

    @property
    def ca_file(self) -> Path:
        path = self._folder / "ca.pem"
        path.write_bytes(self.held.root.pem)
        return path

    def answer(self, request: bytes) -> bytes:
        """A response to *request*, by openssl, or made here where another time is wanted."""
        if self.at is not None:
            return made_at(self.at, request, self.held)
        return by_openssl(request, self.held, self._folder, self.sends_root)

    def __enter__(self) -> TsaServer:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture(scope="session")
def tsa_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TsaServer]:
    with TsaServer(authority(), tmp_path_factory.mktemp("tsa")) as server:
        yield server


@pytest.fixture
def tsa(tsa_server: TsaServer) -> Iterator[TsaServer]:
    """The server with an authority that stamps now; the test may give it another."""
    held = tsa_server.held
    yield tsa_server
    tsa_server.held, tsa_server.at, tsa_server.mangle, tsa_server.sends_root = held, None, lambda a: a, False
    tsa_server.asked.clear()


_CONFIGURATION = """
[tsa]
default_tsa = this
[this]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
{certs}
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
clock_precision_digits = 3
ordering = no
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


def by_openssl(request: bytes, held: Authority, folder: Path, sends_root: bool) -> bytes:
    """What ``openssl ts -reply`` answers."""
    above = [*held.chain[1:], *([held.root] if sends_root else [])]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tsa.pem").write_bytes(held.stamping.pem)
    key = held.stamping.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "tsa.key").write_bytes(key)
    (folder / "above.pem").write_bytes(b"".join(one.pem for one in above))
    (folder / "query.tsq").write_bytes(request)
    certs = f"certs = {folder}/above.pem" if above else ""
    (folder / "tsa.cnf").write_text(_CONFIGURATION.format(folder=folder, certs=certs))
    if not (folder / "serial").exists():
        (folder / "serial").write_text("01\n")
    command = ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query.tsq", "-out", "reply.tsr"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return (folder / "reply.tsr").read_bytes()


# ------------------------------------------------------------------- a response at any time, in DER (X.690)


def _tlv(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    length = len(content)
    size = b"" if length < 128 else length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, length if length < 128 else 0x80 | len(size)]) + size + content


def _sequence(*parts: bytes) -> bytes:
    return _tlv(0x30, *parts)


def _set(*parts: bytes) -> bytes:
    return _tlv(0x31, *sorted(parts))


def _integer(value: int) -> bytes:
    return _tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _octets(data: bytes) -> bytes:
    return _tlv(0x04, data)


def _oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    encoded = bytearray([first * 40 + second])
    for number in rest:
        groups = [number & 0x7F]
        while number := number >> 7:
            groups.append(0x80 | number & 0x7F)
        encoded += bytes(reversed(groups))
    return _tlv(0x06, bytes(encoded))


_TST_INFO = _oid("1.2.840.113549.1.9.16.1.4")
_SIGNED_DATA = _oid("1.2.840.113549.1.7.2")
_SHA256 = _sequence(_oid("2.16.840.1.101.3.4.2.1"))
_ECDSA_SHA256 = _sequence(_oid("1.2.840.10045.4.3.2"))


def made_at(at: datetime, request: bytes, held: Authority) -> bytes:
    """A TimeStampResp (RFC 3161, section 2.4.2) as if *held* had answered *request* at the time *at*."""
    asked = parse_timestamp_request(request)
    content = _sequence(
        _integer(1),
        _oid("1.2.3.4.1"),
        _sequence(_SHA256, _octets(asked.message_imprint.message)),
        _integer(7),
        _tlv(0x18, at.strftime("%Y%m%d%H%M%SZ").encode("ascii")),
        *([_integer(asked.nonce)] if asked.nonce is not None else []),
    )
    attributes = (
        _sequence(_oid("1.2.840.113549.1.9.3"), _set(_TST_INFO)),
        _sequence(_oid("1.2.840.113549.1.9.4"), _set(_octets(hashlib.sha256(content).digest()))),
        _sequence(  # signing-certificate-v2 (RFC 5035)
            _oid("1.2.840.113549.1.9.16.2.47"),
            _set(_sequence(_sequence(_sequence(_octets(hashlib.sha256(held.stamping.der).digest()))))),
        ),
    )
    signature = held.stamping.key.sign(_set(*attributes), ec.ECDSA(hashes.SHA256()))
    signer = _sequence(
        _integer(1),
        _sequence(held.stamping.certificate.issuer.public_bytes(), _integer(held.stamping.certificate.serial_number)),
        _SHA256,
        _tlv(0xA0, *sorted(attributes)),
        _ECDSA_SHA256,
        _octets(signature),
    )
    signed = _sequence(
        _integer(3),
        _set(_SHA256),
        _sequence(_TST_INFO, _tlv(0xA0, _octets(content))),
        _tlv(0xA0, *sorted(one.der for one in held.chain)),
        _set(signer),
    )
    return _sequence(_sequence(_integer(0)), _sequence(_SIGNED_DATA, _tlv(0xA0, signed)))
