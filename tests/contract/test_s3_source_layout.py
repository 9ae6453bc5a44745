"""Which folders of a bucket are day folders, for a prefix that points anywhere."""

from __future__ import annotations

from datetime import date

import pytest

from archiver.adapters.aws.layout import Layout

DAYS = [
    "AWSLogs/111122223333/CloudTrail-Lake/Query/2025/12/31/",
    "AWSLogs/111122223333/CloudTrail-Lake/Query/2026/10/31/",
    "AWSLogs/111122223333/CloudTrail-Lake/Query/2026/11/01/",
    "AWSLogs/444455556666/CloudTrail-Lake/Query/2026/11/01/",
]
STRANGE = [
    "AWSLogs/AWSLogs/111122223333/CloudTrail-Lake/Query/2026/11/01/",
    "AWSLogs/111122223333/CloudTrail-Lake/Query/2026/11/1/",
    "AWSLogs/111122223333/CloudTrail-Lake/Query/latest/11/01/",
    "AWSLogs/111122223333/CloudTrail/us-east-1/2026/11/01/",
    "AWSLogs/o-abcdefgh/111122223333/CloudTrail-Lake/Query/2026/11/01/",
]


class Bucket:
    def __init__(self, *folders: str) -> None:
        self.folders = folders
        self.asked: list[str] = []

    def subfolders(self, folder: str) -> list[str]:
        self.asked.append(folder)
        below = (known for known in self.folders if known.startswith(folder) and known != folder)
        return sorted({folder + known[len(folder) :].split("/")[0] + "/" for known in below})


def days(prefix: str, since: date = date(2020, 1, 1), accounts: frozenset[str] = frozenset()) -> list[str]:
    return list(Layout(prefix, Bucket(*DAYS, *STRANGE).subfolders, accounts).day_folders(since))


def test_only_canonical_folders_count():
    assert days("") == DAYS


@pytest.mark.parametrize(
    ("since", "first"),
    [
        (date(2025, 12, 31), 0),
        (date(2026, 1, 1), 1),
        (date(2026, 10, 31), 1),
        (date(2026, 11, 1), 2),
        (date(2026, 11, 2), 4),
    ],
)
def test_days_before_the_window_are_left_out(since, first):
    assert days("", since) == DAYS[first:]


def test_years_and_months_before_the_window_are_not_even_listed():
    bucket = Bucket(*DAYS)
    list(Layout("", bucket.subfolders).day_folders(date(2026, 11, 1)))
    queries = "AWSLogs/111122223333/CloudTrail-Lake/Query/"
    assert f"{queries}2026/11/" in bucket.asked
    assert f"{queries}2025/" not in bucket.asked
    assert f"{queries}2026/10/" not in bucket.asked


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("AWSLogs/", DAYS),
        ("AWSLogs/111122223333/", DAYS[:3]),
        ("AWSLogs/111122223333/CloudTrail-Lake/", DAYS[:3]),
        ("AWSLogs/111122223333/CloudTrail-Lake/Query/", DAYS[:3]),
        ("AWSLogs/111122223333/CloudTrail-Lake/Query/2026/", DAYS[1:3]),
        ("AWSLogs/111122223333/CloudTrail-Lake/Query/2026/11/", DAYS[2:3]),
        (DAYS[2], DAYS[2:3]),
        (DAYS[2] + "0" * 36 + "/", [DAYS[2] + "0" * 36 + "/"]),
        ("AWSLogs/111122223333/CloudTrail/", ["AWSLogs/111122223333/CloudTrail/"]),
        ("AWSLogs/AWSLogs/", STRANGE[:1]),
        ("elsewhere/", []),
    ],
)
def test_a_prefix_may_point_inside_the_canonical_path(prefix, expected):
    assert days(prefix) == expected


def test_a_prefix_that_spells_out_a_day_before_the_window_gives_nothing():
    assert days(DAYS[0], date(2026, 1, 1)) == []
    assert days("AWSLogs/111122223333/CloudTrail-Lake/Query/2025/", date(2026, 1, 1)) == []


@pytest.mark.parametrize("prefix", ["", "AWSLogs/", "AWSLogs/444455556666/"])
def test_accounts_are_the_only_ones(prefix):
    assert days(prefix, accounts=frozenset({"444455556666"})) == DAYS[3:]
    assert days(DAYS[2], accounts=frozenset({"444455556666"})) == []
