"""Well-formed sign files that do not prove their files, and proved ones about which something is noticed."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import timedelta

from archiver.domain.sign_file import SIGN_FILE_NAME
from tests.vectors.bricks import (
    COMPLETE,
    DAY,
    EXECUTED,
    KEY,
    OTHER_KEY,
    WINDOW,
    Case,
    Expected,
    Files,
    case,
    document,
    failed,
    folder,
    listed_key,
    noticed,
    placed,
    result,
    signed,
    single,
    stored_gzip,
    with_sign_file,
)


def cases() -> Iterator[Case]:
    """Every such vector."""
    yield from _signature()
    yield from _key()
    yield from _files()
    yield from _findings()
    yield from _times()


def _signature() -> Iterator[Case]:
    files, two = single(), signed({"result_1.csv.gz": result(), "result_2.csv.gz": result(2)})
    signature = document(files)["hashSignature"]
    flipped = f"{int(signature, 16) ^ 1:0{len(signature)}x}"
    invalid = failed("signature_invalid")
    yield case("signature_invalid-bit_flipped", single(hashSignature=flipped), invalid)
    yield case("signature_invalid-zero", single(hashSignature="00" * 256), invalid)
    yield case("signature_invalid-longer", single(hashSignature="00" + signature), invalid)
    yield case("signature_invalid-of_other_key", single(hashSignature=_signature_of(OTHER_KEY)), invalid)
    # The forger replaces a file and its hash, and has no key.
    forged = {"result_1.csv.gz": result(9)}
    entry = document(signed(forged))["files"]
    yield case(
        "signature_invalid-hash_replaced",
        {**with_sign_file(files, {**document(files), "files": entry}), **forged},
        invalid,
    )
    reordered = {**document(two), "files": document(two)["files"][::-1]}
    yield case(
        "signature_invalid-list_reordered",
        with_sign_file(two, reordered),
        failed("signature_invalid", findings=["files_out_of_order"]),
    )
    shortened = {**document(two), "files": document(two)["files"][:1]}
    yield case(
        "signature_invalid-list_shortened",
        with_sign_file(two, shortened),
        failed("signature_invalid", findings=["unlisted_file"]),
    )


def _signature_of(key: object) -> str:
    return str(document(single(key=key))["hashSignature"])


def _key() -> Iterator[Case]:
    other = listed_key(OTHER_KEY)
    unavailable = Expected("indeterminate", ["key_unavailable"])
    yield case("key_unavailable", single(), unavailable, [other])
    yield case("key_unavailable-no_keys", single(), unavailable, [])
    yield case(
        "key_unavailable-and_hash_mismatch",
        {**single(), "result_1.csv.gz": result(9)},
        failed("hash_mismatch", "key_unavailable"),
        [other],
    )
    mislabelled = listed_key(OTHER_KEY, Fingerprint=KEY.public.fingerprint)
    yield case("key_fingerprint_mismatch", single(), failed("key_fingerprint_mismatch"), [mislabelled])
    # The genuine key is on hand under the same name: the mislabelled one does no harm.
    yield case("key_fingerprint_mismatch-beside_genuine", single(), noticed(), [mislabelled, listed_key(KEY)])


def _files() -> Iterator[Case]:
    two = signed({"result_1.csv.gz": result(), "result_2.csv.gz": result(2)})
    yield case("file_missing", _without(two, "result_2.csv.gz"), failed("file_missing"))
    yield case(
        "file_missing-replaced_by_folder",
        {**_without(two, "result_2.csv.gz"), "result_2.csv.gz/result_2.csv.gz": result(2)},
        failed("file_missing", findings=["unlisted_file"]),
    )
    yield case("hash_mismatch", {**two, "result_2.csv.gz": result(3)}, failed("hash_mismatch"))
    yield case(
        "hash_mismatch-truncated",
        {**two, "result_2.csv.gz": result(2)[:-1]},
        failed("hash_mismatch", findings=["gzip_damaged"]),
    )
    yield case(
        "hash_mismatch-extended",
        {**two, "result_2.csv.gz": result(2) + b"\0"},
        failed("hash_mismatch", findings=["gzip_damaged"]),
    )
    yield case(
        "hash_mismatch-empty", {**two, "result_2.csv.gz": b""}, failed("hash_mismatch", findings=["gzip_damaged"])
    )
    yield case(
        "hash_mismatch-and_missing",
        {**_without(two, "result_2.csv.gz"), "result_1.csv.gz": result(3)},
        failed("file_missing", "hash_mismatch"),
    )
    yield case("unsigned", {"result_1.csv.gz": result()}, failed("unsigned"))


def _without(files: Files, name: str) -> Files:
    return {there: data for there, data in files.items() if there != name}


def _findings() -> Iterator[Case]:
    yield case("unlisted_file", {**single(), "result_2.csv.gz": result(2)}, noticed("unlisted_file"))
    yield case("unlisted_file-in_subfolder", {**single(), "more/notes.txt": b"read me\n"}, noticed("unlisted_file"))
    yield case("unlisted_file-almost_the_name", {**single(), "result_1.csv": b"a,b\n"}, noticed("unlisted_file"))
    yield _replayed("replayed_hash_list", folder("replayed_hash_list-1"), folder("replayed_hash_list-2"))
    swapped = {"result_2.csv.gz": result(), "result_1.csv.gz": result(2)}
    yield case("files_out_of_order", signed(swapped), noticed("files_out_of_order"))
    yield case("region_mismatch", single(region="eu-west-1"), noticed("region_mismatch"))
    yield case("path_nonstandard", single(), noticed("path_nonstandard"), at="copies/of-the-export")
    yield case(
        "path_nonstandard-day_impossible",
        single(),
        noticed("path_nonstandard"),
        at=folder("path_nonstandard-day_impossible").replace("/2022/11/04/", "/2022/11/31/"),
    )
    plain = gzip.decompress(result())
    yield case(
        "decompressed_copy",
        {**single(), "result_1.csv.gz": plain},
        failed("hash_mismatch", findings=["decompressed_copy"]),
    )
    whole = stored_gzip(plain)
    yield case("gzip_damaged-truncated", signed({"result_1.csv.gz": whole[:-9]}), noticed("gzip_damaged"))
    yield case(
        "gzip_damaged-checksum", signed({"result_1.csv.gz": whole[:-5] + b"\0" + whole[-4:]}), noticed("gzip_damaged")
    )
    yield case("gzip_damaged-no_gzip", signed({"result_1.csv.gz": plain}), noticed("gzip_damaged"))


def _replayed(name: str, original: str, copy: str) -> Case:
    expected = noticed("replayed_hash_list")
    return Case(name, placed(original, single()) | placed(copy, single()), {original: expected, copy: expected})


def _times() -> Iterator[Case]:
    inconsistent = noticed("time_inconsistent")
    late, early = COMPLETE + timedelta(hours=3), COMPLETE - timedelta(hours=3)
    one = {"result_1.csv.gz": result()}
    yield case("time_inconsistent-header_before_claim", signed(one, late), inconsistent)
    yield case("time_inconsistent-header_after_claim", signed(one, early), inconsistent)
    for name, days in (("before", -2), ("after", 2)):
        at = folder(f"time_inconsistent-path_{name}", DAY + timedelta(days=days))
        yield case(f"time_inconsistent-path_{name}_claim", single(), inconsistent, at=at)
    for name, moment in (("before", WINDOW[0] - timedelta(minutes=1)), ("after", WINDOW[1] + timedelta(minutes=1))):
        case_name = f"key_outside_window-{name}"
        files = signed({"result_1.csv.gz": result(executed=moment)}, moment)
        yield case(case_name, files, noticed("key_outside_window"), at=folder(case_name, moment.date()))
    # A claim at the very edge of what a calendar holds must not upset any arithmetic.
    for name, text in (("first", "0001-01-01T00:00:00Z"), ("last", "9999-12-31T23:59:59.999999Z")):
        yield case(
            f"time_inconsistent-{name}_moment",
            {
                "result_1.csv.gz": result(executed=EXECUTED),
                SIGN_FILE_NAME: single(queryCompleteTime=text)[SIGN_FILE_NAME],
            },
            noticed("time_inconsistent", "key_outside_window"),
        )
