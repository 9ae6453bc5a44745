"""The one cryptographic question, and which keys it may be asked of."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from archiver.verify.signature import KeyUnusableError, load_key, pem_pkcs1, pem_x509, signature_holds
from tests.vectors.bricks import KEY, OTHER_KEY
from tests.vectors.honest import ARTICLE_KEY, ARTICLE_SIGN_FILE

SIGNED = b"the hashes"
SIGNATURE = KEY.sign(SIGNED)


def pkcs1(modulus: int, exponent: int) -> bytes:
    """DER of an RSAPublicKey (RFC 8017, appendix A.1.1), whatever the numbers are worth."""

    def item(tag: int, content: bytes) -> bytes:
        size = len(content)
        length = bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2, "big")
        return bytes([tag]) + length + content

    numbers = [n.to_bytes(n.bit_length() // 8 + 1, "big") for n in (modulus, exponent)]
    return item(0x30, b"".join(item(0x02, number) for number in numbers))


MODULUS = KEY.private.public_key().public_numbers().n


def test_the_genuine_signature_of_the_article_holds():
    der = base64.b64decode(ARTICLE_KEY["Value"])
    signature = bytes.fromhex(ARTICLE_SIGN_FILE["hashSignature"])
    hash_list = ARTICLE_SIGN_FILE["files"][0]["fileHashValue"].encode()
    assert signature_holds(der, signature, hash_list)
    assert not signature_holds(der, signature, hash_list + b"\n")
    assert not signature_holds(der, signature, hash_list.upper())


def test_a_signature_holds_for_its_bytes_and_key_only():
    assert signature_holds(KEY.public.der, SIGNATURE, SIGNED)
    assert not signature_holds(KEY.public.der, SIGNATURE, SIGNED + b" ")
    assert not signature_holds(OTHER_KEY.public.der, SIGNATURE, SIGNED)
    for other in (b"", SIGNATURE[:-1], SIGNATURE + b"\0", b"\0" + SIGNATURE, bytes(256), b"\xff" * 256):
        assert not signature_holds(KEY.public.der, other, SIGNED)


def test_our_der_is_the_der_of_the_key():
    assert pkcs1(MODULUS, 65537) == KEY.public.der
    assert load_key(KEY.public.der).public_numbers().n == MODULUS


def unusable():
    yield "empty", b""
    yield "nonsense", b"\x30\x03\x02\x01\x01"
    yield "truncated", KEY.public.der[:-1]
    yield "trailing byte", KEY.public.der + b"\0"
    yield "too long", KEY.public.der + b"\0" * 5000
    public = KEY.private.public_key()
    yield "SubjectPublicKeyInfo", public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    yield "PEM", public.public_bytes(Encoding.PEM, PublicFormat.PKCS1)
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    yield "elliptic curve", curve.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    short = rsa.generate_private_key(65537, 1024).public_key()  # noqa: S505 - that is the point
    yield "1024 bits", short.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    yield "exponent 1", pkcs1(MODULUS, 1)  # everyone can sign for it
    yield "exponent even", pkcs1(MODULUS, 65536)
    yield "modulus of 2047 bits", pkcs1(MODULUS >> 1 | 1, 65537)
    yield "length not minimal", b"\x30\x83\x00" + KEY.public.der[2:]


@pytest.mark.parametrize("der", [pytest.param(der, id=name) for name, der in unusable()])
def test_what_is_no_such_key_cannot_be_used(der):
    with pytest.raises(KeyUnusableError):
        load_key(der)
    with pytest.raises(KeyUnusableError):
        signature_holds(der, SIGNATURE, SIGNED)
    with pytest.raises(KeyUnusableError):
        pem_pkcs1(der)


def test_a_signature_by_the_exponent_1_does_not_pass():
    """With e = 1 the padded hash is its own signature: whoever gets such a key in could sign anything."""
    der = pkcs1(MODULUS, 1)
    padded = pow(int.from_bytes(SIGNATURE, "big"), 65537, MODULUS).to_bytes(256, "big")
    with pytest.raises(KeyUnusableError):
        signature_holds(der, padded, SIGNED)


def test_pem_in_both_forms():
    assert pem_pkcs1(KEY.public.der).startswith(b"-----BEGIN RSA PUBLIC KEY-----\n")
    assert pem_x509(KEY.public.der).startswith(b"-----BEGIN PUBLIC KEY-----\n")
    body = b"".join(pem_pkcs1(KEY.public.der).splitlines()[1:-1])
    assert base64.b64decode(body) == KEY.public.der
