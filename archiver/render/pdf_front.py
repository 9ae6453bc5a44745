"""What stands before and after the items of a PDF report, as blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from archiver.domain.dossier import Heading
from archiver.domain.facts import Absent
from archiver.domain.log_records import LogState
from archiver.domain.outcome import WORST_FIRST, headline, outcome
from archiver.domain.summary import OverviewLine, Summary
from archiver.domain.text import printable
from archiver.domain.times import format_time
from archiver.domain.verdict import Verdict
from archiver.render.pdf_blocks import (
    ABSENT,
    DATA,
    PLAIN,
    Block,
    banner,
    code,
    group,
    heading,
    para,
    points,
    rows,
    table,
)
from archiver.render.words.pages import PAGES
from archiver.render.words.vocabulary import Words
from archiver.version import NAME

_WHERE_CHARS: Final = 120
_LINES: Final = 25
"""Verified items that stand in one box."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Who is to sign the file: the holder's name and the certificate's SHA-256, 64 hex."""

    name: str
    sha256: str


def front_blocks(
    heading_: Heading, summary: Summary, words: Words, pictures: Sequence[Block], signer: Signer | None
) -> list[Block]:
    """Everything above the items. *pictures* stand below the figures."""
    made = [
        {"kind": "title", "over": words.text("kind"), "text": words.text("title")},
        *_banner(heading_, summary, words),
        rows(_title(heading_, words)),
        *_signer(signer, words),
        *_figures(summary, words),
        *pictures,
        *_overview(summary, words),
        heading(2, words.text("labels")),
        points([(words.marks[label], words.labels[label], label.value) for label in words.labels]),
        heading(2, words.text("verified_means")),
        para(words.verified_means),
    ]
    for what, text in words.not_covered:
        made.append(points([(what, text)]))
    made += _log(heading_, words)
    return made


def items_intro(shown: int, summary: Summary, words: Words) -> list[Block]:
    """What stands above the items: how many of them there are here."""
    pages = PAGES[words.language]
    told = (
        pages["all_in_full"]
        if shown == summary.items
        else pages["in_full"].format(shown=shown, items=words.count("items", summary.items))
    )
    return [heading(2, words.text("evidence")), para(told), para(pages["escapes"], "small")]


def end_blocks(attached: Sequence[tuple[str, str]], words: Words) -> list[Block]:
    """What closes the report. *attached*: names and descriptions."""
    pages = PAGES[words.language]
    return [
        heading(2, pages["attachments"]),
        para(pages["attachments.intro"]),
        rows([(name, text, PLAIN) for name, text in attached]),
        para(pages["footer"], "small"),
    ]


def _banner(heading_: Heading, summary: Summary, words: Words) -> Iterator[Block]:
    failed, unknown = summary.by_verdict[Verdict.FAILED], summary.by_verdict[Verdict.INDETERMINATE]
    items = words.count("items", summary.items)
    told = [words.text("result.failed", n=f"{failed:,}", items=items)] if failed else []
    told += [words.text("result.indeterminate", n=f"{unknown:,}", items=items)] if unknown else []
    if not summary.items:
        told = [words.text("result.empty")]
    if summary.disagreeing:
        told.append(words.text("result.disagreeing", n=f"{summary.disagreeing:,}"))
    if summary.altered:
        told.append(words.text("result.altered", n=f"{summary.altered:,}"))
    if summary.unread:
        told.append(words.text("result.unread", n=f"{summary.unread:,}"))
    if summary.imported_key:
        told.append(words.text("result.imported", items=words.count("items", summary.imported_key)))
    worst = outcome(heading_, summary)
    log = heading_.log
    if log is not None and (log.is_contradicted or log.is_unverified):
        told.append(words.text("result.log" if log.is_contradicted else "result.log_unverified"))
    if (summary.items and not summary.by_verdict[worst]) or worst is Verdict.VERIFIED:
        told.insert(0, words.text(headline(heading_, summary), items=items))
    tone = Verdict.INDETERMINATE if worst is Verdict.VERIFIED and len(told) > 1 else worst
    yield banner(told, tone.value)


def _title(heading_: Heading, words: Words) -> Iterator[tuple[str, str, str]]:
    actor = heading_.actor
    unstated = (words.absences[Absent.NOT_GIVEN], ABSENT)
    yield words.text("report_id"), heading_.id or "–", DATA
    for name in ("case", "exhibit", "purpose", "requester"):
        stated = str(getattr(heading_, name))
        yield words.text(name), *((stated, PLAIN) if stated else unstated)
    at = format_time(heading_.generated_at)
    yield words.text("generated"), words.text("generated_by", at=at, user=actor.user, host=actor.host), PLAIN
    yield words.text("tool"), f"{NAME} {actor.version}", PLAIN
    chosen = words.selection(heading_.chosen) if heading_.chosen else heading_.selection
    yield words.text("selection"), chosen, PLAIN
    yield words.text("as_of"), _as_of(heading_, words), PLAIN
    yield words.text("ledger"), heading_.ledger_url, DATA
    yield words.text("archive"), heading_.archive_url, DATA


def _as_of(heading_: Heading, words: Words) -> str:
    log = heading_.log
    if heading_.before is None:
        return words.text("as_of_all")
    if log is not None and log.head is not None and log.head.size == heading_.before and log.head_at is not None:
        return words.text("as_of_head", size=log.head.size, at=format_time(log.head_at))
    return words.text("as_of_events", size=heading_.before)


