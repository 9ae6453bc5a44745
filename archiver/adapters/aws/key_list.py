"""Key lists as files: the JSON that ``aws cloudtrail list-public-keys`` prints, read and written. No network.

Source: AWS CLI Command Reference, ``cloudtrail list-public-keys``; version 1 of the CLI prints times as epoch
seconds. Hostile until checked: whoever hands over a list chooses its bytes.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from archiver.domain.keys import PublicKey
from archiver.domain.limits import KEY_LIST_BYTES
from archiver.domain.sign_file import REGION_NAME
from archiver.domain.text import printable
from archiver.domain.times import parse_time
from archiver.errors import UsageError
from archiver.verify.signature import KeyUnusableError, load_key

REGION_FIELD: Final = "Region"
"""Our own addition to an entry: AWS's list does not say whose it is, for its reader has just asked one Region."""

_FINGERPRINT = re.compile(r"[0-9a-f]{32}", re.ASCII)
_REMEDY: Final = "give a file as `aws cloudtrail list-public-keys` prints it"


def parse_key_list(data: bytes) -> list[PublicKey]:
    """The keys in *data*: an object with ``PublicKeyList``, or that bare list, in listed order.

    Fingerprints are taken as claimed; whether they fit their keys is the recipe's question. Raises
    :class:`archiver.errors.UsageError` that names the entry for anything that is not such a list.
    """
    document = _load(data)
    entries = document.get("PublicKeyList") if isinstance(document, dict) else document
    if not isinstance(entries, list):
        raise UsageError("the key list holds no PublicKeyList", _REMEDY)
    return [_key(f"entry {number} of the key list", entry) for number, entry in enumerate(entries, 1)]


def format_key_list(keys: Iterable[PublicKey]) -> bytes:
    """*keys* as such a file, an object with ``PublicKeyList``: :func:`parse_key_list` gives them back."""
    entries = [
        {
            "Value": base64.b64encode(key.der).decode("ascii"),
            "ValidityStartTime": _format(key.valid_from),
            "ValidityEndTime": _format(key.valid_until),
            "Fingerprint": key.claimed_fingerprint,
            REGION_FIELD: key.region,
        }
        for key in keys
    ]
    kept = [{field: value for field, value in entry.items() if value is not None} for entry in entries]
    return json.dumps({"PublicKeyList": kept}, indent=4).encode("ascii") + b"\n"


def _load(data: bytes) -> Any:
    if len(data) > KEY_LIST_BYTES:
        raise UsageError(f"the key list has more than {KEY_LIST_BYTES} bytes, which no key list needs", _REMEDY)
    try:
        return json.loads(data.decode("utf-8-sig"), parse_constant=_no_constant)
    except RecursionError as error:
        raise UsageError("the key list is nested too deeply", _REMEDY) from error
    except ValueError as error:  # not UTF-8, not JSON, or a number of thousands of digits
        raise UsageError(f"the key list is not JSON in UTF-8: {printable(str(error), 200)}", _REMEDY) from error


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _key(where: str, entry: object) -> PublicKey:
    if not isinstance(entry, dict):
        raise UsageError(f"{where} is not an object", _REMEDY)
    fingerprint, region = entry.get("Fingerprint"), entry.get(REGION_FIELD)
    if not isinstance(fingerprint, str) or _FINGERPRINT.fullmatch(fingerprint) is None:
        raise UsageError(f"{where}: Fingerprint is not 32 lower-case hex digits: {printable(repr(fingerprint), 80)}")
    if region is not None and (not isinstance(region, str) or REGION_NAME.fullmatch(region) is None):
        raise UsageError(f"{where}: {REGION_FIELD} is not an AWS Region's name: {printable(repr(region), 80)}")
    return PublicKey(
        der=_der(where, entry.get("Value")),
        claimed_fingerprint=fingerprint,
        region=region,
        valid_from=_time(where, "ValidityStartTime", entry.get("ValidityStartTime")),
        valid_until=_time(where, "ValidityEndTime", entry.get("ValidityEndTime")),
    )


def _der(where: str, value: object) -> bytes:
    if not isinstance(value, str):
        raise UsageError(f"{where}: Value is not a string of base64", _REMEDY)
    try:
        der = base64.b64decode(value, validate=True)
        load_key(der)
    except KeyUnusableError as error:
        raise UsageError(f"{where}: Value is not a public key of CloudTrail's: {error}") from error
    except ValueError as error:
        raise UsageError(f"{where}: Value is not base64: {error}") from error
    return der


def _time(where: str, field: str, value: object) -> datetime | None:
    """RFC 3339 with an offset, epoch seconds, or nothing."""
    if value is None:
        return None
    try:
        if isinstance(value, str):
            return parse_time(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(f"{where}: {field} is no time: {printable(repr(value), 80)}: {error}") from error
    raise UsageError(f"{where}: {field} is no time: {printable(repr(value), 80)}")


def _format(moment: datetime | None) -> str | None:
    """As the CLI prints it: the offset spelled out."""
    return moment.astimezone(UTC).isoformat() if moment else None
