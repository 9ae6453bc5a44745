"""Durations, sizes, schedules and URLs of the configuration."""

from __future__ import annotations

from datetime import timedelta

import pytest

from archiver.settings_values import (
    Cron,
    check_archive_url,
    check_endpoint_url,
    check_ledger_url,
    check_signing_key,
    check_source_name,
    check_source_url,
    file_path,
    has_password,
    kms_region,
    parse_duration,
    parse_positive_duration,
    parse_rate,
    parse_size,
    parse_timing,
    s3_place,
    without_password,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", timedelta(seconds=90)),
        ("5m", timedelta(minutes=5)),
        ("1h", timedelta(hours=1)),
        ("7d", timedelta(days=7)),
        ("2w", timedelta(days=14)),
        ("7y", timedelta(days=7 * 365)),
        ("1h30m", timedelta(minutes=90)),
        ("0s", timedelta(0)),
    ],
)
def test_durations(text: str, expected: timedelta) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    "value", ["", "5", "m", "5 m", "-5m", "1.5h", "5min", "٥m", "5m\n", 5, 5.0, None, True, "9999y"]
)
def test_no_durations(value: object) -> None:
    with pytest.raises(ValueError, match=r"duration|longer"):
        parse_duration(value)


def test_a_schedule_needs_time_between() -> None:
    with pytest.raises(ValueError, match="at least 1s"):
        parse_positive_duration("0s")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("200MB", 200 * 10**6),
        ("1GiB", 2**30),
        ("1.5 TiB", 3 * 2**39),
        ("512", 512),
        ("7kb", 7000),
        ("0", 0),
        (4096, 4096),
    ],
)
def test_sizes(value: object, expected: int) -> None:
    assert parse_size(value) == expected


@pytest.mark.parametrize("value", ["", "MB", "1XB", "-1", "1e6", -1, True, 1.5, None, "9" * 15 + "PiB", 2**63])
def test_no_sizes(value: object) -> None:
    with pytest.raises(ValueError, match=r"size|file system"):
        parse_size(value)


def test_a_rate_of_nothing_is_no_rate() -> None:
    with pytest.raises(ValueError, match="leave the key out"):
        parse_rate("0MB")


@pytest.mark.parametrize(
    "value", [{"cron": "*/5 * * * mon-fri"}, "*/5 * * * mon-fri", {"cron": "*/5  *  *  * mon-fri"}]
)
def test_cron_as_a_table_or_five_fields(value: object) -> None:
    assert parse_timing(value) == Cron("*/5 * * * mon-fri")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"cron": "* * * *"}, "five fields"),
        ({"cron": "61 * * * *"}, "not a crontab schedule"),
        ({"cron": "* * * * 1-5"}, "by name"),
        ({"cron": "* * * * mon,0"}, "by name"),
        ({"cron": "x * * * *"}, "not a crontab schedule"),
        ({"cron": 5}, "one key cron"),
        ({"every": "5m"}, "one key cron"),
        ("0s", "at least 1s"),
        (5, "duration"),
    ],
)
def test_no_timing(value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_timing(value)


def test_cron_steps_on_weekdays_are_no_weekday_numbers() -> None:
    assert parse_timing({"cron": "0 0 * * */2"}) == Cron("0 0 * * */2")


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///a/b", "/a/b"),
        ("file://localhost/a", "/a"),
        ("file:///a%20b/%C3%A9", "/a b/é"),
        ("file:///a//b/", "/a/b"),
    ],
)
def test_file_urls(url: str, path: str) -> None:
    assert file_path(url) == path


@pytest.mark.parametrize(
    "url",
    ["/a", "file://host/a", "file:a", "file:///a/../b", "file:///a%2F..%2Fb", "file:///a?x", "file:///%00", ""],
)
def test_no_file_urls(url: str) -> None:
    with pytest.raises(ValueError, match="wanted"):
        file_path(url)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("s3://bucket", ("bucket", "")),
        ("s3://bucket/", ("bucket", "")),
        ("s3://my.bucket-1/a/b", ("my.bucket-1", "a/b/")),
        ("s3://bucket/a%20b?c#d/", ("bucket", "a%20b?c#d/")),
    ],
)
def test_s3_places(url: str, place: tuple[str, str]) -> None:
    assert s3_place(url) == place


