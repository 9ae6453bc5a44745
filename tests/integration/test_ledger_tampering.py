"""Whatever somebody changes behind the program's back: ``ledger verify`` finds it, says where, and ends with 1.

A ledger with a row in every table is made once and copied for each test. Triggers are put back after each change, so
that nothing but the change itself can be found.
"""

from __future__ import annotations

import os
import random
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from archiver.adapters.files.log_folder import LogFolder
from archiver.adapters.ledger.database import open_ledger
from archiver.cli.main import run
from archiver.custody_key import create
from archiver.log.leaf import leaf_of
from archiver.log.tiles import checkpoint_path
from archiver.log.tree import Frontier, leaf_hash
from tests.support.attacks import Rewriter
from tests.support.cli import Home, signing_key
from tests.support.ledgers import ACTOR
from tests.support.log_stand import MemorySigner, anchor_by, told
from tests.support.tampering import OPERATIONS, TABLES, Forged, Forger, overwrite

Row = tuple[Any, ...]

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


@dataclass
class World:
    """A home with its ledger and published log. ``older``: all rows as they were when half of it had happened."""

    home: Home
    older: dict[str, list[Row]]

    @property
    def log(self) -> Path:
        return self.home.archive / "log"

    def forger(self, seed: int = 0) -> Forger:
        return Forger(self.home.ledger, random.Random(seed))

    def rewriter(self) -> Rewriter:
        return Rewriter(self.home.ledger, self.log, self.forger())

    def verify(self, *arguments: str, status: int = 1) -> dict[str, Any]:
        return self.home.run_here("ledger", "verify", "--json", *arguments, status=status).json

    def problems(self, status: int = 1) -> list[tuple[str, int | None, str | None]]:
        """(kind, seq, table) of each problem."""
        return [(p["kind"], p["seq"], p["table"]) for p in self.verify(status=status)["problems"]]

    def heads(self) -> list[int]:
        return [size for (size,) in self.home.ledger.query("SELECT size FROM checkpoints ORDER BY size")]

    def size(self) -> int:
        return int(self.home.ledger.query("SELECT max(seq) FROM custody_events")[0][0]) + 1

    def seqs(self, kind: str) -> list[int]:
        found = self.home.ledger.query(f"SELECT seq FROM custody_events WHERE kind = '{kind}' ORDER BY seq")
        return [seq for (seq,) in found]


def fill(home: Home, rounds: int = 2) -> dict[str, list[Row]]:
    """Deliveries, audits and random history, heads between, an anchor, a long body; rows half-way through."""
    home.configure(home.folder_source())
    home.run("keys", "import", home.list_keys(signing_key()), status=0)
    older: dict[str, list[Row]] = {}
    for round_ in range(rounds):
        home.deliver(signing_key())
        home.run("sync", status=0)
        ledger = open_ledger(home.ledger.url, ACTOR)
        try:
            ledger.journal.record(told(round_, 60, ledger.log.size()))
            newest = ledger.log.latest_checkpoint()
            assert newest is not None
            if round_:
                anchor_by(ledger, LogFolder(home.archive), newest.size, "somebody")
        finally:
            ledger.close()
        home.run("ledger", "checkpoint", status=0)
        if not round_:
            older = {table: Forger(home.ledger, random.Random()).rows(table) for table in TABLES}
    return older


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> World:
    root = tmp_path_factory.mktemp("template") / "home"
    root.mkdir()
    home = Home(root)
    older = fill(home)
    return World(home, older)


@pytest.fixture
def world(template: World, tmp_path: Path) -> World:
    root = tmp_path / "home"
    shutil.copytree(template.home.root, root, symlinks=True)
    home = Home(root, rng=random.Random(7))
    home.write(home.folder_source())
    return World(home, template.older)


@pytest.fixture
def postgres_world(new_postgres: Callable[[], str], tmp_path: Path) -> World:
    root = tmp_path / "home"
    root.mkdir()
    home = Home(root, ledger_url=new_postgres())
    return World(home, fill(home))


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


