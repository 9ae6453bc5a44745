"""Who is acting: the operating system's user, this host, this version. It goes with every custody entry."""

from __future__ import annotations

import os
import pwd
import socket

from archiver.domain.custody import Actor
from archiver.version import __version__


def current_actor() -> Actor:
    """The effective user of this process (its number where it has no name), the host's name, our version."""
    uid = os.geteuid()
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = f"uid {uid}"
    return Actor(user=user, host=socket.gethostname(), version=__version__)
