"""Dossiers as one HTML page: no script, nothing fetched, everything from outside escaped and made visible."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import Enum
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from archiver.domain.dossier import Heading, ItemDossier, judged_runs
from archiver.domain.facts import Label
from archiver.domain.outcome import WORST_FIRST, headline, outcome
from archiver.domain.summary import Summary
from archiver.domain.text import printable
from archiver.domain.times import format_time
from archiver.domain.verdict import Verdict
from archiver.render import certification
from archiver.render.html_item import (
    FILES_SHOWN,
    Verbatim,
    facts_of,
    last_read,
    lines_of,
    proof_text,
    told_events,
    tone_of,
)
from archiver.render.pictures.calendar import calendar
from archiver.render.pictures.coverage import coverage
from archiver.render.pictures.timeline import timeline
from archiver.render.proved import not_proved, proved
from archiver.render.words.en import WORDS as ENGLISH
from archiver.render.words.vocabulary import CHECK_LATER, Words
from archiver.version import NAME

_MOST_CHARS: Final = 20_000
"""Longest text that stands in one place: a check's detail holds up to twenty troubles."""

_UNITS: Final = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")


class HtmlReport:
    """``Renderer`` of HTML. ``as_of``: when the head was signed that the report is made of, for the pictures."""

    name: Final = "html"

    def __init__(self, words: Words = ENGLISH, as_of: datetime | None = None) -> None:
        self._words, self._as_of = words, as_of
        self._told: tuple[Heading, Summary] | None = None
        self._environment = Environment(
            loader=PackageLoader("archiver.render"),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=_shown,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        self._environment.globals.update(
            words=words,
            t=words.text,
            n=words.count,
            size_of=self._size,
            facts_of=lambda facts: facts_of(facts, words),
            lines_of=lines_of,
            tone_of=tone_of,
            Label=Label,
            files_shown=FILES_SHOWN,
        )
        self._environment.filters["moment"] = self._moment
        self._item = self._environment.get_template("item.html")

    def begin(self, heading: Heading, summary: Summary) -> Iterator[str]:
        """Everything above the items."""
        self._told = heading, summary
        yield from self._environment.get_template("head.html").generate(
            heading=heading,
            summary=summary,
            tool=NAME,
            outcome=self._outcome(heading, summary),
            counts=[(verdict, summary.by_verdict[verdict]) for verdict in WORST_FIRST],
            lines=[*summary.others, *summary.verified],
            coverage=coverage(summary.days, self._words),
        )

    def item(self, item: ItemDossier, first: bool) -> Iterator[str]:  # noqa: ARG002 - JSON needs it
        """One section."""
        words = self._words
        yield from self._item.generate(
            item=item,
            evidence=item.evidence,
            state=item.state,
            proved=proved(item, words),
            not_proved=[text for text, _ in not_proved(item, words)],
            timeline=timeline(item, words, self._as_of),
            calendar=calendar(item.judged, item.evidence.acquired_at, words, self._as_of),
            runs=judged_runs(item.judged),
            read=last_read(item.history),
            events=told_events(item.history, words),
            proof=proof_text(item.proof.data),
        )

    def end(self) -> Iterator[str]:
        """The log, the certification, and what closes the page. Raises ValueError before :meth:`begin`."""
        if self._told is None:
            raise ValueError("a page ends after its beginning")
        yield from self._environment.get_template("tail.html").generate(
            heading=self._told[0],
            check_later=CHECK_LATER,
            rules=certification.certification(*self._told),
            without=certification.WITHOUT,
            within=certification.WITHIN,
        )

    def _outcome(self, heading: Heading, summary: Summary) -> tuple[Verdict, str]:
        """The verdict that the page's banner has the colour of, and its words."""
        words, items = self._words, self._words.count("items", summary.items)
        worst = outcome(heading, summary)
        if not summary.items:
            return worst, words.text("result.empty")
        told = headline(heading, summary)
        count = summary.by_verdict[worst]
        return worst, words.text(told, n=count, items=items)

    def _moment(self, moment: datetime | None) -> str:
        """A time inside of a sentence."""
        return self._words.text("not_known") if moment is None else format_time(moment)

    def _size(self, size: int) -> str:
        """Bytes for people, exact ones in brackets."""
        amount, unit = float(size), 0
        while amount >= 1024 and unit < len(_UNITS) - 1:
            amount, unit = amount / 1024, unit + 1
        exact = self._words.count("bytes", size)
        return exact if unit == 0 else f"{amount:.1f} {_UNITS[unit]} ({exact})"


def _shown(value: object) -> object:
    """What every ``{{ }}`` of a template passes through, so that no place can be forgotten."""
    if hasattr(value, "__html__") or isinstance(value, Verbatim):  # a macro's own, or printable already
        return value
    match value:
        case None | "":
            return "–"
        case datetime():
            return format_time(value)
        case Enum():
            return str(value.value)
        case str():
            return printable(value, _MOST_CHARS)
    return value
