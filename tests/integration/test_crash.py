"""kill -9 at any moment, two at once, a full disk: nothing lost, nothing twice, nothing half."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time

import pytest

from archiver.demo.deliveries import make_delivery
from tests.support.cli import REGION, environment, files_below, own_mounts, recently
from tests.support.daemon import eventually
from tests.support.slow_s3 import BUCKET, staged_bytes

MIB = 2**20


def source_of(server, **more):
    ends = {"endpoint_url": server.url, "cloudtrail_endpoint_url": server.url}
    return {"name": "prod", "url": f"s3://{BUCKET}", "region": REGION, **ends, **more}


def stocked(home, key, count):
    """A home over a folder with *count* deliveries of two files; they are answered as the archive must hold them."""
    home.configure(home.folder_source())
    home.run("keys", "import", home.list_keys(key), status=0)
    for _ in range(count):
        home.deliver(key, files=2)
    return files_below(home.tree)


def nothing_half(home, delivered):
    """What is in the archive is whole, and the ledger names nothing that is not there."""
    held = home.archived()
    assert held.items() <= delivered.items()
    folders = {path.rpartition("/")[0] for path in held}
    assert set(held) == {path for path in delivered if path.rpartition("/")[0] in folders}
    for path, size in home.ledger.query("SELECT path, size FROM files"):
        assert (home.archive / path).stat().st_size == size


def all_there(home, delivered):
    """Everything is archived and recorded once, nothing is left over, and it audits clean."""
    assert home.archived() == delivered
    count = len(delivered) // 3
    assert home.ledger.query("SELECT count(*) FROM evidence") == [(count,)]
    assert home.kinds().count("evidence_acquired") == count
    assert list((home.archive / ".staging").iterdir()) == []
    audited = home.run("audit", "--all", "--json", status=0).json
    assert (audited["audited"], audited["verified"]) == (count, count)
    assert home.alerts() == []


@pytest.mark.thorough
def test_killed_again_and_again_sync_loses_nothing_and_does_nothing_twice(home, key):
    delivered = stocked(home, key, 24)
    rng = random.Random(2022)
    killed = 0
    for _ in range(20):
        process = home.fork("sync")
        time.sleep(rng.uniform(0.01, 0.35))
        process.kill()
        killed += process.wait().status == -9
        nothing_half(home, delivered)
    assert killed, "it was quicker than the kills: deliver more"
    home.run("sync", status=0)
    all_there(home, delivered)


def test_two_at_once_do_nothing_twice(home, key):
    delivered = stocked(home, key, 12)
    together = [home.fork("sync", "--json") for _ in range(3)]
    answers = [process.wait() for process in together]
    assert [ran.status for ran in answers] == [0, 0, 0], answers
    assert sum(ran.json["archived"] for ran in answers) == 12
    all_there(home, delivered)


def test_sync_import_and_audit_beside_each_other(home, key):
    delivered = stocked(home, key, 8)
    together = [
        home.fork("sync"),
        home.fork("import", home.tree, "--source", "again"),
        home.fork("audit", "--all"),
        home.fork("import", home.tree, "--source", "again"),
        home.fork("audit", "--all"),
    ]
    for process in together:
        ran = process.wait()
        assert ran.status == 0, str(ran)
    assert home.archived() == home.archived("again") == delivered
    assert home.run("audit", "--all", "--json", status=0).json["verified"] == 16


def big(home, key, server):
    """A delivery whose one result has 24 MiB that no compression makes less; its folder's key."""
    data = random.Random(7).randbytes(24 * MIB)
    prefix, _ = home.sample(key)
    for name, content in make_delivery(key, complete_time=recently(), results=[data]).items():
        server.objects[prefix + name] = content
    return prefix


