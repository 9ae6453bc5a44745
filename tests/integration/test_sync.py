"""``archiver sync``: what it answers, and that what it says is in the archive and the ledger."""

from __future__ import annotations

import stat

import pytest

from tests.support.cli import ACCOUNT, REGION, recently, signing_key

FIELDS = {
    "discovered": int,
    "archived": int,
    "unchanged": int,
    "pending": int,
    "verified": int,
    "failed": int,
    "indeterminate": int,
    "bytes": int,
    "seconds": float,
    "errors": list,
    "items": list,
}
ITEM_FIELDS = {"id": str, "query_id": str, "prefix": str, "verdict": str, "reasons": list, "findings": list}


def has_fields(answer, fields):
    assert {name: type(answer.get(name)) for name in fields} == fields


def test_a_bucket_is_archived_whole_and_answered_as_the_contract_says(home, key, s3_stand):
    home.configure(home.s3_source(s3_stand))
    home.run("keys", "import", home.list_keys(key), status=0)
    delivered = {}
    for files in (1, 3):
        prefix, held = home.sample(key, files=files)
        s3_stand.put_delivery(prefix, held)
        delivered |= {prefix + name: data for name, data in held.items()}

    answer = home.run("sync", "--json", status=0).json

    has_fields(answer, FIELDS)
    assert (answer["discovered"], answer["archived"], answer["unchanged"], answer["pending"]) == (2, 2, 0, 0)
    assert (answer["verified"], answer["failed"], answer["indeterminate"], answer["errors"]) == (2, 0, 0, [])
    assert answer["bytes"] == sum(map(len, delivered.values()))
    assert len(answer["items"]) == 2
    for item in answer["items"]:
        has_fields(item, ITEM_FIELDS)
        assert (item["verdict"], item["reasons"], item["findings"]) == ("verified", [], [])
        assert len(item["id"]) == 32
        assert item["prefix"].endswith(f"/{item['query_id']}/")
    assert home.archived() == delivered

    again = home.run("sync", "--json", status=0).json
    assert (again["discovered"], again["archived"], again["unchanged"], again["items"]) == (2, 0, 2, [])
    assert home.archived() == delivered
    acquired = ["key_harvested", "evidence_acquired", "evidence_acquired"]
    assert home.kinds() == ["ledger_migrated", *acquired, "source_synced", "source_synced"]


def test_keys_are_asked_for_where_none_is_held(home, key, aws):
    aws.register_key(key.public)
    home.configure(home.s3_source(aws))
    aws.put_delivery(*home.sample(key))
    home.run("sync", status=0)
    (held,) = home.run("keys", "list", "--json", status=0).json["keys"]
    assert held["fingerprint"] == key.public.fingerprint
    assert [p["method"] for p in held["provenance"]] == ["ListPublicKeys"]
    assert held["provenance"][0]["endpoint"] == aws.url


def test_what_the_source_said_of_each_object_is_on_record(home, key, aws):
    aws.register_key(key.public)
    home.configure(home.s3_source(aws))
    aws.put_delivery(*home.sample(key))
    home.run("sync", status=0)
    for etag, version, request in home.ledger.query("SELECT etag, version_id, request_id FROM files"):
        assert etag
        assert version
        assert request


def test_postgresql_does_the_same(home, key, aws, new_postgres):
    home.ledger_url = new_postgres()
    aws.register_key(key.public)
    home.configure(home.s3_source(aws))
    prefix, files = home.sample(key)
    aws.put_delivery(prefix, files)
    broken, damaged = home.sample(key)
    aws.put_delivery(broken, {**damaged, "result_1.csv.gz": b"other bytes"})
    answer = home.run("sync", "--json", status=1).json
    assert (answer["verified"], answer["failed"]) == (1, 1)
    assert {item["prefix"]: item["reasons"] for item in answer["items"]} == {
        prefix: [],
        broken: ["hash_mismatch"],
    }
    assert home.run("sync", "--json", status=0).json["unchanged"] == 2
    assert home.run("audit", "--all", "--json", status=1).json["audited"] == 2


