"""The ten crafted folders: eight that ``aws cloudtrail verify-query-results`` validates, two that it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from archiver.demo.deliveries import make_sign_file
from archiver.domain.sign_file import SIGN_FILE_NAME
from tests.vectors.bricks import (
    COMPLETE,
    KEY,
    Case,
    case,
    failed,
    folder,
    noticed,
    placed,
    result,
    sha256,
    signed,
    single,
    with_sign_file,
)

FIRST, SECOND = result(), result(2)


def cases() -> Iterator[Case]:
    """Every crafted vector."""
    swapped = {"result_2.csv.gz": FIRST, "result_1.csv.gz": SECOND}
    yield case("crafted-01_names_swapped", signed(swapped), noticed("files_out_of_order"))
    yield _outside()
    renamed = signed({"anything.txt": FIRST})
    yield case("crafted-03_file_renamed", renamed, failed("sign_file_invalid"))
    yield case("crafted-04_unlisted_beside", {**single(), "result_2.csv.gz": SECOND}, noticed("unlisted_file"))
    unknown = single(signatureAlgorithm="none", hashAlgorithm="MD5", version="99")
    yield case("crafted-05_algorithms_none", unknown, failed("sign_file_unsupported"))
    yield case(
        "crafted-06_region_and_time_claimed",
        single(region="eu-west-1", queryCompleteTime="2024-02-29T01:02:03Z"),
        noticed("time_inconsistent", "key_outside_window", "region_mismatch"),
    )
    original, copy = folder("crafted-07-original"), folder("crafted-07-copy")
    replayed = noticed("replayed_hash_list")
    yield Case(
        "crafted-07_copied_query",
        placed(original, single()) | placed(copy, single()),
        {original: replayed, copy: replayed},
    )
    yield _duplicate_keys()
    flipped = bytearray(FIRST)
    flipped[40] ^= 1
    yield case(
        "crafted-09_bit_flipped",
        {**single(), "result_1.csv.gz": bytes(flipped)},
        failed("hash_mismatch", findings=["gzip_damaged"]),
    )
    packed = [("result_1.csv.gz", f"{sha256(FIRST)} {sha256(SECOND)}")]
    yield case(
        "crafted-10_hash_packed",
        {
            "result_1.csv.gz": FIRST,
            "result_2.csv.gz": SECOND,
            SIGN_FILE_NAME: make_sign_file(KEY, packed, complete_time=COMPLETE),
        },
        failed("sign_file_invalid"),
    )


def _outside() -> Case:
    """The named file does exist outside of the folder, with the right hash, for whoever follows the name."""
    at = folder("crafted-02")
    sign_file = make_sign_file(KEY, [("../x.csv.gz", sha256(FIRST))], complete_time=COMPLETE)
    files = {f"{at}/{SIGN_FILE_NAME}": sign_file, f"{at.rpartition('/')[0]}/x.csv.gz": FIRST}
    return Case("crafted-02_file_outside", files, {at: failed("sign_file_invalid")})


def _duplicate_keys() -> Case:
    """Readers that take the last of two equal keys see another Region and time than those that take the first."""
    honest = single()
    told = datetime(2022, 11, 5, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    doubled = honest[SIGN_FILE_NAME].replace(b'"region"', f'"queryCompleteTime": "{told}",\n  "region"'.encode())
    return case("crafted-08_duplicate_keys", with_sign_file(honest, doubled), failed("sign_file_invalid"))