def test_a_download_goes_on_where_it_was_killed(home, key, slow_s3):
    home.configure(source_of(slow_s3))
    home.run("keys", "import", home.list_keys(key), status=0)
    prefix = big(home, key, slow_s3)
    result = prefix + "result_1.csv.gz"
    for megabytes in (12, 18):
        slow_s3.hold(result, after=megabytes * MIB)
        process = home.fork("sync")
        assert slow_s3.holding.wait(30)
        whole_chunks = (megabytes - 1) * MIB  # of what was sent, at the least
        eventually(lambda least=whole_chunks: staged_bytes(home.archive) >= least)
        process.kill()
        assert process.wait().status == -9
        slow_s3.release()
        assert home.archived() == {}
    answer = home.run("sync", "--json", status=0).json
    assert answer["items"][0]["reasons"] == []
    first, second, third = slow_s3.ranges(result)
    assert first is None
    starts = [int(asked.removeprefix("bytes=").removesuffix("-")) for asked in (second, third)]
    assert 11 * MIB <= starts[0] <= 12 * MIB, "what was on its way when it was killed comes again, nothing else"
    assert 17 * MIB <= starts[1] <= 18 * MIB
    assert home.archived() == slow_s3.objects
    assert list((home.archive / ".staging").iterdir()) == []
    assert home.run("audit", "--all", "--json", status=0).json["verified"] == 1


def test_on_postgresql_a_killed_command_leaves_no_lock_behind(home, key, slow_s3, new_postgres):
    home.ledger_url = new_postgres()
    home.configure(source_of(slow_s3))
    home.run("keys", "import", home.list_keys(key), status=0)
    prefix, files = home.sample(key, files=2)
    for name, data in files.items():
        slow_s3.objects[prefix + name] = data
    slow_s3.hold(prefix + "result_2.csv.gz", after=0)
    process = home.fork("sync")
    assert slow_s3.holding.wait(30)
    process.kill()
    process.wait()
    slow_s3.release()
    assert home.run("sync", "--json", status=0).json["verified"] == 1
    all_there(home, slow_s3.objects)


def test_a_download_that_was_killed_does_not_go_on_in_another_object(home, key, slow_s3):
    """Replaced while nobody looked: what was fetched of the old one is thrown away, never mixed."""
    home.configure(source_of(slow_s3))
    home.run("keys", "import", home.list_keys(key), status=0)
    prefix = big(home, key, slow_s3)
    result = prefix + "result_1.csv.gz"
    slow_s3.hold(result, after=20 * MIB)
    process = home.fork("sync")
    assert slow_s3.holding.wait(30)
    process.kill()
    process.wait()
    slow_s3.release()
    slow_s3.objects[result] = other = random.Random(8).randbytes(24 * MIB)
    answer = home.run("sync", "--json", status=1).json
    assert answer["items"][0]["reasons"] == ["hash_mismatch"]
    assert slow_s3.ranges(result) == [None, None]
    assert home.archived()[result] == other


def test_replaced_in_mid_pass_it_is_not_mixed_and_comes_with_the_next_pass(home, key, slow_s3):
    home.configure(source_of(slow_s3))
    home.run("keys", "import", home.list_keys(key), status=0)
    prefix, files = home.sample(key)
    for name, data in files.items():
        slow_s3.objects[prefix + name] = data
    slow_s3.hold(prefix + "result_sign.json", after=0)
    process = home.fork("sync", "--json")
    assert slow_s3.holding.wait(30)
    slow_s3.objects[prefix + "result_1.csv.gz"] = b"other bytes"
    slow_s3.release()
    ran = process.wait()
    assert ran.status == 3, str(ran)
    assert ran.json["errors"][0]["prefix"] == prefix
    assert home.archived() == {}
    assert home.run("sync", "--json", status=1).json["items"][0]["reasons"] == ["hash_mismatch"]


