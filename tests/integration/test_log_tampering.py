"""Whatever is done to the files of the published log: ``ledger verify`` finds it, says where, and ends with 1."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from archiver.adapters.files.log_folder import LogFolder
from archiver.adapters.ledger.database import open_ledger
from archiver.log.tiles import checkpoint_path
from tests.support.ledgers import ACTOR
from tests.support.log_stand import anchor_by
from tests.support.tampered import World
from tests.support.tampering import overwrite

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
