"""CloudTrail's accounts of an item's query as they lie in the archive, held against what was recorded of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from archiver.domain.custody_facts import QueryDescribed
from archiver.domain.custody_reading import entry_of
from archiver.domain.limits import DESCRIPTION_BYTES
from archiver.domain.paths import description_path
from archiver.domain.records import CustodyEvent
from archiver.domain.text import printable
from archiver.errors import MediumError
from archiver.store_ports import Store


@dataclass(frozen=True, slots=True)
class DescriptionTrouble:
    """``detail``: what is wrong, in words that begin with the path. ``unread``: it could not be looked at."""

    detail: str
    unread: bool = False


def description_troubles(
    store: Store, events: Iterable[CustodyEvent], from_medium: bool
) -> tuple[DescriptionTrouble, ...]:
    """What is wrong with the accounts that *events*, those of one item, tell of; of each file the last event."""
    recorded: dict[str, tuple[str, str | None]] = {}
    for event in events:
        if event.kind != QueryDescribed.kind:
            continue
        try:
            entry, _ = entry_of(json.loads(event.body))
        except (ValueError, RecursionError):  # what nobody recorded: the check of the ledger tells
            continue
        if isinstance(entry, QueryDescribed) and entry.path is not None:
            recorded[entry.path] = (entry.id, entry.sha256)
    found = (_trouble(store, path, item, sha256, from_medium) for path, (item, sha256) in recorded.items())
    return tuple(trouble for trouble in found if trouble is not None)


def _trouble(store: Store, path: str, item: str, sha256: str | None, from_medium: bool) -> DescriptionTrouble | None:
    if path != description_path(item):
        return DescriptionTrouble(f"{printable(path, 200)} is no place for CloudTrail's account of a query")
    try:
        with store.open(path, from_medium) as stream:
            data = stream.read(DESCRIPTION_BYTES + 1)
    except FileNotFoundError:
        return DescriptionTrouble(f"{path} is not there any more")
    except (OSError, MediumError) as error:
        return DescriptionTrouble(f"{path} cannot be read: {error}", unread=True)
    now = hashlib.sha256(data).hexdigest()
    if now == sha256:
        return None
    return DescriptionTrouble(f"{path} was put there with SHA-256 {sha256} and has {now}")
