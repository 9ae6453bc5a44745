"""From settings to ready use cases. The only room that knows every adapter; each is imported when it is needed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Final

from archiver.actor import current_actor
from archiver.adapters.files.folder_source import FolderSource
from archiver.adapters.files.log_folder import LogFolder
from archiver.adapters.files.store import FolderStore
from archiver.domain.custody import Actor
from archiver.domain.evidence import Evidence
from archiver.errors import BusyError, NoLedgerError, UsageError
from archiver.last_head import last_head_of
from archiver.log_ports import Anchorer, HeadMemory, PublishedLog, Signer
from archiver.lost_ledger import lost_ledger
from archiver.memory import give_back_large_blocks
from archiver.ports import KeyAuthority, Ledger, Messenger, Progress, Source
from archiver.query_ports import QueryAuthority
from archiver.settings import Settings, SourceSettings
from archiver.source_access import source_access
from archiver.wiring_anchors import anchorers
from archiver.wiring_audit import helper
from archiver.wiring_log import signer_of, trusted_keys_of
from archiver.work.acquire import Acquirer
from archiver.work.alerts import deliver
from archiver.work.anchor import Anchors
from archiver.work.audit import Audit
from archiver.work.checkpoint import Checkpoints
from archiver.work.crew import Crew
from archiver.work.describe import Describer
from archiver.work.fetch import Fetcher
from archiver.work.import_ import Import
from archiver.work.inspect import Inspector
from archiver.work.inspect_batch import inspect_batch
from archiver.work.intake import Tools
from archiver.work.keys import KeyKeeper, KeyRing
from archiver.work.repair import Repairer
from archiver.work.sync import Plan, Sync
from archiver.work.throttle import Throttle

if TYPE_CHECKING:
    from archiver.adapters.aws.session import AwsAccess

FETCHES_AT_ONCE: Final = 48
"""Deliveries that are fetched at once where ``[workers] threads`` is 0: they wait for the network, mostly."""

COPIES_AT_ONCE: Final = 8
"""The same for imports, which wait for disks."""


def utc_now() -> datetime:
    """The system's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class App:
    """One ledger, one archive, and the use cases over them. ``stop`` ends all of them in good order."""

    settings: Settings
    ledger: Ledger
    store: FolderStore
    actor: Actor
    stop: Event
    progress: Progress
    accesses: dict[str, AwsAccess] = field(default_factory=dict)
    """How AWS is reached, by source: made when needed, and kept for their sessions and clients."""

    @cached_property
    def sources(self) -> dict[str, Source]:
        """The configured sources by name, in their order; nothing is asked of them yet."""
        return {source.name: self._source(source) for source in self.settings.sources}

    def plans(self, names: Sequence[str] = ()) -> list[Plan]:
        """How each source (or each of *names*) is synced. Raises UsageError for a name that is not configured."""
        unknown = [name for name in names if name not in self.sources]
        if unknown:
            known = ", ".join(self.sources) or "none"
            raise UsageError(f"no source is called {unknown[0]!r}", f"The configured ones are: {known}.")
        return [
            Plan(self.sources[s.name], s.grace, s.window, self.settings.schedule.full_sync_every)
            for s in self.settings.sources
            if not names or s.name in names
        ]

    @cached_property
    def keeper(self) -> KeyKeeper:
        """Takes keys in."""
        return KeyKeeper(self.ledger.keys, self.ledger.journal, self.store, utc_now)

    def ring(self, *, online: bool = True) -> KeyRing:
        """Finds keys: in the ledger, and by asking where *online*."""
        ask = self.authority if online else lambda _region: None
        return KeyRing(self.ledger.keys.by_fingerprint, self.keeper.admit, ask, utc_now)

    def authority(self, region: str) -> KeyAuthority | None:
        """Who answers ListPublicKeys for *region*: through a source there, else through one with AWS's own endpoints.

        Last comes a source with an endpoint of its own: requests are signed for *region*, so what stands there can
        tell. A ring asks the source's own Region first, so an endpoint that ignores Regions hides no mismatch.
        """
        candidates = [s for s in self.settings.sources if _has_aws(s)]
        if not candidates:
            return None
        chosen = min(candidates, key=lambda s: (s.region != region, s.cloudtrail_endpoint_url is not None))
        from archiver.adapters.aws.cloudtrail import CloudTrailKeys

        return CloudTrailKeys(self._access(chosen), region)

    def authorities(self, regions: Sequence[str] = ()) -> list[KeyAuthority]:
        """One for each of *regions*, or for each Region that a source names."""
        wanted = regions or list(dict.fromkeys(s.region for s in self.settings.sources if s.region and _has_aws(s)))
        return [authority for region in wanted if (authority := self.authority(region)) is not None]

    def sync(self) -> Sync:
        """The use case."""
        return Sync(self.tools(self.ring(), FETCHES_AT_ONCE), self.stop.is_set)

    def tools(self, ring: KeyRing, at_once: int) -> Tools:
        """What takes deliveries in, *at_once* of them unless the configuration says how many."""
        acquirer = Acquirer(
            store=self.store,
            evidence=self.ledger.evidence,
            ring=ring,
            fetcher=self._fetcher,
            clock=utc_now,
            reverify_after=self.settings.audit.reverify_after,
            min_free=self.settings.archive.min_free,
        )
        threads = self.settings.workers.threads or at_once
        return Tools(self.ledger, acquirer, utc_now, self.progress, threads, self._describer)

    def audit(
        self, *, occasion: str = "audit", from_medium: bool = True, repair: bool = False, online: bool = True
    ) -> Audit:
        """The use case. *online*: a key that is not on hand may be asked for."""
        throttle = Throttle(self.settings.audit.max_bytes_per_second, self.stop)
        inspector = Inspector(
            store=self.store,
            evidence=self.ledger.evidence,
            ring=self.ring(online=online),
            should_stop=self.stop.is_set,
            progress=self.progress,
            throttle=throttle,
            from_medium=from_medium,
        )
        repairer = Repairer(self.store, self.ledger.journal, self._fetcher, self._source_of, utc_now)
        settings, threads = self.settings, self.settings.workers.threads or os.cpu_count() or 1
        return Audit(
            ledger=self.ledger,
            inspector=inspector,
            crew=Crew(
                here=partial(inspect_batch, self.ledger, inspector),
                start=partial(helper, settings.ledger.dsn, settings.archive.path, self.actor, from_medium, self.stop),
                threads=threads,
                progress=self.progress,
                throttle=throttle,
            ),
            clock=utc_now,
            should_stop=self.stop.is_set,
            progress=self.progress,
            reverify_after=settings.audit.reverify_after,
            repairer=repairer if repair else None,
            occasion=occasion,
            region_of=lambda name: self.sources[name].region if name in self.sources else None,
        )

    def importer(self, name: str) -> Import:
        """The use case for source *name*, which need not be configured."""

        def source_at(above: str) -> Source:
            return FolderSource(name, Path("/") / above)

        return Import(self.tools(self.ring(), COPIES_AT_ONCE), self.stop.is_set, source_at)

    def messenger(self) -> Messenger:
        """Who delivers alerts: the configured addresses, else the log."""
        if not self.settings.notify.urls:
            from archiver.adapters.log_messenger import LogMessenger

            return LogMessenger()
        from archiver.adapters.notify import AppriseMessenger

        return AppriseMessenger(self.settings.notify.addresses)

    def send_alerts(self) -> tuple[int, int]:
        """Delivers what is queued: (delivered, failed). Nothing where another process is just doing so."""
        try:
            with self.ledger.locks.hold("alerts", wait=False):
                return deliver(self.ledger.outbox, self.messenger(), utc_now)
        except BusyError:
            return 0, 0

    @cached_property
    def published(self) -> PublishedLog:
        """The published log in the archive."""
        return LogFolder(self.settings.archive.path)

    def signer(self, place: str = "", *, to_sign: bool = False) -> Signer:
        """The log's key, or the one at *place*. *to_sign*: not one that others may read."""
        return signer_of(self.settings.custody, place, to_sign=to_sign)

    def checkpoints(self, *places: str) -> Checkpoints:
        """The use case: signed heads of the log. *places*: of keys to come, which are to know the last head, too."""
        origin = self.settings.custody.origin
        memories = self.memories(*places)
        signer = self.signer(to_sign=True)
        return Checkpoints(self.ledger, self.published, signer, origin, utc_now, self.stop.is_set, memories)

    def memories(self, *places: str) -> list[HeadMemory]:
        """Where the last signed head is kept, of the configured key and of those at *places*."""
        custody = self.settings.custody
        found = {head.place: head for place in ("", *places) if (head := last_head_of(custody, place))}
        return list(found.values())

    def anchorers(self) -> list[Anchorer]:
        """Who vouches for heads. Raises UsageError where a package is missing that one of them needs."""
        return anchorers(self.settings, utc_now)

    def anchors(self) -> Anchors:
        """The use case: the newest head, vouched for. Raises as :meth:`anchorers`."""
        renew_before = self.settings.anchors.renew_before
        return Anchors(self.ledger, self.published, self.anchorers(), utc_now, renew_before)

    def trusted_keys(self) -> list[str]:
        """The log's verifier keys that the configuration vouches for. Raises SigningError where there are none."""
        return trusted_keys_of(self.settings.custody)

    def close(self) -> None:
        """Ends the ledger's connections."""
        self.ledger.close()

    @cached_property
    def _fetcher(self) -> Fetcher:
        return Fetcher(self.stop.is_set, self.progress, self.stop)

    @cached_property
    def _describer(self) -> Describer:
        """One for all passes: it knows which Regions did not answer."""
        return Describer(self.store, self.query_authority, utc_now)

    def query_authority(self, name: str, region: str) -> QueryAuthority | None:
        """Who answers DescribeQuery in *region* for the source *name*; None where nobody is to be asked."""
        source = self.settings.source(name)
        if source is None or not source.is_s3 or not source.describe:
            return None
        from archiver.adapters.aws.describe import DescribeQuery

        return DescribeQuery(self._access(source), region)

    def _access(self, source: SourceSettings) -> AwsAccess:
        if source.name not in self.accesses:
            connections = max(FETCHES_AT_ONCE, self.settings.workers.threads)
            self.accesses[source.name] = replace(source_access(source), connections=connections)
        return self.accesses[source.name]

    def _source(self, source: SourceSettings) -> Source:
        if not source.is_s3:
            return FolderSource(source.name, source.path, source.region)
        from archiver.adapters.aws.s3_source import S3Source

        accounts = frozenset(source.accounts)
        return S3Source(source.name, source.bucket, source.prefix, self._access(source), accounts)

    def _source_of(self, evidence: Evidence) -> Source | None:
        """Where an item can be fetched again: its configured source, or the folder that it was imported from."""
        configured = self.sources.get(evidence.source)
        if configured is not None and configured.url == evidence.source_url:
            return configured
        if evidence.source_url.startswith("file://"):
            from archiver.settings_values import file_path

            return FolderSource(evidence.source, Path(file_path(evidence.source_url)), evidence.region)
        return configured


def _has_aws(source: SourceSettings) -> bool:
    """True where AWS may be asked through *source*: a bucket, or a folder for which access is configured."""
    return source.is_s3 or any((source.profile, source.role_arn, source.cloudtrail_endpoint_url))


def open_app(settings: Settings, stop: Event, progress: Progress) -> App:
    """Opens ledger and archive. Raises SchemaError, LedgerError, StoreError, each with what to do."""
    from archiver.adapters.ledger.database import open_ledger

    give_back_large_blocks()
    actor = current_actor()
    try:
        ledger = open_ledger(settings.ledger.dsn, actor)
    except NoLedgerError as error:
        raise lost_ledger(settings) or error from error
    try:
        return App(settings, ledger, FolderStore(settings.archive.path), actor, stop, progress)
    except BaseException:
        ledger.close()
        raise
