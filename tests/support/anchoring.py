"""Each kind of those who vouch for checkpoints, over what stands for the world outside: real HTTP, on 127.0.0.1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from archiver.adapters.anchors.timestamp import TimestampAuthority
from archiver.adapters.anchors.witness import Witness
from archiver.adapters.aws.object_lock import LockedBucket
from archiver.adapters.aws.session import AwsAccess
from archiver.log.note import parse_key
from archiver.log.tree import consistency_proof
from archiver.log_ports import Anchorer
from archiver.ports import Clock
from tests.support.aws import AwsStand
from tests.support.made_log import ORIGIN, MadeLog, make_log
from tests.support.tsa import TsaServer
from tests.support.witness import WitnessServer

NOWHERE = "http://127.0.0.1:9"
"""An address at which nobody listens: port 9 is discard's."""


def some_log(size: int, leaf: str = "leaf") -> MadeLog:
    """A log of *size* leaves; of fewer, its beginning is the same."""
    return make_log(f"{leaf} {seq}".encode() for seq in range(size))


def prover(log: MadeLog) -> Callable[[int, int], Sequence[bytes]]:
    """What makes consistency proofs of *log*."""
    return lambda old, new: consistency_proof(old, new, log.hashes)


def now() -> datetime:
    """The real clock: authority, bucket and witness have no other either."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class AnchorStand:
    """``anchorer``: one whose other side answers. ``elsewhere``: makes the same one anew, at an address of nobody."""

    anchorer: Anchorer
    elsewhere: Callable[[], Anchorer]
    tells_heads: bool


def timestamp_stand(tsa: TsaServer, clock: Clock = now) -> AnchorStand:
    return AnchorStand(
        TimestampAuthority("authority", tsa.url, tsa.ca_file, clock),
        lambda: TimestampAuthority("authority", NOWHERE, tsa.ca_file, clock),
        False,
    )


def locked_bucket(access: AwsAccess, bucket: str, clock: Clock = now, prefix: str = "some/prefix/") -> LockedBucket:
    return LockedBucket(bucket, prefix, ORIGIN, access, "governance", timedelta(days=30), clock)


def object_lock_stand(aws: AwsStand, clock: Clock = now) -> AnchorStand:
    """A bucket with Object Lock beside the stand's own."""
    aws.access.s3().create_bucket(Bucket="locked-bucket", ObjectLockEnabledForBucket=True)
    nowhere = AwsAccess(region="us-east-1", endpoint_url=NOWHERE, credentials=aws.access.credentials, attempts=1)
    return AnchorStand(
        locked_bucket(aws.access, "locked-bucket", clock),
        lambda: locked_bucket(nowhere, "locked-bucket", clock),
        True,
    )


def witness_stand(witness: WitnessServer, log: MadeLog, clock: Clock = now) -> AnchorStand:
    witness.logs[ORIGIN] = log.key.public
    key = parse_key(witness.key.vkey)
    return AnchorStand(
        Witness(key, ORIGIN, witness.url, witness.monitoring_url, clock),
        lambda: Witness(key, ORIGIN, NOWHERE, NOWHERE, clock),
        True,
    )


@pytest.fixture(params=["timestamp", "object_lock", "witness_ed25519", "witness_ml_dsa_44"])
def anchor_stand(request: pytest.FixtureRequest) -> AnchorStand:
    """Each kind in turn; the log's key is that of :func:`some_log`."""
    match request.param:
        case "timestamp":
            return timestamp_stand(request.getfixturevalue("tsa"))
        case "object_lock":
            return object_lock_stand(request.getfixturevalue("aws"))
    servers = request.getfixturevalue("witness_servers")
    server = servers[4 if request.param == "witness_ed25519" else 6]
    server.forget()
    return witness_stand(server, some_log(1))
