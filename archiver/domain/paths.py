"""Where a delivery lies in the archive: hostile keys become harmless paths, honest ones stay as they are.

The mapping is injective: two different keys never share a path. ``%`` marks everything that was changed.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Final

from archiver.domain.limits import PATH_SEGMENT_BYTES
from archiver.domain.sign_file import RESULT_NAME, SIGN_FILE_NAME

DESCRIBED_FOLDER: Final = "described"
KEYS_FOLDER: Final = "keys"
LOG_FOLDER: Final = "log"
UNLISTED_FOLDER: Final = "unlisted"
SET_ASIDE_FOLDER: Final = "set-aside"
STAGING_FOLDER: Final = ".staging"
RESERVED_NAMES: Final = frozenset(
    {DESCRIBED_FOLDER, KEYS_FOLDER, LOG_FOLDER, UNLISTED_FOLDER, SET_ASIDE_FOLDER, STAGING_FOLDER}
)
"""Folders of the archive that no source may be named like."""

_REVISION = re.compile(r".*@r[0-9]+", re.ASCII | re.DOTALL)


def safe_segment(segment: str) -> str:
    """*segment* as one harmless name: no separator, no ``.`` or ``..``, nothing that does not print.

    Printable text in normal form C stays as it is, unless it holds ``%``, ``\\`` or looks like one of our
    revision folders. What is longer than ``limits.PATH_SEGMENT_BYTES`` becomes its SHA-256.
    """
    if segment == "":
        return "%"
    if segment in (".", ".."):
        return "%2E" * len(segment)
    special = "%\\/@" if _REVISION.fullmatch(segment) else "%\\/"
    normal = unicodedata.is_normalized("NFC", segment)
    shown = "".join(c if _harmless(c, special, normal) else _escaped(c) for c in segment)
    if segment[0] == ".":  # nothing of ours is ever hidden from a plain ls
        shown = "%2E" + shown[1:]
    if len(shown.encode("utf-8")) > PATH_SEGMENT_BYTES:
        return "%sha256-" + hashlib.sha256(segment.encode("utf-8", "surrogatepass")).hexdigest()
    return shown


def _harmless(character: str, special: str, normal: bool) -> bool:
    return character not in special and character.isprintable() and (normal or character.isascii())


def _escaped(character: str) -> str:
    """UTF-8 bytes as ``%XX``; a lone surrogate, which has none, as ``%uXXXX``, so that it equals no other text."""
    if "\ud800" <= character <= "\udfff":
        return f"%u{ord(character):04X}"
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8"))


def delivery_path(source: str, prefix: str, revision: int = 1) -> str:
    """The folder of a delivery, relative to the archive: ``<source>/<its own path>``, later ones ``…@rN``.

    A folder called like a file of a delivery is escaped: it may lie inside of the folder that holds that file.
    """
    segments = [_folder_segment(part) for part in prefix.removesuffix("/").split("/")] if prefix else ["%root"]
    tail = "" if revision == 1 else f"@r{revision}"
    return "/".join([source, *segments]) + tail


def _folder_segment(segment: str) -> str:
    if segment == SIGN_FILE_NAME or RESULT_NAME.fullmatch(segment):
        return _escaped(segment[0]) + segment[1:]
    return safe_segment(segment)


def description_path(evidence_id: str) -> str:
    """Where CloudTrail's account of the query of evidence *evidence_id* lies: apart from what was delivered."""
    return f"{DESCRIBED_FOLDER}/{evidence_id}.json"


def unlisted_path(folder: str, name: str) -> str:
    """Where file *name*, which no sign file lists, lies for the delivery in *folder*: apart from it.

    Its folder always bears its revision (``…@r1`` too), which no folder of a source does, and *name* is one
    segment, ``/`` escaped: so neither another delivery's folder nor another name can stand in its way.
    """
    numbered = folder if _REVISION.fullmatch(folder.rpartition("/")[2]) else f"{folder}@r1"
    return f"{UNLISTED_FOLDER}/{numbered}/{safe_segment(name)}"
