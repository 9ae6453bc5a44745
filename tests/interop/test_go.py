"""Go's golang.org/x/mod/sumdb/{note,tlog} judges logs made here: all holds, and nothing with a bit changed."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from archiver.log.leaf import leaf_of
from archiver.log.note import NoteSignature, ed25519_key, format_note, parse_note
from archiver.log.tiles import superseded
from archiver.log.tree import consistency_proof
from tests.interop.conftest import Judge
from tests.support.made_log import MadeLog, make_log

pytestmark = pytest.mark.thorough

SIZES = (1, 2, 255, 256, 257, 70_000)
LONG = 3
"""The leaf whose body is too long for an entry."""

LONG_BODY = b'{"kind":"evidence_acquired","pad":"' + b"x" * 70_000 + b'"}'
STRANGER = ed25519_key("archive.example/evidence", bytes(32))


@pytest.fixture(scope="module")
def log() -> MadeLog:
    leaves = [b'{"kind":"source_synced","seq":%d}' % number for number in range(max(SIZES))]
    leaves[1] = b"x" * 65_535
    leaves[LONG] = leaf_of(LONG_BODY)
    return make_log(leaves)


def publish(log: MadeLog, folder: Path, *sizes: int) -> Path:
    log.publish(folder, *sizes)
    if max(sizes) > LONG:
        (folder / "bodies").mkdir(exist_ok=True)
        (folder / "bodies" / f"{hashlib.sha256(LONG_BODY).hexdigest()}.json").write_bytes(LONG_BODY)
    return folder


def flipped(data: bytes) -> Iterator[tuple[int, bytes]]:
    """*data* with one bit changed, for every bit there is."""
    for bit in range(len(data) * 8):
        yield bit, data[: bit // 8] + bytes([data[bit // 8] ^ 1 << bit % 8]) + data[bit // 8 + 1 :]


@pytest.mark.parametrize("size", SIZES)
def test_a_checkpoint_is_signed_by_its_key_and_no_other(judge: Judge, log: MadeLog, size):
    note = log.checkpoint(size)
    answer = judge.ask("checkpoint", log.key, note=note)
    assert (answer.ok, answer.size) == (True, size), answer
    assert not judge.ask("checkpoint", STRANGER, note=note).ok
    assert not judge.ask("checkpoint", log.key, STRANGER, note=note).ok


def test_cosignatures_beside_it_disturb_nobody(judge: Judge, log: MadeLog):
    note = parse_note(log.checkpoint(257).encode())
    witnesses = [NoteSignature(f"witness.example/w{n}", bytes([n] * 4), bytes(72)) for n in range(15)]
    assert judge.ask("checkpoint", log.key, note=format_note(note.text, [*note.signatures, *witnesses])).ok


def test_a_checkpoint_with_a_bit_changed_is_refused(judge: Judge, log: MadeLog):
    note = log.checkpoint(257).encode()
    for bit, changed in flipped(note):
        assert not judge.ask("checkpoint", log.key, note=changed).ok, bit


@pytest.mark.parametrize("size", SIZES)
def test_entries_are_proved_and_no_others(judge: Judge, log: MadeLog, size):
    for seq in sorted({0, 1, size // 3, size // 2, size - 2, size - 1} & set(range(size))):
        proof = log.proof(seq, size, extra=b"more" if seq else None)
        answer = judge.ask("inclusion", log.key, proof=proof, leaf=log.leaves[seq])
        assert (answer.ok, answer.size) == (True, size), answer
        assert not judge.ask("inclusion", log.key, proof=proof, leaf=log.leaves[seq - 1]).ok
        assert not judge.ask("inclusion", STRANGER, proof=proof, leaf=log.leaves[seq]).ok


def test_a_proof_with_a_bit_changed_is_refused(judge: Judge, log: MadeLog):
    proof, leaf = log.proof(130, 257).encode(), log.leaves[130]
    assert judge.ask("inclusion", log.key, proof=proof, leaf=leaf).ok
    for bit, changed in flipped(proof):
        assert not judge.ask("inclusion", log.key, proof=changed, leaf=leaf).ok, bit
    for bit, changed in flipped(leaf):
        assert not judge.ask("inclusion", log.key, proof=proof, leaf=changed).ok, bit


@pytest.mark.parametrize("size", SIZES)
def test_a_checkpoint_continues_the_ones_before_it(judge: Judge, log: MadeLog, size):
    new = log.checkpoint(size)
    for before in (one for one in (1, 2, 3, 128, 200, *SIZES) if one <= size):
        old, path = log.checkpoint(before), consistency_proof(before, size, log.hashes)
        answer = judge.ask("consistency", log.key, old=old, new=new, path=path)
        assert (answer.ok, answer.size) == (True, size), (before, answer)
        assert before == size or not judge.ask("consistency", log.key, old=new, new=old, path=path).ok


def test_a_consistency_proof_with_a_bit_changed_is_refused(judge: Judge, log: MadeLog):
    old, new = log.checkpoint(200), log.checkpoint(257)
    path = consistency_proof(200, 257, log.hashes)
    for bit, changed in flipped(b"".join(path)):
        parts = [changed[place : place + 32] for place in range(0, len(changed), 32)]
        assert not judge.ask("consistency", log.key, old=old, new=new, path=parts).ok, bit
    for place in range(len(path)):
        assert not judge.ask("consistency", log.key, old=old, new=new, path=path[:place] + path[place + 1 :]).ok, (
            place
        )


def test_a_fork_does_not_continue_its_trunk(judge: Judge, log: MadeLog):
    fork = make_log([*log.leaves[:199], b"another", *log.leaves[200:257]])
    path = consistency_proof(200, 257, fork.hashes)
    given = {"old": log.checkpoint(200), "new": fork.checkpoint(257), "path": path}
    assert not judge.ask("consistency", log.key, **given).ok
    assert judge.ask("consistency", log.key, **{**given, "old": fork.checkpoint(200)}).ok


@pytest.mark.parametrize("size", SIZES)
def test_the_published_folder_is_of_one_tree(judge: Judge, log: MadeLog, tmp_path: Path, size):
    folder = publish(log, tmp_path, *(one for one in SIZES if one <= size))
    answer = judge.ask("folder", log.key, folder=folder)
    assert (answer.ok, answer.size) == (True, size), answer
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in files[:: len(files) // 8 + 1]:
        assert not ok_with_a_bit_changed(judge, log, folder, path, 99), path


def test_a_folder_with_a_bit_changed_anywhere_is_refused(judge: Judge, log: MadeLog, tmp_path: Path):
    folder = publish(log, tmp_path, 2, 257)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    assert len(files) == 12
    for path in files:
        length = path.stat().st_size
        for place in {0, 1, length // 2, length - 1, *range(0, length, length // 40 + 1)}:
            assert not ok_with_a_bit_changed(judge, log, folder, path, place), (path, place)
    assert judge.ask("folder", log.key, folder=folder).ok


def ok_with_a_bit_changed(judge: Judge, log: MadeLog, folder: Path, path: Path, place: int) -> bool:
    """The answer about *folder* while a bit of byte *place* is changed in its file *path*."""
    data = path.read_bytes()
    place %= len(data)
    path.write_bytes(data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :])
    try:
        return judge.ask("folder", log.key, folder=folder).ok
    finally:
        path.write_bytes(data)


def test_a_folder_that_lost_a_file_or_has_one_more_is_refused(judge: Judge, log: MadeLog, tmp_path: Path):
    folder = publish(log, tmp_path, 257)
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        data = path.read_bytes()
        path.unlink()
        assert not judge.ask("folder", log.key, folder=folder).ok, path
        path.write_bytes(data)
    assert judge.ask("folder", log.key, folder=folder).ok
    (folder / "stray").write_bytes(b"")
    assert not judge.ask("folder", log.key, folder=folder).ok


def test_a_folder_that_grew_is_whole_before_and_after_partial_tiles_go(judge: Judge, log: MadeLog, tmp_path: Path):
    before = 0
    for size in (1, 5, 200, 255, 256, 300, 513):
        publish(log, tmp_path, size)
        assert judge.ask("folder", log.key, folder=tmp_path).ok
        for path in superseded(before, size):
            (tmp_path / path).unlink(missing_ok=True)
        assert judge.ask("folder", log.key, folder=tmp_path).ok
        before = size
    partial = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.p/*")}
    assert partial == {"tile/0/002.p/1", "tile/entries/002.p/1", "tile/1/000.p/1", "tile/1/000.p/2"}


def test_stray_bits_behind_the_base64_are_refused(judge: Judge, log: MadeLog):
    """Go's library takes them by itself: a signature that is changed, and holds."""
    note = log.checkpoint(2)
    line = note.rstrip("\n").rsplit(" ", 1)[1]
    assert line.endswith("=")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = line[:-2] + alphabet[alphabet.index(line[-2]) ^ 1] + "="
    assert base64.b64decode(other) == base64.b64decode(line)
    assert not judge.ask("checkpoint", log.key, note=note.replace(line, other)).ok
    with pytest.raises(ValueError, match="base64"):
        parse_note(note.replace(line, other).encode())
