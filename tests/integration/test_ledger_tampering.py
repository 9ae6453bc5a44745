"""Whatever somebody changes behind the program's back: ``ledger verify`` finds it, says where, and ends with 1.

Here: changed rows. Triggers are put back after each change, so that nothing but the change itself can be found.
test_ledger_rewritten: older states, and history written anew. test_log_tampering: the published log's files.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from archiver.adapters.ledger.database import open_ledger
from archiver.adapters.ledger.tables import SCHEMA_REVISION
from archiver.cli.main import run
from archiver.log.leaf import leaf_of
from archiver.log.tiles import checkpoint_path
from archiver.log.tree import Frontier, leaf_hash
from tests.support.ledgers import ACTOR
from tests.support.log_stand import told
from tests.support.tampered import World
from tests.support.tampering import OPERATIONS, TABLES, Forged, overwrite

KINDS = {
    "change": {"row_altered", "event_altered", "tree_altered", "checkpoint_altered"},
    "delete": {"row_missing", "event_missing", "event_added", "tree_altered", "checkpoint_missing", "schema_altered"},
    "insert": {"row_added", "event_added", "event_missing", "checkpoint_added"},
    "swap": {"row_altered", "event_altered", "tree_altered", "checkpoint_altered"},
    "truncate": {"row_missing", "event_missing", "event_added", "tree_altered", "checkpoint_missing"},
}
"""What each operation is called where it is found, by the table."""

ONE_ROW = {"swap": {"alembic_version", "anchors", "log_keys"}}
"""Tables that have one row here."""


def found(world: World, forged: Forged) -> None:
    """*forged* is told, by a word that fits, and where it is; what else is told follows from it."""
    answer = world.verify()
    located = [
        problem
        for problem in answer["problems"]
        if problem["kind"] in KINDS[forged.operation]
        and forged.is_located_by(problem["kind"], problem["seq"], problem["table"], problem["detail"])
    ]
    assert located, f"{forged}: {answer['problems'][:5]}"
    if forged.table not in ("custody_events", "merkle_nodes", "evidence", "keys"):  # on which other rows rest
        others = [p for p in answer["problems"] if p not in located and p["table"] != forged.table]
        assert [p for p in others if p["kind"].startswith("row_")] == []


# --------------------------------------------------------------------------------- left alone


def test_what_nobody_touched_is_clean(world: World) -> None:
    answer = world.verify(status=0)
    assert answer["problems"] == []
    assert answer["size"] == answer["events_checked"] == world.size()
    assert answer["rows_checked"] > answer["size"]
    assert answer["checkpoints"] == len(world.heads())
    assert (answer["keys"], answer["anchors"], answer["anchors_unchecked"]) == (1, 1, 1)
    assert len(answer["root"]) == 64
    shown = world.home.run("ledger", "verify", "--offline", status=0)
    assert "no problem" in shown.stdout
    assert answer["root"] in shown.stdout
    assert shown.stderr == ""


def test_every_table_has_rows(tampered_template: World) -> None:
    empty = [table for table in TABLES if not tampered_template.forger().rows(table)]
    assert empty == [], "a table without rows would prove nothing below"


@pytest.mark.thorough
def test_the_same_on_postgresql_and_each_table_changed_there(postgres_world: World) -> None:
    world = postgres_world
    assert world.verify(status=0)["problems"] == []
    for number, table in enumerate(TABLES):
        forger = world.forger(number)
        before = forger.rows(table)
        for operation in ("change", "delete"):
            forged = forger.do(operation, table)
            assert forged is not None
            found(world, forged)
            forger.roll_back(table, before)
    assert world.verify(status=0)["problems"] == []


# --------------------------------------------------------------------------------- rows


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("table", TABLES)
def test_a_forged_row_is_found(world: World, table: str, operation: str) -> None:
    forged = world.forger(OPERATIONS.index(operation)).do(operation, table)
    if forged is None:
        assert table in ONE_ROW.get(operation, ())
        return
    found(world, forged)


@pytest.mark.parametrize("table", [table for table in TABLES if table != "alembic_version"])
def test_a_table_put_back_to_an_older_backup_is_found(world: World, table: str) -> None:
    before, older = world.forger().rows(table), world.older[table]
    world.forger().roll_back(table, older)
    if before == older:
        assert table == "log_keys", "it did not change meanwhile"
        assert world.verify(status=0)["problems"] == []
        return
    problems = world.verify()["problems"]
    lost = {"custody_events": "event_missing", "merkle_nodes": "tree_altered", "checkpoints": "checkpoint_missing"}
    kinds = {lost.get(table, "row_missing"), "row_altered"}
    assert any(p["kind"] in kinds and (p["table"] in (None, table)) for p in problems), problems[:5]
    if table == "custody_events":
        assert min(p["seq"] for p in problems if p["kind"] == "event_missing") == len(older)


def test_a_human_reads_kind_place_and_what(world: World) -> None:
    world.forger().run(("UPDATE files SET sha256 = ?", ("0" * 64,)))
    ran = world.home.run("ledger", "verify", status=1)
    line = next(line for line in ran.stdout.splitlines() if line.startswith("row_altered"))
    assert "files" in line
    assert "sha256" in line
    assert "problems: " in ran.stdout.splitlines()[-3]
    assert "docs/runbook.md" in ran.stdout.splitlines()[-1]


def test_triggers_that_are_gone_are_told(world: World) -> None:
    with world.home.ledger.raw() as connection:
        connection.execute("DROP TRIGGER files_no_update")
    assert world.problems() == [("guard_missing", None, "files")]


@pytest.mark.parametrize("table", ["alembic_version", "files", "merkle_nodes", "checkpoints", "log_keys"])
def test_a_table_that_is_gone_is_a_problem_and_no_crash(world: World, table: str) -> None:
    with world.home.ledger.raw() as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(f"DROP TABLE {table}")
    assert ("schema_altered", None, table) in world.problems()


def test_a_ledger_of_another_version_is_no_forgery(world: World) -> None:
    """A later version made it: its own events say so, too."""
    seq = world.seqs("ledger_migrated")[-1]
    world.forger().run(
        ("UPDATE alembic_version SET version_num = ?", ("0099",)),
        (
            "UPDATE custody_events SET body = replace(body, ?, ?) WHERE seq = ?",
            (f'"{SCHEMA_REVISION}"', '"0099"', seq),
        ),
    )
    ran = world.home.run("ledger", "verify", status=2)
    assert "newer than this version" in ran.stderr


# --------------------------------------------------------------------------------- what is to make it stumble


def test_a_path_that_no_file_has_hides_nothing(world: World) -> None:
    size = world.heads()[-1]
    columns = "'witness', 'x', char(57344) || char(57600), '00', '2026-11-23T13:26:14.695827Z', NULL"
    world.forger().run(
        ("UPDATE files SET sha256 = ?", ("0" * 64,)),
        (f"INSERT INTO anchors VALUES (5, {size}, {columns})", ()),
    )
    problems = world.problems()
    assert ("anchor_missing", 5, "\ud800") in problems
    assert {"row_altered", "row_added"} <= {kind for kind, _, _ in problems}
    assert "check_failed" not in {kind for kind, _, _ in problems}
    assert "row_altered" in world.home.run("ledger", "verify", status=1).stdout


@pytest.mark.parametrize("said", ["[]", "{}", '"x"', "true", "1.5", "1e400", "null", "9" * 400])
def test_an_announcement_that_says_nonsense_hides_nothing(world: World, said: str) -> None:
    seq = world.seqs("checkpoint_begun")[-1]
    body = str(world.home.ledger.query(f"SELECT body FROM custody_events WHERE seq = {seq}")[0][0])
    lie_ = re.sub(r'"previous_size":[0-9]+', lambda _found: f'"previous_size":{said}', body)
    ledger = open_ledger(world.home.ledger.url, ACTOR)
    try:
        ledger.journal.record(told(5, 1, ledger.log.size()))
    finally:
        ledger.close()
    last = world.size() - 1
    tree = Frontier()
    for (one,) in world.home.ledger.query("SELECT body FROM custody_events ORDER BY seq"):
        if tree.size < last:
            tree.append(leaf_hash(leaf_of(str(one).encode())))
    row = b"".join(tree.append(leaf_hash(lie_.encode())))
    world.forger().run(
        ("UPDATE files SET sha256 = ?", ("0" * 64,)),
        ("UPDATE custody_events SET body = ?, kind = 'checkpoint_begun' WHERE seq = ?", (lie_, last)),
        ("UPDATE merkle_nodes SET hashes = ? WHERE seq = ?", (row, last)),
    )
    problems = world.problems()
    assert ("checkpoint_missing", last, checkpoint_path(last + 1)) in problems
    assert ("checkpoint_inconsistent", last, None) in problems
    assert "row_altered" in {kind for kind, _, _ in problems}
    assert "check_failed" not in {kind for kind, _, _ in problems}


def test_what_was_found_is_said_where_there_is_no_report(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A verification that ends before its end, by whatever: in text and as JSON."""
    world.forger().run(("INSERT INTO checkpoints VALUES (0, 'none')", ()))

    def stop(*_given: Any) -> Any:
        raise SystemError("unforeseen")

    monkeypatch.setattr("archiver.adapters.ledger.log.SqlLog.size", stop)
    for arguments in ((), ("--json",)):
        assert run(["--config", str(world.home.config), "ledger", "verify", *arguments]) == 4
        said = capsys.readouterr()
        assert "checkpoint_added" in (said.err if arguments else said.out)


