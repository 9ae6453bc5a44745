"""From a configured source to how AWS is reached for it: ``doctor`` tries what a run will use, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archiver.settings import SourceSettings

if TYPE_CHECKING:
    from archiver.adapters.aws.session import AwsAccess


def source_access(source: SourceSettings) -> AwsAccess:
    """How AWS is reached for *source*, with the usual number of connections and tries."""
    from archiver.adapters.aws.session import AwsAccess  # noqa: PLC0415 - boto3

    return AwsAccess(
        profile=source.profile,
        role_arn=source.role_arn,
        external_id=source.external_id,
        region=source.region,
        endpoint_url=source.endpoint_url,
        cloudtrail_endpoint_url=source.cloudtrail_endpoint_url,
    )
