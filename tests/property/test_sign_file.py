"""The sign file's parser over anything: two errors and no others, and what it takes keeps every promise."""

from __future__ import annotations

import json
import re
from datetime import timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from archiver.domain.sign_file import (
    SignFile,
    SignFileInvalidError,
    SignFileUnsupportedError,
    parse_sign_file,
)
from archiver.domain.verdict import Verdict
from archiver.verify.findings import Circumstances
from archiver.verify.recipe import examine, judge
from tests.property.strategies import any_text, json_values
from tests.support.reading import finder, observe
from tests.vectors.bricks import KEY, document, result, signed, single

GOOD = document(single())
TWO = signed({"result_1.csv.gz": result(1), "result_2.csv.gz": result(2)})


def parsed(data: bytes) -> SignFile | None:
    """What *data* is, None where it is refused in one of the two ways; the message is fit to show."""
    try:
        sign_file = parse_sign_file(data)
    except (SignFileInvalidError, SignFileUnsupportedError) as error:
        sign_file = None
        assert_fit_to_show(str(error))
    if sign_file is not None:
        assert_promises_kept(sign_file)
    return sign_file


def assert_fit_to_show(message: str) -> None:
    assert message.isprintable()
    assert 0 < len(message) < 5000


def assert_promises_kept(sign_file: SignFile) -> None:
    names = [file.name for file in sign_file.files]
    assert sorted(names) == sorted(f"result_{number}.csv.gz" for number in range(1, len(names) + 1))
    assert all(re.fullmatch(r"[0-9a-f]{64}", file.sha256, re.ASCII) for file in sign_file.files)
    assert sign_file.signing_string.count(b" ") == len(names) - 1
    assert len(sign_file.signing_string) == 65 * len(names) - 1
    assert 256 <= len(sign_file.signature) <= 2048
    claims = sign_file.claims
    assert claims.version in (None, "1.0")
    assert re.fullmatch(r"[0-9a-f]{32}", claims.fingerprint, re.ASCII)
    assert re.fullmatch(r"[a-z0-9-]{6,50}", claims.region, re.ASCII)
    assert claims.query_complete_time.utcoffset() == timedelta(0)
    assert claims.query_complete_text.isascii()
    assert claims.query_complete_text.isprintable()


@given(st.binary(max_size=200))
@example(b"\xef\xbb\xbf{}")
@example(b"\xff")
def test_any_bytes(data):
    assert parsed(data) is None


@given(json_values)
def test_any_json(value):
    assert parsed(json.dumps(value).encode()) is None


@given(st.sampled_from(list(GOOD)), json_values)
def test_any_value_in_any_field(field, value):
    parsed(json.dumps({**GOOD, field: value}).encode())


@given(st.sampled_from(["fileName", "fileHashValue"]), any_text)
def test_any_text_in_a_listed_file(field, text):
    entry = {**GOOD["files"][0], field: text}
    sign_file = parsed(json.dumps({**GOOD, "files": [entry]}).encode())
    if sign_file is not None and field == "fileName":
        assert text == "result_1.csv.gz"


@given(st.lists(st.integers(0, 13), max_size=13))
def test_any_numbers(numbers):
    files = [{"fileName": f"result_{n}.csv.gz", "fileHashValue": f"{n:064x}"} for n in numbers]
    sign_file = parsed(json.dumps({**GOOD, "files": files}).encode())
    assert (sign_file is not None) == (bool(numbers) and sorted(numbers) == list(range(1, len(numbers) + 1)))
    if sign_file is not None:
        assert [file.number for file in sign_file.files] == numbers
        assert sign_file.in_order == (numbers in (sorted(numbers), sorted(numbers, key=lambda n: f"{n}.")))


@given(st.dictionaries(any_text, json_values, max_size=3))
def test_fields_that_are_not_known_decide_nothing(unknown):
    data = json.dumps({**unknown, **GOOD}).encode()
    names = [json.loads(json.dumps(name)) for name in unknown]  # two halves of a surrogate pair are one name in JSON
    again = parsed(data)
    if again is None:  # NaN and Infinity are not JSON, wherever they stand; nor may a name stand there twice
        assert re.search(rb"NaN|Infinity", data) or _repeats(names) or any(map(_nested_repeats, unknown.values()))
    else:
        assert again == parse_sign_file(json.dumps(GOOD).encode())


def test_no_flipped_bit_of_the_sign_file_gives_another_list_or_signature_that_verifies():
    """Each bit of it. Claims may change and be proved all the same: they are not signed, and not believed."""
    data = TWO["result_sign.json"]
    original = parse_sign_file(data)
    observed = [observe(name, content) for name, content in TWO.items() if name != "result_sign.json"]
    verified = 0
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        examination = examine(bytes(flipped), finder([KEY.public]))
        if judge(examination, observed, Circumstances(None, "x/")).verdict is Verdict.VERIFIED:
            assert examination.sign_file is not None
            assert examination.sign_file.files == original.files
            assert examination.sign_file.signature == original.signature
            verified += 1
    assert 0 < verified < len(data), "a few claims and the case of hex digits, and no more"


def _repeats(names):
    return len(set(names)) < len(names)


def _nested_repeats(value):
    if isinstance(value, list):
        return any(map(_nested_repeats, value))
    if isinstance(value, dict):
        return _repeats([json.loads(json.dumps(name)) for name in value]) or any(map(_nested_repeats, value.values()))
    return False
