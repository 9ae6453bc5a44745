"""CloudTrail's public keys, and where each copy of one came from.

Source: AWS CloudTrail API Reference, ``ListPublicKeys`` and ``PublicKey``: ``Value`` is the DER encoding of a
PKCS#1 ``RSAPublicKey`` (RFC 8017, appendix A.1.1). The fingerprint is the MD5 of that DER. MD5 is a name, not
a trust anchor: a key is identified here by the SHA-256 of the same DER.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from archiver.domain.aws_hosts import is_cloudtrail

LISTED: Final = "ListPublicKeys"
"""The method of a key that CloudTrail listed."""


_KEPT: Final = 256
"""Keys whose digests are kept: thousands of items are judged with each."""


@lru_cache(_KEPT)
def _md5(der: bytes) -> str:
    return hashlib.md5(der, usedforsecurity=False).hexdigest()


@lru_cache(_KEPT)
def _sha256(der: bytes) -> str:
    return hashlib.sha256(der).hexdigest()


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One public key as it was obtained.

    ``der``: PKCS#1 DER. ``claimed_fingerprint``: 32 hex, what the list called it; compare with
    :attr:`fingerprint`. ``region``: the Region whose endpoint listed it, or whose the operator who imported it
    said it is; None where nobody knows (AWS's list alone does not say). ``valid_from`` to ``valid_until``: the
    window that the list gave, None where it did not.
    """

    der: bytes
    claimed_fingerprint: str
    region: str | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None

    @property
    def fingerprint(self) -> str:
        """MD5 of the DER, 32 hex: the name that sign files use."""
        return _md5(self.der)

    @property
    def sha256(self) -> str:
        """SHA-256 of the DER, 64 hex: the key's identity in the ledger and the archive."""
        return _sha256(self.der)


@dataclass(frozen=True, slots=True)
class KeyProvenance:
    """How a key was obtained. It goes wherever the key goes, reports included.

    ``method``: ``ListPublicKeys`` (answered by ``endpoint``, over TLS where it says https, to ``caller``, an
    ARN) or ``import`` (``caller`` is the operator, ``endpoint`` the file's name). ``obtained_at``: UTC.
    """

    method: str
    endpoint: str
    caller: str | None
    obtained_at: datetime
    request_id: str | None = None

    @property
    def is_cloudtrails(self) -> bool:
        """True where CloudTrail itself gave the key: at an endpoint that is not AWS's it may be anybody."""
        return self.method == LISTED and is_cloudtrail(self.endpoint)


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A key with every provenance that is on record for it, oldest first."""

    key: PublicKey
    provenance: tuple[KeyProvenance, ...] = ()

    @property
    def is_listed(self) -> bool:
        """True where CloudTrail itself gave this copy; another list may say anything of Region and window."""
        return any(provenance.is_cloudtrails for provenance in self.provenance)


def by_trust(copies: Iterable[HeldKey]) -> list[HeldKey]:
    """*copies*, the one first whose Region and window are to be believed, whatever their order was.

    What CloudTrail listed goes before what was imported, then the oldest, then what says more.
    """
    held = list(copies)
    return sorted(held, key=_trust) if len(held) > 1 else held


def _trust(held: HeldKey) -> tuple[object, ...]:
    obtained = [p.obtained_at for p in held.provenance if p.is_cloudtrails or not held.is_listed]
    facts = (held.key.region, held.key.valid_from, held.key.valid_until)
    return (
        not held.is_listed,
        min(obtained, default=datetime.max.replace(tzinfo=UTC)),
        sum(fact is None for fact in facts),
        *("" if fact is None else str(fact) for fact in facts),
        held.key.sha256,
    )
