"""What of a custody event goes into the tree.

A leaf is the event's body, canonical JSON. tlog-tiles writes the length of an entry in 16 bits, so a longer body (a
delivery of hundreds of files) goes in by its digest: the leaf then tells what happened and when, and the body is
published beside the tiles under its SHA-256. Either way the leaf decides every byte of the body.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Final

ENTRY_BYTES: Final = 0xFFFF
"""Most bytes of an entry in a bundle (c2sp.org/tlog-tiles, "Log entries")."""

_TELLS: Final = ("actor", "at", "id", "kind", "source")
"""Members of a long body that its leaf repeats, where they are short."""

_SHORT: Final = 1000

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def leaf_of(body: bytes) -> bytes:
    """The leaf of an event whose body is *body* (UTF-8)."""
    if len(body) <= ENTRY_BYTES:
        return body
    told: dict[str, Any] = {"body": {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}}
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        told |= {name: value[name] for name in _TELLS if len(json.dumps(value.get(name))) <= _SHORT and name in value}
        evidence = value.get("evidence")
        if isinstance(evidence, dict) and isinstance(evidence.get("id"), str):
            told["id"] = evidence["id"][:_SHORT]
    return json.dumps(told, ensure_ascii=True, separators=(",", ":"), sort_keys=True).encode("ascii")


def body_sha256(leaf: bytes) -> str | None:
    """The SHA-256 under which the body of *leaf* is published, 64 hex; None where the leaf is the body.

    A body never has a member ``body``. Raises ValueError for a leaf that is not JSON, or that tells of no hash there:
    what is answered goes into a path.
    """
    try:
        value = json.loads(leaf)
    except RecursionError as error:
        raise ValueError("a leaf that is nested too deeply") from error
    if not isinstance(value, dict):
        raise ValueError("a leaf that is no JSON object")  # noqa: TRY004 - what cannot be read is a ValueError
    if "body" not in value:
        return None
    told = value["body"]
    digest = told.get("sha256") if isinstance(told, dict) else None
    if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
        raise ValueError("a leaf whose body is elsewhere, and no hash says which")
    return digest
