"""What becomes of evidence when its source changes: nothing is believed too early, nothing said that is not so."""

from __future__ import annotations

import json
import shutil
import socket
import time
from pathlib import Path

from archiver.demo.deliveries import delivery_prefix
from tests.support.cli import recently

OTHER_ACCOUNT = "444455556666"


def findings(home) -> dict[str, list[str]]:
    return {line["prefix"]: line["findings"] for line in home.run("list", "--json", status=0).lines}


def synced(home, *options: str, status: int = 0) -> dict:
    return home.run("sync", *options, "--json", status=status).json


def ready(home, key, **more) -> Path:
    home.configure(home.folder_source(**more))
    home.run("keys", "import", home.list_keys(key), status=0)
    return home.deliver(key)


def test_a_change_is_taken_at_once_however_often_it_is_repeated(home, key):
    """With a grace time, whoever touches the forgery again in time would never be found out."""
    folder = ready(home, key, grace="1h")
    synced(home)
    sign_file = folder / "result_sign.json"
    document = json.loads(sign_file.read_bytes())
    document["files"].append({"fileHashValue": "0" * 64, "fileName": "result_2.csv.gz"})
    sign_file.write_text(json.dumps(document))
    answer = synced(home, status=1)
    assert (answer["pending"], answer["failed"]) == (0, 1)
    assert set(answer["items"][0]["reasons"]) == {"signature_invalid", "file_missing"}
    assert "source_changed" in answer["items"][0]["findings"]


def test_an_empty_folder_is_a_disk_that_is_not_mounted(home, key):
    ready(home, key)
    synced(home)
    shutil.move(home.tree, f"{home.tree}.away")
    home.tree.mkdir()
    answer = synced(home, "--full", status=3)
    assert answer["gone"] == 0
    assert "is empty" in answer["errors"][0]["error"]
    assert [found for found in findings(home).values() if found] == []


def test_what_was_imported_cannot_be_missed_at_the_source(home, key, tmp_path):
    ready(home, key)
    synced(home)
    copy = tmp_path / "elsewhere"
    home.deliver(key, root=copy)
    home.run("import", copy, "--source", "prod", status=0)
    answer = synced(home, "--full")
    assert answer["gone"] == 0
    assert [found for found in findings(home).values() if found] == []


def test_what_was_acquired_elsewhere_cannot_be_missed_here(home, key, tmp_path):
    folder = ready(home, key)
    synced(home)
    other = tmp_path / "other"
    home.deliver(key, root=other)
    home.write({**home.folder_source(), "url": other.as_uri()})
    assert synced(home, "--full")["gone"] == 0
    assert all("source_deleted" not in found for found in findings(home).values())
    assert folder.is_dir()


def test_what_comes_back_is_not_deleted_any_more(home, key):
    folder = ready(home, key)
    home.deliver(key)
    synced(home)
    prefix = f"{folder.relative_to(home.tree)}/"
    away = home.tree.parent / "away"
    folder.rename(away)
    assert synced(home)["gone"] == 1
    assert findings(home)[prefix] == ["source_deleted"]
    away.rename(folder)
    synced(home)
    assert findings(home)[prefix] == []
    assert home.kinds().count("source_restored") == 1
    home.run("audit", "--all", status=0)


def test_both_of_two_copies_are_marked_whichever_came_first(home, key):
    folder = ready(home, key)
    synced(home)
    prefix, query = f"{folder.relative_to(home.tree)}/", folder.name
    copy = delivery_prefix(OTHER_ACCOUNT, recently().date(), query)
    shutil.copytree(folder, home.tree / copy)
    synced(home)
    assert findings(home) == {prefix: ["replayed_hash_list"], copy: ["replayed_hash_list"]}
    assert len(home.alerts()) == 1, "one cause, one alert"
    home.run("audit", "--all", status=0)
    assert findings(home) == {prefix: ["replayed_hash_list"], copy: ["replayed_hash_list"]}
    assert len(home.alerts()) == 1


def test_a_plain_download_beside_the_genuine_delivery_accuses_nobody(home, key, tmp_path):
    folder = ready(home, key)
    synced(home)
    shutil.copytree(folder, tmp_path / "q")
    home.run("import", tmp_path / "q", status=0)
    home.run("audit", "--all", status=0)
    assert sorted(findings(home).values()) == [[], ["path_nonstandard"]]


def test_more_than_a_thousand_files_are_waited_for(home, key):
    folder = ready(home, key)
    sign_file = folder / "result_sign.json"
    document = json.loads(sign_file.read_bytes())
    digest = document["files"][0]["fileHashValue"]
    document["files"] = [{"fileHashValue": digest, "fileName": f"result_{n}.csv.gz"} for n in range(1, 1502)]
    sign_file.write_text(json.dumps(document))
    for number in range(2, 1202):
        (folder / f"result_{number}.csv.gz").touch()
    assert synced(home)["pending"] == 1


def test_the_same_bytes_written_again_still_repair(home, key):
    folder = ready(home, key)
    synced(home)
    result = folder / "result_1.csv.gz"
    data = result.read_bytes()
    result.unlink()
    result.write_bytes(data)
    held = home.archive / "prod" / folder.relative_to(home.tree) / "result_1.csv.gz"
    held.chmod(0o644)
    held.write_bytes(data[:-1] + b"?")
    answer = home.run("audit", "--all", "--repair", "--json", status=0).json
    assert (answer["repaired"], answer["verified"]) == (1, 1)
    assert held.read_bytes() == data


def test_a_source_that_hangs_does_not_hold_up_the_others(home, key):
    home.deliver(key)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, answers nothing
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        slow = {"name": "slow", "url": "s3://bucket", "region": "us-east-1", "endpoint_url": endpoint}
        home.configure(slow, home.folder_source())
        home.run("keys", "import", home.list_keys(key), status=0)
        process = home.start("sync")
        try:
            until = time.monotonic() + 30
            while not home.ledger.query("SELECT 1 FROM evidence"):
                assert process.poll() is None
                assert time.monotonic() < until
                time.sleep(0.1)
        finally:
            process.kill()
            process.communicate()
