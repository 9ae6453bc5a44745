"""The recipe's own decisions: order of trust, several keys of one name, what could not be read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from archiver.domain.delivery import QueryPath
from archiver.domain.keys import HeldKey, KeyProvenance, PublicKey
from archiver.domain.sign_file import SignFile
from archiver.domain.verdict import CheckResult, Finding, Reason, Verdict
from archiver.verify.findings import Circumstances
from archiver.verify.recipe import ObservedFile, examine, judge
from tests.support.reading import finder, judge_files, observe
from tests.vectors.bricks import COMPLETE, EXECUTED, KEY, OTHER_KEY, WINDOW, result, signed, single

PATH = QueryPath("111122223333", "f0355626-411d-42a9-8365-339a37a8b8c0", COMPLETE.date())
AROUND = Circumstances(PATH, "some/where/", execution_time=EXECUTED)
TWO = signed({"result_1.csv.gz": result(1), "result_2.csv.gz": result(2)})
SIGN_BYTES = TWO["result_sign.json"]
FILES = [observe("result_1.csv.gz", result(1)), observe("result_2.csv.gz", result(2))]


def held(*keys: PublicKey):
    return lambda _: [HeldKey(key) for key in keys]


def result_of(judged, check: str) -> CheckResult:
    (found,) = [c for c in judged.checks if c.id == check]
    return found.result


def test_a_bad_sign_file_asks_for_no_key_and_trusts_no_name():
    def ask(_: SignFile):
        raise AssertionError("a sign file that cannot be used must not decide which key is fetched")

    for data in (None, b"", b"{}", SIGN_BYTES.replace(b"SHA-256", b"SHA-1")):
        examination = examine(data, ask)
        assert (examination.sign_file, examination.key) == (None, None)
        judged = judge(examination, FILES, AROUND)
        assert judged.verdict is Verdict.FAILED
        assert result_of(judged, "files") is CheckResult.SKIP
        assert [(f.name, f.listed_sha256, f.signed_sha256) for f in judged.files] == [
            ("result_1.csv.gz", None, None),
            ("result_2.csv.gz", None, None),
        ]


def test_a_missing_sign_file_is_missing_for_the_callers_reason():
    assert examine(None, held()).reasons == (Reason.UNSIGNED,)
    lost = examine(None, held(), "an error", Reason.READ_ERROR)
    assert lost.reasons == (Reason.READ_ERROR,)
    assert (lost.checks[0].result, lost.checks[0].detail) == (CheckResult.UNKNOWN, "an error")


def test_the_key_that_was_used_is_told():
    examination = examine(SIGN_BYTES, held(KEY.public))
    assert examination.key == HeldKey(KEY.public)
    assert examination.signature_holds
    assert KEY.public.sha256 in examination.checks[1].detail


def test_of_several_keys_with_the_name_the_one_counts_under_which_the_signature_holds():
    """The name is an MD5: keys of one name can be made. Here it is said of one that has another."""
    other = replace(OTHER_KEY.public, claimed_fingerprint=KEY.public.fingerprint)
    for keys in ((other, KEY.public), (KEY.public, other)):
        assert examine(SIGN_BYTES, held(*keys)).key == HeldKey(KEY.public)
    assert examine(SIGN_BYTES, held(other)).reasons == (Reason.KEY_FINGERPRINT_MISMATCH,)


class Collision(PublicKey):
    """A key that bears another's MD5: what a collision would give."""

    @property
    def fingerprint(self) -> str:
        return self.claimed_fingerprint


def test_keys_whose_md5_collides_are_tried_one_after_the_other():
    forged = Collision(OTHER_KEY.public.der, KEY.public.fingerprint, KEY.region, *WINDOW)
    broken = Collision(b"no key at all", KEY.public.fingerprint, KEY.region, *WINDOW)
    for keys in ((forged, broken, KEY.public), (broken, forged, KEY.public), (KEY.public, broken)):
        assert examine(SIGN_BYTES, held(*keys)).key == HeldKey(KEY.public)
    assert examine(SIGN_BYTES, held(forged)).reasons == (Reason.SIGNATURE_INVALID,)
    unusable = examine(SIGN_BYTES, held(broken))
    assert unusable.reasons == (Reason.SIGNATURE_INVALID,)
    assert "cannot be used" in unusable.checks[2].detail


