"""Key lists in files: what ``aws cloudtrail list-public-keys`` prints."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from archiver.actor import current_actor
from archiver.adapters.aws.key_list import format_key_list, parse_key_list
from archiver.domain.keys import KeyProvenance, PublicKey
from archiver.domain.limits import KEY_LIST_BYTES
from archiver.errors import UsageError
from archiver.wiring import utc_now


def read_key_list(name: str, region: str | None = None) -> tuple[list[PublicKey], KeyProvenance]:
    """The keys in file *name* (``-``: stdin) and where they came from. Raises UsageError naming file and entry.

    *region*: whose keys the list's reader says they are; it stands where an entry does not name its own.
    """
    try:
        if name == "-":
            data = sys.stdin.buffer.read(KEY_LIST_BYTES + 1)
        else:
            with Path(name).open("rb") as stream:
                data = stream.read(KEY_LIST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}") from error
    try:
        keys = parse_key_list(data)
    except UsageError as error:
        raise UsageError(f"{name}: {error}", error.remedy) from error
    actor = current_actor()
    where = "stdin" if name == "-" else Path(name).name
    if region is not None:
        keys = [key if key.region else replace(key, region=region) for key in keys]
    return keys, KeyProvenance("import", where, f"{actor.user}@{actor.host}", utc_now())


def key_list_bytes(keys: Iterable[PublicKey]) -> bytes:
    """*keys* as a key list: what :func:`read_key_list` reads."""
    return format_key_list(keys)
