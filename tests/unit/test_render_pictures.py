"""Pictures: well-formed SVG that says in words what it shows, with a shape for every verdict and every gap."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from xml.etree import ElementTree

import pytest

from archiver.domain.dossier import ItemDossier, Judged
from archiver.domain.facts import Fact, Label
from archiver.domain.verdict import Verdict
from archiver.render.pictures.calendar import YEARS_DRAWN, calendar
from archiver.render.pictures.coverage import MOST_YEARS, coverage
from archiver.render.pictures.svg import COLOURS, WIDTH, Drawing, Picture, width_of
from archiver.render.pictures.timeline import timeline
from archiver.render.words.languages import WORDS
from archiver.render.words.vocabulary import Words
from tests.support.dossier_events import ACQUIRED, HOSTILE, NOW
from tests.support.dossiers import DOSSIERS, failed_item, full_item

EN = WORDS["en"]
LANGUAGES = pytest.mark.parametrize("words", WORDS.values(), ids=list(WORDS))
SVG = "{http://www.w3.org/2000/svg}"
SHAPES = {"rect", "line", "circle", "path", "text", "title", "desc"}
GOOD, BAD, UNKNOWN = Verdict.VERIFIED, Verdict.FAILED, Verdict.INDETERMINATE


def read(picture: Picture | None) -> ElementTree.Element:
    """The picture's root, once it is what every picture must be."""
    assert picture is not None
    root = ElementTree.fromstring(picture.svg)  # noqa: S314 - our own
    assert root.tag == f"{SVG}svg"
    assert [child.tag for child in root[:2]] == [f"{SVG}title", f"{SVG}desc"]
    assert (root[0].text, root[1].text) == (picture.title, picture.desc)
    assert {child.tag.removeprefix(SVG) for child in root} <= SHAPES
    assert not [
        a for child in root.iter() for a in child.attrib if a in {"style", "class", "id", "href"} or a[:2] == "on"
    ]
    left, top, width, height = map(float, root.attrib["viewBox"].split())
    assert (left, top, width) == (0, 0, WIDTH)
    for child in root:
        numbers = [float(child.attrib[name]) for name in ("x", "x1", "x2", "cx") if name in child.attrib]
        assert all(-1 <= x <= WIDTH + 1 for x in numbers), child.attrib
        down = [float(child.attrib[name]) for name in ("y", "y1", "y2", "cy") if name in child.attrib]
        assert all(-1 <= y <= height + 1 for y in down), child.attrib
    return root


def texts(picture: Picture | None) -> list[str]:
    return [child.text or "" for child in read(picture) if child.tag == f"{SVG}text"]


def judged(*told: tuple[datetime, Verdict]) -> list[Judged]:
    return [Judged(n, at, "audit", verdict, (), (), (), None) for n, (at, verdict) in enumerate(told)]


def marks(picture: Picture, verdict: Verdict) -> int:
    """How many of the calendar's cells are filled or drawn in the colour of *verdict*, its legend left out."""
    colour = COLOURS[verdict]
    paths = [c.attrib for c in read(picture) if c.tag == f"{SVG}path" and colour in (c.get("fill"), c.get("stroke"))]
    return sum(path["d"].count("z") for path in paths) - 1


@LANGUAGES
@pytest.mark.parametrize("kind", DOSSIERS)
@pytest.mark.parametrize("as_of", [None, NOW])
def test_every_item_has_its_pictures(kind: str, words: Words, as_of: datetime | None) -> None:
    item = DOSSIERS[kind](1)
    assert words.text("timeline.acquired") in texts(timeline(item, words, as_of))
    assert words.verdict_names[BAD] in texts(calendar(item.judged, item.evidence.acquired_at, words, as_of))


def test_the_timeline_has_a_line_for_all_that_happened() -> None:
    shown = texts(timeline(failed_item(), EN, NOW))
    names = ["completed", "delivered", "first_seen", "acquired", "judged", "repaired", "observed", "report"]
    assert [EN.text(f"timeline.{name}") for name in names if EN.text(f"timeline.{name}") not in shown] == []
    assert "2022-11-04T15:20:30.250000Z" in shown
    assert "4 times, 2022-11-04T15:20Z to 2023-05-23T15:20Z" in shown
    assert any("not read to their end" in text for text in shown)
    colours = {child.get("fill") for child in read(timeline(failed_item(), EN, NOW))}
    assert {COLOURS[GOOD], COLOURS[BAD]} <= colours


