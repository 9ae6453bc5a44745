"""What every benchmark shares: facts of the machine, figures with ratios between them, a table and JSON.

Seconds differ from machine to machine, and on a busy one from minute to minute; ratios within one run hold. So every
benchmark measures what it is compared with in the same run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = ("sqlalchemy", "orjson", "rfc8785", "cryptography", "boto3")


@dataclass(frozen=True)
class Figure:
    """One measurement: *amount* things of *unit* in *seconds*; *cpu*: seconds of this process and its children."""

    name: str
    amount: float
    unit: str
    seconds: float
    cpu: float | None = None

    @property
    def rate(self) -> float:
        """Things a second."""
        return self.amount / self.seconds if self.seconds else float("inf")


@dataclass(frozen=True)
class Ratio:
    """*value* says how *name* stands to what it is compared with; *wanted*: the goal in words, *met* if it is."""

    name: str
    value: float
    form: str
    wanted: str = ""
    met: bool | None = None


@dataclass
class Results:
    """What a benchmark found, in the order in which it found it."""

    title: str
    figures: list[Figure] = field(default_factory=list)
    ratios: list[Ratio] = field(default_factory=list)

    def add(self, name: str, amount: float, unit: str, seconds: float, cpu: float | None = None) -> Figure:
        """Takes a measurement and says it on stderr, for a long run."""
        figure = Figure(name, amount, unit, seconds, cpu)
        self.figures.append(figure)
        print(f"  {name}: {seconds:.3f} s", file=sys.stderr)
        return figure

    def timed(self, name: str, amount: float, unit: str, work: Callable[[], Any]) -> Figure:
        """Measures *work*, once."""
        return self.add(name, amount, unit, *measured(work))

    def best(self, name: str, amount: float, unit: str, work: Callable[[], Any], times: int = 5) -> Figure:
        """Measures *work*, the quickest of several *times*."""
        return self.add(name, amount, unit, *min(measured(work) for _ in range(times)))

    def ratio(self, name: str, part: Figure, whole: Figure) -> Ratio:
        """How many times as fast *part* is as *whole*."""
        found = Ratio(name, part.rate / whole.rate, "{:.2f}×")
        self.ratios.append(found)
        return found

    def goal(self, name: str, value: float, form: str, wanted: str, met: bool) -> Ratio:
        """*value* beside what was asked for."""
        found = Ratio(name, value, form, wanted, met)
        self.ratios.append(found)
        return found

    def table(self) -> str:
        """As Markdown."""
        lines = [
            f"### {self.title}",
            "",
            "| | amount | seconds | CPU seconds | a second |",
            "|---|---:|---:|---:|---:|",
        ]
        for f in self.figures:
            cpu = "" if f.cpu is None else f"{f.cpu:,.3f}"
            lines.append(f"| {f.name} | {f.amount:,.0f} {f.unit} | {f.seconds:,.3f} | {cpu} | {f.rate:,.0f} |")
        if self.ratios:
            lines += ["", "| | | wanted |", "|---|---:|---|"]
            for r in self.ratios:
                said = "" if r.met is None else f"{r.wanted}: {'met' if r.met else 'NOT MET'}"
                lines.append(f"| {r.name} | {r.form.format(r.value)} | {said} |")
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """As one object."""
        return {
            "title": self.title,
            "figures": [{**vars(f), "rate": f.rate} for f in self.figures],
            "ratios": [{"name": r.name, "value": r.value, "wanted": r.wanted, "met": r.met} for r in self.ratios],
        }


def measured(work: Callable[[], Any]) -> tuple[float, float]:
    """(seconds, CPU seconds) of *work*, of processes that it started and waited for too."""
    began, busy = time.perf_counter(), sum(os.times()[:4])
    work()
    return time.perf_counter() - began, sum(os.times()[:4]) - busy


def machine() -> dict[str, str]:
    """Facts that a figure means nothing without."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "load": f"{os.getloadavg()[0]:.1f} before it began",
        **{name: found for name in _PACKAGES if (found := _version(name))},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def told(facts: dict[str, str]) -> str:
    """The facts of the machine in a line."""
    return ", ".join(f"{name} {value}" for name, value in facts.items())


@contextmanager
def workplace(where: Path | None) -> Iterator[Path]:
    """A new folder, below *where* if given: on the disk that is to be measured; removed at the end."""
    with tempfile.TemporaryDirectory(prefix="archiver-bench-", dir=where) as name:
        yield Path(name)


def main(
    run: Callable[[argparse.Namespace], Results], options: Callable[[argparse.ArgumentParser], None] | None = None
) -> None:
    """A benchmark's command line: ``--json``, ``--dir``, and what *options* adds. Exits with 1 for a goal not met."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of Markdown")
    parser.add_argument("--dir", type=Path, help="where to work: a folder on the disk to measure")
    if options:
        options(parser)
    given = parser.parse_args()
    facts = machine()
    results = run(given)
    if given.json:
        print(json.dumps({"machine": facts, **results.as_json()}))
    else:
        print(f"{results.table()}\n\n{told(facts)}")
    sys.exit(any(r.met is False for r in results.ratios))
