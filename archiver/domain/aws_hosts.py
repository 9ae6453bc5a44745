"""Which endpoints are CloudTrail's own: what another server answers, AWS did not.

Source: AWS General Reference, "AWS CloudTrail endpoints and quotas" and "AWS PrivateLink"; the DNS suffixes are those
of the partitions that AWS's SDKs know. Over https the certificate vouches for the name, which nobody else can have:
so not any host below these suffixes counts, where anybody can rent one, but CloudTrail's names alone.
"""

from __future__ import annotations

import re
from typing import Final

_SUFFIXES: Final = (
    *("amazonaws.com", "api.aws", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    *("amazonaws.eu", "api.amazonwebservices.eu", "c2s.ic.gov", "api.aws.ic.gov", "sc2s.sgov.gov", "api.aws.scloud"),
    *("cloud.adc-e.uk", "api.cloud-aws.adc-e.uk", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
)

_CLOUDTRAIL: Final = re.compile(
    r"https://(?:vpce-[0-9a-z-]{1,60}\.)?cloudtrail(?:-fips)?\.[a-z]{2,}(?:-[a-z0-9]+){1,4}(?:\.vpce)?\."
    rf"(?:{'|'.join(map(re.escape, _SUFFIXES))})(?::443)?/?",
    re.ASCII,
)


def is_cloudtrail(endpoint: str) -> bool:
    """True where *endpoint*, a URL, is one of AWS CloudTrail's, over https."""
    return _CLOUDTRAIL.fullmatch(endpoint) is not None
