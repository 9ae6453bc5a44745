"""The log's formats over anything: what is written is read back, what is read has one spelling, or is refused."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

from hypothesis import example, given
from hypothesis import strategies as st

from archiver.log.checkpoint import Checkpoint, checkpoint_text, parse_checkpoint
from archiver.log.leaf import ENTRY_BYTES, body_sha256, leaf_of
from archiver.log.lines import from_base64, from_decimal, to_base64
from archiver.log.note import (
    Note,
    NoteSignature,
    ed25519_key,
    format_note,
    parse_key,
    parse_note,
    signature_line,
    signed_by,
)
from archiver.log.proof import InclusionProof, format_proof, parse_proof
from archiver.log.tiles import (
    Tile,
    bundle,
    entries_of,
    entries_path,
    index_path,
    new_tiles,
    nodes_of,
    superseded,
    tile_path,
    tiles,
)
from archiver.log.tree import peaks
from tests.property.strategies import any_text
from tests.support.made_log import make_log

LOG = make_log(b"event %d" % number for number in range(9))
NOTE = LOG.checkpoint(9).encode()
PROOF = LOG.proof(5, 9, extra=b"extra").encode()
BUNDLE = bundle(LOG.leaves)

encodable = st.characters(exclude_categories=["Cs"])
line = st.text(encodable.filter(lambda c: c >= " "), min_size=1, max_size=40)
name = st.text(encodable.filter(lambda c: c.isprintable() and not c.isspace() and c != "+"), min_size=1, max_size=30)
note_text = st.lists(st.text(encodable.filter(lambda c: c >= " ")), min_size=1, max_size=6).map(
    lambda lines: "".join(one + "\n" for one in lines)
)
key_id = st.binary(min_size=4, max_size=4)
signature = st.builds(NoteSignature, name, key_id, st.binary(min_size=1, max_size=100))
signatures = st.lists(signature, min_size=1, max_size=20).map(tuple)
hashes = st.binary(min_size=32, max_size=32)
sizes = st.integers(0, 2**63 - 1)
checkpoints = st.builds(Checkpoint, line, sizes, hashes)


def changed(original: bytes) -> st.SearchStrategy[bytes]:
    """*original* with a stretch of it replaced by something else, or by another stretch of its own."""
    place = st.integers(0, len(original))
    own = st.tuples(place, place).map(lambda ends: original[min(ends) : max(ends)])
    other = st.binary(max_size=8) | own | any_text.map(lambda text: text.encode("utf-8", "surrogatepass"))
    return st.builds(lambda a, b, new: original[: min(a, b)] + new + original[max(a, b) :], place, place, other)


def read(parse: Callable[[bytes], object], write: Callable[[object], bytes], data: bytes) -> None:
    """*data* is refused with a ValueError, or is exactly what its value is written as."""
    try:
        value = parse(data)
    except ValueError:
        return
    assert write(value) == data


@given(note_text, signatures)
def test_notes_are_read_as_they_were_written(text, lines):
    assert parse_note(format_note(text, lines).encode()) == Note(text, lines)


@given(st.binary() | changed(NOTE))
@example(NOTE)
@example(NOTE.replace(b"\n\n", b"\n\n\n"))
def test_any_bytes_are_a_note_of_one_spelling_or_refused(data):
    read(parse_note, lambda note: format_note(note.text, note.signatures).encode(), data)


@given(changed(NOTE))
def test_a_changed_note_is_signed_by_nobody_trusted(data):
    try:
        note = parse_note(data)
    except ValueError:
        return
    original = parse_note(NOTE)
    if signed_by(note, LOG.key) is True:
        assert note.text == original.text
        assert original.signatures[0] in note.signatures


@given(name, hashes)
def test_keys_are_read_as_they_were_written(called, public):
    key = ed25519_key(called, public)
    assert parse_key(str(key)) == key


@given(any_text | changed(str(LOG.key).encode()).map(lambda data: data.decode("utf-8", "replace")))
def test_any_text_is_a_key_of_one_spelling_or_refused(text):
    try:
        key = parse_key(text)
    except ValueError:
        return
    assert str(key) == text


@given(name, hashes, note_text, st.binary(min_size=1, max_size=80))
def test_a_signature_that_is_none_is_told_as_wrong(called, public, text, signature):
    key = ed25519_key(called, public)
    assert signed_by(Note(text, (signature_line(key, signature),)), key) is not None


@given(any_text, any_text | note_text, signatures)
def test_nothing_is_written_that_reads_otherwise(called, text, lines):
    odd = NoteSignature(called, bytes(4), b"x")
    for some in (lines, (odd,), (*lines, odd)):
        try:
            written = format_note(text, some)
        except ValueError:
            continue
        assert parse_note(written.encode()) == Note(text, tuple(some))


@given(checkpoints)
def test_checkpoints_are_read_as_they_were_written(checkpoint):
    assert parse_checkpoint(checkpoint_text(checkpoint)) == checkpoint


@given(st.builds(Checkpoint, any_text, st.integers(), st.binary(max_size=40)))
def test_odd_checkpoints_are_written_to_be_read_or_not_at_all(checkpoint):
    try:
        text = checkpoint_text(checkpoint)
    except ValueError:
        return
    assert parse_checkpoint(text) == checkpoint


@given(any_text | changed(parse_note(NOTE).text.encode()).map(lambda data: data.decode("utf-8", "replace")))
def test_any_text_is_a_checkpoint_of_one_spelling_or_refused(text):
    try:
        checkpoint = parse_checkpoint(text)
    except ValueError:
        return
    assert text.startswith(checkpoint_text(checkpoint))


@given(
    st.integers(0, 2**63 - 1),
    st.lists(hashes, max_size=63).map(tuple),
    checkpoints,
    signatures,
    st.none() | st.binary(),
)
def test_proofs_are_read_as_they_were_written(index, path, checkpoint, lines, extra):
    proof = InclusionProof(index, path, format_note(checkpoint_text(checkpoint), lines), extra)
    assert parse_proof(format_proof(proof).encode()) == proof


@given(st.binary() | changed(PROOF))
@example(PROOF)
@example(PROOF.replace(b"extra ZXh0cmE=", b"extra "))
def test_any_bytes_are_a_proof_of_one_spelling_or_refused(data):
    read(parse_proof, lambda proof: format_proof(proof).encode(), data)


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=256))
def test_bundles_are_read_as_they_were_written(entries):
    assert entries_of(bundle(entries)) == entries


@given(st.binary() | changed(BUNDLE))
@example(BUNDLE)
def test_any_bytes_are_a_bundle_of_one_spelling_or_refused(data):
    read(entries_of, bundle, data)


@given(any_text)
def test_base64_and_numbers_have_one_spelling(text):
    for parse, write in ((from_base64, to_base64), (from_decimal, str)):
        try:
            value = parse(text)
        except ValueError:
            continue
        assert write(value) == text


@given(st.binary())
def test_base64_is_read_as_it_was_written(data):
    assert from_base64(to_base64(data)) == data


@given(st.integers(0, 2**63))
def test_the_path_of_an_index_gives_it_back(number):
    parts = index_path(number).split("/")
    assert all(part.startswith("x") and len(part) == 4 for part in parts[:-1])
    assert len(parts[-1]) == 3
    assert int("".join(part.removeprefix("x") for part in parts)) == number
    assert len(parts) == 1 or parts[0] != "x000"


@given(st.integers(0, 70_000))
def test_tiles_hold_each_node_of_their_levels_once(size):
    held = [node for tile in tiles(size) for node in nodes_of(tile)]
    assert len(held) == len(set(held))
    for level in range(0, 24, 8):
        assert sorted(index for at, index in held if at == level) == list(range(size >> level))
    assert {(level - level % 8, index << level % 8) for level, index in peaks(size)} <= set(held)


@given(st.integers(0, 140_000), st.integers(0, 140_000))
@example(65_535, 65_536)
@example(0, 65_536)
@example(255, 256)
def test_what_a_tree_has_and_the_older_one_had_not_is_new(one, other):
    old, new = sorted((one, other))
    had = set(tiles(old))
    assert new_tiles(old, new) == [tile for tile in tiles(new) if tile not in had]


@given(st.lists(st.integers(1, 700), min_size=1, max_size=12))
def test_a_folder_that_grows_keeps_all_that_its_newest_tree_needs_and_little_more(steps):
    """Each checkpoint adds what is new and then takes away what is superseded."""
    there: set[str] = set()
    old = 0
    for step in steps:
        new = old + step
        there |= paths(new_tiles(old, new))
        there -= set(superseded(old, new))
        needed = paths(list(tiles(new)))
        assert needed <= there
        full = {path for path in needed if ".p/" not in path}
        assert not {path for path in there - needed if path.split(".p/")[0] in full}
        old = new


def paths(some: list[Tile]) -> set[str]:
    hashed = {tile_path(tile.level, tile.index, tile.width) for tile in some}
    return hashed | {entries_path(tile.index, tile.width) for tile in some if tile.level == 0}


@given(st.binary(max_size=50), st.integers(0, 2))
def test_every_body_has_a_leaf_that_fits(start, over):
    body = start + b" " * (ENTRY_BYTES - len(start) + over)
    leaf = leaf_of(body)
    assert len(leaf) <= ENTRY_BYTES
    assert (leaf == body) is (over == 0)
    if over:
        assert body_sha256(leaf) == sha256(body).hexdigest()


@given(st.binary() | any_text.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_leaf_says_where_its_body_is_or_is_refused(leaf):
    try:
        digest = body_sha256(leaf)
    except ValueError:
        return
    assert digest is None or len(bytes.fromhex(digest)) == 32
