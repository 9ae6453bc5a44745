"""The configuration: TOML and environment in, frozen and checked settings out, before any other I/O.

The keys and their defaults are those of the sample, ``config/archiver.toml``; a test holds the two together.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from archiver.settings_anchors import AnchorsSettings
from archiver.settings_custody import CustodySettings
from archiver.settings_input import RawSettings, explain, gather, merge
from archiver.settings_types import (
    Duration,
    Endpoint,
    ExternalId,
    PositiveDuration,
    Profile,
    Rate,
    Region,
    Role,
    Section,
    Size,
    Timing,
)
from archiver.settings_values import (
    Cron,
    check_archive_url,
    check_ledger_url,
    check_source_name,
    check_source_url,
    file_path,
    has_password,
    s3_place,
    without_password,
)

_ACCOUNT = re.compile(r"\d{12,16}", re.ASCII)


def _account(account: object) -> str:
    if not isinstance(account, str) or _ACCOUNT.fullmatch(account) is None:
        raise ValueError("12 to 16 digits in quotes are wanted")
    return account


def _secret(check: Callable[[str], str]) -> AfterValidator:
    """A check on the text of a secret that keeps it hidden."""
    return AfterValidator(lambda secret: SecretStr(check(secret.get_secret_value())))


def _apprise_url(url: str) -> str:
    if "://" not in url:
        raise ValueError("a URL such as mailto://… or slack://… is wanted (apprise's list shows which)")
    return url


class LedgerSettings(Section):
    """``[ledger]``. ``url`` may hold a password: ``dsn`` is for connecting only, ``shown_url`` for people."""

    url: Annotated[SecretStr, _secret(check_ledger_url)] = SecretStr("sqlite:////var/lib/archiver/ledger.db")

    @property
    def dsn(self) -> str:
        """The URL whole."""
        return self.url.get_secret_value()

    @property
    def shown_url(self) -> str:
        """The URL without its password."""
        return without_password(self.dsn)

    @property
    def is_sqlite(self) -> bool:
        """True for a SQLite file."""
        return self.dsn.startswith("sqlite:")

    @property
    def sqlite_path(self) -> Path | None:
        """The SQLite file, None where the ledger is none."""
        return Path(self.dsn.removeprefix("sqlite:///")) if self.is_sqlite else None


class ArchiveSettings(Section):
    """``[archive]``. ``min_free``: bytes that are never written to."""

    url: Annotated[str, AfterValidator(check_archive_url)] = "file:///var/lib/archiver/evidence"
    min_free: Size = 256 * 1024**2

    @property
    def path(self) -> Path:
        """The archive's folder."""
        return Path(file_path(self.url))


class SourceSettings(Section):
    """One ``[[sources]]``. ``window``: how far back days are listed again; ``grace``: time a delivery may take.

    ``describe``: CloudTrail is asked about the query of each new delivery.
    """

    name: Annotated[str, AfterValidator(check_source_name)]
    url: Annotated[str, AfterValidator(check_source_url)]
    region: Region | None = None
    profile: Profile | None = None
    role_arn: Role | None = None
    external_id: ExternalId | None = None
    endpoint_url: Endpoint | None = None
    cloudtrail_endpoint_url: Endpoint | None = None
    accounts: tuple[Annotated[str, BeforeValidator(_account)], ...] = ()
    grace: Duration = timedelta(hours=24)
    window: PositiveDuration = timedelta(days=7)
    describe: bool = True

    @property
    def is_s3(self) -> bool:
        """True for a bucket, False for a folder."""
        return self.url.startswith("s3://")

    @property
    def bucket(self) -> str:
        """The bucket's name. Raises ``ValueError`` for a folder."""
        return s3_place(self.url)[0]

    @property
    def prefix(self) -> str:
        """The key prefix below the bucket: "" or ending in ``/``; "" for a folder."""
        return s3_place(self.url)[1] if self.is_s3 else ""

    @property
    def path(self) -> Path:
        """The folder. Raises ``ValueError`` for a bucket."""
        return Path(file_path(self.url))

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.external_id is not None and self.role_arn is None:
            raise ValueError("external_id goes with a role_arn, and there is none")
        if not self.is_s3 and (self.endpoint_url or self.accounts):
            raise ValueError("endpoint_url and accounts are for buckets (s3://), and this source is a folder")
        return self


