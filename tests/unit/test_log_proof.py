"""Proofs in one file: their text, what is refused, and that no changed bit of one goes unnoticed."""

from __future__ import annotations

import pytest

from archiver.log.checkpoint import read_checkpoint
from archiver.log.note import signed_by
from archiver.log.proof import HASHES, InclusionProof, format_proof, parse_proof
from archiver.log.tree import leaf_hash, root_from_inclusion
from tests.support.made_log import MadeLog, make_log

HASH = "gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ="


@pytest.fixture(scope="module")
def log() -> MadeLog:
    return make_log(b"event %d" % number for number in range(11))


def holds(log: MadeLog, data: bytes, leaf: bytes) -> bool:
    """True if *data* proves to whoever trusts the log's key that *leaf* is in the log."""
    try:
        proof = parse_proof(data)
        checkpoint, note = read_checkpoint(proof.checkpoint.encode())
        root = root_from_inclusion(leaf_hash(leaf), proof.index, checkpoint.size, proof.hashes)
    except ValueError:
        return False
    return signed_by(note, log.key) is True and checkpoint.origin == log.origin and root == checkpoint.root


def test_a_proof_is_written_as_the_specification_shows(log):
    text = log.proof(4, 11, extra=b"more")
    first, extra, index, *hashes = text[: text.index("\n\n")].split("\n")
    assert (first, extra, index) == ("c2sp.org/tlog-proof@v1", "extra bW9yZQ==", "index 4")
    assert len(hashes) == 4
    assert text.endswith("\n\n" + log.checkpoint(11))
    proof = parse_proof(text.encode())
    assert proof.extra == b"more"
    assert format_proof(proof) == text


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 11])
def test_every_leaf_is_proved_and_no_other(log, size):
    for seq in range(size):
        text = log.proof(seq, size).encode()
        assert holds(log, text, log.leaves[seq])
        assert not holds(log, text, log.leaves[(seq + 1) % 11])


def test_the_lines_of_the_published_example_are_read(log):
    """Its signatures are abbreviated in c2sp.org/tlog-proof, so that another checkpoint stands in for its own."""
    hashes = [
        HASH,
        "B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=",
        "EKNzoDWG8LGC0Yp9o+sv3qllpMP9uHQ9B20KNL+Q1zs=",
        "RoopEkOdqkYqMB4MJXrbt/hMjOxsVn0IrWjpz1ZMMes=",
        "AHCioX9nLjsrse6YhjRRmk1WUEirVOLLRoOQ6vfO5vk=",
    ]
    head = ["c2sp.org/tlog-proof@v1", "extra YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6kYXJ3aW4tYXJ", "index 73894"]
    text = "\n".join([*head, *hashes]) + "\n\n" + log.checkpoint(11)
    proof = parse_proof(text.encode())
    assert (proof.index, len(proof.hashes)) == (73894, 5)
    assert proof.extra is not None
    assert proof.extra.startswith(b"age-v1.2.1-darwin-arm64.tar.gz")
    assert format_proof(proof) == text


def test_no_changed_bit_goes_unnoticed(log):
    data = log.proof(5, 11).encode()
    assert holds(log, data, log.leaves[5])
    for place in range(len(data)):
        for bit in range(8):
            changed = data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]
            assert not holds(log, changed, log.leaves[5]), (place, bit)


def test_no_lost_or_added_byte_goes_unnoticed(log):
    data = log.proof(5, 11).encode()
    for place in range(len(data)):
        assert not holds(log, data[:place] + data[place + 1 :], log.leaves[5]), place
        assert not holds(log, data[:place], log.leaves[5]), place
        for more in (b"\n", b" ", b"=", b"A", b"0", b"\r", b"\x00"):
            assert not holds(log, data[:place] + more + data[place:], log.leaves[5]), (place, more)


@pytest.mark.parametrize(
    "head",
    [
        "",
        "c2sp.org/tlog-proof@v1",
        "c2sp.org/tlog-proof@v2\nindex 0",
        " c2sp.org/tlog-proof@v1\nindex 0",
        "c2sp.org/tlog-proof@v1\nextra",
        "c2sp.org/tlog-proof@v1\nextra *\nindex 0",
        "c2sp.org/tlog-proof@v1\nextra YWE=\n",
        "c2sp.org/tlog-proof@v1\nindex 0\nextra YWE=",
        "c2sp.org/tlog-proof@v1\nextra YWE=\nextra YWE=\nindex 0",
        "c2sp.org/tlog-proof@v1\nindex 00",
        "c2sp.org/tlog-proof@v1\nindex  0",
        "c2sp.org/tlog-proof@v1\nindex -1",
        "c2sp.org/tlog-proof@v1\nindex",
        "c2sp.org/tlog-proof@v1\nindex 9223372036854775808",
        "c2sp.org/tlog-proof@v1\nindex 0\nAAAA",
        "c2sp.org/tlog-proof@v1\nindex 0\n" + HASH + " ",
        "c2sp.org/tlog-proof@v1\nindex 0" + f"\n{HASH}" * (HASHES + 1),
    ],
)
def test_what_is_no_proof_is_refused(log, head):
    with pytest.raises(ValueError, match=r"proof|base64|number|hash"):
        parse_proof(f"{head}\n\n{log.checkpoint(1)}".encode())


@pytest.mark.parametrize("checkpoint", ["", "text\n", "text\n\n— a AAAAAAA=\n", "\n\n"])
def test_a_proof_without_checkpoint_is_refused(checkpoint):
    with pytest.raises(ValueError, match=r"note|checkpoint"):
        parse_proof(f"c2sp.org/tlog-proof@v1\nindex 0\n\n{checkpoint}".encode())


@pytest.mark.parametrize("index", [-1, 2**63])
def test_what_would_not_be_read_is_not_written(log, index):
    with pytest.raises(ValueError, match="number"):
        format_proof(InclusionProof(index, (), log.checkpoint(1)))


def test_a_hash_of_another_length_is_not_written(log):
    with pytest.raises(ValueError, match="32 bytes"):
        format_proof(InclusionProof(0, (b"short",), log.checkpoint(1)))


def test_no_bytes_at_all_and_too_many(log):
    for data in (b"", b"\xff\n\n", b"x" * (16 * 1024 * 1024 + 1)):
        with pytest.raises(ValueError, match="proof"):
            parse_proof(data)
