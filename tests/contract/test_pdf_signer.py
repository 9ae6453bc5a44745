"""Signatures on PDF reports: keys as operators have them, levels, and that they stay PDF/A and hold for others."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from archiver.adapters.pdf_key import SigningKey, read_signing_key
from archiver.adapters.pdf_signer import SignedPdf, read_authorities, sign_pdf
from archiver.domain.summary import Summary
from archiver.errors import AnchorError, UsageError
from archiver.render.pdf_report import PdfReport
from archiver.render.words.languages import WORDS
from tests.support.dossiers import a_heading, full_item
from tests.support.pdf_keys import NAME, PASSPHRASE, Holder, Pki, pkcs12_of, written
from tests.support.pdfa import attachments, problems
from tests.support.tsa import Authority, TsaServer

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def report() -> bytes:
    out, summary, item = io.BytesIO(), Summary(), full_item()
    summary.add(item)
    with PdfReport(WORDS["ja"]) as made:
        made.add(item)
        made.write(a_heading(language="ja"), summary, out)
    return out.getvalue()


@pytest.fixture(scope="module")
def holder(pki: Pki) -> Holder:
    return pki.signer()


@pytest.fixture(scope="module")
def stamps(pki: Pki) -> Authority:
    return pki.authority()


@pytest.fixture
def key(pki: Pki, holder: Holder, tmp_path: Path) -> SigningKey:
    path = written(tmp_path, "key.p12", pkcs12_of(holder, pki.root.certificate, PASSPHRASE))
    return read_signing_key(path, PASSPHRASE, NOW)


@pytest.fixture(scope="module")
def signed(report: bytes, holder: Holder, tsa_server: TsaServer, stamps: Authority) -> SignedPdf:
    tsa_server.held, held = stamps, tsa_server.held
    try:
        return sign_pdf(report, SigningKey(holder.key, holder.certificate, ()), tsa_server.url)
    finally:
        tsa_server.held = held


def status_of(data: bytes, pki: Pki, *, inside: bool = False) -> Any:
    """pyhanko's verdict. *inside*: by the revocation data in the file alone; the root is given."""
    from asn1crypto.x509 import Certificate
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.validation import DocumentSecurityStore, validate_pdf_signature
    from pyhanko_certvalidator import ValidationContext

    reader = PdfFileReader(io.BytesIO(data))
    roots = {"trust_roots": [Certificate.load(pki.root.der)], "allow_fetching": False}
    if inside:
        store = DocumentSecurityStore.read_dss(reader)
        contexts = [store.as_validation_context({**roots, "revocation_mode": "require"}) for _ in range(2)]
    else:
        contexts = [ValidationContext(**roots) for _ in range(2)]
    return validate_pdf_signature(reader.embedded_signatures[0], *contexts)


class TestLevels:
    def test_without_an_authority_the_time_is_the_signers_word(
        self, report: bytes, key: SigningKey, pki: Pki
    ) -> None:
        made = sign_pdf(report, key)
        assert made.level == "B-B"
        assert "no time-stamping authority" in made.shortfall
        status = status_of(made.data, pki)
        assert (status.bottom_line, status.timestamp_validity) == (True, None)

    def test_with_a_time_stamp(
        self, report: bytes, key: SigningKey, pki: Pki, tsa: TsaServer, stamps: Authority
    ) -> None:
        tsa.held = stamps
        made = sign_pdf(report, key, tsa.url, reason="Exhibit A")
        assert (made.level, "roots" in made.shortfall) == ("B-T", True)
        status = status_of(made.data, pki)
        assert (status.bottom_line, status.timestamp_validity.valid, status.timestamp_validity.trusted) == (
            *(True, True, True),
        )
        assert abs(status.timestamp_validity.timestamp - datetime.now(UTC)) < timedelta(minutes=5)

    def test_with_what_proves_later_that_nothing_was_revoked(
        self, report: bytes, key: SigningKey, pki: Pki, tsa: TsaServer, stamps: Authority, tmp_path: Path
    ) -> None:
        tsa.held = stamps
        roots = read_authorities(written(tmp_path, "roots.pem", pki.root.pem))
        made = sign_pdf(report, key, tsa.url, authorities=roots)
        assert (made.level, made.shortfall) == ("B-LT", "")
        assert status_of(made.data, pki, inside=True).bottom_line
        assert problems(made.data) == []

    def test_a_revoked_key_does_not_get_there(
        self, report: bytes, key: SigningKey, pki: Pki, tsa: TsaServer, stamps: Authority
    ) -> None:
        tsa.held = stamps
        pki.revoked.append(key.certificate.serial_number)
        try:
            made = sign_pdf(report, key, tsa.url, authorities=[pki.root.certificate])
        finally:
            pki.revoked.clear()
        assert made.level == "B-T"
        assert "revoked" in made.shortfall

    def test_nor_does_an_authority_of_another_root(
        self, report: bytes, key: SigningKey, pki: Pki, tsa: TsaServer
    ) -> None:
        made = sign_pdf(report, key, tsa.url, authorities=[pki.root.certificate])
        assert made.level == "B-T"
        assert made.shortfall


