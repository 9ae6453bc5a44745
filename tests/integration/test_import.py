"""``archiver import``: folders that were fetched by other means, as people leave them."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from archiver.demo.deliveries import make_delivery, make_result
from tests.support.cli import files_below, recently

WORKINGS = {
    "public_key_pkcs1.pem",
    "public_key_x509.pem",
    "signature",
    "signature.bin",
    "hash_list_file",
}
"""What the article's manual steps leave beside the two files that were downloaded."""


def by_hand(folder, key):
    """A delivery, and everything that the article's ten steps write into its folder, written by those steps."""
    folder.mkdir(parents=True)
    complete = recently()
    results = [make_result([["1"]], execution_time=complete, columns=["eventID"])]
    for name, data in make_delivery(key, complete_time=complete, results=results).items():
        (folder / name).write_bytes(data)
    sign_file = json.loads((folder / "result_sign.json").read_bytes())
    value = subprocess.check_output(["base64", "-w64"], input=key.public.der).decode()
    pem = f"-----BEGIN RSA PUBLIC KEY-----\n{value}-----END RSA PUBLIC KEY-----\n"
    (folder / "public_key_pkcs1.pem").write_text(pem)
    (folder / "signature").write_text(sign_file["hashSignature"])
    (folder / "hash_list_file").write_text(sign_file["files"][0]["fileHashValue"])
    for step in (
        "openssl rsa -RSAPublicKey_in -in public_key_pkcs1.pem -pubout -out public_key_x509.pem",
        "xxd -r -p signature signature.bin",
        "openssl dgst -sha256 -verify public_key_x509.pem -signature signature.bin hash_list_file",
    ):
        subprocess.run(step.split(), cwd=folder, check=True, capture_output=True)
    return folder


needs_tools = pytest.mark.skipif(
    not (shutil.which("openssl") and shutil.which("xxd")), reason="openssl or xxd is not installed"
)


@pytest.fixture
def archive(home):
    home.configure()
    return home


def take(home, *arguments, status=0):
    return home.run("import", "--json", *arguments, status=status).json


@needs_tools
def test_the_folder_that_the_articles_procedure_leaves(archive, key):
    folder = by_hand(archive.root / "work" / "q", key)
    before = files_below(folder)
    archive.run("keys", "import", archive.list_keys(key), status=0)

    answer = take(archive, folder)

    (item,) = answer["items"]
    assert (item["verdict"], item["reasons"]) == ("verified", [])
    assert item["findings"] == ["unlisted_file", "path_nonstandard"]
    assert files_below(folder) == before, "the folder is read, never changed"
    where = f"{folder}/".lstrip("/")
    held = archive.archived("import")
    assert {name: held[where + name] for name in ("result_1.csv.gz", "result_sign.json")} == {
        name: data for name, data in before.items() if name not in WORKINGS
    }
    assert len(held) == 2
    unlisted = archive.archived("unlisted")
    assert {path.rpartition("/")[2]: data for path, data in unlisted.items()} == {
        name: data for name, data in before.items() if name in WORKINGS
    }
    archived = archive.archive / "import" / where
    assert archive.run("verify", archived, "--offline", status=0).stdout.startswith("verified")
    assert archive.run("audit", "--all", "--json", status=0).json["verified"] == 1

    again = take(archive, folder)
    assert (again["archived"], again["unchanged"]) == (0, 1)
    assert archive.archived("import") == held


@needs_tools
def test_by_the_readmes_own_words(archive, key):
    """``cd`` into the work folder, import ``./q``: verified offline before and after."""
    by_hand(archive.root / "q", key)
    archive.list_keys(key)
    assert archive.run("verify", "./q", "--keys", "keys.json", status=0).stdout.startswith("verified")
    archive.run("keys", "import", "keys.json", status=0)
    ran = archive.run("import", "./q", status=0)
    assert ran.stdout.startswith("verified")
    assert "1 of 1 deliveries archived" in ran.stdout