def test_a_bare_copy_of_the_key_hides_no_finding():
    bare = PublicKey(KEY.public.der, KEY.public.fingerprint)
    files = single(region="eu-west-1")
    for keys in ([bare, KEY.public], [KEY.public, bare]):
        assert judge_files(files, finder(keys), AROUND).findings == (Finding.REGION_MISMATCH,)


AWS = "https://cloudtrail.us-east-1.amazonaws.com"
TRUE = PublicKey(KEY.public.der, KEY.public.fingerprint, KEY.region, *WINDOW)
ELSEWHERE = replace(TRUE, region="eu-west-1")
EVER = replace(TRUE, valid_from=datetime(2000, 1, 1, tzinfo=UTC), valid_until=datetime(2099, 12, 31, tzinfo=UTC))
LYING = replace(EVER, region="eu-west-1")
BARE = PublicKey(TRUE.der, TRUE.claimed_fingerprint)


def listed(key: PublicKey, day: int = 1) -> HeldKey:
    return HeldKey(key, (KeyProvenance("ListPublicKeys", AWS, "arn", datetime(2026, 1, day, tzinfo=UTC)),))


def imported(key: PublicKey, day: int = 1) -> HeldKey:
    return HeldKey(key, (KeyProvenance("import", "keys.json", "me", datetime(2025, 1, day, tzinfo=UTC)),))


CLAIMED_ELSEWHERE = single(region="eu-west-1")
CLAIMED_LATE = signed({"result_1.csv.gz": result()}, WINDOW[1] + timedelta(days=2))
HONEST = single()


@pytest.mark.parametrize(
    ("copies", "files", "found"),
    [
        ([listed(TRUE), imported(ELSEWHERE)], CLAIMED_ELSEWHERE, Finding.REGION_MISMATCH),
        ([listed(TRUE), imported(LYING)], CLAIMED_ELSEWHERE, Finding.REGION_MISMATCH),
        ([listed(TRUE), imported(EVER), imported(LYING)], CLAIMED_LATE, Finding.KEY_OUTSIDE_WINDOW),
        ([listed(TRUE), imported(LYING)], HONEST, None),
        ([listed(TRUE), imported(BARE)], HONEST, None),
        ([listed(TRUE, 2), listed(ELSEWHERE, 3)], HONEST, None),
        ([listed(TRUE, 2), listed(ELSEWHERE, 1)], HONEST, Finding.REGION_MISMATCH),
        ([imported(TRUE), imported(ELSEWHERE, 2)], HONEST, Finding.REGION_MISMATCH),
        ([imported(TRUE, 2), imported(EVER)], CLAIMED_LATE, Finding.KEY_OUTSIDE_WINDOW),
        ([HeldKey(TRUE), HeldKey(EVER), HeldKey(BARE)], CLAIMED_LATE, Finding.KEY_OUTSIDE_WINDOW),
        ([HeldKey(TRUE), HeldKey(LYING)], CLAIMED_ELSEWHERE, Finding.REGION_MISMATCH),
        ([HeldKey(TRUE), HeldKey(BARE)], HONEST, None),
    ],
)
def test_copies_that_contradict_each_other_hide_nothing_whatever_their_order(copies, files, found):
    judged = set()
    for order in permutations(copies):
        examination = examine(files["result_sign.json"], lambda _, order=order: order)
        around = replace(AROUND, path=None, execution_time=None)
        judgement = judge(examination, [observe("result_1.csv.gz", files["result_1.csv.gz"])], around)
        judged.add((examination.key, judgement))
    ((used, judgement),) = judged
    assert judgement.verdict is Verdict.VERIFIED
    assert used.is_listed == any(copy.is_listed for copy in copies)
    assert set(judgement.findings) - {Finding.PATH_NONSTANDARD} == ({found} if found else set())


