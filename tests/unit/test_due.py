"""When items come due, and which items a sample is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from archiver.domain.due import RETRY_INDETERMINATE, next_audit, sample_range
from archiver.domain.verdict import Verdict

NOW = datetime(2026, 11, 4, tzinfo=UTC)
MONTH = timedelta(days=30)


def test_the_same_arguments_give_the_same_time_and_others_spread():
    first = next_audit("a" * 32, NOW, Verdict.VERIFIED, MONTH)
    assert first == next_audit("a" * 32, NOW, Verdict.VERIFIED, MONTH)
    assert first != next_audit("b" * 32, NOW, Verdict.VERIFIED, MONTH)
    assert first - NOW != next_audit("a" * 32, NOW + MONTH, Verdict.VERIFIED, MONTH) - (NOW + MONTH)


def test_the_load_is_spread_evenly():
    """1,000 items acquired in one moment: every tenth of the time between earliest and latest has its share."""
    tenths = [0] * 10
    for number in range(1000):
        part = (next_audit(f"{number:032x}", NOW, Verdict.FAILED, MONTH) - NOW) / MONTH
        tenths[min(9, int((part - 0.70) / 0.025))] += 1
    assert min(tenths) > 60
    assert max(tenths) < 140


def test_what_could_not_be_judged_is_tried_soon_and_never_late():
    assert next_audit("a", NOW, Verdict.INDETERMINATE, MONTH) == NOW + RETRY_INDETERMINATE
    assert next_audit("a", NOW, Verdict.INDETERMINATE, timedelta(minutes=1)) == NOW + timedelta(minutes=1)


def test_samples():
    assert sample_range(1, 1) == ("0" * 32, "g")
    assert sample_range(1, 2) == ("0" * 32, "8" + "0" * 31)
    assert sample_range(2, 2) == ("8" + "0" * 31, "g")
    start, end = sample_range(3, 3)
    assert start <= "f" * 32 < end


@pytest.mark.parametrize(("number", "parts"), [(0, 1), (2, 1), (-1, 3), (1, 0), (4, 3)])
def test_samples_that_do_not_exist(number, parts):
    with pytest.raises(ValueError, match=f"sample {number}/{parts} does not exist"):
        sample_range(number, parts)
