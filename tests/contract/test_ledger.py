"""The ledger's contract, over SQLite and PostgreSQL: what is recorded, and what follows from it."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from typing import Any

import pytest

from archiver.adapters.ledger.database import SqlLedger, open_ledger
from archiver.domain.custody import (
    DaemonStarted,
    DeliverySeen,
    DeliveryVanished,
    Entry,
    KeyHarvested,
    SourceFailed,
    SourceObserved,
    SourceRecovered,
    SourceRestored,
)
from archiver.domain.custody_log import LogKeyAdopted
from archiver.domain.evidence import EvidenceState
from archiver.domain.keys import HeldKey, KeyProvenance, PublicKey
from archiver.domain.records import Alert, KnownDelivery, Undelivered
from archiver.domain.verdict import Finding, Reason, Verdict
from archiver.errors import LedgerError, UnknownEvidenceError
from tests.support.ledgers import ACTOR, DAY, START, LedgerPlace, acquired, good, item, told, verified


def started(number: float) -> DaemonStarted:
    return DaemonStarted(at=START, pid=number, configuration_sha256="c" * 64)


def kinds(ledger: SqlLedger) -> list[str]:
    return [event.kind for event in ledger.evidence.events()]


# ------------------------------------------------------------------------------------------ acquisition


def test_evidence_comes_back_as_it_was_recorded(ledger: SqlLedger) -> None:
    evidence = item(1, file_count=3)
    ledger.journal.record([acquired(evidence, told([Reason.HASH_MISMATCH], [Finding.UNLISTED_FILE]))])
    record = ledger.evidence.get(evidence.id)
    assert record.evidence == evidence
    assert record.state == EvidenceState(
        verdict=Verdict.FAILED,
        reasons=(Reason.HASH_MISMATCH,),
        findings=(Finding.UNLISTED_FILE,),
        last_audited_at=None,
        next_audit_at=evidence.acquired_at + DAY,
    )
    assert ledger.evidence.disagreements(evidence.id) == ()


def test_optional_fields_may_all_be_absent(ledger: SqlLedger) -> None:
    bare = item(
        1,
        account=None,
        query_id=None,
        region=None,
        query_complete_time=None,
        fingerprint=None,
        hash_list_sha256=None,
        caller=None,
        files=(),
    )
    ledger.journal.record([acquired(bare)])
    assert ledger.evidence.get(bare.id).evidence == bare
    assert ledger.evidence.disagreements(bare.id) == ()


HOSTILE = [
    "nul\x00inside",
    "\x01\x02 marks \ue000\uf000 of ours",
    "not utf-8 \udcff\udc80",
    "lone \ud800 surrogate",
    "line\nbreak\u2028 \u202e bidi",
    "'; DROP TABLE evidence; -- \\ %s :name $1",
    "é against e\u0301",
    "\U0010ffff",
    "",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_comes_back_as_it_was(ledger: SqlLedger, text: str) -> None:
    honest = item(1)
    file = honest.files[0]
    origin = type(file.origin)(key=text, etag=text, version_id=text, request_id=text)
    hostile = type(file)(text, file.role, file.path + text, 1, file.sha256, None, origin)
    evidence = item(1, prefix=text, source_url=text, caller=text, files=(hostile,))
    ledger.journal.record(
        [
            acquired(evidence),
            DeliverySeen(at=START, source="other", prefix=text, objects=1, size=1, waiting_for=text),
        ],
        [Alert(text, text, text)],
    )
    assert ledger.evidence.get(evidence.id).evidence == evidence
    assert ledger.evidence.disagreements(evidence.id) == ()
    assert list(ledger.deliveries.known("prod", [text])) == [text]
    assert [known.prefix for known in ledger.deliveries.pending("other")] == [text]
    assert [known.prefix for known in ledger.deliveries.archived_below("prod", text)] == [text]
    assert [queued.alert for queued in ledger.outbox.due(START + DAY)] == [Alert(text, text, text)]


def test_a_very_long_prefix_is_no_trouble(ledger: SqlLedger) -> None:
    long = "".join(f"{number}/" for number in range(2000))  # longer than a PostgreSQL index entry can be
    ledger.journal.record([acquired(item(1, prefix=long, path=f"prod/{long}x"))])
    assert list(ledger.deliveries.known("prod", [long, long + "x/"])) == [long]
    assert [known.prefix for known in ledger.deliveries.archived_below("prod", long[:3000])] == [long]
    assert not list(ledger.deliveries.archived_below("prod", long[:3000] + "x"))
    assert ledger.evidence.has_below(f"prod/{long}")
    assert not ledger.evidence.has_below(f"prod/{long}x")


def test_the_same_evidence_twice_is_recorded_once(ledger: SqlLedger) -> None:
    entry = acquired(item(1))
    ledger.journal.record([entry, entry], [Alert("once", "title", "text")])
    ledger.journal.record([entry, started(1)], [Alert("once", "title", "text"), Alert("more", "title", "text")])
    assert kinds(ledger) == [
        "ledger_migrated",
        "evidence_acquired",
        "alert_raised",
        "daemon_started",
        "alert_raised",
    ]
    assert [queued.alert.cause for queued in ledger.outbox.due(START + DAY)] == ["once", "more"]


def test_an_import_is_known_like_a_delivery(ledger: SqlLedger) -> None:
    evidence = item(1)
    ledger.journal.record([acquired(evidence, by_import=True)])
    known = ledger.deliveries.known("prod", [evidence.prefix])[evidence.prefix]
    assert known == KnownDelivery(evidence.prefix, "d" * 64, START, evidence.id, 1)
    assert json.loads(next(ledger.evidence.events(evidence.id)).body)["by_import"] is True


# ------------------------------------------------------------------------------------------ events


def test_events_hold_who_when_and_what_in_canonical_form(ledger: SqlLedger) -> None:
    evidence = item(1)
    ledger.journal.record([acquired(evidence), started(7)])
    events = list(ledger.evidence.events())
    assert [event.seq for event in events] == [0, 1, 2]
    body = json.loads(events[1].body)
    assert body["actor"] == {"user": "keeper", "host": "vault", "version": "0.1.0"}
    assert body["evidence"]["id"] == events[1].evidence_id == evidence.id
    assert events[1].at == evidence.acquired_at
    ascii_text = json.dumps(body, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    assert events[1].body == ascii_text  # what RFC 8785 asks for, as long as names and numbers are plain
    assert [event.seq for event in ledger.evidence.events(evidence.id)] == [1]


def test_many_events_are_read_in_order(ledger: SqlLedger) -> None:
    ledger.journal.record([started(number) for number in range(450)])
    assert [event.seq for event in ledger.evidence.events()] == list(range(451))


def test_a_failing_entry_leaves_nothing_of_its_batch(ledger: SqlLedger, ledger_place: LedgerPlace) -> None:
    stranger = item(9)
    with pytest.raises(LedgerError, match=stranger.id):
        ledger.journal.record(
            [acquired(item(1)), started(1), verified(stranger, START)], [Alert("cause", "title", "text")]
        )
    assert kinds(ledger) == ["ledger_migrated"]
    assert ledger.outbox.due(START + DAY) == []
    assert ledger.deliveries.known("prod", [item(1).prefix]) == {}
    with pytest.raises(UnknownEvidenceError, match=item(1).id):
        ledger.evidence.get(item(1).id)
    ledger.journal.record([started(2)])
    assert [event.seq for event in ledger.evidence.events()] == [0, 1]


def test_what_the_database_refuses_leaves_nothing_either(ledger: SqlLedger) -> None:
    unsaid: Any = None
    broken = LogKeyAdopted(at=START, key="k", before=None, vouched=unsaid)  # a NULL that only the database finds
    with pytest.raises(LedgerError, match="vouched"):
        ledger.journal.record([acquired(item(1)), broken])
    assert kinds(ledger) == ["ledger_migrated"]


def test_what_json_cannot_hold_is_refused(ledger: SqlLedger) -> None:
    with pytest.raises(LedgerError, match="daemon_started cannot be recorded"):
        ledger.journal.record([started(1), started(1.5)])
    assert kinds(ledger) == ["ledger_migrated"]


def test_writers_at_once_leave_no_gap(ledger: SqlLedger, ledger_place: LedgerPlace) -> None:
    """Two ledgers of one place, four threads each: every event is there, numbered without a gap."""
    other = open_ledger(ledger_place.url, ACTOR)
    troubles: list[BaseException] = []

    def write(into: SqlLedger, number: int) -> None:
        try:
            for turn in range(10):
                into.journal.record([started(number * 100 + turn), acquired(item(turn))])
        except BaseException as error:
            troubles.append(error)

    threads = [threading.Thread(target=write, args=((ledger, other)[n % 2], n)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert troubles == []
    events = list(ledger.evidence.events())
    assert [event.seq for event in events] == list(range(1 + 80 + 10))
    pids = [json.loads(event.body)["pid"] for event in events if event.kind == "daemon_started"]
    assert sorted(pids) == sorted(number * 100 + turn for number in range(8) for turn in range(10))
    assert ledger.evidence.disagreements_of([item(turn).id for turn in range(10)]) == {}


# ------------------------------------------------------------------------------------------ judgements


def test_an_audit_replaces_what_is_said_and_keeps_the_sources_findings(ledger: SqlLedger) -> None:
    evidence = item(1)
    later = START + 5 * DAY
    ledger.journal.record([acquired(evidence, good(findings=[Finding.UNLISTED_FILE]))])
    ledger.journal.record([SourceObserved(at=START + DAY, id=evidence.id, finding=Finding.SOURCE_CHANGED, detail="")])
    ledger.journal.record([SourceObserved(at=START + DAY, id=evidence.id, finding=Finding.SOURCE_DELETED, detail="")])
    both = (Finding.SOURCE_CHANGED, Finding.SOURCE_DELETED)
    assert ledger.evidence.get(evidence.id).state.findings == (Finding.UNLISTED_FILE, *both)
    ledger.journal.record([verified(evidence, later, told([Reason.ARCHIVE_ALTERED], [Finding.GZIP_DAMAGED]))])
    assert ledger.evidence.get(evidence.id).state == EvidenceState(
        verdict=Verdict.FAILED,
        reasons=(Reason.ARCHIVE_ALTERED,),
        findings=(Finding.GZIP_DAMAGED, *both),
        last_audited_at=later,
        next_audit_at=later + 30 * DAY,
    )
    assert ledger.evidence.disagreements(evidence.id) == ()


def test_every_judgement_is_kept(ledger: SqlLedger, ledger_place: LedgerPlace) -> None:
    evidence = item(1)
    ledger.journal.record([acquired(evidence)])
    ledger.journal.record([verified(evidence, START + DAY, told([Reason.READ_ERROR]), occasion="repair")])
    rows = ledger_place.query("SELECT seq, occasion, verdict, reasons, checks FROM verifications ORDER BY seq")
    assert [row[:4] for row in rows] == [
        (1, "acquisition", "verified", "[]"),
        (2, "repair", "indeterminate", '["read_error"]'),
    ]
    assert json.loads(rows[0][4])[0] == {"id": "sign_file", "result": "pass", "detail": "well-formed"}


def test_acquired_and_audited_in_one_batch(ledger: SqlLedger) -> None:
    evidence = item(1)
    ledger.journal.record([acquired(evidence), verified(evidence, START + DAY, told([Reason.HASH_MISMATCH]))])
    assert ledger.evidence.get(evidence.id).state.verdict is Verdict.FAILED
    assert ledger.evidence.disagreements(evidence.id) == ()


# ------------------------------------------------------------------------------------------ deliveries, sources


def test_a_delivery_is_pending_until_it_is_archived(ledger: SqlLedger) -> None:
    evidence = item(1)
    seen = DeliverySeen(at=START, source="prod", prefix=evidence.prefix, objects=1, size=2, waiting_for="sign file")
    ledger.journal.record([seen])
    waiting = KnownDelivery(evidence.prefix, "", START, None, 0)
    assert list(ledger.deliveries.pending("prod")) == [waiting]
    assert list(ledger.deliveries.pending("other")) == []
    noted = KnownDelivery(evidence.prefix, "e" * 64, START, None, 0)
    ledger.deliveries.note("prod", [noted])
    assert ledger.deliveries.known("prod", [evidence.prefix]) == {evidence.prefix: noted}
    ledger.journal.record([acquired(evidence, at=START + DAY)])
    archived = KnownDelivery(evidence.prefix, "d" * 64, START, evidence.id, 1)
    assert list(ledger.deliveries.pending("prod")) == []
    assert list(ledger.deliveries.archived_below("prod", "AWSLogs/")) == [archived]
    ledger.journal.record([seen])
    assert ledger.deliveries.known("prod", [evidence.prefix]) == {evidence.prefix: archived}


def test_a_pending_delivery_that_vanishes_is_known_no_more(ledger: SqlLedger) -> None:
    archived = item(2)
    ledger.journal.record(
        [
            DeliverySeen(at=START, source="prod", prefix="a/", objects=1, size=2, waiting_for="sign file"),
            acquired(archived),
            DeliveryVanished(at=START, source="prod", prefix="a/"),
            DeliveryVanished(at=START, source="prod", prefix=archived.prefix),
        ]
    )
    assert list(ledger.deliveries.known("prod", ["a/", archived.prefix])) == [archived.prefix]


def test_a_later_revision_takes_the_place_of_the_first_and_not_the_other_way_round(ledger: SqlLedger) -> None:
    first, second = item(1), item(1, revision=2)
    ledger.journal.record([acquired(second)])
    ledger.journal.record([acquired(first)])
    known = ledger.deliveries.known("prod", [first.prefix])[first.prefix]
    assert (known.evidence_id, known.revision) == (second.id, 2)


def test_a_deleted_delivery_is_gone_until_it_is_there_again(ledger: SqlLedger) -> None:
    evidence = item(1)
    gone = SourceObserved(at=START, id=evidence.id, finding=Finding.SOURCE_DELETED, detail="not listed")
    ledger.journal.record([acquired(evidence), gone])
    known = ledger.deliveries.known("prod", [evidence.prefix])[evidence.prefix]
    assert known.gone
    assert list(ledger.deliveries.archived_below("prod", "")) == []
    back = KnownDelivery(known.prefix, known.listing_digest, known.first_seen_at, known.evidence_id, 1, gone=False)
    ledger.deliveries.note("prod", [back])
    assert list(ledger.deliveries.archived_below("prod", "")) == [back]


def test_a_deleted_delivery_that_stands_there_again_is_restored_and_its_other_findings_stay(
    ledger: SqlLedger,
) -> None:
    evidence = item(1)
    gone = SourceObserved(at=START, id=evidence.id, finding=Finding.SOURCE_DELETED, detail="not listed")
    changed = SourceObserved(at=START, id=evidence.id, finding=Finding.SOURCE_CHANGED, detail="")
    back = SourceRestored(at=START + DAY, id=evidence.id)
    ledger.journal.record([acquired(evidence), changed, gone])
    ledger.journal.record([back])
    assert ledger.evidence.get(evidence.id).state.findings == (Finding.SOURCE_CHANGED,)
    assert not ledger.deliveries.known("prod", [evidence.prefix])[evidence.prefix].gone
    assert ledger.evidence.disagreements(evidence.id) == ()
    ledger.journal.record([gone, back, gone])
    assert ledger.evidence.get(evidence.id).state.findings == (Finding.SOURCE_CHANGED, Finding.SOURCE_DELETED)
    assert ledger.deliveries.known("prod", [evidence.prefix])[evidence.prefix].gone
    assert ledger.evidence.disagreements(evidence.id) == ()


def test_a_replay_that_is_noticed_later_is_said_of_the_earlier_item_until_it_is_judged_again(
    ledger: SqlLedger,
) -> None:
    evidence = item(1)
    replayed = SourceObserved(at=START, id=evidence.id, finding=Finding.REPLAYED_HASH_LIST, detail="copied")
    ledger.journal.record([acquired(evidence), replayed])
    assert ledger.evidence.get(evidence.id).state.findings == (Finding.REPLAYED_HASH_LIST,)
    assert ledger.evidence.disagreements(evidence.id) == ()
    ledger.journal.record([verified(evidence, START + DAY)])
    assert ledger.evidence.get(evidence.id).state.findings == ()
    assert ledger.evidence.disagreements(evidence.id) == ()


def test_archived_deliveries_come_in_byte_order_of_their_prefix(ledger: SqlLedger) -> None:
    prefixes = ["a/", "a/\x00/", "a/\x01/", "a/ /", "a/B/", "a/b/", "a/é/", "a/\ud7ff/", "a/\ue000/", "a/\U0001f600/"]
    entries: list[Entry] = [
        acquired(item(number, prefix=prefix)) for number, prefix in enumerate(["b/", *reversed(prefixes), "A/"])
    ]
    ledger.journal.record(entries)
    assert [known.prefix for known in ledger.deliveries.archived_below("prod", "a/")] == prefixes
    assert [known.prefix for known in ledger.deliveries.archived_below("prod", "")] == ["A/", *prefixes, "b/"]
    assert list(ledger.deliveries.archived_below("pro", "a/")) == []


def test_many_deliveries_are_noted_and_found(ledger: SqlLedger) -> None:
    noted = [KnownDelivery(f"p{number:05}/", "x", START, None, 0) for number in range(2300)]
    ledger.deliveries.note("prod", noted)
    assert list(ledger.deliveries.pending("prod")) == noted
    known = ledger.deliveries.known("prod", [one.prefix for one in noted] + ["absent/"])
    assert sorted(known) == [one.prefix for one in noted]


def test_a_source_remembers_its_passes_and_since_when_it_fails(ledger: SqlLedger) -> None:
    status = ledger.deliveries.status("prod")
    assert (status.last_sync_at, status.last_full_at, status.last_full_objects, status.failing_since) == (None,) * 4
    ledger.journal.record([SourceFailed(at=START, source="prod", detail="refused")])
    ledger.journal.record([SourceFailed(at=START + DAY, source="prod", detail="refused")])
    assert ledger.deliveries.status("prod").failing_since == START
    ledger.deliveries.note_pass("prod", "s3://bucket", START + DAY, 12)
    ledger.deliveries.note_pass("prod", "s3://bucket", START + 2 * DAY, None)
    ledger.journal.record([SourceRecovered(at=START + DAY, source="prod")])
    status = ledger.deliveries.status("prod")
    assert (status.last_sync_at, status.last_full_at, status.last_full_objects, status.failing_since) == (
        START + 2 * DAY,
        START + DAY,
        12,
        None,
    )


# ------------------------------------------------------------------------------------------ keys


def key(der: bytes = b"der", region: str | None = "us-east-1", window: bool = True) -> PublicKey:
    made = PublicKey(der, "0" * 32)
    window_of = {"valid_from": START, "valid_until": START + 30 * DAY} if window else {}
    return PublicKey(der, made.fingerprint, region, **window_of)


def harvested(
    given: PublicKey, method: str = "ListPublicKeys", at: int = 0, endpoint: str = "https://ct"
) -> KeyHarvested:
    provenance = KeyProvenance(method, endpoint, "arn:caller", START + timedelta(hours=at), f"request {at}")
    return KeyHarvested(at=START, key=given, sha256=given.sha256, provenance=provenance)


def test_a_key_is_found_by_its_recomputed_fingerprint(ledger: SqlLedger) -> None:
    honest = harvested(key())
    liar = PublicKey(b"other", honest.key.fingerprint, "us-east-1", START, START + DAY)
    ledger.journal.record([honest, harvested(liar)])
    assert ledger.keys.by_fingerprint(honest.key.fingerprint) == [HeldKey(honest.key, (honest.provenance,))]
    assert [held.key for held in ledger.keys.by_fingerprint(liar.fingerprint)] == [liar]
    assert ledger.keys.by_fingerprint("f" * 32) == []


def test_a_key_that_is_obtained_again_in_the_same_way_is_passed_over(ledger: SqlLedger) -> None:
    ledger.journal.record([harvested(key()), harvested(key(), at=1)])
    ledger.journal.record([harvested(key(), at=2), harvested(key(), at=3, endpoint="https://other")])
    assert kinds(ledger) == ["ledger_migrated", "key_harvested", "key_harvested"]
    (held,) = ledger.keys.all()
    assert [provenance.endpoint for provenance in held.provenance] == ["https://ct", "https://other"]


def test_an_import_that_says_less_is_the_same_key(ledger: SqlLedger) -> None:
    imported = harvested(key(region=None, window=False), "import", at=2)
    ledger.journal.record([imported, harvested(key(), at=1)])
    (held,) = ledger.keys.all()
    assert held.key == key()
    assert [provenance.method for provenance in held.provenance] == ["ListPublicKeys", "import"]


def test_two_regions_that_list_one_key_both_stand(ledger: SqlLedger) -> None:
    ledger.journal.record([harvested(key()), harvested(key(region="eu-west-1"))])
    assert {held.key.region for held in ledger.keys.all()} == {"us-east-1", "eu-west-1"}


def test_regions_tell_until_when_keys_are_held(ledger: SqlLedger) -> None:
    later = PublicKey(b"later", "1" * 32, "us-east-1", START + 20 * DAY, START + 50 * DAY)
    nowhere = PublicKey(b"nowhere", "2" * 32)
    ledger.journal.record([harvested(key()), harvested(later), harvested(nowhere, "import")])
    assert ledger.keys.regions() == {"us-east-1": START + 50 * DAY}
    assert [held.key.der for held in ledger.keys.all()] == [b"der", b"later", b"nowhere"]


# ------------------------------------------------------------------------------------------ outbox


def test_an_alert_waits_until_it_is_delivered(ledger: SqlLedger) -> None:
    ledger.journal.record([started(1)], [Alert("a", "title", "text"), Alert("b", "title", "text")])
    first, second = ledger.outbox.due(START)
    assert (first.alert.cause, first.attempts, first.created_at) == ("a", 0, START)
    ledger.outbox.failed([first.id], START, ["urls[1] json://host"], START + DAY)
    ledger.outbox.delivered(second.id, START)
    assert ledger.outbox.due(START) == []
    waiting = ledger.outbox.waiting()
    assert (waiting.count, waiting.oldest, waiting.refused) == (1, START, ("urls[1] json://host",))
    (again,) = ledger.outbox.due(START + DAY)
    assert (again.id, again.attempts, again.refused) == (first.id, 1, ("urls[1] json://host",))
    ledger.outbox.delivered(again.id, START + DAY)
    assert ledger.outbox.waiting() == Undelivered(0, None)
    ledger.journal.record([started(2)], [Alert("a", "title", "text")])
    assert ledger.outbox.due(START + 9 * DAY) == []


@pytest.mark.parametrize(
    "garbage",
    [
        "cause = x'00'",
        "title = CAST(x'ff' AS TEXT)",
        "text = x'00'",
        "created_at = 'yesterday'",
        "attempts = 'x'",
        "attempts = -1",
        "refused = '{'",
        "refused = '[1]'",
        "created_at = '', next_try_at = 'some time'",
        "created_at = '', next_try_at = '9999-12-31T00:00:00.000000Z'",
    ],
)
def test_an_alert_that_cannot_be_read_is_told_of_and_keeps_no_other_back(
    sqlite_ledger: SqlLedger, sqlite_place: LedgerPlace, garbage: str
) -> None:
    sqlite_ledger.journal.record([started(1)], [Alert(name, "title", "text") for name in "abc"])
    sqlite_place.forge(f"UPDATE alerts SET {garbage} WHERE cause = 'b'")
    assert sqlite_ledger.outbox.waiting().count == 3
    first, broken, last = sqlite_ledger.outbox.due(START)
    assert (first.alert.cause, last.alert.cause) == ("a", "c")
    assert broken.alert.title == f"alert {broken.id} was made unreadable in the ledger"
    assert "of table alerts cannot be read" in broken.alert.text
    sqlite_ledger.outbox.failed([broken.id], START, ["urls[1] json://host"], START + timedelta(minutes=1))
    assert [queued.id for queued in sqlite_ledger.outbox.due(START)] == [first.id, last.id]
    sqlite_ledger.outbox.delivered(broken.id, START)
    assert [queued.id for queued in sqlite_ledger.outbox.due(START + DAY)] == [first.id, last.id]


def test_at_most_a_hundred_alerts_at_once_and_none_without_an_entry_is_lost(ledger: SqlLedger) -> None:
    ledger.journal.record([], [Alert(f"{number:03}", "title", "text") for number in range(150)])
    due = ledger.outbox.due(START + 36500 * DAY)
    assert [queued.alert.cause for queued in due] == [f"{number:03}" for number in range(100)]
