"""Memory that does not grow with what is worked on: a very large file, taken in and audited."""

from __future__ import annotations

import shutil

from archiver.domain.limits import GIB, MIB
from benchmarks import runs, workload
from benchmarks.rows import MOST_BYTES, Bench, Limit

_GIB = 20
_MANY = 24
_MANY_BYTES = 150 * MIB


def limits(bench: Bench) -> list[Limit]:
    """What any of these holds in memory at most."""
    found = [*_huge(bench), *_many(bench)]
    return [Limit(f"peak memory: {what}", peak / 1e6, "MB", MOST_BYTES / 1e6) for what, peak in found]


def _many(bench: Bench) -> list[tuple[str, int]]:
    """Long files enough for every thread, over a wire on which each is fetched in ranges."""
    served = bench.place / "many"
    size = bench.amount(_MANY_BYTES)
    keys = workload.large(served / "deliveries", bench.key, _MANY, size).key_list
    with runs.s3(served, 30, 90) as url:
        source = f'url = "s3://deliveries/"\nregion = "{workload.REGION}"\nendpoint_url = "{url}"'
        config = runs.initialised(bench.place / "many-archive", {"prod": source}, keys)
        peak = runs.peak_memory([*runs.ARCHIVER, "--config", str(config), "sync", "--json"])
    for folder in (served, bench.place / "many-archive"):
        shutil.rmtree(folder)
    return [(f"sync of {_MANY} files of {size // MIB} MiB at once", peak)]


def _huge(bench: Bench) -> list[tuple[str, int]]:
    """One file of 20 GiB: synced over S3, audited."""
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
    return found
