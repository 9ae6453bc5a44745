"""A ledger from before the log becomes one: it gets its tree, and an event for each row that none made."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from archiver.adapters.ledger.connection import connect, place_of
from archiver.adapters.ledger.database import open_ledger
from archiver.adapters.ledger.deliveries import prefix_digest
from archiver.adapters.ledger.projection import Projection
from archiver.adapters.ledger.stored import stored_time
from archiver.adapters.ledger.tables import SCHEMA_REVISION, metadata
from archiver.adapters.ledger.upgrade import UpgradeResult, upgrade
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
from archiver.domain.custody_reading import entry_of
from archiver.domain.keys import KeyProvenance, PublicKey
from archiver.domain.log_records import Problem
from archiver.domain.records import Alert, KnownDelivery, SourceStatus
from archiver.domain.verdict import Finding
from archiver.errors import LedgerError
from archiver.log.tree import Frontier
from tests.support.ledgers import ACTOR, DAY, START, LedgerPlace, acquired, item, verified
from tests.support.older_ledgers import make_0001
from tests.support.trees import check_tree, stored_rows

LATER = START + 9 * DAY
KEY = PublicKey(b"der", "0" * 32)


def seen(prefix: str) -> DeliverySeen:
    return DeliverySeen(at=START, source="prod", prefix=prefix, objects=1, size=1, waiting_for="sign file")


def gone(number: int) -> SourceObserved:
    return SourceObserved(at=START + DAY, id=item(number).id, finding=Finding.SOURCE_DELETED, detail="")


HISTORY: list[Entry] = [
    DaemonStarted(at=START, pid=7, configuration_sha256="c" * 64),
    seen("pending/"),
    seen("pending and noted/"),
    seen("vanished/"),
    DeliveryVanished(at=START + DAY, source="prod", prefix="vanished/"),
    acquired(item(1)),
    verified(item(1), START + DAY),
    acquired(item(2)),
    gone(2),
    acquired(item(3)),
    gone(3),
    SourceRestored(at=START + 2 * DAY, id=item(3).id),
    acquired(item(4)),
    acquired(item(4, revision=2)),
    acquired(item(5)),
    KeyHarvested(at=START, key=KEY, sha256=KEY.sha256, provenance=KeyProvenance("import", "keys.json", None, START)),
    SourceFailed(at=START, source="away", detail="refused"),
    SourceFailed(at=START, source="back", detail="refused"),
    SourceRecovered(at=START + DAY, source="back"),
    SourceFailed(at=START, source="forged", detail="refused"),
]


def moment(days: int) -> str:
    return stored_time(START + days * DAY)


def alert(number: int, attempts: int, refused: str, delivered: int | None) -> str:
    until = "NULL" if delivered is None else f"'{moment(delivered)}'"
    return (
        "INSERT INTO alerts (cause_sha256, cause, title, text, created_at, attempts, next_try_at, refused,"
        " delivered_at)"
        f" VALUES ('{prefix_digest(f'cause {number}')}', 'cause {number}', 'title', 'text', '{moment(number)}',"
        f" {attempts}, '{moment(5)}', '{refused}', {until})"
    )


BESIDE = [
    # what the daily round wrote without an event
    "UPDATE deliveries SET listing_digest = 'another' WHERE prefix = 'pending and noted/'",
    f"UPDATE deliveries SET listing_digest = 'later' WHERE evidence_id = '{item(5).id}'",
    "INSERT INTO deliveries VALUES ('other', '{}', 'noted alone/', 'd', '{}', NULL, 0, {})".format(
        prefix_digest("noted alone/"), moment(1), "false"
    ),
    f"INSERT INTO sources VALUES ('prod', 's3://bucket', '{moment(4)}', '{moment(3)}', 12, NULL)",
    "INSERT INTO sources VALUES ('folder', 'file:///x', '{0}', '{0}', 5, NULL)".format(moment(4)),
    f"INSERT INTO sources VALUES ('partly', 'file:///y', '{moment(4)}', NULL, NULL, NULL)",
    f"UPDATE sources SET url = 's3://away', last_sync_at = '{moment(2)}' WHERE name = 'away'",
    f"UPDATE sources SET failing_since = '{moment(6)}' WHERE name = 'back'",
    "UPDATE sources SET failing_since = NULL WHERE name = 'forged'",
    *(alert(number, *rest) for number, rest in enumerate([(0, "[]", None), (3, '["a"]', None), (2, '["b"]', 5)])),
    alert(3, 0, "[]", 4),
]


@pytest.fixture
def older(empty_place: LedgerPlace, tmp_path: Path) -> LedgerPlace:
    """A ledger of schema 0001 with rows of every kind."""
    make_0001(empty_place, HISTORY, tmp_path, *BESIDE)
    return empty_place


def rows(place_url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table."""
    database = connect(place_of(place_url))
    with database.read() as connection:
        found = {
            name: sorted((tuple(row) for row in connection.execute(sa.select(table))), key=repr)
            for name, table in metadata.tables.items()
        }
    database.close()
    return found


