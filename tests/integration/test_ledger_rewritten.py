"""Older states put back, and history written anew to fit itself: ``ledger verify`` finds it, and where it parts."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

from archiver.adapters.ledger.database import open_ledger
from archiver.custody_key import create
from archiver.log.tiles import checkpoint_path
from tests.support.cli import signing_key
from tests.support.ledgers import ACTOR
from tests.support.log_stand import MemorySigner, told
from tests.support.tampered import World
from tests.support.tampering import overwrite

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
