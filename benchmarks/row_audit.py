"""Audits: of large files beside openssl and dd, of many small ones beside a bare loop."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Final

from archiver.domain.limits import GIB
from benchmarks import runs, workload
from benchmarks.rows import Bench, Row, Series, in_turns
from benchmarks.workload import Workload

_FILES: Final = 4
_SMALL: Final = 20_000


def large(bench: Bench) -> list[Row]:
    """4 files of 1 GiB: out of the page cache, and from the medium."""
    size = bench.amount(GIB)
    made = workload.large(bench.place / "large" / "data", bench.key, _FILES, size)
    config = _archived(bench.place / "large-archive", made)
    files = sorted((bench.place / "large-archive").rglob("*.csv.gz"))
    found = [_cached(bench, config, files, size), _from_medium(bench, config, files, size)]
    shutil.rmtree(bench.place / "large-archive")
    return found


def small(bench: Bench) -> list[Row]:
    """20,000 deliveries of one small file each."""
    count = bench.amount(_SMALL)
    made = workload.small(bench.place / "small" / "data", bench.key, count)
    config = _archived(bench.place / "small-archive", made)
    evidence = config.parent / "evidence" / "prod"
    audit = ("audit", "--all", "--allow-cache", "--json")
    ours, peer = Series("audit", count), Series("bare loop", count)
    loop = [sys.executable, "-m", "benchmarks.bare", "verify", str(evidence), str(made.key_list)]
    runs.run(loop)  # now all of it is in the page cache, for both
    in_turns(bench.rounds, (ours, lambda _: _audited(config, count, *audit)), (peer, lambda _: _looped(loop, count)))
    peak = runs.peak_memory([*runs.ARCHIVER, "--config", str(config), *audit])
    shutil.rmtree(bench.place / "small-archive")
    work = f"audit of {count:,} small folders, `--allow-cache`, recorded in the ledger"
    return [Row(work, 0.5, "folders", ours, [peer], peak)]


def _archived(home: Path, made: Workload) -> Path:
    """The configuration of an archive in *home* that holds *made*, whose own copy is removed."""
    config = runs.initialised(home, {}, made.key_list)
    runs.archiver(config, "import", "--source", "prod", "--json", str(made.root))
    shutil.rmtree(made.root)
    workload.to_disk(home)
    return config


def _cached(bench: Bench, config: Path, files: list[Path], size: int) -> Row:
    workload.cached(files)
    cores = len(os.sched_getaffinity(0))
    shares = [files[core::cores] for core in range(cores)]
    openssl = [["openssl", "dgst", "-sha256", *map(str, share)] for share in shares if share]
    gib = len(files) * size / GIB
    ours, peer = Series("audit", gib), Series("openssl, one process a core", gib)
    audit = ("audit", "--all", "--allow-cache", "--json")
    in_turns(
        bench.rounds,
        (ours, lambda _: _audited(config, len(files), *audit)),
        (peer, lambda _: runs.run(*openssl).seconds),
    )
    peak = runs.peak_memory([*runs.ARCHIVER, "--config", str(config), *audit])
    work = f"audit of {len(files)} × {size / GIB:g} GiB, `--allow-cache`, files in the page cache"
    return Row(work, 0.95, "GiB", ours, [peer], peak)


def _from_medium(bench: Bench, config: Path, files: list[Path], size: int) -> Row:
    gib = len(files) * size / GIB
    ours = Series("audit", gib)
    alone = Series("dd with O_DIRECT, one file after the other", gib)
    pairs = Series("dd with O_DIRECT, two files at once", gib)
    read = [["dd", f"if={path}", "of=/dev/null", "bs=4M", "iflag=direct", "status=none"] for path in files]
    audit = ("audit", "--all", "--json")
    in_turns(
        bench.rounds,
        (ours, lambda _: _audited(config, len(files), *audit)),
        (alone, lambda _: sum(runs.run(command).seconds for command in read)),
        (pairs, lambda _: sum(runs.run(*read[first : first + 2]).seconds for first in range(0, len(read), 2))),
    )
    peak = runs.peak_memory([*runs.ARCHIVER, "--config", str(config), *audit])
    return Row("the same from the medium (the default)", 0.9, "GiB", ours, [alone, pairs], peak)


def _audited(config: Path, count: int, *arguments: str) -> float:
    took = runs.archiver(config, *arguments)
    answer = json.loads(took.out)
    if (answer["audited"], answer["verified"]) != (count, count):
        raise SystemExit(f"{answer['verified']} of {answer['audited']} items are verified, not {count}")
    return took.seconds


def _looped(command: list[str], count: int) -> float:
    took = runs.run(command)
    if int(took.out) != count:
        raise SystemExit(f"the bare loop verified {took.out!r}, not {count}")
    return took.seconds
