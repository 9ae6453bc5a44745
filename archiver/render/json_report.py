"""A report as JSON, piece by piece. Its form is published: ``schema/report-2.schema.json``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from archiver.domain.dossier import Heading, ItemDossier
from archiver.domain.log_records import LastVerified, LedgerHeld, LogState, StoredCheckpoint
from archiver.domain.outcome import outcome
from archiver.domain.summary import OverviewLine, Summary
from archiver.domain.times import format_optional, format_time
from archiver.domain.verdict import Verdict
from archiver.render.certification import WITHIN, WITHOUT, certification
from archiver.render.json_item import item_json
from archiver.render.words.en import WORDS
from archiver.version import NAME

SCHEMA: Final = "cloudtrail-evidence-archiver/report/2"
"""Names the report's form; the number rises when a field changes its meaning or goes."""

_CHECK_LATER: Final = "archiver ledger verify --expect"

_JUDGED: Final = (Verdict.VERIFIED, Verdict.FAILED, Verdict.INDETERMINATE)


class JsonReport:
    """``Renderer`` of JSON: one object, whose last field ``evidence`` is an array with one item a line."""

    name: Final = "json"

    def begin(self, heading: Heading, summary: Summary) -> Iterator[str]:
        """Everything above the items."""
        head = {
            "schema": SCHEMA,
            "id": heading.id,
            "generated_at": format_time(heading.generated_at),
            "language": heading.language,
            "before": heading.before,
            "tool": {"name": NAME, "version": heading.actor.version},
            "written_by": {"user": heading.actor.user, "host": heading.actor.host},
            "request": {
                "case": heading.case or None,
                "exhibit": heading.exhibit or None,
                "purpose": heading.purpose or None,
                "requester": heading.requester or None,
                "selection": heading.selection,
            },
            "ledger": heading.ledger_url,
            "archive": heading.archive_url,
            "log": _log(heading.log) if heading.log else None,
            "outcome": outcome(heading, summary).value,
            "summary": _summary(summary),
            "certification": _certification(heading, summary),
            "verified_means": WORDS.verified_means,
            "not_covered_by_the_signature": [{"what": what, "text": text} for what, text in WORDS.not_covered],
        }
        lines = json_text(head, indent=1).removesuffix("\n}")
        yield f'{lines},\n "evidence": ['

    def item(self, item: ItemDossier, first: bool) -> Iterator[str]:
        """One line."""
        yield ("\n  " if first else ",\n  ") + json_text(item_json(item))

    def end(self) -> Iterator[str]:
        """What closes the object."""
        yield "\n ]\n}\n"


def json_text(value: object, indent: int | None = None) -> str:
    """*value* as JSON that stays readable; what does not print, lone surrogates too, is escaped as JSON does it."""
    separators = (",", ": " if indent else ":")
    text = json.dumps(value, ensure_ascii=False, indent=indent, separators=separators, allow_nan=False)
    if text.replace("\n", "").isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return json.dumps(character)[1:-1] if character != "\x7f" else "\\u007f"


def _summary(summary: Summary) -> dict[str, Any]:
    return {
        "items": summary.items,
        **_by_verdict(summary.by_verdict),
        "with_findings": summary.with_findings,
        "ledger_disagrees": summary.disagreeing,
        "archive_altered": summary.altered,
        "archive_unread": summary.unread,
        "files_read": summary.read,
        "overdue": summary.overdue,
        "files": summary.files,
        "bytes": summary.size,
        "first_event": format_optional(summary.first_event),
        "last_event": format_optional(summary.last_event),
        "days": [{"day": day.isoformat(), **_by_verdict(counts)} for day, counts in sorted(summary.days.items())],
        "not_verified": [_line(line) for line in summary.others],
    }


def _by_verdict(counts: dict[Verdict, int]) -> dict[str, int]:
    return {verdict.value: counts.get(verdict, 0) for verdict in _JUDGED}


def _certification(heading: Heading, summary: Summary) -> dict[str, Any]:
    """The draft, and the figures in it."""
    return {
        "drafts": [
            {"rule": rule.name, "text": rule.text, "statement": list(rule.statement)}
            for rule in certification(heading, summary)
        ],
        "declaration": {"law": "28 U.S.C. § 1746", "without_the_united_states": WITHOUT, "within": WITHIN},
        "acquired": [{"how": how, "items": count} for how, count in sorted(summary.methods.items())],
    }


def _log(log: LogState) -> dict[str, Any]:
    head = log.head
    return {
        "origin": log.origin,
        "keys": list(log.trust.keys),
        "keys_not_asked": log.trust.unasked or None,
        "ledger_keys": [{"key": one.key, "standing": one.standing.value} for one in log.claimed],
        "size": log.size,
        "root": log.root,
        "held": _held(log.held) if log.held else None,
        "last_verified": _verified(log.verified) if log.verified else None,
        "checkpoint": _head(log, head) if head else None,
        "check_later": f"{_CHECK_LATER} {log.kept_as}" if log.kept_as else None,
    }


def _held(held: LedgerHeld) -> dict[str, Any]:
    return {
        "failed": held.failed,
        "problems": held.count,
        "first_problems": [
            {"kind": one.kind, "detail": one.detail, "event": one.seq, "where": one.table} for one in held.problems
        ],
        "not_checked": list(held.notes),
    }


def _verified(last: LastVerified) -> dict[str, Any]:
    return {
        "event": last.seq,
        "at": format_optional(last.at),
        "size": last.size,
        "problems": last.problems,
        "failed": last.failed,
        "not_checked": last.not_checked,
    }


def _head(log: LogState, head: StoredCheckpoint) -> dict[str, Any]:
    return {
        "size": head.size,
        "root": log.head_root,
        "at": format_optional(log.head_at),
        "note": head.note,
        "verified": not log.head_trouble,
        "trouble": log.head_trouble or None,
    }


def _line(line: OverviewLine) -> dict[str, Any]:
    return {
        "id": line.id,
        "source": line.source,
        "query_id": line.query_id,
        "prefix": line.prefix,
        "verdict": line.verdict.value,
        "reasons": list(line.reasons),
        "findings": list(line.findings),
    }
