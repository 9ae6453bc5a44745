"""Signed notes, verifier keys and cosignatures: the published examples, and what is refused."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from archiver.log.checkpoint import Checkpoint, checkpoint_text
from archiver.log.note import (
    COSIGNATURE_ED25519,
    COSIGNATURE_ML_DSA_44,
    NOTE_BYTES,
    SIGNATURES,
    Note,
    NoteSignature,
    VerifierKey,
    cosigned_at,
    cosigned_message,
    ed25519_key,
    format_note,
    parse_key,
    parse_note,
    signature_line,
    signed_by,
)

# c2sp.org/signed-note, "Example"
EXAMPLE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE = """This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
"""

# the documentation of golang.org/x/mod/sumdb/note
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_EXAMPLE = """If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
"""

# c2sp.org/signed-note, the first note there: its text has an empty line; its key is not published
POEM = """Ognuno sta solo sul cuor della terra
trafitto da un raggio di sole:

ed è subito sera.

— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=
"""  # noqa: E501

# c2sp.org/tlog-cosignature, the first example; neither key is published
COSIGNED = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
"""  # noqa: E501

HEAD = checkpoint_text(Checkpoint("example.com/log", 7, bytes(32)))
AT = datetime(2026, 11, 4, 12, tzinfo=UTC)


@pytest.mark.parametrize(("key", "text"), [(EXAMPLE_KEY, EXAMPLE), (GO_KEY, GO_EXAMPLE)])
def test_published_notes_hold_and_no_other_text_does(key, text):
    note = parse_note(text.encode())
    assert signed_by(note, parse_key(key)) is True
    assert format_note(note.text, note.signatures) == text
    assert str(parse_key(key)) == key
    assert signed_by(Note(note.text + "more\n", note.signatures), parse_key(key)) is False


@pytest.mark.parametrize("text", [EXAMPLE, GO_EXAMPLE, POEM, COSIGNED])
def test_published_notes_are_written_as_they_were_read(text):
    note = parse_note(text.encode())
    assert format_note(note.text, note.signatures) == text
    assert note.text == text[: text.rindex("\n\n") + 1]


def test_a_signature_of_another_key_is_none_of_ours():
    note = parse_note(EXAMPLE.encode())
    assert signed_by(note, parse_key(GO_KEY)) is None
    same_name = ed25519_key("example.com/foo", bytes(32))
    assert signed_by(note, same_name) is None


def test_one_wrong_signature_of_a_known_key_spoils_the_note():
    note = parse_note(EXAMPLE.encode())
    (good,) = note.signatures
    bad = NoteSignature(good.name, good.id, bytes(64))
    for order in ((good, bad), (bad, good)):
        assert signed_by(Note(note.text, order), parse_key(EXAMPLE_KEY)) is False
    assert signed_by(Note(note.text, (good, good)), parse_key(EXAMPLE_KEY)) is True


def test_signatures_of_strange_length_are_wrong_and_no_error():
    note = parse_note(EXAMPLE.encode())
    (good,) = note.signatures
    for signature in (b"x", good.signature[:-1], good.signature + b"x"):
        strange = NoteSignature(good.name, good.id, signature)
        assert signed_by(Note(note.text, (strange,)), parse_key(EXAMPLE_KEY)) is False


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "text\n",
        "text\n\n",
        "text\n\n— a AAAAAAA=",
        "text\n— a AAAAAAA=\n",
        "text\n\n- a AAAAAAA=\n",
        "text\n\n—  AAAAAAA=\n",
        "text\n\n— a  AAAAAAA=\n",
        "text\n\n— a AAAAAAA= \n",
        "text\n\n— a+b AAAAAAA=\n",
        "text\n\n— a\u00a0b AAAAAAA=\n",
        "text\n\n— a\u2028b AAAAAAA=\n",
        "text\n\n— a\u0085b AAAAAAA=\n",
        "text\n\n— a\x7fb AAAAAAA=\n",
        "text\n\n— a AAAAAA==\n",
        "text\n\n— a AAAAAAB=\n",
        "text\n\n— a AAAAAAA\n",
        "text\n\n— a AAAA_AA=\n",
        "text\n\n— a\n",
        "te\txt\n\n— a AAAAAAA=\n",
        "text\r\n\n— a AAAAAAA=\n",
        "text\x00\n\n— a AAAAAAA=\n",
        "text\n\n— a AAAAAAA=\n\n",
        "text\n\n— a AAAAAAA=\nmore\n",
    ],
)
def test_malformed_notes_are_refused(text):
    with pytest.raises(ValueError, match=r"note|signature|base64|name|control"):
        parse_note(text.encode())