def test_text_names_each_item_and_troubles_go_to_stderr(home, key):
    home.configure(home.folder_source())
    home.run("keys", "import", home.list_keys(key), status=0)
    folder = home.deliver(key)
    ran = home.run("sync", status=0)
    first, last = ran.stdout.splitlines()
    assert first.split()[0] == "verified"
    assert first.split()[2:] == ["prod", f"{folder.relative_to(home.tree)}/"]
    assert last.startswith("1 of 1 deliveries archived")
    assert ran.stderr == ""


def test_quiet_tells_of_what_is_wrong_only(home, key):
    home.configure(home.folder_source())
    home.run("keys", "import", home.list_keys(key), status=0)
    home.deliver(key)
    bad = home.deliver(key)
    (bad / "result_1.csv.gz").write_bytes(b"")
    ran = home.run("-q", "sync", status=1)
    assert [line.split()[0] for line in ran.stdout.splitlines()[:-1]] == ["failed"]


def test_archived_files_are_read_only(home, key):
    home.configure(home.folder_source())
    home.deliver(key)
    home.run("sync", status=3)
    for path in (home.archive / "prod").rglob("*"):
        if path.is_file():
            assert not stat.S_IMODE(path.stat().st_mode) & 0o222


@pytest.mark.parametrize(
    ("spoil", "status", "verdict", "reasons"),
    [
        ({}, 0, "verified", []),
        ({"result_1.csv.gz": b"other"}, 1, "failed", ["hash_mismatch"]),
        ({"result_sign.json": b"{}"}, 1, "failed", ["sign_file_invalid"]),
        ({"result_sign.json": None}, 1, "failed", ["unsigned"]),
        ({"result_1.csv.gz": None}, 1, "failed", ["file_missing"]),
    ],
)
def test_failed_deliveries_are_archived_too(home, key, spoil, status, verdict, reasons):
    home.configure(home.folder_source(grace="0s"))
    home.run("keys", "import", home.list_keys(key), status=0)
    folder = home.deliver(key, files=2)
    for name, data in spoil.items():
        if data is None:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(data)
    answer = home.run("sync", "--json", status=status).json
    (item,) = answer["items"]
    assert (item["verdict"], item["reasons"]) == (verdict, reasons)
    held = {path.rpartition("/")[2]: data for path, data in home.archived().items()}
    assert held == {path.name: path.read_bytes() for path in folder.iterdir()}
    assert len(home.alerts()) == (status == 1)
    assert home.run("sync", "--json", status=0).json["unchanged"] == 1, "what an earlier pass judged is told once"
    assert len(home.alerts()) == (status == 1)


def test_one_key_missing_is_indeterminate_and_later_judged_when_it_came(home, key):
    home.configure(home.folder_source())
    home.deliver(key)
    answer = home.run("sync", "--json", status=3).json
    assert answer["items"][0]["reasons"] == ["key_unavailable"]
    home.run("keys", "import", home.list_keys(key), status=0)
    answer = home.run("sync", "--json", status=0).json
    assert (answer["archived"], answer["verified"]) == (0, 1)
    assert [item["verdict"] for item in answer["items"]] == ["verified"], "what this pass judged is told"
    answer = home.run("sync", "--json", status=0).json
    assert (answer["verified"], answer["items"]) == (0, [])
    assert home.kinds()[-3:] == ["source_synced", "evidence_verified", "source_synced"]
    assert len(home.alerts()) == 1


def test_unlisted_files_lie_apart(home, key):
    home.configure(home.folder_source())
    home.run("keys", "import", home.list_keys(key), status=0)
    folder = home.deliver(key)
    (folder / "notes.txt").write_bytes(b"nothing vouches for me")
    answer = home.run("sync", "--json", status=0).json
    assert answer["items"][0]["findings"] == ["unlisted_file"]
    assert not any(path.endswith("notes.txt") for path in home.archived())
    assert b"nothing vouches for me" in home.archived("unlisted").values()
    assert len(home.alerts()) == 1


