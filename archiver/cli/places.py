"""Places that a user names on the command line: folders, s3:// URLs, Regions."""

from __future__ import annotations

from pathlib import Path

from archiver.errors import UsageError


def local_prefix(path: Path) -> str:
    """The folder *path*, absolute and with the user's own links resolved, as a key below ``/`` that ends in ``/``.

    Raises UsageError where it is not there or is no folder.
    """
    try:
        whole = path.resolve(strict=True)
    except FileNotFoundError as error:
        raise UsageError(f"{path} is not there") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be looked at: {error.strerror}") from error
    if not whole.is_dir():
        raise UsageError(f"{path} is a file", f"Give the folder that it lies in: {whole.parent}")
    return f"{whole}/".lstrip("/")


def s3_prefix(url: str) -> tuple[str, str]:
    """(bucket, key prefix that is "" or ends in ``/``) of an ``s3://`` URL. Raises UsageError."""
    from archiver.settings_values import check_source_url, s3_place

    try:
        bucket, prefix = s3_place(check_source_url(url.rstrip("/") + "/" if url.count("/") > 2 else url))
    except ValueError as error:
        raise UsageError(f"{url}: {error}", "Write s3://bucket/AWSLogs/…/<query ID>/ or a folder above.") from error
    return bucket, prefix if prefix == "" or prefix.endswith("/") else f"{prefix}/"


def check_region(region: str | None) -> None:
    """Raises UsageError where ``--region`` was given and is no Region's name."""
    from archiver.domain.sign_file import REGION_NAME

    if region is not None and REGION_NAME.fullmatch(region) is None:
        raise UsageError(f"--region {region!r} is no AWS Region", "Write it as us-east-1.")