# --------------------------------------------------------------------------------- what is no forgery


def test_an_archive_that_is_not_mounted_is_no_problem_and_not_clean(world: World) -> None:
    world.home.archive.rename(world.home.root / "elsewhere")
    world.home.archive.mkdir()
    assert {kind for kind, _, _ in world.problems(status=3)} == {"unreadable"}


def test_events_that_no_head_covers_yet_are_no_problem(world: World) -> None:
    ledger = open_ledger(world.home.ledger.url, ACTOR)
    try:
        ledger.journal.record(told(5, 30, ledger.log.size()))
    finally:
        ledger.close()
    assert world.problems(status=0) == []


def test_a_rotated_key_is_vouched_for_by_the_one_before(world: World) -> None:
    ran = world.home.run("ledger", "rotate-key", "--to", world.home.root / "second-key", status=0)
    assert ran.status == 0
    world.home.write(world.home.folder_source(), custody={"signing_key": str(world.home.root / "second-key")})
    assert world.verify(status=0)["keys"] == 2
    newest = world.heads()[-1]
    text = (world.log / checkpoint_path(newest)).read_text()
    lines = text.splitlines(keepends=True)
    assert len([line for line in lines if line.startswith("— ")]) == 2
    first = next(line for line in lines if line.startswith("— "))
    overwrite(world.log / checkpoint_path(newest), text.replace(first, "").encode())
    assert world.problems()[0][0] == "checkpoint_altered"
