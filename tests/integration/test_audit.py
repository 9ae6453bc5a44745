"""``archiver audit``: whatever was done to archive or ledger is found, told once, and mended where it can be."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.support.cli import archived_home, files_below

FIELDS = {
    "audited": int,
    "verified": int,
    "failed": int,
    "indeterminate": int,
    "repaired": int,
    "bytes": int,
    "seconds": float,
    "items": list,
}


@pytest.fixture(scope="module")
def archived(tmp_path_factory):
    """A home whose archive holds one verified delivery of two results; and the delivery's folder there."""
    made, (folder,) = archived_home(tmp_path_factory.mktemp("archived"), {"files": 2})
    return made, folder


@pytest.fixture
def held(home, archived):
    """Makes *home* such a one; answers the folder."""
    made, folder = archived
    made.restore(home)
    return folder


def audit(home, *arguments, status):
    return home.run_here("audit", *arguments or ["--all"], "--json", status=status).json


def test_answers_as_the_contract_says(home, held):
    answer = audit(home, status=0)
    assert {name: type(answer[name]) for name in FIELDS} == FIELDS
    assert answer["stopped_by"] is None
    assert (answer["audited"], answer["verified"], answer["failed"], answer["indeterminate"]) == (1, 1, 0, 0)
    assert answer["bytes"] == sum(map(len, files_below(held).values()))
    assert answer["items"] == []
    assert home.run("audit", "--all", "--allow-cache", status=0).stdout.startswith("1 audited (")
    assert home.kinds().count("evidence_verified") == 2


def writable(path):
    path.parent.chmod(0o755)
    path.chmod(0o644)
    return path


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    writable(path).write_bytes(data)


def truncate(path):
    writable(path).write_bytes(path.read_bytes()[:-1])


def grow(path):
    writable(path).write_bytes(path.read_bytes() + b"\0")


def empty(path):
    writable(path).write_bytes(b"")


def delete(path):
    path.unlink()


def link(path):
    aside = path.parent.parent / "aside"
    path.rename(aside)
    path.symlink_to(aside)


def folder(path):
    path.unlink()
    path.mkdir()


def pipe(path):
    path.unlink()
    os.mkfifo(path)


def link_the_folder(path):
    """What is reached through a link is elsewhere, whatever it holds."""
    aside = path.parent.with_name("aside")
    path.parent.rename(aside)
    path.parent.symlink_to(aside)


RESULT, SIGN = "result_2.csv.gz", "result_sign.json"
LOST = ["file_missing", "archive_altered"]


@pytest.mark.parametrize(
    ("name", "harm", "reasons"),
    [
        (RESULT, flip, ["hash_mismatch", "archive_altered"]),
        (RESULT, truncate, ["hash_mismatch", "archive_altered"]),
        (RESULT, grow, ["hash_mismatch", "archive_altered"]),
        (RESULT, empty, ["hash_mismatch", "archive_altered"]),
        (RESULT, delete, LOST),
        (RESULT, link, LOST),
        (RESULT, folder, LOST),
        (SIGN, grow, ["archive_altered", "sign_file_invalid"]),
        (SIGN, delete, LOST),
        (SIGN, pipe, LOST),
    ],
)
def test_harm_is_found_told_once_and_repaired(home, held, name, harm, reasons):
    original = files_below(held)
    path = held / name
    harm(path)
    found = path.read_bytes() if path.is_file() and not path.is_symlink() else None

    answer = audit(home, status=1)
    assert (answer["audited"], answer["failed"], answer["repaired"]) == (1, 1, 0)
    (item,) = answer["items"]
    assert item["verdict"] == "failed"
    assert set(reasons) <= set(item["reasons"])
    assert any(str(path.relative_to(home.archive)) in check["detail"] for check in item["checks"])
    assert len(home.alerts()) == 1
    audit(home, status=1)
    assert len(home.alerts()) == 1, "the same harm is told once"

    answer = audit(home, "--all", "--repair", status=0)
    assert (answer["repaired"], answer["verified"], answer["items"]) == (1, 1, [])
    assert files_below(held) == original
    if found is not None:
        assert found in files_below(home.archive / "set-aside").values(), "the damaged bytes are kept"
    assert home.kinds()[-3:] == ["evidence_verified", "evidence_repaired", "evidence_verified"]
    answer = audit(home, "--all", "--repair", status=0)
    assert answer["repaired"] == 0
    harm(path)
    audit(home, status=1)
    assert len(home.alerts()) == 2, "harm after a repair is news"


