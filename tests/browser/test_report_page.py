"""The HTML report in Chromium: nothing is cut off at any width or on paper, nothing runs, nothing is fetched."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pikepdf
import pytest

from archiver.render.html_report import HtmlReport
from archiver.render.words.languages import WORDS
from tests.support.chromium import Browser
from tests.support.dossier_events import NOW
from tests.support.dossiers import CONTRADICTED_LOG, DOSSIERS, a_heading, hostile_heading, hostile_item, rendered

PHONE, DESK = 390, 1280
PAPER = 688
"""CSS pixels between the margins of A4."""

WIDER = """
(() => {
  const most = document.documentElement.clientWidth + 1;
  const wide = [...document.body.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > most);
  return [document.documentElement.scrollWidth, wide.slice(0, 5).map(e => e.tagName + '.' + e.getAttribute('class'))];
})()
"""
HIDDEN = """
[...document.querySelectorAll('h1, h2, h3, h4, h5, dt, dd, p, li, td, pre, text')]
  .filter(e => e.textContent.trim() && !e.closest('details:not([open])'))
  .filter(e => { const r = e.getBoundingClientRect(); return !r.width || !r.height || r.left < -1; })
  .map(e => e.outerHTML.slice(0, 100))
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    made = Browser()
    yield made
    made.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A report on every kind of item by language; one of texts that are all hostile."""
    folder = tmp_path_factory.mktemp("pages")
    made = {}
    for code, words in WORDS.items():
        items = [make(number) for number, make in enumerate(DOSSIERS.values())]
        made[code] = folder / f"{code}.html"
        heading = a_heading(language=code, log=CONTRADICTED_LOG)
        made[code].write_text(rendered(HtmlReport(words, NOW), items, heading), encoding="utf-8")
    made["hostile"] = folder / "hostile.html"
    text = rendered(HtmlReport(WORDS["en"], NOW), [hostile_item()], hostile_heading())
    made["hostile"].write_text(text, encoding="utf-8")
    return made


@pytest.mark.parametrize(("width", "media"), [(PHONE, ""), (DESK, ""), (PAPER, "print")])
@pytest.mark.parametrize("name", [*WORDS, "hostile"])
def test_nothing_is_cut_off_or_hidden(
    browser: Browser, pages: dict[str, Path], name: str, width: int, media: str
) -> None:
    browser.open(pages[name], width, media)
    scroll, wide = browser.ask(WIDER)
    assert wide == []
    assert scroll <= width
    assert browser.ask(HIDDEN) == []


@pytest.mark.parametrize("name", [*WORDS, "hostile"])
def test_nothing_runs_and_nothing_is_fetched(browser: Browser, pages: dict[str, Path], name: str) -> None:
    browser.open(pages[name], DESK)
    assert browser.requests == [pages[name].as_uri()]
    assert browser.dialogs == []
    assert browser.ask("document.scripts.length + document.images.length + document.forms.length") == 0
    assert browser.ask("performance.getEntriesByType('resource').length") == 0


@pytest.mark.parametrize("code", WORDS)
def test_the_worst_is_seen_first(browser: Browser, pages: dict[str, Path], code: str) -> None:
    browser.open(pages[code], PHONE)
    banner = browser.ask("(b => [b.className, b.getBoundingClientRect().top])(document.querySelector('.banner'))")
    assert banner[0] == "banner failed"
    assert banner[1] < 900
    colour = browser.ask("getComputedStyle(document.querySelector('.banner')).backgroundColor")
    assert colour == "rgb(179, 19, 27)"


@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("code", WORDS)
def test_pictures_are_drawn_within_the_page(browser: Browser, pages: dict[str, Path], code: str, width: int) -> None:
    browser.open(pages[code], width)
    drawn = browser.ask(
        "[...document.querySelectorAll('svg')].map(s => { const r = s.getBoundingClientRect(), b = s.viewBox.baseVal;"
        " return [r.width, Math.abs(r.width / r.height - b.width / b.height)]; })"
    )
    assert len(drawn) == 1 + 2 * len(DOSSIERS)
    assert all(280 <= shown <= width and skew < 0.05 for shown, skew in drawn)
    outside = browser.ask(
        "[...document.querySelectorAll('svg text')].filter(t => { const r = t.getBoundingClientRect(), s ="
        " t.ownerSVGElement.getBoundingClientRect(); return r.right > s.right + 2 || r.left < s.left - 2; })"
        ".map(t => t.textContent)"
    )
    assert outside == []


@pytest.mark.thorough
@pytest.mark.parametrize("code", WORDS)
def test_the_page_prints_on_a4_with_the_tables_heads_on_every_page(
    browser: Browser, pages: dict[str, Path], code: str
) -> None:
    browser.open(pages[code], DESK)
    with pikepdf.open(io.BytesIO(browser.pdf())) as paper:
        sizes = {tuple(round(float(edge)) for edge in page.mediabox) for page in paper.pages}
        assert sizes <= {(0, 0, 595, 842), (0, 0, 594, 842), (0, 0, 595, 841), (0, 0, 596, 842)}
        assert len(DOSSIERS) < len(paper.pages) < 80
    browser.open(pages[code], PAPER, "print")
    assert browser.ask("getComputedStyle(document.querySelector('thead')).display") == "table-header-group"


@pytest.mark.parametrize("code", WORDS)
def test_a_screenshot_shows_ink(browser: Browser, pages: dict[str, Path], code: str) -> None:
    browser.open(pages[code], PHONE)
    picture = browser.screenshot()
    assert picture.startswith(b"\x89PNG\r\n")
    assert len(picture) > 20_000
