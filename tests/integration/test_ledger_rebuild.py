"""``ledger rebuild``: a real history, its ledger lost, and everything as before."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from archiver.adapters.ledger.database import open_ledger
from archiver.adapters.ledger.tables import SCHEMA_REVISION
from archiver.domain.custody_log import LedgerRebuilt
from archiver.log.checkpoint import read_checkpoint
from tests.support.cli import Home
from tests.support.ledgers import ACTOR, DAY, START, LedgerPlace, acquired, item, verified
from tests.support.published import Rows, rows_of, tables_that_differ


def lose(place: LedgerPlace) -> None:
    if place.is_sqlite:
        for path in place.file.parent.glob(f"{place.file.name}*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        return
    with place.raw() as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")


def up_to(rows: Rows, size: int) -> Rows:
    """Rows of the tables that only the log itself grows, without what came at and after event *size*."""
    cut = {
        name: [row for row in rows[name] if row[0] < size] for name in ("custody_events", "merkle_nodes", "anchors")
    }
    return {**rows, **cut, "checkpoints": [row for row in rows["checkpoints"] if row[0] <= size]}


@pytest.fixture(params=["sqlite", "postgresql"])
def home_of_each(request: pytest.FixtureRequest, home: Home) -> Home:
    """A home with a ledger on each of both in turn."""
    if request.param == "postgresql":
        new: Callable[[], str] = request.getfixturevalue("new_postgres")
        home.ledger_url = new()
    return home


def history(home: Home, key) -> None:
    """Deliveries, a change and a deletion at their source, damage that is repaired, an import, a report."""
    home.configure(home.folder_source())
    home.run("keys", "import", home.list_keys(key), "--region", "us-east-1", status=0)
    kept, changed, gone = (home.deliver(key) for _ in range(3))
    home.run("sync", status=0)
    (changed / "result_1.csv.gz").write_bytes(b"something else")
    shutil.rmtree(gone)
    home.run("sync", status=1)
    archived = home.archive / "prod" / kept.relative_to(home.tree) / "result_1.csv.gz"
    archived.chmod(0o600)
    archived.write_bytes(b"damaged")
    home.run("audit", "--all", "--repair")
    home.run("import", home.deliver(key, home.root / "brought"), status=0)
    home.run("report", "--all", "--out", home.root / "report.html", status=0)
    home.run("audit", "--all")


def test_a_lost_ledger_comes_back_and_everything_goes_on(home_of_each, key):
    home = home_of_each
    history(home, key)
    before, listed = rows_of(home.ledger), home.run("list", "--json", status=0).lines
    lose(home.ledger)
    assert home.run("ledger", "rebuild", "--dry-run", "--json", status=0).json["dry_run"]
    assert home.run("status").status == 2
    assert "archiver ledger rebuild" in home.run("ledger", "upgrade", status=2).stderr
    rebuilt = home.run("ledger", "rebuild", "--json", status=0).json
    size = rebuilt["size"]
    assert size == len(before["custody_events"])
    assert rebuilt["evidence"] == len(listed) == 5
    assert rebuilt["checkpoints"] == len(before["checkpoints"])
    assert (rebuilt["warnings"], rebuilt["missing"], rebuilt["unknown"], rebuilt["lost_heads"]) == ([], [], [], [])
    after = rows_of(home.ledger)
    assert tables_that_differ(before, up_to(after, size)) == []
    assert [row[2] for row in after["custody_events"] if row[0] == size] == [LedgerRebuilt.kind]
    assert home.run("list", "--json", status=0).lines == listed

    assert home.run("ledger", "verify", "--json", status=0).json["problems"] == []
    home.deliver(key)
    assert home.run("sync", "--json").json["archived"] == 1
    assert home.run("audit", "--all", "--json").json["audited"] == 6
    assert home.run("ledger", "verify", "--json", status=0).json["problems"] == []


def test_what_was_archived_after_the_last_head_is_told_and_taken_in_again(home, key):
    home.configure(home.folder_source())
    home.run("keys", "import", home.list_keys(key), status=0)
    home.deliver(key)
    home.run("sync", status=0)
    shutil.copytree(home.archive / "log", home.root / "log-before")
    later = home.deliver(key)
    home.run("sync", status=0)
    shutil.rmtree(home.archive / "log")
    shutil.move(home.root / "log-before", home.archive / "log")
    lose(home.ledger)
    (home.root / "custody-key.last-head").unlink()  # of a host that is gone, too
    rebuilt = home.run("ledger", "rebuild", status=0)
    folder = f"prod/{later.relative_to(home.tree)}"
    assert "folders that no event tells of; the next sync or import takes them in: 1" in rebuilt.stdout
    assert folder in rebuilt.stdout
    assert home.run("sync", "--json", status=0).json["archived"] == 1
    assert {line["prefix"] for line in home.run("list", "--json").lines} == {
        f"{path.parent.relative_to(home.tree)}/" for path in home.tree.rglob("result_sign.json")
    }


@pytest.mark.parametrize("dry", [["--dry-run"], []], ids=["dry", "rebuilt"])
def test_events_of_heads_that_were_taken_away_are_told(home, key, dry):
    """Of the newest two heads nothing is left but their tiles."""
    home.configure(home.folder_source())
    home.run("keys", "import", home.list_keys(key), status=0)
    home.run("sync", status=0)
    log = home.archive / "log"
    kept = read_checkpoint((log / "checkpoint").read_bytes())[0].size
    for _ in range(2):
        home.deliver(key)
        home.run("sync", status=0)
    newest = read_checkpoint((log / "checkpoint").read_bytes())[0].size
    lose(home.ledger)
    (log / "checkpoint").unlink()
    for path in (log / "checkpoints").iterdir():
        if int(path.name) > kept:
            path.unlink()
    told = home.run("ledger", "rebuild", *dry, "--json", status=1).json
    assert (told["size"], told["beyond"]) == (kept, {"first": kept, "last": newest - 1})
    if not dry:
        assert any("entries" in path for path in told["set_aside"])
        lose(home.ledger)
        (home.root / "custody-key.last-head").unlink(missing_ok=True)
        assert home.run("ledger", "rebuild", "--json", status=0).json["beyond"] is None
        return
    said = home.run("ledger", "rebuild", status=1).stdout
    assert f"NOT in the ledger: events {kept} to {newest - 1}" in said


def test_a_proof_of_a_larger_head_is_told(home, key):
    home.configure(home.folder_source())
    proof = home.archive / "log/anchors/x001/234/timestamp-somebody.tsr"
    proof.parent.mkdir(parents=True)
    proof.write_bytes(b"proof")
    lose(home.ledger)
    assert home.run("ledger", "rebuild", "--json", status=1).json["lost_heads"] == [1234]


def test_names_that_no_head_has_are_passed_over(home):
    """A number that is larger than any log's, and what only looks like a number."""
    home.configure()
    heads = home.archive / "log/checkpoints"
    for name in ("x000/001", "x999/" * 7 + "999", "0001", "٠٠٣"):
        (heads / name).parent.mkdir(parents=True, exist_ok=True)
        (heads / name).write_bytes(b"")
    lose(home.ledger)
    home.run("ledger", "rebuild", status=0)


