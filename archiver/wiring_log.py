"""From ``[custody]`` to the key that signs the log, and to the keys that are trusted for it."""

from __future__ import annotations

import os
from collections.abc import Mapping

from archiver import custody_key
from archiver.domain.log_records import LogTrust
from archiver.errors import SigningError
from archiver.log_ports import Signer
from archiver.settings_custody import CustodySettings


def signer_of(
    custody: CustodySettings,
    place: str = "",
    environ: Mapping[str, str] = os.environ,
    attempts: int = 5,
    *,
    to_sign: bool = False,
) -> Signer:
    """The signer with the key at *place*, by default the configured one; nothing is read or asked yet.

    *attempts*: of one request to AWS. *to_sign*: a file that others may read is refused.
    """
    wanted = place or custody.signing_key
    arn = custody_key.kms_arn(wanted)
    if arn is None:
        return custody_key.FileSigner(wanted, custody.origin, environ, to_sign=to_sign)
    from archiver.adapters.aws.kms_signer import KmsSigner
    from archiver.adapters.aws.session import AwsAccess
    from archiver.settings_values import kms_region

    access = AwsAccess(
        profile=custody.profile,
        role_arn=custody.role_arn,
        external_id=custody.external_id,
        region=kms_region(wanted),
        kms_endpoint_url=custody.endpoint_url,
        attempts=attempts,
    )
    return KmsSigner(arn, custody.origin, access)


def trusted_keys_of(custody: CustodySettings) -> list[str]:
    """The verifier keys that the configuration vouches for: its own key's, and those that it names.

    Raises SigningError where its own cannot be had and it names none: then nothing is trusted.
    """
    named = list(custody.trusted_keys)
    try:
        own = signer_of(custody).key
    except SigningError:
        if not named:
            raise
        return named
    return list(dict.fromkeys([own, *named]))


def trust_of(custody: CustodySettings, environ: Mapping[str, str] = os.environ, *, ask_kms: bool = True) -> LogTrust:
    """As :func:`trusted_keys_of`, for those who go on where the configuration's own key cannot be had, and say so.

    *ask_kms*: False where AWS is not to be asked.
    """
    if custody.is_kms and not ask_kms:
        return LogTrust(custody.trusted_keys, "the log's key is in AWS KMS, which is not asked for it here")
    try:
        own = signer_of(custody, environ=environ).key
    except SigningError as error:
        return LogTrust(custody.trusted_keys, str(error))
    return LogTrust(tuple(dict.fromkeys([own, *custody.trusted_keys])))
