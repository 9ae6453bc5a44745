"""The custody timeline: what happened to an item when, one line for each kind of event, on one axis."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from archiver.domain.dossier import ItemDossier
from archiver.domain.facts import Fact, Label
from archiver.domain.times import format_time
from archiver.domain.verdict import Verdict
from archiver.render.pictures.svg import (
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
    rhomb,
    width_of,
)
from archiver.render.words.vocabulary import Words

_INSET: Final = 8.0
_LANE: Final = 32.0
_ABOVE: Final = 4.0
_BREAK: Final = 16.0
_SHARE: Final = 0.34
"""Of the width, for the time before the acquisition where that has a scale of its own."""
_EARLIEST: Final = timedelta(days=30)
"""What is said to be longer before the acquisition, or later than the end, stands at the edge: a claimed year 1 must
not push all else into one point."""
_ONE_SCALE: Final = 4
"""Up to so many times as long as the time before it, the time after the acquisition shares its scale."""


@dataclass(frozen=True, slots=True)
class _Lane:
    """One kind of event. ``points``: when, and with which verdict; ``absent``: why there is none."""

    name: str
    points: Sequence[tuple[datetime, Verdict | None]]
    label: Label
    absent: str = ""
    shape: str = "square"


def timeline(item: ItemDossier, words: Words, as_of: datetime | None = None, font: str = FONTS) -> Picture:
    """What happened to *item*. *as_of*: when the head was signed that the report is made of."""
    lanes = _lanes(item, words, as_of)
    axis = _Axis.of(item, lanes, as_of)
    moments = sorted(at for lane in lanes for at, _ in lane.points)
    told = {
        "events": words.count("events", len(moments)),
        "first": format_time(moments[0]),
        "last": format_time(moments[-1]),
    }
    drawing = Drawing(words.text("timeline"), words.text("timeline.desc", **told), words.language, font)
    bottom = _ABOVE + _LANE * len(lanes)
    _ticks(drawing, axis, bottom)
    for number, lane in enumerate(lanes):
        _lane(drawing, lane, axis, _ABOVE + number * _LANE, words)
    return drawing.picture(_explained(drawing, axis, lanes, bottom + 32, words))


def _lanes(item: ItemDossier, words: Words, as_of: datetime | None) -> list[_Lane]:
    facts = {one.name: one for one in (*item.query, *item.acquisition)}
    delivered = [one for file in item.files for one in file.facts if one.name == "last_modified"]
    events: Callable[..., list[tuple[datetime, Verdict | None]]] = lambda *kinds: [  # noqa: E731
        (event.at, None) for event in item.history if event.kind in kinds
    ]
    judged = _Lane(words.text("timeline.judged"), [(one.at, one.verdict) for one in item.judged], Label.RECORDED)
    lanes = [
        _of_facts("executed", [facts.get("execution_time")], words, "rhomb"),
        _of_facts("completed", [facts.get("query_complete_time")], words, "rhomb"),
        _of_facts("delivered", delivered, words, "triangle"),
        _of_facts("first_seen", [facts.get("first_seen_at")], words, "circle"),
        _Lane(words.text("timeline.acquired"), [(item.evidence.acquired_at, None)], Label.RECORDED),
        judged if judged.points else _Lane(judged.name, (), judged.label, words.text("none")),
        _Lane(words.text("timeline.repaired"), events("evidence_repaired"), Label.RECORDED, shape="plus"),
        _Lane(
            words.text("timeline.observed"),
            events("source_observed", "source_restored"),
            Label.RECORDED,
            shape="triangle",
        ),
        _Lane(words.text("timeline.report"), [(as_of, None)] if as_of else [], Label.RECORDED, shape="circle"),
    ]
    return [lane for lane in lanes if lane.points or lane.absent]


def _of_facts(name: str, facts: Iterable[Fact | None], words: Words, shape: str) -> _Lane:
    given = [one for one in facts if one is not None]
    points = [(one.value, None) for one in given if isinstance(one.value, datetime)]
    label = next((one.label for one in given if one.value is not None), Label.RECORDED)
    absent = next((words.value(one) for one in given if one.value is None), words.text("none"))
    return _Lane(words.text(f"timeline.{name}"), points, label, "" if points else absent, shape)


@dataclass(frozen=True, slots=True)
class _Axis:
    """Time to units. ``start``, ``turn``, ``end``: bounds, in order; ``turn`` is where the second scale begins, at
    the unit ``bend``; None for one scale."""

    start: datetime
    end: datetime
    turn: datetime | None
    bend: float = _INSET

    @classmethod
    def of(cls, item: ItemDossier, lanes: Sequence[_Lane], as_of: datetime | None) -> _Axis:
        """From what is recorded here; claims lie within or at the edge."""
        acquired = item.evidence.acquired_at
        ours = [
            at for at in (item.evidence.first_seen_at, acquired, as_of, *(event.at for event in item.history)) if at
        ]
        told = [at for lane in lanes for at, _ in lane.points]
        earliest = max(acquired - _EARLIEST, datetime.min.replace(tzinfo=UTC)) if acquired.year > 1 else acquired
        end = max(ours)
        start = min([acquired, *(at for at in told if earliest <= at <= end)])
        before, after = acquired - start, end - acquired
        if not before or after <= _ONE_SCALE * before:
            return cls(start, end, None)
        return cls(start, end, acquired, _INSET + _SHARE * (WIDTH - 2 * _INSET))

    def x(self, at: datetime) -> float:
        """Where *at* is drawn; what is outside, at the edge."""
        at = min(max(at, self.start), self.end)
        if self.turn is None:
            return self._within(at, (self.start, self.end), (_INSET, WIDTH - _INSET))
        if at <= self.turn:
            return self._within(at, (self.start, self.turn), (_INSET, self.bend))
        return self._within(at, (self.turn, self.end), (self.bend + _BREAK, WIDTH - _INSET))

    def outside(self, at: datetime) -> bool:
        """True for what has no place of its own."""
        return not self.start <= at <= self.end

    @staticmethod
    def _within(at: datetime, span: tuple[datetime, datetime], units: tuple[float, float]) -> float:
        whole = (span[1] - span[0]).total_seconds()
        return units[0] + (units[1] - units[0]) * ((at - span[0]).total_seconds() / whole if whole else 0.0)


def _lane(drawing: Drawing, lane: _Lane, axis: _Axis, top: float, words: Words) -> None:
    """Name, whose word it is and the time above; the marks below."""
    drawing.text(_INSET, top + 10, lane.name, size=11, font_weight="bold")
    mark = f"({words.marks[lane.label]})" if lane.points else ""
    x = _INSET + width_of(lane.name, 11.5) + 4
    drawing.text(x, top + 10, mark, size=9.5, fill=SOFT)
    moments = sorted(at for at, _ in lane.points)
    note = lane.absent if not moments else format_time(moments[0])
    if len(moments) > 1:
        bounds = {"first": f"{moments[0]:%Y-%m-%dT%H:%MZ}", "last": f"{moments[-1]:%Y-%m-%dT%H:%MZ}"}
        note = words.text("timeline.spread", times=words.count("times", len(moments)), **bounds)
    room = WIDTH - _INSET - x - width_of(mark, 9.5) - 6
    size = min(10.5, 10.5 * room / max(width_of(note, 10.5), 1))
    if size >= 7:
        drawing.text(WIDTH - _INSET, top + 10, note, anchor="end", size=size, fill=INK if moments else SOFT)
    middle = top + 21
    drawing.line(_INSET, middle, WIDTH - _INSET, middle, stroke=FAINT)
    if size < 7:
        drawing.rect(_INSET, top + 14, width_of(note, 9.5) + 8, 14, fill=PAPER)
        drawing.text(_INSET, top + 24, note, size=9.5, fill=SOFT)
    for at, verdict in _thinned(lane, axis):
        _mark(drawing, lane.shape, verdict, (axis.x(at), middle), -1 if at < axis.start else int(axis.outside(at)))


def _thinned(lane: _Lane, axis: _Axis) -> Iterator[tuple[datetime, Verdict | None]]:
    """One mark a unit and verdict, the worst on top: ten years of audits stay one picture."""
    seen = {(round(axis.x(at)), verdict): (at, verdict) for at, verdict in lane.points}
    order = [None, *reversed(WORST_FIRST)]
    yield from sorted(seen.values(), key=lambda point: order.index(point[1]))


def _mark(drawing: Drawing, shape: str, verdict: Verdict | None, at: tuple[float, float], side: int) -> None:
    """*side*: -1 or 1 for what lies outside of the picture to the left or right, else 0."""
    x, y = at
    if side:
        drawing.path(f"M{num(x)} {num(y - 5)}l{7 * side} 5l{-7 * side} 5z", fill=PAPER, stroke=INK)
    elif verdict is not None:
        drawing.verdict(verdict, x, y, 5)
    elif shape == "square":
        drawing.rect(x - 4.5, y - 4.5, 9, 9, fill=INK)
    elif shape == "circle":
        drawing.circle(x, y, 4.5, fill=PAPER, stroke=INK, stroke_width=2)
    elif shape == "rhomb":
        drawing.path(rhomb(x, y, 5.5), fill=INK)
    elif shape == "plus":
        drawing.path(f"M{num(x)} {num(y - 5)}v10M{num(x - 5)} {num(y)}h10", stroke=INK, stroke_width=3, fill="none")
    else:
        drawing.path(f"M{num(x - 5)} {num(y - 4)}h10l-5 9z", fill=INK)


def _ticks(drawing: Drawing, axis: _Axis, bottom: float) -> None:
    """The axis with the bounds of each scale, round times within it, and the break."""
    drawing.line(_INSET, bottom, WIDTH - _INSET, bottom, stroke=INK)
    spans = [(axis.start, axis.end)] if axis.turn is None else [(axis.start, axis.turn), (axis.turn, axis.end)]
    for number, (first, last) in enumerate(spans):
        left = _INSET if number == 0 else axis.bend + _BREAK
        right = axis.bend if number == 0 and axis.turn else WIDTH - _INSET
        free = left
        for at, name in _round_times(first, last):
            x = axis.x(at)
            drawing.line(x, _ABOVE, x, bottom + 4, stroke=FAINT, stroke_width=0.7)
            half = width_of(name, 9.5) / 2
            if x - half >= free and x + half <= right + _INSET:
                drawing.text(x, bottom + 15, name, anchor="middle", size=9.5, fill=SOFT)
                free = x + half + 6
    if axis.turn is not None:
        drawing.rect(axis.bend + 2, _ABOVE, _BREAK - 4, bottom - _ABOVE + 6, fill=PAPER)
        for x in (axis.bend + 3, axis.bend + 9):
            drawing.line(x, bottom + 5, x + 4, bottom - 5, stroke=INK, stroke_width=1.2)


def _round_times(first: datetime, last: datetime) -> list[tuple[datetime, str]]:
    """Times that people count in, at most about eight: years, months, days, hours or minutes, with their names."""
    span = last - first
    if span > timedelta(days=550):
        step = -(-(last.year - first.year) // 8) or 1
        years = range(first.year + 1, last.year + 1, step)
        return [(datetime(year, 1, 1, tzinfo=UTC), str(year)) for year in years]
    if span > timedelta(days=62):
        months = range(first.year * 12 + first.month, last.year * 12 + last.month, 1 + span.days // 250)
        return [(datetime(m // 12, m % 12 + 1, 1, tzinfo=UTC), f"{m // 12}-{m % 12 + 1:02}") for m in months]
    for seconds, form in _STEPS:
        if span.total_seconds() / seconds <= 8:
            begin = datetime.fromtimestamp(-(-first.timestamp() // seconds) * seconds, UTC)
            count = int((last - begin).total_seconds() // seconds) + 1
            moments = (begin + timedelta(seconds=seconds * n) for n in range(count))
            return [(at, at.strftime(form)) for at in moments]
    return []


_STEPS: Final = (
    *((seconds, "%H:%M:%S") for seconds in (1, 5, 15, 30)),
    *((60 * minutes, "%H:%M") for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720)),
    *((86_400 * days, "%m-%d") for days in (1, 2, 4, 7, 14)),
)
"""(seconds, how to write them)"""


def _explained(drawing: Drawing, axis: _Axis, lanes: Sequence[_Lane], top: float, words: Words) -> float:
    """The scale in words; answers where the next line would stand."""
    if axis.turn is None:
        lines = [words.text("timeline.scale", span=_span(axis.end - axis.start, words))]
    else:
        spans = {"left": _span(axis.turn - axis.start, words), "right": _span(axis.end - axis.turn, words)}
        lines = [words.text("timeline.scales", **spans)]
    if any(axis.outside(at) for lane in lanes for at, _ in lane.points):
        lines.append(words.text("timeline.outside"))
    for line in lines:
        drawing.text(_INSET, top, line, size=10, fill=SOFT)
        top += 14
    return top - 6


def _span(span: timedelta, words: Words) -> str:
    if span >= timedelta(days=2):
        return words.count("days", span.days)
    if span >= timedelta(hours=2):
        return words.count("hours", round(span / timedelta(hours=1)))
    return words.count("minutes", max(1, round(span / timedelta(minutes=1))))
