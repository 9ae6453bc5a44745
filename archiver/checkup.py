"""The checks behind ``archiver doctor``: everything that a run needs, tried for real where that leaves no trace.

Each check is apart: one that fails never hides another. Like ``wiring`` this room knows the adapters.
"""

from __future__ import annotations

import os
import pwd
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from archiver.adapters.files.store import FolderStore
from archiver.adapters.ledger.database import open_ledger
from archiver.checkup_anchors import anchor_checks
from archiver.checkup_log import key_check, log_check
from archiver.domain.custody import Actor
from archiver.domain.health import Health, HealthCheck
from archiver.domain.paths import STAGING_FOLDER
from archiver.domain.text import printable
from archiver.domain.times import format_time
from archiver.errors import ArchiverError, NoLedgerError
from archiver.lost_ledger import lost_ledger
from archiver.ports import Clock, Ledger
from archiver.settings import Settings, SourceSettings
from archiver.source_access import source_access

_TO_ITS_OWNER: Final = "run this as the owner of {}, or as root"
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
        yield from self._ledger_files()
        windows: Mapping[str, datetime] = {}
        keyless = False
        log_key: str | None = None
        log: HealthCheck | None = None
        try:
            with closing(open_ledger(self.settings.ledger.dsn, self.actor)) as ledger:
                yield HealthCheck("ledger", Health.OK, f"{ledger.url} has this version's schema")
                yield self._ledger_write(ledger)
                windows = ledger.keys.regions()
                keyless = next(iter(ledger.keys.all()), None) is None
                adopted = ledger.log.keys()
                log_key = adopted[-1].key if adopted else None
                log = log_check(self.settings, ledger)
        except NoLedgerError as error:
            yield _failed("ledger", lost_ledger(self.settings) or error)
        except ArchiverError as error:
            yield _failed("ledger", error)
        yield from self._archive()
        yield key_check(self.settings, self.environ, log_key)
        if log is not None:
            yield log
        yield self._notify()
        yield from anchor_checks(self.settings, self.clock)
        if not self.settings.sources:
            remedy = "add [[sources]] to the configuration, or bring folders in with archiver import"
            yield HealthCheck("sources", Health.WARN, "no source is configured", remedy)
        for source in self.settings.sources:
            yield from self._bucket(source) if source.is_s3 else self._folder(source, keyless)
        yield from self._windows(windows)

    def _config(self) -> HealthCheck:
        if self.file is None:
            return HealthCheck("config", Health.OK, "read from the environment alone")
        shown = printable(str(self.file))
        if self.settings.holds_secrets and self.file.stat().st_mode & 0o007:  # the daemon's group may read it
            detail = f"{shown} can be read by everybody, and passwords or tokens may stand in it"
            return HealthCheck("config", Health.WARN, detail, f"chmod o= {shown}, or pass secrets by environment")
        return HealthCheck("config", Health.OK, f"{shown} is valid")

    def _ledger_files(self) -> Iterator[HealthCheck]:
        """One command run as another user may have made files that this one, or the daemon's, cannot open."""
        file = self.settings.ledger.sqlite_path
        if file is None or not file.exists():
            return
        locks = file.with_name(f"{file.name}.locks")
        beside = (file.with_name(f"{file.name}{end}") for end in ("-wal", "-shm"))
        try:
            there = [path for path in (file, *beside, locks) if path.exists()]
            there += sorted(locks.iterdir()) if locks.exists() else []
            closed = [path for path in there if not os.access(path, os.R_OK | os.W_OK, effective_ids=True)]
            foreign = _foreign(there, file.parent)
        except OSError as error:
            yield HealthCheck("ledger_files", Health.FAIL, str(error), _TO_ITS_OWNER.format(file.parent))
            return
        owner, user = _owner(file.parent), _user(os.geteuid())
        if closed or foreign:
            told = f"{user} cannot open" if closed else f"not {owner}'s, as their folder is:"
            detail = f"{told} {', '.join(path.name for path in (closed or foreign)[:5])}"
            remedy = f"chown -R {owner}: {file} {file}-* {locks}; run commands as {owner}, or as root"
            yield HealthCheck("ledger_files", Health.FAIL if closed else Health.WARN, detail, remedy)
        else:
            yield HealthCheck("ledger_files", Health.OK, f"ledger and locks are {owner}'s, and {user} can open them")

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
        yield self._archive_owner(root)
        least = self.settings.archive.min_free
        detail = f"{free / 2**30:.1f} GiB free, of which [archive] min_free keeps {least / 2**30:.2f} GiB"
        if free <= least:
            yield HealthCheck("archive_space", Health.FAIL, detail, "make room, or move the archive to a larger disk")
        elif free <= 4 * least:
            yield HealthCheck("archive_space", Health.WARN, detail, "make room soon")
        else:
            yield HealthCheck("archive_space", Health.OK, detail)

    def _archive_owner(self, root: Path) -> HealthCheck:
        owner = _owner(root)
        try:
            staging = root / STAGING_FOLDER
            foreign = _foreign([*root.iterdir(), *staging.iterdir()], root)
        except OSError as error:
            return HealthCheck("archive", Health.FAIL, str(error), _TO_ITS_OWNER.format(root))
        if foreign:
            detail = f"{root} is {owner}'s, and these in it are not: {', '.join(path.name for path in foreign[:5])}"
            return HealthCheck("archive", Health.WARN, detail, f"chown -R {owner}: {root}")
        return HealthCheck("archive", Health.OK, f"{root} can be written; it is {owner}'s")

    def _notify(self) -> HealthCheck:
        count = len(self.settings.notify.urls)
        if not count:
            remedy = "set [notify] urls: a failure nobody hears of is found too late"
            return HealthCheck("notify", Health.WARN, "alerts go to the log only", remedy)
        if find_spec("apprise") is None:
            remedy = "Install apprise: requirements/runtime.txt has it, with hashes."
            return HealthCheck("notify", Health.FAIL, "alerts need apprise, which is not installed", remedy)
        return HealthCheck("notify", Health.OK, f"alerts go to {count} address{'es' if count > 1 else ''}")

    def _folder(self, source: SourceSettings, keyless: bool) -> Iterator[HealthCheck]:
        """Listed one level deep: a tree that was copied as root often has its first folder closed."""
        at = source.path
        try:
            for entry in list(os.scandir(source.path)):
                if entry.is_dir(follow_symlinks=False):
                    at = Path(entry.path)
                    with os.scandir(at) as below:
                        next(below, None)
        except OSError as error:
            detail = f"{printable(str(at))} cannot be listed: {error.strerror}"
            yield HealthCheck("list", Health.FAIL, detail, "check the path, its mount and its mode", source.name)
        else:
            yield HealthCheck("list", Health.OK, f"{source.path} can be listed", source=source.name)
        if keyless:
            yield HealthCheck(
                "keys_held", Health.WARN, "no public key is held", "archiver keys import FILE", source.name
            )

    def _bucket(self, source: SourceSettings) -> Iterator[HealthCheck]:
        from archiver.adapters.aws.probe import BucketProbe  # noqa: PLC0415 - boto3 takes half a second

        access = replace(source_access(source), attempts=_ATTEMPTS)
        place = (source.name, source.bucket, source.prefix, source.region)
        yield from BucketProbe(*place, access, self.clock, source.describe).checks()

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


def _foreign(paths: Sequence[Path], place: Path) -> list[Path]:
    """Those of *paths* that somebody else owns than *place*. Raises OSError."""
    owner = place.stat().st_uid
    return [path for path in paths if path.lstat().st_uid != owner]


def _owner(path: Path) -> str:
    return _user(path.stat().st_uid)


def _user(number: int) -> str:
    """The user's name, or the number where it has none."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _failed(check_id: str, error: ArchiverError) -> HealthCheck:
    return HealthCheck(check_id, Health.FAIL, str(error), error.remedy)
