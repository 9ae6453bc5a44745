"""Alerts to the log, where no address is configured: they are told, not lost."""

from __future__ import annotations

from collections.abc import Collection

import structlog


class LogMessenger:
    """Implements :class:`archiver.ports.Messenger`."""

    def send(self, title: str, text: str, only: Collection[str] = ()) -> Collection[str]:  # noqa: ARG002 - one address
        """One warning, its details with ``-v``: the ledger holds them. Nobody can refuse it."""
        log = structlog.get_logger()
        log.warning(f"alert: {title}")
        for line in text.splitlines():
            log.debug(f"  {line}")
        return ()