def test_evidence_that_is_gone_is_told(home, key):
    home.configure(home.folder_source())
    home.run("keys", "import", home.list_keys(key), status=0)
    folder = home.archive / "prod" / home.deliver(key).relative_to(home.tree)
    home.run("sync", status=0)
    lose(home.ledger)
    shutil.rmtree(folder)
    rebuilt = home.run("ledger", "rebuild", "--json", status=1).json
    assert [one["path"] for one in rebuilt["missing"]] == [str(folder.relative_to(home.archive))]
    assert home.run("audit", "--all", "--json", status=1).json["failed"] == 1


def test_a_ledger_that_is_there_stays(home, key):
    home.configure(home.folder_source())
    home.run("ledger", "rebuild", status=2)
    home.ledger.file.write_bytes(b"damaged")
    ran = home.run("ledger", "rebuild", status=2)
    assert "nothing was done" in ran.stderr
    assert "move it away" in ran.stderr
    assert home.ledger.file.read_bytes() == b"damaged"


def test_without_a_trusted_key_nothing_is_believed(home, key):
    home.configure(home.folder_source())
    home.deliver(key)
    home.run("sync")
    (vkey,) = (home.archive / "log" / "vkeys").read_text().splitlines()
    lose(home.ledger)
    (home.root / "custody-key").unlink()
    assert "trusted_keys" in home.run("ledger", "rebuild").stderr
    assert not home.ledger.file.exists()
    trusted = {"trusted_keys": [vkey]}
    home.write(home.folder_source(), custody=trusted)
    home.run("ledger", "rebuild", status=0)
    another = home.root / "another-key"
    home.run("ledger", "rotate-key", "--to", another, "--lost", status=0)
    home.write(home.folder_source(), custody={**trusted, "signing_key": str(another)})
    assert home.run("ledger", "verify", "--json", status=0).json["problems"] == []


def test_an_altered_log_is_refused_with_the_place(home, key):
    home.configure(home.folder_source())
    home.deliver(key)
    home.run("sync")
    lose(home.ledger)
    (bundle,) = sorted((home.archive / "log/tile/entries").rglob("*.p/*"), key=lambda path: int(path.name))[-1:]
    data = bundle.read_bytes()
    bundle.chmod(0o600)
    made = f'"after":"{SCHEMA_REVISION}"'.encode()
    bundle.write_bytes(data.replace(b"daemon", b"deamon").replace(made, b'"after":"0099"'))
    ran = home.run("ledger", "rebuild", status=1)
    assert "tile/0/000: hash 0 is not that of the entry, from event 0 on" in ran.stderr
    assert not home.ledger.file.exists()


@pytest.fixture
def long_history(home: Home) -> tuple[Home, Rows]:
    """A history that takes a while to rebuild; its ledger is lost."""
    home.configure()
    with closing(open_ledger(home.ledger.url, ACTOR)) as ledger:
        things = [item(number) for number in range(1000)]
        ledger.journal.record([acquired(one) for one in things])
        for day in range(1, 3):
            ledger.journal.record([verified(one, START + day * DAY) for one in things])
    home.run("ledger", "checkpoint", status=0)
    rows = rows_of(home.ledger)
    lose(home.ledger)
    return home, rows


def wait_for(path: Path, size: int) -> None:
    deadline = time.monotonic() + 60
    while not (path.exists() and path.stat().st_size > size):
        assert time.monotonic() < deadline, f"{path} did not grow"
        time.sleep(0.005)


@pytest.mark.thorough
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_rebuild_that_is_killed_leaves_no_ledger_and_is_done_again(long_history, number):
    home, before = long_history
    draft = Path(f"{home.ledger.file}.rebuilding-wal")
    process = home.start("ledger", "rebuild")
    wait_for(draft, 100_000)
    os.kill(process.pid, number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == (-9 if number == signal.SIGKILL else 130), said
    assert not home.ledger.file.exists()
    if number != signal.SIGKILL:
        assert "there is no new ledger" in said
        assert not draft.exists()
    home.run("ledger", "rebuild", "--json")
    assert tables_that_differ(before, up_to(rows_of(home.ledger), len(before["custody_events"]))) == []