def tables_of(place_url: str) -> list[str]:
    """The names of all tables."""
    database = connect(place_of(place_url))
    with database.read() as connection:
        found = sa.inspect(connection).get_table_names()
    database.close()
    assert "custody_events" in found
    return found


def made_anew(place: LedgerPlace, scratch: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of a ledger that has nothing but the events of *place*, in batches of three."""
    ledger = open_ledger(place.url, ACTOR)
    bodies = [event.body for event in ledger.evidence.events()]
    ledger.close()
    url = f"sqlite:///{scratch}/anew.db"
    upgrade(url, ACTOR, START)
    LedgerPlace(url).forge("DELETE FROM merkle_nodes", "DELETE FROM custody_events")
    database = connect(place_of(url))
    tree = Frontier()
    for at in range(0, len(bodies), 3):
        batch = [(entry_of(json.loads(body))[0], body) for body in bodies[at : at + 3]]
        with database.write() as connection:
            projection = Projection(connection, tree, set())
            projection.load([entry for entry, _ in batch])
            for entry, body in batch:
                projection.add(entry, body)
            projection.write()
    database.close()
    return rows(url)


def test_an_older_ledger_becomes_a_log(older: LedgerPlace, tmp_path: Path) -> None:
    before = {
        name: older.query(f"SELECT * FROM {name} ORDER BY 1, 2") for name in ("custody_events", "evidence", "files")
    }
    states = older.query("SELECT * FROM evidence_state ORDER BY evidence_id")
    assert upgrade(older.url, ACTOR, LATER) == UpgradeResult("0001", SCHEMA_REVISION)
    ledger = open_ledger(older.url, ACTOR)
    size = check_tree(ledger)
    *_, (_, told) = ledger.log.of_kind("ledger_migrated")
    assert json.loads(told) | {"actor": None} == {
        "kind": "ledger_migrated",
        "actor": None,
        "at": "2026-01-10T00:00:00Z",
        "before": "0001",
        "after": SCHEMA_REVISION,
    }
    assert older.query("SELECT version_num FROM alembic_version") == [(SCHEMA_REVISION,)]
    for name, then in before.items():
        columns = len(then[0])  # those that came later are behind them
        now = [row[:columns] for row in older.query(f"SELECT * FROM {name} ORDER BY 1, 2")]
        assert now[: len(then)] == then, name
    assert older.query("SELECT * FROM evidence_state ORDER BY evidence_id") == states
    assert not [name for name in tables_of(older.url) if "adopt" in name]
    problems: list[Problem] = []
    with ledger.log.check_rows(size) as check:
        assert check.finish(problems.append) > size
    assert [*problems, *ledger.log.guards()] == []
    ledger.close()
    assert rows(older.url) == made_anew(older, tmp_path)
    assert len(before["custody_events"]) < size < len(before["custody_events"]) + 25


def test_what_was_known_is_known_still(older: LedgerPlace) -> None:
    upgrade(older.url, ACTOR, LATER)
    ledger = open_ledger(older.url, ACTOR)
    assert list(ledger.deliveries.pending("prod")) == [
        KnownDelivery("pending and noted/", "another", START, None, 0),
        KnownDelivery("pending/", "", START, None, 0),
    ]
    assert list(ledger.deliveries.pending("other")) == [KnownDelivery("noted alone/", "d", START + DAY, None, 0)]
    prefixes = {number: item(number).prefix for number in range(1, 6)}
    known = ledger.deliveries.known("prod", list(prefixes.values()))
    assert {number: (known[prefix].gone, known[prefix].revision) for number, prefix in prefixes.items()} == {
        1: (False, 1),
        2: (True, 1),
        3: (False, 1),
        4: (False, 2),
        5: (False, 1),
    }
    assert known[item(5).prefix].listing_digest == "later"
    assert {
        name: ledger.deliveries.status(name) for name in ("prod", "folder", "partly", "away", "back", "forged")
    } == {
        "prod": SourceStatus(START + 4 * DAY, START + 3 * DAY, 12, None),
        "folder": SourceStatus(START + 4 * DAY, START + 4 * DAY, 5, None),
        "partly": SourceStatus(START + 4 * DAY, None, None, None),
        "away": SourceStatus(START + 2 * DAY, None, None, START),
        "back": SourceStatus(None, None, None, START + 6 * DAY),
        "forged": SourceStatus(None, None, None, None),
    }
    due = ledger.outbox.due(START + 6 * DAY)
    assert [(one.alert.cause, one.created_at, one.attempts, one.refused) for one in due] == [
        ("cause 0", START, 0, ()),
        ("cause 1", START + DAY, 1, ("a",)),
    ]
    assert older.query("SELECT cause, delivered_at FROM alerts WHERE delivered_at IS NOT NULL ORDER BY cause") == [
        ("cause 2", moment(5)),
        ("cause 3", moment(4)),
    ]
    for queued in due:
        ledger.outbox.delivered(queued.id, LATER)
    assert ledger.outbox.due(LATER) == []
    ledger.journal.record([], [Alert("cause 1", "again", "again"), Alert("new", "title", "text")])
    assert [one.alert.cause for one in ledger.outbox.due(START + 3650 * DAY)] == ["new"]
    check_tree(ledger)
    ledger.close()


def test_an_upgraded_ledger_is_as_guarded_as_a_new_one(older: LedgerPlace, request: pytest.FixtureRequest) -> None:
    upgrade(older.url, ACTOR, LATER)
    if older.is_sqlite:
        fresh = LedgerPlace(f"sqlite:///{older.file}.fresh")
        triggers = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"
    else:
        fresh = LedgerPlace(request.getfixturevalue("new_postgres")())
        triggers = (
            "SELECT tgrelid::regclass::text, tgname, tgtype, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger"
            " WHERE NOT tgisinternal ORDER BY 1, 2"
        )
    upgrade(fresh.url, ACTOR, LATER)
    assert older.query(triggers) == fresh.query(triggers)
    assert len(older.query(triggers)) >= 12


def test_only_what_no_event_made_is_adopted(older: LedgerPlace) -> None:
    upgrade(older.url, ACTOR, LATER)
    counted = dict(older.query("SELECT kind, count(*) FROM custody_events GROUP BY kind"))
    assert {kind: counted[kind] for kind in ("delivery_noted", "source_synced", "alert_raised", "alert_told")} == {
        "delivery_noted": 3,
        "source_synced": 5,
        "alert_raised": 4,
        "alert_told": 4,
    }
    assert (counted["source_failed"], counted["source_recovered"]) == (3 + 1, 1 + 1)


def test_a_second_upgrade_does_nothing(older: LedgerPlace) -> None:
    upgrade(older.url, ACTOR, LATER)
    before = rows(older.url)
    assert upgrade(older.url, ACTOR, LATER + DAY) == UpgradeResult(SCHEMA_REVISION, SCHEMA_REVISION)
    assert rows(older.url) == before


def test_a_row_that_cannot_be_adopted_leaves_the_ledger_as_it_was(empty_place: LedgerPlace, tmp_path: Path) -> None:
    make_0001(empty_place, HISTORY, tmp_path, *BESIDE, "UPDATE alerts SET refused = '{' WHERE attempts = 3")
    before = empty_place.query("SELECT * FROM alerts ORDER BY id")
    with pytest.raises(LedgerError, match="of table alerts cannot be read"):
        upgrade(empty_place.url, ACTOR, LATER)
    assert empty_place.query("SELECT version_num FROM alembic_version") == [("0001",)]
    assert empty_place.query("SELECT * FROM alerts ORDER BY id") == before


@pytest.mark.parametrize("removed", [{5}, {3, 4, 9}, {0}])
def test_an_older_ledger_with_a_gap_keeps_it(empty_place: LedgerPlace, tmp_path: Path, removed: set[int]) -> None:
    """What was removed before there was a tree is missing in it, and told; nothing takes its place."""
    make_0001(empty_place, HISTORY, tmp_path, without=removed)
    upgrade(empty_place.url, ACTOR, LATER)
    ledger = open_ledger(empty_place.url, ACTOR)
    found = list(ledger.log.entries(0, ledger.log.size()))
    ledger.close()
    assert {entry.seq for entry in found if entry.body is None} == removed
    expected = stored_rows([entry.body or b"" for entry in found])
    assert [entry.hashes for entry in found] == [
        row if entry.body else None for entry, row in zip(found, expected, strict=True)
    ]


def test_many_events_get_their_tree(sqlite_place: LedgerPlace, tmp_path: Path) -> None:
    """More than a page of them, and of each kind that makes rows."""
    entries: list[Entry] = [seen(f"{number}/") for number in range(600)]
    entries += [DeliveryVanished(at=START, source="prod", prefix=f"{number}/") for number in range(0, 600, 2)]
    entries += [seen(f"{number}/") for number in range(0, 600, 4)]
    make_0001(sqlite_place, entries, tmp_path, "UPDATE deliveries SET listing_digest = 'x' WHERE prefix LIKE '1%'")
    upgrade(sqlite_place.url, ACTOR, LATER + timedelta(hours=1))
    ledger = open_ledger(sqlite_place.url, ACTOR)
    assert len(list(ledger.deliveries.pending("prod"))) == 450
    check_tree(ledger)
    ledger.close()
    assert rows(sqlite_place.url) == made_anew(sqlite_place, tmp_path)