def test_notes_that_are_not_utf8_or_too_long_are_refused():
    assert parse_note("text\n\n— a AAAAAAA=\n".encode()).text == "text\n"
    with pytest.raises(ValueError, match="UTF-8"):
        parse_note("text\n\n— a AAAAAAA=\n".encode().replace(b"ex", b"e\xff"))
    with pytest.raises(ValueError, match="too long"):
        parse_note(b"x" * NOTE_BYTES + "\n\n— a AAAAAAA=\n".encode())


def test_there_is_a_most_of_signatures():
    lines = "— a AAAAAAA=\n"
    assert len(parse_note(f"text\n\n{lines * SIGNATURES}".encode()).signatures) == SIGNATURES
    with pytest.raises(ValueError, match="more than 64"):
        parse_note(f"text\n\n{lines * (SIGNATURES + 1)}".encode())


@pytest.mark.parametrize("text", ["", "no newline", "a tab\t\n", "text\n\n— a AAAAAAA=\n\ud800\n"])
def test_what_cannot_be_a_note_is_not_written(text):
    with pytest.raises(ValueError, match=r"text|without signatures"):
        format_note(text, [NoteSignature("a", bytes(4), b"x")])


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u3000b", "a\x00", "a\x9b", "\ud800"])
def test_names_that_no_key_may_have(name):
    with pytest.raises(ValueError, match="name"):
        ed25519_key(name, bytes(32))
    with pytest.raises(ValueError, match=r"name|signature|signed text|note"):
        format_note("text\n", [NoteSignature(name, bytes(4), b"x")])


def test_a_note_is_not_written_without_signatures():
    with pytest.raises(ValueError, match="without signatures"):
        format_note("text\n", [])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not a verifier key"),
        ("a+b", "not a verifier key"),
        (EXAMPLE_KEY + "\n", "not a verifier key"),
        (EXAMPLE_KEY.replace("530d903a", "530D903A"), "not a verifier key"),
        (EXAMPLE_KEY.replace("530d903a", "530d903b"), "is 530d903a"),
        (EXAMPLE_KEY.replace("foo", "bar"), "the ID"),
        (EXAMPLE_KEY[:-4], "bytes"),
        (EXAMPLE_KEY[:-1], "base64"),
        ("a+00000000+", "without key"),
        ("a+00000000+Ag==", "type 2"),
        ("a" * 4096 + EXAMPLE_KEY, "not a verifier key"),
        (" " + EXAMPLE_KEY, "name"),
    ],
)
def test_malformed_keys_are_refused(text, why):
    with pytest.raises(ValueError, match=why):
        parse_key(text)


def witness(
    type_: int = COSIGNATURE_ED25519, name: str = "witness.example/w1"
) -> tuple[VerifierKey, Ed25519PrivateKey]:
    """A witness's key, both halves, the public one by way of its text."""
    import base64
    import hashlib

    if type_ == COSIGNATURE_ED25519:
        private = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
    else:
        mldsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.mldsa")
        try:
            private = mldsa.MLDSA44PrivateKey.from_seed_bytes(b"w" * 32)
        except UnsupportedAlgorithm as error:
            pytest.skip(f"no ML-DSA-44 here: {error}")
    public = bytes([type_]) + private.public_key().public_bytes_raw()
    identity = hashlib.sha256(name.encode() + b"\n" + public).hexdigest()[:8]
    return parse_key(f"{name}+{identity}+{base64.b64encode(public).decode()}"), private


def cosign(key: VerifierKey, private: Ed25519PrivateKey, time: int, text: str = HEAD) -> NoteSignature:
    return signature_line(key, time.to_bytes(8, "big") + private.sign(cosigned_message(key, time, text)))


