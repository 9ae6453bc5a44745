"""Going on after a restore: what a command says when history is shorter than what was signed, and the way out."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from archiver.demo.deliveries import SigningKey
from archiver.log.checkpoint import Checkpoint, read_checkpoint
from tests.support.cli import Home, Ran

REASON = "disk lost on 3 May; Jane decided that the backup is all there is"


def head_of(home: Home) -> Checkpoint:
    return read_checkpoint((home.archive / "log/checkpoint").read_bytes())[0]


def last_head(home: Home) -> Path:
    return home.root / "custody-key.last-head"


def backup(home: Home, name: str = "backup") -> Path:
    """A copy of ledger and archive."""
    to = home.root.parent / name
    to.mkdir()
    for path in home.root.glob("ledger.db*"):
        if path.is_file():
            shutil.copy2(path, to / path.name)
    shutil.copytree(home.archive, to / "evidence")
    return to


def restore(home: Home, copy: Path, *, ledger: bool = True, log: bool = True) -> None:
    if ledger:
        lose(home)
        for path in copy.glob("ledger.db*"):
            shutil.copy2(path, home.root / path.name)
    if log:
        shutil.rmtree(home.archive / "log")
        shutil.copytree(copy / "evidence/log", home.archive / "log")


def lose(home: Home) -> None:
    for path in home.root.glob("ledger.db*"):
        if path.is_file():
            path.unlink()


def accept(home: Home, reason: str = REASON, **more: Any) -> Ran:
    return home.run("ledger", "checkpoint", "--accept-earlier", reason, **more)


@pytest.fixture
def restored(home: Home, key: SigningKey) -> tuple[Home, Checkpoint, Checkpoint]:
    """A home whose ledger and log were put back; the head signed last, and the one that is left."""
    home.configure(home.folder_source())
    home.run("keys", "import", home.list_keys(key), status=0)
    copy, earlier = backup(home), head_of(home)
    home.deliver(key)
    home.run("sync", status=0)
    lost = head_of(home)
    restore(home, copy)
    return home, lost, earlier


def accepted_event(home: Home) -> dict[str, Any]:
    found = home.ledger.query("SELECT body FROM custody_events WHERE kind = 'earlier_head_accepted'")
    ((body,),) = found
    return dict(json.loads(str(body)))


@pytest.mark.parametrize("grown", [False, True], ids=["shorter", "grown past it"])
def test_after_a_restore_the_log_goes_on_when_somebody_says_why(
    restored: tuple[Home, Checkpoint, Checkpoint], grown: bool, key: SigningKey
) -> None:
    home, lost, earlier = restored
    before = last_head(home).read_bytes()
    for _ in range(12 if grown else 0):
        home.deliver(key)
    if grown:
        home.run("sync", status=1)
        assert home.run("status", "--json").json["ledger"]["size"] > lost.size
    ran = home.run("ledger", "checkpoint", status=1)
    assert "--accept-earlier REASON" in ran.stderr
    assert "--accept-earlier REASON" in home.run("doctor").stdout
    assert home.run("ledger", "verify").status == 1
    assert accept(home, "  ").status == 2
    assert home.run("ledger", "checkpoint", "--force", "--accept-earlier", REASON).status == 2
    assert last_head(home).read_bytes() == before

    said = accept(home, status=0).stdout
    assert "THE LOG GOES ON FROM AN EARLIER HEAD" in said
    assert lost.root.hex() in said
    assert earlier.root.hex() in said
    assert f"signed: {head_of(home).size} events" in said
    (kept,) = home.root.glob("custody-key.last-head.set-aside-2*Z")
    assert kept.read_bytes() == before
    reason = kept.with_name(f"{kept.name}.reason").read_bytes()
    assert reason.decode() == f"{REASON}\n"
    assert str(kept) in said
    event = accepted_event(home)
    del event["actor"]
    assert event == {
        "kind": "earlier_head_accepted",
        "at": event["at"],
        "lost_size": lost.size,
        "lost_root": lost.root.hex(),
        "size": earlier.size,
        "root": earlier.root.hex(),
        "reason_sha256": hashlib.sha256(reason).hexdigest(),
    }
    assert "the log goes on from an earlier head than was signed last" in home.alerts()
    for (body,) in home.ledger.query("SELECT body FROM custody_events"):
        assert "Jane" not in str(body), "the reason is a person's text, and stays out of the log"

    report = home.run("ledger", "verify", "--json", status=0).json
    assert report["problems"] == []
    assert any(lost.root.hex() in note for note in report["notes"])
    assert last_head(home).read_text() == (home.archive / "log/checkpoint").read_text()
    again = accept(home, status=2)
    assert "nothing is wrong" in again.stderr
    home.deliver(key)
    home.run("sync", status=0)
    assert head_of(home).size == home.run("status", "--json").json["ledger"]["size"]


def test_it_is_one_json_object_too(restored: tuple[Home, Checkpoint, Checkpoint]) -> None:
    home, lost, earlier = restored
    ran = home.run("ledger", "checkpoint", "--accept-earlier", REASON, "--json", status=0)
    (told,) = ran.json["accepted"]
    assert (told["lost_size"], told["lost_root"]) == (lost.size, lost.root.hex())
    assert (told["size"], told["root"]) == (earlier.size, earlier.root.hex())
    assert "GOES ON FROM AN EARLIER HEAD" in ran.stderr, "whoever runs it must see that"


def test_nothing_is_accepted_while_a_newer_state_is_at_hand(home: Home, key: SigningKey) -> None:
    """The log reaches the head; only the ledger was put back: it is rebuilt, and nothing is lost."""
    home.configure(home.folder_source())
    home.run("keys", "import", home.list_keys(key), status=0)
    copy = backup(home)
    home.deliver(key)
    home.run("sync", status=0)
    before = last_head(home).read_bytes()
    restore(home, copy, log=False)
    ran = accept(home, status=1)
    assert "the newest published head has" in ran.stderr
    assert "earlier_head_accepted" not in home.kinds()
    assert last_head(home).read_bytes() == before
    lose(home)
    assert home.run("ledger", "rebuild", "--json", status=0).json["last_heads"][0]["trouble"] is None


def test_where_nothing_is_wrong_there_is_nothing_to_accept(home: Home) -> None:
    home.configure()
    kinds = home.kinds()
    assert "nothing is wrong" in accept(home, status=2).stderr
    last_head(home).unlink()
    assert "none is kept" in accept(home, status=2).stderr
    assert home.kinds() == kinds


def test_what_is_no_head_is_set_aside_as_well(home: Home) -> None:
    home.configure()
    last_head(home).write_bytes(b"no head\n")
    assert "no checkpoint" in home.run("ledger", "checkpoint", "--force", status=1).stderr
    accept(home, status=0)
    assert accepted_event(home)["lost_size"] is None
    (kept,) = home.root.glob("custody-key.last-head.set-aside-2*Z")
    assert kept.read_bytes() == b"no head\n"
    home.run("ledger", "verify", status=0)


def test_with_the_key_lost_too_the_decision_stands_and_a_new_key_signs(
    restored: tuple[Home, Checkpoint, Checkpoint],
) -> None:
    home, lost, _ = restored
    (home.root / "custody-key").unlink()
    second = home.root / "second"
    assert "--accept-earlier" in home.run("ledger", "rotate-key", "--to", second, "--lost", status=1).stderr
    ran = accept(home, status=3)
    assert "THE LOG GOES ON" in ran.stdout
    assert accepted_event(home)["lost_root"] == lost.root.hex()
    home.run("ledger", "rotate-key", "--to", second, "--lost", status=0)
    old = (home.archive / "log/vkeys").read_text().splitlines()[0]
    home.environ |= {"ARCHIVER_CUSTODY__SIGNING_KEY": str(second), "ARCHIVER_CUSTODY__TRUSTED_KEYS": old}
    home.run("ledger", "verify", status=0)


def test_a_rebuild_from_an_older_log_says_so_before_and_after(restored: tuple[Home, Checkpoint, Checkpoint]) -> None:
    home, lost, earlier = restored
    lose(home)
    for dry in (["--dry-run"], []):
        ran = home.run("ledger", "rebuild", *dry, status=1)
        fewer = f"ends at {earlier.size} leaves, {lost.size - earlier.size} fewer than the head that was signed last"
        assert fewer in ran.stdout
        assert "--accept-earlier REASON" in ran.stdout
        assert home.ledger.file.exists() is not bool(dry)
    accept(home, status=0)
    report = home.run("ledger", "verify", "--json", status=0).json
    assert report["problems"] == []


def test_a_rebuild_from_another_history_says_so(home: Home, key: SigningKey) -> None:
    """The head signed last is as long as the log, and another one."""
    home.configure(home.folder_source())
    copy = backup(home)
    home.run("keys", "import", home.list_keys(key), status=0)
    remembered = last_head(home).read_bytes()
    restore(home, copy)
    last_head(home).unlink()
    for _ in range(4):
        home.run("ledger", "checkpoint", "--force", status=0)
    last_head(home).write_bytes(remembered)
    lose(home)
    (told,) = home.run("ledger", "rebuild", "--dry-run", "--json", status=1).json["last_heads"]
    assert "does not lead to the head" in told["trouble"]


def test_a_last_head_that_is_gone_is_warned_of(home: Home) -> None:
    home.configure()
    assert not any("last head" in note for note in home.run("ledger", "verify", "--json", status=0).json["notes"])
    last_head(home).unlink()
    assert any("no last head is kept" in n for n in home.run("ledger", "verify", "--json", status=0).json["notes"])
    checks = {one["id"]: one for one in home.run("doctor", "--json", status=0).json["checks"]}
    assert checks["log"]["status"] == "warn"
    assert "no last head is kept" in checks["log"]["detail"]
    home.run("ledger", "checkpoint", "--force", status=0)
    assert last_head(home).exists()


# -------------------------------------------------------------------------------------- the log folder


def replaced(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


def test_republishing_names_all_that_differs_and_counts_what_came_back(home: Home, key: SigningKey) -> None:
    """Below the newest head as well: heads, full tiles, partial ones of earlier heads, the list of keys."""
    home.configure(home.folder_source())
    home.run("keys", "import", home.list_keys(key), status=0)
    for _ in range(3):
        home.run("ledger", "checkpoint", "--force", status=0)
    log = home.archive / "log"
    heads = sorted((log / "checkpoints").iterdir())
    partial = min(log.glob("tile/0/000.p/*"), key=lambda path: int(path.name))
    entries = min(log.glob("tile/entries/000.p/*"), key=lambda path: int(path.name))
    spoiled = [heads[0], partial, entries, log / "vkeys"]
    for path in spoiled:
        replaced(path, b"forged\n")
    gone = heads[1], log / "checkpoint"
    whole = {path: path.read_bytes() for path in gone}
    for path in gone:
        path.unlink()
    ran = home.run("ledger", "checkpoint", "--republish", status=1)
    assert "put back: 2 files" in ran.stdout
    for path in spoiled:
        assert f"DIFFERS, and stays as it is: {path.relative_to(log)}: " in ran.stdout
        assert path.read_bytes() == b"forged\n"
    assert {path: path.read_bytes() for path in gone} == whole
    assert "files of the published log are not the ledger's" in home.alerts()
    told = home.run("ledger", "checkpoint", "--republish", "--json", status=1).json
    assert sorted(one["path"] for one in told["differing"]) == sorted(str(path.relative_to(log)) for path in spoiled)
    assert (told["restored"], told["made"]) == (0, False)

    for number, path in enumerate(spoiled):
        path.rename(home.root / f"evidence-{number}")
    ran = home.run("ledger", "checkpoint", "--republish", status=0)
    assert "put back: 2 files" in ran.stdout, "the head and the list; nobody needs earlier partial tiles"
    report = home.run("ledger", "verify", "--json", status=0).json
    assert report["problems"] == []


def test_republishing_a_whole_folder_says_that_nothing_was_missing(home: Home) -> None:
    home.configure()
    ran = home.run("ledger", "checkpoint", "--republish", status=0)
    assert "put back: 0 files" in ran.stdout
    assert "nothing new since" in ran.stdout


def test_an_older_list_of_keys_is_brought_up_to_date(home: Home) -> None:
    home.configure()
    older = (home.archive / "log/vkeys").read_bytes()
    home.run("ledger", "rotate-key", "--to", home.root / "second", status=0)
    home.environ["ARCHIVER_CUSTODY__SIGNING_KEY"] = str(home.root / "second")
    replaced(home.archive / "log/vkeys", older)
    assert "put back: 1 file\n" in home.run("ledger", "checkpoint", "--republish", status=0).stdout
    assert len((home.archive / "log/vkeys").read_text().splitlines()) == 2


def test_an_altered_list_of_keys_is_kept_aside_and_told_when_a_new_one_is_due(home: Home) -> None:
    home.configure()
    forged = b"forged\n"
    replaced(home.archive / "log/vkeys", forged)
    home.run("ledger", "checkpoint", "--force", status=0)
    assert (home.archive / "log/vkeys").read_bytes() == forged, "no head overwrites it"
    ran = home.run("ledger", "rotate-key", "--to", home.root / "second", status=0)
    assert "the published list of the log's keys was altered" in ran.stderr
    (kept,) = home.archive.glob("set-aside/log/*/vkeys")
    assert kept.read_bytes() == forged
    assert len((home.archive / "log/vkeys").read_text().splitlines()) == 2
