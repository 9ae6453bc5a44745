"""What AWS says, without what must not be kept for ever: who a session belongs to, and passwords in URLs.

Custody events cannot be erased, and errors and callers become part of them. With AWS SSO a session's name is a
person's mail address. Source: IAM User Guide, "IAM identifiers": ``arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION``
and ``arn:aws:sts::ACCOUNT:federated-user/NAME``. The names of IAM users stay: they are who acted.
"""

from __future__ import annotations

import re
from typing import Final

from archiver.domain.text import printable

_LOOKED_AT: Final = 2000
"""Characters that are looked at: whoever answers decides how long a message is."""

_SESSION: Final = re.compile(r"(:assumed-role/[\w+=,.@-]+|:federated-user)/[\w+=,.@-]*")
_USER_INFO: Final = re.compile(r"(?<=://)[^/?#\s]*@")


def without_private(text: str) -> str:
    """*text* (an ARN, a URL, a message; at most 2000 characters of it) without session names, users and passwords."""
    return _USER_INFO.sub("", _SESSION.sub(r"\1", text[:_LOOKED_AT]))


def message_to_keep(text: str) -> str:
    """The first line of a message from AWS or its client library, fit to be shown and kept.

    Further lines may quote a request's headers, the session's token among them.
    """
    return printable(without_private(text.strip().partition("\n")[0]), 300)
