"""The section ``[custody]``: with which key the log is signed, and what it is called."""

from __future__ import annotations

import re
from typing import Annotated, Final, Self

from pydantic import AfterValidator, model_validator

from archiver.settings_types import Endpoint, ExternalId, Profile, Role, Section
from archiver.settings_values import absolute_path, check_signing_key

_ORIGIN: Final = re.compile(r"[!-*,-~]{1,255}", re.ASCII)


def _origin(text: str) -> str:
    if _ORIGIN.fullmatch(text) is None:
        raise ValueError("a name such as example.com/custody is wanted: printable ASCII without blanks and +")
    return text


def _verifier_key(text: str) -> str:
    from archiver.log.note import ED25519, parse_key  # noqa: PLC0415 - cryptography, and few configurations need it

    if parse_key(text).type != ED25519:
        raise ValueError("a witness's key, not a log's (Ed25519, type 1)")
    return text


class CustodySettings(Section):
    """``[custody]``. ``signing_key``: a path, ``credential:NAME`` or ``awskms:ARN``; ``origin``: the log's name.

    ``last_head``: where the last head is kept that was signed, by default beside a key that is a file.
    ``trusted_keys``: verifier keys (C2SP) of the log that are believed besides the configured one. The rest is for
    a key in AWS KMS: how it is reached, as for a source.
    """

    signing_key: Annotated[str, AfterValidator(check_signing_key)] = "/var/lib/archiver/custody-key"
    origin: Annotated[str, AfterValidator(_origin)] = "example.com/custody"
    last_head: Annotated[str, AfterValidator(absolute_path)] | None = None
    trusted_keys: tuple[Annotated[str, AfterValidator(_verifier_key)], ...] = ()
    profile: Profile | None = None
    role_arn: Role | None = None
    external_id: ExternalId | None = None
    endpoint_url: Endpoint | None = None

    @property
    def is_kms(self) -> bool:
        """True for a key in AWS KMS."""
        return self.signing_key.startswith("awskms:")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        names = [key.partition("+")[0] for key in self.trusted_keys]
        foreign = [name for name in names if name != self.origin]
        if foreign:
            raise ValueError(
                f"a key in trusted_keys is called {foreign[0]!r}: a key of this log is called as its origin"
            )
        if self.external_id is not None and self.role_arn is None:
            raise ValueError("external_id goes with a role_arn, and there is none")
        return self