class ScheduleSettings(Section):
    """``[schedule]``. Each job's timing; ``full_sync_every``: age at which a whole listing is made again."""

    sync_every: Timing = timedelta(minutes=5)
    audit_every: Timing = timedelta(hours=1)
    keys_every: Timing = timedelta(hours=12)
    checkpoint_every: Timing = timedelta(minutes=15)
    ledger_verify_every: Timing = timedelta(days=1)
    full_sync_every: PositiveDuration = timedelta(days=1)


class AuditSettings(Section):
    """``[audit]``. ``max_bytes_per_second``: None for no limit; ``max_time``: of one scheduled pass."""

    reverify_after: PositiveDuration = timedelta(days=30)
    max_bytes_per_second: Rate | None = None
    max_time: PositiveDuration = timedelta(minutes=50)


class NotifySettings(Section):
    """``[notify]``. ``urls`` (apprise's) usually hold tokens."""

    urls: tuple[Annotated[SecretStr, _secret(_apprise_url)], ...] = ()

    @property
    def addresses(self) -> tuple[str, ...]:
        """The URLs whole: for sending only."""
        return tuple(url.get_secret_value() for url in self.urls)


class WorkersSettings(Section):
    """``[workers]``. ``threads``: 0 means as many as serve."""

    threads: Annotated[int, Field(ge=0, le=256)] = 0


class Settings(Section):
    """The whole configuration, checked and frozen."""

    ledger: LedgerSettings = LedgerSettings()
    archive: ArchiveSettings = ArchiveSettings()
    sources: tuple[SourceSettings, ...] = ()
    schedule: ScheduleSettings = ScheduleSettings()
    audit: AuditSettings = AuditSettings()
    notify: NotifySettings = NotifySettings()
    custody: CustodySettings = CustodySettings()
    anchors: AnchorsSettings = AnchorsSettings()
    workers: WorkersSettings = WorkersSettings()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        names = [source.name for source in self.sources]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two [[sources]] are called {twice[0]!r}: names are unique")
        archive = self.archive.path
        for source in self.sources:
            if not source.is_s3 and (archive.is_relative_to(source.path) or source.path.is_relative_to(archive)):
                raise ValueError(f"[[sources]] {source.name!r} and [archive] lie within one another")
        return self

    @property
    def holds_secrets(self) -> bool:
        """True if somebody who reads this configuration learns a password or token."""
        return bool(self.notify.urls) or has_password(self.ledger.dsn)

    def source(self, name: str) -> SourceSettings | None:
        """The source called *name*."""
        return next((source for source in self.sources if source.name == name), None)

    def fingerprint(self) -> str:
        """SHA-256 (64 hex) of the settings in force as sorted JSON; of secrets only that they are there."""
        text = json.dumps(_public(self), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _public(value: object) -> Any:
    """*value* as JSON types, of a secret URL only what may be shown. By hand: pydantic's dump has no such rule."""
    match value:
        case LedgerSettings():
            return {"url": value.shown_url}
        case SecretStr():
            return value.get_secret_value().partition(":")[0]
        case BaseModel():
            return {name: _public(getattr(value, name)) for name in type(value).model_fields}
        case tuple():
            return [_public(part) for part in value]
        case timedelta():
            return f"{value.total_seconds():.0f}s"
        case Cron():
            return {"cron": value.cron}
    return value


def changed_sections(before: Settings, after: Settings) -> Sequence[str]:
    """Names of the sections that differ, secrets included, in the order of the file."""
    return [name for name in Settings.model_fields if getattr(before, name) != getattr(after, name)]


def load_settings(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """The settings from the file (*path*, or where it is looked for) and ``ARCHIVER_SECTION__KEY`` in *environ*.

    Raises SettingsError naming the file, the key or variable, and what would have been allowed.
    """
    return _checked(gather(path, environ, Settings))


def parse_settings(text: str, file: Path, environ: Mapping[str, str]) -> Settings:
    """:func:`load_settings` for *text*, the contents that *file* has or is to have."""
    return _checked(merge(text.encode("utf-8"), file, environ, Settings))


def _checked(raw: RawSettings) -> Settings:
    try:
        return Settings.model_validate(raw.values)
    except ValidationError as error:
        raise explain(error, raw, Settings) from None  # the chain would carry the values, secrets among them
