"""Alerts to the log, where no address is configured: they are told, not lost."""

from __future__ import annotations

from collections.abc import Collection

import structlog


class LogMessenger:
    """Implements :class:`archiver.ports.Messenger`."""

    def send(self, title: str, text: str) -> Collection[str]:
        """One warning; nobody can refuse it."""
        structlog.get_logger().warning("alert", title=title, text=text)
        return ()