def test_before_its_key_came(archive, key):
    folder = archive.deliver(key, archive.root / "export")
    answer = take(archive, folder, status=3)
    assert answer["items"][0]["reasons"] == ["key_unavailable"]
    archive.run("keys", "import", archive.list_keys(key), status=0)
    answer = archive.run("audit", "--all", "--json", status=0).json
    assert answer["verified"] == 1


def test_a_canonical_path_is_kept_from_awslogs_on(archive, key):
    archive.run("keys", "import", archive.list_keys(key), status=0)
    for where in ("one", "two/deeper"):
        folder = archive.deliver(key, archive.root / where)
        (item,) = take(archive, folder)["items"]
        assert item["prefix"].startswith("AWSLogs/111122223333/CloudTrail-Lake/Query/")
        assert item["query_id"] == folder.name
        assert item["findings"] == []
    assert all(path.startswith("AWSLogs/") for path in archive.archived("import"))


def test_a_folder_above_many(archive, key):
    archive.run("keys", "import", archive.list_keys(key), status=0)
    above = archive.root / "old"
    for _ in range(3):
        archive.deliver(key, above)
    bad = archive.deliver(key, above / "elsewhere")
    (bad / "result_1.csv.gz").write_bytes(b"")
    answer = take(archive, above, "--source", "legacy", status=1)
    assert (answer["archived"], answer["verified"], answer["failed"]) == (4, 3, 1)
    assert len(archive.archived("legacy")) == 8


def test_two_copies_of_one_delivery_are_one(archive, key):
    archive.run("keys", "import", archive.list_keys(key), status=0)
    archive.deliver(key, archive.root / "a")
    shutil.copytree(archive.root / "a", archive.root / "b")
    answer = take(archive, archive.root / "a", archive.root / "b")
    assert (answer["discovered"], answer["archived"], answer["unchanged"]) == (2, 1, 1)


def test_another_copy_of_each_of_many_is_a_revision_of_its_own(archive, key):
    """A tampered copy beside the good one, as two backups have them: neither may take the other's place."""
    archive.run("keys", "import", archive.list_keys(key), status=0)
    for _ in range(60):
        archive.deliver(key, archive.root / "both/a")
    shutil.copytree(archive.root / "both/a", archive.root / "both/b")
    for result in (archive.root / "both/b").rglob("result_1.csv.gz"):
        result.write_bytes(b"tampered with")
    answer = take(archive, archive.root / "both", status=1)
    assert (answer["archived"], answer["verified"], answer["failed"]) == (120, 60, 60)
    told = {(tuple(item["reasons"]), "source_changed" in item["findings"]) for item in answer["items"]}
    assert (("hash_mismatch",), True) in told
    audit = archive.run("audit", "--all", "--json", status=1).json
    assert (audit["audited"], audit["verified"], audit["failed"]) == (120, 60, 60)
    assert {tuple(item["reasons"]) for item in audit["items"]} == {("hash_mismatch",)}


def test_changed_since_is_a_new_revision(archive, key):
    archive.run("keys", "import", archive.list_keys(key), status=0)
    folder = archive.deliver(key, archive.root / "a")
    take(archive, folder)
    before = archive.archived("import")
    (folder / "result_1.csv.gz").write_bytes(b"changed")
    answer = take(archive, folder, status=1)
    assert answer["items"][0]["reasons"] == ["hash_mismatch"]
    assert "source_changed" in answer["items"][0]["findings"]
    after = archive.archived("import")
    assert before.items() <= after.items()
    assert {path.split("/")[-2][-3:] for path in set(after) - set(before)} == {"@r2"}


def test_what_is_missing_is_not_waited_for(archive, key):
    folder = archive.deliver(key, archive.root / "a", files=2)
    (folder / "result_2.csv.gz").unlink()
    archive.run("keys", "import", archive.list_keys(key), status=0)
    assert take(archive, folder, status=1)["items"][0]["reasons"] == ["file_missing"]
    unsigned = archive.deliver(key, archive.root / "a")
    (unsigned / "result_sign.json").unlink()
    assert take(archive, unsigned, status=1)["items"][0]["reasons"] == ["unsigned"]


