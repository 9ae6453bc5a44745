"""Deliveries in CloudTrail Lake's real format, signed by a demonstration key.

Used by ``archiver demo`` and by the tests. Nothing here can make a delivery that verifies under a key of AWS: the
keys are made here, and only a server of ours lists them. Everything is deterministic for a given key and inputs.

Source of the format: AWS CloudTrail User Guide, "CloudTrail sign file structure" and "Find your CloudTrail Lake
saved query results". The two header lines of a result are undocumented and are written as observed.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import random
import uuid
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from archiver.domain.keys import PublicKey
from archiver.domain.sign_file import SIGN_FILE_NAME

COLUMNS: Final = ("eventID", "eventTime", "eventSource", "eventName", "recipientAccountId")
"""Columns of :func:`sample_rows`."""

STATEMENT: Final = (
    "SELECT eventID, eventTime, eventSource, eventName, recipientAccountId "
    "FROM 3f1a2b4c-5d6e-4f70-8192-a3b4c5d6e7f8 ORDER BY eventTime ASC"
)
"""The query that the sample rows pretend to answer."""

OMIT: Final = object()
"""As an override of :func:`make_sign_file`: leave the field out."""

_EVENTS: Final = (
    ("s3.amazonaws.com", "GetBucketAcl"),
    ("s3.amazonaws.com", "PutBucketPolicy"),
    ("iam.amazonaws.com", "ListRoles"),
    ("iam.amazonaws.com", "AttachRolePolicy"),
    ("iam.amazonaws.com", "CreateAccessKey"),
    ("sts.amazonaws.com", "AssumeRole"),
    ("kms.amazonaws.com", "Decrypt"),
    ("kms.amazonaws.com", "ScheduleKeyDeletion"),
    ("ec2.amazonaws.com", "DescribeInstances"),
    ("ec2.amazonaws.com", "AuthorizeSecurityGroupIngress"),
    ("signin.amazonaws.com", "ConsoleLogin"),
    ("cloudtrail.amazonaws.com", "StopLogging"),
)

_GZIP_HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
"""RFC 1952, section 2.3: deflate, no flags, no time, system unknown; ``gzip`` writes another one each release."""


@dataclass(frozen=True)
class SigningKey:
    """A demonstration key pair; ``public`` carries its Region and its window as a key list would."""

    private: rsa.RSAPrivateKey
    public: PublicKey

    @property
    def region(self) -> str:
        """The Region whose CloudTrail this key stands in for."""
        assert self.public.region is not None, "both makers of signing keys set it"  # noqa: S101
        return self.public.region

    def sign(self, signed: bytes) -> bytes:
        """RSASSA-PKCS1-v1_5 with SHA-256 over *signed*."""
        return self.private.sign(signed, padding.PKCS1v15(), SHA256())


def make_signing_key(region: str, valid_from: datetime, days: int = 30) -> SigningKey:
    """A new RSA-2048 key of *region*, valid from *valid_from* for *days* (CloudTrail's last 30)."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return _signing_key(private, region, valid_from, valid_from + timedelta(days=days))


def signing_key_from_pem(pem: bytes, region: str, valid_from: datetime, valid_until: datetime) -> SigningKey:
    """The unencrypted RSA private key in *pem*. Raises ``ValueError`` for anything else."""
    private = load_pem_private_key(pem, password=None)
    if not isinstance(private, rsa.RSAPrivateKey):
        raise ValueError("not an RSA private key")  # noqa: TRY004 - what is wrong is the PEM's content
    return _signing_key(private, region, valid_from, valid_until)


def _signing_key(private: rsa.RSAPrivateKey, region: str, valid_from: datetime, valid_until: datetime) -> SigningKey:
    der = private.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
    fingerprint = hashlib.md5(der, usedforsecurity=False).hexdigest()
    return SigningKey(private, PublicKey(der, fingerprint, region, valid_from, valid_until))


def make_result(
    rows: Sequence[Sequence[str]],
    statement: str = STATEMENT,
    execution_time: datetime | None = None,
    columns: Sequence[str] = COLUMNS,
) -> bytes:
    """One ``result_N.csv.gz``: the header line with execution time and query, the column names, the *rows*.

    *execution_time* has microseconds, as CloudTrail's has; without one it is 2022-11-04T15:07:11.245281Z.
    """
    moment = execution_time or datetime(2022, 11, 4, 15, 7, 11, 245281, tzinfo=UTC)
    stamp = moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    text = io.StringIO()
    text.write(f"# Execution Time: {stamp} Query Statement: {' '.join(statement.split())}\n")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return gzip_bytes(text.getvalue().encode("utf-8"))


def gzip_bytes(data: bytes) -> bytes:
    """*data* as one gzip member without name or time: equal input, equal output (for one zlib)."""
    deflate = zlib.compressobj(level=6, wbits=-15)
    trailer = zlib.crc32(data).to_bytes(4, "little") + (len(data) % 2**32).to_bytes(4, "little")
    return _GZIP_HEADER + deflate.compress(data) + deflate.flush() + trailer


def make_sign_file(
    key: SigningKey,
    files: Sequence[tuple[str, str]],
    *,
    complete_time: datetime,
    region: str | None = None,
    **overrides: object,
) -> bytes:
    """A ``result_sign.json`` over *files* (name, SHA-256 in hex), in their order, signed by *key*.

    *overrides* replace fields under AWS's own names (``version``, ``hashAlgorithm`` …) after signing, or drop them
    (:data:`OMIT`), or add others: for deliveries that are to fail.
    """
    signature = key.sign(" ".join(sha256 for _, sha256 in files).encode("utf-8"))
    document: dict[str, object] = {
        "version": "1.0",
        "region": region or key.region,
        "files": [{"fileHashValue": sha256, "fileName": name} for name, sha256 in files],
        "hashAlgorithm": "SHA-256",
        "signatureAlgorithm": "SHA256withRSA",
        "hashSignature": signature.hex(),
        "publicKeyFingerprint": key.public.fingerprint,
        "queryCompleteTime": complete_time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    document.update(overrides)
    kept = {field: value for field, value in document.items() if value is not OMIT}
    return json.dumps(kept, indent=2).encode("utf-8")


def make_delivery(
    key: SigningKey,
    *,
    complete_time: datetime,
    results: Sequence[bytes],
    region: str | None = None,
) -> dict[str, bytes]:
    """A whole delivery of *results*: file name -> bytes, the sign file last.

    Account, query ID and day stand in its folder's key only (:func:`delivery_prefix`), not in the files.
    """
    named = {f"result_{number}.csv.gz": data for number, data in enumerate(results, 1)}
    hashes = [(name, hashlib.sha256(data).hexdigest()) for name, data in named.items()]
    sign_file = make_sign_file(key, hashes, complete_time=complete_time, region=region)
    return {**named, SIGN_FILE_NAME: sign_file}


def delivery_prefix(account: str, day: date, query_id: str, lead: str = "") -> str:
    """The canonical folder of a delivery, ending in ``/``; *lead*: what stands before ``AWSLogs/``."""
    return f"{lead}AWSLogs/{account}/CloudTrail-Lake/Query/{day:%Y/%m/%d}/{query_id}/"


def sample_rows(rng: random.Random, count: int, *, account: str, start: datetime) -> list[tuple[str, ...]]:
    """*count* plausible events (:data:`COLUMNS`) of *account* from *start* on, in order of time."""
    rows: list[tuple[str, ...]] = []
    moment = start.astimezone(UTC)
    for _ in range(count):
        moment += timedelta(seconds=rng.randint(1, 90))
        service, name = rng.choice(_EVENTS)
        rows.append((sample_query_id(rng), f"{moment:%Y-%m-%d %H:%M:%S}.000", service, name, account))
    return rows


def sample_query_id(rng: random.Random) -> str:
    """A random query ID (or event ID): a version 4 UUID out of *rng*."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def sample_delivery(
    key: SigningKey,
    rng: random.Random,
    *,
    account: str,
    complete_time: datetime,
    lead: str = "",
    files: int = 1,
    rows: int = 20,
) -> tuple[str, dict[str, bytes]]:
    """A plausible honest delivery: its folder's key and its files (name -> bytes)."""
    query_id, executed = sample_query_id(rng), complete_time + timedelta(microseconds=rng.randrange(10**6))
    start = complete_time - timedelta(hours=2)
    results = [
        make_result(sample_rows(rng, rows, account=account, start=start), execution_time=executed)
        for _ in range(files)
    ]
    delivery = make_delivery(key, complete_time=complete_time, results=results)
    return delivery_prefix(account, complete_time.astimezone(UTC).date(), query_id, lead), delivery
