"""Memory that does not grow with what is worked on: a very large file, taken in and audited."""

from __future__ import annotations

import shutil

from archiver.domain.limits import GIB
from benchmarks import runs, workload
from benchmarks.rows import MOST_BYTES, Bench, Limit

_GIB = 20


def limits(bench: Bench) -> list[Limit]:
    """One file of 20 GiB: imported, synced over S3, audited."""
    size = bench.amount(_GIB * GIB)
    gib = size / GIB
    served = bench.place / "huge"
    made = workload.large(served / "deliveries", bench.key, 1, size)
    keys = made.key_list
    found = []
    with runs.s3(served) as url:
        source = f'url = "s3://deliveries/"\nregion = "{workload.REGION}"\nendpoint_url = "{url}"'
        config = runs.initialised(bench.place / "huge-archive", {"prod": source}, keys)
        archiver = [*runs.ARCHIVER, "--config", str(config)]
        found.append((f"sync of one file of {gib:g} GiB", runs.peak_memory([*archiver, "sync", "--json"])))
    shutil.rmtree(served)
    for what in (["audit", "--all"], ["audit", "--all", "--allow-cache"]):
        peak = runs.peak_memory([*archiver, *what, "--json"])
        found.append((f"`{' '.join(what)}` of one file of {gib:g} GiB", peak))
    shutil.rmtree(bench.place / "huge-archive")
    return [Limit(f"peak memory: {what}", peak / 1e6, "MB", MOST_BYTES / 1e6) for what, peak in found]
