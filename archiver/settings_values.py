"""Values of the configuration: durations, sizes, schedules, URLs. Each parser says what it would have taken.

Every function raises ``ValueError`` with a message for people. No message repeats a value that may hold a secret.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

from archiver.domain.paths import RESERVED_NAMES
from archiver.domain.text import printable

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400, "y": 365 * 86_400}
_DURATION = re.compile(r"(?:[0-9]{1,10}[smhdwy])+", re.ASCII)
_DURATION_PART = re.compile(r"([0-9]+)([smhdwy])", re.ASCII)
_LONGEST: Final = timedelta(days=365 * 1000)

_BYTES: Final = {"b": 1} | {
    letter + infix + "b": base**power
    for power, letter in enumerate("kmgtp", 1)
    for infix, base in (("", 1000), ("i", 1024))
}
_SIZE = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,6}))? ?([A-Za-z]{0,3})", re.ASCII)

_BUCKET = re.compile(r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_SOURCE_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}", re.ASCII)
_CREDENTIAL = re.compile(r"credential:[A-Za-z0-9][A-Za-z0-9._-]{0,254}", re.ASCII)
_KMS_KEY = re.compile(
    r"awskms:arn:aws[a-z-]*:kms:([a-z]{2}[a-z0-9-]{3,30}):\d{12}:(?:key/[A-Za-z0-9-]{1,64}|alias/[A-Za-z0-9/_-]{1,250})",
    re.ASCII,
)
_SECRET_PARAMETERS: Final = ("password=", "sslpassword=")
_WEEKDAY_NUMBER = re.compile(r"(?:^|[,-])[0-9]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cron:
    """Five crontab fields: minute, hour, day of month, month, day of week (by name), in the system's time zone."""

    cron: str


def parse_duration(value: object) -> timedelta:
    """``90s``, ``5m``, ``1h30m``, ``7d``, ``2w``, ``7y`` (365 days each) as a time span."""
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str) or _DURATION.fullmatch(value) is None:
        raise ValueError(f'a duration such as "90s", "5m", "1h", "7d", "2w" or "7y" is wanted, not {_shown(value)}')
    seconds = sum(int(count) * _SECONDS[unit] for count, unit in _DURATION_PART.findall(value))
    if seconds > _LONGEST.total_seconds():
        raise ValueError(f"{value!r} is longer than 1000 years")
    return timedelta(seconds=seconds)


def parse_positive_duration(value: object) -> timedelta:
    """:func:`parse_duration`, and more than nothing."""
    duration = parse_duration(value)
    if duration <= timedelta(0):
        raise ValueError("a duration of at least 1s is wanted")
    return duration


def parse_size(value: object) -> int:
    """Bytes: a whole number, or ``200MB`` (10 to the 6th), ``1GiB`` (2 to the 30th), ``1.5TiB``."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63:
        return value
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    unit = _BYTES.get(match[3].lower() or "b") if match else None
    if match is None or unit is None:
        raise ValueError(f'a size such as "512KiB", "200MB" or "1GiB" is wanted, not {_shown(value)}')
    fraction = match[2] or ""
    size: int = int(match[1] + fraction) * unit // 10 ** len(fraction)
    if size >= 2**63:
        raise ValueError(f"{value!r} is more than any file system holds")
    return size


def parse_rate(value: object) -> int:
    """:func:`parse_size`, and more than nothing: bytes a second."""
    rate = parse_size(value)
    if rate == 0:
        raise ValueError("at least 1 byte a second is wanted; leave the key out for no limit")
    return rate


def parse_timing(value: object) -> timedelta | Cron:
    """When a job runs: a duration, or ``{ cron = "*/5 * * * *" }``; five crontab fields in a string mean that too."""
    if isinstance(value, timedelta | Cron):
        return value
    if isinstance(value, dict):
        if set(value) != {"cron"} or not isinstance(value["cron"], str):
            raise ValueError('a table here has the one key cron: { cron = "*/5 * * * *" }')
        return _cron(value["cron"])
    if isinstance(value, str) and len(value.split()) == 5:
        return _cron(value)
    return parse_positive_duration(value)


def _cron(text: str) -> Cron:
    fields = text.split()
    if len(fields) != 5:
        raise ValueError(f"cron wants five fields (minute hour day month weekday), not {len(fields)}")
    if _WEEKDAY_NUMBER.search(fields[4].partition("/")[0]):
        raise ValueError("weekdays go by name here (mon, tue-fri): 0 is Sunday to cron and Monday to others")
    from apscheduler.triggers.cron import CronTrigger  # noqa: PLC0415 - slow, and few configurations need it

    try:
        CronTrigger.from_crontab(" ".join(fields), timezone="UTC")
    except (ValueError, KeyError) as error:
        raise ValueError(f"not a crontab schedule: {printable(str(error), 200)}") from error
    return Cron(" ".join(fields))


def file_path(url: str) -> str:
    """The absolute path that a ``file://`` URL names (percent-escapes undone)."""
    parts = urlsplit(url)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or parts.query or parts.fragment:
        raise ValueError(f"file:///absolute/path is wanted, not {_shown(url)}")
    return absolute_path(unquote(parts.path))