def test_a_link_in_place_of_the_folder(home, held):
    link_the_folder(held / SIGN)
    (item,) = audit(home, status=1)["items"]
    assert item["reasons"] == LOST
    answer = audit(home, "--all", "--repair", status=1)
    assert answer["repaired"] == 0, "nothing is written through a link"
    assert "link" in answer["errors"][0]["error"]


@pytest.mark.parametrize("name", ["public_key.der", "public_key_pkcs1.pem", "public_key_x509.pem"])
@pytest.mark.parametrize("harm", [flip, delete])
def test_key_files(home, held, name, harm):
    (keys,) = (home.archive / "keys").iterdir()
    original = files_below(keys)
    harm(keys / name)
    (item,) = audit(home, status=1)["items"]
    assert item["reasons"] == ["archive_altered"]
    assert audit(home, "--all", "--repair", status=0)["repaired"] == 1
    assert files_below(keys) == original


@pytest.mark.parametrize("make", [lambda p: p.write_bytes(b"?"), Path.mkdir, lambda p: p.symlink_to("/etc/passwd")])
def test_a_stray_is_a_finding_and_told_once(home, held, make):
    make(held / "stray")
    ran = home.run("audit", "--all", "--json", status=0).json
    assert ran["verified"] == 1
    assert len(home.alerts()) == 1
    assert "stray in the archive" in home.alerts()[0]
    audit(home, status=0)
    assert len(home.alerts()) == 1
    (held / "another").write_bytes(b"?")
    audit(home, status=0)
    assert len(home.alerts()) == 2, "a stray is news where another lay before"


def test_what_failed_at_its_acquisition_is_not_altered_for_that(home, key):
    home.configure(home.folder_source())
    home.run("keys", "import", home.list_keys(key), status=0)
    bad = home.deliver(key)
    (bad / "result_1.csv.gz").write_bytes(b"tampered")
    home.run("sync", status=1)
    (item,) = audit(home, status=1)["items"]
    assert item["reasons"] == ["hash_mismatch"]
    assert len(home.alerts()) == 1
    empty(home.archive / "prod" / bad.relative_to(home.tree) / "result_1.csv.gz")
    (item,) = audit(home, status=1)["items"]
    assert item["reasons"] == ["hash_mismatch", "archive_altered"]
    assert audit(home, "--all", "--repair", status=1)["repaired"] == 1, "what was acquired is evidence as it is"
    (item,) = audit(home, status=1)["items"]
    assert item["reasons"] == ["hash_mismatch"]


def test_repair_from_a_bucket_takes_the_version_that_was_acquired(home, key, aws):
    aws.register_key(key.public)
    home.configure(home.s3_source(aws))
    prefix, files = home.sample(key)
    aws.put_delivery(prefix, files)
    home.run("sync", status=0)
    path = home.archive / "prod" / prefix / "result_1.csv.gz"
    flip(path)
    aws.put(prefix + "result_1.csv.gz", b"other bytes on top")
    answer = audit(home, "--all", "--repair", status=0)
    assert answer["repaired"] == 1
    assert path.read_bytes() == files["result_1.csv.gz"]


def test_no_repair_where_the_source_is_gone(home, held):
    shutil.rmtree(home.tree)
    flip(held / RESULT)
    harmed = files_below(held)
    answer = audit(home, "--all", "--repair", status=1)
    assert (answer["repaired"], answer["failed"]) == (0, 1)
    assert "is not repaired" in answer["errors"][0]["error"]
    assert files_below(held) == harmed, "nothing is touched"
    assert files_below(home.archive / "set-aside") == {}