def test_every_table_has_rows(template: World) -> None:
    empty = [table for table in TABLES if not template.forger().rows(table)]
    assert empty == [], "a table without rows would prove nothing below"


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
        ("UPDATE custody_events SET body = replace(body, ?, ?) WHERE seq = ?", ('"0002"', '"0099"', seq)),
    )
    ran = world.home.run("ledger", "verify", status=2)
    assert "newer than this version" in ran.stderr


# --------------------------------------------------------------------------------- older states


def test_the_whole_ledger_put_back_to_an_older_backup_is_found(world: World) -> None:
    home = world.home
    backup = (home.root / "ledger.db").read_bytes()
    size = world.size()
    home.deliver(signing_key())
    home.run("sync", status=0)
    newest = world.heads()[-1]
    for name in ("ledger.db-wal", "ledger.db-shm"):
        (home.root / name).unlink(missing_ok=True)
    (home.root / "ledger.db").write_bytes(backup)
    assert world.problems() == [
        ("ledger_behind", size, checkpoint_path(newest)),
        ("ledger_behind", size, f"{home.root}/custody-key.last-head"),
    ]


def test_ledger_and_archive_put_back_together_are_found_by_the_last_head_beside_the_key(world: World) -> None:
    """They agree with each other; then they are even signed on, were it not for that head."""
    home, size = world.home, world.size()
    backup = world.home.root.with_name("backup")
    shutil.copytree(home.root, backup, symlinks=True)
    home.deliver(signing_key())
    home.run("sync", status=0)
    for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
        (home.root / name).unlink(missing_ok=True)
    shutil.rmtree(home.archive)
    shutil.copytree(backup / home.archive.name, home.archive, symlinks=True)
    shutil.copy(backup / "ledger.db", home.root / "ledger.db")
    last = f"{home.root}/custody-key.last-head"
    assert world.problems() == [("ledger_behind", size, last)]
    told = home.run("ledger", "checkpoint", status=1).stderr
    assert last in told
    assert "put back to an earlier state" in told
    home.run("sync", status=1)
    assert ("checkpoint_inconsistent", last) in [(kind, table) for kind, _, table in world.problems()]


def test_a_lost_ledger_is_a_problem_where_its_heads_were_published(world: World) -> None:
    (world.home.root / "ledger.db").unlink()
    assert world.problems() == [("ledger_behind", 0, "checkpoint")]
    shutil.rmtree(world.log)
    world.home.run("ledger", "verify", status=2)


# --------------------------------------------------------------------------------- history written anew


def lie(at: int) -> Callable[[int, dict[str, Any]], None]:
    def change(seq: int, body: dict[str, Any]) -> None:
        if seq == at:
            body["actor"]["user"] = "somebody-else"

    return change


def test_a_ledger_rewritten_to_fit_itself_is_found_with_the_first_event_that_differs(world: World) -> None:
    seq = world.seqs("evidence_acquired")[1]
    world.rewriter().rewrite(lie(seq), None, publish=False)
    problems = world.problems()
    assert ("event_altered", seq, None) in problems
    assert ("checkpoint_inconsistent", seq, "checkpoints") in problems
    assert not any(kind in ("tree_altered", "published_altered") for kind, _, _ in problems), problems


def test_ledger_and_tiles_rewritten_do_not_lead_to_the_signed_heads(world: World) -> None:
    seq = world.seqs("evidence_acquired")[1]
    before = max(size for size in world.heads() if size <= seq)
    world.rewriter().rewrite(lie(seq), None)
    parted = [place for kind, place, _ in world.problems() if kind == "checkpoint_inconsistent"]
    assert parted
    assert before <= parted[0] <= seq


def test_heads_signed_with_another_key_are_found_each(world: World) -> None:
    world.rewriter().rewrite(lie(3), MemorySigner(7))
    problems = world.problems()
    for size in world.heads():
        assert ("checkpoint_altered", size - 1, "checkpoints") in problems


def test_everything_rewritten_with_a_key_of_their_own_is_found_by_the_configured_key(world: World) -> None:
    signer = MemorySigner(7)
    world.rewriter().rewrite(lie(3), signer, adopt=True)
    (adopted,) = world.seqs("log_key_adopted")
    assert ("key_replaced", adopted, "log_keys") in world.problems()
    last = f"{world.home.root}/custody-key.last-head"
    told = [(problem["kind"], problem["table"]) for problem in world.verify("--vkey", signer.key)["problems"]]
    assert sorted(told) == [
        ("checkpoint_altered", last),
        ("key_replaced", "log_keys"),
    ], "the newest must be the configured one, and the last head is not one of theirs"
    (world.home.root / "custody-key").unlink()
    (world.home.root / "custody-key.last-head").unlink()
    answer = world.verify("--vkey", signer.key, status=0)
    assert answer["problems"] == [], "all rests on which key is trusted"


