"""No bit of what is signed, of the signature or of the key can be changed: mutations never verify."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from archiver.domain.keys import HeldKey, PublicKey
from archiver.domain.verdict import Reason, Verdict
from archiver.verify.findings import Circumstances
from archiver.verify.recipe import examine, judge
from archiver.verify.signature import KeyUnusableError, signature_holds
from tests.support.reading import finder, judge_files
from tests.vectors.bricks import KEY, document, result, signed, with_sign_file

TWO = signed({"result_1.csv.gz": result(1), "result_2.csv.gz": result(2)})
AROUND = Circumstances(None, "x/")
SIGNED = b"some hashes"
SIGNATURE = KEY.sign(SIGNED)


def flip(data: bytes, bit: int) -> bytes:
    flipped = bytearray(data)
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)


def test_untouched_it_verifies():
    assert judge_files(TWO, finder([KEY.public]), AROUND).verdict is Verdict.VERIFIED
    assert signature_holds(KEY.public.der, SIGNATURE, SIGNED)


@given(st.sampled_from(["result_1.csv.gz", "result_2.csv.gz"]), st.data())
def test_any_bit_of_any_file(name, data):
    bit = data.draw(st.integers(0, 8 * len(TWO[name]) - 1))
    judged = judge_files({**TWO, name: flip(TWO[name], bit)}, finder([KEY.public]), AROUND)
    assert judged.reasons == (Reason.HASH_MISMATCH,)


@given(st.integers(0, 1), st.integers(0, 63), st.sampled_from("0123456789abcdef"))
def test_any_digit_of_any_listed_hash(number, place, digit):
    changed = document(TWO)
    files = [dict(file) for file in changed["files"]]
    before = files[number]["fileHashValue"]
    files[number]["fileHashValue"] = before[:place] + digit + before[place + 1 :]
    judged = judge_files(with_sign_file(TWO, {**changed, "files": files}), finder([KEY.public]), AROUND)
    assert (judged.verdict is Verdict.VERIFIED) == (files[number]["fileHashValue"] == before)
    if files[number]["fileHashValue"] != before:
        assert judged.reasons == (Reason.SIGNATURE_INVALID, Reason.HASH_MISMATCH)


def test_every_bit_of_a_signature():
    assert not any(signature_holds(KEY.public.der, flip(SIGNATURE, bit), SIGNED) for bit in range(8 * len(SIGNATURE)))


def test_every_bit_of_what_is_signed():
    assert not any(signature_holds(KEY.public.der, SIGNATURE, flip(SIGNED, bit)) for bit in range(8 * len(SIGNED)))


class Renamed(PublicKey):
    """A key that has the MD5 that its list says, as a collision would give: only the signature is left to tell."""

    @property
    def fingerprint(self) -> str:
        return self.claimed_fingerprint


def test_every_bit_of_the_key_even_where_its_name_is_still_right():
    for bit in range(8 * len(KEY.public.der)):
        der = flip(KEY.public.der, bit)
        try:
            assert not signature_holds(der, SIGNATURE, SIGNED)
        except KeyUnusableError:
            continue


@settings(max_examples=50)
@given(st.integers(0, 8 * len(KEY.public.der) - 1))
def test_a_flipped_key_is_told_by_its_name_and_failing_that_by_the_signature(bit):
    der = flip(KEY.public.der, bit)
    listed = replace(KEY.public, der=der)
    assert judge_files(TWO, finder([listed]), AROUND).reasons == (Reason.KEY_FINGERPRINT_MISMATCH,)
    collided = HeldKey(Renamed(der, KEY.public.fingerprint))
    examination = examine(TWO["result_sign.json"], lambda _: [collided])
    assert examination.reasons == (Reason.SIGNATURE_INVALID,)


@given(st.permutations(range(5)))
def test_only_the_signed_order_verifies(order):
    five = signed({f"result_{n}.csv.gz": result(n) for n in range(1, 6)})
    entries = document(five)["files"]
    moved = with_sign_file(five, {**document(five), "files": [entries[n] for n in order]})
    holds = judge(examine(moved["result_sign.json"], finder([KEY.public])), [], AROUND)
    assert (Reason.SIGNATURE_INVALID not in holds.reasons) == (order == sorted(order))
