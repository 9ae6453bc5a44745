"""``import`` of small folders beside a loop that copies the same files and fsyncs each."""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Final

from benchmarks import runs, workload
from benchmarks.rows import Bench, Row, Series, in_turns
from benchmarks.workload import Workload

_COUNT: Final = 5000


def small(bench: Bench) -> list[Row]:
    """5,000 deliveries of one small file each."""
    count = bench.amount(_COUNT)
    made = workload.small(bench.place / "import" / "data", bench.key, count)
    keys, homes = made.key_list, bench.place / "import" / "homes"
    runs.run(_loop(made, homes / "warm-up"))
    ours, peer = Series("import", count), Series("copy and fsync", count)

    def imported(_: int) -> float:
        took = runs.run(_import(homes, keys, made))
        answer = json.loads(took.out)
        if (answer["archived"], answer["verified"]) != (count, count):
            raise SystemExit(f"{answer['verified']} of {answer['archived']} deliveries are verified")
        return took.seconds

    def copied(number: int) -> float:
        took = runs.run(_loop(made, homes / f"copy-{number}"))
        if int(took.out) != 2 * count:
            raise SystemExit(f"the loop copied {took.out!r} files, not {2 * count}")
        return took.seconds

    in_turns(bench.rounds, (ours, imported), (peer, copied))
    peak = runs.peak_memory(_import(homes, keys, made))
    shutil.rmtree(bench.place / "import")
    return [Row(f"import of {count:,} small folders from disk, fsync'd", 0.4, "folders", ours, [peer], peak)]


def _import(homes: Path, keys: Path, made: Workload) -> list[str]:
    """Into a new archive each time; what is there stays to the end (see ``row_sync``)."""
    config = runs.initialised(homes / f"import-{time.monotonic_ns()}", {}, keys)
    return [*runs.ARCHIVER, "--config", str(config), "import", "--source", "prod", "--json", str(made.root)]


def _loop(made: Workload, to: Path) -> list[str]:
    return [sys.executable, "-m", "benchmarks.bare", "copy", str(made.root), str(to)]
