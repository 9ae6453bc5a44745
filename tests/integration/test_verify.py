"""``archiver verify``: folders and buckets judged where they lie; nothing is recorded, nothing is changed."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.cli import ROOT, files_below, run, signing_key

VECTORS = ROOT / "tests" / "vectors"
FIELDS = {
    "path": str,
    "verdict": str,
    "reasons": list,
    "findings": list,
    "checks": list,
    "files": list,
    "fingerprint": str,
    "query_complete_time": str,
    "region": str,
}
STEPS = ["sign_file", "key", "signature", "files"]


@pytest.fixture
def apart(home):
    """A folder with no configuration in it or above."""
    folder = home.root / "apart"
    folder.mkdir()
    return folder


def verify(*arguments, cwd, status, environ=None):
    return run("verify", "--json", *arguments, cwd=cwd, status=status, environ=environ).lines


def test_answers_as_the_contract_says(home, key, apart):
    folder = home.deliver(key, apart, files=2)
    (answer,) = verify(folder, "--keys", home.list_keys(key), cwd=apart, status=0)
    assert {name: type(answer[name]) for name in FIELDS} == FIELDS
    assert answer["path"] == str(folder)
    assert (answer["verdict"], answer["reasons"], answer["findings"]) == ("verified", [], [])
    assert answer["fingerprint"] == key.public.fingerprint
    assert answer["region"] == "us-east-1"
    assert [check["id"] for check in answer["checks"]] == STEPS
    for check in answer["checks"]:
        assert set(check) == {"id", "result", "detail"}
        assert check["result"] == "pass"
    assert [file["name"] for file in answer["files"]] == ["result_1.csv.gz", "result_2.csv.gz"]
    for file in answer["files"]:
        assert file["sha256"] == file["signed_sha256"]
        assert file["size"] == (folder / file["name"]).stat().st_size


def test_every_vector_gets_the_verdict_that_was_written_down_for_it(tmp_path):
    """All vectors that are judged by the same keys go through one process."""
    by_keys = defaultdict(list)
    for vector in sorted(path.parent for path in VECTORS.glob("*/expected.json")):
        by_keys[(vector / "keys.json").read_bytes()].append(vector)
    told = 0
    for vectors in by_keys.values():
        places = [vector / "delivery" for vector in vectors]
        ran = run("verify", "--json", *places, "--keys", vectors[0] / "keys.json", cwd=tmp_path)
        answers = {line["path"]: line for line in ran.lines}
        expected = {
            str(vector / "delivery" / path): answer
            for vector in vectors
            for path, answer in json.loads((vector / "expected.json").read_bytes()).items()
        }
        shown = {path: {name: answers[path][name] for name in wanted} for path, wanted in expected.items()}
        assert shown == expected
        assert set(answers) == set(expected)
        verdicts = {answer["verdict"] for answer in expected.values()}
        assert ran.status == (1 if "failed" in verdicts else 3 if "indeterminate" in verdicts else 0)
        told += len(answers)
    assert told >= len(list(VECTORS.glob("*/expected.json")))


def test_text_says_why(home, key, apart):
    folder = home.deliver(key, apart)
    (folder / "result_1.csv.gz").write_bytes(b"other")
    ran = run("verify", folder, "--keys", home.list_keys(key), cwd=apart, status=1)
    first, *rest = ran.stdout.splitlines()
    assert first.split()[:3] == ["failed", str(folder), "hash_mismatch"]
    assert any(line.startswith("    files: result_1.csv.gz") for line in rest)


def test_the_ledgers_keys_serve_and_nothing_is_recorded(home, key):
    home.configure(home.folder_source())
    home.run("keys", "import", home.list_keys(key), status=0)
    folder = home.deliver(key)
    home.ledger.query("PRAGMA wal_checkpoint(TRUNCATE)")
    before, around = home.ledger.file.read_bytes(), set(files_below(home.archive))
    assert home.run("verify", folder, "--offline", status=0).stdout.startswith("verified")
    assert home.run("verify", folder.parent, status=0).stdout.startswith("verified")
    assert home.ledger.file.read_bytes() == before
    assert set(files_below(home.archive)) == around


def test_keys_alone_means_those_alone(home, key):
    """What the ledger holds too must not help a delivery through."""
    home.configure(home.folder_source())
    home.run("keys", "import", home.list_keys(key), status=0)
    other = home.list_keys(signing_key("another"), name="other.json")
    ran = home.run("verify", "--json", home.deliver(key), "--keys", other, status=3)
    assert ran.lines[0]["reasons"] == ["key_unavailable"]


def test_the_region_that_a_key_list_is_said_to_be_of(home, key, apart):
    """AWS's own list does not name its Region: who asked knows it."""
    bare = home.list_keys(replace(key, public=replace(key.public, region=None)))
    folder = home.deliver(key, apart)
    sign = folder / "result_sign.json"
    sign.write_text(json.dumps({**json.loads(sign.read_bytes()), "region": "eu-west-1"}))
    (answer,) = verify(folder, "--keys", bare, cwd=apart, status=0)
    assert answer["findings"] == [], "nobody has said whose the key is"
    (answer,) = verify(folder, "--keys", bare, "--region", "us-east-1", cwd=apart, status=0)
    assert answer["findings"] == ["region_mismatch"]
    (answer,) = verify(folder, "--keys", bare, "--region", "eu-west-1", cwd=apart, status=0)
    assert answer["findings"] == []
    named = home.list_keys(key, name="named.json")
    (answer,) = verify(folder, "--keys", named, "--region", "eu-west-1", cwd=apart, status=0)
    assert answer["findings"] == ["region_mismatch"], "what the list says itself counts more"


