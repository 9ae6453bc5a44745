"""The checks behind ``archiver doctor``: everything that a run needs, tried for real where that leaves no trace.

Each check is apart: one that fails never hides another. Like ``wiring`` this room knows the adapters.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from archiver import custody_key
from archiver.adapters.files.store import FolderStore
from archiver.adapters.ledger.database import open_ledger
from archiver.domain.custody import Actor
from archiver.domain.health import Health, HealthCheck
from archiver.domain.text import printable
from archiver.domain.times import format_time
from archiver.errors import ArchiverError
from archiver.ports import Clock, Ledger
from archiver.settings import Settings, SourceSettings

if TYPE_CHECKING:
    from archiver.adapters.aws.session import AwsAccess

_ATTEMPTS: Final = 2
"""Tries of one request to AWS: doctor is waited for."""


@dataclass(frozen=True)
class Checkup:
    """One examination of the installation that *settings* describe. ``file``: where they were read, if anywhere."""

    settings: Settings
    file: Path | None
    actor: Actor
    clock: Clock
    environ: Mapping[str, str] = field(repr=False)

    def checks(self) -> Iterator[HealthCheck]:
        """Every check, as it ends: the installation's own first, then source by source."""
        yield self._config()
        windows: Mapping[str, datetime] = {}
        try:
            with closing(open_ledger(self.settings.ledger.dsn, self.actor)) as ledger:
                yield HealthCheck("ledger", Health.OK, f"{ledger.url} has this version's schema")
                yield self._ledger_write(ledger)
                windows = ledger.keys.regions()
        except ArchiverError as error:
            yield _failed("ledger", error)
        yield from self._archive()
        yield self._custody_key()
        yield self._notify()
        if not self.settings.sources:
            remedy = "add [[sources]] to the configuration, or bring folders in with archiver import"
            yield HealthCheck("sources", Health.WARN, "no source is configured", remedy)
        for source in self.settings.sources:
            yield from self._bucket(source) if source.is_s3 else self._folder(source)
        yield from self._windows(windows)

    def _config(self) -> HealthCheck:
        if self.file is None:
            return HealthCheck("config", Health.OK, "read from the environment alone")
        shown = printable(str(self.file))
        if self.settings.holds_secrets and custody_key.open_to_others(self.file):
            detail = f"{shown} can be read by others, and passwords or tokens may stand in it"
            return HealthCheck("config", Health.WARN, detail, f"chmod 600 {shown}, or pass secrets by environment")
        return HealthCheck("config", Health.OK, f"{shown} is valid")

    def _ledger_write(self, ledger: Ledger) -> HealthCheck:
        """An empty record takes the write lock and changes nothing."""
        try:
            ledger.journal.record(())
        except ArchiverError as error:
            return _failed("ledger_write", error)
        return HealthCheck("ledger_write", Health.OK, "the ledger can be written")

    def _archive(self) -> Iterator[HealthCheck]:
        """A few bytes go through the staging folder as a delivery's do, and are removed."""
        root = self.settings.archive.path
        try:
            store = FolderStore(root)
            stage = store.stage(secrets.token_hex(16))
            try:
                with stage.file("doctor", "doctor") as probe:
                    probe.append(b"doctor")
            finally:
                stage.discard()
            free = store.free_bytes()
        except ArchiverError as error:
            yield _failed("archive", error)
            yield HealthCheck("archive_space", Health.SKIP, "the archive cannot be written")
            return
        yield HealthCheck("archive", Health.OK, f"{root} can be written")
        least = self.settings.archive.min_free
        detail = f"{free / 2**30:.1f} GiB free, of which [archive] min_free keeps {least / 2**30:.2f} GiB"
        if free <= least:
            yield HealthCheck("archive_space", Health.FAIL, detail, "make room, or move the archive to a larger disk")
        elif free <= 4 * least:
            yield HealthCheck("archive_space", Health.WARN, detail, "make room soon")
        else:
            yield HealthCheck("archive_space", Health.OK, detail)

    def _custody_key(self) -> HealthCheck:
        place = self.settings.custody.signing_key
        try:
            path = custody_key.key_path(place, self.environ)
            public = custody_key.load_public(path)
        except ArchiverError as error:
            # a credential is there inside the unit only: its absence out here proves nothing
            credential = custody_key.is_credential(place) and "CREDENTIALS_DIRECTORY" not in self.environ
            if credential:
                return HealthCheck("custody_key", Health.SKIP, str(error), error.remedy)
            remedy = error.remedy or "archiver ledger upgrade makes it where it is missing"
            return HealthCheck("custody_key", Health.FAIL, str(error), remedy)
        if not custody_key.is_credential(place) and custody_key.open_to_others(path):
            return HealthCheck("custody_key", Health.FAIL, f"{path} can be read by others", f"chmod 600 {path}")
        return HealthCheck("custody_key", Health.OK, f"public key {public.hex()}")

    def _notify(self) -> HealthCheck:
        count = len(self.settings.notify.urls)
        if not count:
            remedy = "set [notify] urls: a failure nobody hears of is found too late"
            return HealthCheck("notify", Health.WARN, "alerts go to the log only", remedy)
        if find_spec("apprise") is None:
            remedy = "pip install 'cloudtrail-evidence-archiver[notify]'"
            return HealthCheck("notify", Health.FAIL, "alerts need apprise, which is not installed", remedy)
        return HealthCheck("notify", Health.OK, f"alerts go to {count} address{'es' if count > 1 else ''}")

    def _folder(self, source: SourceSettings) -> Iterator[HealthCheck]:
        try:
            next(source.path.iterdir(), None)
        except OSError as error:
            detail = f"{source.path} cannot be listed: {error.strerror}"
            yield HealthCheck("list", Health.FAIL, detail, "check the path, its mount and its mode", source.name)
        else:
            yield HealthCheck("list", Health.OK, f"{source.path} can be listed", source=source.name)

    def _bucket(self, source: SourceSettings) -> Iterator[HealthCheck]:
        from archiver.adapters.aws.probe import BucketProbe  # noqa: PLC0415 - boto3 takes half a second

        access = _access(source)
        yield from BucketProbe(source.name, source.bucket, source.prefix, source.region, access, self.clock).checks()

    def _windows(self, held: Mapping[str, datetime]) -> Iterator[HealthCheck]:
        """Keys are harvested before they are needed: the current window of each Region should be on hand."""
        now = self.clock()
        for region in dict.fromkeys(s.region for s in self.settings.sources if s.region):
            until = held.get(region)
            if until is None or until < now:
                last = f"the last one held ended {format_time(until)}" if until else "none was ever fetched"
                detail = f"no public key of {region} for today: {last}"
                yield HealthCheck(
                    "keys_held", Health.WARN, detail, "archiver keys fetch; the daemon does so by itself"
                )
            else:
                yield HealthCheck("keys_held", Health.OK, f"keys of {region} are held until {format_time(until)}")


def _access(source: SourceSettings) -> AwsAccess:
    from archiver.adapters.aws.session import AwsAccess  # noqa: PLC0415 - boto3

    return AwsAccess(
        profile=source.profile,
        role_arn=source.role_arn,
        external_id=source.external_id,
        region=source.region,
        endpoint_url=source.endpoint_url,
        cloudtrail_endpoint_url=source.cloudtrail_endpoint_url,
        attempts=_ATTEMPTS,
    )


def _failed(check_id: str, error: ArchiverError) -> HealthCheck:
    return HealthCheck(check_id, Health.FAIL, str(error), error.remedy)
