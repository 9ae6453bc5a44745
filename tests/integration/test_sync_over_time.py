"""Sync, pass after pass: what arrives late, changes, vanishes or is only touched at its source."""

from __future__ import annotations

import json
import os
from datetime import timedelta

import pytest

from archiver.demo.deliveries import make_delivery, make_result
from tests.support.cli import recently


@pytest.fixture
def bucket(home, key, aws):
    """A home over an empty bucket whose CloudTrail lists *key*."""
    aws.register_key(key.public)
    home.configure(home.s3_source(aws))
    return aws


def sync(home, status=0):
    return home.run("sync", "--json", status=status).json


def counts(answer, *names):
    return tuple(answer[name] for name in names)


def codes(answer):
    return [(item["verdict"], item["reasons"], item["findings"]) for item in answer["items"]]


@pytest.mark.parametrize("late", ["result_sign.json", "result_2.csv.gz"])
def test_an_incomplete_delivery_waits_and_is_archived_when_it_is_whole(home, key, bucket, late):
    prefix, files = home.sample(key, files=2)
    held_back = files.pop(late)
    bucket.put_delivery(prefix, files)
    for _ in range(2):
        answer = sync(home)
        assert counts(answer, "discovered", "archived", "pending", "unchanged") == (1, 0, 1, 0)
    assert home.archived() == {}
    bucket.put(prefix + late, held_back)
    answer = sync(home)
    assert codes(answer) == [("verified", [], [])]
    assert counts(answer, "archived", "pending") == (1, 0)
    assert len(home.archived()) == 3
    assert home.kinds().count("delivery_seen") == 1
    assert home.alerts() == []


@pytest.mark.parametrize(
    ("missing", "reason"), [("result_sign.json", "unsigned"), ("result_2.csv.gz", "file_missing")]
)
def test_after_the_grace_time_what_is_missing_counts_as_missing(home, key, bucket, missing, reason):
    prefix, files = home.sample(key, files=2)
    held_back = files.pop(missing)
    bucket.put_delivery(prefix, files)
    assert sync(home)["pending"] == 1
    home.write(home.s3_source(bucket, grace="0s"))
    answer = sync(home, status=1)
    assert codes(answer) == [("failed", [reason], [])]
    assert len(home.alerts()) == 1

    bucket.put(prefix + missing, held_back)  # later than the grace time is late, not lost
    answer = sync(home)
    assert codes(answer) == [("verified", [], ["source_changed"])]
    first, second = sorted(home.archived())[:2], sorted(p for p in home.archived() if "@r2/" in p)
    assert len(second) == 3
    assert not any("@r2/" in path for path in first)


def test_grace_counts_from_the_last_arrival_not_from_the_first_sight(home, key, bucket):
    home.write(home.s3_source(bucket, grace="1h"))
    prefix, files = home.sample(key, files=2)
    files.pop("result_sign.json")
    bucket.put_delivery(prefix, files)
    assert sync(home)["pending"] == 1


def test_a_changed_object_is_a_new_revision_beside_the_first(home, key, bucket):
    prefix, files = home.sample(key)
    bucket.put_delivery(prefix, files)
    (first,) = sync(home)["items"]
    before = home.archived()
    bucket.put(prefix + "result_1.csv.gz", b"written over")

    answer = sync(home, status=1)

    (second,) = answer["items"]
    assert (second["verdict"], second["reasons"]) == ("failed", ["hash_mismatch"])
    assert second["findings"] == ["decompressed_copy", "source_changed"] or "source_changed" in second["findings"]
    assert second["id"] != first["id"]
    after = home.archived()
    assert before.items() <= after.items(), "the first revision stands as it was"
    assert after[prefix.removesuffix("/") + "@r2/result_1.csv.gz"] == b"written over"
    assert [row[0] for row in home.ledger.query("SELECT findings FROM evidence_state ORDER BY evidence_id")]
    audited = home.run("audit", "--all", "--json", status=1).json
    assert (audited["verified"], audited["failed"]) == (1, 1)
    assert counts(sync(home), "archived", "unchanged") == (0, 1)

    for name, data in files.items():  # and back again: nothing is fetched twice
        bucket.put(prefix + name, data)
    answer = sync(home)
    assert counts(answer, "archived", "unchanged") == (0, 1)
    assert home.archived() == after
    alerts = home.alerts()
    assert len(alerts) == 2, alerts


