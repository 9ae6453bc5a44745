"""Each finding, and the edges up to which nothing is found."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from archiver.domain.delivery import QueryPath
from archiver.domain.keys import HeldKey, PublicKey
from archiver.domain.sign_file import parse_sign_file
from archiver.domain.verdict import Finding
from archiver.verify.findings import (
    CLOCK_TOLERANCE,
    HEADER_TOLERANCE,
    Circumstances,
    findings,
)
from tests.vectors.bricks import COMPLETE, KEY, WINDOW, result, signed, single

PATH = QueryPath("111122223333", "f0355626-411d-42a9-8365-339a37a8b8c0", COMPLETE.date())
SECOND = timedelta(seconds=1)


def noticed(complete=COMPLETE, key=KEY.public, names=("result_1.csv.gz",), path=PATH, region=None, **around):
    files = signed({"result_1.csv.gz": result()}, complete, region=region)
    sign_file = parse_sign_file(files["result_sign.json"])
    copies = [HeldKey(key)] if key else []
    return findings(sign_file, copies, names, Circumstances(path, "some/where/", **around))


def kinds(**arguments) -> list[Finding]:
    return [finding for finding, _ in noticed(**arguments)]


def test_an_honest_delivery_gives_nothing():
    assert kinds() == []
    assert kinds(key=None) == []
    assert kinds(execution_time=COMPLETE, earliest_modified=COMPLETE) == []


def test_without_a_sign_file_only_the_place_and_the_history_speak():
    history = [(Finding.SOURCE_CHANGED, "changed")]
    around = Circumstances(None, "x\n/", same_hash_list=["y"], history=history)
    found = findings(None, [], ["a"], around)
    assert [finding for finding, _ in found] == [Finding.SOURCE_CHANGED, Finding.PATH_NONSTANDARD]
    assert r"x\n/" in found[1][1].replace("\\\\", "\\")


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (COMPLETE - HEADER_TOLERANCE, []),
        (COMPLETE - HEADER_TOLERANCE - SECOND, [Finding.TIME_INCONSISTENT]),
        (COMPLETE + HEADER_TOLERANCE, []),
        (COMPLETE + HEADER_TOLERANCE + SECOND, [Finding.TIME_INCONSISTENT]),
        (datetime.min.replace(tzinfo=UTC), [Finding.TIME_INCONSISTENT]),
    ],
)
def test_the_signed_header_against_the_claim(header, found):
    assert kinds(execution_time=header) == found


@pytest.mark.parametrize(
    ("days", "found"),
    [(0, []), (1, []), (-1, []), (2, [Finding.TIME_INCONSISTENT]), (-2, [Finding.TIME_INCONSISTENT])],
)
def test_the_path_against_the_claim(days, found):
    assert kinds(path=QueryPath(PATH.account, PATH.query_id, PATH.day + timedelta(days=days))) == found


@pytest.mark.parametrize(
    ("stored", "found"),
    [
        (COMPLETE - CLOCK_TOLERANCE, []),
        (COMPLETE - CLOCK_TOLERANCE - SECOND, [Finding.TIME_INCONSISTENT]),
        (COMPLETE + timedelta(days=4000), []),
    ],
)
def test_storage_against_the_claim(stored, found):
    assert kinds(earliest_modified=stored) == found


@pytest.mark.parametrize("moment", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_claims_at_the_edge_of_the_calendar_upset_no_arithmetic(moment):
    text = "0001-01-01T00:00:00Z" if moment.year == 1 else "9999-12-31T23:59:59.999999Z"
    sign_file = parse_sign_file(single(queryCompleteTime=text)["result_sign.json"])
    for other in (COMPLETE, moment, datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)):
        path = QueryPath(PATH.account, PATH.query_id, other.date())
        around = Circumstances(path, "x/", execution_time=other, earliest_modified=other)
        found = findings(sign_file, [HeldKey(KEY.public)], ["result_1.csv.gz"], around)
        assert (Finding.TIME_INCONSISTENT in dict(found)) == (other != moment)


def test_every_disagreement_of_times_is_told_apart():
    details = [
        detail
        for finding, detail in noticed(
            path=QueryPath(PATH.account, PATH.query_id, date(2022, 12, 1)),
            execution_time=COMPLETE + timedelta(hours=5),
            earliest_modified=COMPLETE - timedelta(hours=5),
        )
        if finding is Finding.TIME_INCONSISTENT
    ]
    assert [detail.split()[1] for detail in details] == ["signed", "path", "object"]


@pytest.mark.parametrize(
    ("complete", "found"),
    [
        (WINDOW[0], []),
        (WINDOW[0] - SECOND, [Finding.KEY_OUTSIDE_WINDOW]),
        (WINDOW[1], []),
        (WINDOW[1] + SECOND, [Finding.KEY_OUTSIDE_WINDOW]),
    ],
)
def test_the_keys_window(complete, found):
    assert kinds(complete=complete, path=QueryPath(PATH.account, PATH.query_id, complete.date())) == found


def test_a_key_without_window_or_region_gives_nothing_to_compare():
    bare = PublicKey(KEY.public.der, KEY.public.fingerprint)
    assert kinds(key=bare, region="eu-west-1") == []


def test_the_region_of_the_key_against_the_claim():
    assert kinds(region="eu-west-1") == [Finding.REGION_MISMATCH]


def test_unlisted_names_are_shown_harmlessly_and_not_without_end():
    names = ["result_1.csv.gz", "\x1b[2J", *(f"n{number}" for number in range(50))]
    ((finding, detail),) = noticed(names=names)
    assert finding is Finding.UNLISTED_FILE
    assert detail.isprintable()
    assert detail.endswith("and 41 more")
    assert "result_1" not in detail


def test_a_replay_names_the_other_places():
    ((finding, detail),) = noticed(same_hash_list=["prod: one/", "prod: \u202etwo/"])
    assert finding is Finding.REPLAYED_HASH_LIST
    assert "one/" in detail
    assert detail.isprintable()