def test_a_folder_of_results_anywhere_is_unsigned(archive, key):
    """Named by the user, so it is a delivery, though neither path nor sign file says so."""
    folder = archive.root / "results"
    folder.mkdir()
    (folder / "result_1.csv.gz").write_bytes(make_result([]))
    assert take(archive, folder, status=1)["items"][0]["reasons"] == ["unsigned"]


def test_a_folder_that_a_source_delivers_too_stays_one_source_each(archive, key, aws):
    """The same delivery by sync and by import: two items, each with its own custody."""
    aws.register_key(key.public)
    archive.write(archive.s3_source(aws))
    prefix, files = archive.sample(key)
    aws.put_delivery(prefix, files)
    archive.run("sync", status=0)
    folder = archive.root / "copy" / prefix
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (item,) = take(archive, folder)["items"]
    assert (item["verdict"], item["findings"]) == ("verified", [])
    assert archive.archived("prod") == archive.archived("import")
    assert archive.run("sync", "--json", status=0).json["unchanged"] == 1


def test_imported_under_a_sources_name_it_is_that_sources(archive, key, aws):
    """A bucket's copy goes in first; its sync then finds it archived, byte for byte."""
    aws.register_key(key.public)
    archive.write(archive.s3_source(aws))
    prefix, files = archive.sample(key)
    aws.put_delivery(prefix, files)
    folder = archive.root / "copy" / prefix
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    take(archive, folder, "--source", "prod")
    answer = archive.run("sync", "--json", status=0).json
    assert (answer["archived"], answer["unchanged"], answer["gone"]) == (0, 1, 0)
    assert archive.alerts() == []


def test_repair_of_an_imported_item_from_its_folder(archive, key):
    archive.run("keys", "import", archive.list_keys(key), status=0)
    folder = archive.deliver(key, archive.root / "a")
    take(archive, folder)
    (archived,) = (archive.archive / "import").rglob("result_1.csv.gz")
    archived.chmod(0o644)
    archived.write_bytes(b"damaged")
    assert archive.run("audit", "--all", "--repair", "--json", status=0).json["repaired"] == 1
    assert archived.read_bytes() == (folder / "result_1.csv.gz").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nowhere"], "nowhere is not there"),
        (["archiver.toml"], "archiver.toml is a file"),
        (["good", "nowhere"], "nowhere is not there"),
        ([], "Missing argument"),
        (["good", "--source", "keys"], "--source 'keys'"),
        (["good", "--source", "../up"], "--source '../up'"),
        (["good", "--source", ""], "--source ''"),
    ],
)
def test_wrong_arguments(archive, key, arguments, complaint):
    archive.deliver(key, archive.root / "good")
    ran = archive.run("import", *arguments, status=2)
    assert complaint in ran.stderr
    assert archive.kinds() == ["ledger_migrated"]


def test_a_folder_without_a_delivery(archive, key):
    (archive.root / "empty").mkdir()
    archive.run("keys", "import", archive.list_keys(key), status=0)
    good = archive.deliver(key, archive.root / "good")
    answer = take(archive, "empty", good, status=3)
    assert answer["archived"] == 1
    assert "holds no delivery" in answer["errors"][0]["error"]


def test_the_archive_itself_is_not_imported(archive, key):
    """Its folders are deliveries too; taken in again they would be copies of themselves for ever."""
    archive.run("keys", "import", archive.list_keys(key), status=0)
    take(archive, archive.deliver(key, archive.root / "good"))
    for place in (archive.archive, archive.archive / "import", archive.root):
        ran = archive.run("import", place, "--source", "again", status=2)
        assert "the archive" in ran.stderr
    assert archive.archived("again") == {}