@pytest.mark.parametrize(
    "url", ["s3://", "s3://ab", "s3://Bucket", "s3://a..b", "s3:/bucket", "S3://bucket", "s3://-ab"]
)
def test_no_s3_places(url: str) -> None:
    with pytest.raises(ValueError, match="s3://bucket/prefix"):
        s3_place(url)


def test_a_source_is_a_bucket_or_a_folder() -> None:
    assert check_source_url("s3://bucket/x") == "s3://bucket/x"
    assert check_source_url("file:///x") == "file:///x"
    with pytest.raises(ValueError, match="wanted"):
        check_source_url("https://bucket.s3.amazonaws.com/")


def test_this_version_archives_to_folders() -> None:
    with pytest.raises(ValueError, match="archives to folders"):
        check_archive_url("s3://bucket/prefix")


@pytest.mark.parametrize("name", ["prod", "0", "a.b_c-d", "a" * 63])
def test_source_names(name: str) -> None:
    assert check_source_name(name) == name


@pytest.mark.parametrize("name", ["", "Prod", "a/b", ".a", "-a", "a" * 64, "ä", "a\n", "keys", "log", "set-aside"])
def test_no_source_names(name: str) -> None:
    with pytest.raises(ValueError, match=r"wanted|choose another"):
        check_source_name(name)


@pytest.mark.parametrize(
    "url",
    ["ftp://h", "https://", "https://u:p@h", "https://h?x", "https://h#x", "https://h:99999", "h", "http://u@h"],
)
def test_no_endpoints(url: str) -> None:
    with pytest.raises(ValueError, match=r"wanted|endpoint|port"):
        check_endpoint_url(url)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000", "https://s3.example.com/path"])
def test_endpoints(url: str) -> None:
    assert check_endpoint_url(url) == url


@pytest.mark.parametrize(
    "url", ["sqlite:////a/b.db", "postgresql://h/d", "postgresql+psycopg://u:p@h:5432/d", "postgresql:///d?host=/run"]
)
def test_ledger_urls(url: str) -> None:
    assert check_ledger_url(url) == url


@pytest.mark.parametrize(
    "url",
    ["sqlite:///rel.db", "sqlite://", "sqlite:///:memory:", "sqlite:////a?mode=ro", "sqlite:////a/../b", "sqlite:/a",
     "postgres://h/d", "mysql://h/d", "postgresql:h/d", ""],
)  # fmt: skip
def test_no_ledger_urls(url: str) -> None:
    with pytest.raises(ValueError, match=r"wanted|write postgresql://"):
        check_ledger_url(url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:geheim@h:1/d", "postgresql://u@h:1/d"),
        ("postgresql://h/d?password=geheim&sslmode=require", "postgresql://h/d?sslmode=require"),
        ("postgresql://u:ge:h@im@h/d", "postgresql://u@h/d"),
    ],
)
def test_passwords_are_left_out(url: str, shown: str) -> None:
    assert without_password(url) == shown
    assert has_password(url)


@pytest.mark.parametrize("url", ["sqlite:////a/b.db", "postgresql://u@h/d", "postgresql:///d?host=/run/postgresql"])
def test_urls_without_a_password(url: str) -> None:
    assert not has_password(url)


@pytest.mark.parametrize(
    "place",
    [
        "/a/key",
        "credential:custody-key",
        "awskms:arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "awskms:arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab",
        "awskms:arn:aws:kms:eu-central-1:111122223333:alias/custody/log_1",
    ],
)
def test_signing_keys(place: str) -> None:
    assert check_signing_key(place) == place


def test_the_region_of_a_key_in_kms() -> None:
    assert kms_region("awskms:arn:aws:kms:eu-central-1:111122223333:alias/custody") == "eu-central-1"


@pytest.mark.parametrize(
    "place",
    [
        *(
            "key",
            "credential:",
            "credential:../x",
            "credential:a/b",
            "/a/../b",
            "",
            "awskms:",
            "awskms:alias/custody",
        ),
        "awskms:1234abcd-12ab-34cd-56ef-1234567890ab",
        "awskms:arn:aws:s3:eu-central-1:111122223333:key/a",
        "awskms:arn:aws:kms::111122223333:key/a",
        "awskms:arn:aws:kms:eu-central-1:111122223333:key/",
        "awskms:arn:aws:kms:eu-central-1:111122223333:key/a b",
        "awskms:arn:aws:kms:eu-central-1:111122223333:key/a\n",
    ],
)
def test_no_signing_keys(place: str) -> None:
    with pytest.raises(ValueError, match="wanted"):
        check_signing_key(place)
