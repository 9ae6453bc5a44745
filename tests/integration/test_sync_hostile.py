"""Sync over what an attacker can put into a bucket or a folder: nothing leaves the archive, nothing is hidden."""

from __future__ import annotations

import json
import os
import resource
from pathlib import Path

import pytest

from archiver.demo.deliveries import make_delivery, make_result
from tests.support.cli import files_below, recently

DAY = "AWSLogs/111122223333/CloudTrail-Lake/Query/2026/01/05/"
MIB = 2**20
HOSTILE = [
    "../../../outside/",
    "a/../../outside/",
    "a//b/",
    "/",
    "//",
    "./",
    ".staging/",
    ".hidden/",
    "keys/",
    "set-aside/",
    "tab\there/",
    "esc\x1b[31m/",
    "back\\slash/",
    "percent%2F..%2F/",
    "Ünï/cødé/日本語/",
    "e\u0301/",
    "é/",
    "\u202egnp.exe/",
    "l" * 900 + "/",
    ("deep/" * 150),
    "a@r2/",
    "result_sign.json/",
    "blank /",
    " /",
    "*?[x]/",
    "'; DROP TABLE evidence; --/",
    "$(touch pwned)/",
]


@pytest.fixture
def bucket(home, key, aws):
    aws.register_key(key.public)
    home.configure(home.s3_source(aws))
    return aws


@pytest.mark.thorough
def test_hostile_object_keys_stay_inside_and_each_apart(home, key, bucket, capfd):
    contents = {}
    for number, prefix in enumerate(HOSTILE):
        row = [str(number)]
        files = make_delivery(key, complete_time=recently(), results=[make_result([row], columns=["n"])])
        bucket.put_delivery(prefix, files)
        contents[prefix] = files
    around = files_below(home.root.parent)

    answer = home.run("sync", "--json", status=0).json

    assert answer["errors"] == []
    assert {item["prefix"] for item in answer["items"]} == set(HOSTILE)
    assert all(item["verdict"] == "verified" for item in answer["items"])
    outside = {path for path in files_below(home.root.parent) if not path.startswith("home/")}
    assert outside == {path for path in around if not path.startswith("home/")}
    held = [data for path, data in home.archived().items() if path.endswith("/result_1.csv.gz")]
    assert sorted(held) == sorted(files["result_1.csv.gz"] for files in contents.values())
    top = {path.name for path in home.archive.iterdir()}
    assert top == {".staging", "keys", "log", "prod", "set-aside", "unlisted"}
    for path in (home.archive / "prod").rglob("*"):
        assert path.name.isprintable()
        assert not path.name.startswith(".")
    assert home.run("audit", "--all", "--json", status=0).json["verified"] == len(HOSTILE)
    assert home.run("sync", "--json", status=0).json["unchanged"] == len(HOSTILE)
    text = home.run("audit", "--all", status=0)
    assert "\x1b" not in text.stdout + text.stderr


def test_hostile_names_beside_a_delivery_are_archived_apart(home, key, bucket):
    prefix, files = home.sample(key)
    bucket.put_delivery(prefix, files)
    names = ["../up", "..", "a/../b", "x\ty", "\x7f", "n" * 700, "result_sign.json/inner", "result_01.csv.gz"]
    for name in names:
        bucket.put(prefix + name, name.encode())
    answer = home.run("sync", "--json", status=0).json
    (item,) = answer["items"]
    assert (item["verdict"], item["findings"]) == ("verified", ["unlisted_file"])
    assert set(home.archived()) == {prefix + name for name in files}
    assert sorted(home.archived("unlisted").values()) == sorted(name.encode() for name in names)
    assert home.run("audit", "--all", "--json", status=0).json["verified"] == 1


def test_a_sign_file_above_swallows_nothing_below(home, key, bucket):
    below = []
    for _ in range(2):
        name = f"0000000{len(below)}-0000-4000-8000-000000000000"
        files = make_delivery(key, complete_time=recently(), results=[make_result([[name]], columns=["n"])])
        bucket.put_delivery(f"{DAY}{name}/", files)
        below.append(f"{DAY}{name}/")
    for above in ("", "AWSLogs/", DAY):
        bucket.put(f"{above}result_sign.json", b"{}")
    answer = home.run("sync", "--json", status=1).json
    assert answer["errors"] == []
    reasons = {item["prefix"]: item["reasons"] for item in answer["items"]}
    assert reasons == {
        below[0]: [],
        below[1]: [],
        "": ["sign_file_invalid"],
        "AWSLogs/": ["sign_file_invalid"],
        DAY: ["sign_file_invalid"],
    }
    assert home.run("audit", "--all", "--json", status=1).json["verified"] == 2