@pytest.mark.parametrize(
    ("changes", "reasons", "files"),
    [
        ({}, (), CheckResult.PASS),
        ({0: None}, (Reason.FILE_MISSING,), CheckResult.FAIL),
        (
            {0: ObservedFile("result_1.csv.gz", None, None, trouble="link", absent=True)},
            (Reason.FILE_MISSING,),
            CheckResult.FAIL,
        ),
        ({0: ObservedFile("result_1.csv.gz", None, None, trouble="EIO")}, (Reason.READ_ERROR,), CheckResult.UNKNOWN),
        ({0: observe("result_1.csv.gz", result(2))}, (Reason.HASH_MISMATCH,), CheckResult.FAIL),
        (
            {0: ObservedFile("result_1.csv.gz", None, None, trouble="EIO"), 1: None},
            (Reason.FILE_MISSING, Reason.READ_ERROR),
            CheckResult.FAIL,
        ),
    ],
)
def test_files(changes, reasons, files):
    observed = [file for file in (changes.get(n, FILES[n]) for n in range(2)) if file]
    judged = judge(examine(SIGN_BYTES, held(KEY.public)), observed, AROUND)
    assert judged.reasons == reasons
    assert result_of(judged, "files") is files
    assert judged.findings == ()


def test_a_file_that_could_not_be_read_is_indeterminate_not_failed():
    observed = [FILES[0], ObservedFile("result_2.csv.gz", None, None, trouble="EIO")]
    judged = judge(examine(SIGN_BYTES, held(KEY.public)), observed, AROUND)
    assert judged.verdict is Verdict.INDETERMINATE


def test_swapped_contents_are_two_mismatches():
    observed = [observe("result_1.csv.gz", result(2)), observe("result_2.csv.gz", result(1))]
    assert judge(examine(SIGN_BYTES, held(KEY.public)), observed, AROUND).reasons == (Reason.HASH_MISMATCH,)


def test_files_are_told_listed_first_with_the_hash_that_is_signed():
    extra = observe("a.txt", b"x")
    judged = judge(examine(SIGN_BYTES, held(KEY.public)), [extra, *FILES], AROUND)
    assert [f.name for f in judged.files] == ["result_1.csv.gz", "result_2.csv.gz", "a.txt"]
    assert all(f.signed_sha256 == f.listed_sha256 == f.sha256 for f in judged.files[:2])
    assert (judged.files[2].listed_sha256, judged.files[2].signed_sha256) == (None, None)
    unproved = judge(examine(SIGN_BYTES, held()), FILES, AROUND)
    assert all(f.listed_sha256 and f.signed_sha256 is None for f in unproved.files)
    assert "not proved to be signed" in next(c.detail for c in unproved.checks if c.id == "files")


def test_there_is_one_check_a_finding_however_often_it_was_made():
    damaged = signed({"result_1.csv.gz": b"x", "result_2.csv.gz": b"\x1f\x8b"})
    judged = judge_files(damaged, finder([KEY.public]), AROUND)
    (check,) = [c for c in judged.checks if c.id == "gzip_damaged"]
    assert "result_1.csv.gz" in check.detail
    assert "result_2.csv.gz" in check.detail
    ids = [c.id for c in judged.checks]
    assert len(ids) == len(set(ids))


def test_troubles_are_shown_harmlessly_and_not_without_end():
    many = signed({f"result_{n}.csv.gz": result(n) for n in range(1, 41)})
    observed = [
        ObservedFile(f"result_{n}.csv.gz", None, None, trouble="\x1b[2J", absent=n % 2 == 0) for n in range(1, 41)
    ]
    judged = judge(examine(many["result_sign.json"], held(KEY.public)), observed, AROUND)
    detail = next(c.detail for c in judged.checks if c.id == "files")
    assert detail.isprintable()
    assert detail.endswith("; and 20 more")


def test_findings_stand_beside_a_failure_too():
    judged = judge_files({**single(), "result_1.csv.gz": b"a,b\n1,2\n", "x": b""}, finder([KEY.public]), AROUND)
    assert judged.reasons == (Reason.HASH_MISMATCH,)
    assert judged.findings == (Finding.UNLISTED_FILE, Finding.DECOMPRESSED_COPY)
