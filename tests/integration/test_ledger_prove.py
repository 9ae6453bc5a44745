"""``ledger prove`` and ``ledger check``: what one archive proves, anybody checks who has the key and the file."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from archiver.log.checkpoint import read_checkpoint
from archiver.log.item_proof import decode
from tests.support.cli import Home, Snapshot, archived_home, run


@pytest.fixture(scope="module")
def archived(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Two deliveries, archived; the ledger's head is signed."""
    made, _folders = archived_home(tmp_path_factory.mktemp("archived"), {}, {})
    return made


@pytest.fixture
def synced(home: Home, archived: Snapshot) -> Home:
    """The same, one's own."""
    archived.restore(home)
    return home


def first_id(home: Home) -> str:
    return str(home.run("list", "--json", status=0).lines[0]["id"])


def vkey(home: Home) -> str:
    return (home.archive / "log" / "vkeys").read_text().strip()


def checked(tmp_path: Path, *arguments: object, status: int):
    """``ledger check`` where there is neither configuration nor archive."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    return run("ledger", "check", *arguments, cwd=elsewhere, status=status)


def test_a_proof_is_written_and_holds_elsewhere(synced, tmp_path):
    item, out = first_id(synced), tmp_path / "proof.json"
    ran = synced.run("ledger", "prove", item[:10], "--out", out, status=0)
    assert f"verifier key {vkey(synced)}" in ran.stdout
    said = checked(tmp_path, out, "--vkey", vkey(synced), status=0)
    assert said.stdout.startswith(f"holds: 2 events of {item} and its public keys\n")
    assert "key_harvested" in said.stdout
    assert "evidence_acquired: verified\n" in said.stdout
    assert "not shown: that there are no other events of this item" in said.stdout
    answer = checked(tmp_path, out, "--vkey", vkey(synced), "--json", status=0).json
    assert answer["holds"]
    assert answer["signed_by"] == [vkey(synced)]
    assert [event["kind"] for event in answer["events"]] == ["key_harvested", "evidence_acquired"]
    assert [(event["verdict"], event["reasons"]) for event in answer["events"]] == [(None, []), ("verified", [])]


def test_a_proof_of_failed_evidence_says_so(home, key, tmp_path):
    prefix, files = home.sample(key)
    for name, data in files.items():
        path = home.tree / prefix / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if name.endswith(".json") else data[:-1])
    home.configure(home.folder_source())
    home.run("keys", "import", home.list_keys(key), status=0)
    home.run("sync", status=1)
    out = tmp_path / "proof.json"
    home.run("ledger", "prove", first_id(home), "--out", out, status=0)
    said = checked(tmp_path, out, "--vkey", vkey(home), status=0).stdout
    assert "evidence_acquired: failed (hash_mismatch)" in said
    answer = checked(tmp_path, out, "--vkey", vkey(home), "--json", status=0).json
    assert (answer["events"][-1]["verdict"], answer["events"][-1]["reasons"]) == ("failed", ["hash_mismatch"])


def test_a_proof_is_checked_from_stdin(synced):
    proof = synced.run("ledger", "prove", first_id(synced), status=0).stdout
    process = synced.start("ledger", "check", "-", "--vkey", vkey(synced), stdin=subprocess.PIPE)
    said, _ = process.communicate(proof, timeout=60)
    assert (process.returncode, said.partition(":")[0]) == (0, "holds")


def test_stdout_carries_the_proof_and_nothing_else(synced):
    ran = synced.run("ledger", "prove", first_id(synced), status=0)
    assert ran.json["format"].endswith("item-proof@v1")
    assert ran.stderr == ""


def test_a_query_id_means_the_item(synced):
    query = synced.run("list", "--json", status=0).lines[0]["query_id"]
    assert synced.run("ledger", "prove", query, status=0).json["evidence"] == first_id(synced)


def test_an_altered_file_does_not_hold(synced, tmp_path):
    out = tmp_path / "proof.json"
    synced.run("ledger", "prove", first_id(synced), "--out", out, status=0)
    whole = out.read_text()
    out.write_text(whole.replace("verified", "failed__"))
    assert "DOES NOT HOLD" in checked(tmp_path, out, "--vkey", vkey(synced), status=1).stdout
    value = json.loads(whole)
    value["evidence"] = "0" * 32
    out.write_text(json.dumps(value))
    answer = checked(tmp_path, out, "--vkey", vkey(synced), "--json", status=1).json
    assert not answer["holds"]
    assert "is not about" in answer["problems"][0]


def test_another_key_does_not_vouch_for_it(synced, tmp_path):
    out = tmp_path / "proof.json"
    synced.run("ledger", "prove", first_id(synced), "--out", out, status=0)
    another = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    said = checked(tmp_path, out, "--vkey", another, status=1).stdout
    assert "no key that was given signed it" in said


def test_a_head_that_the_reader_kept_is_held_against_the_file(synced, tmp_path):
    kept = tmp_path / "kept"
    kept.write_bytes((synced.archive / "log/checkpoint").read_bytes())
    size = read_checkpoint(kept.read_bytes())[0].size
    item, grown, newer = tmp_path / "item.json", tmp_path / "grown.json", tmp_path / "newer.json"
    synced.run("ledger", "prove", first_id(synced), "--out", item, status=0)
    synced.run("audit", "--all", status=0)
    synced.run("ledger", "prove", "--consistency", size, "--out", grown, status=0)
    synced.run("ledger", "prove", first_id(synced), "--out", newer, status=0)
    by = ("--vkey", vkey(synced), "--head", kept)
    for file in (item, grown):
        answer = checked(tmp_path, file, *by, "--json", status=0).json
        assert answer["heads_held"] == [{"place": str(kept), "size": size, "holds": True}]
    away = checked(tmp_path, newer, "--vkey", vkey(synced), "--expect", f"{size - 1}:{'0' * 64}", status=3).stdout
    assert f"archiver ledger prove --consistency {size - 1}" in away
    other = checked(tmp_path, grown, "--vkey", vkey(synced), "--expect", f"{size}:{'0' * 64}", status=1).stdout
    assert other.startswith("DOES NOT HOLD")
    assert "another root" in other


def test_a_key_that_was_followed_by_another_is_told_from_a_strangers(synced, tmp_path):
    older, out = vkey(synced), tmp_path / "proof.json"
    synced.run("ledger", "rotate-key", "--to", synced.root / "second-key", status=0)
    synced.write(synced.folder_source(), custody={"signing_key": str(synced.root / "second-key")})
    synced.run("audit", "--all", status=0)
    synced.run("ledger", "prove", first_id(synced), "--out", out, status=0)
    newest = vkey(synced).splitlines()[-1]
    said = checked(tmp_path, out, "--vkey", older, status=1).stdout
    assert "the key given is an older one of the log" in said
    assert newest in said
    checked(tmp_path, out, "--vkey", newest, status=0)


def test_what_is_no_proof_or_key_is_a_usage_error(synced, tmp_path):
    nothing = tmp_path / "nothing.json"
    nothing.write_text("{}")
    assert "not a proof file" in checked(tmp_path, nothing, "--vkey", vkey(synced), status=2).stderr
    assert "cannot be read" in checked(tmp_path, tmp_path / "gone", "--vkey", vkey(synced), status=2).stderr
    assert "--vkey" in checked(tmp_path, nothing, "--vkey", "nonsense", status=2).stderr
    assert "--vkey" in checked(tmp_path, nothing, status=2).stderr


def test_newer_events_are_named_with_the_remedy(synced, tmp_path):
    item = first_id(synced)
    size = json.loads(synced.run("ledger", "prove", item, "--out", tmp_path / "a", "--json", status=0).stdout)["size"]
    synced.run("audit", "--all", status=0)
    ran = synced.run("ledger", "prove", item, "--checkpoint", size, "--out", tmp_path / "b", status=0)
    assert "not covered yet: 1 newer event of the item" in ran.stderr
    assert "archiver ledger checkpoint" in ran.stderr
    assert "not covered: 1 newer event" in checked(tmp_path, tmp_path / "b", "--vkey", vkey(synced), status=0).stdout
    grown = synced.run("ledger", "prove", "--consistency", size, "--out", tmp_path / "c", status=0)
    assert f"checkpoint of {size} leaves proven" in grown.stdout
    said = checked(tmp_path, tmp_path / "c", "--vkey", vkey(synced), status=0).stdout
    assert "holds: the checkpoint continues" in said
    assert f"continues  {size} leaves" in said, "or nobody knows whether it is the one on their paper"
    earlier = checked(tmp_path, tmp_path / "c", "--vkey", vkey(synced), "--json", status=0).json["earlier"]
    assert earlier["size"] == int(size)
    assert earlier["root"] in said


def test_files_for_other_tools(synced, tmp_path):
    folder = tmp_path / "proof"
    synced.run("ledger", "prove", first_id(synced), "--dir", folder, status=0)
    proof = decode((folder / "proof.json").read_bytes())
    names = {f"{event.seq:06}.{end}" for event in proof.events for end in ("json", "tlog-proof")}
    assert set(os.listdir(folder)) == names | {"checkpoint", "vkeys", "proof.json"}
    assert (folder / "checkpoint").read_bytes() == (synced.archive / "log/checkpoint").read_bytes()
    assert (folder / "vkeys").read_text() == f"{vkey(synced)}\n"
    for event in proof.events:
        assert (folder / f"{event.seq:06}.json").read_bytes() == event.leaf
        assert (folder / f"{event.seq:06}.tlog-proof").read_text().startswith("c2sp.org/tlog-proof@v1\n")


def test_nothing_is_overwritten(synced, tmp_path):
    item, there = first_id(synced), tmp_path / "there"
    there.write_text("mine")
    assert "there already" in synced.run("ledger", "prove", item, "--out", there, status=2).stderr
    assert "is there already" in synced.run("ledger", "prove", item, "--dir", there, status=2).stderr
    assert there.read_text() == "mine"
    assert "archive" in synced.run("ledger", "prove", item, "--out", synced.archive / "x", status=2).stderr
    full = tmp_path / "full"
    full.mkdir()
    (full / "x").touch()
    assert "not empty" in synced.run("ledger", "prove", item, "--dir", full, status=2).stderr
    assert os.listdir(tmp_path / "full") == ["x"]


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("a", "b"),
        ("--consistency",),
        ("--consistency", "1", "2", "3"),
        ("--consistency", "x"),
        ("--consistency", "0"),
        ("--consistency", "1", "--dir", "d"),
        ("--consistency", "999999"),
        ("nothing-has-this",),
        ("--checkpoint", "0", "a"),
    ],
)
def test_wrong_arguments_do_nothing(synced, arguments):
    before = sorted(os.listdir(synced.root))
    assert synced.run("ledger", "prove", *arguments, status=2).stdout == ""
    assert sorted(name for name in os.listdir(synced.root) if not name.startswith(".run")) == [
        name for name in before if not name.startswith(".run")
    ]


def test_a_ledger_that_was_altered_proves_nothing(synced):
    item = first_id(synced)
    synced.ledger.forge(
        f"UPDATE custody_events SET body = replace(body, '\"verified\"', '\"failed\"') WHERE evidence_id = '{item}'"
    )
    ran = synced.run("ledger", "prove", item, status=1)
    assert ran.stdout == ""
    assert "and its row in table merkle_nodes disagree" in ran.stderr
    assert "archiver ledger verify" in ran.stderr