def test_the_same_bytes_written_again_are_unchanged(home, key, bucket):
    prefix, files = home.sample(key)
    bucket.put_delivery(prefix, files)
    sync(home)
    events = home.kinds()
    bucket.put_delivery(prefix, files)
    answer = sync(home)
    assert counts(answer, "archived", "unchanged", "failed") == (0, 1, 0)
    assert home.kinds()[len(events) :] in (["source_synced"], ["delivery_noted", "source_synced"]), (
        "times are in seconds"
    )
    assert home.alerts() == []


def test_a_pass_that_finds_nothing_new_is_all_that_is_recorded_of_it(home, key, bucket):
    whole, added, gone, partly, pending = (home.sample(key, files=2) for _ in range(5))
    for prefix, files in (whole, added, gone, partly):
        bucket.put_delivery(prefix, files)
    bucket.put(pending[0] + "result_1.csv.gz", b"?")
    sync(home)
    bucket.put(added[0] + "later.txt", b"?")
    bucket.delete(partly[0] + "result_2.csv.gz")
    for name in gone[1]:
        bucket.delete(gone[0] + name)
    sync(home)
    events = home.kinds()
    assert [events.count(kind) for kind in ("delivery_seen", "source_observed", "alert_raised")] == [1, 3, 3]
    for passes in (1, 2):
        assert counts(sync(home), "archived", "pending", "gone") == (0, 1, 0)
        assert home.kinds() == events + ["source_synced"] * passes


def test_touched_files_of_a_folder_are_unchanged(home, key):
    home.configure(home.folder_source())
    home.run("keys", "import", home.list_keys(key), status=0)
    folder = home.deliver(key)
    sync(home)
    for path in folder.iterdir():
        os.utime(path, (1, 1))
    events = home.kinds()
    assert counts(sync(home), "archived", "unchanged") == (0, 1)
    events += ["delivery_noted", "source_synced"]
    assert home.kinds() == events
    assert counts(sync(home), "archived", "unchanged") == (0, 1)
    assert home.kinds() == [*events, "source_synced"], "what is noted is no news at the next pass"
    assert "@r2" not in "".join(home.archived())


