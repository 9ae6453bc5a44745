"""The demonstration's deliveries are what CloudTrail's are: the parser and the recipe take them as genuine.

Its server says what is missing where it cannot be had.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import sys
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from archiver.demo.deliveries import (
    COLUMNS,
    OMIT,
    STATEMENT,
    SigningKey,
    delivery_prefix,
    make_delivery,
    make_result,
    make_sign_file,
    make_signing_key,
    sample_delivery,
    sample_rows,
    signing_key_from_pem,
)
from archiver.demo.server import DemoAws
from archiver.domain.delivery import parse_query_path
from archiver.domain.keys import HeldKey
from archiver.domain.sign_file import SignFileUnsupportedError, parse_sign_file
from archiver.domain.verdict import Reason, Verdict
from archiver.errors import UsageError
from archiver.verify.contents import GzipState, look_at
from archiver.verify.findings import Circumstances
from archiver.verify.recipe import ObservedFile, examine, judge

COMPLETE = datetime(2026, 11, 4, 15, 7, 11, tzinfo=UTC)


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return make_signing_key("eu-west-1", COMPLETE - timedelta(days=3))


def judged(key: SigningKey, prefix: str, files: dict[str, bytes]):
    held = HeldKey(key.public)
    observed = [
        ObservedFile(name, len(data), hashlib.sha256(data).hexdigest(), look_at(data, whole=True))
        for name, data in files.items()
        if name != "result_sign.json"
    ]
    executed = observed[0].contents.execution_time
    around = Circumstances(parse_query_path(prefix), prefix, execution_time=executed)
    return judge(examine(files["result_sign.json"], lambda _: [held]), observed, around)


def test_a_sample_delivery_is_verified_without_a_finding(key):
    prefix, files = sample_delivery(key, random.Random(7), account="111122223333", complete_time=COMPLETE, files=3)
    answer = judged(key, prefix, files)
    assert (answer.verdict, answer.findings) == (Verdict.VERIFIED, ())
    assert list(files) == ["result_1.csv.gz", "result_2.csv.gz", "result_3.csv.gz", "result_sign.json"]
    path = parse_query_path(prefix)
    assert (path.account, path.day) == ("111122223333", COMPLETE.date())


def test_a_flipped_bit_is_caught(key):
    prefix, files = sample_delivery(key, random.Random(7), account="111122223333", complete_time=COMPLETE)
    damaged = bytearray(files["result_1.csv.gz"])
    damaged[-9] ^= 1
    assert judged(key, prefix, {**files, "result_1.csv.gz": bytes(damaged)}).reasons == (Reason.HASH_MISMATCH,)


def test_the_same_seed_and_key_make_the_same_bytes(key):
    first = sample_delivery(key, random.Random(3), account="111122223333", complete_time=COMPLETE)
    assert sample_delivery(key, random.Random(3), account="111122223333", complete_time=COMPLETE) == first
    assert sample_delivery(key, random.Random(4), account="111122223333", complete_time=COMPLETE) != first


def test_results_have_the_two_header_lines():
    executed = datetime(2026, 11, 4, 15, 7, 11, 40, tzinfo=UTC)
    rows = sample_rows(random.Random(1), 2, account="111122223333", start=COMPLETE)
    data = make_result(rows, "SELECT\n  *\nFROM x", executed, COLUMNS)
    lines = gzip.decompress(data).decode().splitlines()
    assert lines[0] == "# Execution Time: 2026-11-04T15:07:11.000040Z Query Statement: SELECT * FROM x"
    assert lines[1] == "eventID,eventTime,eventSource,eventName,recipientAccountId"
    assert [line.split(",") for line in lines[2:]] == [list(row) for row in rows]
    assert look_at(data, whole=True).gzip is GzipState.INTACT
    assert look_at(data, whole=True).execution_time == executed


def test_sign_files_have_the_fields_of_aws_in_their_order_and_take_overrides(key):
    files = [("result_1.csv.gz", hashlib.sha256(b"x").hexdigest())]
    document = json.loads(make_sign_file(key, files, complete_time=COMPLETE))
    assert list(document) == [
        "version",
        "region",
        "files",
        "hashAlgorithm",
        "signatureAlgorithm",
        "hashSignature",
        "publicKeyFingerprint",
        "queryCompleteTime",
    ]
    assert document["queryCompleteTime"] == "2026-11-04T15:07:11Z"
    without = make_sign_file(key, files, complete_time=COMPLETE, version=OMIT)
    assert parse_sign_file(without).claims.version is None
    with pytest.raises(SignFileUnsupportedError):
        parse_sign_file(make_sign_file(key, files, complete_time=COMPLETE, hashAlgorithm="MD5"))


def test_a_key_from_pem_is_the_same_key(key):
    pem = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public
    again = signing_key_from_pem(pem, "eu-west-1", public.valid_from, public.valid_until)
    assert again.public == public
    assert public.claimed_fingerprint == public.fingerprint
    assert public.valid_until - public.valid_from == timedelta(days=30)
    with pytest.raises(ValueError, match="PEM"):
        signing_key_from_pem(b"nonsense", "eu-west-1", public.valid_from, public.valid_until)


def test_a_delivery_without_rows_is_one_too(key):
    files = make_delivery(key, complete_time=COMPLETE, results=[make_result([], STATEMENT, COMPLETE)])
    assert judged(key, delivery_prefix("1" * 12, COMPLETE, "0" * 36, "a/b/"), files).verdict is Verdict.VERIFIED


def test_a_missing_moto_is_a_usage_error_that_tells_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "moto.server", None)
    with pytest.raises(UsageError, match="moto") as caught, DemoAws():
        pass
    assert "requirements/demo.txt" in caught.value.remedy


def test_a_second_server_in_one_process_is_refused_for_it_would_share_the_first_ones_state(demo_aws):
    with pytest.raises(UsageError, match="another demo server"), DemoAws():
        pass
