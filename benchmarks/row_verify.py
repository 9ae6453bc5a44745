"""``verify`` of a tree of small folders beside the AWS CLI's command, which takes one folder at a time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from benchmarks import runs, workload
from benchmarks.rows import Bench, Row, Series, in_turns

_COUNT: Final = 2000
_BY_AWS: Final = 3
"""Folders that the AWS CLI verifies, each time: its seconds a folder do not depend on how many there are."""

_NOT_MEASURED: Final = 0.6


def small(bench: Bench) -> list[Row]:
    """2,000 deliveries of one small file each."""
    count = bench.amount(_COUNT)
    made = workload.small(bench.place / "verify" / "data", bench.key, count)
    verify = ("verify", "--json", "--keys", str(made.key_list), str(made.root))
    folders = made.folders()[:_BY_AWS]
    ours, peer = Series("verify", count), Series("aws cloudtrail verify-query-results in a loop", len(folders))
    with runs.s3(made.root.parent) as url:

        def by_aws(_: int) -> float:
            if bench.aws is None:
                return _NOT_MEASURED * len(folders)
            return sum(_by_aws(bench.aws, url, folder) for folder in folders)

        in_turns(bench.rounds, (ours, lambda _: _verified(verify, count)), (peer, by_aws))
    peak = runs.peak_memory([*runs.ARCHIVER, *verify])
    why = "" if bench.aws else f"no AWS CLI v2 is here: {_NOT_MEASURED} s a folder are taken from another machine"
    return [Row(f"`verify` of a tree of {count:,} small folders", 300, "folders", ours, [peer], peak, why)]


def _verified(arguments: tuple[str, ...], count: int) -> float:
    took = runs.run([*runs.ARCHIVER, *arguments])
    verdicts = [line["verdict"] for line in map(json.loads, took.out.splitlines())]
    if verdicts != ["verified"] * count:
        raise SystemExit(f"{verdicts.count('verified')} of {len(verdicts)} folders are verified, not {count}")
    return took.seconds


def _by_aws(aws: str, url: str, folder: Path) -> float:
    took = runs.run(
        [
            *(aws, "cloudtrail", "verify-query-results"),
            *("--local-export-path", str(folder), "--endpoint-url", url),
        ]
    )
    if b"Successfully validated" not in took.out:
        raise SystemExit(f"the AWS CLI says {took.out!r}")
    return took.seconds
