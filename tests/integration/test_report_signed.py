"""``report --sign`` as a process: a PKCS#12 file, a passphrase in a file, a time stamp by an authority over HTTP."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.filled import Place, fill
from tests.support.pdf_keys import Pki, pkcs12_of, pki, written
from tests.support.tsa import TsaServer, tsa, tsa_server

__all__ = ["pki", "tsa", "tsa_server"]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return fill(tmp_path)


def test_a_report_is_signed_and_stamped_by_the_command(
    place: Place, tmp_path: Path, pki: Pki, tsa: TsaServer
) -> None:
    from asn1crypto.x509 import Certificate
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.validation import validate_pdf_signature
    from pyhanko_certvalidator import ValidationContext

    tsa.held = pki.authority()
    key = written(tmp_path, "key.p12", pkcs12_of(pki.signer(), pki.root.certificate, b"correct horse"))
    passphrase = written(tmp_path, "pass", b"correct horse\n")
    roots = written(tmp_path, "roots.pem", pki.root.pem)
    out = tmp_path / "signed.pdf"
    signing = ("--sign", str(key), "--sign-passphrase-file", str(passphrase), "--sign-trust", str(roots))
    ran = place.run("report", place.item("good")["id"], "--out", str(out), *signing, "--tsa", tsa.url)
    assert "PAdES" not in ran.stderr, "nothing falls short of B-LT"
    reader = PdfFileReader(io.BytesIO(out.read_bytes()))
    trusted = ValidationContext(trust_roots=[Certificate.load(pki.root.der)], allow_fetching=False)
    status = validate_pdf_signature(reader.embedded_signatures[0], trusted, trusted)
    assert (status.bottom_line, status.timestamp_validity.valid, status.timestamp_validity.trusted) == (
        *(True, True, True),
    )
    assert abs(status.timestamp_validity.timestamp - datetime.now(UTC)) < timedelta(minutes=5)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "ftp://example.com"])
def test_without_its_time_stamp_no_report_is_left(place: Place, tmp_path: Path, pki: Pki, url: str) -> None:
    key = written(tmp_path, "key.p12", pkcs12_of(pki.signer(), pki.root.certificate, None))
    out = tmp_path / "signed.pdf"
    ran = place.run("report", "--all", "--out", str(out), "--sign", str(key), "--tsa", url, status=3)
    assert not out.exists()
    assert "Traceback" not in ran.stderr
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".signed")]
