"""What a folder's path claims, and what a listing adds up to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from archiver.domain.delivery import Delivery, ObjectKind, QueryPath, SourceObject, parse_query_path
from archiver.domain.evidence import evidence_id

QUERY = "f0355626-411d-42a9-8365-339a37a8b8c0"
PREFIX = f"AWSLogs/111122223333/CloudTrail-Lake/Query/2022/11/04/{QUERY}/"
NOON = datetime(2022, 11, 4, 12, tzinfo=UTC)
OBJECTS = (
    SourceObject(PREFIX + "result_1.csv.gz", 10, "e1", NOON),
    SourceObject(PREFIX + "result_sign.json", 5, "e2", NOON + timedelta(seconds=1)),
)
DELIVERY = Delivery(PREFIX, OBJECTS)


@pytest.mark.parametrize(
    "prefix",
    [PREFIX, "a/" + PREFIX, "a/b/" + PREFIX, "AWSLogs/" + PREFIX, "AWSLogs/444455556666/x/" + PREFIX, "//" + PREFIX],
)
def test_canonical_paths(prefix):
    assert parse_query_path(prefix) == QueryPath("111122223333", QUERY, date(2022, 11, 4))


def test_the_last_path_counts():
    other = PREFIX.replace("111122223333", "999999999999")
    assert parse_query_path(other + PREFIX) == parse_query_path(PREFIX)


@pytest.mark.parametrize(
    "prefix",
    [
        "",
        "/",
        PREFIX[:-1],
        PREFIX + "/",
        PREFIX + "x/",
        "x" + PREFIX,
        PREFIX.replace("AWSLogs", "awslogs"),
        PREFIX.replace("111122223333", "11112222333"),
        PREFIX.replace("111122223333", "1" * 17),
        PREFIX.replace("111122223333", "１１１１２２２２３３３３"),
        PREFIX.replace("/11/04/", "/11/31/"),
        PREFIX.replace("/2022/", "/0000/"),
        PREFIX.replace("/11/04/", "/11/4/"),
        PREFIX.replace(QUERY, QUERY.upper()),
        PREFIX.replace(QUERY, QUERY[:-1]),
        PREFIX.replace("CloudTrail-Lake", "CloudTrail"),
        PREFIX + "\n",
    ],
)
def test_other_paths_claim_nothing(prefix):
    assert parse_query_path(prefix) is None


def test_an_account_may_have_16_digits():
    path = parse_query_path(PREFIX.replace("111122223333", "1" * 16))
    assert path is not None
    assert path.account == "1" * 16


def test_what_a_delivery_says_of_itself():
    assert DELIVERY.account == "111122223333"
    assert DELIVERY.query_id == QUERY
    assert DELIVERY.size == 15
    assert DELIVERY.newest == NOON + timedelta(seconds=1)
    assert DELIVERY.sign_object == OBJECTS[1]
    assert [DELIVERY.name_of(o) for o in DELIVERY.objects] == ["result_1.csv.gz", "result_sign.json"]
    assert DELIVERY.looks_like_results


@pytest.mark.parametrize(
    ("prefix", "query_id"),
    [
        (f"copies/{QUERY}/", QUERY),
        (f"{QUERY}/", QUERY),
        (f"{QUERY}//", None),
        ("copies/", None),
        ("", None),
        ("/", None),
    ],
)
def test_the_query_id_is_read_off_the_folders_own_name_too(prefix, query_id):
    assert Delivery(prefix, ()).query_id == query_id


def test_results_without_sign_file_are_a_delivery_in_a_canonical_folder_only():
    unsigned = Delivery(PREFIX, OBJECTS[:1])
    assert unsigned.sign_object is None
    assert unsigned.looks_like_results
    elsewhere = Delivery("copies/", (replace(OBJECTS[0], key="copies/result_1.csv.gz"),))
    assert not elsewhere.looks_like_results
    assert not Delivery(PREFIX, (replace(OBJECTS[0], key=PREFIX + "result_1.csv"),)).looks_like_results


def test_an_empty_delivery():
    empty = Delivery(PREFIX, ())
    assert (empty.size, empty.newest, empty.sign_object) == (0, None, None)


@pytest.mark.parametrize(
    "touched",
    [
        Delivery(PREFIX, (replace(OBJECTS[0], size=11), OBJECTS[1])),
        Delivery(PREFIX, (replace(OBJECTS[0], etag="e3"), OBJECTS[1])),
        Delivery(PREFIX, (replace(OBJECTS[0], last_modified=NOON + timedelta(microseconds=1)), OBJECTS[1])),
        Delivery(PREFIX, (replace(OBJECTS[0], last_modified=None), OBJECTS[1])),
        Delivery(PREFIX, (replace(OBJECTS[0], kind=ObjectKind.LINK), OBJECTS[1])),
        Delivery(PREFIX, (replace(OBJECTS[0], key=PREFIX + "result_2.csv.gz"), OBJECTS[1])),
        Delivery(PREFIX, OBJECTS[:1]),
        Delivery(PREFIX, (*OBJECTS, replace(OBJECTS[0], key=PREFIX + "x"))),
        Delivery(PREFIX, OBJECTS, overflow=1),
    ],
)
def test_whatever_is_touched_changes_the_listing_digest(touched):
    assert touched.listing_digest != DELIVERY.listing_digest
    assert Delivery(PREFIX, OBJECTS).listing_digest == DELIVERY.listing_digest


def test_no_key_makes_two_listings_look_like_one():
    """A key may hold any character: one object that is called like the listing of two is not those two."""
    two = (SourceObject("a", 1, "x"), SourceObject("b", 2, "y"))
    for separator, end in (("\0", "\n"), ("\n", ""), ("", "")):
        row = separator.join(["a", "1", "x", "", "file"]) + end + "b"
        assert Delivery("", (SourceObject(row, 2, "y"),)).listing_digest != Delivery("", two).listing_digest


def test_names_that_are_not_utf_8_have_digests_of_their_own():
    digests = {Delivery("", (SourceObject(key, 1, "e"),)).listing_digest for key in ("\udce9", "\xe9", "\ud800", "?")}
    assert len(digests) == 4


FILES = [("result_1.csv.gz", "11" * 32), ("result_sign.json", "22" * 32)]


def test_evidence_is_identified_by_source_prefix_and_every_file():
    first = evidence_id("prod", PREFIX, FILES)
    assert len(first) == 32
    assert first == evidence_id("prod", PREFIX, reversed(FILES)), "the order of listing means nothing"
    others = [
        evidence_id("test", PREFIX, FILES),
        evidence_id("prod", "a/" + PREFIX, FILES),
        evidence_id("prod", PREFIX, FILES[:1]),
        evidence_id("prod", PREFIX, [("result_1.csv.gz", "33" * 32), FILES[1]]),
        evidence_id("prod", PREFIX, [("result_2.csv.gz", "11" * 32), FILES[1]]),
        evidence_id("prod", PREFIX, [*FILES, ("\udce9", "44" * 32)]),
        evidence_id("prod", PREFIX, [*FILES, ("\xe9", "44" * 32)]),
        evidence_id("prod" + PREFIX[0], PREFIX[1:], FILES),
    ]
    assert len({first, *others}) == 1 + len(others)