@pytest.mark.parametrize("type_", [COSIGNATURE_ED25519, COSIGNATURE_ML_DSA_44])
def test_a_cosignature_tells_its_time_and_holds_for_its_checkpoint_alone(type_):
    key, private = witness(type_)
    line = cosign(key, private, int(AT.timestamp()))
    note = parse_note(format_note(HEAD, [line]).encode())
    assert cosigned_at(note, key) == AT
    assert parse_key(str(key)) == key
    other = checkpoint_text(Checkpoint("example.com/log", 8, bytes(32)))
    with pytest.raises(ValueError, match="does not hold"):
        cosigned_at(Note(other, (line,)), key)
    later = signature_line(key, bytes([*line.signature[:7], line.signature[7] ^ 1]) + line.signature[8:])
    with pytest.raises(ValueError, match="does not hold"):
        cosigned_at(Note(HEAD, (later,)), key)
    stranger, _ = witness(type_, "witness.example/w2")
    assert cosigned_at(note, stranger) is None


def test_what_an_ed25519_witness_signs_is_as_the_specification_prints_it():
    key, _ = witness()
    text = COSIGNED[: COSIGNED.index("\n\n") + 1]
    assert cosigned_message(key, 1679315147, text).decode() == (
        "cosignature/v1\n"
        "time 1679315147\n"
        "example.com/behind-the-sofa\n"
        "20852163\n"
        "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    )


def test_what_an_ml_dsa_witness_signs_is_laid_out_as_the_specification_says():
    key = VerifierKey("w.example", bytes(4), COSIGNATURE_ML_DSA_44, bytes(1312))
    text = COSIGNED[: COSIGNED.index("\n\n") + 1]
    root = bytes.fromhex("0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62")
    assert cosigned_message(key, 1679315147, text) == (
        b"subtree/v1\n\x00"
        + (b"\x09" + b"w.example")
        + bytes.fromhex("00000000 641850cb")
        + (b"\x1b" + b"example.com/behind-the-sofa")
        + bytes(8)
        + bytes.fromhex("00000000 013e2dc3")
        + root
    )
    with pytest.raises(ValueError, match="too long to be cosigned"):
        cosigned_message(key, 1, "o" * 256 + HEAD)


def test_the_earliest_of_several_times_counts_and_all_must_hold():
    key, private = witness()
    lines = (cosign(key, private, 2_000_000_000), cosign(key, private, 1_000_000_000))
    assert cosigned_at(Note(HEAD, lines), key) == datetime.fromtimestamp(1_000_000_000, UTC)
    with pytest.raises(ValueError, match="does not hold"):
        cosigned_at(Note(HEAD, (*lines, signature_line(key, bytes(7) + b"\x01" + bytes(64)))), key)


@pytest.mark.parametrize(
    ("time", "why"), [(0, "without a time"), (2**63, "without a time"), (2**63 - 1, "."), (10**12, ".")]
)
def test_times_that_are_none_are_refused(time, why):
    key, private = witness()
    with pytest.raises(ValueError, match=why):
        cosigned_at(Note(HEAD, (cosign(key, private, time),)), key)


def test_a_cosignature_that_is_too_short_or_of_no_checkpoint_is_refused():
    key, _ = witness()
    with pytest.raises(ValueError, match="without a time"):
        cosigned_at(Note(HEAD, (signature_line(key, b"\x00" * 7 + b"\x01"),)), key)
    line = signature_line(key, bytes(7) + b"\x01" + bytes(64))
    with pytest.raises(ValueError, match="three lines"):
        cosigned_at(Note("no checkpoint\n", (line,)), key)


def test_keys_of_logs_and_of_witnesses_are_not_taken_for_each_other():
    key, _ = witness()
    note = parse_note(EXAMPLE.encode())
    with pytest.raises(ValueError, match="a witness's key"):
        signed_by(note, key)
    with pytest.raises(ValueError, match="a log's key"):
        cosigned_at(note, parse_key(EXAMPLE_KEY))


def test_ml_dsa_keys_are_unknown_where_cryptography_has_none(monkeypatch):
    key, _ = witness(COSIGNATURE_ML_DSA_44)
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric.mldsa", None)
    with pytest.raises(ValueError, match="not known to the installed cryptography"):
        parse_key(str(key))