def test_the_timeline_says_whose_word_each_time_is() -> None:
    shown = texts(timeline(full_item(), EN, NOW))
    marked = dict(itertools.pairwise(shown))
    assert marked["Query executed"] == f"({EN.marks[Label.SIGNED]})"
    assert marked["Query complete"] == f"({EN.marks[Label.CLAIMED]})"
    assert marked["Delivered"] == f"({EN.marks[Label.OBSERVED]})"
    assert marked["Acquired"] == f"({EN.marks[Label.RECORDED]})"


def places(item: ItemDossier) -> list[float]:
    """Where the discs of the judgements stand."""
    discs = [c for c in read(timeline(item, EN, NOW)) if c.tag == f"{SVG}circle" and c.get("fill") == COLOURS[GOOD]]
    return sorted(float(disc.attrib["cx"]) for disc in discs)


def test_the_scale_is_even_behind_the_break() -> None:
    item = full_item()
    at = [ACQUIRED + timedelta(days=days) for days in (0, 200, 400, 800)]
    first, *rest = places(replace(item, judged=tuple(judged(*((one, GOOD) for one in at)))))
    assert first < rest[0]
    assert (rest[2] - rest[1]) / (rest[1] - rest[0]) == pytest.approx(2, rel=0.02)
    shown = texts(timeline(item, EN, NOW))
    assert "Two scales: left of the break 13 minutes, right of it 1,162 days. Each is even within itself." in shown


def test_one_scale_where_that_shows_all() -> None:
    item = full_item()
    soon = replace(item, judged=item.judged[:1], history=item.history[:1])
    assert any(
        text.startswith("One even scale:") for text in texts(timeline(soon, EN, ACQUIRED + timedelta(minutes=9)))
    )


