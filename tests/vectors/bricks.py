"""What the cases are made of: two test keys, tiny results, and a case as a value."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import uuid
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from archiver.demo.deliveries import (
    SigningKey,
    delivery_prefix,
    make_result,
    make_sign_file,
    signing_key_from_pem,
)
from archiver.domain.sign_file import SIGN_FILE_NAME

COMPLETE = datetime(2022, 11, 4, 15, 7, 11, tzinfo=UTC)
EXECUTED = COMPLETE + timedelta(microseconds=245281)
DAY = COMPLETE.date()
WINDOW = (datetime(2022, 10, 18, 0, 13, tzinfo=UTC), datetime(2022, 11, 17, 0, 13, tzinfo=UTC))
ACCOUNT = "111122223333"

_KEYS = Path(__file__).parent / "keys"
KEY = signing_key_from_pem((_KEYS / "ap-northeast-1.pem").read_bytes(), "ap-northeast-1", *WINDOW)
OTHER_KEY = signing_key_from_pem((_KEYS / "us-east-1.pem").read_bytes(), "us-east-1", *WINDOW)

Files = Mapping[str, bytes]
"""File name inside a delivery -> bytes."""


@dataclass(frozen=True)
class Expected:
    """The answer about one delivery. Reasons and findings in the order of the contract's tables."""

    verdict: str
    reasons: Sequence[str] = ()
    findings: Sequence[str] = ()


@dataclass(frozen=True)
class Case:
    """One vector: ``files`` (path below ``delivery/`` -> bytes), the answers by folder, the keys on hand."""

    name: str
    files: Files
    expected: Mapping[str, Expected]
    keys: Sequence[Mapping[str, str]] = field(default_factory=lambda: [listed_key(KEY)])


def listed_key(key: SigningKey, **changes: str) -> dict[str, str]:
    """*key* as an entry of ``PublicKeyList``; *changes* replace fields."""
    public = key.public
    assert public.valid_from is not None
    assert public.valid_until is not None
    entry = {
        "Value": base64.b64encode(public.der).decode("ascii"),
        "ValidityStartTime": public.valid_from.isoformat(),
        "ValidityEndTime": public.valid_until.isoformat(),
        "Fingerprint": public.fingerprint,
        "Region": key.region,
    }
    return {**entry, **changes}


def stored_gzip(data: bytes) -> bytes:
    """*data* (under 64 KiB) as gzip with one stored block: the same bytes whichever zlib is installed."""
    size = len(data).to_bytes(2, "little")
    block = b"\x01" + size + bytes(byte ^ 0xFF for byte in size) + data
    trailer = zlib.crc32(data).to_bytes(4, "little") + len(data).to_bytes(4, "little")
    return b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" + block + trailer


def result(number: int = 1, executed: datetime = EXECUTED) -> bytes:
    """The result file of one row that says *number*."""
    row = (f"event-{number}", "2022-11-03 12:01:18.000", "s3.amazonaws.com", "GetBucketAcl", ACCOUNT)
    return stored_gzip(gzip.decompress(make_result([row], execution_time=executed)))


def sha256(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def signed(files: Files, complete_time: datetime = COMPLETE, key: SigningKey = KEY, **overrides: object) -> Files:
    """*files* with the sign file that lists them, in their order."""
    hashes = [(name, sha256(data)) for name, data in files.items()]
    return {**files, SIGN_FILE_NAME: make_sign_file(key, hashes, complete_time=complete_time, **overrides)}  # type: ignore[arg-type]


def single(**overrides: object) -> Files:
    """The delivery of one file; *overrides* change fields of its sign file after signing."""
    return signed({"result_1.csv.gz": result()}, **overrides)  # type: ignore[arg-type]


def document(files: Files) -> dict[str, Any]:
    """The sign file of *files* as JSON, to be changed."""
    return dict(json.loads(files[SIGN_FILE_NAME]))


def with_sign_file(files: Files, data: bytes | Mapping[str, Any]) -> Files:
    """*files* with another sign file."""
    return {**files, SIGN_FILE_NAME: data if isinstance(data, bytes) else json.dumps(data, indent=2).encode()}


def folder(seed: str, day: date = DAY, account: str = ACCOUNT, lead: str = "") -> str:
    """A canonical folder without its last slash; the query ID follows from *seed*."""
    query_id = str(uuid.uuid5(uuid.NAMESPACE_URL, seed))
    return delivery_prefix(account, day, query_id, lead).removesuffix("/")


def placed(at: str, files: Files) -> dict[str, bytes]:
    """*files* below the folder *at*."""
    return {f"{at}/{name}": data for name, data in files.items()}


def case(
    name: str,
    files: Files,
    expected: Expected,
    keys: Sequence[Mapping[str, str]] | None = None,
    at: str | None = None,
) -> Case:
    """A vector of one folder, a canonical one unless *at* is another."""
    place = at or folder(name)
    on_hand = [listed_key(KEY)] if keys is None else keys
    return Case(name, placed(place, files), {place: expected}, on_hand)


VERIFIED = Expected("verified")


def noticed(*findings: str) -> Expected:
    """Verified, with *findings*."""
    return Expected("verified", findings=findings)


def failed(*reasons: str, findings: Sequence[str] = ()) -> Expected:
    """Failed for *reasons*."""
    return Expected("failed", reasons, findings)