def test_no_repair_from_a_source_that_has_other_bytes(home, held):
    source = home.tree / held.relative_to(home.archive / "prod") / RESULT
    facts = source.stat()
    data = bytearray(source.read_bytes())
    data[5] ^= 1
    source.write_bytes(data)
    os.utime(source, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    flip(held / RESULT)
    harmed = files_below(held)
    answer = audit(home, "--all", "--repair", status=1)
    assert answer["repaired"] == 0
    assert "now gives other bytes" in answer["errors"][0]["error"]
    assert files_below(held) == harmed


def test_no_repair_where_the_source_is_not_configured_any_more(home, key, aws):
    aws.register_key(key.public)
    home.configure(home.s3_source(aws))
    prefix, files = home.sample(key)
    aws.put_delivery(prefix, files)
    home.run("sync", status=0)
    flip(home.archive / "prod" / prefix / "result_1.csv.gz")
    home.write()
    answer = audit(home, "--all", "--repair", status=1)
    assert "not configured" in answer["errors"][0]["error"]


@pytest.mark.parametrize(
    "forgery",
    [
        "UPDATE evidence SET query_id = 'forged'",
        "UPDATE files SET sha256 = key_sha256 FROM evidence",
        "UPDATE files SET path = replace(path, 'result_2', 'result_3')",
        "DELETE FROM files WHERE name = 'result_2.csv.gz'",
        "UPDATE evidence_state SET verdict = 'failed'",
        "UPDATE custody_events SET body = replace(body, 'verified', 'failed') WHERE kind = 'evidence_acquired'",
        "DELETE FROM custody_events WHERE kind = 'evidence_acquired'",
        "UPDATE key_provenance SET valid_until = '2099-01-01T00:00:00.000000Z'",
        "UPDATE keys SET der = x'00'",
        "DELETE FROM keys",
        "DELETE FROM verifications",
    ],
)
def test_an_altered_ledger_is_found_and_never_repaired_from(home, held, forgery):
    flip(held / RESULT)
    home.ledger.forge(forgery)
    answer = audit(home, "--all", "--repair", status=1)
    (item,) = [item for item in answer["items"] if item["query_id"]]
    assert "ledger_altered" in item["reasons"]
    assert answer["repaired"] == 0
    detail = next(check["detail"] for check in item["checks"] if check["id"] == "ledger")
    assert detail


@pytest.mark.parametrize(
    "forgery",
    [
        "UPDATE files SET sha256 = key_sha256 FROM evidence WHERE name = 'result_2.csv.gz'",
        "UPDATE files SET path = replace(path, 'result_2', 'result_3')",
        "UPDATE files SET size = 1",
        "DELETE FROM files WHERE name = 'result_2.csv.gz'",
        "UPDATE evidence SET path = 'elsewhere'",
        'UPDATE custody_events SET body = replace(body, \'"path":"prod\', \'"path":"drop\')'
        " WHERE kind = 'evidence_acquired'",
    ],
)
def test_rows_that_contradict_their_event_do_not_make_the_archive_altered(home, held, forgery):
    """The bytes are those that were acquired, as what was not changed of the ledger still says."""
    home.ledger.forge(forgery)
    (item,) = audit(home, status=1)["items"]
    assert item["reasons"] == ["ledger_altered"]
    assert item["findings"] == []
    shown = home.run("show", item["id"], "--json", status=0).json
    assert {file["standing"] for file in shown["files"]} == {"sign_file", "signed"}
    assert shown["ledger_disagreements"]


def test_a_row_changed_to_fit_altered_bytes_hides_nothing(home, held):
    flip(held / RESULT)
    new = hashlib.sha256((held / RESULT).read_bytes()).hexdigest()
    home.ledger.forge(f"UPDATE files SET sha256 = '{new}' WHERE name = '{RESULT}'")
    (item,) = audit(home, status=1)["items"]
    assert {"ledger_altered", "archive_altered", "hash_mismatch"} <= set(item["reasons"])


@pytest.mark.parametrize("size", [-5, 0, 7, 1 << 40])
def test_a_size_forged_everywhere_is_found_and_ends_no_audit(home, held, size):
    """Whoever alters rows and event alike makes them agree; the bytes, proved by their SHA-256, do not."""
    true = (held / RESULT).stat().st_size
    total = sum(path.stat().st_size for path in held.iterdir())
    home.ledger.forge(
        f"UPDATE custody_events SET body = replace(body, '\"size\":{true}', '\"size\":{size}')",
        f"UPDATE files SET size = {size} WHERE name = '{RESULT}'",
        f"UPDATE evidence_state SET size = {total - true + size}",
    )
    answer = audit(home, "--all", status=1)
    item = next(item for item in answer["items"] if item["query_id"])
    assert item["reasons"] == ["ledger_altered"]
    detail = next(check["detail"] for check in item["checks"] if check["id"] == "ledger")
    assert f"has {true} bytes" in detail
    assert f"the ledger says {size}" in detail


@pytest.mark.parametrize(
    ("forgery", "table"),
    [
        ("DELETE FROM evidence_state WHERE size > 0", "evidence_state"),
        ("UPDATE evidence_state SET verdict = 'fine'", "evidence_state"),
        ("UPDATE evidence SET acquired_at = 'some time'", "evidence"),
        ("DELETE FROM custody_events WHERE seq = 1", "custody_events"),
    ],
)
def test_rows_that_are_lost_or_unreadable_are_a_failure_and_do_not_end_the_audit(home, key, held, forgery, table):
    home.ledger.forge(forgery)
    answer = audit(home, "--all", status=1)
    details = [c["detail"] for i in answer["items"] for c in i["checks"] if c["id"] == "ledger"]
    assert any(table in detail for detail in details)
    assert all(item["reasons"] == ["ledger_altered"] for item in answer["items"])


def test_only_what_is_due_unless_told_otherwise(home, held):
    assert audit(home, "--due", status=0)["audited"] == 0
    assert home.run("audit", status=0).stdout.startswith("0 audited")
    home.write(home.folder_source(), audit={"reverify_after": "1s"})
    audit(home, status=0)
    time.sleep(1)
    assert audit(home, "--due", status=0)["audited"] == 1


def test_one_item_by_any_of_its_names(home, key, held):
    home.deliver(key)
    items = home.run("sync", "--json", status=0).json["items"]
    (identity, query) = items[0]["id"], items[0]["query_id"]
    for name in (identity, identity[:12], query, query[:13]):
        assert audit(home, "--id", name, status=0)["audited"] == 1
    assert audit(home, "--id", identity, "--id", query, status=0)["audited"] == 1
    for name in ("%", "_", "*", "' OR 1=1 --", "\x1b[31m", "é" * 5000):
        assert "\x1b" not in home.run("audit", "--id", name, status=2).stderr
    assert "no evidence" in home.run("audit", "--id", "ffffffff-none", status=2).stderr.lower()


def test_samples_cover_everything_once(home, key, held):
    for _ in range(5):
        home.deliver(key)
    home.run("sync", status=0)
    audited = [audit(home, "--sample", f"{number}/4", status=0)["audited"] for number in (1, 2, 3, 4)]
    assert sum(audited) == 6


def test_budgets_end_a_pass_between_items(home, key, held):
    for _ in range(3):
        home.deliver(key)
    home.run("sync", status=0)
    answer = audit(home, "--all", "--max-bytes", "1", status=0)
    assert (answer["audited"], answer["stopped_by"]) == (1, "max_bytes")
    answer = audit(home, "--all", "--max-bytes", "1GB", "--max-time", "1h", status=0)
    assert (answer["audited"], answer["stopped_by"]) == (4, None)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--sample", "0/4"], "0/4"),
        (["--sample", "5/4"], "5/4"),
        (["--sample", "1/0"], "1/0"),
        (["--sample", "half"], "is not N/T"),
        (["--sample", "²/3"], "--sample"),
        (["--all", "--due"], "exclude each other"),
        (["--all", "--id", "1"], "exclude each other"),
        (["--max-bytes", "lots"], "--max-bytes"),
        (["--max-bytes", "-1"], "--max-bytes"),
        (["--max-time", "0"], "--max-time"),
        (["--max-time", "soon"], "--max-time"),
        (["--id", ""], ""),
    ],
)
def test_wrong_arguments(home, held, arguments, complaint):
    events = len(home.kinds())
    ran = home.run("audit", *arguments, status=2)
    assert complaint in ran.stderr
    assert len(home.kinds()) == events


