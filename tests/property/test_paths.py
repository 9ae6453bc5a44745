"""Archive paths: harmless for any key, and reversible, so that no two keys ever share one."""

from __future__ import annotations

import re
import unicodedata

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from archiver.domain.paths import delivery_path, safe_segment, unlisted_path
from tests.property.strategies import CONFUSABLE, any_text

prefixes = st.lists(any_text, max_size=4).map(lambda parts: "".join(f"{part}/" for part in parts))
confusable_prefixes = st.lists(st.sampled_from(CONFUSABLE), max_size=4).map(
    lambda parts: "".join(f"{part}/" for part in parts)
)
revisions = st.integers(1, 12)


def original(safe: str) -> str:
    """What :func:`safe_segment` was given, read off its answer alone (long ones left out)."""
    if safe == "%":
        return ""
    text = re.sub(r"%u([0-9A-F]{4})", lambda m: chr(int(m[1], 16)), safe)
    return re.sub(r"(?:%[0-9A-F]{2})+", lambda m: bytes.fromhex(m[0].replace("%", "")).decode("utf-8"), text)


@settings(max_examples=500)
@given(any_text)
@example("%uDCE9")
@example("\udce9%u")
def test_a_segment_can_be_read_back(segment):
    safe = safe_segment(segment)
    if not safe.startswith("%sha256-"):
        assert original(safe) == segment


@settings(max_examples=500)
@given(any_text)
def test_a_segment_is_harmless(segment):
    safe = safe_segment(segment)
    assert safe not in ("", ".", "..")
    assert not safe.startswith(".")
    assert not {"/", "\\", "\0"} & set(safe)
    assert safe.isprintable()
    assert len(safe.encode("utf-8")) <= 200
    assert not re.search(r"@r[0-9]+$", safe)


@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=100))
def test_honest_segments_stay(segment):
    assert safe_segment(segment) == segment


@settings(max_examples=500)
@given(any_text, any_text)
def test_two_segments_never_share_a_name(one, other):
    assume(one != other)
    assert safe_segment(one) != safe_segment(other)
    if unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other):
        # Where the file system normalises names, they are still two.
        safe = [unicodedata.normalize("NFC", safe_segment(text)) for text in (one, other)]
        assert safe[0] != safe[1]


def test_confusable_segments_are_told_apart_in_every_combination():
    segments = {one + other for one in CONFUSABLE for other in CONFUSABLE}
    assert len({safe_segment(segment) for segment in segments}) == len(segments)
    assert len({delivery_path("s", f"{segment}/") for segment in segments}) == len(segments)


@settings(max_examples=500)
@given(prefixes | confusable_prefixes, prefixes | confusable_prefixes, revisions, revisions)
@example("a@r2/", "a/", 1, 2)
@example("", "%root/", 1, 1)
@example("", "/", 1, 1)
@example("a/result_1.csv.gz/", "a/%72esult_1.csv.gz/", 1, 1)
def test_two_deliveries_never_share_a_folder(one, other, first, second):
    assume((one, first) != (other, second))
    assert delivery_path("s", one, first) != delivery_path("s", other, second)


@given(prefixes, revisions)
def test_a_folder_lies_below_its_source(prefix, revision):
    parts = delivery_path("s", prefix, revision).split("/")
    assert parts[0] == "s"
    assert len(parts) == 1 + max(1, prefix.count("/"))
    assert not {"", ".", "..", "result_1.csv.gz", "result_sign.json"} & set(parts)


names = st.sampled_from(["result_1.csv.gz", "result_sign.json"])


@settings(max_examples=500)
@given(confusable_prefixes | prefixes, any_text, confusable_prefixes | prefixes, any_text, revisions, revisions)
@example("a/", "b/c", "a/b/", "c", 1, 1)
@example("a/", "b", "a/b/", "c", 1, 1)
@example("a/", "x", "a@r1/", "x", 1, 1)
def test_unlisted_files_never_stand_in_each_others_way(one, name, other, other_name, first, second):
    assume((one, name, first) != (other, other_name, second))
    path = unlisted_path(delivery_path("s", one, first), name)
    other_path = unlisted_path(delivery_path("s", other, second), other_name)
    assert path != other_path
    assert not path.startswith(other_path + "/")
    assert not other_path.startswith(path + "/")


@given(confusable_prefixes | prefixes, confusable_prefixes | prefixes, revisions, revisions, names)
def test_a_folder_never_stands_where_another_deliverys_file_does(one, other, first, second, name):
    file = f"{delivery_path('s', one, first)}/{name}"
    folder = delivery_path("s", other, second)
    assert folder != file
    assert not folder.startswith(file + "/")
