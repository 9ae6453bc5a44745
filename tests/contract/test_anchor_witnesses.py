"""Witnesses: how they are asked, and what one that errs, lies or knows another history gets."""

from __future__ import annotations

import base64
import hashlib

import pytest

from archiver.adapters.anchors.witness import Witness
from archiver.errors import AnchorError, AnchorForkedError
from archiver.log.note import cosigned_at, parse_key, parse_note, signed_by
from tests.support.anchoring import now, prover, some_log
from tests.support.hostile_http import Answer
from tests.support.made_log import ORIGIN
from tests.support.witness import WitnessKey

LOG = some_log(700)
OTHER = some_log(700, "other")
SIZES = (1, 2, 3, 4, 255, 256, 257, 511, 512, 700)


@pytest.fixture
def known(witness):
    """The witness, which knows the log's key."""
    witness.logs[ORIGIN] = LOG.key.public
    return witness


def client(witness, url: str | None = None, origin: str = ORIGIN) -> Witness:
    address = url or witness.url
    return Witness(parse_key(witness.key.vkey), origin, address, url or witness.monitoring_url, now)


def anchored(witness, size: int, log=LOG):
    return client(witness).anchor(size, log.checkpoint(size), prover(log))


def refused(anchorer: Witness, size: int = 20, log=LOG) -> AnchorError:
    with pytest.raises(AnchorError) as caught:
        anchorer.anchor(size, log.checkpoint(size), prover(log))
    return caught.value


# --------------------------------------------------------------------------------------------- what is asked


def test_each_growth_of_the_log_is_proved_from_the_size_that_the_witness_names(known):
    for size in SIZES:
        anchored(known, size)
        assert known.seen[ORIGIN].size == size
    olds = [int(body.split(b"\n")[0].removeprefix(b"old ")) for body in known.asked]
    assert olds == [0, *(old for size in SIZES[:-1] for old in (0, size))]


def test_a_client_that_lives_on_need_not_ask_for_the_size(known):
    one = client(known)
    for size in SIZES:
        one.anchor(size, LOG.checkpoint(size), prover(LOG))
    assert len(known.asked) == len(SIZES)


def test_somebody_else_submits_meanwhile(known):
    one = client(known)
    one.anchor(20, LOG.checkpoint(20), prover(LOG))
    anchored(known, 300)
    one.anchor(400, LOG.checkpoint(400), prover(LOG))
    assert known.seen[ORIGIN].size == 400


def test_the_proof_is_a_note_of_log_and_witness(known):
    known.clock = lambda: 1_790_000_000
    entry, proof = anchored(known, 300)
    note = parse_note(proof)
    assert proof.decode().startswith(LOG.checkpoint(300))
    assert signed_by(note, LOG.key) is True
    assert cosigned_at(note, parse_key(known.key.vkey)) == entry.proved_at
    assert entry.proved_at.timestamp() == 1_790_000_000
    assert entry.valid_until is None


def test_a_witness_is_called_by_name_and_key(known):
    name = client(known).name
    assert name.startswith("witness.example.com-w")
    assert name.endswith(known.key.id.hex())


def test_lines_of_others_in_the_answer_are_left_out(known):
    other = WitnessKey("other.example/w", 4)
    line = other.line(ORIGIN, 20, b"", LOG.checkpoint(20).partition("\n\n")[0] + "\n", 1_790_000_000)
    known.mangle = lambda lines: line + lines
    _, proof = anchored(known, 20)
    assert [one.name for one in parse_note(proof).signatures] == [ORIGIN, known.key.name]


# ------------------------------------------------------------------------------------ another history of the log


def test_a_log_that_was_set_back_is_a_fork(known):
    anchored(known, 300)
    error = refused(client(known), 200)
    assert isinstance(error, AnchorForkedError)
    assert error.exit_status == 1
    assert "has cosigned 300 leaves of this log, which has 200 here" in str(error)


@pytest.mark.parametrize("size", [300, 400])
def test_another_history_is_a_fork(known, size):
    anchored(known, 300, OTHER)
    error = refused(client(known), size)
    assert isinstance(error, AnchorForkedError)
    assert "300 leaves" in str(error)
    assert known.seen[ORIGIN].root == OTHER.root(300)


# ---------------------------------------------------------------------------------- witnesses that err or lie


def test_a_witness_that_does_not_know_the_log(witness):
    error = refused(client(witness))
    assert "404" in str(error)
    assert ORIGIN in error.remedy


def test_a_witness_that_knows_another_key_of_the_log(witness):
    witness.logs[ORIGIN] = WitnessKey("x", 4)._private.public_key().public_bytes_raw()
    error = refused(client(witness))
    assert "403" in str(error)
    assert "key" in error.remedy


