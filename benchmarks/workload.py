"""What the benchmarks work on: generated deliveries, small ones by the thousand and large ones, really signed.

A large result file is random bytes behind a gzip header, as incompressible as a real one. Everything is made from one
seed, so every run works on the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from archiver.demo.deliveries import (
    SigningKey,
    delivery_prefix,
    make_result,
    make_sign_file,
    make_signing_key,
    sample_delivery,
    sample_query_id,
)
from archiver.domain.limits import MIB
from archiver.domain.sign_file import SIGN_FILE_NAME

REGION: Final = "us-east-1"
ACCOUNT: Final = "111122223333"
_CHUNK: Final = 4 * MIB


@dataclass(frozen=True)
class Workload:
    """A folder that holds *root*/AWSLogs/…, which the archiver takes as a source, and the key that signed it all."""

    root: Path
    key: SigningKey

    @property
    def key_list(self) -> Path:
        """The public key as ListPublicKeys tells it; ``keys import`` reads it, and so does the S3 server."""
        path = self.root.parent / "keys.json"
        public = self.key.public
        begins, ends = (moment.timestamp() if moment else 0 for moment in (public.valid_from, public.valid_until))
        entry = {
            "Value": base64.b64encode(public.der).decode(),
            "ValidityStartTime": begins,
            "ValidityEndTime": ends,
            "Fingerprint": public.fingerprint,
        }
        path.write_text(json.dumps({"PublicKeyList": [entry], "Region": REGION}), "utf-8")
        return path

    def folders(self) -> list[Path]:
        """Of every delivery, in order."""
        return sorted(path.parent for path in self.root.rglob(SIGN_FILE_NAME))


def make_key() -> SigningKey:
    """The key that signs a run's deliveries."""
    return make_signing_key(REGION, datetime.now(UTC) - timedelta(days=40), days=60)


def small(root: Path, key: SigningKey, count: int) -> Workload:
    """*count* deliveries of one result of a kilobyte, completed on one day two weeks ago."""
    rng = random.Random(count)
    complete = datetime.now(UTC).replace(microsecond=0) - timedelta(days=14)
    for _ in range(count):
        prefix, files = sample_delivery(key, rng, account=ACCOUNT, complete_time=complete)
        folder = root / prefix
        folder.mkdir(parents=True)
        for name, data in files.items():
            (folder / name).write_bytes(data)
    return Workload(root, key)


def large(root: Path, key: SigningKey, count: int, size: int) -> Workload:
    """*count* deliveries of one result of *size* bytes each."""
    rng = random.Random(size)
    complete = datetime.now(UTC).replace(microsecond=0) - timedelta(days=14)
    noise = rng.randbytes(_CHUNK)
    for number in range(count):
        folder = root / delivery_prefix(ACCOUNT, complete.date(), sample_query_id(rng))
        folder.mkdir(parents=True)
        digest = _write(folder / "result_1.csv.gz", size, noise, number)
        sign_file = make_sign_file(key, [("result_1.csv.gz", digest)], complete_time=complete)
        (folder / SIGN_FILE_NAME).write_bytes(sign_file)
    return Workload(root, key)


def _write(path: Path, size: int, noise: bytes, number: int) -> str:
    """A small gzip file first, so that it looks like a result; then noise, of which no two chunks are the same."""
    digest = hashlib.sha256()
    head = make_result([], execution_time=datetime.now(UTC) - timedelta(days=14))
    with path.open("wb") as file:
        written, chunk = 0, head
        while written < size:
            part = chunk[: size - written]
            file.write(part)
            digest.update(part)
            written += len(part)
            chunk = f"{number} {written}".encode() + noise
    return digest.hexdigest()


def to_disk(root: Path) -> None:
    """Everything below *root* is on the disk, so that nothing is written behind what is measured."""
    for folder, _, names in os.walk(root):
        for name in [".", *names]:
            fd = os.open(Path(folder) / name, os.O_RDONLY)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)


def cached(files: list[Path]) -> None:
    """Reads *files* once, so that they lie in the page cache."""
    for path in files:
        with path.open("rb", buffering=0) as file:
            while file.read(_CHUNK):
                pass
