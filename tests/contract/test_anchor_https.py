"""Anchors over TLS: who answers must be who is named, and slow ones are ended there too."""

from __future__ import annotations

import ipaddress
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from archiver.adapters.anchors import web
from archiver.errors import AnchorError
from tests.support.anchoring import now


def certificate(folder: Path) -> tuple[Path, Path]:
    """Of a server at 127.0.0.1, by itself: files of the certificate, and of it with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now() - timedelta(days=1))
        .not_valid_after(now() + timedelta(days=1))
        .add_extension(x509.BasicConstraints(True, 0), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(Encoding.PEM)
    (folder / "ca.pem").write_bytes(pem)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "both.pem").write_bytes(pem + private)
    return folder / "ca.pem", folder / "both.pem"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "60")
        if self.path == "/slow-head":  # a header that does not end
            self.drip(b"X-Long: " + b"x" * 60)
        self.end_headers()
        if self.path == "/slow-body":
            self.drip(b"x" * 60)
        else:
            self.wfile.write(b"y" * 60)

    def drip(self, data: bytes) -> None:
        with suppress(OSError):
            self.wfile.flush()
            for byte in data:
                self.wfile.write(bytes([byte]))
                time.sleep(0.05)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module", params=["https", "http"])
def server(request, tmp_path_factory) -> Iterator[tuple[str, Path]]:
    ca, both = certificate(tmp_path_factory.mktemp("tls"))
    serving = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving.daemon_threads = True
    serving.handle_error = lambda *_: None  # type: ignore[method-assign] - clients that hang up are meant
    if request.param == "https":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(both)
        serving.socket = context.wrap_socket(serving.socket, server_side=True)
    thread = threading.Thread(target=serving.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"{request.param}://127.0.0.1:{serving.server_address[1]}", ca
    serving.shutdown()
    thread.join()
    serving.server_close()


@pytest.fixture
def trusted(server, monkeypatch) -> str:
    """The server's address; its certificate is one of the system's, as far as OpenSSL can see."""
    url, ca = server
    monkeypatch.setenv("SSL_CERT_FILE", str(ca))
    return url


def test_who_is_trusted_answers(trusted):
    assert web.get(f"{trusted}/", 1000) == web.Answer(200, b"y" * 60)


@pytest.mark.parametrize("server", ["https"], indirect=True)
def test_who_is_not_trusted_is_refused(server):
    url, _ = server
    with pytest.raises(AnchorError, match="self-signed certificate"):
        web.get(f"{url}/", 1000)


@pytest.mark.parametrize("path", ["slow-head", "slow-body"])
def test_who_sends_a_byte_now_and_then_is_ended(trusted, monkeypatch, path):
    monkeypatch.setattr(web, "WHOLE_SECONDS", 0.4)
    with pytest.raises(AnchorError, match=r"did not answer within 0\.4 s"):
        web.get(f"{trusted}/{path}", 1000)


def test_more_than_is_wanted_is_not_read(trusted):
    with pytest.raises(AnchorError, match="more than 59 bytes"):
        web.get(f"{trusted}/", 59)
    assert web.get(f"{trusted}/", 60).body == b"y" * 60
