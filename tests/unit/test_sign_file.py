"""The sign file's parser: what it takes, what it separates, and that it says what is wrong."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from archiver.domain.limits import SIGN_FILE_BYTES, SIGN_FILE_FILES
from archiver.domain.sign_file import (
    ListedFile,
    SignFileInvalidError,
    SignFileUnsupportedError,
    parse_sign_file,
)

GOOD = {
    "version": "1.0",
    "region": "ap-northeast-1",
    "files": [{"fileHashValue": "ab" * 32, "fileName": "result_1.csv.gz"}],
    "hashAlgorithm": "SHA-256",
    "signatureAlgorithm": "SHA256withRSA",
    "hashSignature": "0f" * 256,
    "publicKeyFingerprint": "93953f189caff2358f6231baabff2226",
    "queryCompleteTime": "2022-11-04T15:07:11Z",
}


def parsed(**changes):
    return parse_sign_file(json.dumps({**GOOD, **changes}).encode())


def listing(*names: str):
    return [{"fileHashValue": f"{number:064x}", "fileName": name} for number, name in enumerate(names)]


def test_what_is_signed_and_what_is_claimed_are_apart():
    sign_file = parsed()
    assert sign_file.files == (ListedFile("result_1.csv.gz", "ab" * 32),)
    assert sign_file.signature == b"\x0f" * 256
    assert sign_file.claims.version == "1.0"
    assert sign_file.claims.region == "ap-northeast-1"
    assert sign_file.claims.fingerprint == GOOD["publicKeyFingerprint"]
    assert sign_file.claims.query_complete_time == datetime(2022, 11, 4, 15, 7, 11, tzinfo=UTC)
    assert sign_file.claims.query_complete_text == "2022-11-04T15:07:11Z"


def test_the_signing_string_is_the_hashes_in_listed_order_joined_by_one_space():
    files = [
        {"fileHashValue": "22" * 32, "fileName": "result_2.csv.gz"},
        {"fileHashValue": "11" * 32, "fileName": "result_1.csv.gz"},
    ]
    assert parsed(files=files).signing_string == b"22" * 32 + b" " + b"11" * 32


def test_the_version_may_be_absent_and_nothing_else_may():
    for field in GOOD:
        data = json.dumps({name: value for name, value in GOOD.items() if name != field}).encode()
        if field == "version":
            assert parse_sign_file(data).claims.version is None
        else:
            with pytest.raises(SignFileInvalidError, match=f"^no {field}$"):
                parse_sign_file(data)


@pytest.mark.parametrize(
    ("names", "in_order"),
    [
        (["result_1.csv.gz"], True),
        ([f"result_{n}.csv.gz" for n in range(1, 13)], True),
        (sorted(f"result_{n}.csv.gz" for n in range(1, 13)), True),
        (["result_2.csv.gz", "result_1.csv.gz"], False),
        ([f"result_{n}.csv.gz" for n in (1, 2, 3, 4, 5, 6, 7, 8, 10, 9)], False),
        ([f"result_{n}.csv.gz" for n in (1, 10, 3, 2, 4, 5, 6, 7, 8, 9)], False),
    ],
)
def test_in_order_is_by_number_or_by_name(names, in_order):
    assert parsed(files=listing(*names)).in_order is in_order


@pytest.mark.parametrize(
    "region",
    [
        "us-east-1",
        "us-gov-west-1",
        "us-iso-east-1",
        "us-isob-east-1",
        "eu-isoe-west-1",
        "eusc-de-east-1",
        "cn-northwest-1",
        "ap-southeast-7",
        "ca-central-1",
        "il-central-1",
        "mx-central-1",
    ],
)
def test_names_of_regions_that_exist_are_taken(region):
    assert parsed(region=region).claims.region == region


def test_a_signature_may_be_upper_case_hex_and_of_a_longer_key():
    assert parsed(hashSignature="0F" * 256).signature == b"\x0f" * 256
    assert len(parsed(hashSignature="00" * 512).signature) == 512
    with pytest.raises(SignFileInvalidError, match="hashSignature is not 512 to 4096 hex digits"):
        parsed(hashSignature="00" * 2049)


def test_limits_of_size_and_count():
    padding = {"x": "y" * SIGN_FILE_BYTES}
    with pytest.raises(SignFileInvalidError, match=f"more than {SIGN_FILE_BYTES} bytes"):
        parsed(**padding)
    most = [f"result_{n}.csv.gz" for n in range(1, SIGN_FILE_FILES + 1)]
    assert len(parsed(files=listing(*most)).files) == SIGN_FILE_FILES
    with pytest.raises(SignFileInvalidError, match="20001 files, more than 20000"):
        parsed(files=listing(*most, f"result_{SIGN_FILE_FILES + 1}.csv.gz"))


def test_a_sign_file_of_exactly_the_limit_is_read():
    data = json.dumps(GOOD).encode()
    padded = data + b" " * (SIGN_FILE_BYTES - len(data))
    assert parse_sign_file(padded) == parse_sign_file(data)
    with pytest.raises(SignFileInvalidError):
        parse_sign_file(padded + b" ")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"files": []}, "files is not a list of at least one file"),
        ({"files": listing("../x")}, r"files\[1\].fileName is not result_N.csv.gz: '../x'"),
        ({"files": listing("result_1.csv.gz", "result_1.csv.gz")}, "files lists a name twice"),
        ({"files": listing("result_1.csv.gz", "result_3.csv.gz")}, "lists 2 files, but not result_1 to result_2"),
        ({"region": 5}, "region is not an AWS Region's name: 5"),
        ({"publicKeyFingerprint": "F" * 32}, "publicKeyFingerprint is not 32 lower-case hex digits"),
        ({"queryCompleteTime": 5}, "queryCompleteTime is not a string: 5"),
        ({"queryCompleteTime": "now"}, "queryCompleteTime: not an RFC 3339 time"),
    ],
)
def test_the_message_names_field_and_value(changes, message):
    with pytest.raises(SignFileInvalidError, match=message):
        parsed(**changes)


@pytest.mark.parametrize("value", ["2", "1.0 ", 1, 1.0, True, None, [], {}, ["1.0"]])
@pytest.mark.parametrize("field", ["version", "hashAlgorithm", "signatureAlgorithm"])
def test_only_the_known_kinds_are_supported_whatever_the_type(field, value):
    with pytest.raises(SignFileUnsupportedError, match=f"^{field} is "):
        parsed(**{field: value})


def test_messages_never_carry_what_moves_a_cursor():
    with pytest.raises(SignFileInvalidError) as caught:
        parsed(files=listing("\x1b[2J\u202eresult\n"))
    assert str(caught.value).isprintable()
    doubled = json.dumps(GOOD).replace('"region"', '"\x7f\u2028": 1, "\x7f\u2028": 2, "region"').encode()
    with pytest.raises(SignFileInvalidError, match="stands there twice") as caught:
        parse_sign_file(doubled)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("depth", [*range(900, 1101, 10), 5_000, 100_000])
@pytest.mark.parametrize("field", ["version", "region", "files", "queryCompleteTime", "other"])
def test_nesting_of_any_depth_is_one_of_the_two_errors(field, depth):
    """Each depth: some are read and must then be shown in a message, which recurses too."""
    text = json.dumps({**GOOD, field: "@"}).replace('"@"', "[" * depth + "]" * depth)
    try:
        parse_sign_file(text.encode())
    except (SignFileInvalidError, SignFileUnsupportedError):
        return
    assert field == "other", "a nested list is no value of this field"
