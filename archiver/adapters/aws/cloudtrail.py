"""CloudTrail's own answer to which public keys a Region used: ``cloudtrail:ListPublicKeys``."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from archiver.adapters.aws.errors import Doing, translated
from archiver.adapters.aws.privacy import without_private
from archiver.adapters.aws.session import AwsAccess, utc_now
from archiver.domain.keys import KeyProvenance, PublicKey
from archiver.domain.limits import PUBLIC_KEY_BYTES
from archiver.domain.text import printable
from archiver.errors import SourceUnreachableError
from archiver.ports import Clock

if TYPE_CHECKING:
    from mypy_boto3_cloudtrail.type_defs import ListPublicKeysResponseTypeDef, PublicKeyTypeDef

METHOD: Final = "ListPublicKeys"

MOST_PAGES: Final = 1000
"""Most pages of one answer that are followed. A Region makes about a dozen keys a year."""

_log = logging.getLogger(__name__)


class CloudTrailKeys:
    """Implements :class:`archiver.ports.KeyAuthority` for *region*."""

    def __init__(self, access: AwsAccess, region: str, clock: Clock = utc_now) -> None:
        self._access = access
        self._region = region
        self._clock = clock

    @property
    def region(self) -> str:
        """The Region that is asked."""
        return self._region

    def list_keys(self, start: datetime, end: datetime) -> tuple[Sequence[PublicKey], KeyProvenance]:
        """See the port. An entry without a key or a fingerprint is left out with a warning; the others stand.

        The provenance's ``request_id`` names every page's request, separated by blanks.
        """
        keys: list[PublicKey] = []
        requests: list[str] = []
        for page in self._pages(start, end):
            requests.append(page["ResponseMetadata"].get("RequestId", ""))
            keys += [key for entry in page.get("PublicKeyList", ()) if (key := self._key(entry)) is not None]
        provenance = KeyProvenance(
            method=METHOD,
            endpoint=without_private(self._access.cloudtrail(self._region).meta.endpoint_url),
            caller=self._access.caller_arn(),
            obtained_at=self._clock(),
            request_id=printable(" ".join(filter(None, requests))) or None,
        )
        return keys, provenance

    def _pages(self, start: datetime, end: datetime) -> Iterator[ListPublicKeysResponseTypeDef]:
        """Every page; botocore has no paginator for this operation."""
        doing = Doing(f"list CloudTrail's public keys in {self._region}", "cloudtrail:ListPublicKeys")
        client = self._access.cloudtrail(self._region)
        request: Any = {"StartTime": start, "EndTime": end}
        seen: set[str] = set()
        while True:
            with translated(doing):
                page = client.list_public_keys(**request)
            yield page
            token = page.get("NextToken")
            if not token:
                return
            if token in seen or len(seen) == MOST_PAGES:
                raise SourceUnreachableError(f"cannot {doing.what}: the pages of the answer do not end")
            seen.add(token)
            request["NextToken"] = token

    def _key(self, entry: PublicKeyTypeDef) -> PublicKey | None:
        der, fingerprint = entry.get("Value"), entry.get("Fingerprint")
        if not der or not fingerprint or len(der) > PUBLIC_KEY_BYTES:
            _log.warning(
                "CloudTrail in %s listed a key that cannot be used: %s", self._region, printable(repr(entry))
            )
            return None
        return PublicKey(
            der=bytes(der),
            claimed_fingerprint=printable(fingerprint, 64),
            region=self._region,
            valid_from=_utc(entry.get("ValidityStartTime")),
            valid_until=_utc(entry.get("ValidityEndTime")),
        )


def _utc(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC) if moment else None