class TestSigned:
    def test_the_report_stays_its_beginning_and_all_is_covered(
        self, signed: SignedPdf, report: bytes, pki: Pki
    ) -> None:
        from pyhanko.sign.validation import SignatureCoverageLevel

        assert signed.data.startswith(report)
        assert status_of(signed.data, pki).coverage is SignatureCoverageLevel.ENTIRE_FILE

    def test_it_stays_pdf_a_with_its_attachments(self, signed: SignedPdf, report: bytes) -> None:
        assert problems(signed.data) == []
        assert attachments(signed.data) == attachments(report)

    def test_a_changed_byte_is_found(self, signed: SignedPdf, report: bytes, pki: Pki) -> None:
        data = bytearray(signed.data)
        data[len(report) // 2] ^= 1
        status = status_of(bytes(data), pki)
        assert not status.intact
        assert not status.bottom_line

    @pytest.mark.skipif(shutil.which("pdfsig") is None, reason="pdfsig (poppler-utils) is not installed")
    def test_poppler_finds_it_valid(self, signed: SignedPdf, tmp_path: Path) -> None:
        path = written(tmp_path, "signed.pdf", signed.data)
        done = subprocess.run(["pdfsig", "-nocert", str(path)], check=False, capture_output=True, text=True)
        assert "Signature is Valid" in done.stdout
        assert "Total document signed" in done.stdout


class TestAuthority:
    @pytest.mark.parametrize(
        "mangle",
        [
            lambda _: b"<html>",
            lambda _: b"",
            lambda answer: answer[:-8] + bytes(8),
            lambda _: bytes.fromhex("3003020102"),
        ],
        ids=["no_answer_of_the_kind", "empty", "signature_changed", "refused"],
    )
    def test_what_is_no_time_stamp_ends_it(
        self, report: bytes, key: SigningKey, tsa: TsaServer, stamps: Authority, mangle: Callable[[bytes], bytes]
    ) -> None:
        tsa.held, tsa.mangle = stamps, mangle
        with pytest.raises(AnchorError, match="time-stamping authority"):
            sign_pdf(report, key, tsa.url)

    def test_an_answer_to_another_question_ends_it(
        self, report: bytes, key: SigningKey, tsa: TsaServer, stamps: Authority
    ) -> None:
        tsa.held, answers = stamps, []

        def first(answer: bytes) -> bytes:
            answers.append(answer)
            return answers[0]

        tsa.mangle = first
        with pytest.raises(AnchorError):
            sign_pdf(report, key, tsa.url)

    def test_nobody_there(self, report: bytes, key: SigningKey) -> None:
        with pytest.raises(AnchorError, match="cannot be asked"):
            sign_pdf(report, key, "http://127.0.0.1:9/tsa")


class TestKeys:
    def test_pkcs12_names_its_holder(self, key: SigningKey, holder: Holder, pki: Pki) -> None:
        assert key.name == NAME
        assert key.certificate == holder.certificate
        assert key.chain == (pki.root.certificate,)

    @pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
    def test_pem_in_one_file_or_two(self, holder: Holder, pki: Pki, tmp_path: Path, passphrase: bytes | None) -> None:
        secret = holder.key_pem(passphrase)
        together = written(tmp_path, "all.pem", pki.root.pem, holder.pem, secret)
        apart = written(tmp_path, "key.pem", secret)
        certificates = written(tmp_path, "certs.pem", holder.pem, pki.root.pem)
        one = read_signing_key(together, passphrase, NOW)
        other = read_signing_key(apart, passphrase, NOW, certificates)
        assert one.certificate == other.certificate == holder.certificate
        assert one.chain == other.chain == (pki.root.certificate,)

    def test_rsa_signs_too(self, report: bytes, pki: Pki, tmp_path: Path) -> None:
        secret = rsa.generate_private_key(65537, 2048)
        signer = Holder(pki.issue("RSA", secret), secret)
        made = sign_pdf(report, read_signing_key(written(tmp_path, "k.pem", signer.pem, signer.key_pem()), None, NOW))
        assert status_of(made.data, pki).bottom_line

    @pytest.mark.parametrize(
        ("passphrase", "words"), [(None, "no passphrase was given"), (b"wrong", "passphrase is wrong")]
    )
    def test_a_wrong_passphrase(
        self, holder: Holder, pki: Pki, tmp_path: Path, passphrase: bytes | None, words: str
    ) -> None:
        for name, data in (
            ("key.p12", pkcs12_of(holder, pki.root.certificate, PASSPHRASE)),
            ("key.pem", holder.pem + holder.key_pem(PASSPHRASE)),
        ):
            with pytest.raises(UsageError, match=words) as raised:
                read_signing_key(written(tmp_path, name, data), passphrase, NOW)
            assert PASSPHRASE.decode() not in str(raised.value)

    def test_a_passphrase_that_nothing_needs(self, holder: Holder, tmp_path: Path) -> None:
        path = written(tmp_path, "key.pem", holder.pem, holder.key_pem())
        with pytest.raises(UsageError, match="is not encrypted"):
            read_signing_key(path, PASSPHRASE, NOW)

    def test_a_certificate_of_another_key(self, holder: Holder, pki: Pki, tmp_path: Path) -> None:
        path = written(tmp_path, "key.pem", pki.root.pem, holder.key_pem())
        with pytest.raises(UsageError, match="no certificate of the key"):
            read_signing_key(path, None, NOW)

    def test_a_certificate_that_is_over(self, pki: Pki, tmp_path: Path) -> None:
        secret = ec.generate_private_key(ec.SECP256R1())
        over = Holder(pki.issue("Late", secret, end=NOW - timedelta(days=1)), secret)
        with pytest.raises(UsageError, match="not now"):
            read_signing_key(written(tmp_path, "k.pem", over.pem, over.key_pem()), None, NOW)

    def test_a_certificate_that_is_not_for_signatures(self, pki: Pki, tmp_path: Path) -> None:
        root = Holder(pki.root.certificate, pki.root.key)
        with pytest.raises(UsageError, match="not for signatures"):
            read_signing_key(written(tmp_path, "k.pem", root.pem, root.key_pem()), None, NOW)

    def test_a_key_of_a_kind_that_readers_do_not_know(self, holder: Holder, tmp_path: Path) -> None:
        secret = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        with pytest.raises(UsageError, match="RSA or an elliptic-curve key"):
            read_signing_key(written(tmp_path, "k.pem", holder.pem, secret), None, NOW)

    @pytest.mark.parametrize("data", [b"", b"\x00" * 100, b"-----BEGIN CERTIFICATE-----\n", b"x" * 1024**2 + b"x"])
    def test_what_is_no_key(self, tmp_path: Path, data: bytes) -> None:
        with pytest.raises(UsageError, match="key"):
            read_signing_key(written(tmp_path, "k", data), None, NOW)

    def test_what_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="cannot be read"):
            read_signing_key(tmp_path / "none", None, NOW)
        with pytest.raises(UsageError, match="cannot be read"):
            read_authorities(tmp_path / "none")
