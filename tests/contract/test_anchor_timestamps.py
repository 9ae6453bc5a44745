"""Time stamps: which are believed, for how long, and what an authority that errs or lies gets."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archiver.adapters.anchors.timestamp import TimestampAuthority
from archiver.checkup_anchors import anchor_checks
from archiver.errors import AnchorError, UsageError
from archiver.settings import parse_settings
from tests.support.anchoring import now, prover, some_log
from tests.support.hostile_http import Answer
from tests.support.tsa import TsaServer, authority, by_openssl, made_at

LOG = some_log(20)
NOTE = LOG.checkpoint(20)
YEAR_2016 = datetime(2016, 6, 1, 12, tzinfo=UTC)


def asked(tsa: TsaServer, **more: object) -> TimestampAuthority:
    return TimestampAuthority("authority", str(more.get("url", tsa.url)), tsa.ca_file, now)


def stamped(tsa: TsaServer, note: str = NOTE):
    return asked(tsa).anchor(20, note, prover(LOG))


def refused(tsa: TsaServer, url: str | None = None) -> str:
    with pytest.raises(AnchorError) as caught:
        asked(tsa, url=url or tsa.url).anchor(20, NOTE, prover(LOG))
    return str(caught.value)


# ---------------------------------------------------------------------------------------- what is believed


def test_openssl_believes_the_published_proof_too(tsa, tmp_path):
    _, proof = stamped(tsa)
    (tmp_path / "note").write_text(NOTE)
    (tmp_path / "proof").write_bytes(proof)
    command = ["openssl", "ts", "-verify", "-data", "note", "-in", "proof", "-CAfile", str(tsa.ca_file)]
    ran = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert "Verification: OK" in ran.stdout


@pytest.mark.parametrize("sends_root", [False, True])
def test_certificates_between_authority_and_root_are_taken_from_the_answer(tsa, sends_root):
    tsa.held, tsa.sends_root = authority(between=True), sends_root
    entry, proof = stamped(tsa)
    assert entry.valid_until == tsa.held.stamping.certificate.not_valid_after_utc
    assert asked(tsa).read(20, NOTE, proof).proved_at == entry.proved_at


def test_certificates_in_an_order_that_der_does_not_have_are_left_to_openssl(tsa, monkeypatch, tmp_path):
    tsa.sends_root = True
    entry, proof = stamped(tsa)
    assert abs(entry.proved_at - now()) < timedelta(minutes=1)
    assert entry.valid_until == tsa.held.stamping.certificate.not_valid_after_utc
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AnchorError) as caught:
        asked(tsa).read(20, NOTE, proof)
    assert "InvalidSetOrdering" in str(caught.value)
    assert "install openssl" in caught.value.remedy


def test_a_stamp_granted_with_changes_is_left_to_openssl(tsa):
    tsa.mangle = lambda answer: answer.replace(bytes.fromhex("3003020100"), bytes.fromhex("3003020101"), 1)
    entry, proof = stamped(tsa)
    assert bytes.fromhex("3003020101") in proof[:12]
    assert entry.valid_until == tsa.held.stamping.certificate.not_valid_after_utc


def test_a_stamp_proves_although_its_certificate_ended_years_ago(tsa):
    tsa.held = authority(YEAR_2016 - timedelta(days=300), YEAR_2016 + timedelta(days=10))
    tsa.at = YEAR_2016
    entry, proof = stamped(tsa)
    assert entry.proved_at == YEAR_2016
    assert entry.valid_until == YEAR_2016 + timedelta(days=10)
    assert asked(tsa).read(20, NOTE, proof).proved_at == YEAR_2016


@pytest.mark.parametrize("off", [timedelta(days=-301), timedelta(days=11)], ids=["before", "after"])
@pytest.mark.parametrize("sends_root", [False, True], ids=["strict", "openssl"])
def test_a_stamp_outside_of_its_certificates_time_is_refused(tsa, off, sends_root):
    if sends_root:  # openssl stamps now, whatever the certificate says
        tsa.held = authority(now() - off - timedelta(days=300), now() - off + timedelta(days=10))
        tsa.sends_root = True
    else:
        tsa.held = authority(YEAR_2016 - timedelta(days=300), YEAR_2016 + timedelta(days=10))
        tsa.at = YEAR_2016 + off
    assert ("not yet valid" if off < timedelta(0) else "has expired") in refused(tsa)


# ------------------------------------------------------------------------------------------ what is refused


@pytest.fixture(params=["strict", "openssl"])
def reader(request, tsa):
    """The server, with answers that rfc3161-client reads, and with such that it leaves to openssl."""
    tsa.sends_root = request.param == "openssl"
    return tsa


def test_an_answer_to_another_digest(reader, tmp_path):
    other = asked(reader)
    _, other_proof = other.anchor(20, LOG.checkpoint(19), prover(LOG))
    with pytest.raises(AnchorError):
        asked(reader).read(20, NOTE, other_proof)


def test_an_answer_to_an_earlier_request(reader):
    """The same digest, so only the nonce tells."""
    _, earlier = stamped(reader)
    reader.mangle = lambda _: earlier
    assert "nonce" in refused(reader)


def test_an_answer_without_nonce(tsa, tmp_path):
    query = tmp_path / "query"
    digest = hashlib.sha256(NOTE.encode()).hexdigest()
    command = ["openssl", "ts", "-query", "-digest", digest, "-sha256", "-no_nonce", "-cert", "-out", str(query)]
    subprocess.run(command, check=True, capture_output=True)
    for answer in (
        by_openssl(query.read_bytes(), tsa.held, tmp_path / "made", sends_root=False),
        by_openssl(query.read_bytes(), tsa.held, tmp_path / "made", sends_root=True),
    ):
        tsa.mangle = lambda _, answer=answer: answer
        assert "nonce" in refused(tsa)


def test_a_stamp_that_leads_to_another_root(reader):
    ours = reader.ca_file.read_bytes()
    reader.held = authority()
    trusted = reader.ca_file
    trusted.write_bytes(ours)
    anchorer = TimestampAuthority("authority", reader.url, trusted, now)
    with pytest.raises(AnchorError, match=r"issuer certificate|self-signed"):
        anchorer.anchor(20, NOTE, prover(LOG))


def test_a_certificate_that_is_not_for_time_stamps(tsa):
    tsa.held = authority(usage="mail")
    tsa.at = now()
    assert "unsuitable certificate purpose" in refused(tsa)


def test_an_authority_that_says_no(tsa, tmp_path):
    """openssl answers so to what it does not take: here a request over SHA-512."""
    query = tmp_path / "query"
    command = ["openssl", "ts", "-query", "-data", __file__, "-sha512", "-out", str(query)]
    subprocess.run(command, check=True, capture_output=True)
    tsa.mangle = lambda _: by_openssl(query.read_bytes(), tsa.held, tmp_path / "made", sends_root=False)
    said = refused(tsa)
    assert "status 2" in said
    assert "not supported" in said


def test_half_an_answer(reader):
    chance = random.Random(3)
    for _ in range(8):
        reader.mangle = lambda answer: answer[: chance.randrange(len(answer))]
        refused(reader)


@pytest.mark.parametrize("garbage", [b"", b"\x30\x80", b"<html>busy</html>", b"\xff" * 5000])
def test_garbage(tsa, garbage):
    tsa.mangle = lambda _: garbage
    refused(tsa)


def test_any_bit_of_what_is_signed_flipped(tsa):
    """Most of the bytes of an answer; those outside of the signature change nothing of what is proved."""
    entry, proof = stamped(tsa)
    chance = random.Random(11)
    believed = 0
    for _ in range(60):
        flipped = bytearray(proof)
        flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
        try:
            told = asked(tsa).read(20, NOTE, bytes(flipped))
        except AnchorError:
            continue
        believed += 1
        assert (told.proved_at, told.valid_until) == (entry.proved_at, entry.valid_until)
    assert believed < 10


# ------------------------------------------------------------------------------------------ over the network


@pytest.mark.parametrize("status", [400, 403, 404, 500, 503])
def test_http_errors_are_told_with_what_was_said(tsa, hostile, status):
    hostile.will(Answer(status, b"go\x1b[2J away\n"))
    said = refused(tsa, hostile.url)
    assert f"HTTP {status}: go\\x1b[2J away" in said
    assert len(hostile.requests) == 1


@pytest.mark.parametrize("where", ["https://elsewhere.example/", "file:///etc/passwd", "/tsa"])
def test_a_redirect_is_not_followed(tsa, hostile, where):
    hostile.will(Answer(302, headers={"Location": where}), Answer(200, b"x"))
    assert f"sends on to {where}" in refused(tsa, hostile.url)
    assert len(hostile.requests) == 1


def test_a_huge_answer_is_not_read_to_its_end(tsa, hostile):
    hostile.will(Answer(200, b"0" * 2_000_000))
    assert "more than 262144 bytes" in refused(tsa, hostile.url)


def test_an_answer_that_ends_early(tsa, hostile):
    hostile.will(Answer(200, b"half", stated_length=8))
    assert "cannot be asked" in refused(tsa, hostile.url)
    hostile.will(Answer(200, b"half", reset=True, stated_length=8))
    assert "cannot be asked" in refused(tsa, hostile.url)


def test_an_answer_in_drops_is_not_waited_for(tsa, hostile, monkeypatch):
    monkeypatch.setattr("archiver.adapters.anchors.web.WHOLE_SECONDS", 0.3)
    hostile.will(Answer(200, b"x" * 100, pause=0.1))
    assert "did not answer within" in refused(tsa, hostile.url)


def test_a_proxy_of_the_environment_is_used_for_others_only(tsa, hostile, monkeypatch):
    monkeypatch.setenv("http_proxy", hostile.url)
    monkeypatch.delenv("no_proxy", raising=False)
    hostile.will(Answer(418, b"by way of the proxy"))
    assert "by way of the proxy" in refused(tsa, "http://authority.example/tsa")
    assert hostile.requests[0].path == "http://authority.example/tsa"
    stamped(tsa)  # on this machine, and so without it
    assert len(hostile.requests) == 1
    monkeypatch.setenv("http_proxy", hostile.url.replace("//", "//user:ge%40heim@"))
    hostile.will(Answer(407, b"who are you"))
    assert "heim" not in refused(tsa, "http://authority.example/tsa")
    assert hostile.requests[1].headers["proxy-authorization"] == f"Basic {b64encode(b'user:ge@heim').decode()}"


# ----------------------------------------------------------------------------------------- the certificates


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_ca_file_that_cannot_be_used_is_named(tsa, tmp_path, content):
    file = tmp_path / "authority-ca.pem"
    if content is not None:
        file.write_bytes(content)
    anchorer = TimestampAuthority("authority", tsa.url, file, now)
    with pytest.raises(AnchorError, match=r"authority-ca\.pem"):
        anchorer.anchor(20, NOTE, prover(LOG))


def test_one_file_may_hold_the_roots_of_old_and_new_certificates(tsa):
    _, old = stamped(tsa)
    both = tsa.held.root.pem
    tsa.held = authority()
    both += tsa.held.root.pem
    file = tsa.ca_file
    file.write_bytes(both)
    anchorer = TimestampAuthority("authority", tsa.url, file, now)
    _, new = anchorer.anchor(20, NOTE, prover(LOG))
    for proof in (old, new):
        assert anchorer.read(20, NOTE, proof)


def test_one_that_is_asked_no_more_still_reads_its_proofs(tsa):
    entry, proof = stamped(tsa)
    retired = TimestampAuthority("authority", None, tsa.ca_file, now)
    assert retired.retired
    assert retired.read(20, NOTE, proof).proved_at == entry.proved_at
    with pytest.raises(AnchorError, match="asked no more"):
        retired.anchor(20, NOTE, prover(LOG))


def test_answers_made_here_are_what_openssl_takes_for_answers(tsa, tmp_path):
    """The tests' own answers at other times are not just what our reader likes."""
    held = authority(YEAR_2016 - timedelta(days=300), YEAR_2016 + timedelta(days=10), between=True)
    stamped(tsa)
    (tmp_path / "query").write_bytes(tsa.asked[-1])
    (tmp_path / "proof").write_bytes(made_at(YEAR_2016, tsa.asked[-1], held))
    (tmp_path / "ca.pem").write_bytes(held.root.pem)
    command = ["openssl", "ts", "-verify", "-queryfile", "query", "-in", "proof", "-CAfile", "ca.pem"]
    command += ["-attime", str(int(YEAR_2016.timestamp()))]
    ran = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert "Verification: OK" in ran.stdout, ran.stderr


def test_without_the_package_the_configuration_is_wrong(tsa, monkeypatch):
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    with pytest.raises(UsageError, match="needs rfc3161-client, which is not installed"):
        asked(tsa)
    configured = f"[[anchors.timestamps]]\nname = 'a'\nurl = '{tsa.url}'\nca_file = '{tsa.ca_file}'"
    found = list(anchor_checks(parse_settings(configured, Path("x"), {}), now))
    assert [(one.id, one.status) for one in found] == [("sign", "fail"), ("timestamp", "fail")]
    assert "requirements" in found[0].remedy
