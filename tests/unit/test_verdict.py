"""Verdicts follow from reasons alone; findings never change one."""

from __future__ import annotations

import itertools

import pytest

from archiver.domain.verdict import Check, CheckResult, Finding, Reason, Verdict, judgement, verdict_of

REASONS = [
    "sign_file_invalid",
    "sign_file_unsupported",
    "signature_invalid",
    "key_fingerprint_mismatch",
    "file_missing",
    "hash_mismatch",
    "archive_altered",
    "ledger_altered",
    "unsigned",
    "key_unavailable",
    "read_error",
]
FINDINGS = [
    "unlisted_file",
    "replayed_hash_list",
    "time_inconsistent",
    "key_outside_window",
    "files_out_of_order",
    "region_mismatch",
    "path_nonstandard",
    "decompressed_copy",
    "gzip_damaged",
    "source_changed",
    "source_deleted",
]
INDETERMINATE = {Reason.KEY_UNAVAILABLE, Reason.READ_ERROR}


@pytest.mark.parametrize("reason", list(Reason))
def test_each_reason_has_the_verdict_of_the_interface(reason):
    assert reason.verdict is (Verdict.INDETERMINATE if reason in INDETERMINATE else Verdict.FAILED)


def test_no_reason_is_verified_and_one_failure_outweighs_what_is_unknown():
    assert verdict_of([]) is Verdict.VERIFIED
    for one, other in itertools.product(Reason, Reason):
        expected = Verdict.INDETERMINATE if {one, other} <= INDETERMINATE else Verdict.FAILED
        assert verdict_of([one, other]) is expected


def test_findings_never_change_the_verdict():
    for reasons in ([], [Reason.UNSIGNED], [Reason.READ_ERROR]):
        assert judgement(reasons, Finding, [], []).verdict is judgement(reasons, [], [], []).verdict


def test_reasons_and_findings_stand_once_in_the_order_of_the_interface():
    judged = judgement(
        [Reason.UNSIGNED, Reason.HASH_MISMATCH, Reason.UNSIGNED],
        [Finding.SOURCE_DELETED, Finding.UNLISTED_FILE, Finding.SOURCE_DELETED],
        [Check("files", CheckResult.FAIL, "x")],
        [],
    )
    assert judged.reasons == (Reason.HASH_MISMATCH, Reason.UNSIGNED)
    assert judged.findings == (Finding.UNLISTED_FILE, Finding.SOURCE_DELETED)
    assert judged.codes == {"hash_mismatch", "unsigned", "unlisted_file", "source_deleted"}


def test_the_words_are_those_of_the_interface():
    assert [str(r) for r in Reason] == REASONS
    assert [str(f) for f in Finding] == FINDINGS
    assert {str(v) for v in Verdict} == {"verified", "failed", "indeterminate", "pending"}
    assert {str(r) for r in CheckResult} == {"pass", "fail", "unknown", "skip"}
