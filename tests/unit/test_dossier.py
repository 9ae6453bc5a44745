"""Dossiers: what is read out of custody events, what is put together, and the commands a reader gets."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archiver.domain import custody
from archiver.domain.custody import Actor, EvidenceAcquired, EvidenceRepaired, EvidenceVerified, SourceObserved
from archiver.domain.dossier import HashChange, ItemDossier, Standing, event_runs, judged_runs
from archiver.domain.evidence import Evidence, EvidenceFile, EvidenceState, FileRole, Origin
from archiver.domain.records import CustodyEvent, EvidenceRecord
from archiver.domain.summary import OVERVIEW_LINES, REPORTED_IDS, Summary
from archiver.domain.verdict import Check, CheckResult, FileResult, Finding, Judgement, Reason, Verdict, judgement
from archiver.render.words.en import WORDS
from archiver.work.dossier import Dossiers
from archiver.work.history import history_of
from archiver.work.recheck import steps_for
from tests.support.dossier_events import MadeLedger, MadeStore

NOW = datetime(2026, 1, 10, 12, tzinfo=UTC)
ACTOR = Actor("root", "archive-1", "1.2.3")
A, B, C = ("a" * 64, "b" * 64, "c" * 64)
FOLDER = "prod/AWSLogs/1/q"


def a_file(name: str, role: FileRole, sha256: str, listed: str | None = None) -> EvidenceFile:
    return EvidenceFile(name, role, f"{FOLDER}/{name}", 10, sha256, listed, Origin(f"k/{name}", "etag"))


def evidence(*files: EvidenceFile) -> Evidence:
    return Evidence(
        id="0" * 32,
        source="prod",
        source_url="file:///in",
        prefix="AWSLogs/1/q/",
        path=FOLDER,
        revision=1,
        account=None,
        query_id=None,
        region="us-east-1",
        query_complete_time=NOW,
        fingerprint="f" * 32,
        key_sha256=None,
        hash_list_sha256=C,
        files=files,
        first_seen_at=NOW,
        acquired_at=NOW,
        caller=None,
    )


SIGN = a_file("result_sign.json", FileRole.SIGN_FILE, C)
FIRST = a_file("result_1.csv.gz", FileRole.RESULT, A, A)


def judged(
    *reasons: Reason,
    files: tuple[FileResult, ...] = (),
    archive: Check | None = None,
    findings: tuple[Finding, ...] = (),
) -> Judgement:
    checks = [Check("signature", CheckResult.PASS, "holds"), *([archive] if archive else [])]
    return judgement(reasons, findings, checks, files)


def result(sha256: str | None, listed: str | None = A, signed: bool = True, name: str = FIRST.name) -> FileResult:
    return FileResult(name, None if sha256 is None else 10, sha256, listed, listed if signed else None)


def event(seq: int, entry: custody.Entry) -> CustodyEvent:
    return CustodyEvent(seq, entry.at, entry.kind, entry.evidence_id, json.dumps(custody.body(entry, ACTOR)))


def acquired(item: Evidence, said: Judgement, seq: int = 0) -> CustodyEvent:
    entry = EvidenceAcquired(at=NOW, evidence=item, judgement=said, listing_digest="d", next_audit_at=NOW)
    return event(seq, entry)


def verified(said: Judgement, seq: int, occasion: str = "audit") -> CustodyEvent:
    at = NOW + timedelta(days=seq)
    entry = EvidenceVerified(at=at, id="0" * 32, occasion=occasion, judgement=said, key_sha256=B, next_audit_at=at)
    return event(seq, entry)


def standing_of(file: EvidenceFile, last: Judgement) -> Standing:
    """Of *file*, acquired as it is and judged *last* as told."""
    return (
        dossier(evidence(SIGN, file), [acquired(evidence(SIGN, file), judged()), verified(last, 1)]).files[1].standing
    )


def ledger_of(item: Evidence, events: list[CustodyEvent], *disagreements: str) -> MadeLedger:
    row = EvidenceState(Verdict.VERIFIED, (), (), None, NOW)
    ledger = MadeLedger({item.id: (EvidenceRecord(item, row), events)})
    ledger.disagreeing[item.id] = disagreements
    return ledger


def dossier(item: Evidence, events: list[CustodyEvent], *disagreements: str) -> ItemDossier:
    ledger = ledger_of(item, events, *disagreements)
    return Dossiers(ledger, MadeStore({}), "/archive", NOW).item(item.id)  # type: ignore[arg-type]


def test_judgements_are_read_back_with_every_check() -> None:
    said = judged(Reason.HASH_MISMATCH, files=(result(B),), findings=(Finding.GZIP_DAMAGED,))
    history = history_of([acquired(evidence(SIGN, FIRST), judged(files=(result(A),))), verified(said, 1)])
    assert [(j.seq, j.occasion, j.verdict) for j in history.judged] == [
        (0, "acquisition", Verdict.VERIFIED),
        (1, "audit", Verdict.FAILED),
    ]
    last = history.judged[1]
    assert (last.reasons, last.findings, last.checks) == (said.reasons, said.findings, said.checks)
    assert last.key_sha256 == B
    assert history.files == (result(B),)
    assert WORDS.sentence(history.happenings[1]) == "read again; FAILED (hash_mismatch, gzip_damaged)"
    assert history.happenings[1].actor == ACTOR
    assert "judgement" not in history.happenings[1].facts


def test_other_events_are_told_in_a_sentence_with_their_facts() -> None:
    observed = SourceObserved(at=NOW, id="0" * 32, finding=Finding.SOURCE_DELETED, detail="not listed any more")
    mended = custody.RepairedFile(FIRST.path, B, A, "set-aside/x")
    repaired = EvidenceRepaired(at=NOW, id="0" * 32, repaired_from="s3://b", files=(mended,))
    first, second = history_of([event(1, observed), event(2, repaired)]).happenings
    assert WORDS.sentence(first) == "source_deleted: not listed any more"
    assert WORDS.sentence(second) == f"repaired 1 file from s3://b: {FIRST.path}"
    assert second.hashes == (HashChange(FIRST.path, B, A),)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "nonsense",
        "[]",
        "{}",
        '{"kind":"x","actor":5}',
        '{"actor":{"user":"u","host":"h","version":"v"},"judgement":7}',
    ],
)
def test_an_unreadable_event_is_shown_as_such_and_hides_no_other(body: str) -> None:
    broken = CustodyEvent(1, NOW, "evidence_verified", "0" * 32, body)
    history = history_of([acquired(evidence(SIGN, FIRST), judged()), broken, verified(judged(), 2)])
    assert [j.seq for j in history.judged] == [0, 2]
    assert "CANNOT BE READ" in WORDS.sentence(history.happenings[1])
    assert history.unread == [1]
    assert history.happenings[1].actor is None


def test_equal_neighbours_stand_together_and_a_change_never_hides() -> None:
    good, bad = judged(), judged(Reason.ARCHIVE_ALTERED)
    history = history_of([verified(said, seq) for seq, said in enumerate([good, good, bad, good, good, good])])
    assert [(r.first.seq, r.last.seq, r.count, r.last.verdict) for r in judged_runs(history.judged)] == [
        (0, 1, 2, Verdict.VERIFIED),
        (2, 2, 1, Verdict.FAILED),
        (3, 5, 3, Verdict.VERIFIED),
    ]
    assert [(s.first.seq, s.last.seq, s.count) for s in event_runs(history.happenings)] == [
        (0, 1, 2),
        (2, 2, 1),
        (3, 5, 3),
    ]


ALTERED = Check("archive", CheckResult.FAIL, f"{FIRST.path} was acquired with SHA-256 …")
UNREAD = Check("archive", CheckResult.UNKNOWN, f"{FIRST.path} cannot be read: EIO")


@pytest.mark.parametrize(
    ("file", "last", "expected"),
    [
        (FIRST, judged(files=(result(A),)), Standing.SIGNED),
        (FIRST, judged(files=(result(A, signed=False),)), Standing.LISTED),
        (replace(FIRST, sha256=B), judged(files=(result(B),)), Standing.MISMATCH),
        (FIRST, judged(files=(result(B),), archive=ALTERED), Standing.ALTERED),
        (FIRST, judged(files=(result(None),), archive=ALTERED), Standing.ALTERED),
        (FIRST, judged(files=(result(None),), archive=UNREAD), Standing.UNREAD),
        (replace(FIRST, sha256=B), judged(files=(result(C),), archive=ALTERED), Standing.ALTERED),
        (replace(FIRST, listed_sha256=None), judged(files=(result(A, None),)), Standing.UNLISTED),
        (a_file("x", FileRole.UNLISTED, A), judged(files=(result(A, None, name="x"),)), Standing.UNLISTED),
        (
            a_file("b\udcff", FileRole.UNLISTED, A),
            judged(files=(result(A, None, name="b\udcff"),)),
            Standing.UNLISTED,
        ),
    ],
)
def test_standing_of_a_file(file: EvidenceFile, last: Judgement, expected: Standing) -> None:
    assert standing_of(file, last) is expected


def test_an_altered_file_does_not_discredit_its_neighbours() -> None:
    other = a_file("result_2.csv.gz", FileRole.RESULT, B, B)
    item = evidence(SIGN, FIRST, other)
    last = judged(files=(result(C), result(B, B, name=other.name)), archive=ALTERED)
    told = dossier(item, [acquired(item, judged()), verified(last, 1)])
    assert [f.standing for f in told.files] == [Standing.SIGN_FILE, Standing.ALTERED, Standing.SIGNED]


def test_a_listed_file_that_never_came_stands_among_the_files() -> None:
    item = evidence(SIGN, FIRST)
    last = judged(Reason.FILE_MISSING, files=(result(A), result(None, B, name="result_2.csv.gz")))
    missing = dossier(item, [acquired(item, last)]).files[2]
    assert (missing.name, missing.standing, missing.path, missing.sha256) == (
        "result_2.csv.gz",
        Standing.MISSING,
        None,
        None,
    )
    assert missing.listed_sha256 == B


def test_signed_hashes_are_those_of_the_last_judgement_in_listed_order() -> None:
    item = evidence(SIGN, FIRST)
    last = judged(files=(result(B, B, name="result_2.csv.gz"), result(A)))
    told = dossier(item, [acquired(item, judged()), verified(last, 1)])
    assert told.signed_hashes == (B, A)
    assert told.signature is CheckResult.PASS


def test_a_row_that_its_events_contradict_is_not_believed() -> None:
    item = evidence(SIGN, FIRST)
    events = [acquired(item, judged(Reason.UNSIGNED))]
    told = dossier(item, events, "evidence_state.verdict: the row says 'verified'")
    assert told.state.verdict is Verdict.FAILED
    assert set(told.state.reasons) == {Reason.LEDGER_ALTERED, Reason.UNSIGNED}
    assert told.disagreements == ("evidence_state.verdict: the row says 'verified'",)


def test_a_summary_stays_small_and_counts_on() -> None:
    summary = Summary()
    item = dossier(evidence(SIGN, FIRST), [acquired(evidence(SIGN, FIRST), judged())])
    failed = replace(item, state=replace(item.state, verdict=Verdict.FAILED, reasons=(Reason.UNSIGNED,)))
    for _ in range(REPORTED_IDS - 1):
        summary.add(item)
    summary.add(failed)
    assert len(summary.reported_ids) == REPORTED_IDS
    summary.add(failed)
    assert summary.reported_ids == ()
    assert summary.items == REPORTED_IDS + 1
    assert summary.by_verdict == {Verdict.VERIFIED: REPORTED_IDS - 1, Verdict.FAILED: 2, Verdict.INDETERMINATE: 0}
    assert (len(summary.verified), len(summary.others)) == (OVERVIEW_LINES, 2)
    assert summary.left_out == REPORTED_IDS - 1 - OVERVIEW_LINES
    assert summary.size == 20 * summary.items


def test_no_steps_without_a_sign_file_that_can_be_read() -> None:
    assert steps_for(evidence(FIRST), None, None, "/archive") == ()
    assert steps_for(replace(evidence(SIGN, FIRST), hash_list_sha256=None), None, None, "/archive") == ()


def test_without_a_key_the_steps_ask_for_it_round_the_claimed_time() -> None:
    steps = steps_for(evidence(SIGN, FIRST), None, None, "/archive")
    asking = " ".join(line for step in steps for line in step.commands if "list-public-keys" in line)
    assert "--start-time 2025-12-06T12:00:00Z --end-time 2026-02-14T12:00:00Z" in asking
    assert "f" * 32 in asking
    assert "--region us-east-1" in asking


@pytest.mark.parametrize("year", [1, 9999])
def test_a_claimed_time_at_the_end_of_all_years_does_no_harm(year: int) -> None:
    item = replace(evidence(SIGN, FIRST), query_complete_time=datetime(year, 1, 1, tzinfo=UTC))
    assert steps_for(item, None, None, "/archive")


def test_steps_quote_what_a_hostile_path_could_make_a_shell_do(tmp_path: Path) -> None:
    hostile = "$(touch owned)'`touch owned`\"; touch owned #"
    item = replace(evidence(SIGN, FIRST), path=hostile, region=hostile, fingerprint=hostile)
    steps = steps_for(item, None, None, f"/{hostile}")
    script = "\n".join(line for step in steps for line in step.commands if not line.startswith("aws"))
    subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, check=False)
    asking = next(line for step in steps for line in step.commands if line.startswith("aws"))
    subprocess.run(["bash", "-c", f"aws() {{ :; }}; W=.; {asking}"], cwd=tmp_path, capture_output=True, check=False)
    assert not (tmp_path / "owned").exists()
