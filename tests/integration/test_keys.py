"""``archiver keys``: taken in only as what they are, kept with their provenance, given out again."""

from __future__ import annotations

import base64
import hashlib
import json
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from archiver.demo.deliveries import make_signing_key
from tests.support.cli import ROOT, files_below, signing_key
from tests.support.hostile_http import Answer

ARTICLE = ROOT / "tests" / "vectors" / "article" / "keys.json"


@pytest.fixture
def archive(home):
    home.configure()
    return home


def take(home, file, status=0):
    return home.run("keys", "import", "--json", file, status=status).json


def held(home):
    return home.run("keys", "list", "--json", status=0).json["keys"]


def test_an_object_and_a_bare_list_are_the_same(archive):
    entries = json.loads(ARTICLE.read_bytes())["PublicKeyList"]
    assert take(archive, ARTICLE) == {"new": 1, "known": 0, "rejected": []}
    (archive.root / "bare.json").write_text(json.dumps(entries))
    assert take(archive, "bare.json") == {"new": 0, "known": 1, "rejected": []}
    (key,) = held(archive)
    assert key["fingerprint"] == "93953f189caff2358f6231baabff2226"
    assert (key["valid_from"], key["valid_until"]) == ("2022-10-18T00:13:00Z", "2022-11-17T00:13:00Z")
    assert {p["method"] for p in key["provenance"]} == {"import"}
    assert {p["endpoint"] for p in key["provenance"]} == {"keys.json", "bare.json"}


def test_the_archive_gets_it_in_all_forms_with_its_provenance(archive):
    take(archive, ARTICLE)
    (folder,) = (archive.archive / "keys").iterdir()
    files = files_below(folder)
    der = base64.b64decode(json.loads(ARTICLE.read_bytes())["PublicKeyList"][0]["Value"])
    assert files["public_key.der"] == der
    assert files["public_key_pkcs1.pem"].startswith(b"-----BEGIN RSA PUBLIC KEY-----")
    assert files["public_key_x509.pem"].startswith(b"-----BEGIN PUBLIC KEY-----")
    (note,) = [data for name, data in files.items() if name.startswith("provenance-")]
    assert json.loads(note)["provenance"]["method"] == "import"
    for path in folder.iterdir():
        assert not stat.S_IMODE(path.stat().st_mode) & 0o222


def test_the_region_that_is_told_at_import(archive):
    assert archive.run("keys", "import", ARTICLE, status=0)
    assert [k["region"] for k in held(archive)] == [None]
    ran = archive.run("keys", "import", ARTICLE, "--region", "us-west-2", "--json", status=0)
    assert ran.json == {"new": 0, "known": 1, "rejected": []}
    assert [k["region"] for k in held(archive)] == ["us-west-2"]
    named = archive.list_keys(signing_key("tokyo", "ap-northeast-1"), name="named.json")
    archive.run("keys", "import", named, "--region", "us-west-2", status=0)
    assert {k["region"] for k in held(archive)} == {"us-west-2", "ap-northeast-1"}


def test_stdin_and_stdout(archive):
    process = archive.start("keys", "import", "-", stdin=ARTICLE.open("rb"))
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "-: 1 new, 0 held already, 0 rejected\n"), err
    ran = archive.run("keys", "export", "-", status=0)
    exported, listed = (json.loads(text)["PublicKeyList"][0] for text in (ran.stdout, ARTICLE.read_text()))
    assert {name: exported[name] for name in ("Value", "Fingerprint")} == {
        name: listed[name] for name in ("Value", "Fingerprint")
    }


def test_what_is_exported_can_be_imported_and_verified_with(archive, key, tmp_path):
    take(archive, archive.list_keys(key, signing_key("other"), signing_key("tokyo", "ap-northeast-1")))
    ran = archive.run("keys", "export", "out.json", status=0)
    assert ran.stdout == "3 keys written to out.json\n"
    listed = archive.run("keys", "--help", status=0).stdout.partition("Commands:")[2]
    assert "..." not in listed, "no summary is cut"
    assert archive.run("keys", "list", status=0).stdout.startswith("FINGERPRINT ")
    assert take(archive, "out.json") == {"new": 0, "known": 3, "rejected": []}
    folder = archive.deliver(key, archive.root / "d")
    assert archive.run("verify", folder, "--keys", "out.json", status=0)
    assert {k["region"] for k in held(archive)} == {"us-east-1", "ap-northeast-1"}
    assert "is there already" in archive.run("keys", "export", "out.json", status=2).stderr
    assert "cannot be written" in archive.run("keys", "export", "no/such/folder.json", status=2).stderr


def entry(der, fingerprint=None):
    return {
        "Value": base64.b64encode(der).decode(),
        "Fingerprint": fingerprint or hashlib.md5(der, usedforsecurity=False).hexdigest(),
        "ValidityStartTime": "2022-10-18T00:13:00+00:00",
        "ValidityEndTime": "2022-11-17T00:13:00+00:00",
    }


def small_rsa():
    private = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - to be rejected
    return private.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)


def spki():
    return signing_key().private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    ("bad", "status", "why"),
    [
        (lambda: entry(signing_key().public.der, "0" * 32), 1, "its fingerprint is"),
        (lambda: entry(b"no key at all"), 2, "not the DER of an RSA public key"),
        (lambda: entry(small_rsa()), 2, "1024 bits"),
        (lambda: entry(spki()), 2, "not canonical PKCS#1"),
    ],
)
def test_a_key_that_is_not_what_it_is_called_is_not_taken(archive, bad, status, why):
    entries = [bad(), *json.loads(ARTICLE.read_bytes())["PublicKeyList"]]
    (archive.root / "mixed.json").write_text(json.dumps(entries))
    ran = archive.run("keys", "import", "mixed.json", status=status)
    assert why in ran.stderr
    if status == 1:
        assert "1 new, 0 held already, 1 rejected" in ran.stdout
        assert len(held(archive)) == 1
        assert archive.kinds().count("key_rejected") == 1
        assert len(archive.alerts()) == 1
    else:
        assert held(archive) == [], "nothing was done"


