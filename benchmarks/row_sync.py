"""``sync`` over S3 beside rclone and the AWS CLI, which neither verify nor wait for the disk nor record anything."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from archiver.domain.limits import GIB
from benchmarks import runs, workload
from benchmarks.rows import Bench, Row, Series, in_turns

_COUNT: Final = 2000
_BUCKET: Final = "deliveries"

_S3: Final = (30, 90)
"""Milliseconds and megabytes a second of a wire that is rather better than the one to S3 (see ``s3_server``)."""

_LOOPBACK: Final = (0, 0)


def small(bench: Bench) -> list[Row]:
    """2,000 deliveries of one small file each: over a network with S3's latency, and over loopback as it is."""
    count = bench.amount(_COUNT)
    served = bench.place / "served-small"
    made = workload.small(served / _BUCKET, bench.key, count)
    keys = made.key_list
    rows = []
    for wire in (_S3, _LOOPBACK):
        ours, rclone = Series("sync", count), Series("rclone copy --transfers 16", count)
        aws = Series("aws s3 sync", count)
        with runs.s3(served, *wire) as url:
            fetch = _Fetch(bench, url, keys, count)
            in_turns(bench.rounds, (ours, fetch.ours), (rclone, fetch.rclone), (aws, fetch.aws("sync", "--quiet")))
            peak = runs.peak_memory(fetch.command())
            fetch.clean()
        work = f"sync of {count:,} small deliveries over S3, {_told(wire)}"
        rows.append(Row(work, 1, "deliveries", ours, [rclone, aws], peak, "" if wire is _S3 else _AT_ONCE))
    shutil.rmtree(served)
    return rows


_AT_ONCE: Final = (
    "without any latency this is processor time alone. Go's runtime fetches on both cores; ours judges, archives "
    "and records each delivery in one Python process besides"
)


def large(bench: Bench) -> list[Row]:
    """One object of 1 GiB: as S3 gives it, and over loopback as it is."""
    size = bench.amount(GIB)
    served = bench.place / "served-large"
    made = workload.large(served / _BUCKET, bench.key, 1, size)
    keys = made.key_list
    rows = []
    for wire in (_S3, _LOOPBACK):
        rows += _large(bench, served, keys, size / GIB, wire)
    shutil.rmtree(served)
    return rows


def _large(bench: Bench, served: Path, keys: Path, gib: float, wire: tuple[int, int]) -> list[Row]:
    ours, rclone, aws = Series("sync", gib), Series("rclone copy", gib), Series("aws s3 cp", gib)
    lasting, hashing = Series("rclone copy, then sync -f", gib), Series("openssl dgst -sha256 of it, cached", gib)
    (file,) = served.rglob("*.csv.gz")
    workload.cached([file])
    with runs.s3(served, *wire) as url:
        fetch = _Fetch(bench, url, keys, 1)
        in_turns(
            bench.rounds,
            (ours, fetch.ours),
            (rclone, fetch.rclone),
            (aws, fetch.aws("cp", "--recursive", "--quiet")),
            (lasting, fetch.rclone_to_disk),
            (hashing, lambda _: runs.run(["openssl", "dgst", "-sha256", str(file)]).seconds),
        )
        peak = runs.peak_memory(fetch.command())
        fetch.clean()
    work = f"sync of {gib:g} GiB in one object over S3, {_told(wire)}"
    row = Row(work, 0.9, "GiB", ours, [rclone, aws], peak)
    if wire is _LOOPBACK:
        row.why = (
            f"SHA-256 of one object is computed in order, on one core: openssl alone takes {hashing.median:.2f} s, "
            f"the quickest copy {row.peer.median:.2f} s, and its bytes are not on the disk then"
        )
        return [row, Row(f"{work}, beside a copy that is on the disk", None, "GiB", ours, [lasting])]
    return [row]


def _told(wire: tuple[int, int]) -> str:
    return "loopback as it is" if wire is _LOOPBACK else "{} ms to the first byte, {} MB/s".format(*wire)


class _Fetch:
    """Each time into a folder of its own. Small ones stay to the end of the row: ext4 looks for a while whether an
    inode is one that was just removed, and would do so in whatever is measured next.
    """

    def __init__(self, bench: Bench, url: str, keys: Path, count: int) -> None:
        self._bench, self._url, self._keys, self._count = bench, url, keys, count
        self._made: list[Path] = []

    def _folder(self) -> Path:
        if self._count == 1 and self._made:
            shutil.rmtree(self._made.pop())
        self._made.append(self._bench.place / f"fetched-{self._url.rpartition(':')[2]}-{time.monotonic_ns()}")
        return self._made[-1]

    def clean(self) -> None:
        """Removes what was made."""
        for folder in self._made:
            shutil.rmtree(folder)

    def command(self) -> list[str]:
        """A sync into a new archive that has the bucket as its source."""
        source = (
            f'url = "s3://{_BUCKET}/"\nregion = "{workload.REGION}"\nendpoint_url = "{self._url}"\n'
            f'cloudtrail_endpoint_url = "{self._url}"'
        )
        config = runs.initialised(self._folder(), {"prod": source}, self._keys)
        return [*runs.ARCHIVER, "--config", str(config), "sync", "--json"]

    def ours(self, _: int) -> float:
        """Seconds."""
        took = runs.run(self.command())
        answer = json.loads(took.out)
        if (answer["archived"], answer["verified"]) != (self._count, self._count):
            raise SystemExit(f"{answer['verified']} of {answer['archived']} deliveries are verified")
        return took.seconds

    def rclone(self, _: int) -> float:
        """Seconds."""
        where = ("--s3-provider", "AWS", "--s3-force-path-style", "--s3-endpoint", self._url, "--s3-env-auth")
        command = [self._bench.program("rclone"), "copy", "--transfers", "16", *where, f":s3:{_BUCKET}"]
        return self._copied(command, self._folder())

    def rclone_to_disk(self, number: int) -> float:
        """Seconds, until all is on the disk."""
        return self.rclone(number) + runs.run(["sync", "-f", str(self._made[-1])]).seconds

    def aws(self, *operation: str) -> Callable[[int], float]:
        """Seconds of ``aws s3`` *operation*."""
        command = [self._bench.program("aws"), "--endpoint-url", self._url, "s3", *operation, f"s3://{_BUCKET}"]
        return lambda _: self._copied(command, self._folder())

    def _copied(self, command: list[str], to: Path) -> float:
        took = runs.run([*command, str(to)])
        files = sum(len(names) for _, _, names in os.walk(to))
        if files != 2 * self._count:
            raise SystemExit(f"{command[0]} copied {files} files, not {2 * self._count}")
        return took.seconds
