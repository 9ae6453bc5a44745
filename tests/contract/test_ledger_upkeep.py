"""The rows that change follow from custody events, and from nothing else: passes, deliveries, alerts."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from archiver.adapters.ledger.database import SqlLedger, open_ledger
from archiver.domain.custody import (
    DaemonStarted,
    DeliverySeen,
    DeliveryVanished,
    Entry,
    SourceFailed,
    SourceObserved,
    SourceRecovered,
    SourceRestored,
)
from archiver.domain.custody_reading import entry_of
from archiver.domain.custody_upkeep import AlertRaised, AlertsRefused, AlertTold, DeliveryNoted, SourceSynced
from archiver.domain.records import Alert, KnownDelivery
from archiver.domain.verdict import Finding
from tests.support.ledgers import ACTOR, DAY, START, LedgerPlace, acquired, item, make_ledger, told, verified

ROWS = {
    "sources": "name",
    "deliveries": "source, prefix_sha256",
    "alerts": "id",
    "evidence_state": "evidence_id",
}
"""Tables whose rows change, and in which order they are compared."""


def bodies(ledger: SqlLedger, kind: str) -> list[dict[str, Any]]:
    """The events of *kind*, without what all have."""
    found = [json.loads(event.body) for event in ledger.evidence.events() if event.kind == kind]
    assert all(body.pop("actor")["user"] == ACTOR.user for body in found)
    return [body for body in found if body.pop("kind") == kind]


def rows(place: LedgerPlace) -> dict[str, list[tuple[Any, ...]]]:
    """All rows that change."""
    return {name: place.query(f"SELECT * FROM {name} ORDER BY {order}") for name, order in ROWS.items()}


def test_what_is_noted_of_a_delivery_is_recorded_where_it_is_news(ledger: SqlLedger) -> None:
    first = KnownDelivery("a/", "d1", START, None, 0)
    ledger.deliveries.note("prod", [first])
    ledger.deliveries.note("prod", [first])
    ledger.deliveries.note("other", [first])
    changed = replace(first, listing_digest="d2", gone=True)
    ledger.deliveries.note("prod", [first, KnownDelivery("b/", "d1", START, "e" * 32, 3)])
    ledger.deliveries.note("prod", [changed])
    ledger.deliveries.note("prod", [])
    assert ledger.deliveries.known("prod", ["a/"]) == {"a/": changed}
    noted = bodies(ledger, DeliveryNoted.kind)
    assert all(body.pop("at") for body in noted)
    a = {"source": "prod", "prefix": "a/", "listing_digest": "d1", "first_seen_at": "2026-01-01T00:00:00Z"}
    a |= {"evidence_of": None, "revision": 0, "gone": False}
    b = a | {"prefix": "b/", "evidence_of": "e" * 32, "revision": 3}
    assert noted == [a, a | {"source": "other"}, b, a | {"listing_digest": "d2", "gone": True}]


def test_every_pass_is_recorded_though_nothing_was_new(ledger: SqlLedger) -> None:
    for day in range(3):
        ledger.deliveries.note_pass("prod", "s3://bucket", START + day * DAY, 12 if day == 1 else None)
    passes = bodies(ledger, SourceSynced.kind)
    assert [body["full_objects"] for body in passes] == [None, 12, None]
    assert [body["at"] for body in passes] == [f"2026-01-0{day}T00:00:00Z" for day in (1, 2, 3)]
    assert {body["url"] for body in passes} == {"s3://bucket"}


def test_an_alert_has_the_number_of_the_event_that_raised_it(ledger: SqlLedger) -> None:
    started = DaemonStarted(at=START + DAY, pid=1, configuration_sha256="c" * 64)
    ledger.journal.record([started], [Alert("a", "title a", "text"), Alert("a", "another", ""), Alert("b", "", "")])
    ledger.journal.record([started], [Alert("a", "title a", "text")])
    raised = {event.seq: json.loads(event.body) for event in ledger.evidence.events() if event.kind == "alert_raised"}
    assert {seq: (body["cause"], body["title"]) for seq, body in raised.items()} == {
        2: ("a", "title a"),
        3: ("b", ""),
    }
    assert [(queued.id, queued.created_at) for queued in ledger.outbox.due(START + DAY)] == [
        (2, START + DAY),
        (3, START + DAY),
    ]


def test_every_message_is_recorded_with_who_did_not_take_it(ledger: SqlLedger, ledger_place: LedgerPlace) -> None:
    ledger.journal.record([SourceFailed(at=START, source="prod", detail="")], [Alert("a", "title", "text")])
    (queued,) = ledger.outbox.due(START)
    for hour in range(2):
        at = START + timedelta(hours=hour)
        ledger.outbox.failed([queued.id], at, ["urls[1] json://host", "mailto://…"], at + timedelta(hours=1))
    ledger.outbox.delivered(queued.id, START + DAY)
    refused = ["urls[1] json://host", "mailto://…"]
    assert bodies(ledger, AlertsRefused.kind) == [
        {"at": "2026-01-01T00:00:00Z", "alerts": [2], "refused": refused, "next_try_at": "2026-01-01T01:00:00Z"},
        {"at": "2026-01-01T01:00:00Z", "alerts": [2], "refused": refused, "next_try_at": "2026-01-01T02:00:00Z"},
    ]
    assert bodies(ledger, AlertTold.kind) == [
        {"at": "2026-01-02T00:00:00Z", "alert": 2, "refused": [], "next_try_at": None},
    ]
    (row,) = ledger_place.query("SELECT created_at, attempts, next_try_at, refused, delivered_at FROM alerts")
    assert row == (
        "2026-01-01T00:00:00.000000Z",
        2,
        "2026-01-01T02:00:00.000000Z",
        json.dumps(refused, separators=(",", ":")),
        "2026-01-02T00:00:00.000000Z",
    )


def test_an_alert_that_is_not_there_any_more_keeps_no_other_back(
    ledger: SqlLedger, ledger_place: LedgerPlace
) -> None:
    ledger.journal.record([SourceRecovered(at=START, source="prod")], [Alert("a", "", ""), Alert("b", "", "")])
    first, second = ledger.outbox.due(START)
    ledger_place.forge(f"DELETE FROM alerts WHERE id = {first.id}")
    ledger.outbox.failed([first.id, second.id], START, ["urls[0]"], START + DAY)
    ledger.outbox.delivered(first.id, START)
    ledger.outbox.delivered(second.id, START)
    assert ledger.outbox.waiting().count == 0
    assert [body["alert"] for body in bodies(ledger, AlertTold.kind)] == [first.id, second.id]


def history(chance: random.Random, length: int) -> list[Entry]:
    """Entries over few sources, deliveries and alerts, in any order in which they can be recorded."""
    made: list[Entry] = []
    held = [item(number, revision) for number in (1, 2) for revision in (1, 2, 3)]
    recorded = []
    alerts: dict[str, int] = {}
    for number in range(length):
        at = START + timedelta(minutes=number)
        source, prefix = chance.choice(["prod", "other"]), chance.choice([item(1).prefix, item(2).prefix, "x/"])
        one = chance.choice(held)
        listed = chance.choice(["", "l1", "l2"])
        choices: list[Entry] = [
            DeliverySeen(at=at, source=source, prefix=prefix, objects=1, size=1, waiting_for="x"),
            DeliveryVanished(at=at, source=source, prefix=prefix),
            DeliveryNoted(
                at=at,
                source=source,
                prefix=prefix,
                listing_digest=listed,
                first_seen_at=START + DAY * chance.randrange(3),
                evidence_of=chance.choice([None, one.id]),
                revision=chance.randrange(3),
                gone=chance.random() < 0.3,
            ),
            acquired(one, listing_digest=listed, at=at),
            SourceFailed(at=at, source=source, detail=""),
            SourceRecovered(at=at, source=source),
            SourceSynced(at=at, source=source, url=listed, full_objects=chance.choice([None, number])),
            AlertRaised(at=at, cause=chance.choice("abcdefgh"), title="title", text="text"),
        ]
        if recorded:
            known = chance.choice(recorded)
            finding = chance.choice([Finding.SOURCE_DELETED, Finding.SOURCE_CHANGED, Finding.SOURCE_DELETED])
            choices += [SourceObserved(at=at, id=known.id, finding=finding, detail="")] * 2
            choices += [SourceRestored(at=at, id=known.id), verified(known, at, told([]))]
        if alerts:
            again = chance.choice([None, at + DAY])
            refused = ("urls[0]",) if again else ()
            choices += [
                AlertTold(at=at, alert=chance.choice([*alerts.values(), 0]), refused=refused, next_try_at=again),
                AlertsRefused(at=at, alerts=(*alerts.values(), 0), refused=("urls[0]",), next_try_at=at + DAY),
            ]
        entry = chance.choice(choices)
        if isinstance(entry, AlertRaised):
            if entry.cause in alerts:
                continue
            alerts[entry.cause] = len(made) + 1  # the migration is event 0
        if entry.evidence_id == one.id and entry.kind == "evidence_acquired":
            if one in recorded:
                continue
            recorded.append(one)
        made.append(entry)
    return made


def made_of(place: LedgerPlace, batches: Sequence[Sequence[Entry]]) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of the new ledger at *place* after *batches*."""
    ledger = open_ledger(place.url, ACTOR)
    for batch in batches:
        ledger.journal.record(batch)
    events = [event.kind for event in ledger.evidence.events()]
    ledger.close()
    assert events == ["ledger_migrated", *(entry.kind for batch in batches for entry in batch)]
    return rows(place)


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(12))
def test_rows_are_the_same_however_their_events_are_batched(
    ledger_place: LedgerPlace, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    entries = history(chance, 60)
    one_by_one = made_of(ledger_place, [[entry] for entry in entries])
    assert all(one_by_one.values())
    cut = chance.randrange(len(entries))
    for number, batches in enumerate([[entries], [entries[:cut], entries[cut:]]]):
        other = LedgerPlace(f"sqlite:///{tmp_path}/{number}.db")
        make_ledger(other)
        assert as_compared(made_of(other, batches)) == as_compared(one_by_one)


def test_rows_made_anew_from_the_bodies_are_the_same(sqlite_place: LedgerPlace, tmp_path: Path) -> None:
    make_ledger(sqlite_place)
    before = made_of(sqlite_place, [history(random.Random(99), 120)])
    bodies = [json.loads(body) for (body,) in sqlite_place.query("SELECT body FROM custody_events ORDER BY seq")]
    read = [entry_of(body)[0] for body in bodies[1:]]
    again = LedgerPlace(f"sqlite:///{tmp_path}/again.db")
    make_ledger(again)
    assert made_of(again, [read]) == before


def as_compared(found: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[tuple[Any, ...]]]:
    """Rows without what tells the databases apart: PostgreSQL has true and false."""
    return {name: [tuple(map(_plain, row)) for row in told] for name, told in found.items()}


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else value