def absolute_path(path: str) -> str:
    """*path*, if it is an absolute one without ``..`` in it."""
    if not path.startswith("/") or "\0" in path or ".." in PurePosixPath(path).parts:
        raise ValueError(f"an absolute path without .. is wanted, not {_shown(path)}")
    return str(PurePosixPath("/" + path.lstrip("/")))


def s3_place(url: str) -> tuple[str, str]:
    """Bucket and prefix of ``s3://bucket/prefix``; the prefix is "" or ends in ``/``. Nothing is unescaped.

    Source: Amazon S3 User Guide, "General purpose bucket naming rules".
    """
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    if not url.startswith("s3://") or _BUCKET.fullmatch(bucket) is None:
        raise ValueError(
            "s3://bucket/prefix is wanted; a bucket's name has 3 to 63 lower-case letters, digits, dots and hyphens"
        )
    prefix = prefix.strip("/")
    return bucket, f"{prefix}/" if prefix else ""


def check_source_name(name: str) -> str:
    """*name*, if a source may be called that: it is a folder's name in the archive."""
    if _SOURCE_NAME.fullmatch(name) is None:
        raise ValueError("1 to 63 of a-z, 0-9, dot, underscore and hyphen are wanted, a letter or digit first")
    if name in RESERVED_NAMES:
        raise ValueError(f"{name!r} is a folder of the archive itself: choose another name")
    return name


def check_anchor_name(name: str) -> str:
    """*name*, if a time-stamping authority may be called that: it is part of a file's name in the published log."""
    if _SOURCE_NAME.fullmatch(name) is None:
        raise ValueError("1 to 63 of a-z, 0-9, dot, underscore and hyphen are wanted, a letter or digit first")
    return name


def check_bucket_url(url: str) -> str:
    """*url*, if it names a bucket and perhaps a prefix in it."""
    s3_place(url)
    return url


def check_source_url(url: str) -> str:
    """*url*, if it names a bucket or a folder."""
    if url.startswith("s3://"):
        s3_place(url)
    elif url.startswith("file:"):
        file_path(url)
    else:
        raise ValueError("s3://bucket/prefix or file:///a/folder is wanted")
    return url


def check_archive_url(url: str) -> str:
    """*url*, if it names a folder."""
    if url.startswith("s3:"):
        raise ValueError("this version archives to folders: write file:///absolute/path")
    file_path(url)
    return url


def check_endpoint_url(url: str) -> str:
    """*url*, if it is an http or https one with a host and without a user, query or fragment."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ValueError("https://host[:port] is wanted (http for tests), without a user or password in it")
    if parts.query or parts.fragment:
        raise ValueError("an endpoint has no query and no fragment")
    try:
        _ = parts.port
    except ValueError as error:
        raise ValueError("the port is not a number up to 65535") from error
    return url


def check_ledger_url(url: str) -> str:
    """*url*, if it is ``sqlite:////absolute/path`` or ``postgresql://…``. It may hold a password: never shown."""
    if url.startswith("sqlite:"):
        path = url.removeprefix("sqlite:///")
        if path == url or not path.startswith("/") or "?" in path or "#" in path:
            raise ValueError("sqlite:////absolute/path is wanted (four slashes, no parameters)")
        absolute_path(path)
        return url
    if url.startswith("postgres:"):
        raise ValueError("write postgresql:// instead of postgres://")
    parts = urlsplit(url)
    if parts.scheme not in ("postgresql", "postgresql+psycopg") or not url.startswith(f"{parts.scheme}://"):
        raise ValueError("sqlite:////absolute/path or postgresql://user@host/database is wanted")
    return url


def without_password(url: str) -> str:
    """*url* with the password (in the authority or as a parameter) left out: fit to be shown."""
    if url.startswith("sqlite:"):
        return url
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    kept = [part for part in parts.query.split("&") if part and not part.lower().startswith(_SECRET_PARAMETERS)]
    query = "?" + "&".join(kept) if kept else ""
    return f"{parts.scheme}://{user.partition(':')[0]}{at}{host}{parts.path}{query}"


def has_password(url: str) -> bool:
    """True if *url* holds a password."""
    return without_password(url) != url


def check_signing_key(place: str) -> str:
    """*place*, if it is an absolute path, ``credential:NAME`` (systemd's LoadCredential) or ``awskms:ARN``."""
    if place.startswith("credential:"):
        if _CREDENTIAL.fullmatch(place) is None:
            raise ValueError("credential:NAME is wanted, NAME being letters, digits, dots, underscores and hyphens")
        return place
    if place.startswith("awskms:"):
        kms_region(place)
        return place
    return absolute_path(place)


def kms_region(place: str) -> str:
    """The Region in ``awskms:ARN``, the ARN being a key's or an alias's."""
    match = _KMS_KEY.fullmatch(place)
    if match is None:
        raise ValueError("awskms:arn:aws:kms:<region>:<account>:key/<id> (or alias/<name>) is wanted")
    return match[1]


def _shown(value: object) -> str:
    return printable(repr(value), 80)