@pytest.mark.parametrize(
    "garbage",
    [b"", b"nonsense", b"{}", b'{"PublicKeyList": 1}', b"[1]", b'[{"Value": "!"}]', b"\xff\xfe", b"[" * 100_000],
)
def test_garbage_is_no_key_list(archive, garbage):
    (archive.root / "garbage.json").write_bytes(garbage)
    ran = archive.run("keys", "import", "garbage.json", status=2)
    assert "garbage.json" in ran.stderr
    assert archive.kinds() == ["ledger_migrated"]


def test_a_file_beyond_the_limit_is_not_read_whole(archive):
    with (archive.root / "huge.json").open("wb") as stream:
        stream.truncate(10**10)
    assert "huge.json" in archive.run("keys", "import", "huge.json", status=2).stderr


def test_fetch_follows_pages_and_regions(home, aws):
    keys = [make_signing_key("us-east-1", datetime.now(UTC) - timedelta(days=40 * n)) for n in range(3)]
    keys.append(signing_key("tokyo", "ap-northeast-1"))
    for one in keys:
        aws.register_key(one.public)
    home.configure(home.s3_source(aws))
    answer = home.run("keys", "fetch", "--json", status=0).json
    assert answer == {"regions": [{"region": "us-east-1", "new": 3, "known": 0, "rejected": [], "error": None}]}
    answer = home.run("keys", "fetch", "--region", "us-east-1", "--region", "ap-northeast-1", "--json", status=0).json
    assert [(r["new"], r["known"]) for r in answer["regions"]] == [(0, 3), (1, 0)]
    assert len(held(home)) == 4
    assert home.kinds().count("key_harvested") == 4, "the same answer again is no news"


def test_fetch_where_one_region_cannot_be_reached(home, aws, hostile):
    hostile.will(*[Answer(500, b"{}")] * 20)
    home.configure(
        {"name": "a", "url": "s3://bucket-a", "region": "eu-west-1", "cloudtrail_endpoint_url": hostile.url},
        home.s3_source(aws, name="b"),
    )
    aws.register_key(signing_key().public)
    answer = home.run("keys", "fetch", "--json", status=3).json
    assert [(r["region"], r["new"], bool(r["error"])) for r in answer["regions"]] == [
        ("eu-west-1", 0, True),
        ("us-east-1", 1, False),
    ]
    assert len(home.alerts()) == 1


def test_another_region_than_the_source_s_is_asked_too_and_a_false_claim_still_told(home, key, aws):
    other = signing_key("tokyo", "ap-northeast-1")
    for one in (key, other):
        aws.register_key(one.public)
    home.configure(home.s3_source(aws))
    aws.put_delivery(*home.sample(other))
    prefix, files = home.sample(key)
    document = {**json.loads(files["result_sign.json"]), "region": "ap-northeast-1"}
    aws.put_delivery(prefix, {**files, "result_sign.json": json.dumps(document).encode()})
    items = home.run("sync", "--json", status=0).json["items"]
    assert sorted((item["verdict"], *item["findings"]) for item in items) == [
        ("verified",),
        ("verified", "region_mismatch"),
    ]
    assert {k["region"] for k in held(home)} == {"us-east-1", "ap-northeast-1"}


def test_fetch_a_key_that_is_not_what_it_is_called(home, aws):
    aws.register_key(replace(signing_key().public, claimed_fingerprint="0" * 32))
    home.configure(home.s3_source(aws))
    ran = home.run("keys", "fetch", status=1)
    assert "0" * 32 in ran.stderr
    assert held(home) == []


def test_a_delivery_under_a_key_that_is_not_what_it_is_called(home, key, aws):
    aws.register_key(replace(key.public, claimed_fingerprint="0" * 32))
    home.configure(home.s3_source(aws))
    prefix, files = home.sample(key)
    document = json.loads(files["result_sign.json"])
    document["publicKeyFingerprint"] = "0" * 32
    aws.put_delivery(prefix, {**files, "result_sign.json": json.dumps(document).encode()})
    answer = home.run("sync", "--json", status=1).json
    assert answer["items"][0]["reasons"] == ["key_fingerprint_mismatch"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["import"], "Missing argument"),
        (["import", "nowhere.json"], "nowhere.json cannot be read"),
        (["import", "."], "cannot be read"),
        (["fetch", "--region", "Tokyo"], "--region 'Tokyo'"),
        (["import", "keys.json", "--region", "Tokyo"], "--region 'Tokyo'"),
        (["fetch"], "no source with access to AWS"),
        (["frobnicate"], "No such command"),
    ],
)
def test_wrong_arguments(archive, arguments, complaint):
    assert complaint in archive.run("keys", *arguments, status=2).stderr


def test_none_held(archive):
    ran = archive.run("keys", "list", status=0)
    assert (ran.stdout, "no key is held" in ran.stderr) == ("", True)


def test_list_as_a_table(archive):
    take(archive, ARTICLE)
    head, row = archive.run("keys", "list", status=0).stdout.splitlines()
    assert head.split()[0] == "FINGERPRINT"
    assert row.split()[0] == "93953f189caff2358f6231baabff2226"
