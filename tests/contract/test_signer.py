"""The port Signer over a file, a systemd credential and AWS KMS (real HTTP): one signature, and errors in words."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from archiver.adapters.aws.kms_signer import KmsSigner
from archiver.adapters.aws.session import AwsAccess, Credentials
from archiver.custody_key import FileSigner, create
from archiver.errors import SigningError
from archiver.log.note import ED25519, format_note, parse_key, parse_note, signature_line, signed_by
from archiver.log_ports import Signer
from tests.support.kms import ALIAS_ARN, KEY_ARN, KmsServer, refusal

ORIGIN = "example.com/custody"
TEXT = f"{ORIGIN}\n7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"


def kms_signer(kms: KmsServer, arn: str = KEY_ARN, **more: Any) -> KmsSigner:
    access = AwsAccess(
        region="eu-central-1",
        kms_endpoint_url=kms.url,
        **{"credentials": Credentials("key", "secret"), "attempts": 2, **more},
    )
    return KmsSigner(arn, ORIGIN, access)


@pytest.fixture(params=["file", "credential", "kms", "kms alias"])
def signer(request: pytest.FixtureRequest, tmp_path: Path, kms: KmsServer) -> Signer:
    create(tmp_path / "key")
    kinds: dict[str, Callable[[], Signer]] = {
        "file": lambda: FileSigner(str(tmp_path / "key"), ORIGIN, {}),
        "credential": lambda: FileSigner("credential:key", ORIGIN, {"CREDENTIALS_DIRECTORY": str(tmp_path)}),
        "kms": lambda: kms_signer(kms),
        "kms alias": lambda: kms_signer(kms, ALIAS_ARN),
    }
    return kinds[request.param]()


def test_a_note_is_signed_so_that_its_key_verifies_it(signer: Signer) -> None:
    key = parse_key(signer.key)
    assert (key.name, key.type) == (ORIGIN, ED25519)
    signature = signer.sign(TEXT.encode())
    assert len(signature) == 64
    assert signer.sign(TEXT.encode()) == signature, "Ed25519 is deterministic: a head that is made twice is one"
    note = parse_note(format_note(TEXT, [signature_line(key, signature)]).encode())
    assert signed_by(note, key) is True


def test_the_file_is_read_once(tmp_path: Path) -> None:
    public = create(tmp_path / "key")
    signer = FileSigner(str(tmp_path / "key"), ORIGIN, {})
    assert parse_key(signer.key).public == public
    (tmp_path / "key").unlink()
    Ed25519PublicKey.from_public_bytes(public).verify(signer.sign(b"x"), b"x")


@pytest.mark.parametrize(
    ("place", "contents", "told"),
    [
        ("{}/none", None, "cannot be read"),
        ("credential:key", None, "systemd passed no credentials"),
        ("{}/key", "-----BEGIN PRIVATE KEY-----\nc2VjcmV0c2VjcmV0\n-----END PRIVATE KEY-----\n", "not a private key"),
    ],
)
def test_a_file_that_is_no_key_is_said_in_words_without_its_contents(
    tmp_path: Path, place: str, contents: str | None, told: str
) -> None:
    if contents is not None:
        (tmp_path / "key").write_text(contents)
    signer = FileSigner(place.format(tmp_path), ORIGIN, {})
    with pytest.raises(SigningError, match=told) as caught:
        signer.sign(b"x")
    assert caught.value.remedy
    assert caught.value.exit_status == 3
    error: BaseException | None = caught.value
    while error is not None:
        assert "c2VjcmV0" not in str(error)
        error = error.__cause__
    with pytest.raises(SigningError):
        _ = signer.key


# ---------------------------------------------------------------------------------------------- KMS


def test_kms_is_asked_once_for_the_key_and_once_a_signature(kms: KmsServer) -> None:
    signer = kms_signer(kms)
    assert kms.asked == []
    assert parse_key(signer.key).public == kms.public
    signer.sign(b"one")
    signer.sign(b"two")
    assert kms.operations() == ["GetPublicKey", "Sign", "Sign"]
    _, request, headers = kms.asked[1]
    assert request == {
        "KeyId": KEY_ARN,
        "Message": base64.b64encode(b"one").decode(),
        "MessageType": "RAW",
        "SigningAlgorithm": "ED25519_SHA_512",
    }
    assert "/eu-central-1/kms/" in headers["authorization"]


def test_a_message_that_kms_would_not_take_is_not_sent(kms: KmsServer) -> None:
    signer = kms_signer(kms)
    assert len(signer.sign(bytes(4096))) == 64
    with pytest.raises(SigningError, match="4096"):
        signer.sign(bytes(4097))
    assert kms.operations() == ["GetPublicKey", "Sign"]


def test_a_signature_that_does_not_hold_is_not_used(kms: KmsServer) -> None:
    signer = kms_signer(kms)
    _ = signer.key
    kms.twist["Sign"] = lambda answer: answer | {"Signature": base64.b64encode(bytes(64)).decode()}
    with pytest.raises(SigningError, match="does not hold"):
        signer.sign(b"x")
    kms.twist["Sign"] = lambda answer: {name: answer[name] for name in answer if name != "Signature"}
    with pytest.raises(SigningError, match="makes no sense"):
        signer.sign(b"x")


def _p256(answer: dict[str, Any]) -> dict[str, Any]:
    der = generate_private_key(SECP256R1()).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return answer | {"PublicKey": base64.b64encode(der).decode()}


@pytest.mark.parametrize(
    ("twist", "told"),
    [
        (lambda a: a | {"KeySpec": "ECC_NIST_P256"}, "ECC_NIST_P256"),
        (lambda a: a | {"KeyUsage": "ENCRYPT_DECRYPT"}, "ENCRYPT_DECRYPT"),
        (lambda a: {name: a[name] for name in a if name != "KeySpec"}, "not ECC_NIST_EDWARDS25519"),
        (lambda a: a | {"PublicKey": "AAAA"}, "is no key"),
        (_p256, "no Ed25519 key"),
        (lambda a: {name: a[name] for name in a if name != "PublicKey"}, "makes no sense"),
    ],
)
def test_another_kind_of_key_is_refused(kms: KmsServer, twist: Any, told: str) -> None:
    kms.twist["GetPublicKey"] = twist
    with pytest.raises(SigningError, match=told) as caught:
        kms_signer(kms).sign(b"x")
    assert caught.value.remedy
    assert "Sign" not in kms.operations()


@pytest.mark.parametrize(
    ("status", "kind", "message", "told", "remedy"),
    [
        (
            400,
            "AccessDeniedException",
            "not authorized to perform: kms:Sign",
            "kms:Sign",
            "allow kms:Sign",
        ),
        (400, "DisabledException", "key is disabled", "DisabledException", "describe-key"),
        (400, "KMSInvalidStateException", "pending deletion", "pending deletion", "describe-key"),
        (400, "NotFoundException", "no such key", "NotFoundException", "describe-key"),
        (400, "UnrecognizedClientException", "token", "credentials", "get-caller-identity"),
        (400, "ExpiredTokenException", "token", "expired", "renew"),
    ],
)
def test_what_kms_refuses_is_said_with_what_to_do(
    kms: KmsServer, status: int, kind: str, message: str, told: str, remedy: str
) -> None:
    signer = kms_signer(kms)
    _ = signer.key
    kms.answers = [refusal(status, kind, message)]
    with pytest.raises(SigningError, match=told) as caught:
        signer.sign(b"x")
    assert remedy in caught.value.remedy
    assert KEY_ARN in str(caught.value)


def test_a_hiccup_is_got_over_and_the_next_try_counts(kms: KmsServer) -> None:
    signer = kms_signer(kms)
    _ = signer.key
    kms.answers = [refusal(500, "KMSInternalException")]
    assert len(signer.sign(b"x")) == 64


def test_nobody_there_is_an_error_of_the_network(kms: KmsServer) -> None:
    signer = KmsSigner(
        KEY_ARN,
        ORIGIN,
        AwsAccess(
            region="eu-central-1",
            kms_endpoint_url="http://127.0.0.1:9",
            credentials=Credentials("key", "secret"),
            attempts=1,
        ),
    )
    with pytest.raises(SigningError, match="public half") as caught:
        _ = signer.key
    assert "network" in caught.value.remedy