def test_a_replay_of_what_the_ledger_knows(home, key):
    home.configure(home.folder_source())
    home.run("keys", "import", home.list_keys(key), status=0)
    folder = home.deliver(key)
    home.run("sync", status=0)
    assert home.run("verify", "--json", folder, status=0).lines[0]["findings"] == []
    copy = folder.with_name("0" * 36)
    folder.rename(copy)
    assert home.run("verify", "--json", copy, status=0).lines[0]["findings"] == ["replayed_hash_list"]


def test_a_ledger_that_cannot_be_had_is_said_and_not_needed(home, key):
    home.write(home.folder_source())
    ran = home.run("verify", home.deliver(key), "--offline", status=3)
    assert "going on without the ledger's keys" in ran.stderr


def test_a_bucket_online(home, key, aws, apart):
    aws.register_key(key.public)
    prefix, files = home.sample(key)
    aws.put_delivery(prefix, files)
    aws.put_delivery("deeper/" + home.sample(key)[0], home.sample(key)[1])
    ends = ("--endpoint-url", aws.url, "--cloudtrail-endpoint-url", aws.url, "--region", "us-east-1")
    environ = aws.environment(PYTHONPATH=str(ROOT))
    answers = verify(f"s3://{aws.bucket}", *ends, cwd=apart, status=0, environ=environ)
    assert [answer["verdict"] for answer in answers] == ["verified", "verified"]
    for url in (f"s3://{aws.bucket}/{prefix}", f"s3://{aws.bucket}/{prefix.rstrip('/')}"):
        (answer,) = verify(url, *ends, cwd=apart, status=0, environ=environ)
        assert answer["path"] == f"s3://{aws.bucket}/{prefix}"
    assert not list(apart.iterdir())


def test_a_folder_online(home, key, aws, apart):
    """The files lie here; the key is asked of the Region that the sign file claims."""
    aws.register_key(key.public)
    folder = home.deliver(key, apart)
    ends = ("--cloudtrail-endpoint-url", aws.url)
    environ = aws.environment(PYTHONPATH=str(ROOT))
    assert verify(folder, *ends, cwd=apart, status=0, environ=environ)[0]["verdict"] == "verified"
    answer = verify(folder, *ends, "--offline", cwd=apart, status=3, environ=environ)[0]
    assert answer["reasons"] == ["key_unavailable"]


def test_a_young_incomplete_delivery_in_a_bucket_is_pending(home, key, aws, apart):
    prefix, files = home.sample(key)
    files.pop("result_sign.json")
    aws.put_delivery(prefix, files)
    environ = aws.environment(PYTHONPATH=str(ROOT))
    url = f"s3://{aws.bucket}/{prefix}"
    (answer,) = verify(url, "--endpoint-url", aws.url, "--offline", cwd=apart, status=3, environ=environ)
    assert answer["verdict"] == "pending"
    assert answer["fingerprint"] is None