def test_sigterm_in_a_download_ends_it_at_once_and_keeps_what_came(home, key, slow_s3):
    home.configure(source_of(slow_s3))
    home.run("keys", "import", home.list_keys(key), status=0)
    prefix = big(home, key, slow_s3)
    result = prefix + "result_1.csv.gz"
    slow_s3.hold(result, after=20 * MIB)
    process = home.start("sync", "--json")
    assert slow_s3.holding.wait(30)
    eventually(lambda: staged_bytes(home.archive) >= MIB)
    process.terminate()
    slow_s3.release()
    out, err = process.communicate(timeout=10)
    assert process.returncode == 130, err
    assert json.loads(out)["archived"] == 0
    assert home.run("sync", "--json", status=0).json["verified"] == 1
    assert slow_s3.ranges(result)[1] is not None


def test_no_room_by_the_configured_reserve(home, key):
    """More is to stay free than there is: said before a byte is written; the next pass completes."""
    home.configure(home.folder_source())
    home.run("keys", "import", home.list_keys(key), status=0)
    home.deliver(key)
    free = shutil.disk_usage(home.root).free
    home.write(home.folder_source(), archive={"min_free": f"{free * 2}B"})
    ran = home.run("sync", status=4)
    assert "min_free" in ran.stderr
    assert "Make room" in ran.stderr
    assert home.archived() == {}
    home.write(home.folder_source())
    assert home.run("sync", "--json", status=0).json["verified"] == 1


def test_a_file_size_limit_ends_the_pass_and_what_was_done_stands(home, key, slow_s3):
    home.configure(source_of(slow_s3))
    home.run("keys", "import", home.list_keys(key), status=0)
    small, files = home.sample(key, account="000000000001")
    for name, data in files.items():
        slow_s3.objects[small + name] = data
    big(home, key, slow_s3)
    command = f"ulimit -f 5000; exec {sys.executable} -m archiver.cli.main sync"
    ran = subprocess.run(
        ["bash", "-c", command], cwd=home.root, env=home.environ, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 4, ran.stderr
    assert "limit" in ran.stderr
    assert set(home.archived()) == {small + name for name in files}
    assert home.kinds().count("evidence_acquired") == 1
    assert home.run("sync", "--json", status=0).json["verified"] == 1
    assert home.archived() == slow_s3.objects


@pytest.mark.thorough
@pytest.mark.skipif(not own_mounts(), reason="this user cannot mount")
def test_a_full_disk(home, key):
    """An archive of 3 MB, of which most is taken: exit 4, what was done stands, and with room the next completes."""
    home.write(home.folder_source(), archive={"min_free": "1KB"}, workers={"threads": 1})
    home.list_keys(key)
    first = home.deliver(key, account="000000000001")
    for number in range(3):
        folder = home.deliver(key, account=f"00000000001{number}")
        (folder / "ballast.bin").write_bytes(os.urandom(700_000))
    home.archive.mkdir()
    script = f"""
        mount -t tmpfs -o size=3m none evidence
        archiver() {{ {sys.executable} -m archiver.cli.main "$@"; }}
        archiver ledger upgrade && archiver keys import keys.json
        head -c 1800000 /dev/zero > evidence/filler
        archiver sync --json > first.json 2> first.err; echo $? > first.status
        find evidence -name result_sign.json > first.found
        rm evidence/filler
        archiver sync --json > second.json 2> second.err; echo $? > second.status
        archiver audit --all --json > audit.json; echo $? > audit.status
    """
    subprocess.run([*own_mounts(), "bash", "-c", script], cwd=home.root, env=environment(), check=True, timeout=60)
    texts = {path.name: path.read_text() for path in home.root.glob("*.*") if "ledger" not in path.name}
    assert texts["first.status"] == "4\n", texts["first.err"]
    assert "evidence" in texts["first.err"]
    assert str(first.relative_to(home.tree)) in texts["first.found"]
    assert texts["second.status"] == "0\n", texts["second.err"]
    assert (json.loads(texts["audit.json"])["verified"], texts["audit.status"]) == (4, "0\n")
