"""``report`` as a process, over a ledger altered behind its triggers: no item passes for what it is not."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from archiver.demo.deliveries import gzip_bytes
from tests.support.filled import Place, fill


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, Path]:
    """The archive under a signed head, and a copy of all that it consists of."""
    place = fill(tmp_path_factory.mktemp("filled"))
    place.run("ledger", "checkpoint")
    place.item("good")
    kept = tmp_path_factory.mktemp("kept") / "copy"
    shutil.copytree(place.folder, kept, symlinks=True)
    return place, kept


@pytest.fixture
def place(filled: tuple[Place, Path]) -> Place:
    """The archive as it was filled."""
    place, kept = filled
    shutil.rmtree(place.folder)
    shutil.copytree(kept, place.folder, symlinks=True)
    return place


@contextmanager
def opened(place: Place) -> Iterator[sqlite3.Connection]:
    """The ledger without its triggers, as whoever has the file can open it."""
    with closing(sqlite3.connect(place.folder / "ledger.db")) as ledger:
        for (name,) in ledger.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            ledger.execute(f'DROP TRIGGER "{name}"')
        yield ledger
        ledger.commit()


def report(place: Place, *arguments: str, status: int = 0) -> dict[str, Any]:
    done = place.run("report", *arguments, "--survey", "never", "--format", "json", "--out", "-", status=status)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def by_id(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {item["id"]: item for item in told["evidence"]}


def forge(ledger: sqlite3.Connection, item: str) -> None:
    """Rows and bodies alike say that *item* was always verified."""
    rows = ledger.execute("SELECT seq, body FROM custody_events WHERE evidence_id = ?", (item,)).fetchall()
    for seq, text in rows:
        body = json.loads(text)
        if "judgement" not in body:
            continue
        said = body["judgement"]
        said.update(verdict="verified", reasons=[], findings=[])
        for check in said["checks"]:
            check.update(result="pass", detail="ok")
        for file in said["files"]:
            file["sha256"] = file["signed_sha256"] = file["listed_sha256"]
        for file in body.get("evidence", {}).get("files", ()):
            file["sha256"] = file["listed_sha256"] or file["sha256"]
        checks = json.dumps(said["checks"])
        ledger.execute(
            "UPDATE verifications SET verdict = 'verified', reasons = '[]', findings = '[]', checks = ?"
            " WHERE seq = ?",
            (checks, seq),
        )
        forged = json.dumps(body, sort_keys=True, separators=(",", ":"))
        ledger.execute("UPDATE custody_events SET body = ? WHERE seq = ?", (forged, seq))
    ledger.execute(
        "UPDATE evidence_state SET verdict = 'verified', reasons = '[]', findings = '[]' WHERE evidence_id = ?",
        (item,),
    )
    ledger.execute(
        "UPDATE files SET sha256 = listed_sha256 WHERE evidence_id = ? AND listed_sha256 IS NOT NULL", (item,)
    )


@pytest.mark.parametrize("chosen", [("--all",), ("--all", "--verdict", "failed"), ("ID",)])
def test_events_altered_together_with_their_rows_are_told(place: Place, chosen: tuple[str, ...]) -> None:
    item = place.item("tampered")["id"]
    with opened(place) as ledger:
        forge(ledger, item)
    told = report(place, *(item if one == "ID" else one for one in chosen), status=1)
    shown = by_id(told)[item]
    assert (shown["verdict"], shown["reasons"]) == ("failed", ["hash_mismatch", "ledger_altered"])
    assert any("is told from the log" in one for one in shown["ledger_disagreements"])
    assert [one["verdict"] for one in shown["verifications"]] == ["failed"], "as it was signed, not as the rows say"
    assert told["outcome"] == "failed"
    assert told["log"]["held"]["first_problems"][0]["kind"] == "event_altered"
    assert told["summary"]["ledger_disagrees"] == 1


def test_whoever_alters_the_leaf_too_gets_no_proof_and_is_told(place: Place) -> None:
    from archiver.log.leaf import leaf_of
    from archiver.log.tree import leaf_hash

    item = place.item("tampered")["id"]
    with opened(place) as ledger:
        forge(ledger, item)
        for seq, body in ledger.execute(
            "SELECT seq, body FROM custody_events WHERE evidence_id = ?", (item,)
        ).fetchall():
            (hashes,) = ledger.execute("SELECT hashes FROM merkle_nodes WHERE seq = ?", (seq,)).fetchone()
            leaf = leaf_hash(leaf_of(body.encode()))
            ledger.execute("UPDATE merkle_nodes SET hashes = ? WHERE seq = ?", (leaf + hashes[len(leaf) :], seq))
    told = report(place, item, status=1)
    shown = by_id(told)[item]
    assert (shown["verdict"], shown["reasons"]) == ("failed", ["hash_mismatch", "ledger_altered"])
    assert shown["proof"]["file"] is None
    assert "is not in the ledger as it was recorded" in shown["proof"]["trouble"]


@pytest.mark.thorough
@pytest.mark.parametrize("tables", [("evidence_state",), ("evidence_state", "files", "verifications", "evidence")])
def test_deleting_rows_hides_no_failed_item(place: Place, tables: tuple[str, ...]) -> None:
    item = place.item("tampered")["id"]
    true = report(place, "--all")
    with opened(place) as ledger:
        for table in tables:
            column = "id" if table == "evidence" else "evidence_id"
            ledger.execute(f"DELETE FROM {table} WHERE {column} = ?", (item,))
    for chosen in (
        ("--all",),
        ("--all", "--source", "prod"),
        ("--since", "2020-01-01"),
        ("--all", "--verdict", "failed"),
    ):
        told = report(place, *chosen, status=1)
        shown = by_id(told)[item]
        assert (shown["verdict"], shown["reasons"]) == ("failed", ["hash_mismatch", "ledger_altered"]), chosen
        assert f"there is no row {item}" in shown["ledger_disagreements"][0]
        assert [one["sha256"] for one in shown["files"]] == [one["sha256"] for one in by_id(true)[item]["files"]]
    assert set(by_id(report(place, "--all", status=1))) == set(by_id(true))
    other = report(place, "--all", "--account", "444455556666", status=1)
    assert (other["outcome"], other["summary"]["failed"]) == ("failed", 0), "its ledger is not to be trusted"
    assert set(by_id(other)) == {place.item("keyless")["id"]}, "a condition that it does not meet leaves it out"


@pytest.mark.thorough
def test_a_row_that_cannot_be_read_denies_no_report(place: Place) -> None:
    item = place.item("good")["id"]
    with opened(place) as ledger:
        ledger.execute("UPDATE evidence_state SET verdict = 'sung' WHERE evidence_id = ?", (item,))
    for chosen in ("--all", item):
        told = report(place, chosen, status=1)
        shown = by_id(told)[item]
        assert (shown["verdict"], shown["reasons"]) == ("failed", ["ledger_altered"])
        assert "cannot be read" in shown["ledger_disagreements"][0]
        assert [one["standing"] for one in shown["files"]] == ["sign_file", "signed", "signed"]
    assert len(by_id(report(place, "--all", status=1))) == 5
    for form in ("html", "pdf", "case", "premis"):
        out = place.folder / f"r.{form}"
        place.run("report", "--all", "--survey", "never", "--format", form, "--out", str(out), status=1)


@pytest.mark.thorough
def test_an_item_of_which_nothing_reads_is_named(place: Place) -> None:
    item = place.item("good")["id"]
    with opened(place) as ledger:
        ledger.execute("UPDATE evidence_state SET verdict = 'sung' WHERE evidence_id = ?", (item,))
        ledger.execute("UPDATE custody_events SET body = '{}' WHERE evidence_id = ?", (item,))
    told = report(place, "--all", status=1)
    assert by_id(told)[item]["verdict"] == "failed"
    for form in ("html", "pdf", "case", "premis"):
        out = place.folder / f"r.{form}"
        place.run("report", "--all", "--survey", "never", "--format", form, "--out", str(out), status=1)


def test_a_report_as_of_a_head_is_the_same_after_later_audits(place: Place) -> None:
    item = place.item("good")["id"]
    size = report(place, item)["log"]["size"]
    early = report(place, item, "--at", str(size))
    place.run("audit", "--id", item)
    place.run("ledger", "checkpoint")
    later = report(place, item, "--at", str(size))
    assert early["evidence"][0]["proof"] == later["evidence"][0]["proof"]
    assert early["evidence"] == later["evidence"]


@pytest.mark.parametrize("change", ["altered", "deleted"])
def test_an_archive_that_is_not_what_was_acquired_is_told(place: Place, change: str) -> None:
    item = place.item("good")["id"]
    file = place.folder / "archive" / by_id(report(place, item))[item]["files"][0]["path"]
    if change == "deleted":
        file.unlink()
    else:
        file.chmod(0o644)
        file.write_bytes(file.read_bytes().replace(b"{", b"{ ", 1))
    told = report(place, "--all", status=1)
    shown = by_id(told)[item]
    assert (shown["verdict"], shown["reasons"]) == ("failed", ["archive_altered"])
    assert "does not hold what was recorded" in shown["archive_troubles"][0]
    assert file.name in shown["archive_troubles"][0]
    assert shown["ledger_disagreements"] == []
    assert (told["summary"]["archive_altered"], told["summary"]["ledger_disagrees"]) == (1, 0)
    assert told["summary"]["failed"] == 3
    place.run("audit", "--id", item, status=1)
    known = by_id(report(place, item))[item]
    assert known["verdict"] == "failed"
    assert known["reasons"][-1] == "archive_altered"
    assert known["ledger_disagreements"] == known["archive_troubles"] == []


def test_a_header_that_is_not_the_one_that_was_read_is_told(place: Place) -> None:
    item = place.item("good")["id"]
    place.run("report", item, "--survey", "always", "--out", str(place.folder / "r.html"))
    files = by_id(report(place, item))[item]["files"]
    file = place.folder / "archive" / files[1]["path"]
    file.chmod(0o644)
    file.write_bytes(gzip_bytes(b"another header\n"))
    shown = by_id(report(place, item, status=1))[item]
    assert (shown["verdict"], shown["reasons"]) == ("failed", ["archive_altered"])
    assert "the first line of " in shown["archive_troubles"][0]


# ---------------------------------------------------------------------------------- what the archive holds by now


def read_report(place: Place, *arguments: str, status: int = 0) -> dict[str, Any]:
    """As :func:`report`, and the files are read for it."""
    done = place.run("report", *arguments, "--format", "json", "--out", "-", status=status)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("how", "surveyed", "survey"),
    [("grown", True, "auto"), ("flipped", True, "always"), ("flipped", False, "auto"), ("deleted", False, "always")],
)
def test_a_file_that_is_read_and_is_not_what_was_acquired_fails_the_report(
    place: Place, tmp_path: Path, how: str, surveyed: bool, survey: str
) -> None:
    item = place.item("good")["id"]
    if surveyed:
        assert by_id(read_report(place, item))[item]["files_read"] is True
    path = by_id(report(place, item))[item]["files"][2]["path"]
    file = place.folder / "archive" / path
    data = file.read_bytes()
    file.chmod(0o644)
    if how == "deleted":
        file.unlink()
    else:
        file.write_bytes(data + b"\n" if how == "grown" else bytes([data[0] ^ 1]) + data[1:])
    told = read_report(place, item, "--survey", survey, status=1)
    shown = by_id(told)[item]
    assert (told["outcome"], shown["verdict"], shown["reasons"]) == ("failed", "failed", ["archive_altered"])
    assert [file["standing"] for file in shown["files"]] == ["sign_file", "signed", "altered"]
    assert (shown["files_read"], told["summary"]["archive_altered"]) == (False, 1)
    assert path in shown["archive_troubles"][0]
    page = tmp_path / "r.html"
    place.run("report", item, "--out", str(page), status=1)
    text = page.read_text()
    assert "All verified" not in text
    assert "1 of 2 files have the signed bytes" in text
    assert "The archive does NOT hold what was acquired" in text


def test_a_key_that_was_altered_in_the_archive_fails_the_report(place: Place) -> None:
    item = place.item("good")["id"]
    (file,) = place.folder.glob("archive/keys/*/public_key.der")
    file.chmod(0o644)
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    shown = by_id(report(place, item, status=1))[item]
    assert (shown["verdict"], shown["reasons"]) == ("failed", ["archive_altered"])
    assert "it is not the public key that was archived there" in shown["archive_troubles"][0]


def test_a_report_of_an_earlier_head_reads_the_files_too_and_records_nothing(place: Place) -> None:
    item = place.item("good")["id"]
    size = report(place, item)["before"]
    told = read_report(place, item, "--at", str(size))
    assert by_id(told)[item]["files_read"] is True
    assert all(event["kind"] != "evidence_surveyed" for event in by_id(report(place, item))[item]["custody"])
    file = place.folder / "archive" / told["evidence"][0]["files"][1]["path"]
    file.chmod(0o644)
    file.write_bytes(b"other")
    assert by_id(read_report(place, item, "--at", str(size), status=1))[item]["verdict"] == "failed"


def test_a_link_in_the_place_of_an_item_is_not_followed(place: Place) -> None:
    item = place.item("good")["id"]
    file = place.folder / "archive" / by_id(report(place, item))[item]["files"][1]["path"]
    aside = file.parent.with_name("aside")
    file.parent.chmod(0o755)
    file.parent.rename(aside)
    file.parent.symlink_to(aside)
    told = read_report(place, item, status=1)
    assert told["outcome"] == "failed"
    assert all("it is not there" in one for one in by_id(told)[item]["archive_troubles"])


# ------------------------------------------------------- what rows hide, and the published log still tells


def fail_once(place: Place, item: str) -> int:
    """Has an audit of *item* fail, though its file is whole again after it; the number of the event that says so."""
    file = place.folder / "archive" / by_id(report(place, item))[item]["files"][1]["path"]
    kept = file.read_bytes()
    file.chmod(0o644)
    file.write_bytes(kept + b"\n")
    place.run("audit", "--id", item, status=1)
    file.write_bytes(kept)
    place.run("ledger", "checkpoint")
    with closing(sqlite3.connect(place.folder / "ledger.db")) as ledger:
        (seq,) = ledger.execute("SELECT max(seq) FROM custody_events WHERE kind = 'evidence_verified'").fetchone()
    return int(seq)


def unsay(place: Place, kept: Path, item: str, seq: int) -> Iterator[sqlite3.Connection]:
    """The rows as they were before the event *seq*; whoever takes the connection does away with the event itself."""
    with closing(sqlite3.connect(kept / "ledger.db")) as before:
        state = before.execute("SELECT * FROM evidence_state WHERE evidence_id = ?", (item,)).fetchone()
    with closing(sqlite3.connect(place.folder / "ledger.db")) as ledger:
        triggers = ledger.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            ledger.execute(f'DROP TRIGGER "{name}"')
        yield ledger
        ledger.execute("DELETE FROM verifications WHERE seq = ?", (seq,))
        ledger.execute("DELETE FROM evidence_state WHERE evidence_id = ?", (item,))
        ledger.execute(f"INSERT INTO evidence_state VALUES ({', '.join('?' * len(state))})", state)
        for _, sql in triggers:
            ledger.execute(sql)
        ledger.commit()


@pytest.mark.parametrize(
    "how",
    ["UPDATE custody_events SET evidence_id = NULL WHERE seq = ?", "DELETE FROM custody_events WHERE seq = ?"],
)
def test_a_failed_audit_that_was_hidden_or_deleted_is_told_from_the_log(
    place: Place, filled: tuple[Place, Path], tmp_path: Path, how: str
) -> None:
    item = place.item("good")["id"]
    seq = fail_once(place, item)
    for ledger in unsay(place, filled[1], item, seq):
        ledger.execute(how, (seq,))
    told = report(place, item, status=1)
    shown = by_id(told)[item]
    assert (told["outcome"], shown["verdict"]) == ("failed", "failed")
    assert shown["reasons"] == ["hash_mismatch", "archive_altered", "ledger_altered"]
    assert [one["verdict"] for one in shown["verifications"]] == ["verified", "failed"]
    assert any(f"custody event {seq} (evidence_verified)" in one for one in shown["ledger_disagreements"])
    assert by_id(report(place, "--all", status=1))[place.item("unlisted")["id"]]["verdict"] == "verified"
    page = tmp_path / "r.html"
    place.run("report", item, "--out", str(page), status=1)
    assert "All verified" not in page.read_text()
    place.run("export", item, "--out", str(tmp_path / "package"), status=1)
    checked = subprocess.run([str(tmp_path / "package/verify.sh")], capture_output=True, text=True, check=False)
    assert checked.returncode == 1
    assert "the archive's ledger did NOT pass its verification: " in checked.stdout
    assert "own verdict is FAILED: hash_mismatch archive_altered ledger_altered" in checked.stdout


def test_an_event_of_which_nobody_has_what_it_said_speaks_against_every_item(
    place: Place, filled: tuple[Place, Path]
) -> None:
    item = place.item("good")["id"]
    seq = fail_once(place, item)
    for ledger in unsay(place, filled[1], item, seq):
        ledger.execute("DELETE FROM custody_events WHERE seq = ?", (seq,))
    shutil.rmtree(place.folder / "archive/log/tile/entries")
    told = report(place, "--all", status=1)
    assert {one["verdict"] for one in told["evidence"]} == {"failed"}
    assert all("may have been about this item" in one["ledger_disagreements"][-1] for one in told["evidence"])


def test_an_item_of_which_every_row_and_event_was_deleted_is_in_the_report(place: Place) -> None:
    item = place.item("tampered")["id"]
    true = by_id(report(place, "--all"))[item]
    with opened(place) as ledger:
        for table in ("evidence_state", "files", "verifications", "custody_events"):
            ledger.execute(f"DELETE FROM {table} WHERE evidence_id = ?", (item,))
        ledger.execute("DELETE FROM evidence WHERE id = ?", (item,))
    for chosen in (("--all",), ("--all", "--verdict", "failed"), ("--all", "--source", "prod")):
        shown = by_id(report(place, *chosen, status=1))[item]
        assert (shown["verdict"], shown["reasons"]) == ("failed", ["hash_mismatch", "ledger_altered"])
        assert [one["sha256"] for one in shown["files"]] == [one["sha256"] for one in true["files"]]


def test_a_ledger_that_is_whole_is_said_to_be(place: Place) -> None:
    told = report(place, "--all")
    assert told["log"]["held"] == {"failed": False, "problems": 0, "first_problems": [], "not_checked": []}
    assert told["outcome"] == "failed", "by its items"
    assert report(place, place.item("good")["id"])["outcome"] == "verified"