def test_noncanonical_path(home, key):
    home.configure(home.folder_source())
    home.run("keys", "import", home.list_keys(key), status=0)
    home.deliver(key).rename(home.tree / "by-hand")
    answer = home.run("sync", "--json", status=0).json
    (item,) = answer["items"]
    assert (item["prefix"], item["query_id"], item["findings"]) == ("by-hand/", None, ["path_nonstandard"])
    assert set(home.archived()) == {"by-hand/result_1.csv.gz", "by-hand/result_sign.json"}


def test_a_replay_is_found_within_a_pass_and_across_passes(home, key):
    home.configure(home.folder_source())
    home.run("keys", "import", home.list_keys(key), status=0)
    prefix, files = home.sample(key)
    copies = [home.sample(key)[0] for _ in range(3)]
    for place in (prefix, copies[0]):
        put(home.tree / place, files)
    answer = home.run("sync", "--json", status=0).json
    found = {item["prefix"]: item["findings"] for item in answer["items"]}
    assert sorted(found.values()) == [[], ["replayed_hash_list"]], "one of the two came first"
    put(home.tree / copies[1], files)
    answer = home.run("sync", "--json", status=0).json
    assert [item["findings"] for item in answer["items"]] == [["replayed_hash_list"]]
    assert home.run("audit", "--all", "--json", status=0).json["verified"] == 3
    shown = {row[0] for row in home.ledger.query("SELECT findings FROM evidence_state")}
    assert shown == {'["replayed_hash_list"]'}, "the first one is a copy too, for all that is known"


def put(folder, files):
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)


def test_two_keys_and_two_regions_in_one_pass(home, key, aws):
    other = signing_key("tokyo", "ap-northeast-1")
    for one in (key, other):
        aws.register_key(one.public)
    home.configure(home.s3_source(aws))
    aws.put_delivery(*home.sample(key))
    aws.put_delivery(*home.sample(other))
    answer = home.run("sync", "--json", status=0).json
    assert answer["verified"] == 2
    assert {k["region"] for k in home.run("keys", "list", "--json").json["keys"]} == {REGION, "ap-northeast-1"}


def test_old_deliveries_are_found_by_the_first_pass(home, key, aws):
    aws.register_key(key.public)
    home.configure(home.s3_source(aws, window="1d"))
    aws.put_delivery(*home.sample(key, complete_time=recently(24 * 15)))
    assert home.run("sync", "--json", status=0).json["archived"] == 1


def test_accounts_that_are_no_longer_taken_are_not_gone(home, key, aws):
    home.configure(home.s3_source(aws))
    for account in (ACCOUNT, "999988887777"):
        aws.put_delivery(*home.sample(key, account=account))
    home.run("sync", status=3)
    home.write(home.s3_source(aws, accounts=[ACCOUNT]))
    answer = home.run("sync", "--full", "--json").json
    assert (answer["discovered"], answer["gone"]) == (1, 0)
    assert home.kinds().count("delivery_vanished") == 0


def test_a_prefix_and_accounts_limit_what_is_taken(home, key, aws):
    aws.register_key(key.public)
    home.configure(home.s3_source(aws, prefix="some/where", accounts=[ACCOUNT]))
    wanted, files = home.sample(key, lead="some/where/")
    aws.put_delivery(wanted, files)
    aws.put_delivery(*home.sample(key, lead="some/where/", account="999988887777"))
    aws.put_delivery(*home.sample(key, lead="some/where-else/"))
    aws.put_delivery(*home.sample(key))
    answer = home.run("sync", "--json", status=0).json
    assert [item["prefix"] for item in answer["items"]] == [wanted]
