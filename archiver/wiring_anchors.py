"""From ``[anchors]`` to those who vouch for checkpoints. Nothing is asked of anybody yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archiver.log_ports import Anchorer
from archiver.ports import Clock
from archiver.settings import Settings
from archiver.settings_anchors import ObjectLockSettings, TimestampSettings, WitnessSettings

if TYPE_CHECKING:
    from archiver.adapters.aws.object_lock import LockedBucket


def anchorers(settings: Settings, clock: Clock) -> list[Anchorer]:
    """Everybody who is configured, the retired ones too: they are known for their old proofs.

    Raises UsageError where a package is missing that they need.
    """
    return [anchorer(settings, configured, clock) for configured in configured_anchors(settings)]


AnchorSettings = TimestampSettings | ObjectLockSettings | WitnessSettings


def configured_anchors(settings: Settings) -> list[AnchorSettings]:
    """What is configured, in the order of the file."""
    locked = settings.anchors.object_lock
    return [*settings.anchors.timestamps, *([locked] if locked else []), *settings.anchors.witnesses]


def anchorer(settings: Settings, configured: AnchorSettings, clock: Clock) -> Anchorer:
    """The one that *configured*, a part of *settings*, describes. Raises UsageError as :func:`anchorers` does."""
    match configured:
        case TimestampSettings():
            from archiver.adapters.anchors.timestamp import TimestampAuthority

            return TimestampAuthority(configured.name, configured.url, configured.ca_path, clock)
        case ObjectLockSettings():
            return _locked_bucket(configured, settings.custody.origin, clock)
        case WitnessSettings():
            from archiver.adapters.anchors.witness import Witness
            from archiver.log.note import parse_key

            key = parse_key(configured.key)
            return Witness(key, settings.custody.origin, configured.url, configured.monitoring_url, clock)


def _locked_bucket(configured: ObjectLockSettings, origin: str, clock: Clock) -> LockedBucket:
    from archiver.adapters.aws.object_lock import LockedBucket
    from archiver.adapters.aws.session import AwsAccess

    access = AwsAccess(
        profile=configured.profile,
        role_arn=configured.role_arn,
        external_id=configured.external_id,
        region=configured.region,
        endpoint_url=configured.endpoint_url,
    )
    return LockedBucket(
        configured.bucket, configured.prefix, origin, access, configured.mode, configured.retain_for, clock
    )
