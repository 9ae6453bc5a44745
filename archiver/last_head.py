"""The last head that was signed, kept beside the key: who puts ledger and archive back is found out.

Ledger and published log can be replaced together by whoever writes to both. What this file says cannot be,
unless they write to the key's folder too; and the program signs nothing that does not continue it.
"""

from __future__ import annotations

import errno
import os
import secrets
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from archiver import custody_key
from archiver.adapters.owner import hand_over
from archiver.errors import SigningError
from archiver.settings_custody import CustodySettings

_MOST_BYTES: Final = 64 * 1024
_REMEDY: Final = "[custody] last_head names another place for it, which the program can write"


class LastHeadFile:
    """``log_ports.HeadMemory`` in a file of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def place(self) -> str:
        return str(self._path)

    def last(self) -> str | None:
        """See ``log_ports.HeadMemory``."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb") as stream:
                return stream.read(_MOST_BYTES).decode("utf-8", "replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SigningError(f"{self._path}: the last head cannot be read: {error.strerror}", _REMEDY) from error

    def remember(self, note: str) -> None:
        """See ``log_ports.HeadMemory``."""
        try:
            self._put(self._path, note.encode("utf-8"))
        except OSError as error:
            raise SigningError(f"{self._path}: the last head cannot be kept: {error.strerror}", _REMEDY) from error

    def set_aside(self, reason: bytes, at: datetime) -> str:
        """See ``log_ports.HeadMemory``."""
        kept = self._path.with_name(f"{self._path.name}.set-aside-{at:%Y%m%dT%H%M%S.%fZ}")
        try:
            if os.path.lexists(kept):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(kept))
            self._put(kept.with_name(f"{kept.name}.reason"), reason)
            os.rename(self._path, kept)
            custody_key.sync_folder(kept.parent)
        except OSError as error:
            raise SigningError(f"{kept}: the last head cannot be set aside: {error.strerror}", _REMEDY) from error
        return str(kept)

    def _put(self, path: Path, data: bytes) -> None:
        """*data* at *path*, beside the last head: whole, and on the disk. Raises OSError."""
        folder = path.parent
        draft = folder / f".{path.name}-{secrets.token_hex(8)}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                hand_over(descriptor, folder)
                stream.write(data)
                stream.flush()
                os.fsync(descriptor)
            os.rename(draft, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(draft)
            raise
        custody_key.sync_folder(folder)


def last_head_of(custody: CustodySettings, place: str = "") -> LastHeadFile | None:
    """Where the last head that the key at *place* (by default the configured one) signed is kept.

    None for a credential or a key in AWS KMS for which ``[custody] last_head`` names no place.
    """
    if custody.last_head is not None:
        return LastHeadFile(Path(custody.last_head))
    wanted = place or custody.signing_key
    return LastHeadFile(Path(f"{wanted}.last-head")) if custody_key.is_file(wanted) else None
