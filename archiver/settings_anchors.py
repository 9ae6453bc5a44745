"""``[anchors]``: who vouches for checkpoints off this host."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, model_validator

from archiver.settings_types import Endpoint, ExternalId, PositiveDuration, Profile, Region, Role, Section
from archiver.settings_values import absolute_path, check_anchor_name, check_bucket_url, check_endpoint_url, s3_place

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def _witness_key(text: str) -> str:
    from archiver.log.note import ED25519, parse_key  # noqa: PLC0415 - loads cryptography

    if parse_key(text).type == ED25519:
        raise ValueError("a witness's verifier key is wanted (C2SP vkey of type 4 or 6), and this is a log's own")
    return text


def _witness_url(url: str) -> str:
    parts = urlsplit(check_endpoint_url(url))
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise ValueError("https:// is wanted for a witness")
    return url


WitnessUrl = Annotated[str, AfterValidator(_witness_url)]


class TimestampSettings(Section):
    """One ``[[anchors.timestamps]]``. ``url``: None for an authority that is asked no more; ``ca_file``: PEM."""

    name: Annotated[str, AfterValidator(check_anchor_name)]
    url: Endpoint | None = None
    ca_file: Annotated[str, AfterValidator(absolute_path)]

    @property
    def ca_path(self) -> Path:
        """The file of the certificates that are trusted for it."""
        return Path(self.ca_file)


class ObjectLockSettings(Section):
    """``[anchors.object_lock]``. ``retain_for``: from the moment at which a checkpoint is written."""

    url: Annotated[str, AfterValidator(check_bucket_url)]
    region: Region | None = None
    profile: Profile | None = None
    role_arn: Role | None = None
    external_id: ExternalId | None = None
    endpoint_url: Endpoint | None = None
    mode: Literal["governance", "compliance"] = "governance"
    retain_for: PositiveDuration = timedelta(days=7 * 365)

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return s3_place(self.url)[0]

    @property
    def prefix(self) -> str:
        """The key prefix below the bucket: "" or ending in ``/``."""
        return s3_place(self.url)[1]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.external_id is not None and self.role_arn is None:
            raise ValueError("external_id goes with a role_arn, and there is none")
        return self


class WitnessSettings(Section):
    """One ``[[anchors.witnesses]]``. ``key``: its C2SP vkey; ``url``: None for one that is asked no more."""

    key: Annotated[str, AfterValidator(_witness_key)]
    url: WitnessUrl | None = None
    monitoring_url: WitnessUrl | None = None


class AnchorsSettings(Section):
    """``[anchors]``. ``renew_before``: how long before an authority's certificate ends its stamps are renewed."""

    renew_before: PositiveDuration = timedelta(days=90)
    timestamps: tuple[TimestampSettings, ...] = ()
    object_lock: ObjectLockSettings | None = None
    witnesses: tuple[WitnessSettings, ...] = ()

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [one.name for one in self.timestamps]
        keys = [one.key for one in self.witnesses]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two [[anchors.timestamps]] are called {twice[0]!r}: names are unique")
        if len(set(keys)) < len(keys):
            raise ValueError("two [[anchors.witnesses]] have the same key")
        return self
