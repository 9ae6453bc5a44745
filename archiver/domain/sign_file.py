"""The sign file ``result_sign.json``: what it signs, what it merely claims, and how it is read.

Source: AWS CloudTrail User Guide, "CloudTrail sign file structure" (version 1.0). Only the ordered list of
hashes is signed; names, Region, time, algorithms and version are claims. The two are different fields here, so
that no one can mix them up.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from archiver.domain.limits import SIGN_FILE_BYTES, SIGN_FILE_FILES
from archiver.domain.text import printable
from archiver.domain.times import parse_time

SIGN_FILE_NAME: Final = "result_sign.json"
RESULT_NAME: Final = re.compile(r"result_([1-9][0-9]{0,9})\.csv\.gz", re.ASCII)
REGION_NAME: Final = re.compile(r"[a-z]{2,4}(-[a-z]{2,12}){1,3}-[1-9][0-9]?", re.ASCII)

_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_FINGERPRINT = re.compile(r"[0-9a-f]{32}", re.ASCII)
_SIGNATURE = re.compile(r"(?:[0-9a-fA-F]{2}){256,2048}", re.ASCII)

_FIELDS = (
    "region",
    "files",
    "hashAlgorithm",
    "signatureAlgorithm",
    "hashSignature",
    "publicKeyFingerprint",
    "queryCompleteTime",
)


class SignFileInvalidError(ValueError):
    """Not a sign file: not the format, hostile names, duplicate keys, or over a limit. Caught by the recipe."""


class SignFileUnsupportedError(ValueError):
    """A version or algorithm that is not known: fail closed. Caught by the recipe."""


@dataclass(frozen=True, slots=True)
class ListedFile:
    """One entry of ``files``: ``name`` is a claim, ``sha256`` (64 lower-case hex) is covered by the signature."""

    name: str
    sha256: str

    @property
    def number(self) -> int:
        """The N of ``result_N.csv.gz``."""
        match = RESULT_NAME.fullmatch(self.name)
        assert match is not None, "names are checked when the sign file is parsed"  # noqa: S101
        return int(match[1])


@dataclass(frozen=True, slots=True)
class Claims:
    """What the sign file says and does not sign. ``version`` is None where AWS left it out."""

    version: str | None
    region: str
    fingerprint: str
    query_complete_time: datetime
    query_complete_text: str


@dataclass(frozen=True, slots=True)
class SignFile:
    """A well-formed sign file. ``files`` are in listed order, which is the signed order."""

    files: tuple[ListedFile, ...]
    signature: bytes
    claims: Claims

    @property
    def signing_string(self) -> bytes:
        """The signed bytes: the hashes in listed order, joined by one space, no newline."""
        return " ".join(file.sha256 for file in self.files).encode("ascii")

    @property
    def in_order(self) -> bool:
        """True where the files are listed by number (1, 2, 10) or by name (1, 10, 2)."""
        names = [file.name for file in self.files]
        return names == sorted(names) or names == [f.name for f in sorted(self.files, key=lambda f: f.number)]


def parse_sign_file(data: bytes) -> SignFile:
    """The sign file in *data*.

    Raises :class:`SignFileInvalidError` or :class:`SignFileUnsupportedError`. ``version`` may be absent (AWS's
    own samples omit it); fields that are not known are ignored, for nothing here depends on them.
    """
    document = _load(data)
    missing = [field for field in _FIELDS if field not in document]
    if missing:
        raise SignFileInvalidError(f"no {', '.join(missing)}")
    version = _version(document)
    return SignFile(
        files=_files(document["files"]),
        signature=bytes.fromhex(_text(document, "hashSignature", _SIGNATURE, "512 to 4096 hex digits")),
        claims=Claims(
            version=version,
            region=_text(document, "region", REGION_NAME, "an AWS Region's name"),
            fingerprint=_text(document, "publicKeyFingerprint", _FINGERPRINT, "32 lower-case hex digits"),
            query_complete_time=_complete_time(document["queryCompleteTime"]),
            query_complete_text=document["queryCompleteTime"],
        ),
    )


def _load(data: bytes) -> dict[str, Any]:
    if len(data) > SIGN_FILE_BYTES:
        raise SignFileInvalidError(f"more than {SIGN_FILE_BYTES} bytes, which no sign file needs")
    try:
        document = json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except SignFileInvalidError:
        raise
    except RecursionError as error:
        raise SignFileInvalidError("nested too deeply") from error
    except ValueError as error:  # not UTF-8, not JSON, or a number of thousands of digits
        raise SignFileInvalidError(f"not JSON in UTF-8: {printable(str(error), 200)}") from error
    if not isinstance(document, dict):
        raise SignFileInvalidError("not a JSON object")
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise SignFileInvalidError(f"the key {printable(key, 60)!r} stands there twice")
        found[key] = value
    return found


def _no_constant(name: str) -> None:
    raise SignFileInvalidError(f"{name} is not JSON")


def _version(document: dict[str, Any]) -> str | None:
    """Known values only; anything else, of whatever type, is unsupported rather than guessed at."""
    known = {"version": "1.0", "hashAlgorithm": "SHA-256", "signatureAlgorithm": "SHA256withRSA"}
    for field, value in known.items():
        if field == "version" and field not in document:
            continue
        if document[field] != value:
            raise SignFileUnsupportedError(
                f"{field} is {printable(repr(document[field]), 60)}; only {value!r} is known"
            )
    return document.get("version")


def _text(document: dict[str, Any], field: str, form: re.Pattern[str], expected: str) -> str:
    value = document[field]
    if not isinstance(value, str) or form.fullmatch(value) is None:
        raise SignFileInvalidError(f"{field} is not {expected}: {printable(repr(value), 80)}")
    return value


def _complete_time(value: object) -> datetime:
    if not isinstance(value, str):
        raise SignFileInvalidError(f"queryCompleteTime is not a string: {printable(repr(value), 60)}")
    try:
        return parse_time(value)
    except ValueError as error:
        raise SignFileInvalidError(f"queryCompleteTime: {error}: {printable(repr(value), 60)}") from error


def _files(value: object) -> tuple[ListedFile, ...]:
    if not isinstance(value, list) or not value:
        raise SignFileInvalidError("files is not a list of at least one file")
    if len(value) > SIGN_FILE_FILES:
        raise SignFileInvalidError(f"files lists {len(value)} files, more than {SIGN_FILE_FILES}")
    files = tuple(_file(position, entry) for position, entry in enumerate(value, 1))
    numbers = [file.number for file in files]
    if len(set(numbers)) != len(numbers):
        raise SignFileInvalidError("files lists a name twice")
    if max(numbers) != len(numbers):
        raise SignFileInvalidError(f"files lists {len(numbers)} files, but not result_1 to result_{len(numbers)}")
    return files


def _file(position: int, entry: object) -> ListedFile:
    if not isinstance(entry, dict):
        raise SignFileInvalidError(f"files[{position}] is not an object")
    name, sha256 = entry.get("fileName"), entry.get("fileHashValue")
    if not isinstance(name, str) or RESULT_NAME.fullmatch(name) is None:
        raise SignFileInvalidError(f"files[{position}].fileName is not result_N.csv.gz: {printable(repr(name), 80)}")
    if not isinstance(sha256, str) or _HASH.fullmatch(sha256) is None:
        raise SignFileInvalidError(
            f"files[{position}].fileHashValue is not 64 lower-case hex digits: {printable(repr(sha256), 80)}"
        )
    return ListedFile(name, sha256)
