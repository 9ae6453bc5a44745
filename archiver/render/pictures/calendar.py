"""The fixity calendar: every day of the keeping; days of judgements by the worst verdict of the day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Final

from archiver.domain.dossier import Judged
from archiver.domain.times import format_time
from archiver.domain.verdict import Verdict
from archiver.render.pictures.svg import (
    COLOURS,
    FAINT,
    FONTS,
    INK,
    LINE,
    PAPER,
    SOFT,
    TINT,
    WIDTH,
    WORST_FIRST,
    Drawing,
    Picture,
    cross,
    square,
    width_of,
)
from archiver.render.words.vocabulary import Words

YEARS_DRAWN: Final = 12
"""Most years of one picture; the latest."""

_LEFT: Final = 34.0
_PITCH: Final = (WIDTH - _LEFT) / 54
"""A year touches 54 weeks at most."""
_CELL: Final = _PITCH - 1.2
_ABOVE: Final = 30.0
_YEAR: Final = 7 * _PITCH + 12


def calendar(
    judged: Sequence[Judged], acquired: datetime, words: Words, as_of: datetime | None = None, font: str = FONTS
) -> Picture:
    """The days on which an item was *judged*. *as_of*: the end of what is drawn, by default the last one."""
    days = _worst(judged)
    end = max([acquired, *(one.at for one in judged), *([as_of] if as_of else [])])
    drawing = Drawing(words.text("calendar"), _described(judged, acquired, end, words), words.language, font)
    first, last = min([acquired.date(), *days]), max([end.date(), *days])
    years = list(range(first.year, last.year + 1))
    _month_names(drawing, words)
    top = _ABOVE
    for year in years[-YEARS_DRAWN:]:
        _year(drawing, year, top, (acquired.date(), end.date()), words)
        _judged_days(drawing, {day: verdict for day, verdict in days.items() if day.year == year}, top)
        top += _YEAR
    top = _legend(drawing, top + 6, words)
    if len(years) > YEARS_DRAWN:
        drawing.text(
            0, top + 4, words.text("calendar.years_left_out", n=len(years) - YEARS_DRAWN), size=11, fill=SOFT
        )
        top += 16
    return drawing.picture(top)


def _worst(judged: Iterable[Judged]) -> dict[date, Verdict]:
    days: dict[date, Verdict] = {}
    for one in judged:
        day = one.at.date()
        days[day] = min(one.verdict, days.get(day, one.verdict), key=WORST_FIRST.index)
    return days


def _described(judged: Sequence[Judged], acquired: datetime, end: datetime, words: Words) -> str:
    moments = sorted([acquired, *(one.at for one in judged), end])
    gap = max((later - earlier for earlier, later in pairwise(moments)), default=timedelta())
    return words.text(
        "calendar.desc",
        first=format_time(moments[0]),
        last=format_time(end),
        times=words.count("times", len(judged)),
        gap=words.count("days", gap.days),
    )


def _at(day: date) -> tuple[float, float]:
    """The upper left corner of a day below its year's top."""
    start = date(day.year, 1, 1)
    return _LEFT + ((day - start).days + start.weekday()) // 7 * _PITCH, day.weekday() * _PITCH


def _month_names(drawing: Drawing, words: Words) -> None:
    for month, name in enumerate(words.text("calendar.months").split(), 1):
        drawing.text(_at(date(2024, month, 8))[0], _ABOVE - 8, name, size=9.5, fill=SOFT)


def _year(drawing: Drawing, year: int, top: float, kept: tuple[date, date], words: Words) -> None:
    """The empty year: its number, three weekdays, the days of the keeping tinted, and lines between the months."""
    drawing.text(0, top + 9, str(year), size=11, font_weight="bold")
    names = words.text("calendar.weekdays").split()
    for row in (2, 4, 6):
        drawing.text(0, top + (row + 0.85) * _PITCH, names[row], size=8.5, fill=SOFT)
    bounds = date(year, 1, 1), date(year, 12, 31)
    first, last = max(kept[0], bounds[0]), min(kept[1], bounds[1])
    if first <= last:
        drawing.path(_rows((first, last), top), fill=TINT)
    columns = "".join(f"M{_LEFT + n * _PITCH - 0.6:.1f} {top:.1f}v{7 * _PITCH:.1f}" for n in range(1, 54))
    drawing.path(columns, fill="none", stroke=PAPER, stroke_width=1.2)
    months = (_at(date(year, month, 1))[0] - 0.6 for month in range(2, 13))
    lines = "".join(f"M{x:.1f} {top:.1f}v{7 * _PITCH:.1f}" for x in months)
    drawing.path(lines, fill="none", stroke=LINE, stroke_width=0.6)


def _rows(days: tuple[date, date], top: float) -> str:
    """Path data of the days from the first to the last: one bar for each weekday."""
    bars = ""
    for weekday in range(7):  # in ordinals, for there may be no day before the first or after the last
        first = days[0].toordinal() + (weekday - days[0].weekday()) % 7
        last = days[1].toordinal() - (days[1].weekday() - weekday) % 7
        if first <= last:
            x, y = _at(date.fromordinal(first))
            width = _at(date.fromordinal(last))[0] - x + _CELL
            bars += f"M{x:.1f} {top + y:.1f}h{width:.1f}v{_CELL:.1f}h{-width:.1f}z"
    return bars


def _judged_days(drawing: Drawing, days: Mapping[date, Verdict], top: float) -> None:
    for verdict in reversed(WORST_FIRST):
        corners = [_at(day) for day, said in days.items() if said is verdict]
        _cells(drawing, verdict, [(x, top + y) for x, y in corners])


def _cells(drawing: Drawing, verdict: Verdict, corners: Sequence[tuple[float, float]]) -> None:
    """Plain, crossed or hollow squares."""
    colour, half = COLOURS[verdict], _CELL / 2
    if verdict is Verdict.VERIFIED:
        drawing.path("".join(square(x, y, _CELL) for x, y in corners), fill=colour)
    elif verdict is Verdict.FAILED:
        drawing.path(
            "".join(square(x - 1, y - 1, _CELL + 2) for x, y in corners), fill=colour, stroke=INK, stroke_width=0.8
        )
        crosses = "".join(cross(x + half, y + half, half * 0.75) for x, y in corners)
        drawing.path(crosses, fill="none", stroke=PAPER, stroke_width=1.4)
    else:
        drawing.path(
            "".join(square(x + 0.5, y + 0.5, _CELL - 1) for x, y in corners),
            fill=PAPER,
            stroke=colour,
            stroke_width=1.6,
        )


def _legend(drawing: Drawing, top: float, words: Words) -> float:
    x = _LEFT
    for verdict in WORST_FIRST:
        _cells(drawing, verdict, [(x, top)])
        name = words.verdict_names[verdict]
        drawing.text(x + 12, top + 7.5, name, size=10.5)
        x += 12 + width_of(name, 10.5) + 16
    drawing.rect(x, top, _CELL, _CELL, fill=TINT, stroke=FAINT, stroke_width=0.6)
    drawing.text(x + 12, top + 7.5, words.text("calendar.kept"), size=10.5)
    return top + 16
