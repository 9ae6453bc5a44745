"""Key lists as files, as ``aws cloudtrail list-public-keys`` prints them and as nobody should."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from archiver.adapters.aws.key_list import format_key_list, parse_key_list
from archiver.demo.deliveries import make_signing_key
from archiver.domain.keys import PublicKey
from archiver.domain.limits import KEY_LIST_BYTES
from archiver.errors import UsageError

GENUINE = {  # a key of ap-northeast-1, as printed by the AWS CLI in November 2022
    "Value": (
        "MIIBCgKCAQEA+bMJFO+f/gJLFq7vN9v/pOsW07r1f181fiRyOfZ3m/x7w1c61tQxflzPLHOtDS57WXjyhu4cGuFui8VnnWX68SAA"
        "ew0N2vC/kRbd7ajgFdkv6T3enON3ylXROPPQfYQ/QGazMiomdSSPVJaiIRTjMsOg7QvBo2z8Y6rVMgBEcgnQbp0wFZwGuLiMQqAF"
        "jYn9xRrI+p4QdQlhxd1bir0Lg+H00d2MSsem+yKzvSV+4BVYqSwcJ2+SLdZ3wi9ot9iqahwK9zSMz1YG8EcpP/j2YBRt0WMQDEo9"
        "tjY2Hcsc+XkdqngDVzDXf//3CeW5LQ6DlPJ7nYY2L4loUylG3rgp7QIDAQAB"
    ),
    "ValidityStartTime": "2022-10-18T00:13:00+00:00",
    "ValidityEndTime": "2022-11-17T00:13:00+00:00",
    "Fingerprint": "93953f189caff2358f6231baabff2226",
}
KEY = make_signing_key("us-east-1", datetime(2026, 1, 1, tzinfo=UTC)).public


def parsed(*entries: object) -> list[PublicKey]:
    return parse_key_list(json.dumps({"PublicKeyList": list(entries)}).encode())


@pytest.mark.parametrize("wrap", [lambda e: {"PublicKeyList": [e], "NextToken": "x"}, lambda e: [e]])
def test_a_list_of_the_aws_cli_is_read_as_object_and_bare(wrap):
    (key,) = parse_key_list(json.dumps(wrap(GENUINE)).encode())
    assert key.fingerprint == key.claimed_fingerprint == GENUINE["Fingerprint"]
    assert key.region is None
    assert key.valid_from == datetime(2022, 10, 18, 0, 13, tzinfo=UTC)
    assert key.valid_until == datetime(2022, 11, 17, 0, 13, tzinfo=UTC)


def test_times_of_version_1_of_the_cli_and_other_offsets_are_the_same_times():
    whole, part, offset = parsed(
        {**GENUINE, "ValidityStartTime": 1666051980, "ValidityEndTime": 1668643980.0},
        {**GENUINE, "ValidityStartTime": 1666051980.5},
        {**GENUINE, "ValidityStartTime": "2022-10-18T09:13:00+09:00"},
    )
    assert whole.valid_from == offset.valid_from == datetime(2022, 10, 18, 0, 13, tzinfo=UTC)
    assert part.valid_from.microsecond == 500000


def test_a_byte_order_mark_and_absent_times_are_taken():
    entry = {field: GENUINE[field] for field in ("Value", "Fingerprint")}
    (key,) = parse_key_list(b"\xef\xbb\xbf" + json.dumps([entry]).encode())
    assert (key.valid_from, key.valid_until) == (None, None)


def test_a_list_of_nothing_is_a_list():
    assert parsed() == []


def test_a_wrong_fingerprint_is_a_claim_and_stays():
    (key,) = parsed({**GENUINE, "Fingerprint": "0" * 32})
    assert (key.claimed_fingerprint, key.fingerprint) == ("0" * 32, GENUINE["Fingerprint"])


TIMES = st.none() | st.datetimes(timezones=st.just(UTC))
FINGERPRINTS = st.text("0123456789abcdef", min_size=32, max_size=32)


@given(
    st.lists(st.tuples(FINGERPRINTS, st.sampled_from([None, "eu-west-1", "us-gov-west-1"]), TIMES, TIMES), max_size=4)
)
def test_what_is_written_is_read_back(drawn):
    keys = [PublicKey(KEY.der, *fields) for fields in drawn]
    data = format_key_list(keys)
    assert parse_key_list(data) == keys
    assert parse_key_list(json.dumps(json.loads(data)["PublicKeyList"]).encode()) == keys


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"Value": None}, "Value is not a string"),
        ({"Value": "?"}, "not base64"),
        ({"Value": GENUINE["Value"] + "\n"}, "not base64"),
        ({"Value": base64.b64encode(b"nonsense").decode()}, "not a public key"),
        ({"Value": ""}, "not a public key"),
        ({"Value": "A" * 80000}, "not a public key"),
        ({"Fingerprint": "93953F189CAFF2358F6231BAABFF2226"}, "Fingerprint"),
        ({"Fingerprint": ["x"]}, "Fingerprint"),
        ({"Fingerprint": None}, "Fingerprint"),
        ({"Region": "../x"}, "Region"),
        ({"Region": 5}, "Region"),
        ({"ValidityStartTime": "2022-10-18 00:13"}, "ValidityStartTime is no time"),
        ({"ValidityStartTime": "2022-10-18T00:13:00"}, "ValidityStartTime is no time"),
        ({"ValidityEndTime": 1e300}, "ValidityEndTime is no time"),
        ({"ValidityEndTime": 10**400}, "ValidityEndTime is no time"),
        ({"ValidityEndTime": True}, "ValidityEndTime is no time"),
        ({"ValidityEndTime": {}}, "ValidityEndTime is no time"),
    ],
)
def test_a_bad_entry_is_named(changes, says):
    with pytest.raises(UsageError, match=says) as caught:
        parsed(GENUINE, {**GENUINE, **changes})
    assert "entry 2" in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nonsense",
        b"\xff\xfe",
        b"{}",
        b'{"PublicKeyList": {}}',
        b'"PublicKeyList"',
        b"[1]",
        b'[{"ValidityStartTime": NaN}]',
        b"[" * 200_000,
        b"[" + b"9" * 5000 + b"]",
        b" " * (KEY_LIST_BYTES + 1),
    ],
)
def test_what_is_no_key_list_is_refused(data):
    with pytest.raises(UsageError, match="key list"):
        parse_key_list(data)


def test_other_kinds_of_keys_are_refused():
    spki = (
        rsa.generate_private_key(65537, 2048)
        .public_key()
        .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    for der in (spki, curve.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)):
        with pytest.raises(UsageError, match="entry 1 of the key list: Value is not a public key"):
            parsed({**GENUINE, "Value": base64.b64encode(der).decode()})
