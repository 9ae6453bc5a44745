"""Large ledgers for benchmarks: audits of many items over time, recorded through the journal and published."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from archiver.adapters.ledger.database import SqlLedger, open_ledger
from archiver.adapters.ledger.upgrade import upgrade
from archiver.domain.custody import Actor, Entry, EvidenceAcquired, EvidenceVerified, KeyHarvested
from archiver.domain.delivery import Delivery, SourceObject
from archiver.domain.evidence import Evidence, EvidenceFile, FileRole, Origin, evidence_id
from archiver.domain.keys import KeyProvenance, PublicKey
from archiver.domain.verdict import Check, CheckResult, FileResult, Judgement, Reason, judgement

ACTOR = Actor(user="archiver", host="bench.example.com", version="0.0.0")
START = datetime(2026, 1, 1, tzinfo=UTC)
_CHECKS = (
    ("sign_file", "well-formed, lists 1 file"),
    ("key", "listed by CloudTrail in us-east-1"),
    ("signature", "RSASSA-PKCS1-v1_5 with SHA-256 holds over the ordered list of hashes"),
    ("files", "1 of 1 files has the hash that was signed"),
    ("archive", "every file is as it was acquired"),
    ("ledger", "the ledger's rows are as their events made them"),
)


def digest(*parts: object) -> str:
    """64 hex that look like a file's."""
    return hashlib.sha256(" ".join(map(str, parts)).encode()).hexdigest()


def key() -> PublicKey:
    """The public key that all items are judged with."""
    return PublicKey(b"0" * 270, hashlib.md5(b"0" * 270, usedforsecurity=False).hexdigest(), "us-east-1")


def evidence(
    number: int, source: str = "prod", account: str = "111122223333", acquired_at: datetime | None = None
) -> Evidence:
    """Item *number*: a sign file and one result, as most deliveries are."""
    query = f"{number:08x}-0000-4000-8000-{number:012x}"
    prefix = f"AWSLogs/{account}/CloudTrail-Lake/Query/2026/01/01/{query}/"
    path = f"{source}/{prefix.removesuffix('/')}"
    files = tuple(
        EvidenceFile(
            name=name,
            role=role,
            path=f"{path}/{name}",
            size=2_345_678,
            sha256=digest(number, name),
            listed_sha256=digest(number, name) if role is FileRole.RESULT else None,
            origin=Origin(prefix + name, digest("etag", number)[:32], None, START, "REQUEST", digest("id", number)),
        )
        for name, role in (("result_sign.json", FileRole.SIGN_FILE), ("result_1.csv.gz", FileRole.RESULT))
    )
    return Evidence(
        id=evidence_id(source, prefix, [(file.name, file.sha256) for file in files]),
        source=source,
        source_url="s3://bucket/AWSLogs",
        prefix=prefix,
        path=path,
        revision=1,
        account=account,
        query_id=query,
        region="us-east-1",
        query_complete_time=START,
        fingerprint=key().fingerprint,
        key_sha256=key().sha256,
        hash_list_sha256=digest("list", number),
        files=files,
        first_seen_at=START,
        acquired_at=acquired_at or START + timedelta(seconds=number),
        caller="arn:aws:sts::111122223333:assumed-role/reader",
    )


def listing_digest(item: Evidence) -> str:
    """What a sync records of the folder that *item* was fetched from: it is known, and nothing in it has changed."""
    return delivery(item).listing_digest


def delivery(item: Evidence) -> Delivery:
    """The folder that *item* was fetched from, as S3 lists it."""
    found = [
        SourceObject(file.origin.key, file.size, file.origin.etag or "", file.origin.last_modified)
        for file in item.files
    ]
    return Delivery(item.prefix, tuple(sorted(found, key=lambda one: one.key)))


def judged(number: int, reasons: Sequence[Reason] = ()) -> Judgement:
    """A judgement of item *number*, of the usual length: verified without *reasons*."""
    found = digest(number, "result_1.csv.gz")
    checks = [Check(of, CheckResult.PASS, said) for of, said in _CHECKS]
    return judgement(reasons, (), checks, [FileResult("result_1.csv.gz", 2_345_678, found, found, found)])


def entries(items: int) -> Iterator[Entry]:
    """A history without end: *items* are acquired, then audited in turn."""
    provenance = KeyProvenance("ListPublicKeys", "https://cloudtrail.us-east-1.amazonaws.com", None, START)
    yield KeyHarvested(at=START, key=key(), sha256=key().sha256, provenance=provenance)
    ids = []
    for number in range(items):
        item = evidence(number)
        ids.append(item.id)
        yield EvidenceAcquired(
            at=item.acquired_at,
            evidence=item,
            judgement=judged(number),
            listing_digest=listing_digest(item),
            next_audit_at=item.acquired_at + timedelta(days=30),
        )
    at = START + timedelta(days=1)
    while True:
        for number, item_id in enumerate(ids):
            at += timedelta(milliseconds=500)
            yield EvidenceVerified(
                at=at,
                id=item_id,
                occasion="audit",
                judgement=judged(number),
                key_sha256=key().sha256,
                next_audit_at=at + timedelta(days=30),
            )


def batches(source: Iterable[Entry], size: int) -> Iterator[list[Entry]]:
    """*source* in lists of *size*."""
    rest = iter(source)
    while batch := list(islice(rest, size)):
        yield batch


def new_ledger(folder: Path) -> SqlLedger:
    """An empty SQLite ledger in *folder*."""
    url = f"sqlite:///{folder}/ledger.db"
    upgrade(url, ACTOR, START)
    return open_ledger(url, ACTOR)


def fill(ledger: SqlLedger, events: int, source: Iterator[Entry], batch: int = 1000) -> None:
    """Records from *source*, a history that goes on where it was left, until *ledger* has *events* events."""
    missing = events - ledger.log.size()
    began, done = time.monotonic(), 0
    for some in batches(islice(source, missing), batch):
        ledger.journal.record(some)
        done += len(some)
        if done % (100 * batch) == 0:
            print(f"  filling: {done:,} events in {time.monotonic() - began:.0f} s", file=sys.stderr)