def test_another_key_in_the_configuration_is_found(world: World) -> None:
    (world.home.root / "custody-key").unlink()
    create(world.home.root / "custody-key")
    kinds = {kind for kind, _, _ in world.problems()}
    assert kinds == {"key_replaced"}


def test_a_replaced_public_key_is_found(world: World) -> None:
    right = (world.log / "vkeys").read_text()
    overwrite(world.log / "vkeys", f"{MemorySigner(9).key}\n".encode())
    assert world.problems() == [("key_replaced", None, "vkeys")]
    overwrite(world.log / "vkeys", right.encode() + f"{MemorySigner(9).key}\n".encode())
    assert world.problems() == [("key_replaced", None, "vkeys")]
    overwrite(world.log / "vkeys", right.encode() + b"junk\n")
    (problem,) = world.verify()["problems"]
    assert "line 2 of the published verifier keys is 'junk', which is no verifier key" in problem["detail"]
    (world.log / "vkeys").unlink()
    assert world.problems() == [("published_missing", None, "vkeys")]
    for other in (
        right.rstrip("\n"),
        right.replace("\n", "\r\n"),
        right.replace("\n", "\f"),
        right + "\n",
        f"{right}\u2028",
    ):
        overwrite(world.log / "vkeys", other.encode())
        assert world.problems() == [("key_replaced", None, "vkeys")], repr(other)


def test_without_any_key_to_trust_nothing_is_called_verified(world: World) -> None:
    key = (world.log / "vkeys").read_text().strip()
    (world.home.root / "custody-key").unlink()
    answer = world.verify(status=3)
    assert any("who signed the log was not checked" in note for note in answer["notes"])
    assert world.verify("--vkey", key, status=0)["notes"] != answer["notes"]
    assert world.home.run("ledger", "verify", "--vkey", "nonsense", status=2).stdout == ""


def test_a_fork_is_found_with_the_first_event_of_its_own(world: World) -> None:
    """Two copies of one ledger go on from one head; the other one publishes here."""
    home = world.home
    copy = (home.root / "ledger.db").read_bytes()
    parting = world.size()
    home.deliver(signing_key())
    home.run("sync", status=0)
    for name in ("ledger.db-wal", "ledger.db-shm"):
        (home.root / name).unlink(missing_ok=True)
    (home.root / "ledger.db").write_bytes(copy)
    ledger = open_ledger(home.ledger.url, ACTOR)
    try:
        ledger.journal.record(told(99, 60, ledger.log.size()))
    finally:
        ledger.close()
    assert home.run("ledger", "checkpoint", status=1).stderr, "the other one's head is published: this is not signed"
    inconsistent = [
        (seq, table)
        for kind, seq, table in world.problems()
        if kind == "checkpoint_inconsistent" and table == "checkpoints"
    ]
    assert inconsistent == [(parting, "checkpoints")]


# --------------------------------------------------------------------------------- files


def test_each_deleted_checkpoint_file_is_found(world: World) -> None:
    for size in world.heads():
        path = world.log / checkpoint_path(size)
        kept = path.read_bytes()
        path.unlink()
        assert world.problems() == [("checkpoint_missing", size - 1, checkpoint_path(size))]
        overwrite(path, kept)
    (world.log / "checkpoint").unlink()
    assert world.problems() == [("checkpoint_missing", None, "checkpoint")]


def test_a_head_removed_everywhere_is_missed_for_it_was_announced(world: World) -> None:
    size = world.heads()[1]
    (world.log / checkpoint_path(size)).unlink()
    world.forger().run(("DELETE FROM checkpoints WHERE size = ?", (size,)))
    assert world.problems() == [("checkpoint_missing", size - 1, checkpoint_path(size))]


