"""What S3 tells of an object's lock, in ledgers new and old: bodies, rows, upgrade, and whoever alters one."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from archiver.adapters.ledger.canonical import canonical
from archiver.adapters.ledger.check_shapes import shape_of
from archiver.adapters.ledger.database import SqlLedger, open_ledger
from archiver.adapters.ledger.tables import SCHEMA_REVISION
from archiver.adapters.ledger.upgrade import UpgradeResult, upgrade
from archiver.domain.custody import EvidenceAcquired
from archiver.domain.evidence import Evidence
from archiver.domain.log_records import Problem
from tests.support.ledgers import ACTOR, DAY, START, LedgerPlace, acquired, item, verified
from tests.support.older_ledgers import make_0002
from tests.support.trees import check_tree

LOCKED = "GOVERNANCE until 2031-01-01T00:00:00Z; legal hold ON"


def with_retention(evidence: Evidence, *retentions: str | None) -> Evidence:
    files = zip(evidence.files, retentions, strict=True)
    return replace(evidence, files=tuple(replace(f, origin=replace(f.origin, retention=r)) for f, r in files))


def mixed(number: int) -> EvidenceAcquired:
    return acquired(with_retention(item(number, file_count=4), LOCKED, "", None, 'a "quoted" é', "escaped:x"))


def problems(ledger: SqlLedger) -> list[Problem]:
    found: list[Problem] = []
    with ledger.log.check_rows(ledger.log.size()) as check:
        check.finish(found.append)
    return found


def test_it_is_in_rows_and_bodies_and_left_out_of_these_where_nobody_asked(
    ledger: SqlLedger, ledger_place: LedgerPlace
) -> None:
    entry = mixed(1)
    ledger.journal.record([entry])
    assert ledger.evidence.get(entry.evidence.id).evidence == entry.evidence
    (event,) = ledger.evidence.events(entry.evidence.id)
    origins = [file["origin"] for file in json.loads(event.body)["evidence"]["files"]]
    assert [origin.get("retention", "-") for origin in origins] == [
        LOCKED,
        "",
        "-",
        'a "quoted" é',
        "escaped:escaped:x",
    ]
    stored = ledger_place.query("SELECT retention IS NULL FROM files ORDER BY position")
    assert [bool(null) for (null,) in stored] == [False, False, True, False, False]
    assert ledger.evidence.disagreements(entry.evidence.id) == ()
    assert problems(ledger) == []


@pytest.mark.parametrize(
    ("position", "value"),
    [(0, "'GOVERNANCE until 2026-01-01T00:00:00Z'"), (1, "NULL"), (2, "''"), (2, "'COMPLIANCE'")],
)
def test_whoever_alters_it_is_found_out(
    ledger: SqlLedger, ledger_place: LedgerPlace, position: int, value: str
) -> None:
    """By the quick look at usual bodies and by the exact one."""
    usual = acquired(with_retention(item(2, file_count=2), LOCKED, "", None))
    for entry in (usual, mixed(1)):
        ledger.journal.record([entry])
    ledger_place.forge(f"UPDATE files SET retention = {value} WHERE position = {position}")
    found = [problem for problem in problems(ledger) if problem.table == "files"]
    assert [problem.kind for problem in found] == ["row_altered"] * 2
    assert all("retention: the row says" in problem.detail for problem in found)
    for entry in (usual, mixed(1)):
        (told,) = ledger.evidence.disagreements(entry.evidence.id)
        assert told.startswith("files.retention of 'result")


def test_a_ledger_from_before_keeps_every_byte_and_takes_new_items(empty_place: LedgerPlace, tmp_path: Path) -> None:
    old = [acquired(item(1)), acquired(item(2)), verified(item(1), START + DAY)]
    make_0002(empty_place, old, tmp_path)
    before = empty_place.query("SELECT seq, body FROM custody_events ORDER BY seq")
    nodes = empty_place.query("SELECT seq, hashes FROM merkle_nodes ORDER BY seq")
    assert upgrade(empty_place.url, ACTOR, START + 9 * DAY) == UpgradeResult("0002", SCHEMA_REVISION)
    assert empty_place.query("SELECT seq, body FROM custody_events ORDER BY seq")[: len(before)] == before
    assert empty_place.query("SELECT seq, hashes FROM merkle_nodes ORDER BY seq")[: len(nodes)] == nodes
    assert len(before) == 1 + len(old)

    ledger = open_ledger(empty_place.url, ACTOR)
    ledger.journal.record([mixed(3)])
    assert ledger.log.size() == len(before) + 2
    check_tree(ledger)
    assert [*problems(ledger), *ledger.log.guards()] == []
    for entry in (*old[:2], mixed(3)):
        assert ledger.evidence.get(entry.evidence.id).evidence == entry.evidence
        assert ledger.evidence.disagreements(entry.evidence.id) == ()
    ledger.close()
    assert upgrade(empty_place.url, ACTOR, START + 9 * DAY + timedelta(hours=1)).before == SCHEMA_REVISION


def test_usual_bodies_are_known_by_their_shape_with_it_and_without() -> None:
    """Else every acquisition would be looked at the long way."""
    for retentions in ((LOCKED, ""), ("", None), (None, None)):
        body = canonical(acquired(with_retention(item(1), *retentions)), ACTOR)
        assert shape_of(EvidenceAcquired, ()).fullmatch(body), retentions
        broken = body.replace('"request_id_2":"REQ2"', '"request_id_2":"REQ2","retention":null', 1)
        assert broken != body
        assert not shape_of(EvidenceAcquired, ()).fullmatch(broken)
