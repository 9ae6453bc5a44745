"""What counts as a replay: the same hash list where another query is claimed."""

from __future__ import annotations

import pytest

from archiver.work.acquire import is_replay

ONE = "0d2a2f7c-3a43-4a3c-9e3a-0f2f2c1f0a01"
TWO = "0d2a2f7c-3a43-4a3c-9e3a-0f2f2c1f0a02"


def place(account: str = "111122223333", day: str = "2026/11/04", query: str = ONE) -> str:
    return f"AWSLogs/{account}/CloudTrail-Lake/Query/{day}/{query}/"


@pytest.mark.parametrize(
    ("other", "replay"),
    [
        (place(), False),
        (f"copy/{place()}", False),
        (place(query=TWO), True),
        (place(account="444455556666"), True),
        (place(day="2026/11/05"), True),
        ("home/someone/download/", False),
        (f"home/someone/{TWO}/", True),
    ],
)
def test_a_copy_is_told_by_account_day_and_query(other: str, replay: bool) -> None:
    query = TWO if TWO in other else ONE if ONE in other else None
    assert is_replay(query, f"prod/{other}", ONE, place()) is replay


def test_the_same_folder_without_a_canonical_path_is_no_copy_of_itself() -> None:
    assert not is_replay(None, "import/home/someone/download/", None, "home/someone/download/")