@pytest.mark.thorough
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_pass_keeps_what_it_did(home, key, held, number):
    for _ in range(12):
        home.deliver(key)
    home.run("sync", status=0)
    size = sum(map(len, files_below(home.archive / "prod").values())) // 13
    home.write(home.folder_source(), audit={"max_bytes_per_second": f"{size * 2}B"}, workers={"threads": 1})
    process = home.start("audit", "--all", "--json")
    waited = time.monotonic() + 30
    while home.kinds().count("evidence_verified") < 2 and time.monotonic() < waited:
        time.sleep(0.05)
    process.send_signal(number)
    out, err = process.communicate(timeout=10)
    answer = json.loads(out)
    assert process.returncode == 130, err
    assert answer["stopped_by"] == "signal"
    assert 2 <= answer["audited"] < 13
    assert home.kinds().count("evidence_verified") == answer["audited"]
    assert answer["failed"] == 0


def test_an_archive_that_is_not_mounted_is_no_lost_evidence(home, held):
    home.archive.rename(home.root / "elsewhere")
    events = home.kinds()
    for _ in range(2):
        ran = home.run("audit", "--all")
        assert ran.status in (3, 4), str(ran)
        assert str(home.archive) in ran.stderr
        home.archive.mkdir(exist_ok=True)
    assert home.kinds() == events
    assert home.alerts() == []
