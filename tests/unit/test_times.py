"""RFC 3339 in, RFC 3339 in UTC out, and nothing that names no point in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from archiver.domain.times import format_optional, format_time, parse_time

MOMENT = datetime(2022, 11, 4, 15, 7, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2022-11-04T15:07:11Z", MOMENT),
        ("2022-11-04t15:07:11z", MOMENT),
        ("2022-11-04T15:07:11+00:00", MOMENT),
        ("2022-11-05T00:07:11+09:00", MOMENT),
        ("2022-11-04T15:07:11.245281Z", MOMENT.replace(microsecond=245281)),
        ("2022-11-04T15:07:11.5Z", MOMENT.replace(microsecond=500000)),
        ("2022-11-04T15:07:11.123456789Z", MOMENT.replace(microsecond=123456)),
        ("0001-01-01T00:00:00Z", datetime.min.replace(tzinfo=UTC)),
        ("9999-12-31T23:59:59.999999Z", datetime.max.replace(tzinfo=UTC)),
    ],
)
def test_parse(text, moment):
    parsed = parse_time(text)
    assert parsed == moment
    assert parsed.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2022-11-04",
        "2022-11-04T15:07:11",
        "2022-11-04 15:07:11Z",
        "2022-11-04T15:07Z",
        "2022-11-04T15:07:11,5Z",
        "2022-11-04T15:07:11.Z",
        "2022-11-04T15:07:11.1234567890Z",
        "2022-11-04T15:07:11Z\n",
        " 2022-11-04T15:07:11Z",
        "2022-11-04T15:07:11+0900",
        "2022-11-04T15:07:11+24:00",
        "2022-11-04T15:07:11+09:60",
        "2022-02-29T00:00:00Z",
        "2022-13-01T00:00:00Z",
        "2022-11-04T24:00:00Z",
        "2022-11-04T15:07:60Z",
        "２022-11-04T15:07:11Z",
        "20221104T150711Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
    ],
)
def test_anything_else_is_a_value_error(text):
    with pytest.raises(ValueError):  # noqa: PT011 - the message depends on what is wrong
        parse_time(text)


def test_format_is_utc_with_z():
    assert format_time(MOMENT) == "2022-11-04T15:07:11Z"
    assert format_time(MOMENT.replace(microsecond=5)) == "2022-11-04T15:07:11.000005Z"
    assert format_time(MOMENT.astimezone(timezone(timedelta(hours=9)))) == "2022-11-04T15:07:11Z"
    assert format_optional(None) is None
    assert format_optional(MOMENT) == "2022-11-04T15:07:11Z"


def test_a_time_without_zone_has_no_format():
    with pytest.raises(ValueError, match="without a zone"):
        format_time(MOMENT.replace(tzinfo=None))
