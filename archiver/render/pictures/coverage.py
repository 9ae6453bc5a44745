"""The coverage chart: how many items there are of each day, month or year, by verdict, and where there are none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from archiver.domain.verdict import Verdict
from archiver.render.pictures.svg import (
    COLOURS,
    FAINT,
    FONTS,
    INK,
    PAPER,
    SOFT,
    WIDTH,
    WORST_FIRST,
    Drawing,
    Picture,
    num,
    width_of,
)
from archiver.render.words.vocabulary import Words

MOST_DAYS: Final = 92
"""Longest time that is drawn day by day."""
MOST_MONTHS: Final = 96
"""Longest time that is drawn month by month."""
MOST_YEARS: Final = 50
"""Most years that are drawn; the latest."""

_LEFT: Final = 34.0
_TOP: Final = 22.0
_HEIGHT: Final = 110.0
_SEEN: Final = 3.0
"""Least height of what occurs: one failure in ten thousand must be seen."""

_FILLS: Final = {
    Verdict.VERIFIED: {"fill": "#a9d3bb", "stroke": COLOURS[Verdict.VERIFIED]},
    Verdict.FAILED: {"fill": COLOURS[Verdict.FAILED], "stroke": INK},
    Verdict.INDETERMINATE: {"fill": PAPER, "stroke": COLOURS[Verdict.INDETERMINATE]},
}


@dataclass(frozen=True, slots=True)
class _Bucket:
    """One bar. ``name``: what stands below it."""

    name: str
    counts: Mapping[Verdict, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())


def coverage(days: Mapping[date, Mapping[Verdict, int]], words: Words, font: str = FONTS) -> Picture | None:
    """The items of *days* by verdict; None where there are none."""
    if not days:
        return None
    unit, names = _scale(min(days), max(days))
    counts: dict[str, dict[Verdict, int]] = {name: {} for name in names}
    left_out = items = 0
    for day, by_verdict in days.items():
        name, here = _name(day, unit), sum(by_verdict.values())
        items += here
        if name not in counts:
            left_out += here
            continue
        for verdict, count in by_verdict.items():
            counts[name][verdict] = counts[name].get(verdict, 0) + count
    told = {"items": words.count("items", items), "first": min(days).isoformat(), "last": max(days).isoformat()}
    drawing = Drawing(words.text("coverage"), words.text("coverage.desc", **told), words.language, font)
    _bars(drawing, [_Bucket(name, counts[name]) for name in names])
    drawing.text(0, 11, words.text(f"coverage.by_{unit}"), size=10.5, fill=SOFT)
    bottom = _legend(drawing, _TOP + _HEIGHT + 30, words)
    if left_out:
        drawing.text(0, bottom + 4, words.text("coverage.left_out", n=left_out), size=11, fill=SOFT)
        bottom += 16
    return drawing.picture(bottom)


def _scale(first: date, last: date) -> tuple[str, list[str]]:
    """What one bar is (``day``, ``month`` or ``year``), and the names of all of them, gaps included."""
    if (last - first).days < MOST_DAYS:
        return "day", [(first + timedelta(n)).isoformat() for n in range((last - first).days + 1)]
    months = (last.year - first.year) * 12 + last.month - first.month + 1
    if months <= MOST_MONTHS:
        return "month", list(_months(first, months))
    return "year", [f"{year:04}" for year in range(max(first.year, last.year - MOST_YEARS + 1), last.year + 1)]


def _months(first: date, count: int) -> Iterator[str]:
    for number in range(first.month - 1, first.month - 1 + count):
        yield f"{first.year + number // 12:04}-{number % 12 + 1:02}"


def _name(day: date, unit: str) -> str:
    return day.isoformat()[: {"day": 10, "month": 7, "year": 4}[unit]]


def _bars(drawing: Drawing, buckets: list[_Bucket]) -> None:
    most = max(bucket.total for bucket in buckets)
    base, pitch = _TOP + _HEIGHT, (WIDTH - _LEFT - 4) / max(len(buckets), 12)
    drawing.line(_LEFT, _TOP, WIDTH, _TOP, stroke=FAINT, stroke_width=0.8)
    drawing.text(_LEFT - 5, _TOP + 4, f"{most:,}", anchor="end", size=10.5, fill=SOFT)
    drawing.text(_LEFT - 5, base + 3, "0", anchor="end", size=10.5, fill=SOFT)
    gaps, free = "", 0.0
    for n, bucket in enumerate(buckets):
        x, width = _LEFT + 3 + n * pitch, max(1.0, min(pitch * 0.78, 40))
        if not bucket.total:
            gaps += f"M{num(x)} {num(base + 4)}h{num(width)}"
        _bar(drawing, bucket, (x, base), (width, most))
        wide = width_of(bucket.name, 9.5)
        if x >= free and x + wide <= WIDTH:
            drawing.text(x, base + 18, bucket.name, size=9.5, fill=SOFT)
            free = x + wide + 16
    drawing.line(_LEFT, base, WIDTH, base, stroke=INK)
    drawing.path(gaps, fill="none", stroke=SOFT, stroke_width=3, stroke_dasharray="1.5 1")


def _bar(drawing: Drawing, bucket: _Bucket, at: tuple[float, float], size: tuple[float, int]) -> None:
    """From below: what is wrong, what could not be judged, what is verified. *size*: width, the highest count."""
    (x, y), (width, most) = at, size
    for verdict in WORST_FIRST:
        if count := bucket.counts.get(verdict, 0):
            height = max(_SEEN, _HEIGHT * count / most)
            y -= height
            _block(drawing, verdict, (x, y), (width, height))
    if bucket.counts.get(Verdict.FAILED):
        drawing.verdict(Verdict.FAILED, x + width / 2, max(y - 6, 6), 4)


def _block(drawing: Drawing, verdict: Verdict, at: tuple[float, float], size: tuple[float, float]) -> None:
    """Solid for failed, hatched for what could not be judged, pale for verified."""
    (x, y), (width, height) = at, size
    drawing.rect(x, y, width, height, stroke_width=0.7, **_FILLS[verdict])
    if verdict is Verdict.INDETERMINATE:
        lines = "".join(f"M{num(x)} {num(y + d)}h{num(width)}" for d in range(2, int(height), 3))
        drawing.path(lines, fill="none", stroke=COLOURS[verdict], stroke_width=0.8)


def _legend(drawing: Drawing, top: float, words: Words) -> float:
    x = _LEFT
    for verdict in WORST_FIRST:
        _block(drawing, verdict, (x, top), (9, 9))
        name = words.verdict_names[verdict]
        drawing.text(x + 13, top + 8.5, name, size=10.5)
        x += 13 + width_of(name, 10.5) + 16
    drawing.path(f"M{num(x)} {num(top + 5)}h10", fill="none", stroke=SOFT, stroke_width=3, stroke_dasharray="1.5 1")
    drawing.text(x + 14, top + 8.5, words.text("coverage.gap"), size=10.5)
    return top + 18