@pytest.mark.parametrize("name", ["other.example/w", None], ids=["of_another", "in_its_name"])
def test_a_cosignature_by_another_key(known, monkeypatch, name):
    asked = client(known)
    monkeypatch.setattr(known, "key", WitnessKey(name or known.key.name, known.key.kind))
    assert "without a cosignature by its key" in str(refused(asked))


def test_a_cosignature_under_the_right_id_that_is_wrong(known):
    def spoiled(lines: str) -> str:
        data = bytearray(base64.b64decode(lines.split(" ")[2]))
        data[-1] ^= 1
        return f"— {known.key.name} {base64.b64encode(data).decode()}\n"

    known.mangle = spoiled
    assert "does not hold" in str(refused(client(known)))


def test_a_cosignature_on_another_checkpoint(known):
    _, proof = anchored(known, 19)
    line = proof.decode().splitlines(keepends=True)[-1]
    known.mangle = lambda _: line
    assert "does not hold" in str(refused(client(known)))


@pytest.mark.parametrize("at", [0, 2**63, 2**63 - 1])
def test_a_time_that_is_none(known, at):
    known.clock = lambda: at
    assert "time" in str(refused(client(known)))


def test_a_time_that_has_not_come(known):
    known.clock = lambda: int(now().timestamp()) + 2 * 3600
    assert "in the future" in str(refused(client(known)))


@pytest.mark.parametrize(
    "lines",
    ["", "\n", "garbage\n", "— x\n", "— witness.example.com/w1 AAAA", "another text\n\n— a.example AAAAAAAAAAAA\n"],
)
def test_answers_that_are_no_signature_lines(known, lines):
    known.mangle = lambda _: lines
    refused(client(known))


def test_more_lines_than_a_note_may_have(known):
    known.mangle = lambda lines: lines * 65
    assert "signatures" in str(refused(client(known)))


@pytest.mark.parametrize("body", [b"", b"twelve\n", b"-1\n", b"007\n", b"5", b"5\n5\n", b"9" * 30 + b"\n"])
def test_a_conflict_without_a_size(known, hostile, body):
    hostile.will(Answer(409, body, {"Content-Type": "text/x.tlog.size"}))
    assert "without the size" in str(refused(client(known, hostile.url)))


def test_a_witness_that_never_settles_on_a_size(known, hostile):
    hostile.will(*[Answer(409, f"{size}\n".encode()) for size in range(1, 20)])
    assert "goes on" in str(refused(client(known, hostile.url)))
    assert len(hostile.requests) == 3


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(known, hostile, status):
    hostile.will(Answer(status, headers={"Location": known.url}))
    assert "sends on" in str(refused(client(known, hostile.url)))
    assert known.asked == []


@pytest.mark.parametrize("status", [400, 429, 500, 503])
def test_other_answers_are_told(known, hostile, status):
    hostile.will(Answer(status, b"busy"))
    assert f"HTTP {status}: busy" in str(refused(client(known, hostile.url)))


# --------------------------------------------------------------------------------------------- what they hold


def test_what_it_cosigned_is_told_again(known):
    anchored(known, 300)
    ((size, note),) = client(known).heads()
    assert size == 300
    assert note.startswith(LOG.checkpoint(300))
    assert list(Witness(parse_key(known.key.vkey), ORIGIN, known.url, None, now).heads()) == []


def test_what_is_told_must_be_cosigned_and_of_this_log(known, hostile):
    _, proof = anchored(known, 300)
    foreign = some_log(3).checkpoint(3).encode()
    other = b"B" if proof[-20:-19] == b"A" else b"A"
    altered = proof[:-20] + other + proof[-19:]
    for body in (b"", b"garbage", LOG.checkpoint(300).encode(), foreign, altered):
        hostile.will(Answer(200, body))
        with pytest.raises(AnchorError):
            list(client(known, hostile.url).heads())
    hostile.will(Answer(200, proof))
    with pytest.raises(AnchorError, match="not this log's"):
        list(client(known, hostile.url, "another.example/log").heads())
    asked = hashlib.sha256(b"another.example/log").hexdigest()
    assert hostile.requests[-1].path == f"/{asked}/checkpoint"
    hostile.will(Answer(500))
    with pytest.raises(AnchorError, match="HTTP 500"):
        list(client(known, hostile.url).heads())


def test_whether_it_is_there(known, hostile):
    assert client(known).probe() == "answers"
    anchored(known, 300)
    assert client(known).probe() == "answers, and has cosigned 300 leaves"
    hostile.will(Answer(404, b"no such page"))
    with pytest.raises(AnchorError, match="no such page"):
        client(known, hostile.url).probe()


def test_one_that_is_asked_no_more_still_reads_its_proofs(known):
    entry, proof = anchored(known, 300)
    retired = Witness(parse_key(known.key.vkey), ORIGIN, None, None, now)
    assert retired.retired
    assert retired.read(300, LOG.checkpoint(300), proof).proved_at == entry.proved_at
    assert "asked no more" in str(refused(retired))
