"""What ``archiver doctor`` asks of those who vouch for checkpoints: is each there, and would it vouch?"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

from archiver.domain.health import Health, HealthCheck
from archiver.errors import ArchiverError
from archiver.ports import Clock
from archiver.settings import Settings
from archiver.settings_anchors import ObjectLockSettings, TimestampSettings
from archiver.wiring_anchors import AnchorSettings, anchorer, configured_anchors


def anchor_checks(settings: Settings, clock: Clock) -> Iterator[HealthCheck]:
    """One check for each anchor, each tried for real; and whether the extra ``sign`` is there where it is needed."""
    configured = configured_anchors(settings)
    if not configured:
        remedy = "set [anchors]: without any, whoever owns this host and its key can write the history anew"
        yield HealthCheck("anchors", Health.WARN, "nobody off this host vouches for the log", remedy)
        return
    if settings.anchors.timestamps:
        yield _sign()
    for one in configured:
        yield _anchor(settings, one, clock)


def _sign() -> HealthCheck:
    if find_spec("rfc3161_client") is None:
        remedy = "Install rfc3161-client: requirements/runtime.txt has it, with hashes."
        return HealthCheck("sign", Health.FAIL, "time stamps need rfc3161-client, which is not installed", remedy)
    return HealthCheck("sign", Health.OK, "rfc3161-client is installed")


def _anchor(settings: Settings, configured: AnchorSettings, clock: Clock) -> HealthCheck:
    check_id, shown = _called(configured)
    try:
        found = anchorer(settings, configured, clock)
        if found.retired:
            return HealthCheck(check_id, Health.SKIP, f"{shown} has no url: it is asked no more")
        return HealthCheck(check_id, Health.OK, f"{shown}: {found.probe()}")
    except ArchiverError as error:
        return HealthCheck(check_id, Health.FAIL, f"{shown}: {error}", error.remedy)


def _called(configured: AnchorSettings) -> tuple[str, str]:
    match configured:
        case TimestampSettings():
            return "timestamp", configured.name
        case ObjectLockSettings():
            return "anchor_bucket", configured.url
    return "witness", configured.key.partition("+")[0]
