"""Sign files that are none: not the format, hostile, of unknown kind. Each is genuinely signed where it can be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from archiver.demo.deliveries import OMIT, make_sign_file
from archiver.domain.sign_file import SIGN_FILE_NAME
from tests.vectors.bricks import (
    COMPLETE,
    KEY,
    Case,
    Files,
    case,
    document,
    failed,
    result,
    sha256,
    single,
    with_sign_file,
)

INVALID = failed("sign_file_invalid")
HASH = sha256(result())
SECOND_HASH = sha256(result(2))


def cases() -> Iterator[Case]:
    """Every vector whose sign file cannot be used."""
    for name, data in _not_the_format():
        yield case(f"sign_file_invalid-{name}", with_sign_file(single(), data), INVALID)
    for name, files in _hostile_lists():
        yield case(f"sign_file_invalid-{name}", _listing(files), INVALID)
    for name, changes in _wrong_fields():
        yield case(f"sign_file_invalid-{name}", _changed(changes), INVALID)
    for name, changes in _unsupported():
        yield case(f"sign_file_unsupported-{name}", _changed(changes), failed("sign_file_unsupported"))


def _listing(files: list[tuple[str, str]]) -> Files:
    """A folder of two results with a sign file that lists *files*, the signature over their hashes being right."""
    there = {"result_1.csv.gz": result(), "result_2.csv.gz": result(2)}
    return {**there, SIGN_FILE_NAME: make_sign_file(KEY, files, complete_time=COMPLETE)}


def _changed(changes: dict[str, Any]) -> Files:
    """The honest folder, its sign file changed; ``OMIT`` takes a field away."""
    fields = {**document(single()), **changes}
    return with_sign_file(single(), {name: value for name, value in fields.items() if value is not OMIT})


def _not_the_format() -> Iterator[tuple[str, bytes]]:
    good = single()[SIGN_FILE_NAME]
    text = good.decode()
    yield "empty", b""
    yield "not_json", b"<Error><Code>AccessDenied</Code></Error>"
    yield "truncated", good[:-40]
    yield "trailing_data", good + b"{}"
    yield "byte_order_mark", b"\xef\xbb\xbf" + good
    yield "utf_16", text.encode("utf-16")
    yield "not_utf_8", good.replace(b"ap-northeast-1", b"ap-n\xffrtheast-1")
    yield "not_an_object", b"[" + good + b"]"
    yield "duplicate_key", good.replace(b'"region"', b'"region": "us-east-1",\n  "region"')
    yield "duplicate_key_escaped", good.replace(b'"region"', b'"\\u0072egion": "us-east-1",\n  "region"')
    yield "duplicate_key_in_a_file", good.replace(b'"fileName"', b'"fileName": "result_2.csv.gz",\n      "fileName"')
    yield "duplicate_key_nobody_reads", good.replace(b'"region"', b'"x": 1, "x": 2,\n  "region"')
    yield "nan", good.replace(b'"region"', b'"x": NaN,\n  "region"')
    yield "infinity", good.replace(b'"region"', b'"x": [-Infinity],\n  "region"')
    yield "huge_number", good.replace(b'"region"', b'"x": ' + b"9" * 5000 + b',\n  "region"')
    nested = b"[" * 20_000 + b"]" * 20_000
    yield "deep_nesting", good.replace(b'"region"', b'"x": ' + nested + b',\n  "region"')
    for field in ("files", "region", "hashAlgorithm", "signatureAlgorithm", "hashSignature", "queryCompleteTime"):
        rest = {key: value for key, value in json.loads(good).items() if key != field}
        yield f"without_{field}", json.dumps(rest).encode()


def _hostile_lists() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    for name, hostile in {
        "name_of_parent": "../result_1.csv.gz",
        "name_absolute": "/etc/passwd",
        "name_with_backslash": "..\\result_1.csv.gz",
        "name_in_subfolder": "sub/result_1.csv.gz",
        "name_url": "s3://bucket/result_1.csv.gz",
        "name_empty": "",
        "name_nul": "result_1.csv.gz\0.txt",
        "name_newline": "result_1.csv.gz\n",
        "name_blank": " result_1.csv.gz",
        "name_upper_case": "RESULT_1.CSV.GZ",
        "name_leading_zero": "result_01.csv.gz",
        "name_zero": "result_0.csv.gz",
        "name_negative": "result_-1.csv.gz",
        "name_unicode_digit": "result_\uff11.csv.gz",
        "name_right_to_left": "result_1\u202ezg.vsc",
        "name_surrogate": "result_1\ud800.csv.gz",
        "name_of_sign_file": SIGN_FILE_NAME,
        "name_decompressed": "result_1.csv",
        "name_number_huge": f"result_{'9' * 400}.csv.gz",
    }.items():
        yield name, [(hostile, HASH)]
    yield "name_twice", [("result_1.csv.gz", HASH), ("result_1.csv.gz", SECOND_HASH)]
    yield "number_gap", [("result_1.csv.gz", HASH), ("result_3.csv.gz", SECOND_HASH)]
    yield "number_not_from_1", [("result_2.csv.gz", SECOND_HASH)]
    yield "hash_packed_three", [("result_1.csv.gz", f"{HASH} {SECOND_HASH} {HASH}")]
    yield "hash_upper_case", [("result_1.csv.gz", HASH.upper())]
    yield "hash_short", [("result_1.csv.gz", HASH[:-1])]
    yield "hash_newline", [("result_1.csv.gz", f"{HASH}\n")]
    yield "hash_empty", [("result_1.csv.gz", "")]


def _wrong_fields() -> Iterator[tuple[str, dict[str, Any]]]:
    good = document(single())
    yield "files_empty", {"files": []}
    yield "files_null", {"files": None}
    yield "files_an_object", {"files": {"result_1.csv.gz": HASH}}
    yield "file_a_string", {"files": ["result_1.csv.gz"]}
    yield "file_name_a_number", {"files": [{"fileName": 1, "fileHashValue": HASH}]}
    yield "file_name_absent", {"files": [{"fileHashValue": HASH}]}
    yield "file_hash_a_list", {"files": [{"fileName": "result_1.csv.gz", "fileHashValue": [HASH]}]}
    yield "file_hash_absent", {"files": [{"fileName": "result_1.csv.gz"}]}
    yield "region_a_number", {"region": 1}
    yield "region_hostile", {"region": "evil.example.com/"}
    yield "region_empty", {"region": ""}
    yield "signature_not_hex", {"hashSignature": "zz" * 256}
    yield "signature_short", {"hashSignature": good["hashSignature"][:-2]}
    yield "signature_odd", {"hashSignature": good["hashSignature"] + "0"}
    yield "signature_with_blanks", {"hashSignature": good["hashSignature"][:-2] + " 0"}
    yield "signature_null", {"hashSignature": None}
    yield "fingerprint_upper_case", {"publicKeyFingerprint": good["publicKeyFingerprint"].upper()}
    yield "fingerprint_short", {"publicKeyFingerprint": good["publicKeyFingerprint"][:-1]}
    yield "fingerprint_absent", {"publicKeyFingerprint": OMIT}
    yield "time_without_zone", {"queryCompleteTime": "2022-11-04T15:07:11"}
    yield "time_impossible", {"queryCompleteTime": "2022-11-31T15:07:11Z"}
    yield "time_of_24_hours", {"queryCompleteTime": "2022-11-04T24:00:00Z"}
    yield "time_before_year_1", {"queryCompleteTime": "0001-01-01T00:00:00+01:00"}
    yield "time_a_number", {"queryCompleteTime": 1667574431}


def _unsupported() -> Iterator[tuple[str, dict[str, Any]]]:
    yield "version_99", {"version": "99"}
    yield "version_1_1", {"version": "1.1"}
    yield "version_a_number", {"version": 1.0}
    yield "version_null", {"version": None}
    yield "version_nested", {"version": [[[["1.0"]]]]}
    yield "sha_1", {"hashAlgorithm": "SHA-1"}
    yield "sha_256_spelled_otherwise", {"hashAlgorithm": "sha-256"}
    yield "signature_algorithm_none", {"signatureAlgorithm": "none"}
    yield "signature_algorithm_sha1", {"signatureAlgorithm": "SHA1withRSA"}
    yield "signature_algorithm_null", {"signatureAlgorithm": None}
