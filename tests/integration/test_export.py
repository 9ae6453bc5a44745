"""``export`` as a process: what is in a package, what is on record of it, what is refused, what is left of half."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bagit
import pytest
import zstandard

from archiver.log.item_proof import decode
from archiver.log.note import parse_key
from archiver.log.proof_check import check as check_proof
from tests.support.cli import environment, files_below
from tests.support.filled import CONTROL_NAME, SCRIPT_NAME, Place, fill
from tests.support.packages import check, item_of


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """An archive that no test changes, but for its ledger."""
    return fill(tmp_path_factory.mktemp("filled"))


@pytest.fixture
def own_place(tmp_path: Path) -> Place:
    """An archive to be damaged."""
    (tmp_path / "own").mkdir()
    return fill(tmp_path / "own")


def exported(place: Place) -> list[dict[str, Any]]:
    app = place.app()
    told = [json.loads(event.body) for event in app.ledger.evidence.events() if event.kind == "exported"]
    app.close()
    return told


def archived(place: Place, item: dict[str, Any], name: str) -> Path:
    """The file of an item in the archive."""
    (path,) = (f["path"] for f in place.run("show", item["id"], "--json").json["files"] if f["name"] == name)
    return place.folder / "archive" / path


def test_a_package_is_a_bag_and_on_record(place: Place, tmp_path: Path) -> None:
    out = tmp_path / "package"
    ran = place.run("export", "--all", "--out", str(out), "--case", "2026-117", "--exhibit", "A", "--json")
    bag = bagit.Bag(str(out))
    bag.validate(processes=1)
    assert sorted(bag.algorithms) == ["sha256", "sha512"]
    assert (bag.info["Case"], bag.info["Exhibit"], bag.info["Evidence-Items"]) == ("2026-117", "A", "5")
    assert len(bag.info["External-Identifier"]) == 32
    told = exported(place)[-1]
    digest = hashlib.sha256((out / "tagmanifest-sha256.txt").read_bytes()).hexdigest()
    assert ran.json["tagmanifest_sha256"] == told["manifest_sha256"] == digest
    assert {
        name: ran.json[name] for name in ("items", "verified", "failed", "indeterminate", "differ", "unread")
    } == {
        "items": 5,
        "verified": 2,
        "failed": 2,
        "indeterminate": 1,
        "differ": 0,
        "unread": 0,
    }
    assert told["ids"] == [line["id"] for line in place.lines()]
    payload = files_below(out / "data")
    assert (told["count"], told["form"], told["selection"]) == (5, "folder", "everything archived")
    assert (told["files"], told["size"]) == (len(payload), sum(map(len, payload.values())))
    assert list(tmp_path.iterdir()) == [out]


def test_what_is_in_it(place: Place, tmp_path: Path) -> None:
    out = tmp_path / "package"
    item = place.item("unlisted")
    place.run("export", item["query_id"], "--out", str(out), "--case", "**#1** <b>")
    folder = item_of(out)
    assert folder.name == item["id"]
    source = place.folder / "in" / place.prefixes["unlisted"]
    for name in ("result_1.csv.gz", "result_sign.json"):
        assert (folder / "delivery" / name).read_bytes() == (source / name).read_bytes()
    names = {one["name"]: one for one in json.loads((folder / "unlisted/names.json").read_bytes())["files"]}
    assert {SCRIPT_NAME, CONTROL_NAME} <= set(names)
    for name in (SCRIPT_NAME, CONTROL_NAME):
        assert (folder / "unlisted" / names[name]["file"]).read_bytes() == b"not evidence"
    sign = json.loads((source / "result_sign.json").read_bytes())
    artefacts = folder / "artefacts"
    assert (artefacts / "hash_list").read_text() == " ".join(one["fileHashValue"] for one in sign["files"])
    assert (artefacts / "signature.bin").read_bytes().hex() == sign["hashSignature"]
    assert (folder / "verdict.txt").read_text() == "verdict verified\nreasons\nfindings unlisted_file\n"
    said = json.loads((folder / "item.json").read_bytes())
    assert said["id"] == item["id"]
    provenance = json.loads((folder / "key_provenance.json").read_bytes())["copies"][0]["provenance"][0]
    assert (provenance["method"], provenance["caller"]) == ("import", "operator")
    vkey = parse_key((out / "data/log/vkey").read_text().strip())
    proof = (folder / "proof.json").read_bytes()
    assert check_proof(decode(proof), [vkey]).holds
    guide = (out / "VERIFY.md").read_text()
    assert "Case ??" in guide
    assert "<b>" not in guide
    assert "{" not in guide.replace("{ printf", "")


def test_reports_go_in(place: Place, tmp_path: Path) -> None:
    out = tmp_path / "package"
    place.run("export", place.item("good")["id"], "--out", str(out), "--report", "json", "--report", "html")
    report = json.loads((out / "data/report/report.json").read_bytes())
    assert [item["id"] for item in report["evidence"]] == [place.item("good")["id"]]
    assert "</html>" in (out / "data/report/report.html").read_text()
    assert check(out).status == 0


@pytest.mark.parametrize("form", ["tar.zst", "zip"])
def test_one_file_holds_the_same(place: Place, tmp_path: Path, form: str) -> None:
    """As of one head, so that they can be compared; ``--out`` says which form."""
    size = place.run("export", "--all", "--out", str(tmp_path / "first"), "--json").json
    assert size["items"] == 5
    head = (tmp_path / "first/data/log/checkpoint.text").read_text().split("\n")[1]
    packed = tmp_path / f"first.{form}"
    place.run("export", "--all", "--out", str(packed), "--at", head)
    assert packed.stat().st_mode & 0o777 == 0o644
    unpacked = tmp_path / "unpacked"
    if form == "zip":
        with zipfile.ZipFile(packed) as archive:
            archive.extractall(unpacked)  # noqa: S202 - ours
    else:
        data = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(packed.read_bytes())).read()
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            archive.extractall(unpacked, filter="data")
    assert files_below(unpacked / "first") == files_below(tmp_path / "first")
    done = check(unpacked / "first")
    assert "Items of evidence: 5. Verified here: 2." in done.text


def test_the_same_head_and_options_give_the_same_bytes(place: Place, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    made = []
    head: list[str] = []
    for name in ("one", "two"):
        out = tmp_path / name / "package.tar.zst"
        place.run("export", "--all", "--out", str(out), *head)
        made.append(out.read_bytes())
        if not head:
            data = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(made[0])).read()
            with tarfile.open(fileobj=io.BytesIO(data)) as archive:
                text = archive.extractfile("package/data/log/checkpoint.text")
                assert text
                head = ["--at", text.read().decode().split("\n")[1]]
    assert made[0] == made[1]


def test_source_date_epoch_sets_every_time(place: Place, tmp_path: Path) -> None:
    out = tmp_path / "package"
    moment = int(datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC).timestamp())
    environ = {**environment(), "SOURCE_DATE_EPOCH": str(moment)}
    subprocess.run(
        [sys.executable, "-m", "archiver.cli.main", "export", place.item("good")["id"], "--out", str(out)],
        cwd=place.folder,
        env=environ,
        check=True,
        capture_output=True,
    )
    assert {path.stat().st_mtime for path in [out, *out.rglob("*")]} == {moment}
    assert "Bagging-Date: 2026-02-03" in (out / "bag-info.txt").read_text()


# ---------------------------------------------------------------------------- evidence that is not what it was


def test_what_differs_goes_in_and_is_marked(own_place: Place, tmp_path: Path) -> None:
    item = own_place.item("good")
    path = archived(own_place, item, "result_1.csv.gz")
    path.chmod(0o644)
    data = path.read_bytes() + b"more"
    path.write_bytes(data)
    out = tmp_path / "package"
    ran = own_place.run("export", item["id"], "--out", str(out), "--report", "json", status=1)
    assert "warning" in ran.stderr
    assert "1 failed" in ran.stdout
    assert "result_1.csv.gz: FAILED" in ran.stderr
    folder = item_of(out)
    assert (folder / "delivery/result_1.csv.gz").read_bytes() == data
    assert hashlib.sha256(data).hexdigest() in (folder / "DIFFERS.txt").read_text()
    assert "## FAILED: files here are not what was acquired" in (out / "VERIFY.md").read_text()
    assert "Evidence-Files-That-Differ: 1" in (out / "bag-info.txt").read_text()
    assert "Evidence-Failed: 1" in (out / "bag-info.txt").read_text()
    assert "Evidence-Verified" not in (out / "bag-info.txt").read_text()
    assert (folder / "verdict.txt").read_text() == "verdict failed\nreasons archive_altered\nfindings\n"
    assert json.loads((folder / "item.json").read_bytes())["verdict"] == "failed"
    (reported,) = json.loads((out / "data/report/report.json").read_bytes())["evidence"]
    assert (reported["verdict"], reported["reasons"]) == ("failed", ["archive_altered"])
    standings = {one["name"]: one["standing"] for one in reported["files"]}
    assert standings["result_1.csv.gz"] == "altered"
    bagit.Bag(str(out)).validate(processes=1)
    done = check(out)
    assert done.status == 1
    assert done.names("delivery/result_1.csv.gz: FAILED")
    assert done.names("delivery/result_1.csv.gz is NOT what was acquired, by the log")
    assert done.names("the archive's own verdict is FAILED: archive_altered")
    assert not done.names("bag-info.txt"), "its counts are those of the verdicts here"
    assert exported(own_place)[-1]["ids"] == [item["id"]]


def test_what_is_not_there_is_said(own_place: Place, tmp_path: Path) -> None:
    item = own_place.item("good")
    gone = archived(own_place, item, "result_2.csv.gz")
    gone.unlink()
    archived(own_place, item, "result_sign.json").unlink()
    out = tmp_path / "package.zip"
    ran = own_place.run("export", item["id"], "--out", str(out), "--json", status=1)
    assert {one["path"] for one in ran.json["differing"]} == {"delivery/result_2.csv.gz", "delivery/result_sign.json"}
    with zipfile.ZipFile(out) as archive:
        archive.extractall(tmp_path)  # noqa: S202 - ours
    done = check(tmp_path / "package")
    assert done.status == 1
    assert done.names("delivery/result_2.csv.gz: FAILED: it is not in the archive any more")
    assert done.names("there is no sign file")
    assert done.names("delivery/result_2.csv.gz was acquired, and is not here")


def test_an_item_whose_rows_were_altered_is_exported_as_failed(own_place: Place, tmp_path: Path) -> None:
    import sqlite3

    item = own_place.item("good")
    with sqlite3.connect(own_place.folder / "ledger.db") as ledger:
        ledger.execute("DROP TRIGGER IF EXISTS evidence_no_update")
        for (name,) in ledger.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            ledger.execute(f'DROP TRIGGER "{name}"')
        ledger.execute("UPDATE evidence SET account = '999999999999' WHERE id = ?", (item["id"],))
    out = tmp_path / "package"
    own_place.run("export", item["id"], "--out", str(out), status=1)
    done = check(out)
    assert done.status == 1
    assert done.names("the archive's own verdict is FAILED: ledger_altered")
    assert done.names("the archive's ledger did NOT pass its verification: row_altered: evidence ")
    assert "does not pass its verification" in (out / "VERIFY.md").read_text()


def test_a_ledger_that_contradicts_its_log_fails_the_item(own_place: Place, tmp_path: Path) -> None:
    import sqlite3

    item = own_place.item("good")
    own_place.run("ledger", "checkpoint")
    with sqlite3.connect(own_place.folder / "ledger.db") as ledger:
        for (name,) in ledger.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            ledger.execute(f'DROP TRIGGER "{name}"')
        ledger.execute(
            "UPDATE custody_events SET body = replace(body, '\"revision\":1', '\"revision\":7')"
            " WHERE evidence_id = ? AND kind = 'evidence_acquired'",
            (item["id"],),
        )
    out = tmp_path / "package"
    ran = own_place.run("export", item["id"], "--out", str(out), status=1)
    assert "1 item FAILED: ledger and log contradict each other" in ran.stderr
    assert "run archiver ledger checkpoint" not in ran.stderr
    assert "ledger_altered" in (item_of(out) / "verdict.txt").read_text()
    done = check(out)
    assert done.status == 1
    assert done.names("its custody entries: the archive's ledger and log contradict each other (FAILED: ")
    assert done.names("the archive's own verdict is FAILED: ledger_altered")


def test_the_signature_holds_where_no_head_was_signed(tmp_path: Path) -> None:
    """A key that is not at hand is no reason to hand nothing over; it is said what is not proved."""
    place = fill(tmp_path)
    (place.folder / "custody-key").rename(place.folder / "elsewhere")
    out = tmp_path / "package"
    ran = place.run("export", place.item("good")["id"], "--out", str(out), status=3)
    done = check(out)
    assert "1 item without proof from the log" in ran.stderr
    assert (done.status, done.failed) == (2, [])
    assert any("no proof of them" in line for line in done.unsure)
    assert any("no signed head" in line for line in done.unsure)
    assert any("RSA signature holds" in line for line in done.passed)


# ----------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "nothing is selected"),
        (["ffffffff"], "no evidence"),
        (["--all", "--source", "none"], "no evidence is archived that meets this"),
        (["--since", "2020-01-01", "--until", "2020-01-02"], "no evidence is archived that meets this"),
        (["--all", "--since", "2020-01-01"], "exclude each other"),
        (["--all", "--at", "999999"], "no checkpoint of 999999"),
    ],
)
def test_an_empty_or_wrong_selection(place: Place, tmp_path: Path, arguments: list[str], said: str) -> None:
    before = len(exported(place))
    ran = place.run("export", *arguments, "--out", str(tmp_path / "package"), status=2)
    assert said in ran.stderr
    assert list(tmp_path.iterdir()) == []
    assert len(exported(place)) == before


def test_an_ambiguous_id(place: Place, tmp_path: Path) -> None:
    ids = [line["id"] for line in place.lines()]
    lead = next((a[:1] for a in ids for b in ids if a != b and a[:1] == b[:1]), "")
    ran = place.run("export", lead, "--out", str(tmp_path / "package"), status=2)
    assert "archiver: " in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_targets_that_cannot_be(place: Place, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    inside = place.folder / "archive" / "package"
    for target, said in (
        (tmp_path / "file", "is there already"),
        (tmp_path / "folder", "is there already"),
        (tmp_path / "link", "is there already"),
        (tmp_path / "none" / "package", "there is no folder"),
        (tmp_path / "file" / "package", "there is no folder"),
        (inside, "lies in the archive"),
        (Path("/proc/package"), "cannot be written"),
    ):
        ran = place.run("export", "--all", "--out", str(target), status=2)
        assert said in ran.stderr
    assert (tmp_path / "file").read_bytes() == b"mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder", "link"]
    assert not inside.exists()


def test_help_tells_examples_and_statuses(place: Place) -> None:
    text = place.run("export", "--help").stdout
    assert "archiver export 3f2a9c0d11be --out exhibit-a" in text
    assert re.search(r"Exit status: 0 .* 1 .* 2 .* 3 .* 4 .* 130 ", text.replace("\n", " "))


# ---------------------------------------------------------------------------------------------- what is broken off


@pytest.mark.thorough
@pytest.mark.parametrize("form", ["folder", "tar.zst", "zip"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_broken_off_export_leaves_nothing(
    own_place: Place, tmp_path: Path, form: str, number: signal.Signals
) -> None:
    """The archived file is so large that copying it cannot be over when the signal comes.

    As of an earlier head nothing is read first, so that a file in the draft means that it is being copied.
    """
    item = own_place.item("good")
    path = archived(own_place, item, "result_1.csv.gz")
    path.chmod(0o644)
    with path.open("wb") as sparse:
        sparse.truncate(20 * 1024**3)
    target = tmp_path / "out"
    target.mkdir()
    command = [sys.executable, "-m", "archiver.cli.main", "export", item["id"], "--out", str(target / "package")]
    own_place.run("export", own_place.item("unlisted")["id"], "--out", str(tmp_path / "other"))
    head = (tmp_path / "other/data/log/checkpoint.text").read_text().split("\n")[1]
    command += ["--format", form, "--at", head]
    before = exported(own_place)
    with subprocess.Popen(
        command, cwd=own_place.folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            while process.poll() is None and not any(path.is_file() for path in target.rglob("*")):
                time.sleep(0.05)
            time.sleep(0.2)
            os.kill(process.pid, number)
            _, said = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 130, said
    assert "the unfinished package was removed" in said
    assert list(target.iterdir()) == []
    assert exported(own_place) == before


@pytest.mark.parametrize("name", ["x.rar", "x.tgz", "x.TAR", "x.pdf"])
def test_the_ending_of_another_kind_of_file_is_no_folder(place: Place, tmp_path: Path, name: str) -> None:
    ran = place.run("export", "--all", "--out", str(tmp_path / name), status=2)
    assert "is no format of packages" in ran.stderr
    assert not (tmp_path / name).exists()
    place.run("export", "--all", "--format", "folder", "--out", str(tmp_path / name))
    assert (tmp_path / name / "bagit.txt").exists()


def test_a_key_that_was_altered_in_the_archive_fails_the_package(own_place: Place, tmp_path: Path) -> None:
    (file,) = own_place.folder.glob("archive/keys/*/public_key_x509.pem")
    file.chmod(0o644)
    file.write_text("none")
    out = tmp_path / "package"
    ran = own_place.run("export", own_place.item("good")["id"], "--out", str(out), status=1)
    assert "1 item FAILED: the archive does not hold what is on record" in ran.stderr
    assert check(out).names("the archive's own verdict is FAILED: archive_altered")