def test_a_hostile_sign_file_opens_nothing(home, key):
    """Names out of a sign file are compared with the listing, never opened."""
    home.configure(home.folder_source())
    (home.root / "secret").write_bytes(b"not yours")
    folder = home.deliver(key)
    document = json.loads((folder / "result_sign.json").read_bytes())
    document["files"][0]["fileName"] = "../../../../../../../../../secret"
    (folder / "result_sign.json").write_text(json.dumps(document))
    answer = home.run("sync", "--json", status=1).json
    assert answer["items"][0]["reasons"] == ["sign_file_invalid"]
    assert b"not yours" not in files_below(home.archive).values()


def test_links_and_specials_in_a_folder_are_not_followed(home, key):
    home.configure(home.folder_source(grace="0s"))
    home.run("keys", "import", home.list_keys(key), status=0)
    secret = home.root / "secret"
    secret.write_bytes(b"not yours")
    folder = home.deliver(key)
    (folder / "link.txt").symlink_to(secret)
    os.mkfifo(folder / "pipe")
    linked = home.deliver(key)
    (linked / "result_1.csv.gz").unlink()
    (linked / "result_1.csv.gz").symlink_to(secret)
    (home.tree / "elsewhere").symlink_to(home.root / "archiver.toml")
    (home.tree / "loop").symlink_to(home.tree)
    answer = home.run("sync", "--json", status=1).json
    found = {item["prefix"]: item["reasons"] for item in answer["items"]}
    assert found == {
        f"{folder.relative_to(home.tree)}/": [],
        f"{linked.relative_to(home.tree)}/": ["file_missing"],
    }
    assert b"not yours" not in files_below(home.archive).values()
    assert not [path for path in home.archive.rglob("*") if path.is_symlink()]


def test_names_that_are_not_utf_8(home, key):
    home.configure(home.folder_source())
    home.run("keys", "import", home.list_keys(key), status=0)
    folder = home.deliver(key)
    for name in (b"\xff\xfe.txt", b"caf\xe9"):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(name)
    os.rename(os.fsencode(home.deliver(key)), os.fsencode(home.tree) + b"/d\xe9livery")
    answer = home.run("sync", "--json", status=0).json
    assert answer["verified"] == 2
    assert {b"\xff\xfe.txt", b"caf\xe9"} <= set(home.archived("unlisted").values())
    assert home.run("audit", "--all", "--json", status=0).json["verified"] == 2
    assert home.run("sync", "--json", status=0).json["unchanged"] == 2
    assert "verified" in home.run("verify", home.tree, "--keys", home.root / "keys.json", status=0).stdout


@pytest.mark.parametrize("nonsense", [b"", b"\xff" * 100, b"[" * 100_000, b"null", b'{"files": "' + b"9" * 10_000])
def test_nonsense_for_a_sign_file(home, key, nonsense):
    home.configure(home.folder_source())
    folder = home.deliver(key)
    good = home.deliver(key)
    home.run("keys", "import", home.list_keys(key), status=0)
    (folder / "result_sign.json").write_bytes(nonsense)
    answer = home.run("sync", "--json", status=1).json
    found = {item["prefix"]: item["reasons"] for item in answer["items"]}
    assert found == {
        f"{folder.relative_to(home.tree)}/": ["sign_file_invalid"],
        f"{good.relative_to(home.tree)}/": [],
    }


@pytest.mark.thorough
def test_a_giant_sign_file_takes_no_memory(home, key):
    """Archived byte for byte like any evidence, and judged by its first 4 MiB, with less memory than it is long."""
    size = 250 * MIB
    home.configure(home.folder_source(), workers={"threads": 2})
    folder = home.deliver(key)
    with (folder / "result_sign.json").open("wb") as stream:
        stream.truncate(size)

    def limited():
        resource.setrlimit(resource.RLIMIT_DATA, (size * 3 // 4, size * 3 // 4))

    process = home.start("sync", "--json", preexec_fn=limited)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1, err
    assert [item["reasons"] for item in json.loads(out)["items"]] == [["sign_file_invalid"]]
    archived = home.archive / "prod" / folder.relative_to(home.tree) / "result_sign.json"
    assert archived.stat().st_size == size
