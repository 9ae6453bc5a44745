"""Wiring for ``verify``: sources and keys without an archive, and with a ledger only where there is one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Final

from archiver.actor import current_actor
from archiver.adapters.files.folder_source import FolderSource
from archiver.domain.keys import HeldKey
from archiver.ports import KeyAuthority, Ledger, Progress, Source
from archiver.settings import Settings
from archiver.wiring import utc_now
from archiver.work.keys import KeyBox, KeyRing
from archiver.work.verify import Verifier

if TYPE_CHECKING:
    from archiver.adapters.aws.session import AwsAccess

_GRACE: Final = timedelta(hours=24)
_THREADS: Final = 8
"""Deliveries that are read at once over the network, which is waited for mostly."""

_LOCAL_THREADS: Final = min(_THREADS, os.cpu_count() or 1)
"""In folders: where there are more than processors, they wait for each other."""


@dataclass
class Access:
    """How AWS is reached; made once it is needed only, for boto3 takes a while to import."""

    region: str | None
    endpoint_url: str | None
    cloudtrail_endpoint_url: str | None
    _made: list[AwsAccess] = field(default_factory=list)

    def bucket(self, bucket: str) -> Source:
        """The whole of *bucket* as a source."""
        from archiver.adapters.aws.s3_source import S3Source

        return S3Source("verify", bucket, "", self._access())

    def authority(self, region: str) -> KeyAuthority:
        """Who answers ListPublicKeys for *region*."""
        from archiver.adapters.aws.cloudtrail import CloudTrailKeys

        return CloudTrailKeys(self._access(), region)

    def _access(self) -> AwsAccess:
        from archiver.adapters.aws.session import AwsAccess

        if not self._made:
            self._made.append(
                AwsAccess(
                    region=self.region,
                    endpoint_url=self.endpoint_url,
                    cloudtrail_endpoint_url=self.cloudtrail_endpoint_url,
                )
            )
        return self._made[0]


def local_root() -> Source:
    """The local file system as a source; its keys are absolute paths without the leading ``/``."""
    return FolderSource("verify", Path("/"))


def readable_ledger(settings: Settings) -> Ledger:
    """The configured ledger. Raises SchemaError, LedgerError."""
    from archiver.adapters.ledger.database import open_ledger

    return open_ledger(settings.ledger.dsn, current_actor())


def verify_ring(ledger: Ledger | None, key_file: str | None, region: str | None, access: Access | None) -> KeyRing:
    """Keys of *key_file* alone, else of *ledger*, else as *access* has them answered. Raises UsageError.

    *region*: that of the keys in *key_file* that do not name theirs.
    """
    box = KeyBox()
    if key_file is not None:
        from archiver.key_files import read_key_list

        box.admit(*read_key_list(key_file, region))

    def held(fingerprint: str) -> Sequence[HeldKey]:
        return box.held(fingerprint) or (ledger.keys.by_fingerprint(fingerprint) if ledger else ())

    def authority(region: str) -> KeyAuthority | None:
        return access.authority(region) if access else None

    return KeyRing(held, box.admit, authority, utc_now, access.region if access else None)


def verifier_of(ring: KeyRing, ledger: Ledger | None, stop: Event, progress: Progress) -> Verifier:
    """The use case."""

    def elsewhere(digest: str) -> list[tuple[str | None, str]]:
        return [(query, place) for _, query, place in ledger.evidence.same_hash_list(digest)] if ledger else []

    return Verifier(ring.find, elsewhere, utc_now, stop.is_set, progress, _THREADS, _LOCAL_THREADS, _GRACE)