@pytest.mark.parametrize("claim", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_a_claim_that_cannot_be_does_not_press_all_else_together(claim: datetime) -> None:
    item = full_item()
    query = tuple(
        Fact(one.name, claim, one.label) if one.name == "query_complete_time" else one for one in item.query
    )
    assert places(replace(item, query=query)) == places(item)
    assert EN.text("timeline.outside") in texts(timeline(replace(item, query=query), EN, NOW))
    assert EN.text("timeline.outside") not in texts(timeline(item, EN, NOW))


def test_ten_years_of_audits_stay_one_picture() -> None:
    daily = tuple(judged(*((ACQUIRED + timedelta(days=n), GOOD) for n in range(3650))))
    assert len(timeline(replace(full_item(), judged=daily), EN, ACQUIRED + timedelta(days=3650)).svg) < 200_000
    assert len(calendar(daily, ACQUIRED, EN).svg) < 200_000


def test_the_calendar_shows_the_worst_of_each_day() -> None:
    noon = datetime(2025, 3, 3, 12, tzinfo=UTC)
    told = [
        (noon, GOOD),
        (noon + timedelta(hours=1), BAD),
        (noon + timedelta(days=1), UNKNOWN),
        (noon + timedelta(days=9), GOOD),
    ]
    shown = calendar(judged(*told), noon, EN)
    assert [marks(shown, verdict) for verdict in (GOOD, BAD, UNKNOWN)] == [1, 1, 1]
    assert "4 times in all. Longest time without a reading: 8 days." in shown.desc


def test_the_time_until_now_counts_as_a_gap() -> None:
    shown = calendar(judged((ACQUIRED, GOOD)), ACQUIRED, EN, ACQUIRED + timedelta(days=400))
    assert "Longest time without a reading: 400 days." in shown.desc
    assert [text for text in texts(shown) if re.fullmatch(r"\d{4}", text)] == ["2022", "2023"]


def test_the_calendar_keeps_to_the_latest_years() -> None:
    shown = texts(calendar(judged((ACQUIRED, GOOD)), ACQUIRED, EN, ACQUIRED.replace(year=2060)))
    assert [text for text in shown if re.fullmatch(r"\d{4}", text)] == [
        str(2061 - n) for n in range(YEARS_DRAWN, 0, -1)
    ]
    assert EN.text("calendar.years_left_out", n=2061 - 2022 - YEARS_DRAWN) in shown


@pytest.mark.parametrize("year", [1, 1999, 2024, 2028, 9999])
def test_the_calendar_holds_every_day_of_any_year(year: int) -> None:
    start = datetime(year, 1, 1, tzinfo=UTC)
    days = 366 if year % 4 == 0 else 365
    shown = calendar(judged(*((start + timedelta(days=n), BAD) for n in range(days))), start, EN)
    assert marks(shown, BAD) == days


def test_an_item_that_was_never_judged_has_an_empty_calendar() -> None:
    shown = calendar((), ACQUIRED, EN)
    assert [marks(shown, verdict) for verdict in (GOOD, BAD, UNKNOWN)] == [0, 0, 0]
    assert "0 times in all" in shown.desc


def days_from(start: date, count: int, step: int = 1, verdict: Verdict = GOOD) -> dict[date, dict[Verdict, int]]:
    return {start + timedelta(days=n): {verdict: 1} for n in range(0, count, step)}


@LANGUAGES
@pytest.mark.parametrize(
    ("days", "unit"), [(1, "day"), (92, "day"), (93, "month"), (2900, "month"), (3000, "year"), (30_000, "year")]
)
def test_bars_are_days_months_or_years(days: int, unit: str, words: Words) -> None:
    shown = texts(coverage(days_from(date(2001, 1, 1), days), words))
    assert words.text(f"coverage.by_{unit}") in shown
    assert words.text("coverage.gap") in shown


def gaps(picture: Picture | None) -> int:
    paths = [
        child.attrib["d"] for child in read(picture) if child.tag == f"{SVG}path" and child.get("stroke-dasharray")
    ]
    return sum(path.count("M") for path in paths) - 1


def test_gaps_are_seen() -> None:
    assert gaps(coverage(days_from(date(2026, 1, 1), 30), EN)) == 0
    assert gaps(coverage(days_from(date(2026, 1, 1), 31, step=10), EN)) == 27


def test_one_failure_in_thousands_is_seen() -> None:
    shown = read(coverage({date(2026, 1, 1): {GOOD: 100_000, BAD: 1}}, EN))
    heights = [float(c.attrib["height"]) for c in shown if c.get("fill") == COLOURS[BAD] and c.get("stroke")]
    assert min(heights) >= 3
    assert sum(c.tag == f"{SVG}rect" and c.get("fill") == COLOURS[BAD] for c in shown) == 3


def test_years_that_are_not_drawn_are_counted() -> None:
    shown = coverage({date(1, 1, 1): {BAD: 2}, date(9999, 12, 31): {GOOD: 1}}, EN)
    assert shown is not None
    assert EN.text("coverage.left_out", n=2) in texts(shown)
    assert "3 items, 0001-01-01 to 9999-12-31" in shown.desc
    assert gaps(shown) == MOST_YEARS - 1
    assert coverage({}, EN) is None


def test_texts_are_inert() -> None:
    drawing = Drawing(HOSTILE, HOSTILE, 'x"><script>', "x'\"><y")
    drawing.text(1, 2, HOSTILE, fill='"/><script>')
    root = ElementTree.fromstring(drawing.picture(10).svg)  # noqa: S314 - our own
    assert [child.tag for child in root.iter()] == [f"{SVG}svg", f"{SVG}title", f"{SVG}desc", f"{SVG}text"]
    assert "\\x1b[2J" in (root[2].text or "")


@pytest.mark.parametrize("count", [1, 2, 3, 7, 40, 92, 400, 3000])
def test_names_below_the_bars_stand_apart(count: int) -> None:
    shown = [c for c in read(coverage(days_from(date(2001, 1, 1), count), EN)) if c.tag == f"{SVG}text"]
    names = [c for c in shown if re.fullmatch(r"\d{4}(-\d\d){0,2}", c.text or "")]
    places = [(float(c.attrib["x"]), width_of(c.text or "", 9.5)) for c in names]
    assert names
    assert all(x + wide < other for (x, wide), (other, _) in itertools.pairwise(places))