def test_a_head_that_was_never_announced_is_found(world: World) -> None:
    size = world.heads()[-1] - 1
    overwrite(world.log / checkpoint_path(size), (world.log / "checkpoint").read_bytes())
    assert world.problems() == [("checkpoint_added", size - 1, checkpoint_path(size))]


def test_an_older_head_in_the_newest_ones_place_is_found(world: World) -> None:
    overwrite(world.log / "checkpoint", (world.log / checkpoint_path(world.heads()[0])).read_bytes())
    assert [(kind, table) for kind, _, table in world.problems()] == [("checkpoint_altered", "checkpoint")]


def published(world: World, ending: str) -> list[Path]:
    return sorted(path for path in world.log.rglob("*") if path.is_file() and ending in path.as_posix())


@pytest.mark.parametrize("part", ["/tile/0/", "/tile/entries/", "/bodies/"])
def test_altered_deleted_and_cut_files_are_found(world: World, part: str) -> None:
    if part == "/bodies/":
        record_long_body(world)
    newest = f".p/{world.heads()[-1] % 256}"
    path = next(path for path in published(world, part) if part == "/bodies/" or path.as_posix().endswith(newest))
    kept, name = path.read_bytes(), path.relative_to(world.log).as_posix()
    for data in (kept[:-1] + bytes([kept[-1] ^ 1]), kept[:-3], kept + b"x" * 32, b""):
        overwrite(path, data)
        assert [(kind, table) for kind, _, table in world.problems()] == [("published_altered", name)]
    path.unlink()
    assert [(kind, table) for kind, _, table in world.problems()] == [("published_missing", name)]
    path.symlink_to(world.home.config)
    assert [(kind, table) for kind, _, table in world.problems()] == [("published_altered", name)]
    overwrite(path, kept)
    assert world.problems(status=0) == []


def record_long_body(world: World) -> None:
    """One event whose body is too long for an entry, published."""
    from tests.support.checkpoints import note_events

    ledger = open_ledger(world.home.ledger.url, ACTOR)
    try:
        note_events(ledger, 1, size=70_000)
    finally:
        ledger.close()
    world.home.run("ledger", "checkpoint", status=0)


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/001",
        "tile/0/000.p/255",
        "tile/7/000",
        "tile/entries/x001/000",
        "tile/readme",
        "bodies/x.json",
        "a/b/c",
    ],
)
def test_files_that_nothing_accounts_for_are_found(world: World, path: str) -> None:
    overwrite(world.log / path, b"x" * 96)
    assert [(kind, table) for kind, _, table in world.problems()] == [("published_added", path)]


def test_an_older_partial_tile_may_be_gone_but_not_wrong(world: World) -> None:
    older = world.log / f"tile/0/000.p/{world.heads()[0]}"
    kept = older.read_bytes()
    overwrite(older, bytes(len(kept)))
    assert [(kind, seq) for kind, seq, _ in world.problems()] == [("published_altered", 0)]
    older.unlink()
    assert world.problems(status=0) == []


def test_a_proof_of_an_anchor_is_missed_and_held_against_its_hash(world: World) -> None:
    (seq,) = world.seqs("checkpoint_anchored")
    ((path,),) = world.home.ledger.query("SELECT path FROM anchors")
    overwrite(world.log / path, b"another")
    assert world.problems() == [("anchor_invalid", seq, path)]
    (world.log / path).unlink()
    assert world.problems() == [("anchor_missing", seq, path)]


def test_a_log_that_is_gone_is_one_problem(world: World) -> None:
    shutil.rmtree(world.log)
    problems = [problem for problem in world.problems() if problem[0] != "anchor_missing"]
    assert problems == [("published_missing", None, "log")]


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


# --------------------------------------------------------------------------------- heads to the byte


def test_a_head_of_no_leaves_is_found(world: World) -> None:
    world.forger().run(
        ("INSERT INTO checkpoints VALUES (0, 'none')", ()), ("INSERT INTO checkpoints VALUES (-4, '')", ())
    )
    overwrite(world.log / "checkpoints/000", b"x")
    assert world.problems() == [
        ("checkpoint_added", -5, "checkpoints"),
        ("checkpoint_added", -1, "checkpoints"),
        ("checkpoint_added", None, "checkpoints/000"),
    ]


