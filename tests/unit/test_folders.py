"""From a listing to deliveries: whose object is whose, and that flooding a folder hides nothing."""

from __future__ import annotations

import tracemalloc

from archiver.domain.delivery import SourceObject
from archiver.domain.folders import deliveries
from archiver.domain.limits import FOLDER_OBJECTS, MIB, SIGN_FILE_FILES

DAY = "AWSLogs/111122223333/CloudTrail-Lake/Query/2022/11/04/"
ONE = DAY + "f0355626-411d-42a9-8365-339a37a8b8c0/"
TWO = DAY + "f1355626-411d-42a9-8365-339a37a8b8c0/"


def found(*keys: str, size: int = 1) -> dict[str, list[str]]:
    """Prefix -> names, for a listing of *keys* in S3's order."""
    listing = (SourceObject(key, size, "e") for key in sorted(keys, key=str.encode))
    return {d.prefix: [d.name_of(o) for o in d.objects] for d in deliveries(listing)}


def test_each_folder_with_a_sign_file_is_a_delivery():
    assert found(ONE + "result_1.csv.gz", ONE + "result_sign.json", TWO + "result_sign.json") == {
        ONE: ["result_1.csv.gz", "result_sign.json"],
        TWO: ["result_sign.json"],
    }
    assert found("copies/result_sign.json", "result_sign.json") == {
        "copies/": ["result_sign.json"],
        "": ["result_sign.json"],
    }


def test_a_canonical_folder_is_one_if_it_holds_a_result():
    assert found(ONE + "result_1.csv.gz") == {ONE: ["result_1.csv.gz"]}
    assert found(ONE + "notes.txt", "copies/result_1.csv.gz") == {}


def test_objects_between_the_folders_objects_do_not_split_it():
    """``.`` sorts before ``/`` and digits after it: subfolders lie between a folder's own objects."""
    assert found(ONE + "result_1.csv.gz", ONE + "result_1.csv.gz/x", ONE + "result_sign.json", ONE + "a") == {
        ONE: ["a", "result_1.csv.gz", "result_1.csv.gz/x", "result_sign.json"],
    }


def test_what_lies_deeper_belongs_to_the_canonical_folder_in_key_order():
    keys = [ONE + name for name in ("b/c/x", "b/a", "b/d", "result_sign.json", "zz/y")]
    assert found(*keys) == {ONE: ["b/a", "b/c/x", "b/d", "result_sign.json", "zz/y"]}


def test_a_delivery_inside_a_delivery_keeps_its_own():
    assert found(ONE + "result_sign.json", ONE + "in/result_sign.json", ONE + "in/x", ONE + "in/deep/y") == {
        ONE + "in/": ["result_sign.json", "x"],
        ONE: ["in/deep/y", "result_sign.json"],
    }


def test_the_nearest_canonical_folder_is_the_owner():
    """A prefix may end in a delivery's own folder: canonical folders can lie in one another."""
    inner = ONE + TWO
    keys = (ONE + "result_sign.json", inner + "result_1.csv.gz", inner + "sub/x")
    assert found(*keys) == {inner: ["result_1.csv.gz", "sub/x"], ONE: ["result_sign.json"]}
    assert found(ONE + "result_sign.json", inner + "sub/x") == {ONE: [TWO + "sub/x", "result_sign.json"]}


def test_a_hostile_sign_file_high_up_claims_nothing_below():
    assert found("result_sign.json", "x", ONE + "result_1.csv.gz", "AWSLogs/result_sign.json", "AWSLogs/z/y") == {
        ONE: ["result_1.csv.gz"],
        "AWSLogs/": ["result_sign.json"],
        "": ["result_sign.json", "x"],
    }


def test_names_that_only_look_like_the_sign_file():
    keys = [
        ONE + name for name in ("Result_sign.json", "result_sign.json ", "xresult_sign.json", "result_sign.json/x")
    ]
    assert found(*keys) == {}


def test_strange_segments_are_folders_like_others():
    keys = ("a//result_sign.json", "a/../result_sign.json", "/result_sign.json", "a/./result_sign.json")
    assert set(found(*keys)) == {"a//", "a/../", "/", "a/./"}


def test_the_empty_object_of_a_created_folder_is_nothing_and_one_with_content_is_something():
    keys = (ONE, ONE + "result_sign.json", ONE + "sub/")
    assert found(*keys, size=0) == {ONE: ["result_sign.json"]}
    assert found(*keys, size=5) == {ONE: ["", "result_sign.json", "sub/"]}


def flood(prefix: str, before: int, results: int):
    """A folder in which *before* objects sort before *results* result files and the sign file."""
    for number in range(before):
        yield SourceObject(f"{prefix}a{number:09}", 1, "e")
    for name in sorted(f"result_{number}.csv.gz" for number in range(1, results + 1)):
        yield SourceObject(prefix + name, 1, "e")
    yield SourceObject(prefix + "result_sign.json", 1, "e")


def test_flooding_a_folder_hides_neither_sign_file_nor_results():
    for prefix in (ONE, "copies/", ""):
        (delivery,) = deliveries(flood(prefix, FOLDER_OBJECTS + 7, 3))
        names = [delivery.name_of(o) for o in delivery.objects]
        assert names[-4:] == ["result_1.csv.gz", "result_2.csv.gz", "result_3.csv.gz", "result_sign.json"]
        assert len(names) == FOLDER_OBJECTS + 4
        assert delivery.overflow == 7


def test_as_many_results_as_a_sign_file_may_list_are_kept():
    (delivery,) = deliveries(flood(ONE, 0, SIGN_FILE_FILES))
    assert len(delivery.objects) == SIGN_FILE_FILES + 1
    assert delivery.overflow == 0


def test_results_that_no_sign_file_can_list_are_no_way_round_the_limit():
    (delivery,) = deliveries(flood(ONE, 0, SIGN_FILE_FILES + FOLDER_OBJECTS + 5))
    assert len(delivery.objects) == SIGN_FILE_FILES + FOLDER_OBJECTS + 1
    assert delivery.overflow == 5


def test_flooding_a_subfolder_counts_against_its_owner():
    def listing():
        for number in range(2 * FOLDER_OBJECTS):
            yield SourceObject(f"{ONE}a/{number:09}", 1, "e")
        yield SourceObject(ONE + "result_1.csv.gz", 1, "e")

    (delivery,) = deliveries(listing())
    assert len(delivery.objects) == FOLDER_OBJECTS + 1
    assert delivery.overflow == FOLDER_OBJECTS


def test_memory_is_flat_over_a_long_listing():
    def listing():
        for number in range(30_000):
            prefix = f"{DAY}{number:08x}-411d-42a9-8365-339a37a8b8c0/"
            yield SourceObject(prefix + "result_1.csv.gz", 1, "e")
            yield SourceObject(prefix + "result_sign.json", 1, "e")

    tracemalloc.start()
    try:
        count = sum(1 for _ in deliveries(listing()))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 30_000
    assert peak < MIB