def _signer(signer: Signer | None, words: Words) -> Iterator[Block]:
    if signer is None:
        return
    pages = PAGES[words.language]
    text = pages["signer.text"].format(name=signer.name, sha256=signer.sha256)
    yield rows([(pages["signer"], text, PLAIN)])


def _figures(summary: Summary, words: Words) -> Iterator[Block]:
    yield heading(2, words.text("result"))
    yield {
        "kind": "counts",
        "counts": [
            {
                "number": f"{summary.by_verdict[verdict]:,}",
                "name": words.verdict_names[verdict],
                "text": words.verdicts[verdict],
                "tone": verdict.value if summary.by_verdict[verdict] else "",
            }
            for verdict in WORST_FIRST
        ],
    }
    figures = words.text(
        "result.figures",
        files=words.count("files", summary.files),
        size=words.count("bytes", summary.size),
        with_findings=summary.with_findings,
        overdue=summary.overdue,
    )
    yield para(figures)
    yield para(words.text("result.read", n=f"{summary.read:,}", items=words.count("items", summary.items)))
    if summary.first_event is not None and summary.last_event is not None:
        first, last = format_time(summary.first_event), format_time(summary.last_event)
        yield para(words.text("result.events", first=first, last=last))


def _overview(summary: Summary, words: Words) -> Iterator[Block]:
    """What is wrong in a table with its reasons, the rest in lines: a thousand rows of a table cost 100 MB."""
    yield heading(2, words.text("overview"))
    if summary.others:
        names = ("overview.verdict", "overview.evidence", "overview.query", "overview.codes")
        yield table(
            (24, 49, 0, 44),
            [words.text(name) for name in names],
            [_overview_line(line, words) for line in summary.others],
            [line.verdict.value for line in summary.others],
        )
    if summary.verified:
        yield heading(4, words.verdict_names[Verdict.VERIFIED], Verdict.VERIFIED.value)
        for start in range(0, len(summary.verified), _LINES):
            yield code("\n".join(_verified_line(line) for line in summary.verified[start : start + _LINES]))
    if summary.left_out > 0:
        yield para(PAGES[words.language]["overview.more"].format(n=f"{summary.left_out:,}"), "small")


def _overview_line(line: OverviewLine, words: Words) -> tuple[str, str, str, str]:
    codes = ", ".join([*line.reasons, *(f"+{finding}" for finding in line.findings)])
    where = printable(f"{line.source}: {line.query_id or line.prefix}", _WHERE_CHARS)
    return words.verdict_names[line.verdict], line.id, where, codes


def _verified_line(line: OverviewLine) -> str:
    findings = "".join(f" +{finding}" for finding in line.findings)
    where = printable(f"{line.source}: {line.query_id or line.prefix}", _WHERE_CHARS)
    return f"{line.id}  {where}{findings}"


def _log(heading_: Heading, words: Words) -> Iterator[Block]:
    log = heading_.log
    yield heading(2, words.text("log"))
    if log is None:
        yield para(words.text("log.none"), Verdict.INDETERMINATE.value)
        return
    yield para(words.text("log.intro"))
    if log.forked:
        yield para(words.text("log.forked", why=log.forked), Verdict.FAILED.value)
    held = log.held
    if held is not None and held.count:
        problems = words.count("problems", held.count)
        yield para(words.text("log.held.problems", problems=problems), Verdict.FAILED.value)
        yield points([(one.kind, one.detail) for one in held.problems])
    for why in held.notes if held is not None else ():
        yield para(words.text("log.held.note", why=why), Verdict.INDETERMINATE.value)
    for key in log.strangers:
        yield para(words.text("log.stranger", key=key), Verdict.FAILED.value)
    if log.trust.unasked:
        yield para(words.text("log.unasked", why=log.trust.unasked), Verdict.INDETERMINATE.value)
    if log.head_trouble:
        tone = Verdict.FAILED if log.head_compared else Verdict.INDETERMINATE
        yield para(words.text("log.trouble", why=log.head_trouble), tone.value)
    yield rows(_log_rows(heading_, log, words))
    if log.head is not None:
        yield group(heading(4, words.text("log.checkpoint")), code(log.head.note))


def _held(heading_: Heading, log: LogState, words: Words) -> str:
    if log.held is None:
        return words.text("log.held.not")
    if log.held.count or log.is_unverified:
        return words.count("problems", log.held.count)
    return words.text("log.held.good", size=f"{heading_.before or log.size:,}")


def _log_rows(heading_: Heading, log: LogState, words: Words) -> Iterator[tuple[str, str, str]]:
    for key in log.trust.keys:
        yield words.text("log.key"), key, DATA
    for one in log.claimed[:20]:
        yield words.text("log.claimed"), f"{one.key} ({words.keys[one.standing]})", DATA
    yield words.text("log.events"), f"{log.size:,}", PLAIN
    yield words.text("log.root"), *((log.root, DATA) if log.root else (words.text("log.root_unreadable"), ABSENT))
    yield words.text("log.held"), _held(heading_, log, words), PLAIN
    if log.head is None:
        yield words.text("log.checkpoint"), words.text("log.no_head"), ABSENT
        return
    at = format_time(log.head_at) if log.head_at else words.text("not_known")
    verified = words.text("log.not_verified" if log.head_trouble else "log.verified")
    yield words.text("log.checkpoint"), f"{words.text('log.head', size=log.head.size, at=at)}; {verified}", PLAIN