def test_a_file_of_a_folder_altered_with_size_and_time_kept_is_seen(home, key):
    home.configure(home.folder_source())
    home.run("keys", "import", home.list_keys(key), status=0)
    result = home.deliver(key) / "result_1.csv.gz"
    sync(home)
    facts, data = result.stat(), bytearray(result.read_bytes())
    data[-1] ^= 1
    result.write_bytes(data)
    os.utime(result, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    (item,) = sync(home, status=1)["items"]
    assert item["reasons"] == ["hash_mismatch"]
    assert "source_changed" in item["findings"]


def test_a_deleted_delivery_is_reported_once(home, key, bucket):
    prefix, files = home.sample(key)
    bucket.put_delivery(prefix, files)
    bucket.put_delivery(*home.sample(key))
    sync(home)
    before = home.archived()
    for name in files:
        bucket.delete(prefix + name)
    answer = sync(home)
    assert (answer["gone"], answer["unchanged"], answer["items"]) == (1, 1, [])
    assert len(home.alerts()) == 1
    assert "source_deleted" in home.alerts()[0]
    assert sync(home)["gone"] == 0
    assert len(home.alerts()) == 1
    assert home.archived() == before
    shown = [row[0] for row in home.ledger.query("SELECT findings FROM evidence_state ORDER BY findings DESC")]
    assert shown == ["[]", '["source_deleted"]']
    bucket.put_delivery(prefix, files)  # restored from a copy
    assert counts(sync(home), "archived", "unchanged") == (0, 2)
    for name in files:
        bucket.delete(prefix + name)
    assert sync(home)["gone"] == 1, "deleted again is news again"


def test_one_deleted_object_is_reported_and_nothing_is_fetched(home, key, bucket):
    prefix, files = home.sample(key, files=2)
    bucket.put_delivery(prefix, files)
    sync(home)
    before = home.archived()
    bucket.delete(prefix + "result_2.csv.gz")
    answer = sync(home)
    assert answer["archived"] == 0
    assert home.archived() == before
    assert ["source_deleted" in title for title in home.alerts()] == [True]
    sync(home)
    assert len(home.alerts()) == 1


def test_a_pending_delivery_that_vanishes_is_told_once(home, key, bucket):
    prefix, files = home.sample(key)
    bucket.put(prefix + "result_1.csv.gz", files["result_1.csv.gz"])
    sync(home)
    bucket.delete(prefix + "result_1.csv.gz")
    assert counts(sync(home), "pending", "gone") == (0, 1)
    assert counts(sync(home), "pending", "gone") == (0, 0)
    assert home.kinds().count("delivery_vanished") == 1
    assert len(home.alerts()) == 1


def test_an_unlisted_file_that_comes_later_is_a_finding_and_no_revision(home, key, bucket):
    prefix, files = home.sample(key)
    bucket.put_delivery(prefix, files)
    sync(home)
    before = home.archived()
    bucket.put(prefix + "later.txt", b"?")
    assert counts(sync(home), "archived", "unchanged") == (0, 1)
    assert home.archived() == before
    assert ["source_changed" in title for title in home.alerts()] == [True]
    sync(home)
    assert len(home.alerts()) == 1


def test_a_nonsense_sign_file_replaced_by_the_right_one(home, key, bucket):
    prefix, files = home.sample(key)
    bucket.put_delivery(prefix, {**files, "result_sign.json": b"\x00" * 10})
    assert codes(sync(home, status=1))[0][1] == ["sign_file_invalid"], "no grace makes nonsense better"
    bucket.put_delivery(prefix, files)
    assert codes(sync(home))[0][:2] == ("verified", [])


def test_deliveries_outside_of_the_window_need_a_full_pass_or_since(home, key, bucket):
    """Once a source is too big to be listed whole each time; a test of the use case lowers that bound."""
    old = home.sample(key, complete_time=recently(24 * 12))
    answer = json.loads(home.run("sync", "--json", status=0).stdout)
    assert answer["discovered"] == 0
    bucket.put_delivery(*old)
    day = (recently(24 * 13)).date().isoformat()
    assert home.run("sync", "--since", day, "--json", status=0).json["archived"] == 1
    assert home.run("sync", "--full", "--json", status=0).json["unchanged"] == 1


def test_two_deliveries_with_the_same_bytes_at_other_places_are_two_items(home, key, bucket):
    """An account's own copy under another prefix: both are archived, neither stands in the other's way."""
    prefix, files = home.sample(key)
    bucket.put_delivery(prefix, files)
    bucket.put_delivery("copy/" + prefix, files)
    answer = sync(home)
    assert counts(answer, "archived", "verified") == (2, 2)
    assert len(home.archived()) == 4


def test_a_queries_header_that_contradicts_the_claim_is_a_finding(home, key, bucket):
    executed = recently() - timedelta(days=3)
    prefix, _ = home.sample(key)
    bucket.put_delivery(
        prefix, make_delivery(key, complete_time=recently(), results=[make_result([], execution_time=executed)])
    )
    assert codes(sync(home)) == [("verified", [], ["time_inconsistent"])]
