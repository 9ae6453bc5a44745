"""Rows of the table that ``make bench`` prints: ours beside a peer, in turns, in one run."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from archiver.demo.deliveries import SigningKey

MOST_BYTES: Final = 250 * 1000 * 1000
"""What any of ours may hold in memory, whatever it works on."""


@dataclass(frozen=True)
class Bench:
    """Where and how much. ``rounds``: times that each is measured; ``part``: of the full amount, for a quick look.

    ``peers``: the folder with the programs that ours are measured beside. ``aws``: version 2 of the AWS CLI, which
    no package index has, where there is one: version 1 knows no ``verify-query-results``.
    """

    place: Path
    peers: Path
    aws: str | None
    rounds: int
    part: float
    key: SigningKey

    def amount(self, full: int) -> int:
        """*full*, or as much of it as is asked for."""
        return max(1, int(full * self.part))

    def program(self, name: str) -> str:
        """Where a peer is. Raises SystemExit where it is not installed."""
        path = self.peers / name
        if not path.exists():
            raise SystemExit(f"{path} is not there: run make bench, which installs it")
        return str(path)


@dataclass
class Series:
    """Seconds that *amount* things took, each time."""

    name: str
    amount: float
    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Seconds."""
        return statistics.median(self.seconds)

    @property
    def rate(self) -> float:
        """Things a second."""
        return self.amount / self.median


@dataclass
class Row:
    """One line. ``wanted``: the least ratio, None for a line that only informs; ``why``: what a reader must know.

    ``peers``: the quickest of them counts. ``peak``: bytes of memory, measured in a run of its own.
    """

    work: str
    wanted: float | None
    unit: str
    ours: Series
    peers: list[Series]
    peak: int | None = None
    why: str = ""

    @property
    def peer(self) -> Series:
        """The quickest."""
        return max(self.peers, key=lambda series: series.rate)

    @property
    def ratio(self) -> float:
        """Our rate by the peer's."""
        return self.ours.rate / self.peer.rate

    @property
    def is_met(self) -> bool:
        """True where nothing is wanted, too."""
        fits = self.peak is None or self.peak <= MOST_BYTES
        return fits and (self.wanted is None or self.ratio >= self.wanted)

    def as_json(self) -> dict[str, Any]:
        """With every single measurement."""
        return {
            "work": self.work,
            "unit": self.unit,
            "ratio": self.ratio,
            "wanted": self.wanted,
            "met": self.is_met,
            "peak_bytes": self.peak,
            "ours": vars(self.ours),
            "peers": [vars(peer) for peer in self.peers],
            "why": self.why,
        }


@dataclass(frozen=True)
class Limit:
    """One line that has no peer: *value* must be *most* at most."""

    work: str
    value: float
    unit: str
    most: float
    why: str = ""

    @property
    def is_met(self) -> bool:
        """True where it is."""
        return self.value <= self.most

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        return {**vars(self), "met": self.is_met}


def limits_table(limits: Sequence[Limit]) -> str:
    """As Markdown."""
    lines = ["| what | measured | at most |", "|---|---:|---:|"]
    for one in limits:
        said = "reached" if one.is_met else "NOT REACHED"
        lines.append(f"| {one.work} | {_number(one.value)} {one.unit} | {one.most:g} {one.unit}: {said} |")
    notes = [f"- {one.work}: {one.why}" for one in limits if one.why]
    return "\n".join([*lines, "", *notes]) if notes else "\n".join(lines)


def in_turns(rounds: int, *works: tuple[Series, Callable[[int], float]]) -> None:
    """Each of *works*, which answer seconds, *rounds* times, in turns, so that all meet the same weather."""
    for number in range(rounds):
        for series, work in works:
            series.seconds.append(work(number))
            print(f"  {series.name}: {series.seconds[-1]:.3f} s", file=sys.stderr)


def table(rows: Sequence[Row]) -> str:
    """As Markdown."""
    lines = [
        "| work | ours | the quickest peer | ratio | wanted | peak memory |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        wanted = "" if row.wanted is None else f"{row.wanted:g}: {'reached' if row.is_met else 'NOT REACHED'}"
        peak = "" if row.peak is None else f"{row.peak / 1e6:.0f} MB"
        ours, peer = (f"{_number(s.rate)} {row.unit}/s" for s in (row.ours, row.peer))
        lines.append(f"| {row.work} | {ours} | {peer} ({row.peer.name}) | {row.ratio:.2f} | {wanted} | {peak} |")
    notes = [f"- {row.work}: {row.why}" for row in rows if row.why]
    return "\n".join([*lines, "", *notes]) if notes else "\n".join(lines)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
