"""Dossiers as one HTML page: no script, nothing fetched, everything from outside escaped and made visible."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import Enum
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from archiver.domain.dossier import FileAccount, Heading, ItemDossier, Standing, Summary, event_runs, judged_runs
from archiver.domain.evidence import FileRole
from archiver.domain.text import printable
from archiver.domain.times import format_time
from archiver.domain.verdict import Verdict
from archiver.render.statements import (
    CHECK_LATER,
    FINDINGS,
    KEYS,
    NOT_COVERED,
    REASONS,
    SIGNATURES,
    STANDINGS,
    VERDICTS,
    VERIFIED_MEANS,
)

_MOST_CHARS: Final = 20_000
"""Longest text that stands in one place: a check's detail holds up to twenty troubles."""

_MOST_FILES: Final = 1000
"""Most files of an item that the page lists one by one; a file list beyond that is the JSON report's."""

_UNITS: Final = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")


class HtmlReport:
    """``Renderer`` of HTML."""

    name: Final = "html"

    def __init__(self) -> None:
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
            reasons=REASONS, findings=FINDINGS, key_standings=KEYS, size_of=_size, check_later=CHECK_LATER
        )
        self._item = self._environment.get_template("item.html")

    def begin(self, heading: Heading, summary: Summary) -> Iterator[str]:
        """Everything above the items."""
        template = self._environment.get_template("head.html")
        yield from template.generate(
            heading=heading,
            summary=summary,
            outcome=_outcome(summary),
            counts=[(verdict, summary.by_verdict[verdict], VERDICTS[verdict]) for verdict in _JUDGED],
            lines=[*summary.others, *summary.verified],
            verified_means=VERIFIED_MEANS,
            not_covered=NOT_COVERED,
        )

    def item(self, item: ItemDossier, first: bool) -> Iterator[str]:  # noqa: ARG002 - JSON needs it
        """One section."""
        signature = SIGNATURES[item.signature.value] if item.signature else "was never judged"
        yield from self._item.generate(
            item=item,
            evidence=item.evidence,
            state=item.state,
            meaning=VERDICTS[item.state.verdict],
            signature=signature,
            files=[(file, STANDINGS[file.standing], _tone(file)) for file in item.files[:_MOST_FILES]],
            more_files=max(0, len(item.files) - _MOST_FILES),
            hashes=item.signed_hashes[:_MOST_FILES],
            runs=judged_runs(item.judged),
            spans=event_runs(item.history),
            is_s3=item.evidence.source_url.startswith("s3://"),
        )

    def end(self) -> Iterator[str]:
        """What closes the page."""
        yield from self._environment.get_template("tail.html").generate()


_JUDGED: Final = (Verdict.FAILED, Verdict.INDETERMINATE, Verdict.VERIFIED)
"""What is wrong comes first."""


def _shown(value: object) -> object:
    """What every ``{{ }}`` of a template passes through, so that no place can be forgotten."""
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


def _outcome(summary: Summary) -> tuple[Verdict, str]:
    """The verdict that the page's banner has the colour of, and its words."""
    failed, unknown = summary.by_verdict[Verdict.FAILED], summary.by_verdict[Verdict.INDETERMINATE]
    items = _items(summary.items)
    if failed:
        return Verdict.FAILED, f"{failed} of {items} FAILED"
    if unknown:
        return Verdict.INDETERMINATE, f"{unknown} of {items} could NOT be judged"
    return Verdict.VERIFIED, f"{items}: all verified" if summary.items != 1 else "1 item: verified"


def _items(count: int) -> str:
    return "1 item" if count == 1 else f"{count} items"


def _tone(file: FileAccount) -> str:
    """The CSS class of a file's standing."""
    if file.standing.is_bad:
        return "failed"
    if file.standing is Standing.SIGNED:
        return "verified"
    return "plain" if file.role is FileRole.SIGN_FILE else "indeterminate"


def _size(size: int | None) -> str:
    """Bytes for people, exact ones in brackets."""
    if size is None:
        return "–"
    amount, unit = float(size), 0
    while amount >= 1024 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    if size == 1:
        return "1 byte"
    return f"{size} bytes" if unit == 0 else f"{amount:.1f} {_UNITS[unit]} ({size} bytes)"