@pytest.mark.parametrize("line", ["— evil.example/x AAAAAAAA\n", ""])
def test_other_signature_lines_are_found_in_row_and_file(world: World, line: str) -> None:
    for size in (world.heads()[0], world.heads()[-1]):
        path = world.log / checkpoint_path(size)
        kept = path.read_text()
        note = kept + (line or kept.rpartition("\n\n")[2])  # a junk line, or its own twice
        overwrite(path, note.encode())
        world.forger().run(("UPDATE checkpoints SET note = ? WHERE size = ?", (note, size)))
        assert world.problems() == [
            ("checkpoint_altered", size - 1, "checkpoints"),
            ("checkpoint_altered", size - 1, checkpoint_path(size)),
            *([] if size != world.heads()[-1] else [("checkpoint_missing", size - 1, "checkpoint")]),
        ]
        overwrite(path, kept.encode())
        world.forger().run(("UPDATE checkpoints SET note = ? WHERE size = ?", (kept, size)))
    assert world.problems(status=0) == []


def test_the_newest_head_may_have_cosignatures_that_are_known_and_nothing_else(world: World) -> None:
    size = world.heads()[-1]
    note = (world.log / "checkpoint").read_text()
    line = "— witness.example/w AAAAAAAA\n"
    overwrite(world.log / "checkpoint", f"{note}{line}".encode())
    assert world.problems() == [("checkpoint_altered", size, "checkpoint")]
    ledger = open_ledger(world.home.ledger.url, ACTOR)
    try:
        anchor_by(ledger, LogFolder(world.home.archive), size, "w", f"{note}{line}".encode())
    finally:
        ledger.close()
    assert world.problems(status=0) == [], "a witness on record has said so"
    overwrite(world.log / "checkpoint", note.replace("\n", "\r\n").encode())
    assert world.problems() == [("checkpoint_altered", None, "checkpoint")]


def test_a_row_that_cannot_be_read_is_told_at_its_place_and_hides_no_other(world: World) -> None:
    first, second = world.heads()[:2]
    (world.log / checkpoint_path(second)).unlink()
    world.forger().run(
        ("UPDATE checkpoints SET note = x'ff00' WHERE size = ?", (first,)),
        ("UPDATE checkpoints SET note = 'x' WHERE size = ?", (second,)),
        ("INSERT INTO checkpoints VALUES (?, CAST(x'ff' AS TEXT))", (second - 1,)),
    )
    problems = [problem for problem in world.problems() if problem[2] == "checkpoints"]
    assert problems == [("checkpoint_altered", size - 1, "checkpoints") for size in (first, second - 1, second)]


@pytest.mark.parametrize("newest", [False, True])
def test_trouble_with_the_newest_head_is_told_once(world: World, newest: bool) -> None:
    path = checkpoint_path(world.heads()[-1]) if newest else "checkpoint"
    (world.log / path).unlink()
    os.mkfifo(world.log / path)
    assert world.problems() == [("checkpoint_altered", None, path)]


# --------------------------------------------------------------------------------- what stands where the log was


@pytest.mark.parametrize("what", ["file", "link", "dangling"])
@pytest.mark.parametrize("folder", ["log", "log/checkpoints", "log/tile"])
def test_what_stands_in_a_folders_place_is_a_problem(world: World, folder: str, what: str) -> None:
    place = world.home.archive / folder
    place.rename(world.home.root / "moved")
    if what == "file":
        place.touch()
    else:
        place.symlink_to(world.home.root / ("moved" if what == "link" else "nowhere"))
    assert ("published_altered", None, folder.removeprefix("log/")) in world.problems()


@pytest.mark.parametrize("folder", ["", "tile", "checkpoints", "anchors", "bodies"])
def test_folders_nested_deeper_than_any_of_ours_are_told_and_not_gone_into(world: World, folder: str) -> None:
    (world.log / folder).mkdir(exist_ok=True)
    here = os.open(world.log / folder, os.O_RDONLY)
    for _ in range(300):
        os.mkdir("x001", dir_fd=here)
        below = os.open("x001", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    deepest = "/".join([*([folder] if folder else []), *["x001"] * 9][:9])
    assert world.problems() == [("published_added", None, deepest)]


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
