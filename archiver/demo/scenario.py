"""The demonstration: the whole job on a local S3 and CloudTrail, with one archived file damaged on purpose.

Everything here goes through the real use cases over real HTTP, files and SQLite; only the deliveries' signer is ours.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from archiver.demo.deliveries import (
    STATEMENT,
    SigningKey,
    delivery_prefix,
    make_signing_key,
    sample_delivery,
    sample_query_id,
)
from archiver.demo.server import REGION, DemoAws
from archiver.domain.sign_file import SIGN_FILE_NAME

BUCKET: Final = "demo-cloudtrail-lake-results"
ACCOUNT: Final = "111122223333"
SOURCE: Final = "demo"


@dataclass(frozen=True, slots=True)
class Stocked:
    """What lies in the bucket: prefixes by what is the matter with them."""

    honest: tuple[str, ...]
    tampered: str
    renamed: str
    replayed: str
    arriving: str


def stock(aws: DemoAws, now: datetime) -> tuple[SigningKey, Stocked]:
    """Fills the bucket: four honest deliveries, and one of each that a careful archive must tell from them."""
    rng = random.Random(20221104)  # noqa: S311 - the same demonstration each time
    key = make_signing_key(REGION, now - timedelta(days=20))
    aws.register_key(key.public)
    aws.create_bucket(BUCKET)
    honest = []
    for hours, files in ((30, 1), (9, 3), (5, 1), (2, 2)):
        prefix, delivered = _sample(key, rng, now - timedelta(hours=hours), files)
        aws.put_delivery(BUCKET, prefix, delivered)
        _register(aws, prefix, now - timedelta(hours=hours), files)
        honest.append(prefix)
    tampered, delivered = _sample(key, rng, now - timedelta(hours=4), 1)
    data = bytearray(delivered["result_1.csv.gz"])
    data[len(data) // 2] ^= 1
    _register(aws, tampered, now - timedelta(hours=4), 1)
    aws.put_delivery(BUCKET, tampered, {**delivered, "result_1.csv.gz": bytes(data)})
    renamed, delivered = _sample(key, rng, now - timedelta(hours=3), 1)
    crafted = delivered[SIGN_FILE_NAME].replace(b'"result_1.csv.gz"', b'"../result_1.csv.gz"')
    _register(aws, renamed, now - timedelta(hours=3), 1)
    aws.put_delivery(BUCKET, renamed, {**delivered, SIGN_FILE_NAME: crafted})
    replayed, delivered = _sample(key, rng, now - timedelta(hours=1), 1)
    aws.put_delivery(BUCKET, replayed, delivered)
    _register(aws, replayed, now - timedelta(hours=1), 1)
    copy = delivery_prefix(ACCOUNT, (now - timedelta(hours=1)).date(), sample_query_id(rng))
    aws.put_delivery(BUCKET, copy, delivered)
    arriving, delivered = _sample(key, rng, now, 1)
    delivered.pop(SIGN_FILE_NAME)
    aws.put_delivery(BUCKET, arriving, delivered)
    return key, Stocked(tuple(honest), tampered, renamed, copy, arriving)


def _sample(key: SigningKey, rng: random.Random, complete: datetime, files: int) -> tuple[str, dict[str, bytes]]:
    return sample_delivery(
        key, rng, account=ACCOUNT, complete_time=complete.astimezone(UTC).replace(microsecond=0), files=files
    )


def _register(aws: DemoAws, prefix: str, complete: datetime, files: int) -> None:
    """What CloudTrail has to say about the query: of the copy under another ID it never heard."""
    statistics = {
        "EventsMatched": 20 * files,
        "EventsScanned": 4_200 * files,
        "BytesScanned": 9_800_000 * files,
        "ExecutionTimeInMillis": 1_800 + 400 * files,
        "CreationTime": (complete - timedelta(seconds=5)).replace(microsecond=0).timestamp(),
    }
    answer = {
        "QueryString": STATEMENT,
        "QueryStatus": "FINISHED",
        "QueryStatistics": statistics,
        "DeliveryS3Uri": f"s3://{BUCKET}/{prefix}",
        "DeliveryStatus": "SUCCESS",
        "EventDataStoreOwnerAccountId": ACCOUNT,
    }
    aws.register_query(prefix.rstrip("/").rpartition("/")[2], answer)


def damage(file: Path) -> str:
    """Flips one bit in the middle of *file*, as a failing disk or a careful hand would; says where."""
    data = bytearray(file.read_bytes())
    place = len(data) // 2
    data[place] ^= 0x01
    file.chmod(0o644)
    with file.open("r+b") as stream:
        stream.seek(place)
        stream.write(data[place : place + 1])
    return f"bit 0 of byte {place} of {len(data)}"
