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
_LATENCY_MS: Final = 30
_BUCKET: Final = "deliveries"


def small(bench: Bench) -> list[Row]:
    """2,000 deliveries of one small file each: over a network with S3's latency, and over loopback as it is."""
    count = bench.amount(_COUNT)
    served = bench.place / "served-small"
    made = workload.small(served / _BUCKET, bench.key, count)
    keys = made.key_list
    rows = []
    for latency in (_LATENCY_MS, 0):
        ours, rclone = Series("sync", count), Series("rclone copy --transfers 16", count)
        aws = Series("aws s3 sync", count)
        with runs.s3(served, latency) as url:
            fetch = _Fetch(bench, url, keys, count)
            in_turns(bench.rounds, (ours, fetch.ours), (rclone, fetch.rclone), (aws, fetch.aws("sync", "--quiet")))
            peak = runs.peak_memory(fetch.command())
            fetch.clean()
        work = f"sync of {count:,} small deliveries over S3, {latency} ms to the first byte of each object"
        wanted, why = (1.0, "") if latency else (None, _WITHOUT_LATENCY)
        rows.append(Row(work, wanted, "deliveries", ours, [rclone, aws], peak, why))
    shutil.rmtree(served)
    return rows


_WITHOUT_LATENCY: Final = (
    "no S3 answers in no time; here it shows what a delivery costs in processor time alone. rclone, in Go, fetches "
    "on both cores; ours judges, archives and records each delivery in one Python process"
)


def large(bench: Bench) -> list[Row]:
    """One object of 1 GiB."""
    size = bench.amount(GIB)
    served = bench.place / "served-large"
    made = workload.large(served / _BUCKET, bench.key, 1, size)
    keys = made.key_list
    gib = size / GIB
    ours, rclone, aws = Series("sync", gib), Series("rclone copy", gib), Series("aws s3 cp", gib)
    lasting = Series("rclone copy, then sync -f", gib)
    with runs.s3(served) as url:
        fetch = _Fetch(bench, url, keys, 1)
        in_turns(
            bench.rounds,
            (ours, fetch.ours),
            (rclone, fetch.rclone),
            (aws, fetch.aws("cp", "--recursive", "--quiet")),
            (lasting, fetch.rclone_to_disk),
        )
        peak = runs.peak_memory(fetch.command())
        fetch.clean()
    shutil.rmtree(served)
    work = f"sync of {gib:g} GiB in one object"
    return [
        Row(work, 0.9, "GiB", ours, [rclone, aws], peak),
        Row(f"{work}, beside a copy that is on the disk in the end", None, "GiB", ours, [lasting]),
    ]


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