def test_an_incomplete_folder_is_not_pending(home, key, apart):
    """A folder's times say nothing of when it was delivered."""
    folder = home.deliver(key, apart)
    (folder / "result_sign.json").unlink()
    (answer,) = verify(folder, "--keys", home.list_keys(key), cwd=apart, status=1)
    assert (answer["verdict"], answer["reasons"]) == ("failed", ["unsigned"])


def test_the_worst_answer_makes_the_status_and_the_others_are_told(home, key, apart):
    good, bad, unknown = (home.deliver(key, apart) for _ in range(3))
    (bad / "result_1.csv.gz").unlink()
    document = json.loads((unknown / "result_sign.json").read_bytes())
    (unknown / "result_sign.json").write_text(json.dumps({**document, "publicKeyFingerprint": "0" * 32}))
    keys = home.list_keys(key)
    verdicts = [a["verdict"] for a in verify(good, bad, unknown, "--keys", keys, cwd=apart, status=1)]
    assert verdicts == ["verified", "failed", "indeterminate"]
    assert len(verify(good, unknown, "--keys", keys, cwd=apart, status=3)) == 2
    assert len(verify(apart, "--keys", keys, cwd=apart, status=1)) == 3


def test_a_folder_without_a_delivery(home, apart):
    (apart / "empty").mkdir()
    ran = run("verify", apart / "empty", "--offline", cwd=apart, status=3)
    assert f"{apart / 'empty'}: no delivery found" in ran.stderr
    assert ran.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nowhere"], "nowhere is not there"),
        (["here/result_sign.json"], "is a file"),
        (["s3://"], "s3://"),
        (["s3://UPPER_case"], "s3://UPPER_case"),
        (["here", "--keys", "nothing.json"], "nothing.json cannot be read"),
        (["here", "--region", "Frankfurt"], "--region 'Frankfurt'"),
        (["here", "--endpoint-url", "localhost"], "localhost"),
        ([], "Missing argument"),
        (["here", "nowhere"], "nowhere is not there"),
    ],
)
def test_wrong_arguments(home, apart, arguments, complaint):
    (apart / "here").mkdir()
    (apart / "here" / "result_sign.json").write_bytes(b"{}")
    ran = run("verify", *arguments, cwd=apart, status=2)
    assert complaint in ran.stderr
    assert ran.stdout == "", "nothing was judged"


def test_a_bucket_that_cannot_be_reached(home, apart, aws):
    environ = aws.environment(PYTHONPATH=str(ROOT))
    ran = run(
        *("verify", "s3://no-such-bucket-here", "--endpoint-url", aws.url), cwd=apart, status=3, environ=environ
    )
    assert "does not exist" in ran.stderr


def test_a_link_is_resolved_where_the_user_names_it_and_nowhere_else(home, key, apart):
    folder = home.deliver(key, apart)
    (home.root / "link").symlink_to(folder)
    keys = home.list_keys(key)
    assert verify(home.root / "link", "--keys", keys, cwd=apart, status=0)[0]["path"] == str(folder)
    inside = apart / "inside"
    inside.mkdir()
    (inside / "link").symlink_to(folder)
    assert run("verify", Path("inside"), "--keys", keys, cwd=apart, status=3).stdout == ""


def test_nothing_but_regular_files_is_opened(home, key, apart):
    """A pipe would be waited for for ever, a link leads anywhere."""
    keys = home.list_keys(key)
    piped, linked, folder = (home.deliver(key, apart) for _ in range(3))
    for path in (piped / "result_sign.json", linked / "result_1.csv.gz", folder / "result_sign.json"):
        path.rename(apart / f"{path.parent.name}-{path.name}")
    os.mkfifo(piped / "result_sign.json")
    (linked / "result_1.csv.gz").symlink_to(apart / f"{linked.name}-result_1.csv.gz")
    (folder / "result_sign.json").mkdir()
    answers = {Path(a["path"]): a["reasons"] for a in verify(apart, "--keys", keys, cwd=apart, status=1)}
    assert answers == {piped: ["unsigned"], linked: ["file_missing"], folder: ["unsigned"]}


def test_the_archive_itself(home, key):
    """What lies in the archive is a tree of deliveries like any other."""
    home.configure(home.folder_source())
    home.run("keys", "import", home.list_keys(key), status=0)
    for _ in range(2):
        home.deliver(key)
    home.run("sync", status=0)
    ran = home.run("verify", "--json", home.archive, "--offline", status=0)
    assert [(line["verdict"], line["findings"]) for line in ran.lines] == [("verified", [])] * 2
