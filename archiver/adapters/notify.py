"""Alerts to people through apprise, which knows mail, chat and paging services by URL.

The URLs hold tokens. What is said of one here is its scheme, and its host where the service has one of its own:
in ``slack://…`` that place holds a token.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Final

from archiver.domain.text import printable
from archiver.errors import SettingsError, UsageError

if TYPE_CHECKING:
    import apprise

_TITLE_CHARS: Final = 250
_TEXT_CHARS: Final = 20_000
"""Services cut or split what is too long for them, each by its own rule; this is more than most take."""


class AppriseMessenger:
    """Implements :class:`archiver.ports.Messenger`. Safe to use from several threads."""

    def __init__(self, addresses: Sequence[str]) -> None:
        """*addresses*: apprise's URLs. Nothing is sent or looked up yet.

        Raises UsageError where apprise is not installed, SettingsError for a URL that it does not take.
        """
        try:
            import apprise  # noqa: PLC0415 - an extra, and slow
        except ImportError as error:
            raise UsageError(
                "[notify] urls needs apprise, which is not installed",
                "Install apprise: requirements/runtime.txt has it, with hashes.",
            ) from error
        logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its warnings may quote parts of a URL
        asset = apprise.AppriseAsset(
            app_id="archiver",
            app_desc="CloudTrail evidence archiver",
            storage_mode=apprise.PersistentStoreMode.MEMORY,
        )
        self._targets: list[tuple[str, apprise.Apprise]] = []
        for number, address in enumerate(addresses):
            service = apprise.Apprise.instantiate(address, asset=asset)
            if service is None:
                scheme = printable(address.partition(":")[0], 20)
                raise SettingsError(
                    f"[notify] urls[{number}] ({scheme}://…) is no address that apprise takes",
                    "See https://github.com/caronc/apprise/wiki for the form of each service's URL.",
                )
            target = apprise.Apprise(asset=asset)
            target.add(service)
            self._targets.append((f"urls[{number}] {_shown(address, service)}", target))

    def send(self, title: str, text: str, only: Collection[str] = ()) -> Collection[str]:
        """See the port. Line breaks of *text* stay; whatever else does not print is escaped."""
        safe_title = printable(title, _TITLE_CHARS)
        safe_text = "\n".join(printable(line, _TEXT_CHARS) for line in text[:_TEXT_CHARS].split("\n"))
        wanted = [(name, target) for name, target in self._targets if not only or name in only]
        return [name for name, target in wanted if not self._send(target, safe_title, safe_text)]

    def _send(self, target: apprise.Apprise, title: str, text: str) -> bool:
        import apprise  # noqa: PLC0415

        kind = apprise.NotifyType.WARNING
        return bool(target.notify(body=text, title=title, notify_type=kind, body_format=apprise.NotifyFormat.TEXT))


def _shown(address: str, service: apprise.NotifyBase) -> str:
    """*address* without anything secret in it."""
    scheme = printable(address.partition(":")[0].lower(), 20)
    has_host = "host" in service.template_tokens and not service.template_tokens["host"].get("private")
    host = getattr(service, "host", None) if has_host else None
    if not isinstance(host, str) or not ("." in host or ":" in host):  # in ntfy://topic it is what must stay secret
        host = "…"
    return f"{scheme}://{printable(host, 100)}"
