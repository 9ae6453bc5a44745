"""Endpoints: which are CloudTrail's own, and which only look so."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from archiver.domain.aws_hosts import is_cloudtrail
from archiver.domain.facts import Label, signed_label
from archiver.domain.keys import HeldKey, KeyProvenance, PublicKey


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://cloudtrail.us-east-1.amazonaws.com",
        "https://cloudtrail.us-east-1.amazonaws.com/",
        "https://cloudtrail.us-east-1.amazonaws.com:443",
        "https://cloudtrail-fips.us-gov-west-1.amazonaws.com",
        "https://cloudtrail.eu-central-1.api.aws",
        "https://cloudtrail.cn-north-1.amazonaws.com.cn",
        "https://cloudtrail.us-iso-east-1.c2s.ic.gov",
        "https://cloudtrail.eusc-de-east-1.amazonaws.eu",
        "https://vpce-0a1b2c3d4e5f-abcdefgh.cloudtrail.us-east-1.vpce.amazonaws.com",
    ],
)
def test_an_endpoint_of_cloudtrail(endpoint: str) -> None:
    assert is_cloudtrail(endpoint)


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "http://127.0.0.1:5000",
        "http://cloudtrail.us-east-1.amazonaws.com",
        "https://cloudtrail.us-east-1.amazonaws.com.example.org",
        "https://cloudtrail.us-east-1.amazonaws.com@example.org",
        "https://cloudtrail.us-east-1.amazonaws.com:8443",
        "https://cloudtrail.us-east-1.amazonaws.com/../x",
        "https://cloudtrail.us-east-1.amazonaws.com\n",
        "https://cloudtrail.s3.us-east-1.amazonaws.com",
        "https://cloudtrail.s3.amazonaws.com",
        "https://cloudtrail.execute-api.us-east-1.amazonaws.com",
        "https://ec2-198-51-100-1.compute-1.amazonaws.com",
        "https://mycloudtrail.us-east-1.amazonaws.com",
        "https://cloudtrail.example.com",
        "https://cloudtrail.us-east-1xamazonaws.com",
        "https://clоudtrail.us-east-1.amazonaws.com",
        "HTTPS://CLOUDTRAIL.US-EAST-1.AMAZONAWS.COM.evil",
        "/media/https://cloudtrail.us-east-1.amazonaws.com",
    ],
)
def test_an_endpoint_of_somebody_else(endpoint: str) -> None:
    assert not is_cloudtrail(endpoint)


@pytest.mark.parametrize(
    ("method", "endpoint", "label"),
    [
        ("ListPublicKeys", "https://cloudtrail.us-east-1.amazonaws.com", Label.SIGNED),
        ("ListPublicKeys", "http://127.0.0.1:5000", Label.FITS_KEY),
        ("import", "https://cloudtrail.us-east-1.amazonaws.com", Label.FITS_KEY),
    ],
)
def test_what_a_key_signed_is_awss_word_only_where_aws_gave_it(method: str, endpoint: str, label: Label) -> None:
    provenance = KeyProvenance(method, endpoint, None, datetime(2026, 1, 1, tzinfo=UTC))
    held = HeldKey(PublicKey(b"", ""), (provenance,))
    assert signed_label([held]) is label
