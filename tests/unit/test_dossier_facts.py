"""What a dossier says of each value: under whose word it stands, or why there is none; and as of when."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields, replace
from datetime import timedelta

import pytest

from archiver.domain.dossier import ItemDossier, Standing
from archiver.domain.evidence import EvidenceState, FileRole, Origin
from archiver.domain.facts import Absent, Fact, Label
from archiver.domain.records import Selection
from archiver.domain.summary import Summary
from archiver.domain.survey import Look
from archiver.domain.verdict import Finding, Reason, Verdict
from archiver.errors import UnknownEvidenceError
from archiver.work.dossier import Dossiers
from tests.support.dossier_events import (
    ACQUIRED,
    CALLER,
    DELIVERED,
    KEY,
    NAMES,
    NOW,
    SIGNED,
    Made,
    MadeStore,
    a_description,
    a_survey,
    an_acquisition,
    an_event,
    passed,
)
from tests.support.dossiers import (
    DOSSIERS,
    bare_item,
    bare_made,
    failed_item,
    failed_made,
    full_item,
    full_made,
    imported_item,
    imported_made,
    unreadable_item,
    waiting_item,
)

NAMES_OF = {
    "source": "partition account region source_name source_url bucket prefix query_id key_region",
    "query": "sql_text execution_time query_complete_time described_at query_status delivery_status delivery_uri "
    "owner event_data_store events_matched events_scanned bytes_scanned milliseconds created_at query_string",
    "acquisition": "how who host version caller first_seen_at acquired_at clock_offset_ms archived_at revision",
    "file": "etag version_id last_modified encryption retention request_id request_id_2 clock_offset_ms sha512 "
    "packing unpacked rows first_event last_event",
}


def named(facts: Iterable[Fact]) -> dict[str, Fact]:
    return {one.name: one for one in facts}


def every(item: ItemDossier) -> dict[str, Fact]:
    return named((*item.source, *item.query, *item.acquisition))


def absent(facts: Iterable[Fact]) -> dict[str, Absent]:
    return {one.name: one.absent for one in facts if one.absent}


@pytest.mark.parametrize("kind", DOSSIERS)
def test_each_list_is_complete_and_in_its_order(kind: str) -> None:
    item = DOSSIERS[kind](0)
    for group, names in NAMES_OF.items():
        for facts in [file.facts for file in item.files] if group == "file" else [getattr(item, group)]:
            assert [one.name for one in facts] == names.split()


def test_each_value_stands_under_whose_word_it_is() -> None:
    facts = every(full_item())
    by_label: dict[Label, set[str]] = {label: set() for label in Label}
    for name, one in facts.items():
        assert one.absent is None, one
        by_label[one.label].add(name)
    assert by_label[Label.SIGNED] == {"sql_text", "execution_time", "event_data_store"}
    assert by_label[Label.CLAIMED] == {"account", "region", "query_id", "query_complete_time"}
    assert by_label[Label.STATED] == {"source_name", "source_url", "bucket"}
    assert by_label[Label.RECORDED] == {
        *("described_at", "how", "who", "host", "version", "first_seen_at", "acquired_at", "archived_at", "revision"),
        "clock_offset_ms",
    }
    assert "caller" in by_label[Label.OBSERVED]
    assert facts["sql_text"].value == (
        "SELECT eventID, eventTime, eventSource, eventName, recipientAccountId "
        "FROM 3f1a2b4c-5d6e-4f70-8192-a3b4c5d6e7f8 ORDER BY eventTime ASC"
    )
    assert facts["event_data_store"].value == "3f1a2b4c-5d6e-4f70-8192-a3b4c5d6e7f8"
    assert (facts["partition"].value, facts["bucket"].value) == ("aws", "evidence-bucket")
    assert (facts["key_region"].value, facts["caller"].value) == ("ap-northeast-1", CALLER)
    assert facts["clock_offset_ms"].value == -250


def test_what_a_whole_reading_showed_is_signed_only_where_the_bytes_are() -> None:
    first = named(full_item().files[1].facts)
    assert (first["first_event"].label, first["sha512"].label) == (Label.SIGNED, Label.RECORDED)
    made = bare_made()
    made.tells(a_survey(made.evidence, [NAMES[1]]))
    unlisted = named(made.dossier().files[0].facts)
    assert unlisted["rows"].value == 1
    assert unlisted["first_event"].label is Label.CLAIMED
    assert every(made.dossier())["execution_time"].label is Label.CLAIMED


def test_what_an_imported_key_covers_is_not_signed_by_aws() -> None:
    item = imported_item()
    under = {one.name for one in every(item).values() if one.label is Label.FITS_KEY}
    assert under == {"sql_text", "execution_time", "event_data_store"}
    assert {named(file.facts)["first_event"].label for file in item.files[1:]} == {Label.FITS_KEY}
    told = [*every(item).values(), *(one for file in item.files for one in file.facts)]
    assert Label.SIGNED not in {one.label for one in told}
    assert item.signed_label is Label.FITS_KEY


def test_one_listed_copy_of_the_key_is_enough_and_no_copy_is_not() -> None:
    made = imported_made()
    made.copies = (*made.copies, KEY)
    assert every(made.dossier())["sql_text"].label is made.dossier().signed_label is Label.SIGNED
    made.copies = ()
    assert every(made.dossier())["sql_text"].label is made.dossier().signed_label is Label.FITS_KEY


def test_the_offset_of_the_clock_is_computed_here() -> None:
    for item in (full_item(), bare_item(), failed_item()):
        offsets = [every(item), *(named(file.facts) for file in item.files if file.path)]
        assert {facts["clock_offset_ms"].label for facts in offsets} == {Label.RECORDED}


def test_a_folder_and_a_missing_sign_file_have_reasons() -> None:
    item = bare_item()
    facts = every(item)
    told = absent(facts.values())
    assert {name for name, why in told.items() if why is Absent.NOT_S3} == {
        *("partition", "bucket", "caller", "clock_offset_ms", "described_at", "query_status", "delivery_status"),
        *("delivery_uri", "owner", "events_matched", "events_scanned", "bytes_scanned", "milliseconds", "created_at"),
        "query_string",
    }
    assert {told[name] for name in ("account", "region", "query_id", "query_complete_time")} == {Absent.UNREADABLE}
    assert told["key_region"] is Absent.NO_KEY
    assert {told[name] for name in ("sql_text", "execution_time", "event_data_store")} == {Absent.NOT_READ}
    assert (facts["how"].value, facts["prefix"].label) == ("fetched_folder", Label.RECORDED)
    assert set(absent(item.files[0].facts).values()) == {Absent.NOT_S3, Absent.NOT_READ}
    assert item.sign_file.absent is Absent.NONE
    assert (item.proof.data, item.proof.trouble) == (None, "not asked for")
    assert waiting_item().acquisition[0].value == "imported"


def test_an_answer_that_was_refused_or_never_asked_for_is_told_apart() -> None:
    refused, asked = failed_made().dossier(), waiting_item()
    assert {absent(refused.query)[name] for name in ("query_status", "owner", "query_string")} == {Absent.REFUSED}
    assert named(refused.query)["described_at"].value == ACQUIRED + timedelta(seconds=2)
    assert {absent(asked.query)[name] for name in ("described_at", "query_status")} == {Absent.NOT_ASKED}
    made = Made()
    made.lies()
    made.tells(an_acquisition(made.evidence, passed()))
    described, _ = a_description(made.evidence)
    figures = described.figures
    assert figures is not None
    made.tells(replace(described, figures=replace(figures, **{one.name: None for one in fields(figures)})))
    told = absent(made.dossier().query)
    assert told["query_status"] is Absent.NOT_ANSWERED
    assert told["query_string"] is Absent.NOT_THERE, "the answer's file is not in the archive"


@pytest.mark.parametrize(
    ("answer", "why"),
    [(b"other bytes", Absent.NOT_THERE), (None, Absent.NOT_THERE)],
)
def test_an_answer_that_was_altered_is_not_shown(answer: bytes | None, why: Absent) -> None:
    made = full_made()
    path = f"described/{made.evidence.id}.json"
    made.files.pop(path)
    if answer is not None:
        made.files[path] = answer
    assert absent(made.dossier().query) == {"query_string": why}


def test_the_header_and_the_sign_file_are_shown_only_as_they_were_acquired() -> None:
    made = full_made()
    sign, first = (file.path for file in made.evidence.files[:2])
    made.files[first] = DELIVERED[NAMES[2]][:-1] + b"?"
    assert every(made.dossier())["sql_text"].value, "the line itself is the one that was surveyed"
    made.files[first] = b"gone"
    made.files[sign] += b" "
    item = made.dossier()
    assert every(item)["sql_text"].absent is Absent.NOT_THERE
    assert every(item)["execution_time"].absent is None, "it stands in the event"
    assert (item.sign_file.text, item.sign_file.absent) == (None, Absent.NOT_THERE)
    whole = full_item().sign_file
    assert whole.text == DELIVERED[NAMES[0]].decode()
    assert whole.signing_string == " ".join(SIGNED.values())
    assert len(whole.signature or "") == 512


@pytest.mark.parametrize(
    ("rows", "trouble", "why"),
    [(0, "", Absent.NONE), (2, "", Absent.NO_COLUMN), (2, "x", Absent.UNREADABLE), (None, "", Absent.UNREADABLE)],
)
def test_why_there_is_no_first_event(rows: int | None, trouble: str, why: Absent) -> None:
    made = full_made()
    seen = a_survey(made.evidence, [NAMES[1]])
    made.tells(replace(seen, files=(replace(seen.files[0], rows=rows, trouble=trouble, first_event=None),)))
    assert named(made.dossier().files[1].facts)["first_event"].absent is why


def test_a_survey_of_other_bytes_says_nothing_of_these() -> None:
    made = full_made()
    seen = a_survey(made.evidence, [NAMES[1]])
    made.tells(replace(seen, files=(replace(seen.files[0], sha256="0" * 64),)))
    assert named(made.dossier().files[1].facts)["sha512"].absent is Absent.NOT_READ


def test_a_file_that_never_came_has_no_facts_of_its_own() -> None:
    made = Made()
    item = made.evidence = replace(made.evidence, files=made.evidence.files[:2])
    made.tells(an_acquisition(item, passed()))
    missing = made.dossier().files[2]
    assert (missing.name, missing.standing, missing.role) == (NAMES[2], Standing.MISSING, FileRole.RESULT)
    assert set(absent(missing.facts).values()) == {Absent.NOT_THERE}


def test_an_origin_that_says_nothing_is_not_answered() -> None:
    made = Made()
    files = tuple(replace(file, origin=Origin("k", "e")) for file in made.evidence.files)
    made.evidence = replace(made.evidence, files=files, caller=None)
    made.tells(an_acquisition(made.evidence, passed()))
    item = made.dossier()
    told = absent(item.files[1].facts)
    assert {told[name] for name in ("version_id", "last_modified", "encryption", "request_id")} == {
        Absent.NOT_ANSWERED
    }
    assert {absent(item.acquisition)[name] for name in ("caller", "clock_offset_ms")} == {Absent.NOT_ANSWERED}
    assert absent(item.source)["partition"] is Absent.NOT_ANSWERED


def test_a_dossier_is_as_of_the_events_it_is_made_of() -> None:
    made = failed_made()
    made.disagreements = ()
    made.events.pop()  # the one that cannot be read
    told = []
    for event in made.events:
        made.before = event.seq + 1
        item = made.dossier()
        assert [one.seq for one in item.history] == [one.seq for one in made.events if one.seq <= event.seq]
        told.append((item.state.verdict, Finding.SOURCE_DELETED in item.state.findings, item.fixity.count))
    good, bad = Verdict.VERIFIED, Verdict.FAILED
    assert told == [
        *((good, False, 1), (good, False, 1), (bad, False, 2), (bad, True, 2), (bad, True, 2), (good, True, 3)),
        *((good, False, 3), (bad, False, 4), (bad, True, 4)),
    ]
    made.before = made.events[0].seq
    with pytest.raises(UnknownEvidenceError, match="after event"):
        made.dossier()
    made.before = None
    later = made.dossier()
    made.before = made.events[-1].seq + 1
    assert made.dossier() == later


def test_facts_too_are_as_of_then() -> None:
    made = full_made()
    made.before = made.events[1].seq
    item = made.dossier()
    assert {one.absent for one in item.query if one.name in ("query_status", "described_at")} == {Absent.NOT_ASKED}
    assert named(item.files[1].facts)["sha512"].absent is Absent.NOT_READ
    assert [one.kind for one in item.history] == ["evidence_acquired"]
    made.before = None
    kinds = [one.kind for one in made.dossier().history]
    assert kinds[-2:] == ["reported", "exported"]


def test_items_selected_by_verdict_are_judged_as_of_then() -> None:
    made = failed_made()
    made.disagreements = ()
    made.events.pop()
    early = made.events[1].seq + 1

    def selected(verdict: Verdict) -> list[Verdict]:
        maker = Dossiers(made.ledger(), MadeStore({}), "/archive", NOW, early)  # type: ignore[arg-type]
        return [item.state.verdict for item in maker.items(Selection(verdict=verdict))]

    assert selected(Verdict.VERIFIED) == [Verdict.VERIFIED]
    assert selected(Verdict.FAILED) == []


def test_an_altered_row_changes_nothing_that_the_dossier_says() -> None:
    made = full_made()
    true = made.dossier()
    ledger = made.ledger(EvidenceState(Verdict.FAILED, (Reason.UNSIGNED,), (Finding.GZIP_DAMAGED,), None, ACQUIRED))
    record, events = ledger.items[made.evidence.id]
    altered = replace(
        record.evidence, caller="nobody", prefix="elsewhere/", files=record.evidence.files[:1], account="9" * 12
    )
    ledger.items[made.evidence.id] = (replace(record, evidence=altered), events)
    maker = Dossiers(ledger, MadeStore(made.files), "/srv/archive", NOW)  # type: ignore[arg-type]
    assert maker.item(made.evidence.id) == true
    ledger.disagreeing[made.evidence.id] = ("evidence.caller: the row says 'nobody'",)
    told = maker.item(made.evidence.id)
    assert told.disagreements == ("evidence.caller: the row says 'nobody'",)
    assert (told.state.verdict, told.state.reasons) == (Verdict.FAILED, (Reason.LEDGER_ALTERED,))
    assert replace(told, state=true.state, disagreements=(), proof=true.proof) == true


@pytest.mark.parametrize(
    "body",
    [
        '{"kind":',
        "NaN",
        '{"kind":"evidence_verified","x":NaN}',
        "[" * 5000 + "]" * 5000,
        '{"kind":"evidence_verified","actor":{"user":"u","host":"h","version":"v"},"x":' + "[" * 60 + "]" * 60 + "}",
    ],
    ids=["cut", "nan", "member", "deep", "nested"],
)
def test_an_event_that_does_not_read_leaves_open_what_it_said(body: str) -> None:
    made = full_made()
    made.events[4] = replace(made.events[4], body=body)
    item = made.dossier()
    assert (item.state.verdict, item.state.reasons) == (Verdict.FAILED, (Reason.LEDGER_ALTERED,))
    assert item.disagreements == (
        "custody event 11 does not read as it was recorded: what it said of the item is not known",
    )
    assert item.fixity.count == 3
    assert len(item.history) == 8
    json.dumps([dict(one.facts) for one in item.history], allow_nan=False)


@pytest.mark.parametrize("wrong", ["zz", 7, {"a": 1}, "A" * 64])
def test_what_is_no_hash_in_a_body_does_not_pass_for_one(wrong: object) -> None:
    made = full_made()
    body = json.loads(made.events[4].body)
    body["judgement"]["files"][0]["sha256"] = wrong
    made.events[4] = replace(made.events[4], body=json.dumps(body))
    item = made.dossier()
    assert "SHA-256" in item.history[4].trouble
    assert item.state.reasons == (Reason.LEDGER_ALTERED,)
    assert item.fixity.count == 3, "and the judgement beside it does not count"


def test_a_member_too_many_is_told() -> None:
    """``entry_of`` reads exactly; such an event would otherwise be passed over when the state is derived."""
    made = failed_made()
    made.disagreements = ()
    made.events.pop()
    body = json.loads(made.events[7].body)
    made.events[7] = replace(made.events[7], body=json.dumps({**body, "more": 1}))
    assert made.dossier().state.reasons[-1] is Reason.LEDGER_ALTERED


def test_an_event_of_a_kind_that_is_not_known_is_shown_and_accuses_nobody() -> None:
    made = full_made()
    body = json.dumps(
        {"kind": "sung_about", "at": "2026-01-01T00:00:00Z", "actor": {"user": "u", "host": "h", "version": "9"}}
    )
    made.events.append(replace(an_event(40, a_survey(made.evidence)), kind="sung_about", body=body))
    item = made.dossier()
    assert item.disagreements == ()
    assert [one.kind for one in item.history][-1] == "sung_about"


def test_an_item_of_which_nothing_reads_is_not_believed() -> None:
    item = unreadable_item()
    assert item.state.verdict is Verdict.FAILED
    assert len(item.disagreements) == 1


def test_hashes_before_and_after_stand_with_each_event() -> None:
    made = failed_made()
    item = made.dossier()
    path = made.evidence.files[1].path
    told = {
        one.seq: [(change.before, change.after) for change in one.hashes if change.file == path]
        for one in item.history
    }
    good, wrong = SIGNED[NAMES[1]], next(change.after for change in item.history[2].hashes if change.file == path)
    assert wrong != good
    assert [told[event.seq] for event in made.events[:8]] == [
        *([(None, good)], [], [(good, wrong)], [], [(wrong, good)], [(good, good)], [], [(good, wrong)])
    ]


def test_the_fixity_history_names_good_bad_and_due() -> None:
    fixity = failed_made().dossier().fixity
    seqs = [one.seq if one else None for one in (fixity.first, fixity.last, fixity.last_good, fixity.first_bad)]
    assert seqs == [3, 17, 13, 17]
    assert [one.seq for one in fixity.failures] == [7, 17]
    assert fixity.overdue
    good = full_item().fixity
    assert (good.first_bad, good.failures, good.overdue) == (None, (), False)
    bad = bare_item().fixity
    assert (bad.last_good, bad.first_bad, bad.count) == (None, bad.first, 1)


def test_a_file_that_could_not_be_read_for_the_report_leaves_the_item_open() -> None:
    made = full_made()
    path = made.evidence.files[1].path
    seen = Look(unread={path: f"{path} cannot be read: Input/output error"})
    maker = Dossiers(made.ledger(), MadeStore(made.files), "/archive", NOW, look=lambda _item: seen)  # type: ignore[arg-type]
    item = maker.item(made.evidence.id)
    assert (item.state.verdict, item.state.reasons) == (Verdict.INDETERMINATE, (Reason.READ_ERROR,))
    assert item.archive_troubles == (f"{path} cannot be read: Input/output error",)
    assert [file.standing for file in item.files][1] is Standing.UNREAD
    assert (item.is_read, item.disagreements) == (False, ())
    summary = Summary()
    summary.add(item)
    assert (summary.unread, summary.altered, summary.read) == (1, 0, 0)
