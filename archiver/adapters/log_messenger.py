"""Alerts to the log, where no address is configured: they are told, not lost."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Final

_LOGGER: Final = "archiver.alerts"
"""``logs.ALERTS``; what the verbosity lets through is decided there."""


class LogMessenger:
    """Implements :class:`archiver.ports.Messenger`."""

    def send(self, title: str, text: str, only: Collection[str] = ()) -> Collection[str]:  # noqa: ARG002 - one address
        """One warning, its details with ``-v``: the ledger holds them. Nobody can refuse it."""
        log = logging.getLogger(_LOGGER)
        log.setLevel(logging.DEBUG)
        log.warning("alert: %s", title)
        for line in text.splitlines():
            log.debug("  %s", line)
        return ()
