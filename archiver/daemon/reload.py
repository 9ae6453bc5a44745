"""What a reload makes of new settings: what can change while the daemon runs, and what needs a restart."""

from __future__ import annotations

from collections.abc import Sequence

from archiver.errors import SettingsError
from archiver.settings import Settings


def effective(before: Settings, read: Settings) -> tuple[Settings, Sequence[str]]:
    """The settings to go on with where *read* replaces *before*, and the keys that keep their old value.

    Ledger and archive stay: the daemon's lock and everything that is under way belong to them. Raises
    SettingsError where the rest of *read* does not go with the old archive.
    """
    kept = []
    if read.ledger != before.ledger:
        kept.append("[ledger] url")
    if read.archive.url != before.archive.url:
        kept.append("[archive] url")
    if not kept:
        return read, kept
    archive = read.archive.model_copy(update={"url": before.archive.url})
    parts = {name: getattr(read, name) for name in Settings.model_fields}
    try:
        return Settings(**{**parts, "ledger": before.ledger, "archive": archive}), kept
    except ValueError:  # each part was checked when it was read: only how they fit together is left
        remains = "until then no source may lie within the archive in use, nor hold it"
        raise SettingsError(f"{' and '.join(kept)} needs a restart, and {remains}") from None
