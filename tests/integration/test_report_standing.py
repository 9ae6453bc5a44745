"""``report`` and ``export`` where the ledger is not what its log says, or is, after what looks like that."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.filled import Place, fill
from tests.support.packages import check, reseal


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = fill(tmp_path)
    place.run("ledger", "checkpoint")
    place.item("good")
    return place


def report(place: Place, *arguments: str, status: int = 0) -> dict[str, Any]:
    return json.loads(place.run("report", *arguments, "--format", "json", "--out", "-", status=status).stdout)  # type: ignore[no-any-return]


def altered(place: Place, statement: str, *values: object) -> None:
    """The ledger after *statement*, with its triggers as they were."""
    with closing(sqlite3.connect(place.folder / "ledger.db")) as ledger:
        triggers = ledger.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            ledger.execute(f'DROP TRIGGER "{name}"')
        ledger.execute(statement, values)
        for _, sql in triggers:
            ledger.execute(sql)
        ledger.commit()


def accounts(place: Place) -> int:
    with closing(sqlite3.connect(place.folder / "ledger.db")) as ledger:
        return int(
            ledger.execute("SELECT count(*) FROM custody_events WHERE kind = 'events_accounted'").fetchone()[0]
        )


def without_held(package: Path) -> None:
    """What a forger does who has no key: the archive's own word that its ledger failed is taken out."""
    (package / "data/held.txt").unlink()
    info = package / "bag-info.txt"
    lines = info.read_text().splitlines(keepends=True)
    info.write_text("".join(line for line in lines if not line.startswith("Ledger-Contra")))
    reseal(package)


def test_no_account_is_signed_of_a_ledger_that_does_not_pass(place: Place, tmp_path: Path) -> None:
    """Else whoever changes a row back had the log's own word that an entry is not there."""
    item = place.item("good")["id"]
    hidden = "UPDATE custody_events SET evidence_id = 'zz' WHERE kind = 'evidence_acquired' AND evidence_id = ?"
    altered(place, hidden, item)
    out = tmp_path / "package"
    place.run("export", "--all", "--out", str(out), status=1)
    assert accounts(place) == 0
    assert not (out / "data/log/accounts.txt").exists()


@pytest.mark.parametrize("earlier", [False, True])
def test_taking_out_that_the_ledger_failed_leaves_it_unproved(place: Place, tmp_path: Path, earlier: bool) -> None:
    """*earlier*: also under a head that ends with a true account, from when the ledger still passed."""
    item, at = place.item("good")["id"], list[str]()
    if earlier:
        place.run("export", item, "--out", str(tmp_path / "first"))
        at = ["--at", (tmp_path / "first/data/log/checkpoint").read_text().split("\n")[1]]
    altered(place, "DELETE FROM sources")
    out = tmp_path / "package"
    place.run("export", item, *at, "--out", str(out), status=1)
    done = check(out)
    assert done.status == 1
    assert "its verification: what it says is not proved" in done.text
    assert "damaged or was altered since it was made" not in done.text
    without_held(out)
    done = check(out)
    assert (done.status, done.failed) == (2, [])


def test_a_head_signed_with_an_earlier_key_still_makes_a_report(place: Place, tmp_path: Path) -> None:
    item = place.item("good")["id"]
    size = report(place, item)["before"]
    out = tmp_path / "package"
    new = place.folder / "custody-key2"
    place.run("ledger", "rotate-key", "--to", str(new))
    config = place.folder / "archiver.toml"
    config.write_text(config.read_text().replace("/custody-key", "/custody-key2"))
    told = report(place, item, "--at", str(size))
    assert told["outcome"] == "verified"
    assert told["log"]["checkpoint"]["verified"] is True
    place.run("export", item, "--at", str(size), "--out", str(out))
    assert check(out).failed == []


@pytest.mark.parametrize("verdict", ["verified", "failed"])
def test_an_altered_item_leaves_no_selection_by_its_verdict(place: Place, verdict: str) -> None:
    item = place.item("good")["id"]
    path = next(file["path"] for file in report(place, item)["evidence"][0]["files"] if file["role"] == "result")
    file = place.folder / "archive" / path
    file.chmod(0o644)
    file.write_bytes(file.read_bytes() + b"\n")
    told = report(place, "--all", "--verdict", verdict, status=1 if verdict == "verified" else 0)
    found = {one["id"]: one["verdict"] for one in told["evidence"]}
    assert found.get(item) == ("failed" if verdict == "verified" else None), "by what is on record"
    assert told["outcome"] == "failed"


def test_a_ledger_put_back_from_a_backup_says_nothing_of_any_item(place: Place, tmp_path: Path) -> None:
    item = place.item("good")["id"]
    backup = tmp_path / "backup.db"
    with closing(sqlite3.connect(place.folder / "ledger.db")) as ledger, closing(sqlite3.connect(backup)) as copy:
        ledger.backup(copy)
    path = next(file["path"] for file in report(place, item)["evidence"][0]["files"] if file["role"] == "result")
    file = place.folder / "archive" / path
    kept = file.read_bytes()
    file.chmod(0o644)
    file.write_bytes(b"other")
    place.run("audit", "--id", item, status=1)
    place.run("ledger", "checkpoint")
    file.write_bytes(kept)
    for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
        (place.folder / name).unlink(missing_ok=True)
    shutil.copy(backup, place.folder / "ledger.db")
    told = report(place, "--all", status=1)
    assert told["outcome"] == "failed"
    assert {one["verdict"] for one in told["evidence"]} == {"failed"}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE custody_events SET body = x'ff00ff' WHERE kind = 'evidence_acquired'",
        "UPDATE custody_events SET body = 7 WHERE kind = 'evidence_acquired'",
        "UPDATE checkpoints SET note = x'ff' WHERE size = (SELECT max(size) FROM checkpoints)",
    ],
)
def test_a_cell_that_cannot_be_read_denies_neither_report_nor_package(
    place: Place, tmp_path: Path, statement: str
) -> None:
    altered(place, statement)
    told = report(place, "--all", status=1)
    assert told["outcome"] == "failed"
    out = tmp_path / "package"
    place.run("export", "--all", "--out", str(out), status=1)
    assert check(out, key=False).status == 1
